//! Poly1305 alone: OpenSSH's AEAD authenticates other bytes than RFC 8439's does.

use std::mem::MaybeUninit;

use aws_lc_sys::{
    CRYPTO_poly1305_finish, CRYPTO_poly1305_init, CRYPTO_poly1305_update, OPENSSL_cleanse, poly1305_state,
};

/// The library aligns inside the state itself; this saves it the search.
#[repr(align(64))]
struct State(MaybeUninit<poly1305_state>);

/// The tag of `message` under a key that is used for this one message (RFC 8439 section 2.5).
#[must_use]
pub fn poly1305(one_time_key: &[u8; 32], message: &[u8]) -> [u8; 16] {
    let mut state = State(MaybeUninit::uninit());
    let mut tag = [0; 16];
    // SAFETY: `init` writes the state that the other calls use; key, message and tag are slices and arrays of the
    // lengths that the functions read and write; the cleansed bytes are the state's own.
    unsafe {
        CRYPTO_poly1305_init(state.0.as_mut_ptr(), one_time_key.as_ptr());
        CRYPTO_poly1305_update(state.0.as_mut_ptr(), message.as_ptr(), message.len());
        CRYPTO_poly1305_finish(state.0.as_mut_ptr(), tag.as_mut_ptr());
        OPENSSL_cleanse(state.0.as_mut_ptr().cast(), size_of::<poly1305_state>());
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8439 section 2.5.2
    #[test]
    fn tag_of_rfc_8439() {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&0x85d6_be78_5755_6d33_7f44_52fe_42d5_06a8_u128.to_be_bytes());
        key[16..].copy_from_slice(&0x0103_808a_fb0d_b2fd_4abf_f6af_4149_f51b_u128.to_be_bytes());
        let tag = poly1305(&key, b"Cryptographic Forum Research Group");
        assert_eq!(tag, 0xa806_1dc1_3051_36c6_c22b_8baf_0c01_27a9_u128.to_be_bytes());
    }
}
