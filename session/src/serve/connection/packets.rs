//! Where the channel layer puts its packets: the transport, or a test's list.

use transport::Transport;
use wire::Write;

/// Takes packets in the order in which they go out.
pub(crate) trait Packets {
    /// Whether data makes sense now: no key exchange is under way and the peer takes what it is sent.
    fn want_data(&self) -> bool;

    /// A packet whose payload exists already.
    fn send(&mut self, payload: &[u8]);

    /// A packet that ends with a string of at most `at_most` bytes which `fill` writes in place; `fill` says how many
    /// they became, and none means no packet.
    fn send_filled(&mut self, head: &[u8], at_most: usize, fill: impl FnOnce(&mut [u8]) -> usize);
}

/// Sealed bytes that may wait for the network before no more data is read for it. Large enough for one write(2) of
/// many packets, small enough for a processor's cache.
const ENOUGH_OUTPUT: usize = 256 * 1024;

impl Packets for Transport {
    fn want_data(&self) -> bool {
        self.may_send_data() && self.output_pending() < ENOUGH_OUTPUT
    }

    fn send(&mut self, payload: &[u8]) {
        Transport::send(self, payload);
    }

    fn send_filled(&mut self, head: &[u8], at_most: usize, fill: impl FnOnce(&mut [u8]) -> usize) {
        let mut packet = self.start_packet();
        packet.put_bytes(head);
        let filled = fill(packet.string_space(at_most));
        if filled > 0 {
            packet.string_filled(filled);
            packet.finish();
        }
    }
}
