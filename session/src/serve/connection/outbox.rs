//! Packets that wait to be sealed.
//!
//! While a packet of the peer is looked at it lies in the transport's buffer, so the transport cannot be written to at
//! the same time: answers wait here for a moment. The memory is used again and again.

use wire::{Write, msg};

use super::packets::Packets;

/// A list of payloads, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    payloads: Vec<u8>,
    ends: Vec<usize>,
}

/// Memory that an idle connection keeps, in bytes.
const KEPT: usize = 512;

impl Outbox {
    /// Adds a packet: `put` appends its payload.
    pub(crate) fn add(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        put(&mut self.payloads);
        self.ends.push(self.payloads.len());
    }

    /// SSH_MSG_DEBUG (RFC 4253 section 11.3): clients show it to those who debug, as `ssh -v` does.
    pub(crate) fn debug(&mut self, text: &str) {
        self.add(|payload| {
            payload.put_u8(msg::SSH_MSG_DEBUG);
            payload.put_boolean(false);
            payload.put_string(text);
            payload.put_string("");
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Sends everything.
    pub(crate) fn send_all(&mut self, packets: &mut impl Packets) {
        let mut start = 0;
        for end in self.ends.drain(..) {
            packets.send(self.payloads.get(start..end).unwrap_or_default());
            start = end;
        }
        self.payloads.clear();
    }

    /// Gives back what a busy moment needed.
    pub(crate) fn quiet(&mut self) {
        self.payloads.shrink_to(KEPT);
        self.ends.shrink_to(KEPT / 16);
    }
}
