//! Why a connection is over, what the peer is told and what is logged.

use std::io;

use events::session::Event;
use thiserror::Error;
use transport::{Transferred, TransportError};
use wire::{WireError, msg};

use super::connection::WindowViolation;
use super::monitor_link::LinkError;

/// Why a connection is over.
#[derive(Debug, Error)]
pub(crate) enum Ending {
    /// The peer closed the network connection.
    #[error("the peer hung up")]
    HungUp,
    /// The network connection broke.
    #[error("the network failed: {0}")]
    Network(io::Error),
    /// The peer said SSH_MSG_DISCONNECT.
    #[error("the peer disconnected: {reason}: {text}")]
    Disconnected { reason: u32, text: String },
    /// A rule of the transport was broken.
    #[error("{0}")]
    Transport(#[from] TransportError),
    /// A rule of the connection protocol was broken; the text goes to the peer and into the log.
    #[error("{0}")]
    Violation(String),
    /// There is no session for this login; the client is told why.
    #[error("{0}")]
    NotServed(String),
    /// ClientAliveCountMax questions have not been answered.
    #[error("the peer does not answer")]
    Unresponsive,
    /// UnusedConnectionTimeout
    #[error("nobody uses the connection")]
    Unused,
    /// The monitor has gone or is out of step.
    #[error("{0}")]
    Monitor(#[from] LinkError),
}

impl Ending {
    /// A message of the connection protocol that does not follow its RFC.
    pub(crate) fn malformed(message: &str, why: WireError) -> Self {
        Self::Violation(format!("Invalid {message}: {why}"))
    }

    /// A peer that ignores a window.
    pub(crate) fn window(channel: u32, why: WindowViolation) -> Self {
        Self::Violation(format!("channel {channel}: {why}"))
    }

    /// What SSH_MSG_DISCONNECT says, if the peer can still be told.
    pub(crate) fn farewell(&self) -> Option<(u32, String)> {
        match self {
            Self::Violation(text) => Some((msg::SSH_DISCONNECT_PROTOCOL_ERROR, text.clone())),
            Self::Transport(error) => Some((error.disconnect_reason()?, error.to_string())),
            Self::NotServed(text) => Some((msg::SSH_DISCONNECT_BY_APPLICATION, text.clone())),
            Self::Monitor(_) => {
                Some((msg::SSH_DISCONNECT_BY_APPLICATION, "The server ended this connection.".to_owned()))
            }
            Self::HungUp | Self::Network(_) | Self::Disconnected { .. } | Self::Unresponsive | Self::Unused => None,
        }
    }

    /// What is logged, in theirs' words and order. Nothing when there is no monitor left to write it.
    pub(crate) fn events(&self, transferred: Transferred) -> Vec<Event> {
        let Transferred { sent, received } = transferred;
        match self {
            Self::HungUp => vec![Event::ConnectionClosed, Event::Transferred { sent, received }, Event::Closing],
            Self::Network(error) => vec![Event::ReadError { why: sys::errors::words(error) }],
            Self::Disconnected { reason, text } => {
                vec![Event::ReceivedDisconnect { reason: *reason, text: text.clone() }, Event::Disconnected]
            }
            Self::Transport(error) => vec![Event::ProtocolError { what: error.to_string() }],
            Self::Violation(text) => vec![Event::Disconnecting { why: text.clone() }],
            Self::Unresponsive => vec![Event::Unresponsive],
            Self::Unused => vec![Event::UnusedConnection],
            Self::NotServed(_) | Self::Monitor(_) => Vec::new(),
        }
    }
}
