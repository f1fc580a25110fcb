//! AuthorizedKeysCommand and AuthorizedPrincipalsCommand: programs of the administrator's that print lines as they stand
//! in the files.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use events::Level;
use events::monitor::Event;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::Signal;
use policy::{Refusal, TokenError, Tokens};
use settings::text::{from_path, to_path};
use settings::words::split;
use sys::identity::{Account, Identity};
use sys::process::{Child, Ended, ProgramAs};

use crate::authorized_keys::{LARGEST_FILE, components_of, said};
use crate::candidate::Candidate;
use crate::preauth_child::{timeout, wait_for};

/// Where the program finds others, as theirs.
const PATH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";

/// How long the program may take when LoginGraceTime sets no limit.
const LONGEST_RUN: Duration = Duration::from_secs(120);

/// A program of the configuration, and what it is asked about.
pub(crate) struct ListCommand<'a> {
    /// `AuthorizedKeysCommand` or `AuthorizedPrincipalsCommand`, for messages.
    pub(crate) keyword: &'static str,
    /// Its command line.
    pub(crate) line: &'a str,
    /// The account that it runs as, with `%u`.
    pub(crate) user: Option<&'a str>,
    /// What stands for the user and the key in its arguments.
    pub(crate) tokens: Tokens,
    /// What it gets when no arguments are configured.
    pub(crate) only_argument: Option<&'a str>,
}

/// Why the program says nothing.
#[derive(Debug)]
enum NoList {
    NoUser,
    NoSuchUser(String),
    OpenQuote,
    Empty,
    Token(TokenError),
    NotAbsolute,
    Missing(String, io::Error),
    Unsafe(String, String),
    Signalled(String, i32),
    Failed(String, i32),
    TooLong(String),
    TooMuch(String),
    Io(io::Error),
}

impl NoList {
    fn level(&self) -> Level {
        match self {
            Self::Failed(..) => Level::Info,
            _ => Level::Error,
        }
    }

    /// In theirs' words where theirs has some.
    fn text(&self, keyword: &str, line: &str) -> String {
        match self {
            Self::NoUser => format!("No user for {keyword} specified, skipping"),
            Self::NoSuchUser(user) => format!("{keyword}User \"{user}\" not found"),
            Self::OpenQuote => format!("{keyword} \"{line}\" contains invalid quotes"),
            Self::Empty => format!("{keyword} \"{line}\" yielded no arguments"),
            Self::Token(error) => format!("{keyword}: {error}"),
            Self::NotAbsolute => format!("{keyword} path is not absolute"),
            Self::Missing(path, error) => format!("Could not stat {keyword} \"{path}\": {error}"),
            Self::Unsafe(path, why) => format!("Unsafe {keyword} \"{path}\": {why}"),
            Self::Signalled(command, signal) => format!("{keyword} {command} exited on signal {signal}"),
            Self::Failed(command, status) => format!("{keyword} {command} failed, status {status}"),
            Self::TooLong(command) => format!("{keyword} {command} took too long and was killed"),
            Self::TooMuch(command) => {
                format!("{keyword} {command} printed more than {LARGEST_FILE} bytes and was killed")
            }
            Self::Io(error) => format!("{keyword}: {error}"),
        }
    }
}

impl From<TokenError> for NoList {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<io::Error> for NoList {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What the program prints. It runs for users who may log in and for nobody else: names that a stranger made up are
/// never its arguments.
pub(crate) fn printed(
    candidate: &Candidate,
    command: &ListCommand<'_>,
    time_left: Option<Duration>,
) -> Result<Option<Vec<u8>>, Event> {
    if !candidate.may_log_in() {
        return Ok(None);
    }
    let outcome = run(candidate, command, time_left.unwrap_or(LONGEST_RUN));
    outcome.map(Some).map_err(|error| said(error.level(), error.text(command.keyword, command.line)))
}

fn run(candidate: &Candidate, command: &ListCommand<'_>, time_left: Duration) -> Result<Vec<u8>, NoList> {
    let deadline = sys::clock::monotonic().saturating_add(time_left);
    let account = account_of_program(candidate, command)?;
    let argv = arguments(command)?;
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
        (Err(Unread::TooMuch), _) => Err(NoList::TooMuch(shown)),
        (Err(Unread::TooLong), _) | (Ok(_), None) => Err(NoList::TooLong(shown)),
        (Err(Unread::Io(error)), _) => Err(error.into()),
        (Ok(_), Some(Ended::Signalled { signal, .. })) => Err(NoList::Signalled(shown, signal)),
        (Ok(text), Some(Ended::Exited(0))) => Ok(text),
        (Ok(_), Some(Ended::Exited(status))) => Err(NoList::Failed(shown, status)),
    }
}

fn account_of_program(candidate: &Candidate, command: &ListCommand<'_>) -> Result<Account, NoList> {
    let name = Tokens::for_command_user(&candidate.facts).expand(command.user.ok_or(NoList::NoUser)?)?;
    sys::identity::look_up(&name)?.ok_or(NoList::NoSuchUser(name))
}

/// Tokens stand for themselves: a value with a blank or a quote in it is still one argument.
fn arguments(command: &ListCommand<'_>) -> Result<Vec<String>, NoList> {
    let words = split(command.line).ok_or(NoList::OpenQuote)?;
    let Some((program, words)) = words.split_first() else { return Err(NoList::Empty) };
    let mut argv = vec![program.clone()];
    for word in words {
        argv.push(command.tokens.expand(word)?);
    }
    if words.is_empty() {
        argv.extend(command.only_argument.map(str::to_owned));
    }
    Ok(argv)
}

/// The program's path without symbolic links. Nobody but root can have put anything else there; what the account that
/// it runs as cannot reach is not run.
fn safe_program(path: &str, identity: &Identity) -> Result<PathBuf, NoList> {
    if !path.starts_with('/') {
        return Err(NoList::NotAbsolute);
    }
    let gathered = sys::identity::as_user(identity, || {
        let real = std::fs::canonicalize(to_path(path))?;
        let components = components_of(&real, &std::fs::metadata(&real)?)?;
        Ok((real, components))
    })?;
    let (real, components) = gathered.map_err(|error| NoList::Missing(path.to_owned(), error))?;
    match policy::strict_modes(&components, 0, None).outcome {
        Ok(()) => Ok(real),
        Err(refusal) => Err(NoList::Unsafe(path.to_owned(), what_is_unsafe(&refusal))),
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
