//! Fingerprints of key blobs.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

/// The hash of a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FingerprintHash {
    /// `SHA256:` and the hash in base64 without padding
    Sha256,
}

pub(crate) fn fingerprint(blob: &[u8], hash: FingerprintHash) -> String {
    match hash {
        FingerprintHash::Sha256 => format!("SHA256:{}", STANDARD_NO_PAD.encode(digest(&SHA256, blob))),
    }
}
