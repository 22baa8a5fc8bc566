//! Which addresses a sign-in statement may name.
//!
//! The client signs the address it was given. If this server took any address, another server could pass the statement on
//! and sign in here in the client's name. The `Host` header can't decide that (whoever passes the statement on writes it too), so
//! the list is: the origin the operator configured, and the address at which this very connection arrived.

use std::net::{IpAddr, SocketAddr};

/// The configured origin, if any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    configured: Option<(String, u16)>,
}

impl Origins {
    /// Takes the operator's origin, for example `https://files.example.org`.
    ///
    /// # Errors
    /// Gives the text back when it is not scheme, host and port.
    pub fn new(configured: Option<&str>) -> Result<Self, String> {
        match configured {
            None => Ok(Self::default()),
            Some(origin) => match parse(origin) {
                Some(parsed) => Ok(Self {
                    configured: Some(parsed),
                }),
                None => Err(origin.to_owned()),
            },
        }
    }

    /// The host of the configured one.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.configured.as_ref().map(|(host, _)| host.as_str())
    }

    /// Whether this server answers to `origin` on a connection whose own end is `local`.
    #[must_use]
    pub fn accept(&self, origin: &str, local: SocketAddr) -> bool {
        let Some((host, port)) = parse(origin) else {
            return false;
        };
        if self
            .configured
            .as_ref()
            .is_some_and(|(name, at)| *name == host && *at == port)
        {
            return true;
        }
        let ip = local.ip().to_canonical();
        let here = host == "localhost" && ip.is_loopback() || host.parse::<IpAddr>().is_ok_and(|named| named == ip);
        here && port == local.port()
    }
}

/// `scheme://host[:port]` as lowercase host (an IPv6 address without brackets) and port.
fn parse(origin: &str) -> Option<(String, u16)> {
    let (rest, default) = match origin.split_once("://")? {
        ("http", rest) => (rest, 80),
        ("https", rest) => (rest, 443),
        _ => return None,
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, after)
        }
        None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => default,
        None => return None,
        Some(port) => port.parse().ok()?,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':');
    (!host.is_empty() && host.bytes().all(plain)).then(|| (host.to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(local: &str) -> SocketAddr {
        local.parse().expect("an address")
    }

    #[test]
    fn where_the_connection_arrived() {
        let none = Origins::default();
        for origin in [
            "http://127.0.0.1:7000",
            "http://localhost:7000",
            "http://LOCALHOST:7000/",
        ] {
            assert!(none.accept(origin, at("127.0.0.1:7000")), "{origin}");
        }
        assert!(none.accept("http://[::1]:7000", at("[::1]:7000")));
        assert!(none.accept("http://10.0.0.5:7000", at("[::ffff:10.0.0.5]:7000")));
        for origin in [
            "http://127.0.0.1:7001",
            "http://127.0.0.1",
            "http://evil.example:7000",
            "http://127.0.0.1:7000/x",
            "127.0.0.1:7000",
            "ftp://127.0.0.1:7000",
            "http://u@127.0.0.1:7000",
            "http://:7000",
            "http://[::1:7000",
            "",
        ] {
            assert!(!none.accept(origin, at("127.0.0.1:7000")), "{origin}");
        }
        assert!(!none.accept("http://localhost:7000", at("10.0.0.5:7000")));
    }

    #[test]
    fn the_configured_one() {
        let origins = Origins::new(Some("https://Files.example.org")).expect("an origin");
        assert!(origins.accept("https://files.example.org", at("127.0.0.1:7000")));
        assert!(origins.accept("https://files.example.org:443", at("127.0.0.1:7000")));
        assert!(!origins.accept("https://files.example.org:8443", at("127.0.0.1:7000")));
        assert!(!origins.accept("https://evil.example", at("127.0.0.1:7000")));
        Origins::new(Some("files.example.org")).expect_err("no scheme");
    }
}
