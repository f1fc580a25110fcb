//! AuthorizedKeysCommand: a program of the administrator's that prints lines as they stand in `authorized_keys`.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use events::Level;
use events::monitor::Event;
use keys::{FingerprintHash, PublicKey};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::Signal;
use policy::{KeyFile, OfferedKeyText, Refusal, Tokens};
use settings::text::{from_path, to_path};
use sys::identity::{Account, Identity};
use sys::process::{Child, Ended, ProgramAs};
use thiserror::Error;

use crate::authorized_keys::{LARGEST_FILE, components_of, said};
use crate::candidate::Candidate;
use crate::preauth_child::{timeout, wait_for};
use crate::words::split;

/// Where the program finds others, as theirs.
const PATH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";

/// How long the program may take when LoginGraceTime sets no limit.
const LONGEST_RUN: Duration = Duration::from_secs(120);

/// Why the program says nothing. The texts are theirs where theirs has one.
#[derive(Debug, Error)]
enum NoKeys {
    #[error("No user for AuthorizedKeysCommand specified, skipping")]
    NoUser,
    #[error("AuthorizedKeysCommandUser \"{0}\" not found")]
    NoSuchUser(String),
    #[error("AuthorizedKeysCommand \"{0}\" contains invalid quotes")]
    OpenQuote(String),
    #[error("AuthorizedKeysCommand \"{0}\" yielded no arguments")]
    Empty(String),
    #[error("AuthorizedKeysCommand: {0}")]
    Token(#[from] policy::TokenError),
    #[error("AuthorizedKeysCommand path is not absolute")]
    NotAbsolute,
    #[error("Could not stat AuthorizedKeysCommand \"{0}\": {1}")]
    Missing(String, io::Error),
    #[error("Unsafe AuthorizedKeysCommand \"{0}\": {1}")]
    Unsafe(String, String),
    #[error("AuthorizedKeysCommand {0} exited on signal {1}")]
    Signalled(String, i32),
    #[error("AuthorizedKeysCommand {0} failed, status {1}")]
    Failed(String, i32),
    #[error("AuthorizedKeysCommand {0} took too long and was killed")]
    TooLong(String),
    #[error("AuthorizedKeysCommand {0} printed more than {LARGEST_FILE} bytes and was killed")]
    TooMuch(String),
    #[error("AuthorizedKeysCommand: {0}")]
    Io(#[from] io::Error),
}

impl NoKeys {
    fn level(&self) -> Level {
        match self {
            Self::Failed(..) => Level::Info,
            _ => Level::Error,
        }
    }
}

/// What the program prints for a key, if one is configured. It runs for users who may log in and for nobody else: names
/// that a stranger made up are never its arguments.
pub(crate) fn printed_keys(
    candidate: &Candidate,
    key: &PublicKey,
    time_left: Option<Duration>,
    complaints: &RefCell<Vec<Event>>,
) -> Option<KeyFile> {
    let line = candidate.effective.authorized_keys_command.as_ref().filter(|_| candidate.may_log_in())?;
    match run(candidate, key, line, time_left.unwrap_or(LONGEST_RUN)) {
        Ok(text) => Some(KeyFile { name: line.clone(), text }),
        Err(error) => {
            complaints.borrow_mut().push(said(error.level(), error.to_string()));
            None
        }
    }
}

fn run(candidate: &Candidate, key: &PublicKey, line: &str, time_left: Duration) -> Result<Vec<u8>, NoKeys> {
    let deadline = sys::clock::monotonic().saturating_add(time_left);
    let account = account_of_program(candidate)?;
    let argv = arguments(candidate, key, line)?;
    let shown = argv.join(" ");
    let groups = sys::identity::groups_of(&account)?;
    let identity = Identity { uid: account.uid, gid: account.gid, groups };
    let path = safe_program(argv.first().map(String::as_str).unwrap_or_default(), &identity)?;
    let (output, written) = sys::fd::pipe(64 * 1024)?;
    sys::fd::set_nonblocking(output.as_fd(), true)?;
    let environment = environment(&account);
    let program =
        ProgramAs { path: &path, argv: &argv, environment: &environment, identity: &identity, output: written };
    let child = sys::process::start_as(program)?;
    let text = read_to_end(output, deadline);
    let patience = match &text {
        Ok(_) => deadline.saturating_sub(sys::clock::monotonic()),
        Err(_) => Duration::ZERO,
    };
    let ended = end(&child, patience)?;
    match (text, ended) {
        (Err(Unread::TooMuch), _) => Err(NoKeys::TooMuch(shown)),
        (Err(Unread::TooLong), _) | (Ok(_), None) => Err(NoKeys::TooLong(shown)),
        (Err(Unread::Io(error)), _) => Err(error.into()),
        (Ok(_), Some(Ended::Signalled { signal, .. })) => Err(NoKeys::Signalled(shown, signal)),
        (Ok(text), Some(Ended::Exited(0))) => Ok(text),
        (Ok(_), Some(Ended::Exited(status))) => Err(NoKeys::Failed(shown, status)),
    }
}

fn account_of_program(candidate: &Candidate) -> Result<Account, NoKeys> {
    let configured = candidate.effective.authorized_keys_command_user.as_ref().ok_or(NoKeys::NoUser)?;
    let name = Tokens::for_command_user(&candidate.facts).expand(configured)?;
    sys::identity::look_up(&name)?.ok_or(NoKeys::NoSuchUser(name))
}

/// Tokens stand for themselves: a value with a blank or a quote in it is still one argument. Without any argument the
/// program gets the user's name.
fn arguments(candidate: &Candidate, key: &PublicKey, line: &str) -> Result<Vec<String>, NoKeys> {
    let words = split(line).ok_or_else(|| NoKeys::OpenQuote(line.to_owned()))?;
    let Some((program, words)) = words.split_first() else { return Err(NoKeys::Empty(line.to_owned())) };
    let offered = OfferedKeyText {
        key_type: key.key_type().name(),
        base64: &key.base64(),
        fingerprint: &key.fingerprint(FingerprintHash::Sha256),
    };
    let tokens = Tokens::for_keys_command(&candidate.facts, &candidate.from, offered);
    let mut argv = vec![program.clone()];
    for word in words {
        argv.push(tokens.expand(word)?);
    }
    if words.is_empty() {
        argv.push(candidate.facts.name.clone());
    }
    Ok(argv)
}

/// The program's path without symbolic links. Nobody but root can have put anything else there; what the account that
/// it runs as cannot reach is not run.
fn safe_program(path: &str, identity: &Identity) -> Result<PathBuf, NoKeys> {
    if !path.starts_with('/') {
        return Err(NoKeys::NotAbsolute);
    }
    let gathered = sys::identity::as_user(identity, || {
        let real = std::fs::canonicalize(to_path(path))?;
        let components = components_of(&real, &std::fs::metadata(&real)?)?;
        Ok((real, components))
    })?;
    let (real, components) = gathered.map_err(|error| NoKeys::Missing(path.to_owned(), error))?;
    match policy::strict_modes(&components, 0, None).outcome {
        Ok(()) => Ok(real),
        Err(refusal) => Err(NoKeys::Unsafe(path.to_owned(), what_is_unsafe(&refusal))),
    }
}

fn what_is_unsafe(refusal: &Refusal) -> String {
    match refusal {
        Refusal::BadOwnershipOrModes { path, directory } => {
            format!("bad ownership or modes for {} {}", if *directory { "directory" } else { "file" }, path.display())
        }
        Refusal::NotARegularFile { path } => format!("{} is not a regular file", path.display()),
        other => other.to_string(),
    }
}

fn environment(account: &Account) -> [(&'static str, String); 4] {
    [
        ("PATH", PATH.to_owned()),
        ("USER", account.name.clone()),
        ("LOGNAME", account.name.clone()),
        ("HOME", from_path(&account.home)),
    ]
}

/// Why the output was not read to its end.
enum Unread {
    TooLong,
    TooMuch,
    Io(io::Error),
}

fn read_to_end(output: OwnedFd, deadline: Duration) -> Result<Vec<u8>, Unread> {
    let mut output = File::from(output);
    let mut text = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        match output.read(&mut buffer) {
            Ok(0) => return Ok(text),
            Ok(count) => text.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(&output, deadline)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Unread::Io(error)),
        }
        if text.len() as u64 > LARGEST_FILE {
            return Err(Unread::TooMuch);
        }
        if sys::clock::monotonic() >= deadline {
            return Err(Unread::TooLong);
        }
    }
}

fn wait(output: &File, deadline: Duration) -> Result<(), Unread> {
    let mut watched = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
    match poll(&mut watched, timeout(Some(deadline))) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(Unread::Io(error.into())),
    }
}

/// Waits for the program; one that takes longer is killed with everything that it has started. `None` if it was.
fn end(child: &Child, patience: Duration) -> io::Result<Option<Ended>> {
    if patience.is_zero() {
        // It leads a session of its own; it may have ended by itself a moment ago.
        let _ = child.signal_group(Signal::SIGKILL);
    }
    wait_for(child, patience)
}
