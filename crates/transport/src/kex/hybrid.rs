//! A post-quantum key encapsulation beside a curve: `mlkem768x25519-sha256` and `mlkem768nistp256-sha256`
//! (draft-ietf-sshm-mlkem-hybrid-kex), `sntrup761x25519-sha512` (draft-ietf-sshm-ntruprime-ssh). The client sends the
//! encapsulation key and its value on the curve, the server the ciphertext and its own; K = HASH(K_PQ ‖ K_CL), encoded
//! as a string. K_CL of P-256 is the point's x coordinate, 32 bytes.

use std::convert::Infallible;

use aws_lc_rs::{digest, kem, rand};
use rand_core::{TryCryptoRng, TryRng};
use wire::Write;
use zeroize::{Zeroize, Zeroizing};

use super::{
    KexAnswer,
    ecdh::{self, Curve},
};
use crate::TransportError;

const MLKEM768_KEY_LENGTH: usize = 1184;

const NO_RANDOM_BYTES: TransportError = TransportError::CryptoFailed { what: "encapsulating a key" };

pub(super) fn answer_mlkem768(curve: Curve, client_value: &[u8]) -> Result<KexAnswer, TransportError> {
    const REFUSED: TransportError = TransportError::BadPublicValue { method: "mlkem768" };
    let (kem_key, curve_value) = split(client_value, MLKEM768_KEY_LENGTH, curve).ok_or(REFUSED)?;
    // `encapsulate` makes FIPS 203's modulus check of the key.
    let kem_key = kem::EncapsulationKey::new(&kem::ML_KEM_768, kem_key).map_err(|_| REFUSED)?;
    let (ciphertext, kem_secret) = kem_key.encapsulate().map_err(|_| REFUSED)?;
    combine(&digest::SHA256, ciphertext.as_ref(), kem_secret.as_ref(), ecdh::agree(curve, curve_value)?)
}

pub(super) fn answer_sntrup761(client_value: &[u8]) -> Result<KexAnswer, TransportError> {
    const REFUSED: TransportError = TransportError::BadPublicValue { method: "sntrup761x25519" };
    let (kem_key, x25519) = split(client_value, sntrup::sntrup761::PUBLIC_KEY_SIZE, Curve::X25519).ok_or(REFUSED)?;
    let kem_key = sntrup::sntrup761::EncapsulationKey::try_from(kem_key).map_err(|_| REFUSED)?;
    let mut random = FreshRandom::gather().ok_or(NO_RANDOM_BYTES)?;
    let (ciphertext, kem_secret) = kem_key.encapsulate(&mut random);
    if random.ran_out {
        return Err(NO_RANDOM_BYTES);
    }
    combine(&digest::SHA512, ciphertext.as_ref(), kem_secret.as_ref(), ecdh::agree(Curve::X25519, x25519)?)
}

fn split(client_value: &[u8], kem_length: usize, curve: Curve) -> Option<(&[u8], &[u8])> {
    client_value.split_at_checked(kem_length).filter(|(_, value)| value.len() == curve.public_length())
}

fn combine(
    hash: &'static digest::Algorithm,
    ciphertext: &[u8],
    kem_secret: &[u8],
    (curve_public, curve_secret): (Vec<u8>, Zeroizing<Vec<u8>>),
) -> Result<KexAnswer, TransportError> {
    let both = Zeroizing::new([kem_secret, &curve_secret].concat());
    let mut shared_secret = Vec::with_capacity(hash.output_len().saturating_add(4));
    shared_secret.put_string(digest::digest(hash, &both));
    let answer = KexAnswer {
        public_value: [ciphertext, &curve_public].concat(),
        shared_secret: shared_secret.as_slice().into(),
    };
    shared_secret.zeroize();
    Ok(answer)
}

/// aws-lc's random bytes for a library that takes a generator which cannot fail: they are gathered first.
struct FreshRandom {
    bytes: Zeroizing<Vec<u8>>,
    used: usize,
    ran_out: bool,
}

impl FreshRandom {
    /// One encapsulation of sntrup761 sorts 761 random 32-bit numbers: 3044 bytes; the rest is reserve.
    const LENGTH: usize = 8192;

    fn gather() -> Option<Self> {
        let mut bytes = Zeroizing::new(vec![0; Self::LENGTH]);
        rand::fill(&mut bytes).ok()?;
        Some(Self { bytes, used: 0, ran_out: false })
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        self.copy_to(&mut array);
        array
    }

    fn copy_to(&mut self, place: &mut [u8]) {
        let next = self.used.saturating_add(place.len());
        match self.bytes.get(self.used..next) {
            Some(bytes) => place.copy_from_slice(bytes),
            None => self.ran_out = true,
        }
        self.used = next;
    }
}

impl TryRng for FreshRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.array()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.array()))
    }

    fn try_fill_bytes(&mut self, place: &mut [u8]) -> Result<(), Infallible> {
        self.copy_to(place);
        Ok(())
    }
}

impl TryCryptoRng for FreshRandom {}
