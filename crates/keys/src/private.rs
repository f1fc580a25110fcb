//! Private host keys: read from a file, carried sealed to each monitor, used there to sign.

mod der;
mod modulo;
mod openssh;
mod pem;

use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaEncoding,
};
use crypto_ffi::{MLDSA44_SEED, MlDsa44};
use serde::{Deserialize, Serialize};
use wire::Write as _;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::curve::Curve;
use crate::public::Parts;
use crate::signature::{mpints_from_fixed, sign_composite};
use crate::{KeyError, KeyType, PublicKey};

/// A private key. Its secret is wiped when it is dropped; its `Debug` form shows the public half.
///
/// It serialises to a few kilobytes for a sealed memfd. The library's key pair, whose construction costs about as much
/// as an RSA signature, is only made when something is to be signed.
#[derive(Clone, Serialize, Deserialize)]
pub struct PrivateKey {
    public: PublicKey,
    secret: Secret,
}

#[derive(Clone, Serialize, Deserialize, ZeroizeOnDrop)]
enum Secret {
    Ed25519 {
        seed: [u8; 32],
    },
    Ecdsa {
        /// As long as the curve's field.
        scalar: Vec<u8>,
    },
    /// The only form that holds the numbers for signing fast without further arithmetic.
    Rsa {
        pkcs8: Vec<u8>,
    },
    MlDsa44Ed25519 {
        ml_dsa_seed: [u8; MLDSA44_SEED],
        ed25519_seed: [u8; 32],
    },
}

impl PrivateKey {
    /// Reads a key file: `OPENSSH PRIVATE KEY`, PKCS#1, SEC1 or PKCS#8, without a passphrase.
    ///
    /// # Errors
    /// [`KeyError::Encrypted`] for keys with a passphrase; other formats, broken files, halves that do not belong
    /// together.
    pub fn parse_file(text: &[u8]) -> Result<Self, KeyError> {
        let file = pem::decode(text)?;
        match file.label {
            "OPENSSH PRIVATE KEY" => openssh::parse(&file.content),
            "RSA PRIVATE KEY" => Self::rsa(&rsa_from_pkcs1(&file.content)?),
            "EC PRIVATE KEY" => {
                Self::ecdsa_by_trying(|curve| EcdsaKeyPair::from_private_key_der(curve.signing(), &file.content).ok())
            }
            "PRIVATE KEY" => Self::from_pkcs8(&file.content),
            "ENCRYPTED PRIVATE KEY" => Err(KeyError::Encrypted),
            _ => Err(KeyError::BadFile("unknown kind of PEM file")),
        }
    }

    /// A new ed25519 key (for tests and for a first start without host keys).
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate_ed25519() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(seed.as_mut()).map_err(|_| KeyError::SigningFailed)?;
        Self::ed25519(&seed)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The signature algorithms it can be used with, the best first. SHA-1 is not among them.
    #[must_use]
    pub fn algorithms(&self) -> &'static [&'static str] {
        match self.public.key_type() {
            KeyType::Rsa => &["rsa-sha2-512", "rsa-sha2-256"],
            other => other.algorithms(),
        }
    }

    /// A signature blob (`string algorithm, string signature`) over `message`.
    ///
    /// # Errors
    /// An algorithm that is not of this key's type.
    pub fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        if !self.algorithms().contains(&algorithm) {
            return Err(KeyError::WrongAlgorithm);
        }
        let signature = match (&self.secret, self.public.parts()) {
            (Secret::Ed25519 { seed }, _) => sign_ed25519(seed, message)?,
            (Secret::Ecdsa { scalar }, Parts::Ecdsa { curve, point }) => sign_ecdsa(*curve, scalar, point, message)?,
            (Secret::Rsa { pkcs8 }, _) if algorithm == "rsa-sha2-512" => sign_rsa(pkcs8, &RSA_PKCS1_SHA512, message)?,
            (Secret::Rsa { pkcs8 }, _) => sign_rsa(pkcs8, &RSA_PKCS1_SHA256, message)?,
            (Secret::MlDsa44Ed25519 { ml_dsa_seed, ed25519_seed }, _) => {
                sign_composite(ml_dsa_seed, |signed| sign_ed25519(ed25519_seed, signed), message)?
            }
            (Secret::Ecdsa { .. }, _) => return Err(KeyError::SigningFailed),
        };
        let mut blob = Vec::new();
        blob.put_string(algorithm);
        blob.put_string(&signature);
        Ok(blob)
    }

    fn ml_dsa44_ed25519(ml_dsa_seed: &[u8; MLDSA44_SEED], ed25519_seed: &[u8; 32]) -> Result<Self, KeyError> {
        let ml_dsa = MlDsa44::from_seed(ml_dsa_seed).and_then(|key| key.public()).ok_or(BAD_PRIVATE_KEY)?;
        let ed25519 = Ed25519KeyPair::from_seed_unchecked(ed25519_seed).map_err(|_| BAD_PRIVATE_KEY)?;
        let mut blob = Vec::new();
        blob.put_string(KeyType::MlDsa44Ed25519.name());
        blob.put_string([&ml_dsa, ed25519.public_key().as_ref()].concat());
        let secret = Secret::MlDsa44Ed25519 { ml_dsa_seed: *ml_dsa_seed, ed25519_seed: *ed25519_seed };
        Ok(Self { public: PublicKey::parse(&blob)?, secret })
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            let seed = pair.seed().and_then(|seed| seed.as_be_bytes()).map_err(|_| BAD_PRIVATE_KEY)?;
            return Self::ed25519(seed.as_ref().try_into().map_err(|_| BAD_PRIVATE_KEY)?);
        }
        match RsaKeyPair::from_pkcs8(der) {
            Ok(pair) => Self::rsa(&pair),
            Err(_) => Self::ecdsa_by_trying(|curve| EcdsaKeyPair::from_pkcs8(curve.signing(), der).ok()),
        }
    }

    fn ed25519(seed: &[u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| BAD_PRIVATE_KEY)?;
        let mut blob = Vec::new();
        blob.put_string(KeyType::Ed25519.name());
        blob.put_string(pair.public_key());
        Ok(Self { public: PublicKey::parse(&blob)?, secret: Secret::Ed25519 { seed: *seed } })
    }

    /// The file's encoding names the curve somewhere; the library only says whether it is the expected one.
    fn ecdsa_by_trying(parse_as: impl Fn(Curve) -> Option<EcdsaKeyPair>) -> Result<Self, KeyError> {
        let found = Curve::ALL.into_iter().find_map(|curve| Some((curve, parse_as(curve)?)));
        let (curve, pair) = found.ok_or(KeyError::BadFile("no key of a known type"))?;
        Self::ecdsa(curve, &pair)
    }

    fn ecdsa(curve: Curve, pair: &EcdsaKeyPair) -> Result<Self, KeyError> {
        let scalar = pair.private_key().as_be_bytes().map_err(|_| BAD_PRIVATE_KEY)?;
        let mut blob = Vec::new();
        blob.put_string(curve.key_type().name());
        blob.put_string(curve.name());
        blob.put_string(pair.public_key());
        Ok(Self { public: PublicKey::parse(&blob)?, secret: Secret::Ecdsa { scalar: scalar.as_ref().to_vec() } })
    }

    fn rsa(pair: &RsaKeyPair) -> Result<Self, KeyError> {
        let (modulus, exponent) = der::rsa_public_key(pair.public_key().as_ref())?;
        let mut blob = Vec::new();
        blob.put_string(KeyType::Rsa.name());
        blob.put_mpint(exponent);
        blob.put_mpint(modulus);
        let pkcs8 = pair.as_der().map_err(|_| BAD_PRIVATE_KEY)?;
        Ok(Self { public: PublicKey::parse(&blob)?, secret: Secret::Rsa { pkcs8: pkcs8.as_ref().to_vec() } })
    }
}

const BAD_PRIVATE_KEY: KeyError = KeyError::BadKey("private key is malformed, or its halves do not belong together");

/// The library checks that the numbers belong together.
fn rsa_from_pkcs1(der: &[u8]) -> Result<RsaKeyPair, KeyError> {
    RsaKeyPair::from_der(der)
        .map_err(|_| KeyError::BadKey("RSA private key is malformed or does not have 2048 to 8192 bits"))
}

fn sign_ed25519(seed: &[u8; 32], message: &[u8]) -> Result<Vec<u8>, KeyError> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::SigningFailed)?;
    Ok(pair.try_sign(message).map_err(|_| KeyError::SigningFailed)?.as_ref().to_vec())
}

fn sign_ecdsa(curve: Curve, scalar: &[u8], point: &[u8], message: &[u8]) -> Result<Vec<u8>, KeyError> {
    let pair = EcdsaKeyPair::from_private_key_and_public_key(curve.signing(), scalar, point)
        .map_err(|_| KeyError::SigningFailed)?;
    let fixed = pair.sign(&SystemRandom::new(), message).map_err(|_| KeyError::SigningFailed)?;
    mpints_from_fixed(curve, fixed.as_ref())
}

fn sign_rsa(pkcs8: &[u8], encoding: &'static dyn RsaEncoding, message: &[u8]) -> Result<Vec<u8>, KeyError> {
    let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| KeyError::SigningFailed)?;
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), message, &mut signature).map_err(|_| KeyError::SigningFailed)?;
    Ok(signature)
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "private half of {:?}", self.public)
    }
}
