//! The session channels of a connection as this process sees them: terminals and commands.

use std::os::fd::OwnedFd;
use std::time::Duration;

use events::monitor::Event;
use sys::login_records::LoginRecord;
use sys::process::Child;

use crate::logged_in::devices::Display;

/// The sessions that the session process has named.
#[derive(Debug, Default)]
pub(super) struct Sessions(Vec<Session>);

/// One of them.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) number: u32,
    pub(super) terminal: Option<Terminal>,
    pub(super) stage: Stage,
    /// What was started, and when on the monotonic clock.
    pub(super) started: Option<(String, Duration)>,
    /// What stands in `utmp`.
    pub(super) record: Option<LoginRecord>,
    /// The client's X11 display.
    pub(super) display: Option<Display>,
    /// The channel is gone: nobody wants to hear how the command ends.
    pub(super) closed: bool,
}

/// A pseudo-terminal; its master is with the session process.
#[derive(Debug)]
pub(super) struct Terminal {
    /// `/dev/pts/3`
    pub(super) device: String,
    /// TERM
    pub(super) term: String,
    /// For the command; not kept once it runs.
    pub(super) slave: Option<OwnedFd>,
}

/// How far a session is.
#[derive(Debug)]
pub(super) enum Stage {
    /// It has a terminal at most.
    NotStarted,
    /// A command runs.
    Runs { command: Child, takes_signals: bool },
    /// The session process itself serves SFTP.
    ServesSftp,
    /// The command has ended.
    Ended,
}

impl Session {
    /// The running command.
    pub(super) fn command(&self) -> Option<&Child> {
        match &self.stage {
            Stage::Runs { command, .. } => Some(command),
            _ => None,
        }
    }

    /// What it has used, if it has started anything: bytes to and from the client, if they are known.
    pub(super) fn account(&self, bytes: Option<(u64, u64)>) -> Option<Event> {
        let (what, since) = self.started.clone()?;
        let lasted = sys::clock::monotonic().saturating_sub(since);
        Some(Event::SessionEnded {
            session: self.number,
            what,
            sent: bytes.map(|(sent, _)| sent),
            received: bytes.map(|(_, received)| received),
            milliseconds: u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// The terminal in the form of the log: `pts/3`.
    pub(super) fn terminal_shown(&self) -> Option<String> {
        let device = &self.terminal.as_ref()?.device;
        Some(device.strip_prefix("/dev/").unwrap_or(device).to_owned())
    }
}

impl Sessions {
    /// The open session of this number.
    pub(super) fn open(&mut self, number: u32) -> Option<&mut Session> {
        self.0.iter_mut().find(|session| session.number == number && !session.closed)
    }

    /// A new session of this number, unless it is taken or there are `most` already. Sessions whose channel is closed
    /// count for as long as their command runs.
    fn begin(&mut self, number: u32, most: u32) -> Option<&mut Session> {
        let room = u32::try_from(self.0.len()).is_ok_and(|count| count < most);
        if !room || self.open(number).is_some() {
            return None;
        }
        self.0.push(Session {
            number,
            terminal: None,
            stage: Stage::NotStarted,
            started: None,
            record: None,
            display: None,
            closed: false,
        });
        self.0.last_mut()
    }

    /// The open session of this number, begun if need be: what a client wants of it (a display, a terminal, a command) comes
    /// in any order. `None` if there are `most` already.
    pub(super) fn open_or_begin(&mut self, number: u32, most: u32) -> Option<&mut Session> {
        if self.open(number).is_some() { self.open(number) } else { self.begin(number, most) }
    }

    /// Those whose channel is closed and whose command has ended need not be remembered.
    pub(super) fn forget_finished(&mut self) {
        self.0.retain(|session| !session.closed || session.command().is_some());
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        self.0.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_once_and_max_sessions_holds() {
        let mut sessions = Sessions::default();
        assert!(sessions.begin(7, 2).is_some());
        assert!(sessions.begin(7, 2).is_none(), "taken");
        assert!(sessions.begin(8, 2).is_some());
        assert!(sessions.begin(9, 2).is_none(), "too many");
        assert!(sessions.open_or_begin(8, 2).is_some_and(|session| session.number == 8), "it is there");
        assert!(sessions.open_or_begin(9, 2).is_none() && sessions.open_or_begin(9, 3).is_some());
    }

    #[test]
    fn closed_sessions_without_a_command_are_forgotten() {
        let mut sessions = Sessions::default();
        sessions.begin(1, 1).unwrap().closed = true;
        assert!(sessions.open(1).is_none());
        assert!(sessions.begin(1, 1).is_none(), "still counted");
        sessions.forget_finished();
        assert!(sessions.begin(1, 1).is_some());
    }
}
