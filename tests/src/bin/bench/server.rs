//! A server under a supervisor that adds up what its process tree used.

use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use bulkhead_tests::{descendants_of, wait_until};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::time::TimeVal;
use nix::unistd::Pid;

/// The comparison; only started by hand, never as a service.
pub(crate) const THEIRS: &str = "/usr/sbin/sshd";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Ours,
    Theirs,
}

/// What something took.
pub(crate) struct Cost {
    /// CPU time of the server's process tree.
    pub(crate) cpu_seconds: f64,
    /// Time that the client took.
    pub(crate) seconds: f64,
}

pub(crate) struct Running {
    pub(crate) supervisor: Child,
    pub(crate) port: u16,
}

impl Running {
    /// The server's process id.
    pub(crate) fn server(&self) -> i32 {
        descendants_of(i32::try_from(self.supervisor.id()).expect("a process id"))[0]
    }

    /// Ends the server and says how much CPU time its process tree has used.
    pub(crate) fn stop(mut self) -> Duration {
        let pid = i32::try_from(self.supervisor.id()).expect("a process id");
        let server = self.server();
        wait_until("all connections have ended", || descendants_of(server).is_empty());
        kill(Pid::from_raw(pid), Signal::SIGTERM).expect("the supervisor lives");
        let mut text = String::new();
        let mut output = self.supervisor.stdout.take().expect("a pipe");
        std::io::Read::read_to_string(&mut output, &mut text).expect("its report");
        let _ = self.supervisor.wait();
        Duration::from_micros(text.trim().parse().expect("microseconds"))
    }
}

/// Starts a server as the parent of everything it leaves behind, ends it on SIGTERM, prints the microseconds of all.
pub(crate) fn supervise(arguments: &[String]) -> ExitCode {
    nix::sys::prctl::set_child_subreaper(true).expect("a subreaper");
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    let (program, rest) = arguments.split_first().expect("a program");
    let mut child = Command::new(program).args(rest).stdout(Stdio::null()).spawn().expect("the server");
    // Blocked only now: the server must not inherit it.
    signals.thread_block().expect("a signal mask");
    let _ = signals.wait();
    let _ = kill(Pid::from_raw(i32::try_from(child.id()).expect("a process id")), Signal::SIGTERM);
    let _ = child.wait();
    while nix::sys::wait::wait().is_ok() {}
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the usage");
    println!("{}", micros(used.user_time()) + micros(used.system_time()));
    ExitCode::SUCCESS
}

fn micros(time: TimeVal) -> i64 {
    time.tv_sec() * 1_000_000 + time.tv_usec()
}
