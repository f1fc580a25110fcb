//! Channels that one side wants and that are not open yet.

use super::channel::PeerSide;
use super::forwarded::Forwarded;
use super::stream_ends::StreamEnds;
use super::tunnel_end::Layer;

/// A channel to be, under the number that it will have on our side.
#[derive(Debug)]
pub(crate) enum Awaited {
    /// The peer wants it; the monitor has been asked to reach what is to be behind it.
    FromMonitor { peer: PeerSide, what: Forwarded },
    /// The same for a tun(4) device.
    Device { peer: PeerSide, what: Forwarded, layer: Layer },
    /// Somebody has connected to one of our listeners; the peer has been asked to take the connection.
    FromPeer { ends: StreamEnds, what: Forwarded },
}
