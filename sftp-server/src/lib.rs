//! SFTP on standard input and output, for a user who is logged in already: `read_command_line → who_is_served →
//! lock_down → serve → exit code`. What is served is in `crates/sftp`; the same runs inside `sshd-session`.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

mod host;
mod pipes;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use events::{ConnectionFacts, Destination, Log, LogSettings};
use nix::sys::resource::{Resource, getrlimit};
use sandbox::{LockedDown, Policy};
use sftp::{Asked, Client, HandleLimit, Options, OptionsError, Progress, Server};

use crate::host::Host;
use crate::pipes::{Ended, Pipes};

/// Everything, from the command line to the exit status.
pub fn run() -> ExitCode {
    let mut arguments = env::args_os();
    let program = program_name(arguments.next());
    match Options::parse(&arguments.collect::<Vec<_>>()) {
        Ok(Asked::Serve(options)) => serve_this_user(options).unwrap_or_else(|stop| stop.said()),
        Ok(Asked::ListRequests) => {
            let written = io::stdout().write_all(sftp::request_names().as_bytes());
            if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Ok(Asked::Usage) => {
            say(&sftp::usage(&program));
            ExitCode::FAILURE
        }
        Err(error) => refuse_command_line(&program, &error),
    }
}

/// Why nothing can be served.
struct Stop {
    text: String,
    exit_status: u8,
}

impl Stop {
    fn said(self) -> ExitCode {
        say(&format!("{}\n", self.text));
        ExitCode::from(self.exit_status)
    }
}

fn serve_this_user(options: Options) -> Result<ExitCode, Stop> {
    let client = who_is_served()?;
    let log = open_log(&options)?;
    let proof = lock_down(&options)?;
    Ok(serve(options, client, Host::new(log), &proof))
}

fn who_is_served() -> Result<Client, Stop> {
    let no_account = || Stop { text: format!("No user found for uid {}", nix::unistd::getuid()), exit_status: 1 };
    let account = sys::identity::current().map_err(|_| no_account())?;
    Ok(Client {
        address: client_address()?,
        open_handles: HandleLimit::new(most_open_handles()),
        input_limit: sftp::LARGEST_PACKET,
        user: account.name,
        uid: account.uid,
        uploads: sftp::Uploads::default(),
        home: account.home,
        jail: None,
    })
}

/// The first word of `SSH_CONNECTION`.
fn client_address() -> Result<String, Stop> {
    let Some(connection) = env::var_os("SSH_CONNECTION") else { return Ok("UNKNOWN".to_owned()) };
    let connection = connection.to_string_lossy();
    let malformed = || Stop { text: format!("Malformed SSH_CONNECTION variable: \"{connection}\""), exit_status: 255 };
    connection.split_once(' ').map(|(address, _)| address.to_owned()).ok_or_else(malformed)
}

/// The soft limit of open files, less standard input, output and error, the log and one to spare.
fn most_open_handles() -> u32 {
    const OURS: u64 = 5;
    let files = getrlimit(Resource::RLIMIT_NOFILE).map_or(OURS, |(soft, _)| soft);
    u32::try_from(files.saturating_sub(OURS)).unwrap_or(u32::MAX)
}

fn open_log(options: &Options) -> Result<Log, Stop> {
    let destination = if options.log_to_stderr { Destination::StandardError } else { Destination::Syslog };
    let settings =
        LogSettings { destination, threshold: options.log_level, facility: options.log_facility, events: None };
    let mut log =
        Log::open(settings, None).map_err(|error| Stop { text: format!("log: {error}"), exit_status: 255 })?;
    log.known_as("sftp-server");
    Ok(log)
}

/// The time zone and the names of the first users are read here, while files outside of the promise are in reach.
fn lock_down(options: &Options) -> Result<LockedDown, Stop> {
    let stop = |text: String| Stop { text, exit_status: 255 };
    let _ = sys::local_time::local_time(std::time::SystemTime::now());
    // /proc/self/mem would let a user who may only transfer files run code.
    sys::process::set_no_dump().map_err(|error| stop(format!("not dumpable: {error}")))?;
    sys::process::outlive_file_size_limit().map_err(|error| stop(format!("signals: {error}")))?;
    let around = sandbox::Surroundings { best_effort: true, ..sandbox::Surroundings::default() };
    sandbox::lock_down(&Policy::SftpServer { read_only: options.read_only }, &around)
        .map_err(|error| stop(format!("sandbox: {error}")))
}

/// Answers wait here until the client takes them, in bytes. More would only be colder by the time it is sent.
const OUTPUT_LIMIT: usize = 128 * 1024;

/// Exit status of theirs for a packet that is too long.
const BAD_MESSAGE: u8 = 11;

fn serve(options: Options, client: Client, mut host: Host, _: &LockedDown) -> ExitCode {
    let mut pipes = Pipes::of_this_process();
    let mut server = Server::start(options, client, &mut host);
    let exit_code = loop {
        let progress = match server.serve(&mut host, &mut pipes.output, OUTPUT_LIMIT) {
            Ok(progress) => progress,
            Err(_) => {
                // What was asked before was done, and is answered.
                let _ = pipes.send();
                break ExitCode::from(BAD_MESSAGE);
            }
        };
        let moved = pipes.send().and_then(|()| match progress {
            Progress::NeedsInput => pipes.receive(&mut server),
            Progress::OutputFull | Progress::Busy | Progress::Paused => Ok(()),
        });
        match moved {
            Ok(()) => {}
            Err(Ended::PeerIsGone) => break ExitCode::SUCCESS,
            Err(Ended::Failed(error)) => {
                host.say_failed(&error);
                break ExitCode::FAILURE;
            }
        }
    };
    server.finish(&mut host);
    exit_code
}

fn refuse_command_line(program: &str, error: &OptionsError) -> ExitCode {
    match error.wants_usage() {
        true => say(&format!("{program}: {error}\n{}", sftp::usage(program))),
        false => say(&format!("{error}\n")),
    }
    ExitCode::from(error.exit_status())
}

/// Nobody may be listening at standard error, which is no reason to end otherwise.
fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

fn program_name(path: Option<OsString>) -> String {
    let path = path.unwrap_or_default();
    Path::new(&path).file_name().map_or_else(|| "sftp-server".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Lines of this program name nobody but in their text.
fn nobody() -> ConnectionFacts {
    ConnectionFacts::none()
}
