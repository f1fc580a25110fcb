//! Fingerprints of key blobs.

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

/// The hash of a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FingerprintHash {
    /// `MD5:` and the hash in hexadecimal, byte by byte
    Md5,
    /// `SHA1:` and the hash in base64 without padding
    Sha1,
    /// `SHA256:`, the default
    Sha256,
    /// `SHA384:`
    Sha384,
    /// `SHA512:`
    Sha512,
}

impl FingerprintHash {
    /// The hash with this name, such as `SHA256`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "MD5" => Self::Md5,
            "SHA1" => Self::Sha1,
            "SHA256" => Self::Sha256,
            "SHA384" => Self::Sha384,
            "SHA512" => Self::Sha512,
            _ => return None,
        })
    }
}

pub(crate) fn fingerprint(blob: &[u8], hash: FingerprintHash) -> String {
    let (name, algorithm): (_, &'static Algorithm) = match hash {
        FingerprintHash::Md5 => return md5_fingerprint(blob),
        FingerprintHash::Sha1 => ("SHA1", &SHA1_FOR_LEGACY_USE_ONLY),
        FingerprintHash::Sha256 => ("SHA256", &SHA256),
        FingerprintHash::Sha384 => ("SHA384", &SHA384),
        FingerprintHash::Sha512 => ("SHA512", &SHA512),
    };
    format!("{name}:{}", STANDARD_NO_PAD.encode(digest(algorithm, blob)))
}

fn md5_fingerprint(blob: &[u8]) -> String {
    let hash = crypto_ffi::md5(blob).unwrap_or_default();
    hash.iter().fold("MD5".to_owned(), |text, byte| format!("{text}:{byte:02x}"))
}
