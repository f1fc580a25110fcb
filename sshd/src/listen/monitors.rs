//! Starting one `sshd-monitor` for one connection.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use events::{ConnectionFacts, ConnectionId, Endpoint, Log, LogSettings, Who};
use ipc::IpcError;
use ipc::start::{self, Confinement, MonitorStart, MonitorTask};
use nix::sys::signal::Signal;
use sys::process::{Child, Program};
use thiserror::Error;

use super::helpers::Helpers;

/// What every monitor gets, whoever has connected. It is made once for each configuration.
#[derive(Debug)]
pub(crate) struct HandedToMonitors {
    /// All settings, sealed.
    pub(crate) settings: OwnedFd,
    /// The private host keys, sealed.
    pub(crate) host_keys: OwnedFd,
    /// Our identification line, without its end.
    pub(crate) identification: String,
    /// LoginGraceTime; none when there is no limit.
    pub(crate) login_grace_time: Option<Duration>,
    /// For the delays of failed logins.
    pub(crate) delay_secret: [u8; 32],
    /// Where the log goes.
    pub(crate) log: LogSettings,
    /// The file of `-E`.
    pub(crate) log_file: Option<OwnedFd>,
    /// Whether standard error is for us: with `-i` it may be the client's connection.
    pub(crate) stderr_is_ours: bool,
    /// Whom `sshd-preauth` becomes.
    pub(crate) confinement: Option<Confinement>,
    /// SandboxBestEffort
    pub(crate) best_effort_sandbox: bool,
    /// `-d`
    pub(crate) debugging: bool,
}

impl HandedToMonitors {
    /// The log that the monitors write, for the listener's own lines.
    pub(crate) fn open_log(&self) -> io::Result<Log> {
        Log::open(self.log.clone(), self.log_file.as_ref().map(OwnedFd::try_clone).transpose()?)
    }
}

/// How long a monitor lives.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stays {
    /// It outlives the listener, in a session of its own, and may be killed when memory runs out.
    Alone {
        /// Its importance then; none when the listener is nothing special either.
        oom_score: Option<i32>,
    },
    /// Somebody waits for it: what the terminal says to them is said to it.
    WithUs,
}

/// A monitor at work.
#[derive(Debug)]
pub(crate) struct Monitor {
    /// Of its connection, in events.
    pub(crate) id: ConnectionId,
    /// The process.
    pub(crate) process: Child,
    /// Brings [`start::LOGGED_IN`] when the user is logged in. Closes without it when the monitor has ended.
    pub(crate) logged_in: OwnedFd,
    /// How long the user may take to log in.
    pub(crate) time_to_log_in: Option<Duration>,
}

/// Why there is no monitor.
#[derive(Debug, Error)]
pub(crate) enum CannotStart {
    #[error("cannot start sshd-monitor: {0}")]
    System(#[from] io::Error),
    #[error("cannot tell sshd-monitor what to do: {0}")]
    Message(#[from] IpcError),
}

/// Starts the monitor of a connection: one socket, or two pipes to read from and to write to.
pub(crate) fn start(
    helpers: &Helpers,
    handed: &HandedToMonitors,
    (peer, local): (Endpoint, Endpoint),
    network: &[BorrowedFd<'_>],
    stays: Stays,
) -> Result<Monitor, CannotStart> {
    let id = ConnectionId::draw()?;
    let stderr = io::stderr();
    let (ours, theirs) = sys::fd::seqpacket_pair()?;
    let (logged_in, closed_at_login) = sys::fd::pipe(1)?;
    let mut descriptors = vec![(theirs.as_fd(), start::LINK)];
    if handed.stderr_is_ours {
        descriptors.push((stderr.as_fd(), 2));
    }
    let process = sys::process::start(&Program {
        executable: helpers.monitor.as_fd(),
        argv: vec![c"sshd: [accepted]".to_owned()],
        environment: environment(),
        descriptors,
        new_session: matches!(stays, Stays::Alone { .. }),
    })?;
    drop(theirs);
    if let Stays::Alone { oom_score: Some(score) } = stays {
        give_back(score, &process);
    }
    let time_to_log_in = handed.login_grace_time.map(|grace| grace + jitter());
    let message = MonitorStart {
        facts: ConnectionFacts { id, peer, local, who: Who::Nobody },
        network_descriptors: u8::try_from(network.len()).unwrap_or(u8::MAX),
        log: handed.log.clone(),
        preauth_confinement: handed.confinement.clone(),
        best_effort_sandbox: handed.best_effort_sandbox,
        debugging: handed.debugging,
        identification: handed.identification.clone(),
        time_to_log_in,
        delay_secret: handed.delay_secret,
    };
    let mut descriptors = network.to_vec();
    descriptors.extend([handed.settings.as_fd(), handed.host_keys.as_fd()]);
    let programs = [&helpers.preauth, &helpers.session, &helpers.launch, &helpers.forward];
    descriptors.extend(programs.map(AsFd::as_fd));
    descriptors.push(closed_at_login.as_fd());
    descriptors.extend(handed.log_file.as_ref().map(AsFd::as_fd));
    if let Err(why) = start::send(ours.as_fd(), &MonitorTask::Serve(Box::new(message)), &descriptors) {
        // It waits for a message that will not come; without this it would be reaped as an ordinary end.
        let _ = process.signal(Signal::SIGKILL);
        return Err(why.into());
    }
    Ok(Monitor { id, process, logged_in, time_to_log_in })
}

/// Up to four seconds, as theirs adds: connections that came together do not end together, so their places do not become
/// free at a moment that somebody can wait for.
fn jitter() -> Duration {
    const LONGEST_MICROSECONDS: u64 = 4_000_000;
    let mut random = [0; 8];
    // Without randomness there is no jitter, which costs a user nothing.
    let _ = sys::random::random_bytes(&mut random);
    Duration::from_micros(u64::from_le_bytes(random) % LONGEST_MICROSECONDS)
}

/// Of the administrator's environment only what monitors need: the time zone of the log, what the commands of an
/// ordinary user's server inherit, and where this service's Kerberos finds its configuration, key table and replay cache.
pub(crate) fn environment() -> Vec<CString> {
    let kept = ["TZ", "XDG_RUNTIME_DIR", "KRB5_CONFIG", "KRB5_KTNAME", "KRB5RCACHENAME", "KRB5RCACHEDIR"].into_iter();
    kept.filter_map(|name| CString::new(format!("{name}={}", std::env::var(name).ok()?)).ok()).collect()
}

/// Before the monitor has anything to do, so that whatever it starts has the original score too.
fn give_back(oom_score: i32, process: &Child) {
    // If this fails the monitor is spared too, which harms nobody.
    let _ = std::fs::write(format!("/proc/{}/oom_score_adj", process.pid()), oom_score.to_string());
}

/// Keeps the kernel from killing the listener when memory is short: an administrator must be able to log in then.
/// Returns what monitors get back; none when it may not be changed.
pub(crate) fn spare_this_process() -> Option<i32> {
    const NEVER_KILLED: i32 = -1000;
    let original = sys::process::oom_score().ok()?;
    sys::process::set_oom_score(NEVER_KILLED).ok()?;
    Some(original)
}
