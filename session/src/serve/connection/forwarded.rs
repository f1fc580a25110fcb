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

impl Forwarded {
    pub(crate) fn new(kind: ForwardingKind, place: String) -> Self {
        Self { kind, place, since: Instant::now() }
    }
}

/// `host:port`, an IPv6 address in brackets.
pub(crate) fn host_and_port(host: &str, port: u32) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
