//! Public keys: from the blob on the wire to a checked key.

use std::ops::RangeInclusive;

use aws_lc_rs::signature::ParsedPublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_ffi::MLDSA44_PUBLIC;
use serde::{Deserialize, Serialize};
use wire::{Reader, Write as _};

use crate::curve::Curve;
use crate::fingerprint::fingerprint;
use crate::{FingerprintHash, KeyError, KeyType};

/// No key blob that is accepted here is longer: the largest RSA key has about 2 KiB.
const LONGEST_BLOB: usize = 16 * 1024;
/// As OpenSSH's: shorter moduli are refused whatever RequiredRSASize says, longer ones only burn time.
const RSA_MODULUS_BITS: RangeInclusive<u32> = 1024..=16384;
/// What the cryptographic library verifies with; real exponents are 3, 17, 35, 37 or 65537.
const RSA_EXPONENT_BITS: RangeInclusive<u32> = 2..=33;
/// FIDO application names are `ssh:` and what a user appends.
const LONGEST_APPLICATION: usize = 1024;

/// A public key whose every part has been checked.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub struct PublicKey {
    blob: Vec<u8>,
    parts: Parts,
}

/// What a key consists of, by type.
#[derive(Debug, Clone)]
pub(crate) enum Parts {
    Ed25519 { public: [u8; 32] },
    Ecdsa { curve: Curve, point: Vec<u8> },
    Rsa { exponent: Vec<u8>, modulus: Vec<u8> },
    SkEd25519 { public: [u8; 32], application: Vec<u8> },
    SkEcdsaP256 { point: Vec<u8>, application: Vec<u8> },
    MlDsa44Ed25519 { ml_dsa: Box<[u8; MLDSA44_PUBLIC]>, ed25519: [u8; 32] },
}

impl PublicKey {
    /// Reads a key blob as it is sent in a login request.
    ///
    /// # Errors
    /// Unknown types, certificates, and every value that its type does not allow.
    pub fn parse(blob: &[u8]) -> Result<Self, KeyError> {
        if blob.len() > LONGEST_BLOB {
            return Err(KeyError::BadKey("key blob is too long"));
        }
        let mut reader = Reader::new(blob);
        let key_type = read_key_type(&mut reader)?;
        let parts = Parts::read(key_type, &mut reader)?;
        reader.finish()?;
        Ok(Self { blob: blob.to_vec(), parts })
    }

    /// Reads the fields of a key that stand somewhere else than in its own blob: behind the nonce of a certificate.
    pub(crate) fn read_fields(key_type: KeyType, reader: &mut Reader<'_>) -> Result<Self, KeyError> {
        let behind = reader.clone().rest();
        let parts = Parts::read(key_type, reader)?;
        let length = behind.len().saturating_sub(reader.remaining());
        let mut blob = Vec::new();
        blob.put_string(key_type.name());
        blob.put_bytes(behind.get(..length).unwrap_or_default());
        Ok(Self { blob, parts })
    }

    /// The blob it was parsed from.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// Its type.
    #[must_use]
    pub fn key_type(&self) -> KeyType {
        match &self.parts {
            Parts::Ed25519 { .. } => KeyType::Ed25519,
            Parts::Ecdsa { curve, .. } => curve.key_type(),
            Parts::Rsa { .. } => KeyType::Rsa,
            Parts::SkEd25519 { .. } => KeyType::SkEd25519,
            Parts::SkEcdsaP256 { .. } => KeyType::SkEcdsaP256,
            Parts::MlDsa44Ed25519 { .. } => KeyType::MlDsa44Ed25519,
        }
    }

    /// Its size as `ssh-keygen -l` shows it: the modulus of RSA, the field of a curve.
    #[must_use]
    pub fn bits(&self) -> u32 {
        match &self.parts {
            Parts::Ed25519 { .. }
            | Parts::SkEd25519 { .. }
            | Parts::SkEcdsaP256 { .. }
            | Parts::MlDsa44Ed25519 { .. } => 256,
            Parts::Ecdsa { curve, .. } => curve.bits(),
            Parts::Rsa { modulus, .. } => bit_length(modulus),
        }
    }

    /// Its fingerprint as in log lines.
    #[must_use]
    pub fn fingerprint(&self, hash: FingerprintHash) -> String {
        fingerprint(&self.blob, hash)
    }

    /// Its blob in base64, as in `.pub` files.
    #[must_use]
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.blob)
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }
}

impl Parts {
    fn read(key_type: KeyType, reader: &mut Reader<'_>) -> Result<Self, KeyError> {
        Ok(match key_type {
            KeyType::Ed25519 => Self::Ed25519 { public: read_ed25519(reader)? },
            KeyType::EcdsaP256 => read_ecdsa(reader, Curve::P256)?,
            KeyType::EcdsaP384 => read_ecdsa(reader, Curve::P384)?,
            KeyType::EcdsaP521 => read_ecdsa(reader, Curve::P521)?,
            KeyType::Rsa => read_rsa(reader)?,
            KeyType::SkEd25519 => {
                Self::SkEd25519 { public: read_ed25519(reader)?, application: read_application(reader)? }
            }
            KeyType::SkEcdsaP256 => {
                Self::SkEcdsaP256 { point: read_point(reader, Curve::P256)?, application: read_application(reader)? }
            }
            KeyType::MlDsa44Ed25519 => read_composite(reader)?,
        })
    }
}

fn read_key_type(reader: &mut Reader<'_>) -> Result<KeyType, KeyError> {
    let name = std::str::from_utf8(reader.string()?).map_err(|_| KeyError::UnknownType)?;
    match KeyType::from_name(name) {
        Some(key_type) => Ok(key_type),
        None if KeyType::from_certificate_name(name).is_some() => Err(KeyError::Certificate),
        None => Err(KeyError::UnknownType),
    }
}

fn read_ed25519(reader: &mut Reader<'_>) -> Result<[u8; 32], KeyError> {
    reader.string()?.try_into().map_err(|_| KeyError::BadKey("ed25519 key does not have 32 bytes"))
}

fn read_ecdsa(reader: &mut Reader<'_>, curve: Curve) -> Result<Parts, KeyError> {
    Ok(Parts::Ecdsa { curve, point: read_point(reader, curve)? })
}

/// The curve's name, which must be the one of the key type, and a point on it (RFC 5656 section 3.1).
fn read_point(reader: &mut Reader<'_>, curve: Curve) -> Result<Vec<u8>, KeyError> {
    if reader.string()? != curve.name().as_bytes() {
        return Err(KeyError::BadKey("curve does not belong to the key type"));
    }
    let point = reader.string()?;
    if point.first() != Some(&0x04) || point.len() != curve.point_length() {
        return Err(KeyError::BadKey("point is not an uncompressed one of its curve"));
    }
    ParsedPublicKey::new(curve.verification(), point).map_err(|_| KeyError::BadKey("point is not on its curve"))?;
    Ok(point.to_vec())
}

fn read_rsa(reader: &mut Reader<'_>) -> Result<Parts, KeyError> {
    let (exponent, modulus) = (reader.positive_mpint()?, reader.positive_mpint()?);
    if !RSA_EXPONENT_BITS.contains(&bit_length(exponent)) || !is_odd(exponent) {
        return Err(KeyError::BadKey("RSA exponent is even, 1, or longer than 33 bits"));
    }
    if !RSA_MODULUS_BITS.contains(&bit_length(modulus)) {
        return Err(KeyError::RsaLength);
    }
    if !is_odd(modulus) {
        return Err(KeyError::BadKey("RSA modulus is even"));
    }
    Ok(Parts::Rsa { exponent: exponent.to_vec(), modulus: modulus.to_vec() })
}

/// Both keys in one string, ML-DSA's first.
fn read_composite(reader: &mut Reader<'_>) -> Result<Parts, KeyError> {
    const WRONG_LENGTH: KeyError = KeyError::BadKey("composite key does not have 1344 bytes");
    let (ml_dsa, ed25519) = reader.string()?.split_first_chunk::<MLDSA44_PUBLIC>().ok_or(WRONG_LENGTH)?;
    let ed25519 = ed25519.try_into().map_err(|_| WRONG_LENGTH)?;
    Ok(Parts::MlDsa44Ed25519 { ml_dsa: Box::new(*ml_dsa), ed25519 })
}

fn read_application(reader: &mut Reader<'_>) -> Result<Vec<u8>, KeyError> {
    let application = reader.string()?;
    if application.len() > LONGEST_APPLICATION || application.contains(&0) {
        return Err(KeyError::BadKey("FIDO application is too long or holds a NUL"));
    }
    Ok(application.to_vec())
}

/// The bits of a magnitude without leading zero bytes.
fn bit_length(magnitude: &[u8]) -> u32 {
    let Some(first) = magnitude.first() else { return 0 };
    u32::try_from(magnitude.len()).unwrap_or(u32::MAX).saturating_mul(8).saturating_sub(first.leading_zeros())
}

fn is_odd(magnitude: &[u8]) -> bool {
    magnitude.last().is_some_and(|last| last & 1 == 1)
}

/// Every key has exactly one accepted encoding, so equal keys are equal blobs.
impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.blob == other.blob
    }
}

impl Eq for PublicKey {}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {}", self.key_type().short_name(), self.fingerprint(FingerprintHash::Sha256))
    }
}

impl TryFrom<Vec<u8>> for PublicKey {
    type Error = KeyError;

    fn try_from(blob: Vec<u8>) -> Result<Self, KeyError> {
        Self::parse(&blob)
    }
}

impl From<PublicKey> for Vec<u8> {
    fn from(key: PublicKey) -> Self {
        key.blob
    }
}
