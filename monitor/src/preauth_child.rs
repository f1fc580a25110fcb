//! `sshd-preauth`: started, listened to until the deadline, and ended.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use events::monitor::Event;
use ipc::phases::{
    AuthenticatingRequest, DialogueRequest, GssapiRequest, HandingOverRequest, KeyExchange, KeyExchangeRequest,
    NamingUserRequest,
};
use ipc::start::PreauthStart;
use ipc::{Answering, IpcError, Phase};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use sys::process::{Child, Ended};

use crate::connection::Connection;
use crate::ending::{Ending, unruly_end};
use crate::start_child::start_child;

/// How long the process may take to end once everything has been said: the last words to its peer take a second.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(3);

/// The process that talks to a peer before login.
pub(crate) struct PreauthChild {
    process: Child,
    /// When LoginGraceTime is over; never with `LoginGraceTime 0`.
    deadline: Option<Duration>,
}

/// What ends every wait before login: LoginGraceTime, and the end of `sshd-preauth`.
#[derive(Clone, Copy)]
pub(crate) struct Bounds<'a> {
    child: &'a PreauthChild,
    link: BorrowedFd<'a>,
}

impl Bounds<'_> {
    /// Until `work` is readable. Nothing is read from the link meanwhile.
    pub(crate) fn wait_for(self, work: BorrowedFd<'_>) -> Result<(), Ending> {
        loop {
            let mut watched = [PollFd::new(work, PollFlags::POLLIN), PollFd::new(self.link, PollFlags::empty())];
            match poll(&mut watched, timeout(self.child.deadline)) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(Ending::Failed(error.into())),
            }
            if self.child.is_late() {
                return Err(Ending::GraceTimeOver);
            }
            let [work, link] = watched.map(|one| one.any() == Some(true));
            if work {
                return Ok(());
            }
            if link {
                return Err(Ending::ChildGone);
            }
        }
    }
}

/// A request that can be something for the log instead.
pub(crate) trait BeforeLogin: Sized {
    /// The event, or the request if it is none.
    fn into_event(self) -> Result<events::preauth::Event, Self>;
}

macro_rules! can_record {
    ($($request:ident)*) => { $(
        impl BeforeLogin for $request {
            fn into_event(self) -> Result<events::preauth::Event, Self> {
                match self {
                    Self::Record(event) => Ok(event),
                    request => Err(request),
                }
            }
        }
    )* };
}
can_record!(KeyExchangeRequest NamingUserRequest AuthenticatingRequest DialogueRequest GssapiRequest HandingOverRequest);

impl PreauthChild {
    /// Starts it and tells it what it may know.
    pub(crate) fn start(connection: &Connection) -> Result<(Self, Answering<KeyExchange>), Ending> {
        let global = &connection.global;
        let (process, link) = start_child(connection.programs.preauth.as_fd(), "sshd: [net]", &[])?;
        let start = PreauthStart {
            confinement: connection.preauth_confinement.clone(),
            best_effort_sandbox: connection.best_effort_sandbox,
            identification: connection.identification.clone(),
            host_keys: connection.offered_host_keys.clone(),
            settings: global.for_preauth(),
        };
        let network: Vec<_> = connection.network.iter().map(AsFd::as_fd).collect();
        let child = Self { process, deadline: connection.login_deadline };
        // From here on a child that does not take what it is sent is a child that has gone.
        ipc::start::send(link.as_fd(), &start, &network).map_err(|_| Ending::ChildGone)?;
        sys::fd::set_nonblocking(link.as_fd(), true)?;
        Ok((child, Answering::over(link)))
    }

    /// The next request; what is for the log is written on the way.
    pub(crate) fn next_request<P>(
        &self,
        connection: &mut Connection,
        link: &mut Answering<P>,
    ) -> Result<P::Request, Ending>
    where
        P: Phase,
        P::Request: BeforeLogin,
    {
        loop {
            self.wait(link)?;
            let request = match link.receive() {
                Err(IpcError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(IpcError::PeerGone | IpcError::Io(_)) => return Err(Ending::ChildGone),
                Err(error) => return Err(misbehaved(connection, &error.to_string())),
                Ok(request) => request,
            };
            match request.into_event() {
                Ok(event) => {
                    connection.record_before_login(&event).map_err(|_| misbehaved(connection, "floods the log"))?
                }
                Err(request) => return Ok(request),
            }
        }
    }

    /// What ends waiting for anything else than this child.
    pub(crate) fn bounds<'a, P: Phase>(&'a self, link: &'a Answering<P>) -> Bounds<'a> {
        Bounds { child: self, link: link.socket() }
    }

    /// Until something is to be read, or the time is over.
    fn wait<P: Phase>(&self, link: &Answering<P>) -> Result<(), Ending> {
        loop {
            let mut watched = [PollFd::new(link.socket(), PollFlags::POLLIN)];
            match poll(&mut watched, timeout(self.deadline)) {
                Ok(0) if self.is_late() => return Err(Ending::GraceTimeOver),
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(Ending::Failed(error.into())),
            }
            if self.is_late() {
                return Err(Ending::GraceTimeOver);
            }
        }
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| sys::clock::monotonic() >= deadline)
    }

    /// Answers. A process that asks one thing after the other always has room for an answer; one that lets its answers
    /// pile up is no process of ours.
    pub(crate) fn answer<P: Phase>(
        &self,
        connection: &mut Connection,
        link: &Answering<P>,
        answer: &P::Answer,
    ) -> Result<(), Ending> {
        link.answer(answer, &[]).map_err(|error| match error {
            IpcError::Io(error) if error.kind() == io::ErrorKind::WouldBlock => {
                misbehaved(connection, "does not take its answers")
            }
            _ => Ending::ChildGone,
        })
    }

    /// Sees the process off: nobody else may hold the connection when the session begins, and nobody at all when there
    /// is none.
    pub(crate) fn end<T>(self, connection: &mut Connection, outcome: Result<T, Ending>) -> Result<T, Ending> {
        let patience = match &outcome {
            Ok(_) | Err(Ending::PeerSentAway | Ending::ChildGone) => LAST_WORDS,
            Err(_) => Duration::ZERO,
        };
        let how = wait_for(&self.process, patience)?;
        match (outcome, how.and_then(|how| unruly_end(&self.process, how))) {
            (Err(Ending::ChildGone), Some(what)) => Err(misbehaved(connection, &what)),
            (outcome, _) => outcome,
        }
    }
}

/// Waits for the process to end, and kills it when it takes too long. `None` if it had to be killed.
pub(crate) fn wait_for(process: &Child, patience: Duration) -> io::Result<Option<Ended>> {
    let until = sys::clock::monotonic().saturating_add(patience);
    loop {
        if let Some(how) = process.try_wait()? {
            return Ok(Some(how));
        }
        if sys::clock::monotonic() >= until {
            process.signal(Signal::SIGKILL)?;
            process.wait()?;
            return Ok(None);
        }
        let mut watched = [PollFd::new(process.pidfd(), PollFlags::POLLIN)];
        match poll(&mut watched, timeout(Some(until))) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// For poll(2).
pub(crate) fn timeout(deadline: Option<Duration>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    // One millisecond more, for what the conversion cuts off.
    let left = deadline.saturating_sub(sys::clock::monotonic()).saturating_add(Duration::from_millis(1));
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}

/// A process that breaks the rules among our own processes has been taken over, or is of another build.
pub(crate) fn misbehaved(connection: &mut Connection, what: &str) -> Ending {
    connection.log(&Event::ChildMisbehaved { process: "sshd-preauth", what: what.to_owned() });
    Ending::ChildMisbehaved
}
