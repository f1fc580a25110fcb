//! Where lines go: syslog, standard error or a file.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use serde::{Deserialize, Serialize};

use crate::{ConnectionFacts, Level, Loggable, visible};

/// Where the administrator wants the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Destination {
    /// `/dev/log`
    Syslog,
    /// `-e`: standard error
    StandardError,
    /// `-E FILE`: an open file, handed over as a descriptor
    File,
}

/// What every process that writes the log must know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSettings {
    /// Where to.
    pub destination: Destination,
    /// `LogLevel`
    pub threshold: Level,
    /// `SyslogFacility` as its syslog number (RFC 5424: AUTH is 4), not shifted.
    pub facility: u8,
}

/// An open log.
#[derive(Debug)]
pub struct Log {
    settings: LogSettings,
    file: Option<File>,
}

impl Log {
    /// Opens the log. `file` is the descriptor of `-E FILE`.
    pub fn open(settings: LogSettings, file: Option<OwnedFd>) -> io::Result<Self> {
        Ok(Self { settings, file: file.map(File::from) })
    }

    /// Follows a new `LogLevel` (a Match block can set it).
    pub fn set_threshold(&mut self, threshold: Level) {
        self.settings.threshold = threshold;
    }

    /// Writes an event about a connection; `preauth` appends ` [preauth]` as theirs does for what the
    /// unprivileged process says before login. A log that cannot be written never ends a connection.
    pub fn write(&mut self, event: &impl Loggable, facts: &ConnectionFacts, preauth: bool) {
        if event.level() > self.settings.threshold || self.settings.threshold == Level::Quiet {
            return;
        }
        let suffix = if preauth { " [preauth]" } else { "" };
        let line = format!("{}{}{suffix}", event.level().prefix(), visible(&event.text(facts)));
        let _ = &self.file;
        eprintln!("{line}\r");
    }
}
