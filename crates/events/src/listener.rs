//! What the listener says.

use serde::Serialize;

use crate::penalties::{Offence, Penalty};
use crate::{ConnectionFacts, Endpoint, Level, Loggable};

/// Events of the process that accepts connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Event {
    /// A socket listens.
    ServerListening(Endpoint),
    /// A configured address cannot be listened on.
    BindFailed {
        /// The address.
        at: Endpoint,
        /// The system's reason.
        why: String,
    },
    /// A reload has taken an address out of the configuration.
    NoLongerListening(Endpoint),
    /// SIGHUP has come.
    ReceivedSighup,
    /// A new configuration cannot be used; the old one stays in force.
    ReloadFailed {
        /// The first problem, with file and line.
        why: String,
    },
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
    /// A connection was turned away before it cost anything.
    ConnectionDropped {
        /// How many connections had not logged in at that moment.
        startups: usize,
        /// The client.
        peer: Endpoint,
        /// Where it connected to.
        local: Endpoint,
        /// Why.
        why: DropReason,
    },
    /// Lines about dropped connections were withheld.
    DropsNotLogged {
        /// The limit that dropped them.
        limit: DropLimit,
        /// How many.
        connections: u64,
    },
    /// A process before login died of a violation or broke the rules among our processes.
    ChildCrashed {
        /// The client's address.
        peer: String,
        /// The address it connected to.
        local: String,
        /// The monitor's process id.
        pid: i32,
    },
    /// A signal has ended a monitor.
    MonitorKilled {
        /// The client's address.
        peer: String,
        /// The address it connected to.
        local: String,
        /// The monitor's process id.
        pid: i32,
        /// The signal's number.
        signal: i32,
        /// Whether it is one that a process earns by its own fault.
        crash: bool,
    },
    /// PerSourcePenalties
    Penalty(Penalty),
    /// A host key that cannot be used.
    UnusableHostKey {
        /// Its file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// Anything with its own level and text that is not matched by tools.
    Said {
        /// Its level.
        level: Level,
        /// Its text.
        text: String,
    },
}

/// Why a connection is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum DropReason {
    /// MaxStartups, or PerSourceMaxStartups: theirs tells no difference.
    MaxStartups,
    /// PerSourcePenalties: its source has a penalty.
    Penalty(Offence),
    /// PerSourcePenalties: `overflow:deny-all` refuses everybody while the table is full.
    TooManyPenalised,
}

impl DropReason {
    /// The limit behind it.
    #[must_use]
    pub fn limit(self) -> DropLimit {
        match self {
            Self::MaxStartups => DropLimit::MaxStartups,
            Self::Penalty(_) | Self::TooManyPenalised => DropLimit::PerSourcePenalties,
        }
    }

    /// As the log says it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::MaxStartups => DropLimit::MaxStartups.name(),
            Self::Penalty(offence) => offence.words(),
            Self::TooManyPenalised => "too many penalised addresses",
        }
    }
}

/// The limits that turn connections away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum DropLimit {
    /// MaxStartups and PerSourceMaxStartups
    MaxStartups,
    /// PerSourcePenalties
    PerSourcePenalties,
}

impl DropLimit {
    fn name(self) -> &'static str {
        match self {
            Self::MaxStartups => "Maxstartups",
            Self::PerSourcePenalties => "PerSourcePenalties",
        }
    }
}

impl Loggable for Event {
    const SOURCE: &'static str = "listener";

    fn level(&self) -> Level {
        match self {
            Self::BindFailed { .. } | Self::ReloadFailed { .. } | Self::UnusableHostKey { .. } => Level::Error,
            Self::Said { level, .. } => *level,
            Self::MonitorKilled { crash: true, .. } => Level::Error,
            Self::MonitorKilled { crash: false, .. } => Level::Debug1,
            Self::Penalty(penalty) => penalty.level(),
            _ => Level::Info,
        }
    }

    fn text(&self, _: &ConnectionFacts) -> String {
        match self {
            Self::ServerListening(at) => format!("Server listening on {at}."),
            Self::BindFailed { at, why } => format!("Bind to port {} on {} failed: {why}.", at.port, at.address),
            Self::NoLongerListening(at) => format!("Server no longer listening on {at}."),
            Self::ReceivedSighup => "Received SIGHUP; restarting.".to_owned(),
            Self::ReloadFailed { why } => format!("The configuration stays as it was: {why}"),
            Self::ReceivedSignal(number) => format!("Received signal {number}; terminating."),
            Self::TimeoutBeforeAuthentication { peer, local, pid } => {
                format!("Timeout before authentication for connection from {peer} to {local}, pid = {pid}")
            }
            Self::ConnectionDropped { startups, peer, local, why } => format!(
                "drop connection #{startups} from [{}]:{} on [{}]:{} {}",
                peer.address,
                peer.port,
                local.address,
                local.port,
                why.words()
            ),
            Self::DropsNotLogged { limit, connections } => {
                format!("{} logging rate-limited: additional {connections} connections dropped", limit.name())
            }
            Self::ChildCrashed { peer, local, pid } => {
                format!("Session process {pid} unpriv child crash for connection from {peer} to {local}")
            }
            Self::MonitorKilled { peer, local, pid, signal, .. } => {
                format!("session process {pid} for connection from {peer} to {local} killed by signal {signal}")
            }
            Self::Penalty(penalty) => penalty.text(),
            Self::UnusableHostKey { file, why } => format!("Unable to load host key \"{file}\": {why}"),
            Self::Said { text, .. } => text.clone(),
        }
    }
}
