//! What the monitor says: it alone knows who logs in.

use serde::Serialize;

use crate::{ConnectionFacts, Level, Loggable};

/// Events of the process that decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Event {
    /// A connection has come.
    ConnectionFrom,
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
            Self::ConnectionFrom => Level::Verbose,
            Self::Said { level, .. } => *level,
        }
    }

    fn text(&self, facts: &ConnectionFacts) -> String {
        match self {
            Self::ConnectionFrom => format!("Connection from {} on {} rdomain \"\"", facts.peer, facts.local),
            Self::Said { text, .. } => text.clone(),
        }
    }
}
