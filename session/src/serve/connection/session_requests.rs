//! Requests of session channels, what the monitor is asked for them, and what becomes of its answers.

use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use events::session::Event;
use events::{Depth, Level};
use ipc::phases::{LoggedInAnswer, LoggedInRequest, TerminalSize, Wanted};
use wire::Reader;

use super::channel::Ends;
use super::requests::Request;
use super::session::{Session, Stage, Terminal};
use super::sftp_end::SftpEnd;
use super::stream_ends::StreamEnds;
use super::{Connection, Terms};
use crate::serve::descriptor::{Descriptor, Nature};
use crate::serve::ending::Ending;
use crate::serve::monitor_link::{Asked, LinkError, MonitorLink};

/// Variables that one session can set, as theirs.
const MOST_VARIABLES: usize = 128;

/// Bytes of a command and its variables together: they go to the monitor in one frame ([`ipc::MAX_FRAME`]), and the
/// system takes no longer argument than 128 KiB.
const LARGEST_START: usize = 150 * 1024;

/// Longest TERM in bytes that is passed on.
const LONGEST_TERM: usize = 256;

/// What becomes of a request.
enum Reply {
    Now(bool),
    /// When the monitor has answered.
    Later,
}

impl Connection {
    /// SSH_MSG_CHANNEL_REQUEST (RFC 4254 section 5.4).
    pub(crate) fn channel_request(
        &mut self,
        number: u32,
        mut reader: Reader<'_>,
        link: &mut MonitorLink,
    ) -> Result<(), Ending> {
        let malformed = |why| Ending::malformed("channel request", why);
        let name = reader.string().map_err(malformed)?;
        let want_reply = reader.boolean().map_err(malformed)?;
        let request = Request::parse(name, reader).map_err(malformed)?;
        self.show_request(number, name, &request, link)?;
        let reply = self.request(number, request, want_reply, link)?;
        if let (Reply::Now(success), true, Some(channel)) = (reply, want_reply, self.channels.find(number)) {
            channel.reply(success, &mut self.outbox);
        }
        Ok(())
    }

    /// For somebody who debugs.
    fn show_request(
        &mut self,
        number: u32,
        name: &[u8],
        request: &Request<'_>,
        link: &MonitorLink,
    ) -> Result<(), LinkError> {
        let Some(session) = self.channels.find(number).and_then(|channel| channel.session()) else { return Ok(()) };
        link.detail(Depth::One, || {
            format!("session_input_channel_req: session {} req {}", session.number, shown(name))
        })?;
        match request {
            Request::Environment { name, value } => link.detail(Depth::Two, || {
                let accepted = std::str::from_utf8(name).is_ok_and(|name| is_accepted(&self.terms.accept_env, name));
                match accepted {
                    true => format!("Setting env {}: {}={}", session.environment.len(), shown(name), shown(value)),
                    false => format!("Ignoring env request {}: disallowed name", shown(name)),
                }
            }),
            Request::Unknown => link.detail(Depth::One, || format!("session {}: unknown request", session.number)),
            _ => Ok(()),
        }
    }

    fn request(
        &mut self,
        number: u32,
        request: Request<'_>,
        want_reply: bool,
        link: &mut MonitorLink,
    ) -> Result<Reply, Ending> {
        let Some(channel) = self.channels.find(number) else { return Ok(Reply::Now(false)) };
        if request == Request::EndOfWrite {
            channel.peer_takes_no_more();
            return Ok(Reply::Now(true));
        }
        let closed = channel.peer_said.close;
        let Some(session) = channel.session_mut() else { return Ok(Reply::Now(false)) };
        let preparing = session.stage == Stage::Preparing && !closed;
        match request {
            Request::Terminal { term, size, modes } if preparing => {
                if !self.terms.terminal {
                    link.detail(Depth::One, || "Allocating a pty not permitted for this connection.".to_owned())?;
                    return Ok(Reply::Now(false));
                }
                let term = term.get(..term.floor_char_boundary(LONGEST_TERM)).unwrap_or_default().to_owned();
                ask_for_terminal(number, session, term, Terminal { size, modes, opened: None }, want_reply, link)
            }
            Request::Environment { name, value } if preparing => {
                Ok(Reply::Now(set_variable(&self.terms.accept_env, &mut session.environment, name, value)))
            }
            Request::Start(wanted) if preparing => Ok(ask_to_start(number, session, wanted, want_reply, link)?),
            Request::Agent { channel_type } if !closed => {
                self.ask_for_agent(number, channel_type, want_reply, link)?;
                Ok(Reply::Later)
            }
            Request::X11 { single_connection, authentication } if preparing && !session.has_display => {
                self.ask_for_display(number, single_connection, authentication, want_reply, link)?;
                Ok(Reply::Later)
            }
            Request::WindowChange(size) => Ok(Reply::Now(change_size(session, size))),
            Request::Signal(name) => Ok(Reply::Now(signal(session, name, link)?)),
            // Linux has no break on a pseudo-terminal: what theirs asks for, tcsendbreak(3), succeeds and does nothing. As
            // theirs, who asks before something runs on the terminal hears no.
            Request::Break => {
                let running = matches!(session.stage, Stage::Running { .. });
                Ok(Reply::Now(running && session.terminal.is_some()))
            }
            Request::Terminal { .. }
            | Request::Environment { .. }
            | Request::Start(_)
            | Request::Agent { .. }
            | Request::X11 { .. }
            | Request::EndOfWrite
            | Request::Unknown => Ok(Reply::Now(false)),
        }
    }

    /// The monitor has answered [`Asked::Terminal`].
    pub(super) fn terminal_answered(
        &mut self,
        number: u32,
        answer: LoggedInAnswer,
        descriptors: Vec<OwnedFd>,
    ) -> Result<(), LinkError> {
        let channel = self.channels.find(number).ok_or(LinkError::Unasked)?;
        let session = channel.session_mut().ok_or(LinkError::Unasked)?;
        let Stage::TerminalAsked { want_reply } = session.stage else { return Err(LinkError::Unasked) };
        session.stage = Stage::Preparing;
        let success = match answer {
            LoggedInAnswer::Terminal { name } => {
                session.known_to_monitor = true;
                open_terminal(&mut session.terminal, name, descriptors)
            }
            LoggedInAnswer::Refused { .. } => false,
            _ => return Err(LinkError::Unasked),
        };
        if !success {
            session.terminal = None;
        }
        self.title_is_new = true;
        if want_reply {
            channel.reply(success, &mut self.outbox);
        }
        Ok(())
    }

    /// The monitor has answered [`Asked::Start`].
    pub(super) fn start_answered(
        &mut self,
        number: u32,
        answer: LoggedInAnswer,
        descriptors: Vec<OwnedFd>,
        link: &mut MonitorLink,
    ) -> Result<(), LinkError> {
        let channel = self.channels.find(number).ok_or(LinkError::Unasked)?;
        let session = channel.session_mut().ok_or(LinkError::Unasked)?;
        let Stage::StartAsked { want_reply, subsystem } = session.stage else { return Err(LinkError::Unasked) };
        let ends = match answer {
            LoggedInAnswer::Started { on_terminal } => {
                session.known_to_monitor = true;
                command_ends(session, on_terminal, descriptors)
            }
            LoggedInAnswer::ServeSftp { arguments } => {
                session.known_to_monitor = true;
                let ends = sftp_ends(&self.terms, &arguments, link);
                session.serves_sftp = ends.is_some();
                ends
            }
            LoggedInAnswer::Refused { .. } => None,
            _ => return Err(LinkError::Unasked),
        };
        self.title_is_new = true;
        let success = ends.is_some();
        session.stage = if success { Stage::Running { subsystem } } else { Stage::Preparing };
        if let Some(ends) = ends {
            channel.connect(ends, &mut self.outbox);
        }
        if want_reply {
            channel.reply(success, &mut self.outbox);
        }
        Ok(())
    }
}

fn ask_for_terminal(
    number: u32,
    session: &mut Session,
    term: String,
    terminal: Terminal,
    want_reply: bool,
    link: &mut MonitorLink,
) -> Result<Reply, Ending> {
    if session.terminal.is_some() {
        return Err(Ending::Violation("Protocol error: you already have a pty.".to_owned()));
    }
    let request = LoggedInRequest::OpenTerminal { session: session.number, term, size: terminal.size };
    link.ask(&request, Asked::Terminal(number))?;
    session.terminal = Some(terminal);
    session.stage = Stage::TerminalAsked { want_reply };
    Ok(Reply::Later)
}

fn ask_to_start(
    number: u32,
    session: &mut Session,
    wanted: Wanted,
    want_reply: bool,
    link: &mut MonitorLink,
) -> Result<Reply, LinkError> {
    let environment = std::mem::take(&mut session.environment);
    let command = match &wanted {
        Wanted::Shell => 0,
        Wanted::Command(command) => command.len(),
        Wanted::Subsystem(name) => name.len(),
    };
    if command.saturating_add(length_of(&environment)) > LARGEST_START {
        return Ok(Reply::Now(false));
    }
    let subsystem = matches!(wanted, Wanted::Subsystem(_));
    session.type_name = type_name(&wanted);
    let request = LoggedInRequest::Start { session: session.number, what: wanted, environment };
    link.ask(&request, Asked::Start(number))?;
    session.stage = Stage::StartAsked { want_reply, subsystem };
    Ok(Reply::Later)
}

fn type_name(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Shell => "session:shell".to_owned(),
        Wanted::Command(_) => "session:command".to_owned(),
        Wanted::Subsystem(name) => format!("session:subsystem:{name}"),
    }
}

/// `env`: what AcceptEnv lets through, within bounds.
fn set_variable(accepted: &[String], environment: &mut Vec<(String, Vec<u8>)>, name: &[u8], value: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else { return false };
    let usable = !name.is_empty() && !name.contains(['=', '\0']) && !value.contains(&0);
    let room = environment.len() < MOST_VARIABLES
        && length_of(environment).saturating_add(name.len()).saturating_add(value.len()) <= LARGEST_START;
    let accept = is_accepted(accepted, name);
    if usable && room && accept {
        environment.push((name.to_owned(), value.to_vec()));
    }
    usable && room && accept
}

fn is_accepted(accepted: &[String], name: &str) -> bool {
    accepted.iter().any(|pattern| settings::pattern::matches_pattern(name, pattern))
}

/// As much of what a client sends as is shown.
fn shown(bytes: &[u8]) -> String {
    const LONGEST: usize = 256;
    String::from_utf8_lossy(bytes.get(..LONGEST.min(bytes.len())).unwrap_or_default()).into_owned()
}

fn length_of(environment: &[(String, Vec<u8>)]) -> usize {
    environment.iter().fold(0_usize, |sum, (name, value)| {
        sum.saturating_add(name.len()).saturating_add(value.len()).saturating_add(8)
    })
}

fn open_terminal(terminal: &mut Option<Terminal>, name: String, descriptors: Vec<OwnedFd>) -> bool {
    let (Some(terminal), Some(master)) = (terminal, descriptors.into_iter().next()) else { return false };
    // As theirs, a mode that the system does not take is no reason to have no terminal.
    let _ = sys::pty::apply_modes(master.as_fd(), &terminal.modes);
    terminal.modes = Vec::new();
    set_size(&master, terminal.size);
    let Ok(master) = Descriptor::new(master, Nature::Terminal) else { return false };
    terminal.opened = Some((Rc::new(master), name));
    true
}

fn set_size(master: &impl AsFd, size: TerminalSize) -> bool {
    let small = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    let (rows, columns) = (small(size.rows), small(size.columns));
    sys::pty::set_size(master.as_fd(), rows, columns, small(size.width), small(size.height)).is_ok()
}

fn change_size(session: &mut Session, size: TerminalSize) -> bool {
    match &session.terminal {
        Some(Terminal { opened: Some((master, _)), .. }) => set_size(&**master, size),
        _ => false,
    }
}

/// `signal` (RFC 4254 section 6.9); as theirs not to a subsystem.
fn signal(session: &mut Session, name: &[u8], link: &mut MonitorLink) -> Result<bool, LinkError> {
    const KNOWN: [&str; 13] =
        ["ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2"];
    let known = KNOWN.iter().find(|known| known.as_bytes() == name);
    match (known, session.stage) {
        (Some(name), Stage::Running { subsystem: false }) if !session.serves_sftp => {
            link.tell(&LoggedInRequest::Signal { session: session.number, name: (*name).to_owned() })?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// What a started command is reached by; `None` when this process cannot take it.
fn command_ends(session: &Session, on_terminal: bool, descriptors: Vec<OwnedFd>) -> Option<Ends> {
    if on_terminal {
        let (master, _) = session.terminal.as_ref()?.opened.as_ref()?;
        return Some(Ends::Streams(StreamEnds::terminal(master)));
    }
    let mut streams = descriptors.into_iter().map(|descriptor| Descriptor::new(descriptor, Nature::Stream).ok());
    let mut next = || streams.next().flatten();
    Some(Ends::Streams(StreamEnds::pipes(next()?, next()?, next()?)))
}

/// `None` when this login has no files, or the arguments are wrong: the administrator is told in what way.
fn sftp_ends(terms: &Terms, arguments: &[String], link: &mut MonitorLink) -> Option<Ends> {
    let client = terms.sftp.clone()?;
    let wrong = match sftp::Options::to_serve(arguments) {
        Ok(options) => return Some(Ends::Sftp(Box::new(SftpEnd::start(options, client, terms.rates.clone(), link)))),
        Err(wrong) => wrong,
    };
    let facility = sftp::Options::default().log_facility;
    let _ = link.record(Event::Sftp { facility, level: Level::Error, text: format!("internal-sftp: {wrong}") });
    None
}
