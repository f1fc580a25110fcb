//! What a channel forwards.

use events::ForwardingKind;
use tokio::time::Instant;

/// A forwarded connection, for the log.
#[derive(Debug)]
pub(crate) struct Forwarded {
    pub(crate) kind: ForwardingKind,
    /// `host:port` or a path: what was reached, or where somebody connected.
    pub(crate) place: String,
    /// Since when it is asked for.
    pub(crate) since: Instant,
}

/// The type of a channel to the client's agent.
pub(super) const AGENT: &str = "agent-connection";

impl Forwarded {
    /// The channel's type as ChannelTimeout knows it.
    pub(super) fn type_name(&self) -> &'static str {
        match self.kind {
            ForwardingKind::Agent => AGENT,
            ForwardingKind::X11 => "x11-connection",
            ForwardingKind::Tunnel => "tun-connection",
            kind => kind.name(),
        }
    }

    pub(crate) fn new(kind: ForwardingKind, place: String) -> Self {
        Self { kind, place, since: Instant::now() }
    }
}

/// `host:port`, an IPv6 address in brackets.
pub(crate) fn host_and_port(host: &str, port: u32) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
