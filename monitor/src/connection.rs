//! What this process was given, and what holds for the whole connection.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use events::monitor::Event;
use events::{ConnectionFacts, Depth, Level, Log, Who};
use ipc::IpcError;
use ipc::start::{Confinement, LOGGED_IN, MonitorStart, OfferedHostKey};
use policy::{Step, Weight};
use settings::values::LogLevel;
use settings::{Effective, Settings};

use crate::host_keys::HostKeys;
use crate::journal::Journal;

/// Lines that a process before login may write: a busy connection writes three or four, a hostile process as many as
/// the disk holds.
const MOST_RECORDS_BEFORE_LOGIN: u32 = 200;

/// Details on top of that, where the log takes them: an honest `sshd-preauth` tells fewer.
const MOST_DETAILS_BEFORE_LOGIN: u32 = 1000;

/// One connection, seen from the process that decides.
pub(crate) struct Connection {
    /// Who is at the other end.
    pub(crate) facts: ConnectionFacts,
    /// One socket or two pipes; the same open files that the network-facing processes use. Never read here.
    pub(crate) network: Vec<OwnedFd>,
    /// All of sshd_config; nothing of it is kept once somebody is in.
    pub(crate) settings: Settings,
    /// What holds before anything is known of the user.
    pub(crate) global: Effective,
    /// What can be offered to clients.
    pub(crate) offered_host_keys: Vec<OfferedHostKey>,
    pub(crate) host_keys: HostKeys,
    pub(crate) programs: Programs,
    /// Our identification line.
    pub(crate) identification: String,
    pub(crate) preauth_confinement: Option<Confinement>,
    pub(crate) best_effort_sandbox: bool,
    /// `-d`
    pub(crate) debugging: bool,
    /// When the time to log in is over; none when there is no limit.
    pub(crate) login_deadline: Option<Duration>,
    log: Log,
    /// Tells the listener that somebody is logged in.
    startup_pipe: Option<OwnedFd>,
    delay_secret: [u8; 32],
    tried: Tried,
    records: u32,
    details: u32,
}

/// The executables that a monitor starts, opened by the listener once for all connections.
pub(crate) struct Programs {
    pub(crate) preauth: OwnedFd,
    pub(crate) session: OwnedFd,
    pub(crate) launch: OwnedFd,
    pub(crate) forward: OwnedFd,
}

/// What has been tried so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tried {
    Nothing,
    /// To log in as a user who cannot.
    InvalidUser,
    ToLogIn,
}

impl Connection {
    /// Takes over what came with the start message.
    pub(crate) fn take(start: MonitorStart, descriptors: Vec<OwnedFd>) -> Result<Self, IpcError> {
        let mut descriptors = descriptors.into_iter();
        let came = descriptors.len();
        let missing = || IpcError::WrongDescriptors { came, expected: came.saturating_add(1) };
        let network: Vec<OwnedFd> = descriptors.by_ref().take(usize::from(start.network_descriptors)).collect();
        let mut next = || descriptors.next().ok_or_else(missing);
        let (settings, host_keys) = (next()?, next()?);
        let programs = Programs { preauth: next()?, session: next()?, launch: next()?, forward: next()? };
        let startup_pipe = next()?;
        let log = Log::open(start.log, descriptors.next())?;
        if descriptors.next().is_some() || !matches!(network.len(), 1 | 2) {
            return Err(missing());
        }
        let settings: Settings = ipc::start::unseal(settings.as_fd())?;
        let host_keys = HostKeys::new(ipc::start::unseal(host_keys.as_fd())?);
        let global = settings.global();
        let login_deadline = start.time_to_log_in.map(|time| sys::clock::monotonic().saturating_add(time));
        Ok(Self {
            facts: start.facts,
            network,
            settings,
            offered_host_keys: host_keys.offered(global.host_key_algorithms.iter().map(String::as_str)),
            host_keys,
            global,
            programs,
            identification: start.identification,
            preauth_confinement: start.preauth_confinement,
            best_effort_sandbox: start.best_effort_sandbox,
            debugging: start.debugging,
            login_deadline,
            log,
            startup_pipe: Some(startup_pipe),
            delay_secret: start.delay_secret,
            tried: Tried::Nothing,
            records: 0,
            details: 0,
        })
    }

    /// Whether a line of this level would be written: for those that take work to make.
    pub(crate) fn writes(&self, level: Level) -> bool {
        self.log.writes(level)
    }

    /// Writes a line of the monitor's own.
    pub(crate) fn log(&mut self, event: &Event) {
        self.log.write(event, &self.facts, event.is_marked_preauth());
    }

    /// Writes what `sshd-session` says about a file.
    pub(crate) fn record_file(&mut self, event: &events::files::Recorded) {
        self.log.write(event, &self.facts, false);
    }

    /// Writes how a decision came about.
    pub(crate) fn log_steps(&mut self, steps: &[Step]) {
        steps.iter().for_each(|step| self.log(&step_event(step)));
    }

    /// What LoginGraceTime leaves; `None` when it sets no limit.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        self.login_deadline.map(|deadline| deadline.saturating_sub(sys::clock::monotonic()))
    }

    /// Writes a line for `sshd-preauth`, unless it has written too many.
    pub(crate) fn record_before_login(&mut self, event: &events::preauth::Event) -> Result<(), TooManyRecords> {
        let is_detail = matches!(event, events::preauth::Event::Debug { .. }) && self.log.writes(Level::Debug1);
        let (count, most) = match is_detail {
            true => (&mut self.details, MOST_DETAILS_BEFORE_LOGIN),
            false => (&mut self.records, MOST_RECORDS_BEFORE_LOGIN),
        };
        *count = count.saturating_add(1);
        if *count > most {
            return Err(TooManyRecords);
        }
        self.log.write(event, &self.facts, true);
        Ok(())
    }

    /// Writes a line for `sshd-session`.
    pub(crate) fn record_after_login(&mut self, event: &events::session::Event) {
        self.log.write(event, &self.facts, false);
    }

    /// Drawn once by the listener: makes failure delays of names unguessable.
    pub(crate) fn delay_secret(&self) -> &[u8; 32] {
        &self.delay_secret
    }

    /// The settings that hold for this user have been found. Only a Match block changes how much is written: `-d` on
    /// the listener's command line is stronger than the configuration.
    pub(crate) fn follow(&mut self, effective: &Effective) {
        if effective.log_level != self.global.log_level {
            self.log.set_threshold(threshold(effective.log_level));
        }
    }

    /// How deep the details go that the log takes now.
    pub(crate) fn details_wanted(&self) -> Option<Depth> {
        self.log.threshold().depth()
    }

    /// Somebody said who they want to be.
    pub(crate) fn user_is_named(&mut self, user: &str, valid: bool) {
        let user = user.to_owned();
        if valid {
            sys::title::set(&format!("sshd: {user} [priv]"));
            self.facts.who = Who::Authenticating(user);
        } else {
            sys::title::set("sshd: unknown [priv]");
            self.facts.who = Who::Invalid(user);
            self.tried = Tried::InvalidUser;
        }
    }

    /// Somebody tried to prove who they are.
    pub(crate) fn login_was_tried(&mut self) {
        if self.tried == Tried::Nothing {
            self.tried = Tried::ToLogIn;
        }
    }

    pub(crate) fn tried(&self) -> Tried {
        self.tried
    }

    /// Somebody is in: the listener stops counting this connection among those that are not.
    pub(crate) fn user_is_in(&mut self, user: &str) {
        self.facts.who = Who::LoggedIn(user.to_owned());
        if let Some(pipe) = self.startup_pipe.take() {
            // A listener that has gone, or serves this connection alone, does not count.
            let _ = sys::fd::write(pipe.as_fd(), &[LOGGED_IN]);
        }
        self.settings = Settings::default();
    }
}

impl Journal for Connection {
    fn log(&mut self, event: &Event) {
        Self::log(self, event);
    }

    fn time_left(&self) -> Option<Duration> {
        Self::time_left(self)
    }
}

/// See [`MOST_RECORDS_BEFORE_LOGIN`].
#[derive(Debug)]
pub(crate) struct TooManyRecords;

/// A step of a decision as a line of the log.
pub(crate) fn step_event(step: &Step) -> Event {
    let level = match step.weight() {
        Weight::Fatal => Level::Fatal,
        Weight::Error => Level::Error,
        Weight::Info => Level::Info,
        Weight::Verbose => Level::Verbose,
        Weight::Debug => Level::Debug1,
    };
    Event::Step { level, sentence: step.to_string() }
}

fn threshold(log_level: LogLevel) -> Level {
    match log_level {
        LogLevel::Quiet => Level::Quiet,
        LogLevel::Fatal => Level::Fatal,
        LogLevel::Error => Level::Error,
        LogLevel::Info => Level::Info,
        LogLevel::Verbose => Level::Verbose,
        LogLevel::Debug1 => Level::Debug1,
        LogLevel::Debug2 => Level::Debug2,
        LogLevel::Debug3 => Level::Debug3,
    }
}
