//! ML-DSA-44 with context strings (FIPS 204): the safe crate signs and verifies with the empty context only.

use std::ptr::{NonNull, null_mut};

use aws_lc_sys::{
    EVP_DigestSign, EVP_DigestSignInit, EVP_DigestVerify, EVP_DigestVerifyInit, EVP_MD_CTX, EVP_MD_CTX_free,
    EVP_MD_CTX_new, EVP_PKEY, EVP_PKEY_CTX, EVP_PKEY_CTX_set1_signature_context_string, EVP_PKEY_free,
    EVP_PKEY_get_raw_public_key, EVP_PKEY_pqdsa_new_raw_private_key, EVP_PKEY_pqdsa_new_raw_public_key, NID_MLDSA44,
};

/// Bytes of the seed that a private key is made from.
pub const MLDSA44_SEED: usize = 32;
/// Bytes of a public key.
pub const MLDSA44_PUBLIC: usize = 1312;
/// Bytes of a signature.
pub const MLDSA44_SIGNATURE: usize = 2420;

/// An ML-DSA-44 key. The library wipes private ones when they are freed.
pub struct MlDsa44(NonNull<EVP_PKEY>);

impl MlDsa44 {
    /// The private key that belongs to a seed; `None` when there is no memory for it.
    #[must_use]
    pub fn from_seed(seed: &[u8; MLDSA44_SEED]) -> Option<Self> {
        // SAFETY: the seed is readable for the length that is told.
        let key = unsafe { EVP_PKEY_pqdsa_new_raw_private_key(NID_MLDSA44, seed.as_ptr(), seed.len()) };
        NonNull::new(key).map(Self)
    }

    /// A public key. Every string of the right length is one.
    #[must_use]
    pub fn from_public(public: &[u8; MLDSA44_PUBLIC]) -> Option<Self> {
        // SAFETY: the key is readable for the length that is told.
        let key = unsafe { EVP_PKEY_pqdsa_new_raw_public_key(NID_MLDSA44, public.as_ptr(), public.len()) };
        NonNull::new(key).map(Self)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> Option<[u8; MLDSA44_PUBLIC]> {
        let (mut public, mut length) = ([0; MLDSA44_PUBLIC], MLDSA44_PUBLIC);
        // SAFETY: the key lives; `public` is writable for the length that is told.
        let done = unsafe { EVP_PKEY_get_raw_public_key(self.0.as_ptr(), public.as_mut_ptr(), &raw mut length) };
        (done == 1 && length == MLDSA44_PUBLIC).then_some(public)
    }

    /// A signature over `message` under a context of at most 255 bytes. `None` if the key has no private half.
    #[must_use]
    pub fn sign(&self, context: &[u8], message: &[u8]) -> Option<[u8; MLDSA44_SIGNATURE]> {
        let operation = Operation::new()?;
        let mut parameters: *mut EVP_PKEY_CTX = null_mut();
        // SAFETY: operation and key live; the parameters that are given out belong to the operation.
        let begun = unsafe {
            EVP_DigestSignInit(operation.0.as_ptr(), &raw mut parameters, std::ptr::null(), null_mut(), self.0.as_ptr())
        };
        if begun != 1 || !set_context(parameters, context) {
            return None;
        }
        let (mut signature, mut length) = ([0; MLDSA44_SIGNATURE], MLDSA44_SIGNATURE);
        // SAFETY: the operation has begun; `signature` is writable and `message` readable for the lengths that are told.
        let done = unsafe {
            EVP_DigestSign(
                operation.0.as_ptr(),
                signature.as_mut_ptr(),
                &raw mut length,
                message.as_ptr(),
                message.len(),
            )
        };
        (done == 1 && length == MLDSA44_SIGNATURE).then_some(signature)
    }

    /// Whether a signature over `message` under a context is right.
    #[must_use]
    pub fn verify(&self, context: &[u8], message: &[u8], signature: &[u8; MLDSA44_SIGNATURE]) -> bool {
        let Some(operation) = Operation::new() else { return false };
        let mut parameters: *mut EVP_PKEY_CTX = null_mut();
        // SAFETY: operation and key live; the parameters that are given out belong to the operation.
        let begun = unsafe {
            EVP_DigestVerifyInit(
                operation.0.as_ptr(),
                &raw mut parameters,
                std::ptr::null(),
                null_mut(),
                self.0.as_ptr(),
            )
        };
        if begun != 1 || !set_context(parameters, context) {
            return false;
        }
        // SAFETY: the operation has begun; signature and message are readable for the lengths that are told.
        let right = unsafe {
            EVP_DigestVerify(operation.0.as_ptr(), signature.as_ptr(), signature.len(), message.as_ptr(), message.len())
        };
        right == 1
    }
}

impl Drop for MlDsa44 {
    fn drop(&mut self) {
        // SAFETY: made by this type, and freed once.
        unsafe { EVP_PKEY_free(self.0.as_ptr()) };
    }
}

/// `parameters` belong to an operation that has just begun.
fn set_context(parameters: *mut EVP_PKEY_CTX, context: &[u8]) -> bool {
    // SAFETY: the library has given the parameters out for an operation that lives; the context is readable for the
    // length that is told, and copied.
    unsafe { EVP_PKEY_CTX_set1_signature_context_string(parameters, context.as_ptr(), context.len()) == 1 }
}

/// One signature being made or checked.
struct Operation(NonNull<EVP_MD_CTX>);

impl Operation {
    fn new() -> Option<Self> {
        // SAFETY: nothing is given to the function.
        NonNull::new(unsafe { EVP_MD_CTX_new() }).map(Self)
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        // SAFETY: made by this type, and freed once; the key that it refers to is counted by the library.
        unsafe { EVP_MD_CTX_free(self.0.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_count_for_their_key_message_and_context_only() {
        let key = MlDsa44::from_seed(&[7; 32]).unwrap();
        let public = MlDsa44::from_public(&key.public().unwrap()).unwrap();
        let signature = key.sign(b"context", b"message").unwrap();
        assert!(public.verify(b"context", b"message", &signature));
        assert!(!public.verify(b"", b"message", &signature));
        assert!(!public.verify(b"context", b"massage", &signature));
        assert!(!MlDsa44::from_seed(&[8; 32]).unwrap().verify(b"context", b"message", &signature));
        for place in [0, 1000, MLDSA44_SIGNATURE - 1] {
            let mut damaged = signature;
            damaged[place] ^= 1;
            assert!(!public.verify(b"context", b"message", &damaged));
        }
        assert!(public.sign(b"", b"message").is_none(), "there is no private half");
        assert!(key.sign(&[0; 256], b"message").is_none(), "too long a context");
    }
}
