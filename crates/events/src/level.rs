//! Levels of `LogLevel` in sshd_config(5).

use serde::{Deserialize, Serialize};

/// From the most to the least important; a `LogLevel` writes itself and everything before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    /// Nothing is written.
    Quiet,
    /// The process ends because of it.
    Fatal,
    /// Something is wrong.
    Error,
    /// The default.
    Info,
    /// Fingerprints, files and sessions.
    Verbose,
    /// `DEBUG`
    Debug1,
    /// `DEBUG2`
    Debug2,
    /// `DEBUG3`
    Debug3,
}

impl Level {
    /// What stands in front of the text, as fail2ban and others expect it.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Fatal => "fatal: ",
            Self::Error => "error: ",
            Self::Debug1 => "debug1: ",
            Self::Debug2 => "debug2: ",
            Self::Debug3 => "debug3: ",
            Self::Quiet | Self::Info | Self::Verbose => "",
        }
    }
}
