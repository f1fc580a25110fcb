//! Connections whose monitors live: they log in, hang or end, and what they end with may earn their source a penalty.

use std::net::IpAddr;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

use events::listener::Event;
use events::penalties::Offence;
use events::{ConnectionFacts, ConnectionId, Endpoint, Who};
use ipc::ExitStatus;
use ipc::start::LOGGED_IN;
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use tokio::net::unix::pipe;
use tokio::task::{JoinHandle, spawn_local};

use super::accepting::{Listener, Shared};
use super::dead_logins;
use super::monitors::Monitor;
use super::sources::Source;

/// How long a monitor may outlive its time to log in: it ends by itself, unless something is wrong with it.
const HANGS_AFTER: Duration = Duration::from_secs(5);

/// A connection.
pub(crate) struct Connection {
    /// Its name in events.
    id: ConnectionId,
    /// The client, and where it has connected to.
    pub(crate) ends: (Endpoint, Endpoint),
    /// Where it counts.
    pub(crate) source: Source,
    /// Whether its address is on PerSourcePenaltyExemptList.
    pub(crate) exempt: bool,
    /// When it came, on the monotonic clock.
    pub(crate) since: Duration,
    address: IpAddr,
    stage: Stage,
}

/// How far a connection has come.
pub(crate) enum Stage {
    /// Nobody has logged in yet.
    Starting {
        /// Says so when somebody has.
        pipe: Rc<pipe::Receiver>,
        /// Waits for that.
        waiting: JoinHandle<()>,
    },
    /// Somebody is logged in.
    LoggedIn,
    /// It had to give way to another one.
    GivenUp,
    /// Its monitor was ended because it hung.
    Hung,
}

impl Connection {
    /// Whether it counts for MaxStartups.
    pub(crate) fn is_starting(&self) -> bool {
        matches!(self.stage, Stage::Starting { .. })
    }

    /// What its end says about its peer. What the monitor said last may not have been read yet.
    fn offence(&self, status: WaitStatus) -> Option<Offence> {
        match &self.stage {
            Stage::Starting { pipe, .. } if !says_that_somebody_is_in(pipe) => offence(status),
            Stage::Hung => Some(Offence::GraceExceeded),
            Stage::Starting { .. } | Stage::LoggedIn | Stage::GivenUp => None,
        }
    }
}

fn says_that_somebody_is_in(pipe: &pipe::Receiver) -> bool {
    let mut said = [0];
    nix::unistd::read(pipe.as_fd(), &mut said) == Ok(1) && said == [LOGGED_IN]
}

impl Listener {
    /// A monitor is at work.
    pub(crate) fn has_started(
        &mut self,
        shared: &Shared,
        monitor: Monitor,
        address: IpAddr,
        ends: (Endpoint, Endpoint),
    ) {
        let (id, pid) = (monitor.id, monitor.process.pid());
        let source = Source::of(address, self.in_force.sources.blocks);
        let exempt = self.in_force.sources.is_exempt(address);
        // Without a way to wait for it the connection does not count: better one too many than nobody any more.
        let stage = match pipe::Receiver::from_owned_fd(monitor.logged_in) {
            Ok(pipe) => {
                let (pipe, patience) = (Rc::new(pipe), monitor.time_to_log_in.map(|time| time + HANGS_AFTER));
                let waiting = spawn_local(wait_for_login(Rc::clone(shared), pid, Rc::clone(&pipe), patience));
                self.startups.one_more(source);
                Stage::Starting { pipe, waiting }
            }
            Err(_) => Stage::LoggedIn,
        };
        let since = sys::clock::monotonic();
        self.connections.insert(pid, Connection { id, ends, source, exempt, since, address, stage });
        self.show_title();
    }

    /// The connection does not count any more.
    pub(crate) fn no_longer_starting(&mut self, pid: i32, stage: Stage) {
        let Some(connection) = self.connections.get_mut(&pid) else { return };
        if let Stage::Starting { waiting, .. } = std::mem::replace(&mut connection.stage, stage) {
            waiting.abort();
            self.startups.one_less(connection.source);
            self.show_title();
        }
    }

    fn hangs(&mut self, pid: i32) {
        self.error(format!("sshd-monitor {pid} hangs: LoginGraceTime was over long ago; it is ended"));
        self.end_monitor(pid);
        self.no_longer_starting(pid, Stage::Hung);
    }

    fn ended(&mut self, pid: i32, status: WaitStatus) {
        let offence = self.connections.get(&pid).and_then(|connection| connection.offence(status));
        self.no_longer_starting(pid, Stage::LoggedIn);
        let Some(Connection { id, ends, address, .. }) = self.connections.remove(&pid) else { return };
        let (peer, local) = (ends.0.address.clone(), ends.1.address.clone());
        let facts = ConnectionFacts { id, peer: ends.0, local: ends.1, who: Who::Nobody };
        match (status, offence) {
            (_, Some(Offence::GraceExceeded)) => {
                self.say_about(&facts, &Event::TimeoutBeforeAuthentication { peer, local, pid });
            }
            (WaitStatus::Signaled(_, signal, _), _) => {
                dead_logins::remove_auth_info(id);
                let (signal, crash) = (signal as i32, is_crash(signal));
                self.say_about(&facts, &Event::MonitorKilled { peer, local, pid, signal, crash });
            }
            (_, Some(Offence::Crash)) => self.say_about(&facts, &Event::ChildCrashed { peer, local, pid }),
            _ => {}
        }
        let penalise =
            |offence| self.penalties.penalise(&self.in_force.sources, address, offence, sys::clock::monotonic());
        if let Some(penalty) = offence.and_then(penalise) {
            self.say_about(&facts, &Event::Penalty(penalty));
        }
    }
}

/// What a monitor's end says about its peer, when nobody had logged in.
fn offence(status: WaitStatus) -> Option<Offence> {
    match status {
        WaitStatus::Signaled(_, signal, _) => is_crash(signal).then_some(Offence::Crash),
        WaitStatus::Exited(_, number) => match ExitStatus::of_number(number) {
            ExitStatus::Success => None,
            ExitStatus::GraceTimeOver => Some(Offence::GraceExceeded),
            ExitStatus::ChildCrashed => Some(Offence::Crash),
            ExitStatus::AuthenticationAttempted => Some(Offence::FailedAuthentication),
            ExitStatus::ConnectionRefused => Some(Offence::RefusedConnection),
            ExitStatus::InvalidUser => Some(Offence::InvalidUser),
            ExitStatus::Failed => Some(Offence::NoAuthentication),
        },
        _ => None,
    }
}

/// Signals that a process earns by its own fault.
fn is_crash(signal: Signal) -> bool {
    use Signal::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
    matches!(signal, SIGSEGV | SIGBUS | SIGTRAP | SIGSYS | SIGFPE | SIGILL | SIGABRT)
}

/// Until somebody has logged in, or the monitor takes too long. An end is not waited for: [`reap`] sees it.
async fn wait_for_login(listener: Shared, pid: i32, pipe: Rc<pipe::Receiver>, patience: Option<Duration>) {
    let readable = pipe.readable();
    let in_time = match patience {
        Some(patience) => tokio::time::timeout(patience, readable).await.is_ok(),
        None => readable.await.is_ok(),
    };
    let mut listener = listener.borrow_mut();
    if !in_time {
        listener.hangs(pid);
    } else if says_that_somebody_is_in(&pipe) {
        listener.no_longer_starting(pid, Stage::LoggedIn);
    }
}

fn ended(listener: &Shared, status: WaitStatus) {
    if matches!(status, WaitStatus::Signaled(..)) && sys::identity::is_root() {
        spawn_local(dead_logins::take_out(Rc::clone(listener)));
    }
    if let Some(pid) = status.pid() {
        listener.borrow_mut().ended(pid.as_raw(), status);
    }
}

/// Takes note of every monitor that has ended.
pub(crate) fn reap(listener: &Shared) {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return,
            Ok(status) => ended(listener, status),
            Err(Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::unistd::Pid;

    use super::*;

    #[test]
    fn each_end_says_what_its_peer_has_done() {
        let exited = |status| offence(WaitStatus::Exited(Pid::from_raw(1), status));
        assert_eq!(exited(0), None);
        for (status, expected) in [
            (3, Offence::GraceExceeded),
            (4, Offence::Crash),
            (5, Offence::FailedAuthentication),
            (6, Offence::RefusedConnection),
            (7, Offence::InvalidUser),
            (1, Offence::NoAuthentication),
            (255, Offence::NoAuthentication),
        ] {
            assert_eq!(exited(status), Some(expected), "{status}");
        }
        let killed = |signal| offence(WaitStatus::Signaled(Pid::from_raw(1), signal, false));
        assert_eq!(killed(Signal::SIGSEGV), Some(Offence::Crash));
        assert_eq!(killed(Signal::SIGSYS), Some(Offence::Crash), "a forbidden system call");
        assert_eq!(killed(Signal::SIGKILL), None, "an administrator's doing");
    }
}
