//! MD5, which is good for nothing any more but comparing fingerprints by eye.

use std::ptr::null_mut;

use aws_lc_sys::{EVP_Digest, EVP_md5};

/// The hash of RFC 1321; `None` when the library does not have it.
#[must_use]
pub fn md5(bytes: &[u8]) -> Option<[u8; 16]> {
    let mut hash = [0; 16];
    // SAFETY: `bytes.len()` bytes are readable, and the 16 bytes of an MD5 hash are writable; nobody asks for the
    // length, and there is no engine.
    let done =
        unsafe { EVP_Digest(bytes.as_ptr().cast(), bytes.len(), hash.as_mut_ptr(), null_mut(), EVP_md5(), null_mut()) };
    (done == 1).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_rfc_1321() {
        assert_eq!(u128::from_be_bytes(md5(b"").unwrap()), 0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e);
        assert_eq!(u128::from_be_bytes(md5(b"abc").unwrap()), 0x9001_5098_3cd2_4fb0_d696_3f7d_28e1_7f72);
    }
}
