//! `aes{128,192,256}-ctr` (RFC 4344 section 4) with a MAC over the plain packet (RFC 4253 section 6.4) or, as
//! `*-etm@openssh.com`, over the enciphered one.

use crypto_ffi::AesCtr;

use super::{DirectionKeys, LENGTH_FIELD, Position};
use crate::macs::Mac;

const BLOCK: usize = 16;

#[derive(Debug)]
pub(crate) struct CtrAndMac {
    aes: AesCtr,
    first_counter: u128,
    mac: Mac,
}

impl CtrAndMac {
    pub(super) fn new(keys: &DirectionKeys) -> Option<Self> {
        let first_counter = u128::from_be_bytes(keys.iv.bytes().try_into().ok()?);
        Some(Self {
            aes: AesCtr::new(keys.key.bytes())?,
            first_counter,
            mac: Mac::new(keys.mac?, keys.mac_key.bytes())?,
        })
    }

    pub(super) fn is_etm(&self) -> bool {
        self.mac.is_etm()
    }

    pub(super) fn tag_length(&self) -> usize {
        self.mac.tag_length()
    }

    pub(super) fn packet_length(&self, position: &Position, first: &[u8]) -> Option<u32> {
        if self.is_etm() {
            return first.first_chunk().map(|field| u32::from_be_bytes(*field));
        }
        // A copy is deciphered: the packet stays as it came until all of it is there, so that a hand-over may come
        // between.
        let mut block: [u8; BLOCK] = *first.first_chunk()?;
        self.aes.apply(self.counter(position), &mut block);
        block.first_chunk().map(|field| u32::from_be_bytes(*field))
    }

    pub(super) fn open(&self, position: &Position, packet: &mut [u8]) -> Option<()> {
        let inside = packet.len().checked_sub(self.tag_length())?;
        let (covered, tag) = packet.split_at_mut_checked(inside)?;
        if self.is_etm() {
            self.mac.verify(position.sequence, covered, tag)?;
            self.aes.apply(self.counter(position), covered.get_mut(LENGTH_FIELD..)?);
            Some(())
        } else {
            self.aes.apply(self.counter(position), covered);
            self.mac.verify(position.sequence, covered, tag)
        }
    }

    pub(super) fn seal(&self, position: &Position, packet: &mut [u8]) -> Option<()> {
        let inside = packet.len().checked_sub(self.tag_length())?;
        let (covered, tag) = packet.split_at_mut_checked(inside)?;
        if self.is_etm() {
            self.aes.apply(self.counter(position), covered.get_mut(LENGTH_FIELD..)?);
            self.mac.compute(position.sequence, covered, tag)
        } else {
            self.mac.compute(position.sequence, covered, tag)?;
            self.aes.apply(self.counter(position), covered);
            Some(())
        }
    }

    /// Packets fill whole blocks, so the bytes before this packet tell its first counter.
    fn counter(&self, position: &Position) -> u128 {
        self.first_counter.wrapping_add(u128::from(position.bytes >> BLOCK.ilog2()))
    }
}
