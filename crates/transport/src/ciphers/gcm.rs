//! `aes128-gcm@openssh.com`, `aes256-gcm@openssh.com` (RFC 5647, negotiated as PROTOCOL of OpenSSH says: no MAC).
//!
//! packet_length is not enciphered, it is the additional data. The nonce is four fixed bytes and an invocation counter
//! of eight, which starts at the last eight bytes of the initial IV and goes up with every packet.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::{CipherName, DirectionKeys, LENGTH_FIELD, Position};

const TAG: usize = 16;

#[derive(Debug)]
pub(crate) struct Gcm {
    key: LessSafeKey,
    fixed: [u8; 4],
    first_invocation: u64,
}

impl Gcm {
    pub(super) fn new(keys: &DirectionKeys) -> Option<Self> {
        let algorithm = if keys.cipher == CipherName::Aes128Gcm { &AES_128_GCM } else { &AES_256_GCM };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, keys.key.bytes()).ok()?);
        let (fixed, counter) = keys.iv.bytes().split_first_chunk::<4>()?;
        Some(Self { key, fixed: *fixed, first_invocation: u64::from_be_bytes(counter.try_into().ok()?) })
    }

    fn nonce(&self, position: &Position) -> Nonce {
        let invocation = self.first_invocation.wrapping_add(position.packets).to_be_bytes();
        let mut nonce = [0; 12];
        let bytes = self.fixed.iter().chain(&invocation);
        nonce.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        Nonce::assume_unique_for_key(nonce)
    }

    pub(super) fn open(&self, position: &Position, packet: &mut [u8]) -> Option<()> {
        let (length, sealed) = packet.split_first_chunk_mut::<LENGTH_FIELD>()?;
        self.key.open_in_place(self.nonce(position), Aad::from(*length), sealed).ok().map(|_| ())
    }

    pub(super) fn seal(&self, position: &Position, packet: &mut [u8]) -> Option<()> {
        let (length, rest) = packet.split_first_chunk_mut::<LENGTH_FIELD>()?;
        let (plain, tag_place) = rest.split_last_chunk_mut::<TAG>()?;
        let tag = self.key.seal_in_place_separate_tag(self.nonce(position), Aad::from(*length), plain).ok()?;
        tag_place.copy_from_slice(tag.as_ref());
        Some(())
    }
}
