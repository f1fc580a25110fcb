//! Where lines go: syslog, standard error or a file.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::{Deserialize, Serialize};

use crate::patience::Patience;
use crate::stream::{EventDestination, EventStream};
use crate::syslog::Syslog;
use crate::{ConnectionFacts, Level, Loggable, Subsystem, visible};

/// Longest line in bytes, escapes included: below PIPE_BUF, so that lines of several processes never mix in a pipe,
/// and below what syslogd takes.
const LONGEST_LINE: usize = 4000;

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
    /// `EventLog`: every event as JSON.
    pub events: Option<EventDestination>,
}

/// An open log.
#[derive(Debug)]
pub struct Log {
    threshold: Level,
    sink: Sink,
    stream: Option<EventStream>,
}

/// The stream of events has at least what is written at this level, so that who reads it need not know `LogLevel`.
const STREAM_LEVEL: Level = Level::Verbose;

#[derive(Debug)]
enum Sink {
    Syslog(Syslog),
    StandardError(Patience),
    File(File, Patience),
}

impl Log {
    /// Opens the log. `file` is the descriptor of `-E FILE`; it is missing only by a mistake of ours. A syslogd that
    /// is not there is no error: it may come.
    pub fn open(settings: LogSettings, file: Option<OwnedFd>) -> io::Result<Self> {
        let sink = match (settings.destination, file) {
            (Destination::Syslog, _) => {
                let mut syslog = Syslog::of_this_host(settings.facility);
                syslog.connect();
                Sink::Syslog(syslog)
            }
            (Destination::StandardError, _) => Sink::StandardError(Patience::default()),
            (Destination::File, Some(file)) => Sink::File(File::from(file), Patience::default()),
            (Destination::File, None) => return Err(io::Error::from(io::ErrorKind::InvalidInput)),
        };
        Ok(Self { threshold: settings.threshold, sink, stream: settings.events.map(EventStream::to) })
    }

    /// A log on standard error, where nothing can go wrong.
    #[must_use]
    pub fn on_stderr(threshold: Level) -> Self {
        Self { threshold, sink: Sink::StandardError(Patience::default()), stream: None }
    }

    /// Another ident than `sshd` in syslog: `sftp-server` is known by its own name.
    pub fn known_as(&mut self, ident: &'static str) {
        if let Sink::Syslog(syslog) = &mut self.sink {
            syslog.known_as(ident);
        }
    }

    /// The least important level that is written.
    #[must_use]
    pub fn threshold(&self) -> Level {
        self.threshold
    }

    /// Follows a new `LogLevel` (a Match block can set it).
    pub fn set_threshold(&mut self, threshold: Level) {
        self.threshold = threshold;
    }

    /// Whether a line of this level would be written.
    #[must_use]
    pub fn writes(&self, level: Level) -> bool {
        self.threshold != Level::Quiet && level <= self.threshold
    }

    /// Writes an event about a connection; `preauth` appends ` [preauth]` as theirs does for what the
    /// unprivileged process says before login. A log that cannot be written never ends a connection.
    pub fn write(&mut self, event: &impl Loggable, facts: &ConnectionFacts, preauth: bool) {
        let (level, subsystem) = (event.level(), event.subsystem());
        if (subsystem.is_some() || level <= self.threshold.max(STREAM_LEVEL))
            && let Some(complaint) = self.stream.as_mut().and_then(|stream| stream.write(event, facts))
        {
            self.write_text(Level::Error, &complaint, "");
        }
        if subsystem.is_some() || self.writes(level) {
            self.put(level, &event.text(facts), if preauth { " [preauth]" } else { "" }, subsystem);
        }
    }

    fn write_text(&mut self, level: Level, text: &str, suffix: &str) {
        if self.writes(level) {
            self.put(level, text, suffix, None);
        }
    }

    fn put(&mut self, level: Level, text: &str, suffix: &str, subsystem: Option<Subsystem>) {
        let text = in_one_line(text, suffix);
        match &mut self.sink {
            Sink::Syslog(syslog) => syslog.write(level, &text, subsystem),
            Sink::StandardError(patience) => write_line(io::stderr().as_fd(), level, &text, patience),
            Sink::File(file, patience) => write_line(file.as_fd(), level, &text, patience),
        }
    }
}

/// A process that ends says what it could not tell the stream of events.
impl Drop for Log {
    fn drop(&mut self) {
        if let Some(text) = self.stream.as_ref().and_then(EventStream::last_words) {
            self.write_text(Level::Error, &text, "");
        }
    }
}

/// The text as it may be shown, cut so that the suffix is always there.
fn in_one_line(text: &str, suffix: &str) -> String {
    let mut line = visible(text);
    // Escaped text is US-ASCII: every place is a character boundary.
    line.truncate(LONGEST_LINE - suffix.len());
    line.push_str(suffix);
    line
}

/// One write for the whole line, carriage return included as theirs does (standard error may be a raw terminal).
fn write_line(sink: BorrowedFd<'_>, level: Level, text: &str, patience: &mut Patience) {
    let lost = patience.lost();
    if lost > 0 && written(sink, &format!("{lost} log messages were lost\r\n"), patience) {
        patience.made_up_for_losses();
    }
    if !written(sink, &format!("{}{text}\r\n", level.prefix_on_stderr()), patience) {
        patience.line_was_lost();
    }
}

fn written(sink: BorrowedFd<'_>, line: &str, patience: &mut Patience) -> bool {
    patience.wait_for_room(sink) && nix::unistd::write(sink, line.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::{listener, preauth, session};

    fn log_into_pipe(threshold: Level) -> (Log, File) {
        let (read, write) = nix::unistd::pipe().unwrap();
        let settings = LogSettings { destination: Destination::File, threshold, facility: 4, events: None };
        (Log::open(settings, Some(write)).unwrap(), File::from(read))
    }

    fn all_of(log: Log, mut read: File) -> String {
        drop(log);
        let mut text = String::new();
        read.read_to_string(&mut text).unwrap();
        text
    }

    fn said(level: Level, text: &str) -> listener::Event {
        listener::Event::Said { level, text: text.to_owned() }
    }

    #[test]
    fn a_line_ends_as_theirs_does_and_errors_have_no_mark_in_a_file() {
        let (mut log, read) = log_into_pipe(Level::Debug1);
        log.write(&said(Level::Error, "Cannot bind any address."), &ConnectionFacts::none(), false);
        log.write(&said(Level::Debug1, "x"), &ConnectionFacts::none(), false);
        assert_eq!(all_of(log, read), "Cannot bind any address.\r\ndebug1: x\r\n");
    }

    #[test]
    fn what_is_below_the_log_level_is_not_written() {
        let (mut log, read) = log_into_pipe(Level::Info);
        log.write(&said(Level::Verbose, "hidden"), &ConnectionFacts::none(), false);
        log.write(&said(Level::Info, "shown"), &ConnectionFacts::none(), false);
        log.set_threshold(Level::Quiet);
        log.write(&said(Level::Fatal, "hidden"), &ConnectionFacts::none(), false);
        assert_eq!(all_of(log, read), "shown\r\n");
    }

    /// `LogLevel` is sshd's; `internal-sftp -l` has decided already.
    #[test]
    fn a_subsystem_has_its_own_level() {
        let (mut log, read) = log_into_pipe(Level::Error);
        let line = |level| session::Event::Sftp { facility: 4, level, text: format!("{level:?}") };
        log.write(&line(Level::Verbose), &ConnectionFacts::none(), false);
        log.write(&session::Event::Closing, &ConnectionFacts::none(), false);
        assert_eq!(all_of(log, read), "Verbose\r\n");
    }

    #[test]
    fn the_suffix_stands_behind_a_text_of_any_length() {
        let (mut log, read) = log_into_pipe(Level::Info);
        let event = preauth::Event::Disconnecting { why: "\n".repeat(9000) };
        log.write(&event, &ConnectionFacts::none(), true);
        let line = all_of(log, read);
        assert_eq!(line.len(), LONGEST_LINE + 2);
        assert!(line.ends_with("\\n\\ [preauth]\r\n") || line.ends_with("\\n [preauth]\r\n"), "{line}");
        assert_eq!(line.matches('\n').count(), 1);
    }

    #[test]
    fn a_reader_that_hangs_does_not_hold_anyone_up() {
        let (mut log, read) = log_into_pipe(Level::Info);
        let start = Instant::now();
        for _ in 0..2000 {
            log.write(&said(Level::Info, &"x".repeat(1000)), &ConnectionFacts::none(), false);
        }
        assert!(start.elapsed() < Duration::from_secs(10));
        drop(read);
        log.write(&said(Level::Info, "nobody reads"), &ConnectionFacts::none(), false);
    }
}
