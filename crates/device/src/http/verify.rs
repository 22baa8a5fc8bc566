//! Which certificate is taken: that of the pinned key, or without a pin, one that this computer's own roots bear out.
//!
//! The pin is the hash of the public key. Who shows it has to prove, in the handshake, to have its private key: that is checked
//! for every certificate, by rustls. What a certificate of the pinned key says besides (names, dates, who signed it) adds nothing:
//! it was the key that a person compared.

use std::fmt;
use std::sync::Arc;

use holdfast_protocol::id::Hash;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// Why a certificate was not taken; rustls carries it to whoever asked for the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotTaken {
    /// The fingerprint of the key that was shown.
    pub(super) seen: Hash,
    /// Why nobody vouches for it; `None` where another key is pinned.
    pub(super) why: Option<String>,
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server's certificate is not trusted")
    }
}

impl std::error::Error for NotTaken {}

impl NotTaken {
    /// Finds it in what a request failed with.
    pub(super) fn find(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let mut link = Some(error);
        while let Some(mut error) = link {
            // An I/O error names as its source that of the error inside, and skips the one inside; and one may hold another.
            while let Some(inside) = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
                error = inside;
            }
            if let Some(Error::InvalidCertificate(CertificateError::Other(OtherError(other)))) = error.downcast_ref()
                && let Some(not_taken) = other.downcast_ref::<Self>()
            {
                return Some(not_taken.clone());
            }
            link = error.source();
        }
        None
    }
}

/// TLS to one server.
pub(super) fn config(pin: Option<Hash>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let taker = Taker {
        rule: match pin {
            Some(pin) => Rule::Pinned(pin),
            // A bare machine has no roots: then nobody is vouched for, and a person can pin.
            None => Rule::Public(Verifier::new(Arc::clone(&provider)).map_err(|error| error.to_string())),
        },
        provider: Arc::clone(&provider),
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(taker))
        .with_no_client_auth())
}

#[derive(Debug)]
enum Rule {
    Pinned(Hash),
    Public(Result<Verifier, String>),
}

#[derive(Debug)]
struct Taker {
    rule: Rule,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Taker {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let seen = Hash::of(parsed.subject_public_key_info().as_ref());
        let why = match &self.rule {
            Rule::Pinned(pin) if *pin == seen => return Ok(ServerCertVerified::assertion()),
            Rule::Pinned(_) => None,
            Rule::Public(Ok(roots)) => {
                match roots.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
                    Ok(verified) => return Ok(verified),
                    Err(Error::InvalidCertificate(why)) => Some(in_words(&why)),
                    Err(other) => return Err(other),
                }
            }
            Rule::Public(Err(none)) => Some(none.clone()),
        };
        let not_taken = OtherError(Arc::new(NotTaken { seen, why }));
        Err(Error::InvalidCertificate(CertificateError::Other(not_taken)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The common reasons as people say them.
fn in_words(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer => "it was not issued by anybody this computer knows".into(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its time has run out".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its time has not come yet".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another address".into()
        }
        CertificateError::Revoked => "it was revoked".into(),
        other => other.to_string(),
    }
}
