//! RSA signatures with PKCS#1 v1.5 padding (RFC 8332; SHA-1 by RFC 4253 only where asked for by its name).

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, RsaParameters,
};

use crate::KeyError;

/// In bytes: what the library takes.
const LONGEST_MODULUS: usize = 8192 / 8;

/// Which moduli are too short is RequiredRSASize's business, hence the library's widest range.
pub(super) fn verify(
    algorithm: &str,
    exponent: &[u8],
    modulus: &[u8],
    signed: &[u8],
    signature: &[u8],
) -> Result<(), KeyError> {
    let parameters: &RsaParameters = match algorithm {
        "rsa-sha2-512" => &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        "rsa-sha2-256" => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        "ssh-rsa" => &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        _ => return Err(KeyError::WrongAlgorithm),
    };
    if modulus.len() > LONGEST_MODULUS {
        return Err(KeyError::BadKey("signatures of RSA keys with more than 8192 bits cannot be checked"));
    }
    let padded = pad_to_modulus(signature, modulus.len())?;
    PublicKeyComponents { n: modulus, e: exponent }
        .verify(parameters, signed, &padded)
        .map_err(|_| KeyError::SignatureIncorrect)
}

/// Some clients strip leading zeros from the signature; it means the same number.
fn pad_to_modulus(signature: &[u8], modulus_length: usize) -> Result<Vec<u8>, KeyError> {
    let missing = modulus_length
        .checked_sub(signature.len())
        .filter(|_| !signature.is_empty())
        .ok_or(KeyError::BadSignature("RSA signature is empty or longer than the modulus"))?;
    let mut padded = vec![0; missing];
    padded.extend_from_slice(signature);
    Ok(padded)
}
