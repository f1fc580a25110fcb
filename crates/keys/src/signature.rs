//! Signatures: their blobs, and the proof that one was right.

/// The proof that a signature was verified. Only [`crate::PublicKey::verify`] makes one.
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
}
