//! What the listener says.

use serde::Serialize;

use crate::{ConnectionFacts, Endpoint, Level, Loggable};

/// Events of the process that accepts connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Event {
    /// A socket listens.
    ServerListening(Endpoint),
    /// SIGHUP has come.
    ReceivedSighup,
    /// A signal ends the listener.
    ReceivedSignal(i32),
    /// Nobody logged in within LoginGraceTime.
    TimeoutBeforeAuthentication {
        /// The client's address.
        peer: String,
        /// The address it connected to.
        local: String,
        /// The monitor's process id.
        pid: i32,
    },
    /// Anything with its own level and text that is not matched by tools.
    Said {
        /// Its level.
        level: Level,
        /// Its text.
        text: String,
    },
}

impl Loggable for Event {
    fn level(&self) -> Level {
        match self {
            Self::Said { level, .. } => *level,
            _ => Level::Info,
        }
    }

    fn text(&self, _: &ConnectionFacts) -> String {
        match self {
            Self::ServerListening(at) => format!("Server listening on {at}."),
            Self::ReceivedSighup => "Received SIGHUP; restarting.".to_owned(),
            Self::ReceivedSignal(number) => format!("Received signal {number}; terminating."),
            Self::TimeoutBeforeAuthentication { peer, local, pid } => {
                format!("Timeout before authentication for connection from {peer} to {local}, pid = {pid}")
            }
            Self::Said { text, .. } => text.clone(),
        }
    }
}
