//! What the process that serves a logged-in user may say.

use serde::{Deserialize, Serialize};

use crate::accounting::one_word;
use crate::level::known_facility;
use crate::{ConnectionFacts, Depth, ForwardingKind, Level, Loggable, Subsystem, Usage};

/// Events after login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The peer closed the connection.
    ConnectionClosed,
    /// The network connection broke.
    ReadError {
        /// The system's words.
        why: String,
    },
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
    /// The connection is over because the peer said SSH_MSG_DISCONNECT.
    Disconnected,
    /// ClientAliveCountMax questions were not answered.
    Unresponsive,
    /// The client wants more sessions at once than MaxSessions.
    NoMoreSessions,
    /// The client did not open a channel for somebody who had connected to what is forwarded to it.
    ChannelNotOpened {
        /// Its number on our side.
        channel: u32,
        /// RFC 4254 section 5.1
        reason: u32,
        /// The peer's words.
        text: String,
    },
    /// A channel is closed because nothing moved through it (ChannelTimeout).
    ChannelIdle {
        /// Its number on our side.
        channel: u32,
        /// The limit.
        seconds: u64,
    },
    /// The connection had no channels for as long as UnusedConnectionTimeout says.
    UnusedConnection,
    /// The connection broke a rule of the transport.
    ProtocolError {
        /// The rule.
        what: String,
    },
    /// The process cannot do its work.
    CannotServe {
        /// Why.
        why: String,
    },
    /// Bytes on the wire in both directions, at the end.
    Transferred {
        /// Bytes to the peer.
        sent: u64,
        /// Bytes from the peer.
        received: u64,
    },
    /// The last line about a connection that the peer closed.
    Closing,
    /// A channel that forwarded something is closed.
    ChannelEnded {
        /// What kind.
        kind: ForwardingKind,
        /// Where it led: `host:port` (IPv6 addresses in brackets), a path, a device; as asked for, not resolved.
        /// Empty where the kind says everything (an agent).
        destination: String,
        /// Bytes and time: an object of `sent`, `received` and `milliseconds`, as in the end of a session.
        usage: Usage,
    },
    /// A line of `internal-sftp`.
    Sftp {
        /// The number of its syslog facility (`-f`).
        facility: u8,
        /// Its level.
        level: Level,
        /// Its text.
        text: String,
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
    const SOURCE: &'static str = "session";

    fn level(&self) -> Level {
        match self {
            Self::ProtocolError { .. } | Self::CannotServe { .. } => Level::Fatal,
            Self::ReadError { .. } | Self::ChannelIdle { .. } | Self::Transferred { .. } | Self::Closing => {
                Level::Verbose
            }
            Self::NoMoreSessions => Level::Error,
            Self::Sftp { level, .. } => *level,
            Self::Debug { depth, .. } => Level::from(*depth),
            _ => Level::Info,
        }
    }

    fn text(&self, facts: &ConnectionFacts) -> String {
        let peer = &facts.peer;
        match self {
            // Without the user, unlike the line before login: so say theirs.
            Self::ConnectionClosed => format!("Connection closed by {peer}"),
            Self::ReadError { why } => format!("Read error from remote host {peer}: {why}"),
            Self::ReceivedDisconnect { reason, text } => format!("Received disconnect from {peer}:{reason}: {text}"),
            Self::Disconnecting { why } => format!("Disconnecting {}: {why}", facts.peer_with_user()),
            Self::Disconnected => format!("Disconnected from {}", facts.peer_with_user()),
            Self::Unresponsive => format!("Timeout, client not responding from {}", facts.peer_with_user()),
            Self::NoMoreSessions => "no more sessions".to_owned(),
            Self::ChannelNotOpened { channel, reason, text } => {
                format!("channel {channel}: open failed: {}: {text}", why_not_opened(*reason))
            }
            Self::ChannelIdle { channel, seconds } => {
                format!("channel {channel}: closing after {seconds} seconds of inactivity")
            }
            Self::UnusedConnection => format!("terminating inactive connection from {}", facts.peer_with_user()),
            Self::ProtocolError { what } => {
                format!("ssh_dispatch_run_fatal: Connection from {}: {what}", facts.peer_with_user())
            }
            Self::Transferred { sent, received } => format!("Transferred: sent {sent}, received {received} bytes"),
            Self::Closing => format!("Closing connection to {peer}"),
            Self::ChannelEnded { kind, destination, usage } => {
                let to = if destination.is_empty() { String::new() } else { format!(" to {}", one_word(destination)) };
                format!("Forwarding ended: {}{to} for {}: {usage}", kind.name(), facts.peer_with_user())
            }
            Self::Sftp { text, .. } | Self::Debug { text, .. } | Self::CannotServe { why: text } => text.clone(),
        }
    }

    fn subsystem(&self) -> Option<Subsystem> {
        match self {
            Self::Sftp { facility, .. } => {
                Some(Subsystem { ident: "internal-sftp", facility: known_facility(*facility) })
            }
            _ => None,
        }
    }
}

/// The reasons of RFC 4254 section 5.1 in theirs' words.
fn why_not_opened(reason: u32) -> &'static str {
    match reason {
        1 => "administratively prohibited",
        2 => "connect failed",
        3 => "unknown channel type",
        4 => "resource shortage",
        _ => "unknown reason",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Endpoint, Who};

    fn line(event: &Event) -> String {
        let peer = Endpoint { address: "192.0.2.7".to_owned(), port: 50022 };
        let facts = ConnectionFacts { peer, who: Who::LoggedIn("alice".to_owned()), ..ConnectionFacts::none() };
        event.text(&facts)
    }

    #[test]
    fn lines_are_those_that_tools_match() {
        let reason = Event::ReceivedDisconnect { reason: 11, text: "disconnected by user".to_owned() };
        assert_eq!(line(&reason), "Received disconnect from 192.0.2.7 port 50022:11: disconnected by user");
        assert_eq!(line(&Event::Disconnected), "Disconnected from user alice 192.0.2.7 port 50022");
        assert_eq!(line(&Event::ConnectionClosed), "Connection closed by 192.0.2.7 port 50022");
        assert_eq!(line(&Event::Closing), "Closing connection to 192.0.2.7 port 50022");
        assert_eq!(line(&Event::Transferred { sent: 5, received: 7 }), "Transferred: sent 5, received 7 bytes");
        assert_eq!(
            line(&Event::Disconnecting { why: "channel 0: peer ignored channel window".to_owned() }),
            "Disconnecting user alice 192.0.2.7 port 50022: channel 0: peer ignored channel window"
        );
    }

    #[test]
    fn a_destination_cannot_speak_in_its_line() {
        let destination = "x: Invalid user root from 192.0.2.9".to_owned();
        let usage = Usage::default();
        let event = Event::ChannelEnded { kind: ForwardingKind::DirectTcpip, destination, usage };
        assert_eq!(
            line(&event),
            "Forwarding ended: direct-tcpip to x:%20Invalid%20user%20root%20from%20192.0.2.9 for user alice \
             192.0.2.7 port 50022: sent 0, received 0 bytes in 0.000 s"
        );
    }

    #[test]
    fn only_a_broken_protocol_is_fatal() {
        assert_eq!(Event::ProtocolError { what: String::new() }.level(), Level::Fatal);
        assert_eq!(Event::Disconnected.level(), Level::Info);
        assert_eq!(Event::Closing.level(), Level::Verbose);
    }
}
