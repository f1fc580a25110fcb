//! Why this process ends before somebody has logged in.

use events::preauth::Event;
use ipc::Phase;
use sys::errors::words;
use transport::TransportError;

use crate::ask_monitor::{Monitor, Recording};
use crate::peer::Peer;

/// Nothing goes on after this.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The peer has gone, or was told to go: the log knows why.
    Over,
    /// The monitor has gone: nobody is left to write a log.
    MonitorGone,
}

/// What went wrong with the connection; still to be recorded.
#[derive(Debug)]
pub(crate) enum ConnectionError {
    /// The peer closed it.
    Closed,
    /// The system says that it cannot be used any more.
    Broken(std::io::Error),
    /// The peer broke a rule.
    Transport(TransportError),
    /// The monitor went away meanwhile.
    MonitorGone,
}

/// Records how a connection ended after the identifications, and tells the peer where it can be told.
pub(crate) fn end<P>(error: ConnectionError, peer: &mut Peer, monitor: &Monitor<P>) -> Ending
where
    P: Phase,
    P::Request: Recording,
{
    let event = match error {
        ConnectionError::MonitorGone => return Ending::MonitorGone,
        ConnectionError::Closed => Event::ConnectionClosed,
        ConnectionError::Broken(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Event::ConnectionReset,
        ConnectionError::Broken(error) => Event::ConnectionBroken { what: words(&error) },
        ConnectionError::Transport(error) => {
            if let Some(reason) = error.disconnect_reason() {
                peer.say_goodbye(reason, &error.to_string());
            }
            match error {
                TransportError::NoMatch { what, theirs } => {
                    Event::NoMatch { what: what.to_owned(), their_offer: theirs }
                }
                error => Event::ProtocolError { what: error.to_string() },
            }
        }
    };
    monitor.record(event);
    Ending::Over
}

/// Tells the peer to go, and the log why.
pub(crate) fn disconnect<P>(reason: u32, why: String, peer: &mut Peer, monitor: &Monitor<P>) -> Ending
where
    P: Phase,
    P::Request: Recording,
{
    peer.say_goodbye(reason, &why);
    monitor.record(Event::Disconnecting { why });
    Ending::Over
}
