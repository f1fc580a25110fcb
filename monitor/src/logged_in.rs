//! Phase LoggedIn: commands, terminals and later signatures for a session process that can do none of this itself.
//!
//! The session process reads what a client sends, so it may be taken over. What it can ask for here is what the login
//! was granted ([`ProvenUser`]) and no more: a forced command stays forced, a terminal that is not allowed is not there.

mod choose_command;
mod devices;
mod environment;
mod forwarding;
mod how_ended;
mod prove_host_keys;
mod records;
mod sessions;
mod spool;
mod start_command;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use events::Level;
use events::files;
use events::monitor::Event;
use ipc::phases::{ExchangeToSign, LoggedIn, LoggedInAnswer, LoggedInRequest, TerminalSize};
use ipc::start::SftpGranted;
use ipc::{Answering, ExitStatus, IpcError};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use sys::process::{Child, Ended};
use sys::signals::Signals;

use crate::answers::choose_group::choose_group;
use crate::connection::Connection;
use crate::decide::ProvenUser;
use crate::ending::unruly_end;
use crate::for_session::ForSession;
use crate::host_keys::NotSigned;
use crate::key_exchange::SignedExchange;
use crate::logged_in::forwarding::Forwards;
use crate::logged_in::how_ended::{how_ended, signal_named};
use crate::logged_in::sessions::{Sessions, Stage, Terminal};
use crate::logged_in::spool::Spool;
use crate::login_places::LoginPlace;

/// What ends a login, or asks for something.
pub(crate) struct Watched {
    pub(crate) process: Child,
    pub(crate) link: Answering<LoggedIn>,
    /// Somebody wants this process to end.
    pub(crate) signals: Signals,
}

/// How long, in milliseconds, a process may leave what it is told lying. A host under load lets it wait for its turn while
/// connections by the hundred are answered. None of them waits for this one with so much said that both would wait for
/// each other.
const PATIENCE: u16 = 10_000;

/// A login while it lasts.
pub(crate) struct ServedLogin {
    connection: Connection,
    user: ProvenUser,
    /// Its place among the logins that the user may have at once, until the end.
    _place: Option<LoginPlace>,
    exchange: SignedExchange,
    for_session: ForSession,
    process: Child,
    link: Answering<LoggedIn>,
    signals: Signals,
    sessions: Sessions,
    spool: Option<Spool>,
    /// Host keys that were proven so far.
    proofs: usize,
    forwards: Forwards,
}

/// Why a login is over.
#[derive(Debug)]
enum Over {
    /// The session process has ended.
    ProcessEnded,
    /// It said what it must not say.
    Misbehaved(String),
    /// A signal came: this process is to end.
    Signalled,
    /// Something failed on our side.
    Failed(io::Error),
}

/// An agent that does not sign is no fault of the process that asked.
fn not_signed(refusal: NotSigned) -> Over {
    match refusal {
        NotSigned::Agent(why) => Over::Failed(io::Error::other(why)),
        other => Over::Misbehaved(other.to_string()),
    }
}

/// What there is to deal with.
struct Ready {
    /// The session process has said something.
    asked: bool,
    process_ended: bool,
    signalled: bool,
    /// `sshd-forward` has said something, or has ended.
    helper: bool,
}

/// Sends over a link; once more after a while, if the link was full. A process that was stopped by its user must not stop
/// this one.
fn send_patiently(link: BorrowedFd<'_>, send: impl Fn() -> Result<(), IpcError>) -> Result<(), IpcError> {
    match send() {
        Err(IpcError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
            let mut room = [PollFd::new(link, PollFlags::POLLOUT)];
            poll(&mut room, PollTimeout::from(PATIENCE)).map_err(io::Error::from)?;
            send()
        }
        sent => sent,
    }
}

/// An answer and the descriptors that go with it.
type Answer = (LoggedInAnswer, Vec<OwnedFd>);

impl ServedLogin {
    /// On the heap: moved from one stack frame to the next it would be in each of them for as long as it lasts.
    pub(crate) fn begin(
        connection: Connection,
        user: ProvenUser,
        place: Option<LoginPlace>,
        exchange: SignedExchange,
        for_session: ForSession,
        watched: Watched,
    ) -> Box<Self> {
        let Watched { process, link, signals } = watched;
        let spool = user.effective().sftp_event_spool.as_deref().map(Spool::at);
        Box::new(Self {
            connection,
            user,
            _place: place,
            exchange,
            for_session,
            process,
            link,
            signals,
            sessions: Sessions::default(),
            forwards: Forwards::default(),
            spool,
            proofs: 0,
        })
    }

    /// Serves the session process until it ends.
    pub(crate) fn serve_to_the_end(mut self: Box<Self>) -> ExitStatus {
        // What reading the settings and deciding about the login needed; this part of a connection may last for weeks.
        sys::memory::give_back();
        let over = loop {
            if let Err(over) = self.turn() {
                break over;
            }
        };
        self.finish(&over)
    }

    /// Waits for something to happen, and deals with it.
    fn turn(&mut self) -> Result<(), Over> {
        let ready = self.wait()?;
        if ready.signalled {
            return Err(Over::Signalled);
        }
        self.report_ended_commands()?;
        if ready.helper {
            self.hear_helper()?;
        }
        if ready.asked || ready.process_ended && self.has_said_more() {
            return self.serve_request();
        }
        if ready.process_ended { Err(Over::ProcessEnded) } else { Ok(()) }
    }

    /// A process may speak and end between the look at its link and the one at itself.
    fn has_said_more(&self) -> bool {
        let mut link = [PollFd::new(self.link.socket(), PollFlags::POLLIN)];
        poll(&mut link, PollTimeout::ZERO).is_ok() && link[0].any() == Some(true)
    }

    fn wait(&self) -> Result<Ready, Over> {
        let commands = self.sessions.iter().filter_map(|session| session.command()).map(Child::pidfd);
        let helper = self.forwards.socket();
        let mut watched: Vec<PollFd<'_>> = [self.link.socket(), self.process.pidfd(), self.signals.as_fd()]
            .into_iter()
            .chain(helper)
            .chain(commands)
            .map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN))
            .collect();
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(Over::Failed(error.into())),
        }
        let mut ready = watched.iter().map(|one| one.any() == Some(true));
        let mut next = || ready.next() == Some(true);
        Ok(Ready { asked: next(), process_ended: next(), signalled: next(), helper: helper.is_some() && next() })
    }

    /// Tells the session process of commands that have ended; nobody is told when the channel is gone.
    fn report_ended_commands(&mut self) -> Result<(), Over> {
        let (mut ended, mut left, mut told) = (Vec::new(), Vec::new(), Vec::new());
        for session in self.sessions.iter_mut() {
            let Some(command) = session.command() else { continue };
            if let Some(how) = command.try_wait().map_err(Over::Failed)? {
                told.push(exit_message(session.number, command.pid(), how));
                session.stage = Stage::Ended;
                left.extend(session.record.take());
                if !session.closed {
                    ended.push(LoggedInAnswer::Ended { session: session.number, how: how_ended(how) });
                }
            }
        }
        self.sessions.forget_finished();
        told.iter().for_each(|text| self.debug(text));
        left.iter().for_each(|record| self.record_logout(record));
        ended.into_iter().try_for_each(|answer| self.answer((answer, Vec::new())))
    }

    /// A process that has gone may have said something before, such as why: its end is found where that has been read.
    fn answer(&self, (answer, descriptors): Answer) -> Result<(), Over> {
        let descriptors: Vec<BorrowedFd<'_>> = descriptors.iter().map(AsFd::as_fd).collect();
        match send_patiently(self.link.socket(), || self.link.answer(&answer, &descriptors)) {
            Ok(()) | Err(IpcError::PeerGone) => Ok(()),
            Err(IpcError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(Over::Misbehaved("does not take its answers".to_owned()))
            }
            Err(error) => Err(Over::Misbehaved(error.to_string())),
        }
    }

    fn serve_request(&mut self) -> Result<(), Over> {
        let request = match self.link.receive() {
            Err(IpcError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(IpcError::PeerGone | IpcError::Io(_)) => return Err(Over::ProcessEnded),
            Err(error) => return Err(Over::Misbehaved(error.to_string())),
            Ok(request) => request,
        };
        match self.carry_out(request)? {
            Some(answer) => self.answer(answer),
            None => Ok(()),
        }
    }

    /// Lines of `internal-sftp` are written whatever LogLevel says: those of a login that has it.
    fn record(&mut self, event: &events::session::Event) -> Result<(), Over> {
        if matches!(event, events::session::Event::Sftp { .. }) && self.user.granted().sftp == SftpGranted::No {
            return Err(Over::Misbehaved("told of files that it does not serve".to_owned()));
        }
        self.connection.record_after_login(event);
        Ok(())
    }

    /// What each request comes to; `None` for those that are not answered.
    fn carry_out(&mut self, request: LoggedInRequest) -> Result<Option<Answer>, Over> {
        let answer = match request {
            LoggedInRequest::Record(event) => return self.record(&event).map(|()| None),
            LoggedInRequest::RecordFile(event) => return self.record_file(event).map(|()| None),
            LoggedInRequest::Signal { session, name } => {
                self.signal(session, &name);
                return Ok(None);
            }
            LoggedInRequest::CloseSession { session, sent, received } => {
                self.close_session(session, sent, received);
                return Ok(None);
            }
            LoggedInRequest::ChooseGroup(sizes) => {
                (LoggedInAnswer::Group(choose_group(&mut self.connection, &sizes)), Vec::new())
            }
            LoggedInRequest::SignRekey(exchange) => {
                let signature = self.sign_rekey(&exchange).map_err(not_signed)?;
                (LoggedInAnswer::Signed(signature), Vec::new())
            }
            LoggedInRequest::ProveHostKeys(keys) => self.prove_host_keys(&keys)?,
            LoggedInRequest::OpenTerminal { session, term, size } => {
                self.open_terminal(session, term, size).unwrap_or_else(|why| self.refuse(why))
            }
            LoggedInRequest::Start { session, what, environment } => {
                self.start(session, what, &environment).unwrap_or_else(|why| self.refuse(why))
            }
            LoggedInRequest::Connect { number, to, originator } => return self.connect(number, to, &originator),
            LoggedInRequest::Listen { number, on } => return self.listen(number, on),
            LoggedInRequest::ListenForAgent { number } => return self.listen_for_agent(number),
            LoggedInRequest::ListenForX11 { number, session, authentication } => {
                return self.listen_for_x11(number, session, authentication);
            }
            LoggedInRequest::OpenTunnel { number, mode, unit } => self.open_tunnel(number, mode, unit),
            LoggedInRequest::StopListening { number } => {
                self.stop_listening(number);
                return Ok(None);
            }
            LoggedInRequest::NameOfUser { uid } => self.named(|| sys::identity::user_name(uid)),
            LoggedInRequest::NameOfGroup { gid } => self.named(|| sys::identity::group_name(gid)),
            LoggedInRequest::HomeOfUser { user } => self.named(|| {
                let account = sys::identity::look_up(&user)?;
                Ok(account.map(|account| account.home.to_string_lossy().into_owned()))
            }),
        };
        Ok(Some(answer))
    }

    /// What has become of a file. A session process that has no files, or that says what cannot be, is not honest.
    fn record_file(&mut self, event: files::Event) -> Result<(), Over> {
        if self.user.granted().sftp == SftpGranted::No || !event.is_plausible() {
            return Err(Over::Misbehaved("told of a file that cannot be".to_owned()));
        }
        let event = files::Recorded { root: self.for_session.root.clone(), event };
        self.connection.record_file(&event);
        let Some(spool) = &mut self.spool else { return Ok(()) };
        if let Err(why) = spool.put(&event, &self.connection.facts)
            && spool.lost == 1
        {
            let (directory, why) = (spool.directory(), sys::errors::words(&why));
            let text = format!("SftpEventSpool {directory}: {why}; events are lost");
            self.connection.log(&Event::Said { level: Level::Error, text });
        }
        Ok(())
    }

    fn say_what_the_spool_lost(&mut self) {
        if let Some(spool) = self.spool.as_ref().filter(|spool| spool.lost > 0) {
            let text = format!("SftpEventSpool {}: {} events were lost", spool.directory(), spool.lost);
            self.connection.log(&Event::Said { level: Level::Error, text });
        }
    }

    /// Signs the hash of a later key exchange. The hash of the first one is the session id, which login signatures
    /// cover: it is never signed again.
    fn sign_rekey(&self, exchange: &ExchangeToSign) -> Result<Vec<u8>, NotSigned> {
        if exchange.exchange_hash == self.exchange.session_id() {
            return Err(NotSigned::SessionIdAgain);
        }
        self.connection.host_keys.sign(exchange, &self.connection.offered_host_keys)
    }

    fn open_terminal(&mut self, number: u32, term: String, size: TerminalSize) -> Result<Answer, Refusal> {
        if !self.user.granted().terminal {
            return Err(Refusal::new("Allocating a pty not permitted for this connection."));
        }
        let most = self.user.effective().max_sessions;
        let session = self.sessions.open_or_begin(number, most).ok_or(Refusal::new("no more sessions"))?;
        if session.terminal.is_some() || !matches!(session.stage, Stage::NotStarted) {
            return Err(Refusal::new("the session has a terminal or has started something already"));
        }
        let pty = match sys::pty::open(self.user.terminal_owner()) {
            Ok(pty) => pty,
            Err(error) => {
                session.closed = session.display.is_none();
                self.sessions.forget_finished();
                return Err(Refusal::failed(format!("cannot open a terminal: {error}")));
            }
        };
        let cells = |count: u32| u16::try_from(count).unwrap_or(u16::MAX);
        let size_set = sys::pty::set_size(
            pty.master.as_fd(),
            cells(size.rows),
            cells(size.columns),
            cells(size.width),
            cells(size.height),
        );
        session.terminal = Some(Terminal { device: pty.name.clone(), term, slave: Some(pty.slave) });
        if let Err(error) = size_set {
            self.debug(&format!("cannot set the size of {}: {error}", pty.name));
        }
        self.debug(&format!("session_pty_req: session {number} alloc {}", pty.name));
        Ok((LoggedInAnswer::Terminal { name: pty.name }, vec![pty.master]))
    }

    /// Sends a signal to the command's process group with the user's own rights.
    fn signal(&mut self, number: u32, name: &str) {
        let identity = self.user.identity().clone();
        let Some(session) = self.sessions.open(number) else { return };
        let (Stage::Runs { command, takes_signals: true }, Some(signal)) = (&session.stage, signal_named(name)) else {
            return self.debug(&format!("signal {name} is not sent to session {number}"));
        };
        if let Ok(Err(error)) = sys::identity::as_user(&identity, || command.signal_group(signal)) {
            self.debug(&format!("signal {name} for session {number}: {error}"));
        }
    }

    /// The channel is gone. A command on a terminal is hung up; others notice that their pipes are closed.
    fn close_session(&mut self, number: u32, sent: u64, received: u64) {
        let Some(session) = self.sessions.open(number) else { return };
        session.closed = true;
        let ended = session.account(Some((sent, received)));
        if let (Some(_), Some(command)) = (&session.terminal, session.command()) {
            // It may have ended a moment ago.
            let _ = command.signal_group(Signal::SIGHUP);
        }
        session.terminal = None;
        self.sessions.forget_finished();
        self.connection.log(&Event::CloseSession { session: number });
        ended.iter().for_each(|event| self.connection.log(event));
    }

    /// Names are for `internal-sftp`; a login without it learns nothing about accounts.
    fn named(&self, look_up: impl FnOnce() -> io::Result<Option<String>>) -> Answer {
        let name = if self.user.granted().sftp == SftpGranted::No { None } else { look_up().ok().flatten() };
        (LoggedInAnswer::Name(name), Vec::new())
    }

    fn refuse(&mut self, refusal: Refusal) -> Answer {
        self.connection.log(&Event::Said { level: refusal.level, text: refusal.why.clone() });
        refused(refusal)
    }

    fn debug(&mut self, text: &str) {
        self.connection.log(&Event::Said { level: Level::Debug1, text: text.to_owned() });
    }

    /// The session process has gone, or must go: terminals are hung up and nothing of the connection stays.
    fn finish(mut self: Box<Self>, over: &Over) -> ExitStatus {
        match over {
            Over::ProcessEnded | Over::Signalled => {}
            Over::Misbehaved(what) => {
                let event = Event::ChildMisbehaved { process: "sshd-session", what: what.clone() };
                self.connection.log(&event);
            }
            Over::Failed(error) => {
                let event = Event::Said { level: Level::Fatal, text: format!("after login: {error}") };
                self.connection.log(&event);
            }
        }
        self.end_forwards();
        let orderly = matches!(self.end_process(over), Some(Ended::Exited(_)));
        for session in self.sessions.iter() {
            // As theirs, commands without a terminal outlive a connection that ended in good order: their pipes are
            // closed. When the session process was killed they are told to end, too.
            if let Some(command) = session.command().filter(|_| session.terminal.is_some() || !orderly) {
                let _ = command.signal_group(Signal::SIGHUP);
            }
        }
        let left: Vec<_> = self.sessions.iter_mut().filter_map(|session| session.record.take()).collect();
        left.iter().for_each(|record| self.record_logout(record));
        for session in self.sessions.iter().filter(|session| !session.closed) {
            self.connection.log(&Event::CloseSession { session: session.number });
            session.account(None).iter().for_each(|event| self.connection.log(event));
        }
        self.say_what_the_spool_lost();
        self.for_session.undo(&mut self.connection);
        if orderly { ExitStatus::Success } else { ExitStatus::Failed }
    }

    /// Reaps the session process, or ends it. `None` if it had to be killed.
    fn end_process(&mut self, over: &Over) -> Option<Ended> {
        let ended_by_itself = matches!(over, Over::ProcessEnded);
        let patience = if ended_by_itself { crate::preauth_child::LAST_WORDS } else { std::time::Duration::ZERO };
        let how = crate::preauth_child::wait_for(&self.process, patience).ok().flatten();
        if let Some(what) = how.and_then(|how| unruly_end(&self.process, how)) {
            self.connection.log(&Event::ChildMisbehaved { process: "sshd-session", what });
        }
        how
    }
}

fn exit_message(session: u32, pid: i32, how: Ended) -> String {
    let how = match how {
        Ended::Exited(status) => format!("exit {status}"),
        Ended::Signalled { signal, .. } => format!("signal {signal}"),
    };
    format!("session_exit_message: session {session} pid {pid} {how}")
}

/// Why a session process does not get what it asks for. The client sees a failure only.
#[derive(Debug)]
struct Refusal {
    level: Level,
    why: String,
}

impl Refusal {
    /// The client asks for what it cannot have.
    fn new(why: &str) -> Self {
        Self { level: Level::Debug1, why: why.to_owned() }
    }

    /// Something of ours does not work.
    fn failed(why: String) -> Self {
        Self { level: Level::Error, why }
    }
}

fn refused(Refusal { why, .. }: Refusal) -> Answer {
    (LoggedInAnswer::Refused { why }, Vec::new())
}
