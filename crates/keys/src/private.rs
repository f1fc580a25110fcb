//! Private host keys: read from a file, carried sealed to each monitor, used there to sign.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{KeyError, PublicKey};

/// A private key. Its secret parts are wiped when it is dropped; its `Debug` form shows none of them.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct PrivateKey {
    secret: Vec<u8>,
}

impl PrivateKey {
    /// Reads a key file: `OPENSSH PRIVATE KEY`, PKCS#1, SEC1 or PKCS#8, without a passphrase.
    ///
    /// # Errors
    /// [`KeyError::Encrypted`] for keys with a passphrase; other formats, broken files, halves that do not belong
    /// together.
    pub fn parse_file(_text: &[u8]) -> Result<Self, KeyError> {
        Err(KeyError::UnknownType)
    }

    /// A new ed25519 key (for tests and for a first start without host keys).
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate_ed25519() -> Result<Self, KeyError> {
        Err(KeyError::UnknownType)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        unreachable!("not yet")
    }

    /// The signature algorithms it can be used with, the best first.
    #[must_use]
    pub fn algorithms(&self) -> &'static [&'static str] {
        &[]
    }

    /// A signature blob (`string algorithm, string signature`) over `message`.
    ///
    /// # Errors
    /// An algorithm that is not of this key's type.
    pub fn sign(&self, _algorithm: &str, _message: &[u8]) -> Result<Vec<u8>, KeyError> {
        Err(KeyError::SigningFailed)
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("PrivateKey")
    }
}
