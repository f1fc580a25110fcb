//! `OPENSSH PRIVATE KEY` files (OpenSSH's PROTOCOL.key).

use aws_lc_rs::signature::EcdsaKeyPair;
use wire::Reader;

use super::{BAD_PRIVATE_KEY, PrivateKey, der, rsa_from_pkcs1};
use crate::curve::Curve;
use crate::{KeyError, KeyType, PublicKey};

const MAGIC: &[u8] = b"openssh-key-v1\0";

pub(super) fn parse(content: &[u8]) -> Result<PrivateKey, KeyError> {
    let mut reader = Reader::new(content);
    if reader.bytes(MAGIC.len())? != MAGIC {
        return Err(KeyError::BadFile("not in OpenSSH's format"));
    }
    let (cipher, _kdf, _kdf_options) = (reader.string()?, reader.string()?, reader.string()?);
    if cipher != b"none" {
        return Err(KeyError::Encrypted);
    }
    if reader.u32()? != 1 {
        return Err(KeyError::BadFile("does not hold exactly one key"));
    }
    let public = PublicKey::parse(reader.string()?)?;
    let key = parse_private_section(reader.string()?)?;
    if key.public() == &public { Ok(key) } else { Err(BAD_PRIVATE_KEY) }
}

fn parse_private_section(section: &[u8]) -> Result<PrivateKey, KeyError> {
    let mut reader = Reader::new(section);
    // Two equal numbers tell a right passphrase from a wrong one.
    if reader.u32()? != reader.u32()? {
        return Err(KeyError::BadFile("check numbers differ"));
    }
    let key = match KeyType::from_name(reader.utf8()?) {
        Some(KeyType::Ed25519) => ed25519(&mut reader)?,
        Some(KeyType::EcdsaP256) => ecdsa(&mut reader, Curve::P256)?,
        Some(KeyType::EcdsaP384) => ecdsa(&mut reader, Curve::P384)?,
        Some(KeyType::EcdsaP521) => ecdsa(&mut reader, Curve::P521)?,
        Some(KeyType::Rsa) => rsa(&mut reader)?,
        Some(KeyType::MlDsa44Ed25519) => composite(&mut reader)?,
        Some(KeyType::SkEd25519 | KeyType::SkEcdsaP256) => {
            return Err(KeyError::BadKey("the private half is inside an authenticator"));
        }
        None => return Err(KeyError::UnknownType),
    };
    let _comment = reader.string()?;
    let padding_is_right = reader.rest().iter().zip(1u8..).all(|(byte, expected)| *byte == expected);
    if padding_is_right { Ok(key) } else { Err(KeyError::BadFile("wrong padding")) }
}

fn ed25519(reader: &mut Reader<'_>) -> Result<PrivateKey, KeyError> {
    let public = reader.string()?;
    let (seed, appended_public) = reader.string()?.split_first_chunk::<32>().ok_or(BAD_PRIVATE_KEY)?;
    if public != appended_public {
        return Err(BAD_PRIVATE_KEY);
    }
    PrivateKey::ed25519(seed)
}

fn ecdsa(reader: &mut Reader<'_>, curve: Curve) -> Result<PrivateKey, KeyError> {
    if reader.string()? != curve.name().as_bytes() {
        return Err(KeyError::BadKey("curve does not belong to the key type"));
    }
    let (point, scalar) = (reader.string()?, reader.positive_mpint()?);
    let padding = curve.field_length().checked_sub(scalar.len()).ok_or(BAD_PRIVATE_KEY)?;
    let mut padded = zeroize::Zeroizing::new(vec![0; padding]);
    padded.extend_from_slice(scalar);
    let pair = EcdsaKeyPair::from_private_key_and_public_key(curve.signing(), &padded, point);
    PrivateKey::ecdsa(curve, &pair.map_err(|_| BAD_PRIVATE_KEY)?)
}

fn rsa(reader: &mut Reader<'_>) -> Result<PrivateKey, KeyError> {
    let (n, e, d) = (reader.positive_mpint()?, reader.positive_mpint()?, reader.positive_mpint()?);
    let (iqmp, p, q) = (reader.positive_mpint()?, reader.positive_mpint()?, reader.positive_mpint()?);
    let pkcs1 = der::rsa_private_key(n, e, d, p, q, iqmp).ok_or(BAD_PRIVATE_KEY)?;
    PrivateKey::rsa(&rsa_from_pkcs1(&pkcs1)?)
}

/// The public half, then both seeds in one string.
fn composite(reader: &mut Reader<'_>) -> Result<PrivateKey, KeyError> {
    let _public = reader.string()?;
    let (ml_dsa, ed25519) = reader.string()?.split_first_chunk::<32>().ok_or(BAD_PRIVATE_KEY)?;
    PrivateKey::ml_dsa44_ed25519(ml_dsa, ed25519.try_into().map_err(|_| BAD_PRIVATE_KEY)?)
}
