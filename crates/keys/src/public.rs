//! Public keys: from the blob on the wire to a checked key.

use crate::fingerprint::fingerprint;
use crate::{FingerprintHash, KeyError, KeyType, SignatureProven};

/// A public key whose every part has been checked.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    key_type: KeyType,
    blob: Vec<u8>,
}

impl PublicKey {
    /// Reads a key blob as it is sent in a login request.
    ///
    /// # Errors
    /// Unknown types, certificates, and every value that its type does not allow.
    pub fn parse(_blob: &[u8]) -> Result<Self, KeyError> {
        Err(KeyError::UnknownType)
    }

    /// The blob it was parsed from.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// Its type.
    #[must_use]
    pub fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// Its size as `ssh-keygen -l` shows it: the modulus of RSA, the field of a curve.
    #[must_use]
    pub fn bits(&self) -> u32 {
        0
    }

    /// Its fingerprint as in log lines.
    #[must_use]
    pub fn fingerprint(&self, hash: FingerprintHash) -> String {
        fingerprint(&self.blob, hash)
    }

    /// Checks a signature over `signed` that must have been made with exactly `algorithm`.
    ///
    /// # Errors
    /// An algorithm of another key type, a blob made with another algorithm (CVE-2026-35387), a malformed or a wrong
    /// signature.
    pub fn verify(
        &self,
        _algorithm: &str,
        _signed: &[u8],
        _signature_blob: &[u8],
    ) -> Result<SignatureProven, KeyError> {
        Err(KeyError::SignatureIncorrect)
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {}", self.key_type.short_name(), self.fingerprint(FingerprintHash::Sha256))
    }
}
