//! Key exchange: the methods, what is hashed and signed, and the keys that come out of it.
//!
//! All methods here take one round (RFC 5656 section 4): the client's public value, then ours with the signature. The
//! server's secret therefore lives only inside [`KexMethod::answer`]. Methods of more rounds (group exchange, RFC 4419)
//! would add their messages as states of [`progress::Exchange`].

mod ecdh;
mod exchange_hash;
mod hybrid;
pub(crate) mod progress;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::{TransportError, secret::Secret};
use ecdh::Curve;
pub(crate) use exchange_hash::{HashInput, KeySource, exchange_hash};

/// A key exchange method's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum KexMethod {
    MlKem768X25519,
    Sntrup761X25519,
    Curve25519,
    NistP256,
    NistP384,
    NistP521,
}

/// What a method makes of the client's public value.
#[derive(Debug)]
pub(crate) struct KexAnswer {
    /// Our public value, as the reply carries it.
    pub(crate) public_value: Vec<u8>,
    /// K as the exchange hash and the key derivation take it: its encoding (mpint or string) included.
    pub(crate) shared_secret: Secret,
}

impl KexMethod {
    const NAMES: [(&'static str, Self); 8] = [
        ("mlkem768x25519-sha256", Self::MlKem768X25519),
        ("sntrup761x25519-sha512", Self::Sntrup761X25519),
        ("sntrup761x25519-sha512@openssh.com", Self::Sntrup761X25519),
        ("curve25519-sha256", Self::Curve25519),
        ("curve25519-sha256@libssh.org", Self::Curve25519),
        ("ecdh-sha2-nistp256", Self::NistP256),
        ("ecdh-sha2-nistp384", Self::NistP384),
        ("ecdh-sha2-nistp521", Self::NistP521),
    ];

    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, method)| *method)
    }

    /// The hash for the exchange hash and the key derivation.
    pub(crate) fn hash(self) -> &'static digest::Algorithm {
        match self {
            Self::MlKem768X25519 | Self::Curve25519 | Self::NistP256 => &digest::SHA256,
            Self::NistP384 => &digest::SHA384,
            Self::Sntrup761X25519 | Self::NistP521 => &digest::SHA512,
        }
    }

    /// Our side of the exchange, done at once.
    pub(crate) fn answer(self, client_value: &[u8]) -> Result<KexAnswer, TransportError> {
        match self {
            Self::MlKem768X25519 => hybrid::answer_mlkem768(client_value),
            Self::Sntrup761X25519 => hybrid::answer_sntrup761(client_value),
            Self::Curve25519 => ecdh::answer(Curve::X25519, client_value),
            Self::NistP256 => ecdh::answer(Curve::P256, client_value),
            Self::NistP384 => ecdh::answer(Curve::P384, client_value),
            Self::NistP521 => ecdh::answer(Curve::P521, client_value),
        }
    }
}
