//! `sshd` as a server: it listens, accepts, and starts one `sshd-monitor` for each connection.
//!
//! In the order of a start: [`configuration`] is read with the [`host_keys`], the [`helpers`] are opened, [`sockets`]
//! listen, then [`accepting`] goes on until a signal ends it, [`reloading`] at each SIGHUP. Who connects has to pass
//! [`admission`], and is one of the [`connections`] until its monitor ends; [`startups`] and [`penalties`] are what is
//! counted and remembered about those who have not logged in. [`one_connection`] is what `-i` and `-d` do instead.

mod accepting;
mod admission;
mod configuration;
mod connections;
mod dead_logins;
pub(crate) mod helpers;
pub(crate) mod host_keys;
mod log_rate;
pub(crate) mod monitors;
mod one_connection;
mod penalties;
mod penalty_requests;
mod pid_file;
pub(crate) mod privilege_separation;
mod reload_requests;
mod reloading;
mod service_manager;
mod serving;
mod sockets;
mod sources;
mod startups;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use config::Loaded;
use events::listener::Event;
use events::{ConnectionFacts, Destination, Level, Log, LogSettings};
use nix::sys::stat::{Mode, umask};
use sys::process::{Background, Daemonised};

use crate::command_line::CommandLine;
use configuration::InForce;
use helpers::Helpers;

pub(crate) use penalty_requests::address as penalties_address;
pub(crate) use reload_requests::{DONE, address as reload_address, is_from_a_master};

/// How the server was started; a reload goes by it too.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    /// As it was typed.
    pub(crate) command_line: &'a CommandLine,
    /// `-E FILE`, absolute.
    pub(crate) log_file: Option<PathBuf>,
    /// The working directory: relative paths keep their meaning after the daemon has gone to `/`.
    pub(crate) started_in: PathBuf,
    /// What the delays of failed logins are made of, the same for the life of the listener: a client that could tell a
    /// new secret by its delays would know which names exist.
    pub(crate) delay_secret: [u8; 32],
}

/// Why the server does not start, or has ended.
#[derive(Debug)]
pub(crate) struct Failure {
    /// For the log.
    pub(crate) lines: Vec<Event>,
    /// Exit status of the process.
    pub(crate) status: u8,
}

impl Failure {
    /// What theirs logs as `fatal` and leaves with status 255.
    pub(crate) fn fatal(text: impl ToString) -> Self {
        Self { lines: vec![Event::Said { level: Level::Fatal, text: text.to_string() }], status: 255 }
    }
}

/// Serves connections until a signal ends it. Everything that can be wrong with keys or installation ends it before
/// that, with the reason on standard error (with `-i` in the log) and the exit status that theirs has.
pub fn run(command_line: &CommandLine, loaded: Loaded) -> ExitCode {
    sys::title::init();
    service_manager::close_what_was_left_open();
    // Nothing that a session creates may be writable for others unless its user wants that.
    umask(umask(Mode::from_bits_truncate(0o077)) | Mode::from_bits_truncate(0o022));
    let start = match Start::of(command_line) {
        Ok(start) => start,
        Err(why) => {
            eprintln!("sshd: no random numbers: {why}");
            return ExitCode::from(255);
        }
    };
    let mut log = start.log_of_the_start(&loaded);
    let outcome = start.read(loaded, &mut log).and_then(|(in_force, helpers)| start.serve(in_force, helpers));
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            say_all(&mut log, &failure.lines);
            ExitCode::from(failure.status)
        }
    }
}

fn say_all(log: &mut Log, lines: &[Event]) {
    for line in lines {
        log.write(line, &ConnectionFacts::none(), false);
    }
}

impl<'a> Start<'a> {
    fn of(command_line: &'a CommandLine) -> io::Result<Self> {
        let log_file = command_line.log_file.as_ref();
        let mut delay_secret = [0; 32];
        sys::random::random_bytes(&mut delay_secret)?;
        Ok(Self {
            command_line,
            log_file: log_file.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone())),
            started_in: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
            delay_secret,
        })
    }

    fn read(&self, loaded: Loaded, log: &mut Log) -> Result<(InForce, Helpers), Failure> {
        let read = self.check(loaded)?;
        say_all(log, &read.said);
        let helpers = Helpers::open().map_err(Failure::fatal)?;
        Ok((read.in_force, helpers))
    }

    fn serve(&self, in_force: InForce, helpers: Helpers) -> Result<u8, Failure> {
        if self.command_line.inetd {
            return one_connection::on_standard_descriptors(&in_force, &helpers);
        }
        if self.command_line.debug > 0 {
            return one_connection::accepted(&in_force, &helpers);
        }
        // They are meant for the process that was started, which the daemon is not.
        let passed = service_manager::passed_sockets().map_err(Failure::fatal)?;
        match self.leave_the_foreground()? {
            Foreground::Left { exit_status } => Ok(exit_status),
            Foreground::Stays(background) => serving::until_a_signal(self, in_force, helpers, passed, background),
        }
    }

    fn leave_the_foreground(&self) -> Result<Foreground, Failure> {
        if self.command_line.foreground {
            return Ok(Foreground::Stays(None));
        }
        match sys::process::daemonise() {
            Ok(Daemonised::Background(background)) => Ok(Foreground::Stays(Some(background))),
            Ok(Daemonised::Foreground { exit_status }) => {
                Ok(Foreground::Left { exit_status: u8::try_from(exit_status).unwrap_or(255) })
            }
            Err(why) => Err(Failure::fatal(format!("daemon() failed: {why}"))),
        }
    }

    /// Until connections are accepted, problems are told to whoever has typed the command.
    fn log_of_the_start(&self, loaded: &Loaded) -> Log {
        let in_force = self.log_settings(&loaded.settings.global());
        // With -i standard error may be the client's connection.
        let inetd = self.command_line.inetd && in_force.destination == Destination::Syslog;
        let destination = match &self.log_file {
            Some(_) => Destination::File,
            None if inetd => Destination::Syslog,
            None => Destination::StandardError,
        };
        let settings = LogSettings { destination, ..in_force };
        let file = self.open_log_file().ok().flatten();
        Log::open(settings.clone(), file).unwrap_or_else(|_| Log::on_stderr(settings.threshold))
    }
}

enum Foreground {
    Left { exit_status: u8 },
    Stays(Option<Background>),
}
