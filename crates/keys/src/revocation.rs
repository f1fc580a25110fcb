//! Keys that may not be used any more: files of RevokedKeys, which are key revocation lists or plain lists of keys.

mod key_list;
mod krl;

use thiserror::Error;
use wire::WireError;

pub use krl::CertificateFacts;

use crate::{Certificate, Credential, PublicKey};
use key_list::KeyList;
use krl::Krl;

/// One file of revoked keys, understood as a whole.
#[derive(Debug, Clone)]
pub struct Revoked(Format);

#[derive(Debug, Clone)]
enum Format {
    Krl(Krl),
    List(KeyList),
}

/// Why a file of revoked keys cannot be used. What it revokes is then not known, so no key may be accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RevocationError {
    /// The list ends in the middle of something, or something stands behind its end.
    #[error("invalid format: {0}")]
    Encoding(#[from] WireError),
    /// Something in it has a value that it cannot have.
    #[error("invalid format: {0}")]
    Malformed(&'static str),
    /// A section or an extension that must not be passed over, and is not known here.
    #[error("unsupported section")]
    Unsupported,
    /// A line of a plain list is no key.
    #[error("line {0} is no public key")]
    Line(u32),
}

impl Revoked {
    /// Reads a file: with the magic of a key revocation list in front (PROTOCOL.krl), or a key a line.
    ///
    /// # Errors
    /// Everything that cannot be understood, down to the last line.
    pub fn parse(file: &[u8]) -> Result<Self, RevocationError> {
        Ok(Self(match Krl::parse(file)? {
            Some(krl) => Format::Krl(krl),
            None => Format::List(KeyList::parse(file)?),
        }))
    }

    /// Whether the key is revoked.
    #[must_use]
    pub fn holds(&self, key: &PublicKey) -> bool {
        match &self.0 {
            Format::Krl(krl) => krl.revokes_key(key),
            Format::List(list) => list.holds(key),
        }
    }

    /// Whether somebody with this credential must not log in: its key is revoked, or its certificate by its serial
    /// number or key id, or the authority that has signed it.
    #[must_use]
    pub fn revokes(&self, credential: &Credential) -> bool {
        let certified = |certificate: &Certificate| {
            self.holds(certificate.authority()) || self.holds_certificate(certificate.revocation_facts())
        };
        self.holds(credential.key()) || credential.certificate().is_some_and(certified)
    }

    /// Whether a certificate is revoked by its serial number or its key id. Plain lists hold keys only.
    #[must_use]
    pub fn holds_certificate(&self, certificate: CertificateFacts<'_>) -> bool {
        match &self.0 {
            Format::Krl(krl) => krl.revokes_certificate(certificate),
            Format::List(_) => false,
        }
    }
}

#[cfg(test)]
mod tests;
