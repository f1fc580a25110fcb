//! `sshd-launch`: a moment of root that becomes the user and is replaced by one command.
//!
//! The monitor has decided everything; this process only carries it out, in an order that never lets the user's files
//! be touched with more rights than the user's own: terminal, chroot, identity, home, exec.

mod greeting;
mod rc_files;
mod x11;

use std::ffi::{CString, OsStr};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

use ipc::IpcError;
use ipc::start::{LINK, LastWords, LaunchStart};
use sys::errors::words;
use thiserror::Error;

/// The first descriptor that the command does not get.
const FIRST_UNWANTED: i32 = 3;

/// Why there is no command. The text goes to the command's standard error, as theirs' does.
#[derive(Debug, Error)]
enum LaunchError {
    #[error("sshd-launch: {0}")]
    Start(#[from] IpcError),
    #[error("sshd-launch: {0}")]
    Link(io::Error),
    #[error("cannot make the terminal the controlling one: {0}")]
    Terminal(io::Error),
    #[error("chroot(\"{directory}\"): {error}")]
    Chroot { directory: String, error: io::Error },
    #[error("cannot become the user: {0}")]
    Identity(io::Error),
    #[error("sshd-launch: an argument holds a NUL byte")]
    Nul(#[from] std::ffi::NulError),
    #[error("cannot reset signals: {0}")]
    Signals(io::Error),
    #[error("{shell}: {}", words(.error))]
    Exec { shell: String, error: io::Error },
}

/// The life of the process: it ends by becoming another program.
#[must_use]
pub fn run() -> ExitCode {
    sys::title::init();
    match launch() {
        Ok(status) => status,
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Nothing can be done when even the complaint cannot be written.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Returns only with a reason why the command does not run, or when there was only something to say.
fn launch() -> Result<ExitCode, LaunchError> {
    let link = sys::fd::adopt(LINK).map_err(LaunchError::Link)?;
    let (start, descriptors, link): (LaunchStart, _, _) = ipc::start::receive(link)?;
    drop((descriptors, link));
    if start.terminal {
        sys::pty::make_controlling(io::stdin().as_fd()).map_err(LaunchError::Terminal)?;
    }
    if let Some(directory) = &start.chroot {
        // The monitor has looked at every component of it.
        sys::identity::enter_root(Path::new(directory))
            .map_err(|error| LaunchError::Chroot { directory: directory.clone(), error })?;
    }
    if let Some(identity) = &start.identity {
        sys::identity::become_for_ever(identity).map_err(LaunchError::Identity)?;
    }
    if let Some(words) = &start.only_say {
        return Ok(say_and_end(words));
    }
    greeting::show(&start.greeting, Path::new(&start.home));
    // Nothing can be done when it cannot be written.
    let _ = io::stderr().write_all(start.warning.as_bytes());
    go_home(&start);
    rc_files::run_first(&start);
    Err(exec(&start))
}

fn say_and_end(words: &LastWords) -> ExitCode {
    let _ = match words.on_standard_error {
        true => io::stderr().write_all(words.text.as_bytes()),
        false => io::stdout().write_all(words.text.as_bytes()),
    };
    ExitCode::from(words.exit_status)
}

/// The command starts in its user's home, or where this process already is: in the root directory.
fn go_home(start: &LaunchStart) {
    let _ = std::env::set_current_dir("/");
    if let Err(error) = std::env::set_current_dir(&start.home) {
        // Theirs is silent inside a chroot, where homes are often missing on purpose.
        if start.chroot.is_none() {
            say(&format!("Could not chdir to home directory {}: {}", start.home, words(&error)));
        }
    }
}

fn exec(start: &LaunchStart) -> LaunchError {
    let strings = |list: &[Vec<u8>]| list.iter().map(|one| CString::new(one.clone())).collect::<Result<Vec<_>, _>>();
    let prepared = CString::new(start.shell.as_str())
        .and_then(|shell| Ok((shell, strings(&start.arguments)?, strings(&start.environment)?)));
    let (shell, arguments, environment) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return error.into(),
    };
    sys::fd::close_all_from(FIRST_UNWANTED);
    // Rust ignores SIGPIPE, and what is ignored stays ignored in the command: `yes | head` would not end quietly.
    if let Err(error) = sys::process::reset_signals() {
        return LaunchError::Signals(error);
    }
    let error = sys::process::exec(&shell, &arguments, &environment);
    LaunchError::Exec { shell: OsStr::from_bytes(shell.as_bytes()).to_string_lossy().into_owned(), error }
}
