//! What the process that talks to a peer before login may say. The monitor adds ` [preauth]`.

use serde::{Deserialize, Serialize};

use crate::{ConnectionFacts, Depth, Level, Loggable};

/// SSH_DISCONNECT_BY_APPLICATION (RFC 4253 section 11.1)
const BY_APPLICATION: u32 = 11;

/// Events before login.
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
    /// That was the end.
    Disconnected,
    /// We ended the connection and told the peer why.
    Disconnecting {
        /// Our words.
        why: String,
    },
    /// The identification line is no SSH 2.0 identification.
    InvalidIdentification {
        /// What came instead.
        line: String,
    },
    /// The identification line cannot be read.
    UnreadableIdentification {
        /// Why, in theirs' words.
        what: String,
    },
    /// The peer speaks another major version of the protocol.
    OtherMajorVersion {
        /// Its version.
        theirs: u32,
    },
    /// The connection ended before an identification line came.
    ClosedBeforeIdentification,
    /// The connection was reset, or broke, before an identification line came.
    BrokenBeforeIdentification {
        /// What the system says.
        what: String,
    },
    /// The exchange of identifications came to nothing.
    IdentificationFailed {
        /// `invalid format`, `could not read protocol version` …
        why: String,
    },
    /// The connection broke.
    ConnectionBroken {
        /// What the system says.
        what: String,
    },
    /// No common algorithm.
    NoMatch {
        /// `key exchange method`, `host key type`, `cipher`, `MAC` or `compression method`
        what: String,
        /// The peer's list.
        their_offer: String,
    },
    /// The connection broke a rule of the transport.
    ProtocolError {
        /// The rule, in theirs' words where there are some.
        what: String,
    },
    /// Details for an administrator who debugs (`debug1:` lines and deeper ones).
    Debug {
        /// How deep.
        depth: Depth,
        /// The line.
        text: String,
    },
}

impl Loggable for Event {
    const SOURCE: &'static str = "preauth";

    fn level(&self) -> Level {
        match self {
            Self::OtherMajorVersion { .. } => Level::Error,
            Self::InvalidIdentification { .. }
            | Self::UnreadableIdentification { .. }
            | Self::ClosedBeforeIdentification
            | Self::BrokenBeforeIdentification { .. } => Level::Verbose,
            // What clients say when their users have had enough; anything else is a complaint.
            Self::ReceivedDisconnect { reason, .. } if *reason != BY_APPLICATION => Level::Error,
            Self::Debug { depth, .. } => Level::from(*depth),
            _ => Level::Info,
        }
    }

    fn text(&self, facts: &ConnectionFacts) -> String {
        let peer = &facts.peer;
        match self {
            Self::ConnectionClosed => format!("Connection closed by {}", facts.peer_with_user()),
            Self::ConnectionReset => format!("Connection reset by {}", facts.peer_with_user()),
            Self::ReceivedDisconnect { reason, text } => format!("Received disconnect from {peer}:{reason}: {text}"),
            Self::Disconnected => format!("Disconnected from {}", facts.peer_with_user()),
            Self::Disconnecting { why } => format!("Disconnecting {}: {why}", facts.peer_with_user()),
            Self::InvalidIdentification { line } => {
                format!("kex_exchange_identification: client sent invalid protocol identifier \"{line}\"")
            }
            Self::UnreadableIdentification { what } => format!("kex_exchange_identification: {what}"),
            Self::OtherMajorVersion { theirs } => format!("Protocol major versions differ: 2 vs. {theirs}"),
            Self::ClosedBeforeIdentification => {
                "kex_exchange_identification: Connection closed by remote host".to_owned()
            }
            Self::BrokenBeforeIdentification { what } => format!("kex_exchange_identification: read: {what}"),
            Self::IdentificationFailed { why } => format!("banner exchange: Connection from {peer}: {why}"),
            Self::ConnectionBroken { what } => format!("Connection with {} broke: {what}", facts.peer_with_user()),
            Self::NoMatch { what, their_offer } => {
                let peer = facts.peer_with_user();
                format!("Unable to negotiate with {peer}: no matching {what} found. Their offer: {their_offer}")
            }
            Self::ProtocolError { what } => {
                format!("ssh_dispatch_run_fatal: Connection from {}: {what}", facts.peer_with_user())
            }
            Self::Debug { text, .. } => text.clone(),
        }
    }
}
