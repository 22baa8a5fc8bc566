//! Who may be talked to, and with which settings.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use holdfast_engine::{Error, Result};
use reqwest::{Client, Url};
use rustls::ClientConfig;

/// How long a connection may take to come up.
const CONNECT: Duration = Duration::from_secs(10);
/// Unused connections are closed before servers and proxies in between do it (nginx: 75 s) and lose a request.
const IDLE: Duration = Duration::from_secs(30);

/// The address as a URL, and whether it is this computer.
pub(super) fn parse_origin(origin: &str) -> Result<(Url, bool)> {
    let invalid = |reason: &str| Error::Invalid(format!("\"{origin}\" is no server address: {reason}."));
    if !origin.contains("://") {
        return Err(invalid("it must begin with https://"));
    }
    let url = Url::parse(origin.trim()).map_err(|error| invalid(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        // Not repeated: it may be a password.
        return Err(Error::Invalid(
            "A server address has no user name or password in it.".into(),
        ));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("only scheme, host and port belong there"));
    }
    let host = url.host_str().ok_or_else(|| invalid("there is no host"))?;
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => Ok((url, loopback)),
        "http" if loopback => Ok((url, loopback)),
        "http" => Err(invalid("plain http is for this computer only; use https")),
        _ => Err(invalid("it must begin with https://")),
    }
}

/// Takes how TLS is spoken, if it is, and whether it is this computer that is spoken to.
pub(super) fn client(tls: Option<ClientConfig>, loopback: bool) -> reqwest::Result<Client> {
    let mut builder = Client::builder()
        .user_agent(concat!("holdfast/", env!("CARGO_PKG_VERSION")))
        .http1_only()
        .https_only(tls.is_some())
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .tcp_nodelay(true);
    // A peer that is gone while we send shows as data that nobody acknowledges.
    #[cfg(target_os = "linux")]
    {
        builder = builder.tcp_user_timeout(super::SILENCE);
    }
    builder = match tls {
        Some(config) => builder.tls_backend_preconfigured(config),
        // No roots needed, then: a bare machine has none.
        None => builder.tls_certs_only([]),
    };
    if loopback {
        // A proxy (HTTPS_PROXY and the like, honoured otherwise) is another computer; and `localhost` is this one,
        // whatever a name server says. Port 0 stands for the one in the address.
        let here = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        builder = builder
            .no_proxy()
            .resolve_to_addrs("localhost", &here.map(|address| SocketAddr::new(address, 0)));
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use holdfast_engine::ports::Transport;

    use super::*;
    use crate::HttpTransport;

    #[test]
    fn origins_are_normalised() {
        for (given, kept) in [
            ("https://Example.ORG", "https://example.org"),
            ("https://example.org:443/", "https://example.org"),
            ("https://example.org:8443", "https://example.org:8443"),
            (" http://localhost:80 ", "http://localhost"),
            ("http://127.8.9.1:7", "http://127.8.9.1:7"),
            ("http://[::1]:7/", "http://[::1]:7"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(HttpTransport::new(given).unwrap().origin(), kept);
        }
    }

    #[test]
    fn other_addresses_are_refused() {
        for given in [
            "",
            "example.org",
            "example.org:8443",
            "localhost:7000",
            "http://example.org",
            "http://192.168.0.4:7000",
            "http://10.0.0.1",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
            "http://[::2]",
            "http://[::ffff:127.0.0.1]",
            "https://ana@example.org",
            "https://:secret@example.org",
            "https://example.org/path",
            "https://example.org/?q",
            "https://example.org/#f",
            "https://",
            "ftp://localhost",
            "file:///etc",
        ] {
            let error = HttpTransport::new(given).err().expect(given);
            assert!(matches!(error, Error::Invalid(_)), "{given}: {error}");
            assert!(!error.to_string().contains("secret"));
        }
    }
}
