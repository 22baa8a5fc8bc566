//! TLS, with the operator's certificate or one that the server makes for itself.
//!
//! What people compare and clients pin is the hash of the public key and not of the certificate: a certificate that is renewed
//! for the same key is the same server.

use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_crypto::sha256;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use time::{Duration, OffsetDateTime};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use super::Error;
use crate::ops;

/// How long a self-signed certificate says it is good for. Each start makes a new one for the same key.
const GOOD_FOR: Duration = Duration::days(825);
/// Clients whose clock is behind.
const BEFORE: Duration = Duration::days(1);

/// Where the certificate comes from.
#[derive(Debug, Clone)]
pub enum Tls {
    /// The operator's own, as PEM.
    Files {
        /// The certificate, and then those that lead to a root.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// Self-signed, for a key that the server makes once and keeps in the data folder.
    SelfSigned,
}

/// TLS that is ready.
pub(super) struct Ready {
    pub(super) acceptor: TlsAcceptor,
    /// SHA-256 of the public key (SubjectPublicKeyInfo, DER).
    pub(super) fingerprint: [u8; 32],
}

/// Reads or makes the certificate. `names` are those that a self-signed one is for.
pub(super) fn ready(tls: &Tls, data: &Path, names: Vec<String>) -> Result<Ready, Error> {
    let (chain, key) = match tls {
        Tls::Files { certificate, key } => (read_chain(certificate)?, read_key(key)?),
        Tls::SelfSigned => self_signed(data, names)?,
    };
    let first = chain.first().ok_or_else(|| refused("there is no certificate"))?;
    let parsed = ParsedCertificate::try_from(first).map_err(|error| refused(&error.to_string()))?;
    let fingerprint = sha256(&[parsed.subject_public_key_info().as_ref()]);
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(&error.to_string()))?
        .with_no_client_auth()
        // Refuses a key that is another certificate's.
        .with_single_cert(chain, key)
        .map_err(|error| refused(&error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Ready {
        acceptor: TlsAcceptor::from(Arc::new(config)),
        fingerprint,
    })
}

fn refused(why: &str) -> Error {
    Error::Tls(why.to_owned())
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let bad = |error: rustls::pki_types::pem::Error| refused(&format!("{}: {error}", path.display()));
    CertificateDer::pem_file_iter(path)
        .map_err(bad)?
        .collect::<Result<_, _>>()
        .map_err(bad)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| refused(&format!("{}: {error}", path.display())))
}

/// The kept key, or a new one; and a certificate for it, beside it for whoever wants to look at it.
fn self_signed(
    data: &Path,
    names: Vec<String>,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
    let failed = |error: rcgen::Error| refused(&error.to_string());
    let path = data.join(ops::TLS_KEY);
    let pair = match std::fs::read_to_string(&path).map(Zeroizing::new) {
        Ok(pem) => KeyPair::from_pem(&pem).map_err(|error| refused(&format!("{}: {error}", path.display())))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let pair = KeyPair::generate().map_err(failed)?;
            let pem = Zeroizing::new(pair.serialize_pem());
            keep(&path, pem.as_bytes()).map_err(Error::Data)?;
            pair
        }
        Err(error) => return Err(Error::Data(error)),
    };
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Holdfast server");
    let now = OffsetDateTime::now_utc();
    params.not_before = now - BEFORE;
    params.not_after = now + GOOD_FOR;
    let certificate = params.self_signed(&pair).map_err(failed)?;
    keep(&data.join(ops::TLS_CERTIFICATE), certificate.pem().as_bytes()).map_err(Error::Data)?;
    let key = PrivateKeyDer::try_from(pair.serialize_der()).map_err(refused)?;
    Ok((vec![certificate.der().clone()], key))
}

/// Writes a file for its owner alone, whole or not at all.
fn keep(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    // Made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    std::fs::File::open(folder)?.sync_all()
}

/// What a self-signed certificate is for: this computer, the address it listens on, and the name people use.
pub(super) fn names(listen: IpAddr, origin_host: Option<&str>) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !listen.is_unspecified() {
        names.push(listen.to_string());
    }
    names.extend(origin_host.map(str::to_owned));
    names.sort_unstable();
    names.dedup();
    names
}
