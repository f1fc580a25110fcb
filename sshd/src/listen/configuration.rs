//! What is in force: read from the files and checked whole, at the start and at each reload.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{Loaded, Message, Severity};
use events::listener::Event;
use events::{Destination, EventDestination, Level, LogSettings, facility_named};
use settings::paths::{OUR_COMMENT, OUR_VERSION};
use settings::values::{Choice, EventLog, MaxStartups};
use settings::{Effective, Settings};
use sys::errors::words;

use super::host_keys;
use super::monitors::HandedToMonitors;
use super::sources::SourceLimits;
use super::{Failure, Start, privilege_separation};
use crate::command_line::CommandLine;
use crate::{libraries, load};

/// Number of the default facility.
const AUTH: u8 = 4;

/// What the listener goes by.
#[derive(Debug)]
pub(crate) struct InForce {
    /// ListenAddress, Port and AddressFamily, resolved.
    pub(crate) listen_on: Vec<SocketAddr>,
    /// MaxStartups
    pub(crate) max_startups: MaxStartups,
    /// The PerSource keywords.
    pub(crate) sources: SourceLimits,
    /// TCPKeepAlive
    pub(crate) tcp_keep_alive: bool,
    /// PidFile
    pub(crate) pid_file: Option<PathBuf>,
    /// What each monitor gets.
    pub(crate) handed: HandedToMonitors,
}

/// A configuration that can be used.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) in_force: InForce,
    /// Notices, and complaints that do not make it unusable.
    pub(crate) said: Vec<Event>,
}

impl Start<'_> {
    /// Reads the files again. Nothing of this process changes.
    pub(crate) fn read_again(&self) -> Result<Read, Failure> {
        let loaded = load::load(self.command_line).map_err(|failure| Failure {
            lines: failure.messages.iter().map(event).collect(),
            status: failure.status,
        })?;
        let notices: Vec<Event> = loaded.messages.iter().map(event).collect();
        let mut read = self.check(loaded)?;
        read.said.splice(0..0, notices);
        Ok(read)
    }

    /// Checks everything that the configuration names, and makes it ready for monitors.
    pub(crate) fn check(&self, loaded: Loaded) -> Result<Read, Failure> {
        let global = loaded.settings.global();
        let mut said = self.details(&loaded);
        let keys = host_keys::load(&global);
        said.extend(keys.said);
        if keys.usable.is_empty() {
            said.push(Event::Said { level: Level::Info, text: "sshd: no hostkeys available -- exiting.".to_owned() });
            return Err(Failure { lines: said, status: 1 });
        }
        libraries::check(&global).map_err(Failure::fatal)?;
        if let Some(destination) = &global.event_log {
            let why = |why: io::Error| Failure { status: 1, ..Failure::fatal(format!("EventLog: {}", words(&why))) };
            event_destination(destination).check().map_err(why)?;
        }
        let handed = self.hand_to_monitors(&loaded.settings, &global, &keys.usable)?;
        let in_force = InForce {
            listen_on: global.listen_sockets.clone(),
            max_startups: global.max_startups,
            sources: SourceLimits::of(&global),
            tcp_keep_alive: global.tcp_keep_alive,
            pid_file: global.pid_file.as_deref().map(Path::to_owned),
            handed,
        };
        Ok(Read { in_force, said })
    }

    fn hand_to_monitors(
        &self,
        settings: &Settings,
        global: &Effective,
        host_keys: &[keys::HostKey],
    ) -> Result<HandedToMonitors, Failure> {
        Ok(HandedToMonitors {
            settings: ipc::start::seal("settings", settings).map_err(Failure::fatal)?,
            host_keys: ipc::start::seal("host keys", &host_keys).map_err(Failure::fatal)?,
            identification: identification(global),
            login_grace_time: self.login_grace_time(global),
            delay_secret: self.delay_secret,
            log: self.log_settings(global),
            log_file: self.open_log_file().map_err(|why| self.no_log_file(&why))?,
            stderr_is_ours: !self.command_line.inetd || self.command_line.log_to_stderr || self.command_line.debug > 0,
            confinement: privilege_separation::confinement().map_err(Failure::fatal)?,
            best_effort_sandbox: global.sandbox_best_effort,
            debugging: self.command_line.debug > 0,
        })
    }

    /// Whoever debugs a login with `-d` is not hurried, as with theirs.
    fn login_grace_time(&self, global: &Effective) -> Option<Duration> {
        let limited = !global.login_grace_time.is_zero() && self.command_line.debug == 0;
        limited.then(|| global.login_grace_time.duration())
    }

    pub(crate) fn log_settings(&self, global: &Effective) -> LogSettings {
        let &CommandLine { foreground, debug, inetd, log_to_stderr, .. } = self.command_line;
        let in_background = !foreground && debug == 0 && !inetd;
        let destination = match (&self.log_file, log_to_stderr || debug > 0) {
            (Some(_), _) => Destination::File,
            // A daemon has no standard error any more once it listens: theirs then writes into the void.
            (None, true) if !in_background => Destination::StandardError,
            _ => Destination::Syslog,
        };
        LogSettings {
            destination,
            threshold: Level::named(global.log_level.word()).unwrap_or(Level::Info),
            facility: facility_named(global.syslog_facility.word()).unwrap_or(AUTH),
            events: global.event_log.as_ref().map(event_destination),
        }
    }

    /// The file of `-E`, opened anew: after a reload the log goes on in a new file if the old one was moved away.
    pub(crate) fn open_log_file(&self) -> io::Result<Option<OwnedFd>> {
        let Some(path) = &self.log_file else { return Ok(None) };
        Ok(Some(File::options().append(true).create(true).open(path)?.into()))
    }

    fn no_log_file(&self, why: &io::Error) -> Failure {
        let file = self.log_file.as_deref().unwrap_or(Path::new("")).display();
        Failure { status: 1, ..Failure::fatal(format!("Couldn't open logfile {file}: {}", words(why))) }
    }

    /// Lines that audit tools look for under `-d` and `-dd`.
    fn details(&self, loaded: &Loaded) -> Vec<Event> {
        let version = format!("sshd version OpenSSH_10.5, Bulkhead {}", env!("CARGO_PKG_VERSION"));
        let file = self.command_line.configuration_file().unwrap_or_else(|| PathBuf::from("none"));
        let file = format!("load_server_config: filename {}", file.display());
        let lines = load::in_words(loaded).map(|text| (Level::Debug3, text));
        let said = [(Level::Debug1, version), (Level::Debug2, file)].into_iter().chain(lines);
        said.map(|(level, text)| Event::Said { level, text }).collect()
    }
}

fn event(message: &Message) -> Event {
    let level = match message.severity {
        Severity::Notice => Level::Info,
        Severity::Error => Level::Error,
    };
    Event::Said { level, text: message.text.clone() }
}

fn event_destination(configured: &EventLog) -> EventDestination {
    match configured {
        EventLog::File(path) => EventDestination::File(path.to_path_buf()),
        EventLog::Socket(path) => EventDestination::Socket(path.to_path_buf()),
    }
}

/// RFC 4253 section 4.2: protocol and software version, then comments.
fn identification(global: &Effective) -> String {
    let version = format!("SSH-2.0-{}", global.identification);
    let comment = (global.identification == OUR_VERSION).then_some(OUR_COMMENT);
    let comments = comment.into_iter().chain(global.version_addendum.as_deref());
    std::iter::once(version.as_str()).chain(comments).collect::<Vec<_>>().join(" ")
}
