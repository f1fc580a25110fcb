//! The command line of sftp-server(8), the same for `internal-sftp`.

use std::ffi::OsStr;

use events::Level;
use thiserror::Error;

use crate::getopt::{Getopt, Given};
use crate::kind::{Kind, KindSet};

/// How files are served. Every argument counts, however many there are (CVE-2026-59997).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `-R`: nothing may be changed.
    pub read_only: bool,
    /// `-u`: for everything that is created; `None` keeps the umask of the process.
    pub umask: Option<u32>,
    /// `-m`: the mode of every file that is created, whatever the client and the umask say. Directories are left
    /// to `-u`, as in the distributions that have this option.
    pub file_mode: Option<u32>,
    /// `-d`: where relative paths start, with `~`, `%d`, `%u`, `%U` and `%%` not expanded yet.
    pub start_directory: Option<Vec<u8>>,
    /// `-p`: only these requests; names that do not exist are kept in `unknown_requests`.
    pub allowed: Option<KindSet>,
    /// `-P`: none of these requests.
    pub denied: Option<KindSet>,
    /// Names in `-p` and `-P` that no request has: worth an error in the log, as a typing mistake opens a hole.
    pub unknown_requests: Vec<String>,
    /// `-l`: which events are written.
    pub log_level: Level,
    /// `-f`: the syslog facility's number (RFC 5424 section 6.2.1), not shifted.
    pub log_facility: u8,
    /// `-e`: write the log to standard error.
    pub log_to_stderr: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            read_only: false,
            umask: None,
            file_mode: None,
            start_directory: None,
            allowed: None,
            denied: None,
            unknown_requests: Vec::new(),
            log_level: Level::Error,
            log_facility: FACILITY_AUTH,
            log_to_stderr: false,
        }
    }
}

/// What a command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// To serve files.
    Serve(Options),
    /// `-Q requests`: the names that `-p` and `-P` know, to be printed one a line; [`request_names`] has them.
    ListRequests,
    /// `-h`: the usage, on standard error, and exit status 1.
    Usage,
}

/// A command line that cannot be followed. The text is theirs.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OptionsError {
    /// A letter that no option has: print the usage, too.
    #[error("invalid option -- '{0}'")]
    UnknownOption(char),
    /// An option without its value: print the usage, too.
    #[error("option requires an argument -- '{0}'")]
    ValueMissing(char),
    /// `-Q` with something else than `requests`.
    #[error("Invalid query type")]
    InvalidQuery,
    /// `-l`
    #[error("Invalid log level \"{0}\"")]
    InvalidLogLevel(String),
    /// `-f`
    #[error("Invalid log facility \"{0}\"")]
    InvalidLogFacility(String),
    /// `-u`
    #[error("Invalid umask \"{0}\"")]
    InvalidUmask(String),
    /// `-m`
    #[error("Invalid file mode \"{0}\"")]
    InvalidFileMode(String),
    /// `-p` twice
    #[error("Permitted requests already set")]
    AllowedTwice,
    /// `-P` twice
    #[error("Refused requests already set")]
    DeniedTwice,
    /// `-d` with a token that does not exist.
    #[error("unknown key %{0} in start directory")]
    UnknownToken(char),
    /// `internal-sftp -h` or `-Q`, which has nobody to print for.
    #[error("-h and -Q serve no files")]
    ServesNoFiles,
}

impl OptionsError {
    /// Exit status of a process that was given such a command line.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::InvalidUmask(_) | Self::InvalidFileMode(_) | Self::AllowedTwice | Self::DeniedTwice => 255,
            Self::UnknownToken(_) => 255,
            _ => 1,
        }
    }

    /// Whether the usage belongs behind the text.
    #[must_use]
    pub fn wants_usage(&self) -> bool {
        matches!(self, Self::UnknownOption(_) | Self::ValueMissing(_))
    }
}

/// What `-h` and wrong options print.
#[must_use]
pub fn usage(program: &str) -> String {
    format!(
        "usage: {program} [-ehR] [-d start_directory] [-f log_facility] [-l log_level]\n\t\
         [-m force_file_perms] [-P denied_requests] [-p allowed_requests] [-u umask]\n       \
         {program} -Q protocol_feature\n"
    )
}

/// What `-Q requests` prints: one name a line.
#[must_use]
pub fn request_names() -> String {
    Kind::all().flat_map(|kind| [kind.name(), "\n"]).collect()
}

const TAKES_VALUE: &[u8] = b"dflmPpQu";
const FACILITY_AUTH: u8 = 4;

impl Options {
    /// Reads the arguments behind the program's name.
    pub fn parse<A: AsRef<OsStr>>(arguments: &[A]) -> Result<Asked, OptionsError> {
        let mut options = Self::default();
        for given in Getopt::new(arguments.iter().map(AsRef::as_ref), TAKES_VALUE) {
            match given? {
                Given::Flag(b'R') => options.read_only = true,
                Given::Flag(b'e') => options.log_to_stderr = true,
                Given::Flag(b'h') => return Ok(Asked::Usage),
                // Started as somebody's login shell: `sftp-server -c command`, and the command is of no interest.
                Given::Flag(b'c') => break,
                Given::Flag(letter) => return Err(OptionsError::UnknownOption(char::from(letter))),
                Given::Value(b'Q', query) if query.eq_ignore_ascii_case(b"requests") => return Ok(Asked::ListRequests),
                Given::Value(b'Q', _) => return Err(OptionsError::InvalidQuery),
                Given::Value(letter, value) => options.set(letter, value)?,
            }
        }
        Ok(Asked::Serve(options))
    }

    /// The arguments of `internal-sftp`.
    pub fn to_serve<A: AsRef<OsStr>>(arguments: &[A]) -> Result<Self, OptionsError> {
        match Self::parse(arguments)? {
            Asked::Serve(options) => Ok(options),
            Asked::ListRequests | Asked::Usage => Err(OptionsError::ServesNoFiles),
        }
    }

    fn set(&mut self, letter: u8, value: &[u8]) -> Result<(), OptionsError> {
        let shown = || String::from_utf8_lossy(value).into_owned();
        match letter {
            b'l' => self.log_level = level(value).ok_or_else(|| OptionsError::InvalidLogLevel(shown()))?,
            b'f' => self.log_facility = facility(value).ok_or_else(|| OptionsError::InvalidLogFacility(shown()))?,
            b'u' => self.umask = Some(permission_bits(value).ok_or_else(|| OptionsError::InvalidUmask(shown()))?),
            b'm' => {
                self.file_mode = Some(permission_bits(value).ok_or_else(|| OptionsError::InvalidFileMode(shown()))?)
            }
            b'd' => self.start_directory = Some(known_tokens(value)?),
            b'p' if self.allowed.is_some() => return Err(OptionsError::AllowedTwice),
            b'p' => self.allowed = Some(self.requests(value)),
            b'P' if self.denied.is_some() => return Err(OptionsError::DeniedTwice),
            b'P' => self.denied = Some(self.requests(value)),
            other => return Err(OptionsError::UnknownOption(char::from(other))),
        }
        Ok(())
    }

    fn requests(&mut self, names: &[u8]) -> KindSet {
        let mut set = KindSet::default();
        for name in names.split(|byte| *byte == b',').filter(|name| !name.is_empty()) {
            match Kind::named(name) {
                Some(kind) => set.insert(kind),
                None => self.unknown_requests.push(String::from_utf8_lossy(name).into_owned()),
            }
        }
        set
    }
}

fn level(name: &[u8]) -> Option<Level> {
    std::str::from_utf8(name).ok().and_then(Level::named)
}

fn facility(name: &[u8]) -> Option<u8> {
    std::str::from_utf8(name).ok().and_then(events::facility_named)
}

/// Octal, 0 to 0777.
fn permission_bits(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?;
    let digits_only = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    u32::from_str_radix(text, 8).ok().filter(|bits| digits_only && *bits <= 0o777)
}

/// Unknown tokens are found now: a session should not start in a directory that nobody meant.
fn known_tokens(directory: &[u8]) -> Result<Vec<u8>, OptionsError> {
    let mut rest = directory.iter();
    while let Some(byte) = rest.next() {
        if *byte != b'%' {
            continue;
        }
        match rest.next() {
            Some(b'd' | b'u' | b'U' | b'%') => {}
            other => return Err(OptionsError::UnknownToken(other.map_or(' ', |token| char::from(*token)))),
        }
    }
    Ok(directory.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(words: &[&str]) -> Options {
        match Options::parse(words) {
            Ok(Asked::Serve(options)) => options,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn options_may_be_joined_and_values_attached() {
        let options = served(&["-eRu027", "-l", "debug3", "-fLOCAL7", "-m640", "--"]);
        assert!(options.read_only && options.log_to_stderr);
        assert_eq!((options.umask, options.file_mode), (Some(0o27), Some(0o640)));
        assert_eq!((options.log_level, options.log_facility), (Level::Debug3, 23));
    }

    #[test]
    fn every_argument_counts_however_many() {
        let mut words = vec!["-e"; 200];
        words.extend(["-f", "AUTH", "-l", "INFO", "-u", "0022", "-P", "remove,rmdir", "-R"]);
        let options = served(&words);
        assert!(options.read_only, "CVE-2026-59997");
        assert!(options.denied.is_some_and(|denied| denied.contains(Kind::Rmdir)));
    }

    #[test]
    fn misspelt_requests_are_remembered() {
        assert_eq!(served(&["-P", "remove,delete"]).unknown_requests, ["delete"]);
    }

    #[test]
    fn an_empty_allow_list_allows_nothing() {
        assert_eq!(served(&["-p", ""]).allowed, Some(KindSet::default()));
    }

    #[test]
    fn wrong_command_lines() {
        let wrong = |words: &[&str]| Options::parse(words).unwrap_err();
        assert_eq!(wrong(&["-z"]), OptionsError::UnknownOption('z'));
        assert_eq!(wrong(&["-u"]), OptionsError::ValueMissing('u'));
        assert_eq!(wrong(&["-u", "888"]), OptionsError::InvalidUmask("888".into()));
        assert_eq!(wrong(&["-u", "1777"]), OptionsError::InvalidUmask("1777".into()));
        assert_eq!(wrong(&["-u", "+7"]), OptionsError::InvalidUmask("+7".into()));
        assert_eq!(wrong(&["-p", "open", "-p", "read"]), OptionsError::AllowedTwice);
        assert_eq!(wrong(&["-d", "/srv/%h"]), OptionsError::UnknownToken('h'));
        assert_eq!(wrong(&["-Q", "extensions"]), OptionsError::InvalidQuery);
        assert_eq!(wrong(&["-l", "loud"]).exit_status(), 1);
        assert_eq!(wrong(&["-u", "x"]).exit_status(), 255);
    }

    #[test]
    fn a_login_shell_ignores_the_command() {
        assert_eq!(served(&["-R", "-c", "-u", "nonsense"]).umask, None);
        assert_eq!(Options::parse(&["-Q", "REQUESTS"]), Ok(Asked::ListRequests));
        assert_eq!(Options::parse(&["-h"]), Ok(Asked::Usage));
        assert_eq!(Options::to_serve(&["-R", "-h"]), Err(OptionsError::ServesNoFiles));
    }

    #[test]
    fn request_names_begin_as_theirs() {
        assert!(request_names().starts_with("open\nclose\nread\nwrite\nlstat\n"));
        assert!(request_names().ends_with("home-directory\nusers-groups-by-id\n"));
    }
}
