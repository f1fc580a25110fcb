//! The packet's key stream, from block 1 on: where this cipher's time goes, beside Poly1305.

/// Exclusive-ors `bytes` with ChaCha20's key stream from block 1 on.
pub(super) fn apply_key_stream(key: &[u8; 32], nonce: &[u8; 12], bytes: &mut [u8]) {
    crypto_ffi::chacha20(key, nonce, 1, bytes);
}
