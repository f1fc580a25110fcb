//! ChaCha20 alone, in place.

use aws_lc_sys::CRYPTO_chacha_20;

/// Exclusive-ors `bytes` with the key stream of RFC 8439 section 2.4 from block `counter` on. At most 2³² − `counter`
/// blocks may be asked for: far more than a packet holds.
pub fn chacha20(key: &[u8; 32], nonce: &[u8; 12], counter: u32, bytes: &mut [u8]) {
    // SAFETY: input and output are the same `bytes.len()` bytes (the function permits exact overlap); key and nonce are
    // readable for the 32 and 12 bytes that their types say.
    unsafe {
        CRYPTO_chacha_20(bytes.as_mut_ptr(), bytes.as_ptr(), bytes.len(), key.as_ptr(), nonce.as_ptr(), counter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8439 section 2.4.2: the first bytes.
    #[test]
    fn key_stream_of_rfc_8439() {
        let key: [u8; 32] = std::array::from_fn(|place| place as u8);
        let nonce = [0, 0, 0, 0, 0, 0, 0, 0x4a, 0, 0, 0, 0];
        let mut bytes = *b"Ladies and Gentl";
        chacha20(&key, &nonce, 1, &mut bytes);
        assert_eq!(bytes, 0x6e2e_359a_2568_f980_41ba_0728_dd0d_6981_u128.to_be_bytes());
    }
}
