//! Packets to the peer, sealed where they were written.

use aws_lc_rs::rand;

use super::{Deflater, direction::Direction};
use crate::{
    TransportError,
    buffer::Buffer,
    ciphers::LENGTH_FIELD,
    limits::{PACKETS_UNDER_ONE_KEY, SMALLEST_PADDING},
};

/// Bytes in front of a payload: packet_length and padding_length.
pub(crate) const PACKET_HEADER: usize = LENGTH_FIELD + 1;

/// The sending direction.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) direction: Direction<Deflater>,
    padding: RandomPool,
}

impl Outgoing {
    pub(crate) fn new(direction: Direction<Deflater>) -> Self {
        Self { direction, padding: RandomPool::default() }
    }

    /// Seals the output's draft: [`PACKET_HEADER`] bytes to be filled in, then the payload.
    pub(crate) fn seal(&mut self, output: &mut Buffer) -> Result<(), TransportError> {
        if self.direction.position.packets >= PACKETS_UNDER_ONE_KEY {
            return Err(TransportError::SequenceNumberWrapped);
        }
        if let Some(deflater) = &mut self.direction.stream {
            deflater.deflate_draft(output)?;
        }
        let enciphered = self.pad(output)?;
        self.direction.cipher.seal(&self.direction.position, output.draft_mut())?;
        output.finish_draft();
        self.direction.position.advance(enciphered);
        Ok(())
    }

    /// Adds padding and room for the tag, fills in the lengths; says how many bytes will be enciphered.
    fn pad(&mut self, output: &mut Buffer) -> Result<usize, TransportError> {
        let unpadded = output.draft().len();
        let block = self.direction.cipher.block_size();
        let ahead_of_padding = if self.direction.cipher.pads_length_field() { 0 } else { LENGTH_FIELD };
        let enciphered = unpadded
            .saturating_sub(ahead_of_padding)
            .saturating_add(SMALLEST_PADDING)
            .checked_next_multiple_of(block)
            .unwrap_or(usize::MAX);
        let inside = enciphered.saturating_add(ahead_of_padding);
        let padding = inside.saturating_sub(unpadded);
        let tag = self.direction.cipher.tag_length();

        output.make_room(padding.saturating_add(tag));
        self.padding.fill(output.free_mut().get_mut(..padding).unwrap_or_default())?;
        output.draft_filled(padding.saturating_add(tag));

        let length = u32::try_from(inside.saturating_sub(LENGTH_FIELD)).unwrap_or(u32::MAX).to_be_bytes();
        let fields = length.into_iter().chain([u8::try_from(padding).unwrap_or(u8::MAX)]);
        output.draft_mut().iter_mut().zip(fields).for_each(|(place, byte)| *place = byte);
        Ok(enciphered)
    }
}

/// Random bytes in advance: one call of the generator serves many packets.
struct RandomPool {
    bytes: [u8; 512],
    used: usize,
}

impl Default for RandomPool {
    fn default() -> Self {
        Self { bytes: [0; 512], used: 512 }
    }
}

impl std::fmt::Debug for RandomPool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RandomPool")
    }
}

impl RandomPool {
    /// `place` is a packet's padding: at most 19 bytes.
    fn fill(&mut self, place: &mut [u8]) -> Result<(), TransportError> {
        if self.bytes.len().saturating_sub(self.used) < place.len() {
            rand::fill(&mut self.bytes).map_err(|_| TransportError::CryptoFailed { what: "making padding" })?;
            self.used = 0;
        }
        let end = self.used.saturating_add(place.len());
        if let Some(bytes) = self.bytes.get(self.used..end) {
            place.copy_from_slice(bytes);
        }
        self.used = end;
        Ok(())
    }
}
