//! The packet's key stream, from block 1 on: where this cipher's time goes, beside Poly1305.
//!
//! Chosen by measurement (one Zen 5 core, packets of 32 KiB, GB/s): the `chacha20` crate with AVX-512 7.0, aws-lc 3.5,
//! the `chacha20` crate without AVX-512 1.8; Poly1305 of aws-lc 4.6, of RustCrypto 4.0. A whole packet takes 11.8 µs with
//! the first of each and 16.5 µs with aws-lc alone, which is what `aws_lc_rs::aead::chacha20_poly1305_openssh` takes too.
//! So: the crate where its AVX-512 code was compiled in (`--cfg chacha20_avx512` in `.cargo/config.toml`) and this
//! processor has it, aws-lc everywhere else.

/// Exclusive-ors `bytes` with ChaCha20's key stream from block 1 on.
pub(super) fn apply_key_stream(key: &[u8; 32], nonce: &[u8; 12], bytes: &mut [u8]) {
    #[cfg(all(chacha20_avx512, target_arch = "x86_64"))]
    if bytes.len() >= WORTH_WIDE_REGISTERS && has_avx512() {
        return apply_with_avx512(key, nonce, bytes);
    }
    crypto_ffi::chacha20(key, nonce, 1, bytes);
}

/// Bytes from which on sixteen blocks at once pay.
#[cfg(all(chacha20_avx512, target_arch = "x86_64"))]
const WORTH_WIDE_REGISTERS: usize = 512;

/// What the crate looks for itself; where it does not find it, its next choice would be slower than aws-lc.
#[cfg(all(chacha20_avx512, target_arch = "x86_64"))]
fn has_avx512() -> bool {
    std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512vl")
}

#[cfg(all(chacha20_avx512, target_arch = "x86_64"))]
fn apply_with_avx512(key: &[u8; 32], nonce: &[u8; 12], bytes: &mut [u8]) {
    use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
    let mut cipher = chacha20::ChaCha20::new(key.into(), nonce.into());
    cipher.seek(64_u32);
    cipher.apply_keystream(bytes);
}
