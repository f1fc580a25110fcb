//! What the process that serves a logged-in user may say.

use serde::{Deserialize, Serialize};

use crate::{ConnectionFacts, Level, Loggable};

/// Events after login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The peer closed the connection.
    ConnectionClosed,
    /// The peer reset the connection.
    ConnectionReset,
    /// The peer sent SSH_MSG_DISCONNECT.
    ReceivedDisconnect {
        /// RFC 4253 section 11.1
        reason: u32,
        /// The peer's words.
        text: String,
    },
    /// We ended the connection and told the peer why.
    Disconnecting {
        /// Our words.
        why: String,
    },
    /// The connection is over.
    Disconnected,
    /// The connection broke a rule of the transport.
    ProtocolError {
        /// The rule.
        what: String,
    },
    /// Bytes on the wire in both directions, at the end.
    Transferred {
        /// Bytes to the peer.
        sent: u64,
        /// Bytes from the peer.
        received: u64,
    },
    /// A line of `internal-sftp`.
    Sftp {
        /// Its level.
        level: Level,
        /// Its text.
        text: String,
    },
    /// Details for an administrator who debugs (`debug1:` lines).
    Debug {
        /// The line.
        text: String,
    },
}

impl Loggable for Event {
    fn level(&self) -> Level {
        match self {
            Self::ProtocolError { .. } => Level::Fatal,
            Self::Transferred { .. } => Level::Verbose,
            Self::Sftp { level, .. } => *level,
            Self::Debug { .. } => Level::Debug1,
            _ => Level::Info,
        }
    }

    fn text(&self, facts: &ConnectionFacts) -> String {
        let peer = &facts.peer;
        match self {
            Self::ConnectionClosed => format!("Connection closed by {}", facts.peer_with_user()),
            Self::ConnectionReset => format!("Connection reset by {}", facts.peer_with_user()),
            Self::ReceivedDisconnect { reason, text } => format!("Received disconnect from {peer}:{reason}: {text}"),
            Self::Disconnecting { why } => format!("Disconnecting {}: {why}", facts.peer_with_user()),
            Self::Disconnected => format!("Disconnected from {}", facts.peer_with_user()),
            Self::ProtocolError { what } => format!("ssh_dispatch_run_fatal: Connection from {peer}: {what}"),
            Self::Transferred { sent, received } => format!("Transferred: sent {sent}, received {received} bytes"),
            Self::Sftp { text, .. } | Self::Debug { text } => text.clone(),
        }
    }
}
