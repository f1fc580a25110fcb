//! RFC 4253 section 4.2: identifications.

use events::Depth;
use events::preauth::Event;
use ipc::phases::KeyExchange;
use sys::errors::words;
use transport::TransportError;

use crate::ask_monitor::Monitor;
use crate::ending::{self, ConnectionError, Ending};
use crate::peer::{Happened, Peer};

/// What a peer is told whose identification is none.
const INVALID: &str = "Invalid SSH identification string.";

/// Until the peer has said who it is.
pub(crate) fn exchange_versions(peer: &mut Peer, monitor: &mut Monitor<KeyExchange>) -> Result<(), Ending> {
    let ours = format!("Local version string {}", peer.our_version());
    monitor.detail(peer, Depth::One, || ours);
    match peer.next(monitor.socket()) {
        // The transport names nothing before the identification.
        Ok(Happened::PeerIdentified) => {
            let theirs = peer.version_in_words();
            monitor.detail(peer, Depth::One, || theirs);
            Ok(())
        }
        Ok(_) => {
            monitor.record(Event::IdentificationFailed { why: "invalid format".to_owned() });
            Err(Ending::Over)
        }
        Err(error) => Err(record_failure(error, peer, monitor)),
    }
}

/// Theirs writes two lines for each of these, and filters match both.
fn record_failure(error: ConnectionError, peer: &mut Peer, monitor: &Monitor<KeyExchange>) -> Ending {
    match error {
        ConnectionError::Closed => monitor.record(Event::ClosedBeforeIdentification),
        ConnectionError::Broken(ref broken) => {
            monitor.record(Event::BrokenBeforeIdentification { what: words(broken) });
        }
        ConnectionError::Transport(error) => return unusable(error, peer, monitor),
        ConnectionError::MonitorGone => {}
    }
    ending::end(error, peer, monitor)
}

fn unusable(error: TransportError, peer: &mut Peer, monitor: &Monitor<KeyExchange>) -> Ending {
    let (event, told, why) = match error {
        TransportError::ProtocolVersionDiffers { theirs } => {
            (Event::OtherMajorVersion { theirs }, "Protocol major versions differ.", "could not read protocol version")
        }
        TransportError::BadIdentification { line } => {
            let line = String::from_utf8_lossy(&line).into_owned();
            (Event::InvalidIdentification { line }, INVALID, "invalid format")
        }
        other => (Event::UnreadableIdentification { what: other.to_string() }, INVALID, "invalid format"),
    };
    monitor.record(event);
    peer.say_plainly(told);
    monitor.record(Event::IdentificationFailed { why: why.to_owned() });
    Ending::Over
}
