//! AES and three-key DES in cipher block chaining, in place and without padding: SSH pads by itself (RFC 4253 section 6).

use std::ptr::{self, NonNull};

use aws_lc_sys::{
    EVP_CIPHER, EVP_CIPHER_CTX, EVP_CIPHER_CTX_free, EVP_CIPHER_CTX_new, EVP_CIPHER_CTX_set_padding, EVP_CipherInit_ex,
    EVP_CipherUpdate, EVP_aes_128_cbc, EVP_aes_192_cbc, EVP_aes_256_cbc, EVP_des_ede3_cbc,
};

/// A cipher in CBC mode. Wiped from memory when dropped.
pub struct Cbc {
    enciphering: Keyed,
    deciphering: Keyed,
    /// What the next block is chained to: the IV, then the last enciphered block.
    chain: Vec<u8>,
}

impl Cbc {
    /// AES with a key of 16, 24 or 32 bytes and an IV of 16; `None` for any other lengths.
    #[must_use]
    pub fn aes(key: &[u8], iv: &[u8]) -> Option<Self> {
        let cipher: unsafe extern "C" fn() -> *const EVP_CIPHER = match key.len() {
            16 => EVP_aes_128_cbc,
            24 => EVP_aes_192_cbc,
            32 => EVP_aes_256_cbc,
            _ => return None,
        };
        // SAFETY: nothing is needed to be told of a cipher.
        let cipher = unsafe { cipher() };
        (iv.len() == 16).then(|| Self::with(cipher, key, iv))?
    }

    /// DES three times, with a key of 24 bytes (whose parity bits mean nothing) and an IV of 8; `None` for any other
    /// lengths.
    #[must_use]
    pub fn triple_des(key: &[u8], iv: &[u8]) -> Option<Self> {
        // SAFETY: as above.
        let cipher = unsafe { EVP_des_ede3_cbc() };
        (key.len() == 24 && iv.len() == 8).then(|| Self::with(cipher, key, iv))?
    }

    /// The lengths of key and IV have been checked to be the cipher's.
    fn with(cipher: *const EVP_CIPHER, key: &[u8], iv: &[u8]) -> Option<Self> {
        Some(Self {
            enciphering: Keyed::new(cipher, key, iv, true)?,
            deciphering: Keyed::new(cipher, key, iv, false)?,
            chain: iv.to_vec(),
        })
    }

    /// Bytes of a block.
    #[must_use]
    pub fn block_size(&self) -> usize {
        self.chain.len()
    }

    /// What the next block is chained to: the IV with which another `Cbc` of the same key would go on.
    #[must_use]
    pub fn chain(&self) -> &[u8] {
        &self.chain
    }

    /// Enciphers whole blocks; `None`, and nothing is done, if there is a rest.
    #[must_use]
    pub fn encipher(&mut self, bytes: &mut [u8]) -> Option<()> {
        self.enciphering.run(&self.chain, bytes)?;
        self.move_on(bytes.rchunks_exact(self.block_size()).next().map(<[u8]>::to_vec));
        Some(())
    }

    /// Deciphers whole blocks; `None`, and nothing is done, if there is a rest.
    #[must_use]
    pub fn decipher(&mut self, bytes: &mut [u8]) -> Option<()> {
        let last = bytes.rchunks_exact(self.block_size()).next().map(<[u8]>::to_vec);
        self.deciphering.run(&self.chain, bytes)?;
        self.move_on(last);
        Some(())
    }

    /// Deciphers blocks that stay where they are in the chain: they will come again.
    #[must_use]
    pub fn look_ahead(&self, bytes: &mut [u8]) -> Option<()> {
        self.deciphering.run(&self.chain, bytes)
    }

    fn move_on(&mut self, last_enciphered: Option<Vec<u8>>) {
        if let Some(block) = last_enciphered {
            self.chain = block;
        }
    }
}

impl std::fmt::Debug for Cbc {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Cbc(secret)")
    }
}

/// A key expanded for one kind of work; the library wipes it when it is freed.
struct Keyed(NonNull<EVP_CIPHER_CTX>);

impl Keyed {
    fn new(cipher: *const EVP_CIPHER, key: &[u8], iv: &[u8], enciphers: bool) -> Option<Self> {
        // SAFETY: nothing is needed to make one; it is ours.
        let keyed = Self(NonNull::new(unsafe { EVP_CIPHER_CTX_new() })?);
        let (key, iv) = (key.as_ptr(), iv.as_ptr());
        // SAFETY: the context is alive, and key and IV are as long as the cipher reads.
        let worked = unsafe {
            EVP_CipherInit_ex(keyed.0.as_ptr(), cipher, ptr::null_mut(), key, iv, enciphers.into()) == 1
                && EVP_CIPHER_CTX_set_padding(keyed.0.as_ptr(), 0) == 1
        };
        worked.then_some(keyed)
    }

    /// Does its work on whole blocks, chained to `chain`, which is a block.
    fn run(&self, chain: &[u8], bytes: &mut [u8]) -> Option<()> {
        const AS_BEFORE: i32 = -1;
        let length = i32::try_from(bytes.len()).ok().filter(|_| bytes.len().is_multiple_of(chain.len()))?;
        let mut done = 0;
        // SAFETY: the context is alive; the chain is as long as the cipher's IV. Whole blocks without padding leave
        // nothing over in the context, so `length` bytes are read and written; the function permits exact overlap.
        let worked = unsafe {
            let context = self.0.as_ptr();
            EVP_CipherInit_ex(context, ptr::null(), ptr::null_mut(), ptr::null(), chain.as_ptr(), AS_BEFORE) == 1
                && EVP_CipherUpdate(context, bytes.as_mut_ptr(), &raw mut done, bytes.as_ptr(), length) == 1
        };
        (worked && done == length).then_some(())
    }
}

impl Drop for Keyed {
    fn drop(&mut self) {
        // SAFETY: it is ours and freed once.
        unsafe { EVP_CIPHER_CTX_free(self.0.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST SP 800-38A, F.2.1: CBC-AES128.Encrypt, first two blocks.
    #[test]
    fn aes_of_sp_800_38a() {
        let key = 0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3c_u128.to_be_bytes();
        let iv: [u8; 16] = std::array::from_fn(|place| place as u8);
        let plain = [
            0x6bc1_bee2_2e40_9f96_e93d_7e11_7393_172a_u128.to_be_bytes(),
            0xae2d_8a57_1e03_ac9c_9eb7_6fac_45af_8e51_u128.to_be_bytes(),
        ];
        let mut bytes = plain.concat();
        let mut enciphering = Cbc::aes(&key, &iv).unwrap();
        enciphering.encipher(&mut bytes).unwrap();
        assert_eq!(bytes[..16], 0x7649_abac_8119_b246_cee9_8e9b_12e9_197d_u128.to_be_bytes());
        assert_eq!(bytes[16..], 0x5086_cb9b_5072_19ee_95db_113a_9176_78b2_u128.to_be_bytes());
        assert_eq!(enciphering.chain(), &bytes[16..]);
        let mut deciphering = Cbc::aes(&key, &iv).unwrap();
        let mut first: [u8; 16] = bytes[..16].try_into().unwrap();
        deciphering.look_ahead(&mut first).unwrap();
        assert_eq!(first, plain[0]);
        bytes.as_chunks_mut::<16>().0.iter_mut().for_each(|block| deciphering.decipher(block).unwrap());
        assert_eq!(bytes, plain.concat());
    }

    /// NIST SP 800-67, B.1 (there in ECB mode): with an IV of zeros the first block is the same.
    #[test]
    fn triple_des_of_sp_800_67() {
        let key: Vec<u8> =
            [0x0123_4567_89ab_cdef_u64, 0x2345_6789_abcd_ef01, 0x4567_89ab_cdef_0123].map(u64::to_be_bytes).concat();
        let mut bytes = *b"The qufc";
        let mut enciphering = Cbc::triple_des(&key, &[0; 8]).unwrap();
        enciphering.encipher(&mut bytes).unwrap();
        assert_eq!(bytes, 0xa826_fd8c_e53b_855f_u64.to_be_bytes());
        assert_eq!((enciphering.block_size(), enciphering.chain()), (8, &bytes[..]));
        Cbc::triple_des(&key, &[0; 8]).unwrap().decipher(&mut bytes).unwrap();
        assert_eq!(&bytes, b"The qufc");
    }

    #[test]
    fn other_lengths_are_refused() {
        assert!(Cbc::aes(&[0; 17], &[0; 16]).is_none());
        assert!(Cbc::aes(&[0; 16], &[0; 17]).is_none());
        assert!(Cbc::triple_des(&[0; 23], &[0; 8]).is_none());
        assert!(Cbc::triple_des(&[0; 24], &[0; 16]).is_none());
        assert!(Cbc::aes(&[0; 16], &[0; 16]).unwrap().encipher(&mut [0; 17]).is_none());
    }
}
