//! What the monitor says: it alone knows who logs in.

use serde::Serialize;

use crate::accounting::in_seconds;
use crate::{ConnectionFacts, Level, Loggable, Who};

/// Events of the process that decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Event {
    /// A connection has come.
    ConnectionFrom,
    /// A step of a decision, in the words and at the level that policy gives it.
    Step {
        /// Its level.
        level: Level,
        /// In theirs' words.
        sentence: String,
    },
    /// An attempt to log in failed.
    Failed(Attempt),
    /// An attempt to log in succeeded.
    Accepted(Attempt),
    /// A dialogue goes on: the user is asked; or a key would do, and may now be proven.
    Postponed(Attempt),
    /// Everything was proven, and PAM says that the account may not be used.
    AccessDenied,
    /// One of several methods that are needed succeeded.
    Partial(Attempt),
    /// MaxAuthTries.
    TooManyAttempts,
    /// The monitor has the peer told why it must go.
    Disconnecting {
        /// What the peer is told.
        why: String,
    },
    /// A session of a logged-in user starts.
    StartingSession {
        /// `shell`, `command`, `subsystem 'sftp'` or `forced-command (config) '…'`
        what: String,
        /// Its terminal without `/dev/`, such as `pts/3`.
        terminal: Option<String>,
        /// Its number.
        session: u32,
    },
    /// The process that starts a command, or that serves the connection.
    UserChild {
        /// Its process id.
        pid: i32,
    },
    /// A session has ended.
    CloseSession {
        /// Its number.
        session: u32,
    },
    /// What a session has used: for every session that started something, whatever ended it.
    SessionEnded {
        /// Its number.
        session: u32,
        /// What was started, as in `StartingSession`.
        what: String,
        /// Bytes of data to the client, as the session process counted them; nothing if it was killed.
        sent: Option<u64>,
        /// Bytes of data from the client.
        received: Option<u64>,
        /// From its start to the end of its channel.
        milliseconds: u64,
    },
    /// A process of ours did what it must not do.
    ChildMisbehaved {
        /// Which.
        process: &'static str,
        /// What it did.
        what: String,
    },
    /// Anything with its own level and text that is not matched by tools.
    Said {
        /// Its level.
        level: Level,
        /// Its text.
        text: String,
    },
}

/// One attempt to log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// `publickey`, `password` …
    pub method: String,
    /// The key of a `publickey` attempt as `ED25519 SHA256:…`, if one could be read.
    pub key: Option<String>,
    /// Whether a failure must be seen at the default level: half of MaxAuthTries is used up, or the method is
    /// `password`. (Failures of invalid users always are.)
    pub alarming: bool,
}

impl Event {
    /// Whether theirs writes this line in the unprivileged process, so that it ends in ` [preauth]`.
    #[must_use]
    pub fn is_marked_preauth(&self) -> bool {
        matches!(self, Self::TooManyAttempts | Self::Disconnecting { .. } | Self::Postponed(_) | Self::AccessDenied)
    }
}

impl Loggable for Event {
    const SOURCE: &'static str = "monitor";

    fn level(&self) -> Level {
        match self {
            Self::Accepted(_) | Self::Partial(_) | Self::Disconnecting { .. } | Self::SessionEnded { .. } => {
                Level::Info
            }
            Self::Failed(attempt) | Self::Postponed(attempt) if attempt.alarming => Level::Info,
            Self::AccessDenied => Level::Fatal,
            Self::ConnectionFrom
            | Self::Failed(_)
            | Self::Postponed(_)
            | Self::StartingSession { .. }
            | Self::UserChild { .. }
            | Self::CloseSession { .. } => Level::Verbose,
            Self::TooManyAttempts | Self::ChildMisbehaved { .. } => Level::Error,
            Self::Step { level, .. } | Self::Said { level, .. } => *level,
        }
    }

    fn text(&self, facts: &ConnectionFacts) -> String {
        let peer = &facts.peer;
        match self {
            Self::ConnectionFrom => format!("Connection from {peer} on {} rdomain \"\"", facts.local),
            Self::Step { sentence, .. } => sentence.clone(),
            Self::Failed(attempt) => attempt.text("Failed", facts),
            Self::Accepted(attempt) => attempt.text("Accepted", facts),
            Self::Partial(attempt) => attempt.text("Partial", facts),
            Self::Postponed(attempt) => attempt.text("Postponed", facts),
            Self::AccessDenied => {
                format!("Access denied for user {} by PAM account configuration", claimed_user(&facts.who))
            }
            Self::TooManyAttempts => {
                format!("maximum authentication attempts exceeded for {} from {peer} ssh2", claimed_user(&facts.who))
            }
            Self::Disconnecting { why } => format!("Disconnecting {}: {why}", facts.peer_with_user()),
            Self::StartingSession { what, terminal, session } => {
                let on = terminal.as_ref().map(|terminal| format!(" on {terminal}")).unwrap_or_default();
                format!("Starting session: {what}{on} for {} from {peer} id {session}", claimed_user(&facts.who))
            }
            Self::UserChild { pid } => format!("User child is on pid {pid}"),
            Self::CloseSession { session } => {
                format!("Close session: user {} from {peer} id {session}", claimed_user(&facts.who))
            }
            Self::SessionEnded { session, what, sent, received, milliseconds } => {
                let count = |bytes: &Option<u64>| bytes.map_or_else(|| "unknown".to_owned(), |bytes| bytes.to_string());
                format!(
                    "Session ended: {what} for {} from {peer} id {session}: sent {}, received {} bytes in {} s",
                    claimed_user(&facts.who),
                    count(sent),
                    count(received),
                    in_seconds(*milliseconds)
                )
            }
            Self::ChildMisbehaved { process, what } => format!("{process}: {what}"),
            Self::Said { text, .. } => text.clone(),
        }
    }
}

impl Attempt {
    fn text(&self, outcome: &str, facts: &ConnectionFacts) -> String {
        let key = self.key.as_ref().map(|key| format!(": {key}")).unwrap_or_default();
        format!("{outcome} {} for {} from {} ssh2{key}", self.method, claimed_user(&facts.who), facts.peer)
    }
}

fn claimed_user(who: &Who) -> String {
    match who {
        Who::Nobody => String::new(),
        Who::Invalid(user) => format!("invalid user {user}"),
        Who::Authenticating(user) | Who::LoggedIn(user) => user.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Endpoint;

    fn facts(who: Who) -> ConnectionFacts {
        let end = |port| Endpoint { address: "192.0.2.7".to_owned(), port };
        ConnectionFacts { peer: end(50022), local: end(22), who, ..ConnectionFacts::none() }
    }

    fn attempt(alarming: bool) -> Attempt {
        Attempt { method: "publickey".to_owned(), key: Some("ED25519 SHA256:abc".to_owned()), alarming }
    }

    #[test]
    fn attempts_read_as_filters_expect_them() {
        assert_eq!(
            Event::Failed(attempt(true)).text(&facts(Who::Invalid("admin".to_owned()))),
            "Failed publickey for invalid user admin from 192.0.2.7 port 50022 ssh2: ED25519 SHA256:abc"
        );
        assert_eq!(
            Event::Accepted(attempt(false)).text(&facts(Who::Authenticating("alice".to_owned()))),
            "Accepted publickey for alice from 192.0.2.7 port 50022 ssh2: ED25519 SHA256:abc"
        );
        let asked = Attempt { method: "keyboard-interactive/pam".to_owned(), key: None, alarming: false };
        assert_eq!(
            Event::Postponed(asked).text(&facts(Who::Authenticating("alice".to_owned()))),
            "Postponed keyboard-interactive/pam for alice from 192.0.2.7 port 50022 ssh2"
        );
        assert_eq!(
            Event::AccessDenied.text(&facts(Who::Authenticating("alice".to_owned()))),
            "Access denied for user alice by PAM account configuration"
        );
        assert_eq!(
            Event::TooManyAttempts.text(&facts(Who::Invalid("admin".to_owned()))),
            "maximum authentication attempts exceeded for invalid user admin from 192.0.2.7 port 50022 ssh2"
        );
    }

    #[test]
    fn first_failures_are_for_verbose_logs_only() {
        assert_eq!(Event::Failed(attempt(false)).level(), Level::Verbose);
        assert_eq!(Event::Failed(attempt(true)).level(), Level::Info);
    }

    #[test]
    fn sessions_are_named_with_their_terminal() {
        let starting = |terminal: Option<&str>| Event::StartingSession {
            what: "shell".to_owned(),
            terminal: terminal.map(str::to_owned),
            session: 0,
        };
        let bob = facts(Who::LoggedIn("bob".to_owned()));
        assert_eq!(
            starting(Some("pts/3")).text(&bob),
            "Starting session: shell on pts/3 for bob from 192.0.2.7 port 50022 id 0"
        );
        assert_eq!(starting(None).text(&bob), "Starting session: shell for bob from 192.0.2.7 port 50022 id 0");
    }
}
