//! One outgoing packet, written where it will be sealed.

use crate::{Transport, packets::PACKET_HEADER};

/// A packet under way to the output buffer. Dropped without [`PacketWriter::finish`] it never was.
#[derive(Debug)]
pub struct PacketWriter<'t> {
    transport: &'t mut Transport,
}

impl<'t> PacketWriter<'t> {
    pub(crate) fn new(transport: &'t mut Transport) -> Self {
        transport.output.begin_draft(PACKET_HEADER);
        Self { transport }
    }

    /// Bytes of payload so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.transport.output.draft().len().saturating_sub(PACKET_HEADER)
    }

    /// Whether nothing has been put yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `count` bytes behind what has been put, to be written to (their content is left over from earlier packets).
    pub fn space(&mut self, count: usize) -> &mut [u8] {
        self.transport.output.make_room(count);
        self.transport.output.free_mut().get_mut(..count).unwrap_or_default()
    }

    /// The first `count` bytes of the last [`PacketWriter::space`] belong to the payload.
    pub fn filled(&mut self, count: usize) {
        self.transport.output.draft_filled(count);
    }

    /// Room for the content of a `string` of at most `at_most` bytes; [`PacketWriter::string_filled`] says how many it
    /// became. So that read(2) can put channel data straight into the packet.
    pub fn string_space(&mut self, at_most: usize) -> &mut [u8] {
        self.space(at_most.saturating_add(4)).get_mut(4..).unwrap_or_default()
    }

    /// Ends the string begun by the [`PacketWriter::string_space`] just before, after `count` bytes.
    pub fn string_filled(&mut self, count: usize) {
        let length = u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes();
        if let Some(place) = self.space(4).first_chunk_mut() {
            *place = length;
        }
        self.filled(count.saturating_add(4));
    }

    /// Seals the packet into the output, or holds it back while a key exchange is under way. A packet without payload
    /// is none.
    pub fn finish(self) {
        self.transport.finish_draft();
    }
}

impl wire::Write for PacketWriter<'_> {
    fn put_bytes(&mut self, bytes: &[u8]) {
        self.transport.output.extend_draft(bytes);
    }
}
