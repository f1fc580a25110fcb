//! Signatures: their blobs, and the proof that one was right.

mod composite;
mod ecdsa;
mod rsa;
mod security_key;

pub(crate) use composite::sign as sign_composite;
pub(crate) use ecdsa::mpints_from_fixed;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use wire::Reader;

use crate::public::Parts;
use crate::{KeyError, PublicKey};

/// The proof that a signature was verified. Only [`PublicKey::verify`] makes one, and it names what was proven, so that
/// it cannot be taken for the proof of another key (CVE-2006-5794).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureProven {
    key: PublicKey,
    algorithm: String,
    report: AuthenticatorReport,
}

/// What a FIDO authenticator said when it signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct AuthenticatorReport {
    presence: bool,
    user_verified: bool,
    counter: Option<u32>,
}

impl AuthenticatorReport {
    /// There is no authenticator whose report could be missing.
    const NOT_NEEDED: Self = Self { presence: true, user_verified: true, counter: None };
}

impl SignatureProven {
    /// The key that has signed.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The algorithm it has signed with.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// A FIDO authenticator saw somebody touch it. Always true for keys outside of authenticators.
    #[must_use]
    pub fn presence(&self) -> bool {
        self.report.presence
    }

    /// A FIDO authenticator verified its user (PIN or biometrics). Always true for keys outside of authenticators.
    #[must_use]
    pub fn user_verified(&self) -> bool {
        self.report.user_verified
    }

    /// The signature counter of a FIDO authenticator.
    #[must_use]
    pub fn counter(&self) -> Option<u32> {
        self.report.counter
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
        let report = self.verify_fields(algorithm, signed, reader)?;
        Ok(SignatureProven { key: self.clone(), algorithm: algorithm.to_owned(), report })
    }

    /// `fields` are those behind the algorithm's name.
    fn verify_fields(
        &self,
        algorithm: &str,
        signed: &[u8],
        mut fields: Reader<'_>,
    ) -> Result<AuthenticatorReport, KeyError> {
        let signature = fields.string()?;
        match self.parts() {
            Parts::Ed25519 { public } => {
                fields.finish()?;
                verify_ed25519(public, signed, signature)?;
            }
            Parts::Ecdsa { curve, point } => {
                fields.finish()?;
                ecdsa::verify(*curve, point, signed, signature)?;
            }
            Parts::Rsa { exponent, modulus } => {
                fields.finish()?;
                rsa::verify(algorithm, exponent, modulus, signed, signature)?;
            }
            Parts::SkEd25519 { public, application } => {
                let report = security_key::read_report(&mut fields)?;
                fields.finish()?;
                verify_ed25519(public, &report.signed_by_authenticator(application, &[], signed), signature)?;
                return Ok(report.of_verified());
            }
            Parts::SkEcdsaP256 { point, application } => {
                return security_key::verify_ecdsa(algorithm, point, application, signed, signature, fields);
            }
            Parts::MlDsa44Ed25519 { ml_dsa, ed25519 } => {
                fields.finish()?;
                composite::verify(ml_dsa, ed25519, signed, signature)?;
            }
        }
        Ok(AuthenticatorReport::NOT_NEEDED)
    }
}

fn verify_ed25519(public: &[u8; 32], signed: &[u8], signature: &[u8]) -> Result<(), KeyError> {
    if signature.len() != 64 {
        return Err(KeyError::BadSignature("ed25519 signature does not have 64 bytes"));
    }
    UnparsedPublicKey::new(&ED25519, public).verify(signed, signature).map_err(|_| KeyError::SignatureIncorrect)
}
