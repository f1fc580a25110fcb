//! The two buffers seen from the owner, who reads from and writes to the socket.

use crate::transport::Transferred;
use crate::{
    Transport,
    limits::{BUSY_INPUT, IDLE_BUFFER, MOST_UNSENT, MOST_UNSENT_BEFORE_LOGIN},
};

impl Transport {
    /// Memory for the next read(2); empty while nothing is wanted ([`Transport::wants_input`]).
    pub fn input_space(&mut self) -> &mut [u8] {
        if !self.wants_input() {
            return &mut [];
        }
        self.input.settle_if_empty(IDLE_BUFFER);
        let capacity = self.input.capacity();
        if self.authenticated && self.input_is_busy && capacity < BUSY_INPUT {
            self.input.resize(capacity.saturating_mul(4).clamp(IDLE_BUFFER, BUSY_INPUT));
        }
        let least = self.missing_input();
        // A read into a small rest of the buffer would cost a system call for few bytes; what is moved is less than one
        // packet.
        if self.input.room() < least.max(self.input.capacity() / 2) {
            self.input.move_to_front();
        }
        self.input.make_room(least.max(IDLE_BUFFER.saturating_sub(self.input.len())));
        self.input.free_mut()
    }

    /// The first `count` bytes of [`Transport::input_space`] have been filled.
    pub fn input_filled(&mut self, count: usize) {
        self.input_is_busy = count >= self.input.room();
        self.input.filled(count);
        self.transferred.received = self.transferred.received.saturating_add(count as u64);
    }

    /// Whether more bytes can be taken now. Not while there is enough for [`Transport::next_event`] to go on with, the
    /// peer lets our output pile up, a signature or a group is awaited, or the connection has ended.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        self.ended.is_none() && self.opens_packets() && self.missing_input() > 0
    }

    /// Bytes without which nothing can be opened, as far as that is known.
    fn missing_input(&self) -> usize {
        // The end of a line is not known before it has come; how long it may be is checked with every piece.
        if self.peer.identification.is_none() {
            return 1;
        }
        self.incoming.missing(&self.input, self.settings.largest_packet)
    }

    /// Whether the next packet may be opened.
    pub(crate) fn opens_packets(&self) -> bool {
        let most_unsent = if self.authenticated { MOST_UNSENT } else { MOST_UNSENT_BEFORE_LOGIN };
        !self.exchange.waits_for_the_owner() && !self.waits_for_hand_over() && self.output.len() < most_unsent
    }

    /// Sealed bytes for the socket.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.output.waiting()
    }

    /// The first `count` bytes of [`Transport::output`] have been written.
    pub fn output_written(&mut self, count: usize) {
        self.output.consume(count);
        self.transferred.sent = self.transferred.sent.saturating_add(count as u64);
        self.output.settle_if_empty(IDLE_BUFFER);
    }

    /// Bytes on the wire so far.
    #[must_use]
    pub fn transferred(&self) -> Transferred {
        self.transferred
    }

    /// Bytes in [`Transport::output`]. Owners with data to send stop adding to it at some 256 KiB; at
    /// [`crate::limits::MOST_UNSENT`] no packet is opened any more.
    #[must_use]
    pub fn output_pending(&self) -> usize {
        self.output.len()
    }

    /// Gives memory back that only a busy connection needs: to be called when nothing has happened for a second or so.
    pub fn quiet(&mut self) {
        self.input_is_busy = false;
        self.input.give_back(IDLE_BUFFER);
        self.output.give_back(0);
    }
}
