//! What somebody logs in with: a key, or a key in a certificate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{Certificate, FingerprintHash, PublicKey};

/// A public key as it is offered in a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// The key alone.
    Key(PublicKey),
    /// The key in a certificate.
    Certificate(Box<Certificate>),
}

impl Credential {
    /// The key that signs.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        match self {
            Self::Key(key) => key,
            Self::Certificate(certificate) => certificate.key(),
        }
    }

    /// The certificate around it.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        match self {
            Self::Key(_) => None,
            Self::Certificate(certificate) => Some(certificate),
        }
    }

    /// The name inside its blob: `ssh-ed25519`, `ssh-ed25519-cert-v01@openssh.com` …
    #[must_use]
    pub fn type_name(&self) -> String {
        match self {
            Self::Key(key) => key.key_type().name().to_owned(),
            Self::Certificate(certificate) => certificate.key().key_type().certificate_name(),
        }
    }

    /// The name in log lines: `ED25519`, `ED25519-CERT` …
    #[must_use]
    pub fn short_name(&self) -> String {
        let plain = self.key().key_type().short_name();
        if self.certificate().is_some() { format!("{plain}-CERT") } else { plain.to_owned() }
    }

    /// Type and fingerprint, `ED25519-CERT SHA256:…`. A certificate has the fingerprint of its key.
    #[must_use]
    pub fn shown(&self, hash: FingerprintHash) -> String {
        format!("{} {}", self.short_name(), self.key().fingerprint(hash))
    }

    /// Its type and its whole blob, as in `.pub` files and for ExposeAuthInfo.
    #[must_use]
    pub fn file_text(&self) -> String {
        format!("{} {}", self.type_name(), self.base64())
    }

    /// The whole blob in base64.
    #[must_use]
    pub fn base64(&self) -> String {
        STANDARD.encode(match self {
            Self::Key(key) => key.blob(),
            Self::Certificate(certificate) => certificate.blob(),
        })
    }
}
