//! `aes{128,192,256}-cbc` and `3des-cbc` (RFC 4253 section 6.3) with a MAC over the plain packet or, as
//! `*-etm@openssh.com`, over the enciphered one.
//!
//! Each packet is chained to the one before (RFC 4253 section 6.3: "as if a single stream"), so this is the one cipher
//! that has a position of its own: its IV.

use crypto_ffi::Cbc;

use super::{CipherName, DirectionKeys, LENGTH_FIELD, LONGEST_TAG, Position};
use crate::{macs::Mac, secret::Secret};

/// Bytes of the longest block.
const LONGEST_BLOCK: usize = 16;

#[derive(Debug)]
pub(crate) struct CbcAndMac {
    cipher: Cbc,
    mac: Mac,
}

impl CbcAndMac {
    pub(super) fn new(keys: &DirectionKeys) -> Option<Self> {
        let (key, iv) = (keys.key.bytes(), keys.iv.bytes());
        let cipher = if keys.cipher == CipherName::TripleDesCbc { Cbc::triple_des(key, iv) } else { Cbc::aes(key, iv) };
        Some(Self { cipher: cipher?, mac: Mac::new(keys.mac?, keys.mac_key.bytes())? })
    }

    pub(super) fn is_etm(&self) -> bool {
        self.mac.is_etm()
    }

    pub(super) fn tag_length(&self) -> usize {
        self.mac.tag_length()
    }

    pub(super) fn block_size(&self) -> usize {
        self.cipher.block_size()
    }

    /// With which IV the next packet begins.
    pub(super) fn iv(&self) -> Secret {
        self.cipher.chain().into()
    }

    pub(super) fn packet_length(&self, first: &[u8]) -> Option<u32> {
        if self.is_etm() {
            return first.first_chunk().map(|field| u32::from_be_bytes(*field));
        }
        let mut block = [0; LONGEST_BLOCK];
        let block = block.get_mut(..self.block_size())?;
        block.copy_from_slice(first.get(..self.block_size())?);
        self.cipher.look_ahead(block)?;
        block.first_chunk().map(|field| u32::from_be_bytes(*field))
    }

    pub(super) fn open(&mut self, position: &Position, packet: &mut [u8]) -> Option<()> {
        let inside = packet.len().checked_sub(self.tag_length())?;
        let (covered, tag) = packet.split_at_mut_checked(inside)?;
        if self.is_etm() {
            self.mac.verify(position.sequence, covered, tag)?;
            self.cipher.decipher(covered.get_mut(LENGTH_FIELD..)?)
        } else {
            self.cipher.decipher(covered)?;
            self.mac.verify(position.sequence, covered, tag)
        }
    }

    pub(super) fn seal(&mut self, position: &Position, packet: &mut [u8]) -> Option<()> {
        let inside = packet.len().checked_sub(self.tag_length())?;
        let (covered, tag) = packet.split_at_mut_checked(inside)?;
        if self.is_etm() {
            self.cipher.encipher(covered.get_mut(LENGTH_FIELD..)?)?;
            self.mac.compute(position.sequence, covered, tag)
        } else {
            self.mac.compute(position.sequence, covered, tag)?;
            self.cipher.encipher(covered)
        }
    }

    /// The work of a MAC over `length` bytes, for nothing.
    pub(super) fn waste_mac(&self, length: usize) {
        let mut tag = [0; LONGEST_TAG];
        let tag = tag.get_mut(..self.tag_length()).unwrap_or_default();
        let _ = self.mac.compute(0, &vec![0; length], tag);
    }
}
