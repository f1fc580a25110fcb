//! Signatures: their blobs, and the proof that one was right.

mod ecdsa;
mod rsa;
mod security_key;

pub(crate) use ecdsa::mpints_from_fixed;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use wire::Reader;

use crate::public::Parts;
use crate::{KeyError, PublicKey};

/// The proof that a signature was verified. Only [`PublicKey::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureProven {
    presence: bool,
    user_verified: bool,
    counter: Option<u32>,
}

impl SignatureProven {
    /// A FIDO authenticator saw somebody touch it. Always true for keys outside of authenticators.
    #[must_use]
    pub fn presence(&self) -> bool {
        self.presence
    }

    /// A FIDO authenticator verified its user (PIN or biometrics). Always true for keys outside of authenticators.
    #[must_use]
    pub fn user_verified(&self) -> bool {
        self.user_verified
    }

    /// The signature counter of a FIDO authenticator.
    #[must_use]
    pub fn counter(&self) -> Option<u32> {
        self.counter
    }

    /// There is no authenticator whose report could be missing.
    fn without_authenticator() -> Self {
        Self { presence: true, user_verified: true, counter: None }
    }
}

impl PublicKey {
    /// Checks a signature over `signed` that must have been made with exactly `algorithm`.
    ///
    /// # Errors
    /// An algorithm of another key type, a blob made with another algorithm (CVE-2026-35387), a malformed or a wrong
    /// signature.
    pub fn verify(&self, algorithm: &str, signed: &[u8], signature_blob: &[u8]) -> Result<SignatureProven, KeyError> {
        if !self.key_type().algorithms().contains(&algorithm) {
            return Err(KeyError::WrongAlgorithm);
        }
        let mut reader = Reader::new(signature_blob);
        if reader.string()? != algorithm.as_bytes() {
            return Err(KeyError::SignatureAlgorithmMismatch);
        }
        let signature = reader.string()?;
        match self.parts() {
            Parts::Ed25519 { public } => {
                reader.finish()?;
                verify_ed25519(public, signed, signature)?;
            }
            Parts::Ecdsa { curve, point } => {
                reader.finish()?;
                ecdsa::verify(*curve, point, signed, signature)?;
            }
            Parts::Rsa { exponent, modulus } => {
                reader.finish()?;
                rsa::verify(algorithm, exponent, modulus, signed, signature)?;
            }
            Parts::SkEd25519 { public, application } => {
                let report = security_key::read_report(&mut reader)?;
                reader.finish()?;
                verify_ed25519(public, &report.signed_by_authenticator(application, &[], signed), signature)?;
                return Ok(report.proven());
            }
            Parts::SkEcdsaP256 { point, application } => {
                return security_key::verify_ecdsa(algorithm, point, application, signed, signature, reader);
            }
        }
        Ok(SignatureProven::without_authenticator())
    }
}

fn verify_ed25519(public: &[u8; 32], signed: &[u8], signature: &[u8]) -> Result<(), KeyError> {
    if signature.len() != 64 {
        return Err(KeyError::BadSignature("ed25519 signature does not have 64 bytes"));
    }
    UnparsedPublicKey::new(&ED25519, public).verify(signed, signature).map_err(|_| KeyError::SignatureIncorrect)
}
