//! What a session channel has asked for so far, and what has become of it (RFC 4254 section 6).

use std::rc::Rc;

use ipc::phases::{EndedHow, TerminalSize};
use wire::Write;

use crate::serve::descriptor::Descriptor;

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The client prepares it.
    Preparing,
    /// The monitor has been asked for a terminal.
    TerminalAsked { want_reply: bool },
    /// The monitor has been asked to start the command.
    StartAsked { want_reply: bool, subsystem: bool },
    /// It runs.
    Running { subsystem: bool },
    /// It has ended.
    Ended,
}

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    /// Its number between us and the monitor; never used twice.
    pub(crate) number: u32,
    pub(crate) stage: Stage,
    /// The channel's type as ChannelTimeout knows it: `session`, then `session:shell`, `session:command` or
    /// `session:subsystem:` and a name.
    pub(crate) type_name: String,
    pub(crate) terminal: Option<Terminal>,
    pub(crate) environment: Vec<(String, Vec<u8>)>,
    /// Whether the client understands `eow@openssh.com`.
    pub(crate) peer_knows_end_of_write: bool,
    /// Whether the monitor keeps something for it: a terminal, a command.
    pub(crate) known_to_monitor: bool,
    pub(crate) serves_sftp: bool,
    /// The monitor has been asked for a socket for it: of an agent, of a display.
    pub(crate) listener_asked: bool,
    /// It has a display.
    pub(crate) has_display: bool,
    status: Status,
}

/// A session's terminal.
#[derive(Debug)]
pub(crate) struct Terminal {
    pub(crate) size: TerminalSize,
    pub(crate) modes: Vec<(u8, u32)>,
    /// The master side and the device's name, once the monitor has opened it.
    pub(crate) opened: Option<(Rc<Descriptor>, String)>,
}

#[derive(Debug)]
enum Status {
    Unknown,
    Known(EndedHow),
    Taken,
}

impl Session {
    pub(crate) fn new(number: u32, peer_knows_end_of_write: bool) -> Self {
        Self {
            number,
            stage: Stage::Preparing,
            type_name: "session".to_owned(),
            terminal: None,
            environment: Vec::new(),
            peer_knows_end_of_write,
            known_to_monitor: false,
            serves_sftp: false,
            listener_asked: false,
            has_display: false,
            status: Status::Unknown,
        }
    }

    /// Whether the monitor must answer before anything else of this session can be looked at.
    pub(crate) fn waits_for_monitor(&self) -> bool {
        self.listener_asked || matches!(self.stage, Stage::TerminalAsked { .. } | Stage::StartAsked { .. })
    }

    /// The command has ended.
    pub(crate) fn ended(&mut self, how: EndedHow) {
        self.stage = Stage::Ended;
        if matches!(self.status, Status::Unknown) {
            self.status = Status::Known(how);
        }
    }

    /// What served the session inside this process has ended.
    pub(crate) fn ended_by_itself(&mut self, status: u32) {
        self.ended(EndedHow::Status(status));
    }

    /// Whether it is known how the command ended, and not yet told.
    pub(crate) fn status_is_due(&self) -> bool {
        matches!(self.status, Status::Known(_))
    }

    /// How the command ended: told once.
    pub(crate) fn take_status(&mut self) -> Option<ExitStatus> {
        match std::mem::replace(&mut self.status, Status::Taken) {
            Status::Known(how) => Some(ExitStatus(how)),
            other => {
                self.status = other;
                None
            }
        }
    }

    pub(crate) fn status_was_taken(&self) -> bool {
        matches!(self.status, Status::Taken)
    }

    /// `pts/3`, `internal-sftp`, or nothing: for the process title.
    pub(crate) fn title(&self) -> Option<&str> {
        match &self.terminal {
            Some(Terminal { opened: Some((_, name)), .. }) => Some(name.strip_prefix("/dev/").unwrap_or(name)),
            _ => self.serves_sftp.then_some("internal-sftp"),
        }
    }
}

/// `exit-status` or `exit-signal` (RFC 4254 section 6.10).
#[derive(Debug)]
pub(crate) struct ExitStatus(EndedHow);

impl ExitStatus {
    pub(crate) fn request_name(&self) -> &'static str {
        match self.0 {
            EndedHow::Status(_) => "exit-status",
            EndedHow::Signal { .. } => "exit-signal",
        }
    }

    pub(crate) fn put(&self, payload: &mut Vec<u8>) {
        match &self.0 {
            EndedHow::Status(status) => payload.put_u32(*status),
            EndedHow::Signal { name, core_dumped } => {
                payload.put_string(name);
                payload.put_boolean(*core_dumped);
                payload.put_string("");
                payload.put_string("");
            }
        }
    }
}
