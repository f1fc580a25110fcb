//! HMAC-MD5 (RFC 2104), which the safe crate leaves out: old devices speak nothing better.

use aws_lc_sys::{EVP_md5, HMAC_CTX_free, HMAC_CTX_new, HMAC_Final, HMAC_Init_ex, HMAC_Update};

/// The tag of both parts, one behind the other; `None` if the library has no memory.
#[must_use]
pub fn hmac_md5(key: &[u8], parts: [&[u8]; 2]) -> Option<[u8; 16]> {
    let mut tag = [0; 16];
    let mut length = 0;
    // SAFETY: the context is made here, used only if it was made, and freed once; key and parts are readable for the
    // lengths given, and a tag of MD5 is 16 bytes.
    let worked = unsafe {
        let context = HMAC_CTX_new();
        if context.is_null() {
            return None;
        }
        let worked = HMAC_Init_ex(context, key.as_ptr().cast(), key.len(), EVP_md5(), std::ptr::null_mut()) == 1
            && parts.iter().all(|part| HMAC_Update(context, part.as_ptr(), part.len()) == 1)
            && HMAC_Final(context, tag.as_mut_ptr(), &raw mut length) == 1;
        HMAC_CTX_free(context);
        worked
    };
    (worked && length == 16).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2202 section 2, test cases 1 and 2.
    #[test]
    fn tags_of_rfc_2202() {
        let tag = |key: &[u8], parts| u128::from_be_bytes(hmac_md5(key, parts).unwrap());
        assert_eq!(tag(&[0x0b; 16], [b"Hi", b" There"]), 0x9294_727a_3638_bb1c_13f4_8ef8_158b_fc9d);
        assert_eq!(tag(b"Jefe", [b"what do ya want ", b"for nothing?"]), 0x750c_783e_6ab0_b503_eaa8_6e31_0a5d_b738);
    }
}
