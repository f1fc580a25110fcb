//! Everything that Bulkhead writes to its log, each event once: its level, its text in OpenSSH's words (tools such as
//! fail2ban match them), and its form as JSON.
//!
//! The events are grouped by **who may say them**. What runs before login can say that a peer hung up; it has no word
//! for "Accepted publickey". The monitor fills in who is connected from what it knows itself ([`ConnectionFacts`]),
//! so a taken-over child cannot put another address or another user into a line.
#![forbid(unsafe_code)]

mod accounting;
mod escape;
mod facts;
pub mod files;
mod json;
mod level;
pub mod listener;
mod log;
pub mod monitor;
mod patience;
pub mod penalties;
pub mod preauth;
pub mod session;
mod stream;
mod syslog;

pub use accounting::{ForwardingKind, Usage};
pub use escape::visible;
pub use facts::{ConnectionFacts, ConnectionId, Endpoint, Who};
pub use json::json;
pub use level::{Depth, Level, facility_named};
pub use log::{Destination, Log, LogSettings};
pub use stream::EventDestination;

/// Something that belongs in the log.
pub trait Loggable: serde::Serialize {
    /// Whose events these are, by the name that the JSON stream gives them.
    const SOURCE: &'static str;

    /// How important it is; the administrator's `LogLevel` decides whether it is written.
    fn level(&self) -> Level;
    /// The line without time, ident and pid, as OpenSSH words it. Control bytes are escaped later, by [`Log`].
    fn text(&self, facts: &ConnectionFacts) -> String;
    /// Set for lines of a subsystem that has its own level and facility (`internal-sftp -l -f`): whoever made them has
    /// compared the level already, and `LogLevel` and `SyslogFacility` are not for them.
    fn subsystem(&self) -> Option<Subsystem> {
        None
    }
}

/// What syslog knows the lines of a subsystem by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subsystem {
    /// Its name, in front of the process id.
    pub ident: &'static str,
    /// The facility's number (RFC 5424 section 6.2.1), not shifted.
    pub facility: u8,
}
