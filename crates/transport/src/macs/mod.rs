//! Message authentication codes (RFC 4253 section 6.4; RFC 6668; UMAC; encrypt-then-MAC of OpenSSH's PROTOCOL).

mod umac;

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::{ciphers::LONGEST_TAG, secret::Secret};
use umac::Umac;

/// Bytes of a tag that is cut to 96 bits (RFC 4253 section 6.4).
const CUT: usize = 12;

/// How a MAC is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum MacAlgorithm {
    HmacMd5,
    /// The first 96 bits of it.
    HmacMd5Cut,
    HmacSha1,
    /// The first 96 bits of it.
    HmacSha1Cut,
    HmacSha256,
    HmacSha512,
    Umac64,
    Umac128,
}

/// A MAC's identity: the algorithm, and what it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MacName {
    algorithm: MacAlgorithm,
    /// Over the enciphered packet instead of the plain one.
    etm: bool,
}

impl MacName {
    const NAMES: [(&'static str, MacAlgorithm, bool); 16] = [
        ("umac-64-etm@openssh.com", MacAlgorithm::Umac64, true),
        ("umac-128-etm@openssh.com", MacAlgorithm::Umac128, true),
        ("hmac-sha2-256-etm@openssh.com", MacAlgorithm::HmacSha256, true),
        ("hmac-sha2-512-etm@openssh.com", MacAlgorithm::HmacSha512, true),
        ("hmac-sha1-etm@openssh.com", MacAlgorithm::HmacSha1, true),
        ("hmac-sha1-96-etm@openssh.com", MacAlgorithm::HmacSha1Cut, true),
        ("hmac-md5-etm@openssh.com", MacAlgorithm::HmacMd5, true),
        ("hmac-md5-96-etm@openssh.com", MacAlgorithm::HmacMd5Cut, true),
        ("umac-64@openssh.com", MacAlgorithm::Umac64, false),
        ("umac-128@openssh.com", MacAlgorithm::Umac128, false),
        ("hmac-sha2-256", MacAlgorithm::HmacSha256, false),
        ("hmac-sha2-512", MacAlgorithm::HmacSha512, false),
        ("hmac-sha1", MacAlgorithm::HmacSha1, false),
        ("hmac-sha1-96", MacAlgorithm::HmacSha1Cut, false),
        ("hmac-md5", MacAlgorithm::HmacMd5, false),
        ("hmac-md5-96", MacAlgorithm::HmacMd5Cut, false),
    ];

    pub(crate) fn by_name(name: &str) -> Option<Self> {
        let (_, algorithm, etm) = Self::NAMES.iter().find(|(known, ..)| *known == name)?;
        Some(Self { algorithm: *algorithm, etm: *etm })
    }

    /// Bytes of key that the key exchange must yield.
    pub(crate) fn key_length(self) -> usize {
        match self.algorithm {
            MacAlgorithm::HmacSha1 | MacAlgorithm::HmacSha1Cut => 20,
            MacAlgorithm::HmacSha256 => 32,
            MacAlgorithm::HmacSha512 => 64,
            MacAlgorithm::HmacMd5 | MacAlgorithm::HmacMd5Cut | MacAlgorithm::Umac64 | MacAlgorithm::Umac128 => 16,
        }
    }
}

/// A MAC with its key.
#[derive(Debug)]
pub(crate) struct Mac {
    keyed: Keyed,
    etm: bool,
    tag_length: usize,
}

#[derive(Debug)]
enum Keyed {
    HmacMd5(Secret),
    Hmac(Box<hmac::Key>),
    Umac64(Box<Umac<2>>),
    Umac128(Box<Umac<4>>),
}

impl Mac {
    pub(crate) fn new(name: MacName, key: &[u8]) -> Option<Self> {
        let (keyed, tag_length) = match name.algorithm {
            MacAlgorithm::HmacMd5 => (Keyed::HmacMd5(key.into()), 16),
            MacAlgorithm::HmacMd5Cut => (Keyed::HmacMd5(key.into()), CUT),
            MacAlgorithm::HmacSha1 => (hmac_keyed(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key), 20),
            MacAlgorithm::HmacSha1Cut => (hmac_keyed(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key), CUT),
            MacAlgorithm::HmacSha256 => (hmac_keyed(hmac::HMAC_SHA256, key), 32),
            MacAlgorithm::HmacSha512 => (hmac_keyed(hmac::HMAC_SHA512, key), 64),
            MacAlgorithm::Umac64 => (Keyed::Umac64(Box::new(Umac::new(key)?)), 8),
            MacAlgorithm::Umac128 => (Keyed::Umac128(Box::new(Umac::new(key)?)), 16),
        };
        Some(Self { keyed, etm: name.etm, tag_length })
    }

    pub(crate) fn is_etm(&self) -> bool {
        self.etm
    }

    /// In bytes.
    pub(crate) fn tag_length(&self) -> usize {
        self.tag_length
    }

    /// Writes the tag of `covered` into `tag`, which is [`Mac::tag_length`] long; `None` if the library failed.
    pub(crate) fn compute(&self, sequence: u32, covered: &[u8], tag: &mut [u8]) -> Option<()> {
        match &self.keyed {
            Keyed::HmacMd5(key) => {
                copy(&crypto_ffi::hmac_md5(key.bytes(), [&sequence.to_be_bytes(), covered])?, tag);
            }
            Keyed::Hmac(key) => {
                let mut hmac = hmac::Context::with_key(key);
                hmac.update(&sequence.to_be_bytes());
                hmac.update(covered);
                copy(hmac.sign().as_ref(), tag);
            }
            // UMAC takes the sequence number as its nonce, as uint64.
            Keyed::Umac64(umac) => copy(&umac.tag(u64::from(sequence), covered), tag),
            Keyed::Umac128(umac) => copy(&umac.tag(u64::from(sequence), covered), tag),
        }
        Some(())
    }

    /// Whether `tag` is that of `covered`, in a time that does not depend on where they differ.
    pub(crate) fn verify(&self, sequence: u32, covered: &[u8], tag: &[u8]) -> Option<()> {
        let mut expected = [0; LONGEST_TAG];
        let expected = expected.get_mut(..self.tag_length)?;
        self.compute(sequence, covered, expected)?;
        bool::from((*expected).ct_eq(tag)).then_some(())
    }
}

fn hmac_keyed(algorithm: hmac::Algorithm, key: &[u8]) -> Keyed {
    Keyed::Hmac(Box::new(hmac::Key::new(algorithm, key)))
}

/// As much as there is room for.
fn copy(from: &[u8], to: &mut [u8]) {
    to.iter_mut().zip(from).for_each(|(place, byte)| *place = *byte);
}
