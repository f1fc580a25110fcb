//! One outgoing packet, written where it will be sealed.

use crate::Transport;

/// A packet under way to the output buffer. Dropped without [`PacketWriter::finish`] it never was.
#[derive(Debug)]
pub struct PacketWriter<'t> {
    transport: &'t mut Transport,
    payload: usize,
}

impl<'t> PacketWriter<'t> {
    pub(crate) fn new(transport: &'t mut Transport) -> Self {
        Self { transport, payload: 0 }
    }

    /// Bytes of payload so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.payload
    }

    /// Whether nothing has been put yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.payload == 0
    }

    /// `count` bytes behind what has been put, to be written to (their content is left over from earlier packets).
    pub fn space(&mut self, _count: usize) -> &mut [u8] {
        &mut []
    }

    /// The first `count` bytes of the last [`PacketWriter::space`] belong to the payload.
    pub fn filled(&mut self, _count: usize) {}

    /// Room for a `string` of at most `at_most` bytes; [`PacketWriter::string_filled`] says how many it became. So that
    /// read(2) can put channel data straight into the packet.
    pub fn string_space(&mut self, _at_most: usize) -> &mut [u8] {
        &mut []
    }

    /// Ends a string begun by [`PacketWriter::string_space`] after `count` bytes.
    pub fn string_filled(&mut self, _count: usize) {}

    /// Seals the packet into the output, or holds it back while a key exchange is under way.
    pub fn finish(self) {
        let _ = self.transport;
    }
}

impl wire::Write for PacketWriter<'_> {
    fn put_bytes(&mut self, bytes: &[u8]) {
        let count = bytes.len();
        if let Some(place) = self.space(count).get_mut(..count) {
            place.copy_from_slice(bytes);
        }
        self.filled(count);
    }
}
