//! A tun(4) device behind a channel (`tun@openssh.com`, PROTOCOL section 2.3): each message carries one packet, whole.
//!
//! Packets are as they are on a wire: what there is no room for is dropped, and whoever has sent it sends it again.

use std::os::fd::AsFd;
use std::task::{Context, Poll};

use wire::{Reader, Write};

use crate::serve::descriptor::{Descriptor, ReadOutcome};

/// What the device carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// IP packets, with an address family in front of each on the channel.
    PointToPoint,
    /// Ethernet frames.
    Ethernet,
}

/// Largest packet in bytes: what Linux allows an interface as its MTU.
const LARGEST_PACKET: usize = 65_535;

/// Address families as the protocol numbers them: those of OpenBSD.
const AF_INET: u32 = 2;
const AF_INET6: u32 = 24;

/// An open device.
#[derive(Debug)]
pub(crate) struct TunnelEnd {
    device: Option<Descriptor>,
    layer: Layer,
    peer_sends_no_more: bool,
    /// Room for one packet.
    packet: Vec<u8>,
}

impl TunnelEnd {
    pub(crate) fn new(device: Descriptor, layer: Layer) -> Self {
        Self { device: Some(device), layer, peer_sends_no_more: false, packet: vec![0; LARGEST_PACKET] }
    }

    /// A message of the peer: one packet for the device. One that is not well-formed is dropped.
    pub(crate) fn take(&mut self, message: &[u8]) {
        let (Some(device), Some(packet)) = (&self.device, packet_in(message, self.layer)) else { return };
        // A device that takes none, or not now, drops it.
        let _ = sys::fd::write(device.as_fd(), packet);
    }

    /// Reads one packet from the device and puts it with its head into `message`; false: nothing now, or the end.
    pub(crate) fn read(&mut self, cx: &mut Context<'_>, message: &mut Vec<u8>) -> bool {
        let Some(device) = &self.device else { return false };
        match device.poll_read(cx, &mut self.packet) {
            Poll::Ready(Ok(ReadOutcome::Some(length))) => {
                put_packet(self.packet.get(..length).unwrap_or_default(), self.layer, message);
                true
            }
            Poll::Pending => false,
            Poll::Ready(Ok(ReadOutcome::End) | Err(_)) => {
                self.close();
                false
            }
        }
    }

    /// Whether there may be a packet.
    pub(crate) fn is_readable(&self, cx: &mut Context<'_>) -> bool {
        self.device.as_ref().is_some_and(|device| device.is_readable(cx))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.device.is_some()
    }

    /// Whether the peer's packets are still taken.
    pub(crate) fn takes_input(&self) -> bool {
        self.is_open() && !self.peer_sends_no_more
    }

    pub(crate) fn input_is_complete(&mut self) {
        self.peer_sends_no_more = true;
        self.close();
    }

    pub(crate) fn close(&mut self) {
        self.device = None;
    }
}

/// The packet in a message's data. The length that PROTOCOL puts in front is the one of the data itself, as theirs.
fn packet_in(message: &[u8], layer: Layer) -> Option<&[u8]> {
    let mut reader = Reader::new(message);
    if layer == Layer::PointToPoint && !matches!(reader.u32().ok()?, AF_INET | AF_INET6) {
        return None;
    }
    Some(reader.rest()).filter(|packet| !packet.is_empty())
}

fn put_packet(packet: &[u8], layer: Layer, message: &mut Vec<u8>) {
    if layer == Layer::PointToPoint {
        const VERSION_6: u8 = 6;
        let version = packet.first().map_or(0, |first| first >> 4);
        message.put_u32(if version == VERSION_6 { AF_INET6 } else { AF_INET });
    }
    message.extend_from_slice(packet);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_as_they_went_in() {
        for (layer, packet, head) in [
            (Layer::PointToPoint, &[0x45, 0, 0, 20][..], &[0, 0, 0, 2, 0x45][..]),
            (Layer::PointToPoint, &[0x60, 1, 2], &[0, 0, 0, 24, 0x60]),
            (Layer::Ethernet, &[0xff; 14], &[0xff; 14]),
        ] {
            let mut message = Vec::new();
            put_packet(packet, layer, &mut message);
            assert!(message.starts_with(head), "{message:?}");
            assert_eq!(packet_in(&message, layer), Some(packet));
        }
    }

    #[test]
    fn what_is_no_packet_is_dropped() {
        assert_eq!(packet_in(&[], Layer::Ethernet), None);
        for message in [&[][..], &[0, 0, 0], &[0, 0, 0, 2], &[0, 0, 0, 10, 0x45]] {
            assert_eq!(packet_in(message, Layer::PointToPoint), None, "{message:?}");
        }
    }
}
