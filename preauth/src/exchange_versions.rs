//! RFC 4253 section 4.2: identifications.

use events::preauth::Event;
use ipc::phases::KeyExchange;
use transport::TransportError;

use crate::ask_monitor::Monitor;
use crate::ending::{self, ConnectionError, Ending};
use crate::peer::{Happened, Peer};

/// Until the peer has said who it is.
pub(crate) fn exchange_versions(peer: &mut Peer, monitor: &mut Monitor<KeyExchange>) -> Result<(), Ending> {
    match peer.next(monitor.socket()) {
        // The transport names nothing before the identification.
        Ok(Happened::PeerIdentified) => Ok(()),
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
            monitor.record(Event::BrokenBeforeIdentification { what: ending::in_words(broken) });
        }
        ConnectionError::Transport(TransportError::BadIdentification { line }) => {
            monitor.record(Event::InvalidIdentification { line: String::from_utf8_lossy(&line).into_owned() });
            peer.say_plainly("Invalid SSH identification string.");
            return identification_failed("invalid format".to_owned(), monitor);
        }
        ConnectionError::Transport(error) => {
            peer.say_plainly("Invalid SSH identification string.");
            return identification_failed(error.to_string(), monitor);
        }
        ConnectionError::MonitorGone => {}
    }
    ending::end(error, peer, monitor)
}

fn identification_failed(why: String, monitor: &Monitor<KeyExchange>) -> Ending {
    monitor.record(Event::IdentificationFailed { why });
    Ending::Over
}
