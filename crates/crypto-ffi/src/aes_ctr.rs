//! AES in counter mode, in place and at any position: `aws_lc_rs::cipher` only writes to a second buffer.

use std::mem::MaybeUninit;

use aws_lc_sys::{AES_KEY, AES_ctr128_encrypt, AES_set_encrypt_key, OPENSSL_cleanse};

/// An expanded AES key. Wiped from memory when dropped.
pub struct AesCtr {
    key: AES_KEY,
}

impl AesCtr {
    /// Expands a key of 16, 24 or 32 bytes; `None` for any other length.
    #[must_use]
    pub fn new(key: &[u8]) -> Option<Self> {
        let bits = match key.len() {
            16 => 128,
            24 => 192,
            32 => 256,
            _ => return None,
        };
        let mut expanded = MaybeUninit::<AES_KEY>::zeroed();
        // SAFETY: `key` holds bits/8 readable bytes; `expanded` is memory of an AES_KEY to be written.
        let status = unsafe { AES_set_encrypt_key(key.as_ptr(), bits, expanded.as_mut_ptr()) };
        // SAFETY: all of it was zeroed, and it consists of integers only.
        let key = unsafe { expanded.assume_init() };
        (status == 0).then_some(Self { key })
    }

    /// Exclusive-ors `bytes` with the key stream that starts at `counter_block` (128 bits, big-endian, wrapping).
    pub fn apply(&self, counter_block: u128, bytes: &mut [u8]) {
        let mut counter = counter_block.to_be_bytes();
        let mut rest_of_block = [0; 16];
        let mut used_of_block = 0;
        // SAFETY: input and output are the same `bytes.len()` bytes (the function permits exact overlap); the counter and
        // the key-stream block are 16 writable bytes each; the key was expanded by `new`.
        unsafe {
            AES_ctr128_encrypt(
                bytes.as_ptr(),
                bytes.as_mut_ptr(),
                bytes.len(),
                &raw const self.key,
                counter.as_mut_ptr(),
                rest_of_block.as_mut_ptr(),
                &raw mut used_of_block,
            );
        }
    }

    /// One block enciphered: AES itself.
    #[must_use]
    pub fn encipher_block(&self, block: [u8; 16]) -> [u8; 16] {
        let mut enciphered = [0; 16];
        self.apply(u128::from_be_bytes(block), &mut enciphered);
        enciphered
    }
}

impl Drop for AesCtr {
    fn drop(&mut self) {
        // SAFETY: the pointer and the size are those of the field.
        unsafe { OPENSSL_cleanse((&raw mut self.key).cast(), size_of::<AES_KEY>()) };
    }
}

impl std::fmt::Debug for AesCtr {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("AesCtr(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST SP 800-38A, F.5.1: CTR-AES128.Encrypt, first two blocks.
    #[test]
    fn ctr_of_sp_800_38a() {
        let key = 0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3c_u128.to_be_bytes();
        let mut bytes = Vec::new();
        bytes.extend(0x6bc1_bee2_2e40_9f96_e93d_7e11_7393_172a_u128.to_be_bytes());
        bytes.extend(0xae2d_8a57_1e03_ac9c_9eb7_6fac_45af_8e51_u128.to_be_bytes());
        AesCtr::new(&key).unwrap().apply(0xf0f1_f2f3_f4f5_f6f7_f8f9_fafb_fcfd_feff, &mut bytes);
        assert_eq!(bytes[..16], 0x874d_6191_b620_e326_1bef_6864_990d_b6ce_u128.to_be_bytes());
        assert_eq!(bytes[16..], 0x9806_f66b_7970_fdff_8617_187b_b9ff_fdff_u128.to_be_bytes());
    }

    #[test]
    fn the_counter_wraps_at_128_bits() {
        let aes = AesCtr::new(&[7; 32]).unwrap();
        let mut both = [0; 32];
        aes.apply(u128::MAX, &mut both);
        assert_eq!(both[16..], aes.encipher_block([0; 16]));
    }

    #[test]
    fn only_aes_key_lengths() {
        assert!(AesCtr::new(&[0; 17]).is_none());
        assert!(AesCtr::new(&[]).is_none());
    }
}
