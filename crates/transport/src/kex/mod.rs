//! Key exchange: the methods, what is hashed and signed, and the keys that come out of it.
//!
//! All methods end with the same round (RFC 5656 section 4): the client's public value, then ours with the signature. The
//! server's secret therefore lives only inside [`KexMethod::answer`]. A group exchange (RFC 4419) has a round before it,
//! whose stages are those of [`progress::Exchange`].

mod ecdh;
mod exchange_hash;
mod hybrid;
mod modp;
mod numbered_groups;
pub(crate) mod progress;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::{TransportError, secret::Secret};
use ecdh::Curve;
pub(crate) use exchange_hash::{HashInput, KeySource, exchange_hash};
pub use modp::ModpGroup;
pub(crate) use modp::{ExchangedGroup, PrimeSizes};
use numbered_groups::NumberedGroup;

/// A key exchange method's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum KexMethod {
    MlKem768X25519,
    MlKem768NistP256,
    Sntrup761X25519,
    Curve25519,
    NistP256,
    NistP384,
    NistP521,
    Group1Sha1,
    Group14Sha1,
    Group14Sha256,
    Group16Sha512,
    Group18Sha512,
    GroupExchangeSha1,
    GroupExchangeSha256,
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
    const NAMES: [(&'static str, Self); 16] = [
        ("mlkem768x25519-sha256", Self::MlKem768X25519),
        ("mlkem768nistp256-sha256", Self::MlKem768NistP256),
        ("sntrup761x25519-sha512", Self::Sntrup761X25519),
        ("sntrup761x25519-sha512@openssh.com", Self::Sntrup761X25519),
        ("curve25519-sha256", Self::Curve25519),
        ("curve25519-sha256@libssh.org", Self::Curve25519),
        ("ecdh-sha2-nistp256", Self::NistP256),
        ("ecdh-sha2-nistp384", Self::NistP384),
        ("ecdh-sha2-nistp521", Self::NistP521),
        ("diffie-hellman-group1-sha1", Self::Group1Sha1),
        ("diffie-hellman-group14-sha1", Self::Group14Sha1),
        ("diffie-hellman-group14-sha256", Self::Group14Sha256),
        ("diffie-hellman-group16-sha512", Self::Group16Sha512),
        ("diffie-hellman-group18-sha512", Self::Group18Sha512),
        ("diffie-hellman-group-exchange-sha1", Self::GroupExchangeSha1),
        ("diffie-hellman-group-exchange-sha256", Self::GroupExchangeSha256),
    ];

    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, method)| *method)
    }

    /// The hash for the exchange hash and the key derivation.
    pub(crate) fn hash(self) -> &'static digest::Algorithm {
        match self {
            Self::MlKem768X25519
            | Self::MlKem768NistP256
            | Self::Curve25519
            | Self::NistP256
            | Self::Group14Sha256
            | Self::GroupExchangeSha256 => &digest::SHA256,
            Self::NistP384 => &digest::SHA384,
            Self::Sntrup761X25519 | Self::NistP521 | Self::Group16Sha512 | Self::Group18Sha512 => &digest::SHA512,
            Self::Group1Sha1 | Self::Group14Sha1 | Self::GroupExchangeSha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        }
    }

    /// Whether the client asks for a group first.
    pub(crate) fn exchanges_group(self) -> bool {
        matches!(self, Self::GroupExchangeSha1 | Self::GroupExchangeSha256)
    }

    /// Our side of the exchange, done at once; in the exchanged group if the method has one.
    pub(crate) fn answer(
        self,
        client_value: &[u8],
        exchanged: Option<&ExchangedGroup>,
    ) -> Result<KexAnswer, TransportError> {
        const NO_GROUP: TransportError = TransportError::CryptoFailed { what: "finding the group" };
        match self {
            Self::MlKem768X25519 => hybrid::answer_mlkem768(Curve::X25519, client_value),
            Self::MlKem768NistP256 => hybrid::answer_mlkem768(Curve::P256, client_value),
            Self::Sntrup761X25519 => hybrid::answer_sntrup761(client_value),
            Self::Curve25519 => ecdh::answer(Curve::X25519, client_value),
            Self::NistP256 => ecdh::answer(Curve::P256, client_value),
            Self::NistP384 => ecdh::answer(Curve::P384, client_value),
            Self::NistP521 => ecdh::answer(Curve::P521, client_value),
            Self::Group1Sha1 | Self::Group14Sha1 | Self::Group14Sha256 | Self::Group16Sha512 | Self::Group18Sha512 => {
                modp::answer(&self.numbered_group().ok_or(NO_GROUP)?, client_value)
            }
            Self::GroupExchangeSha1 | Self::GroupExchangeSha256 => {
                modp::answer(&exchanged.ok_or(NO_GROUP)?.group, client_value)
            }
        }
    }

    /// The group that belongs to the method's name.
    pub(crate) fn numbered_group(self) -> Option<ModpGroup> {
        let numbered = match self {
            Self::Group1Sha1 => NumberedGroup::Oakley2,
            Self::Group14Sha1 | Self::Group14Sha256 => NumberedGroup::Group14,
            Self::Group16Sha512 => NumberedGroup::Group16,
            Self::Group18Sha512 => NumberedGroup::Group18,
            _ => return None,
        };
        Some(numbered.group())
    }
}
