//! `chacha20-poly1305@openssh.com` (draft-ietf-sshm-chacha20-poly1305).
//!
//! Two keys: K_2, the first half of the key, enciphers the packet and makes Poly1305's one-time key from block 0; K_1,
//! the second half, enciphers the length field alone. The nonce is the sequence number as uint64; the tag is over the
//! enciphered length and packet.

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{DirectionKeys, LENGTH_FIELD, Position};
use crate::ciphers::chacha_poly::key_stream::apply_key_stream;
use crate::ciphers::chacha_poly::tag::tag_of;

mod key_stream;
mod tag;

const TAG: usize = 16;

#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct ChaChaPoly {
    packet_key: [u8; 32],
    length_key: [u8; 32],
}

impl std::fmt::Debug for ChaChaPoly {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ChaChaPoly(secret)")
    }
}

impl ChaChaPoly {
    pub(super) fn new(keys: &DirectionKeys) -> Option<Self> {
        let (packet_key, rest) = keys.key.bytes().split_first_chunk()?;
        Some(Self { packet_key: *packet_key, length_key: *rest.first_chunk()? })
    }

    pub(super) fn packet_length(&self, position: &Position, first: &[u8]) -> Option<u32> {
        let mut field: [u8; LENGTH_FIELD] = *first.first_chunk()?;
        crypto_ffi::chacha20(&self.length_key, &nonce(position), 0, &mut field);
        Some(u32::from_be_bytes(field))
    }

    pub(super) fn open(&self, position: &Position, packet: &mut [u8]) -> Option<()> {
        let (sealed, tag) = packet.split_last_chunk_mut::<TAG>()?;
        let expected = tag_of(&self.one_time_key(position), sealed);
        if !bool::from(expected.ct_eq(tag)) {
            return None;
        }
        apply_key_stream(&self.packet_key, &nonce(position), sealed.get_mut(LENGTH_FIELD..)?);
        Some(())
    }

    pub(super) fn seal(&self, position: &Position, packet: &mut [u8]) -> Option<()> {
        let (plain, tag) = packet.split_last_chunk_mut::<TAG>()?;
        let (length, rest) = plain.split_first_chunk_mut::<LENGTH_FIELD>()?;
        crypto_ffi::chacha20(&self.length_key, &nonce(position), 0, length);
        apply_key_stream(&self.packet_key, &nonce(position), rest);
        *tag = tag_of(&self.one_time_key(position), plain);
        Some(())
    }

    fn one_time_key(&self, position: &Position) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        crypto_ffi::chacha20(&self.packet_key, &nonce(position), 0, &mut *key);
        key
    }
}

/// The original ChaCha20 has a 64-bit counter and a 64-bit nonce. RFC 8439's nonce of 96 bits begins with the counter's
/// upper half, which a packet never reaches.
fn nonce(position: &Position) -> [u8; 12] {
    let mut nonce = [0; 12];
    if let Some(place) = nonce.last_chunk_mut::<4>() {
        *place = position.sequence.to_be_bytes();
    }
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::keys_for_a_test;
    use aws_lc_rs::aead::chacha20_poly1305_openssh::{OpeningKey, SealingKey};
    use proptest::prelude::*;

    proptest! {
        /// aws-lc-rs has an implementation of its own of the same construction.
        #[test]
        fn another_implementation_agrees(sequence: u32, inside in prop::collection::vec(any::<u8>(), 16..5000)) {
            let keys = keys_for_a_test("chacha20-poly1305@openssh.com", "");
            let key: &[u8; 64] = keys.key.bytes().try_into().unwrap();
            let position = Position { sequence, ..Position::default() };
            let mut packet = (inside.len() as u32).to_be_bytes().to_vec();
            packet.extend(&inside);
            let mut theirs = packet.clone();
            let mut tag = [0; 16];
            SealingKey::new(key).seal_in_place(sequence, &mut theirs, &mut tag);
            theirs.extend(tag);

            let ours = ChaChaPoly::new(&keys).unwrap();
            packet.extend([0; 16]);
            ours.seal(&position, &mut packet).unwrap();
            prop_assert_eq!(&packet, &theirs);
            let opening = OpeningKey::new(key);
            let length = opening.decrypt_packet_length(sequence, *packet.first_chunk().unwrap());
            prop_assert_eq!(u32::from_be_bytes(length), ours.packet_length(&position, &packet).unwrap());
        }
    }
}
