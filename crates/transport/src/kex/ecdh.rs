//! Diffie-Hellman over curves: `curve25519-sha256` (RFC 8731) and `ecdh-sha2-nistp*` (RFC 5656).

use aws_lc_rs::{
    agreement::{self, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral},
    rand::SystemRandom,
};
use wire::Write;
use zeroize::{Zeroize, Zeroizing};

use super::KexAnswer;
use crate::TransportError;

#[derive(Clone, Copy)]
pub(super) enum Curve {
    X25519,
    P256,
    P384,
    P521,
}

impl Curve {
    fn name(self) -> &'static str {
        match self {
            Self::X25519 => "curve25519",
            Self::P256 => "nistp256",
            Self::P384 => "nistp384",
            Self::P521 => "nistp521",
        }
    }

    fn algorithm(self) -> &'static agreement::Algorithm {
        match self {
            Self::X25519 => &agreement::X25519,
            Self::P256 => &agreement::ECDH_P256,
            Self::P384 => &agreement::ECDH_P384,
            Self::P521 => &agreement::ECDH_P521,
        }
    }

    /// Bytes of a public value; on the NIST curves that of an uncompressed point, the only form that peers send.
    pub(super) fn public_length(self) -> usize {
        match self {
            Self::X25519 => 32,
            Self::P256 => 65,
            Self::P384 => 97,
            Self::P521 => 133,
        }
    }

    fn accepts_form(self, value: &[u8]) -> bool {
        let uncompressed = matches!(self, Self::X25519) || value.first() == Some(&4);
        value.len() == self.public_length() && uncompressed
    }
}

/// Our public value and the agreed number, big-endian, not encoded yet. The library refuses points that are not on the
/// curve and, for X25519, the all-zero result (RFC 8731 section 3).
pub(super) fn agree(curve: Curve, client_value: &[u8]) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), TransportError> {
    let refused = TransportError::BadPublicValue { method: curve.name() };
    if !curve.accepts_form(client_value) {
        return Err(refused);
    }
    let failed = TransportError::CryptoFailed { what: "making an ephemeral key" };
    let ours = EphemeralPrivateKey::generate(curve.algorithm(), &SystemRandom::new()).map_err(|_| failed.clone())?;
    let public_value = ours.compute_public_key().map_err(|_| failed)?.as_ref().to_vec();
    let theirs = UnparsedPublicKey::new(curve.algorithm(), client_value);
    let agreed = agree_ephemeral(ours, theirs, refused, |agreed| Ok(Zeroizing::new(agreed.to_vec())))?;
    Ok((public_value, agreed))
}

pub(super) fn answer(curve: Curve, client_value: &[u8]) -> Result<KexAnswer, TransportError> {
    let (public_value, agreed) = agree(curve, client_value)?;
    let mut shared_secret = Vec::with_capacity(agreed.len().saturating_add(5));
    shared_secret.put_mpint(&agreed);
    let answer = KexAnswer { public_value, shared_secret: shared_secret.as_slice().into() };
    shared_secret.zeroize();
    Ok(answer)
}
