//! `holdfast serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use holdfast_server::{Tls, WitnessAt};

const EXAMPLES: &str = "\
Examples:
  holdfast serve --data ./server
  holdfast serve --data /srv/holdfast --listen 127.0.0.1:7710 --origin https://files.example.org
  holdfast serve --data /srv/holdfast --listen 127.0.0.1:7710 --metrics 127.0.0.1:9710
  holdfast serve --data /srv/holdfast --listen 0.0.0.0:7710 --origin https://files.example.org:7710 --tls-self-signed
  holdfast serve --data /srv/holdfast --witness KEY=https://witness.example.org   # the key it printed
  holdfast serve --data ./server --json      # {\"listening\":\"http://127.0.0.1:41233\"} once it is ready";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    /// Folder for everything that is stored
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Address to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// The address that people use, where a proxy with a certificate stands in front
    #[arg(long, value_name = "URL")]
    pub(crate) origin: Option<String>,
    /// How much one project may hold, for example 200G
    #[arg(long, value_name = "BYTES", default_value = "1T", value_parser = size)]
    pub(crate) quota: u64,
    /// Let nobody make an account any more
    #[arg(long)]
    pub(crate) no_signup: bool,
    /// A database instead of the SQLite file (not available yet)
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// An object store instead of the folder (not available yet)
    #[arg(long, value_name = "URL")]
    pub(crate) objects: Option<String>,
    /// Tell metrics (Prometheus text format, no names of anybody) at this address of this computer
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<SocketAddr>,
    /// Speak TLS with this certificate (PEM; followed by those that lead to a root)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Speak TLS with a certificate that the server makes; people compare its fingerprint once
    #[arg(long, conflicts_with_all = ["tls_cert", "tls_key"])]
    pub(crate) tls_self_signed: bool,
    /// Have this witness co-sign the log of keys; repeat it for more (`holdfast help witness`)
    #[arg(long = "witness", value_name = "KEY=URL", value_parser = witness)]
    pub(crate) witnesses: Vec<WitnessAt>,
}

impl Serve {
    pub(crate) fn tls(&self) -> Option<Tls> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(Tls::Files {
                certificate: certificate.clone(),
                key: key.clone(),
            }),
            _ => self.tls_self_signed.then_some(Tls::SelfSigned),
        }
    }
}

/// The key that a witness shows, and its address.
fn witness(text: &str) -> Result<WitnessAt, String> {
    // A key has no `=`: 33 bytes are 44 characters of base64.
    let (key, url) = text.split_once('=').ok_or("expected KEY=URL")?;
    Ok(WitnessAt {
        witness: key
            .parse()
            .map_err(|_| format!("{key:?} is not the key of a witness"))?,
        url: url.to_owned(),
    })
}

/// Bytes, or a number with K, M, G or T: powers of 1024.
fn size(text: &str) -> Result<u64, String> {
    let bare = text.strip_suffix('B').unwrap_or(text);
    let bare = bare.strip_suffix('i').unwrap_or(bare);
    let units = [('K', 10), ('M', 20), ('G', 30), ('T', 40)];
    let (number, shift) = units
        .iter()
        .find_map(|(unit, shift)| bare.strip_suffix(*unit).map(|number| (number, *shift)))
        .unwrap_or((text, 0));
    let number: u64 = number
        .parse()
        .map_err(|_| "expected bytes, or a number with K, M, G or T")?;
    number.checked_mul(1 << shift).ok_or_else(|| "that is too much".into())
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("0", 0),
            ("1000", 1000),
            ("64K", 65536),
            ("3GiB", 3 << 30),
            ("2T", 2 << 40),
            ("5MB", 5 << 20),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "G", "-1", "1.5G", "12X", "99999999T", "1é"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
