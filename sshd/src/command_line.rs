//! The command line: OpenSSH's options, and ours as long ones.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use config::{BadConnectionTest, ConnectionTest, LoadRequest, Override, Reading};
use lexopt::prelude::*;
use settings::text::{from_bytes, to_path};
use settings::{AddressFamily, Complaint, FilePath, LogLevel, Seconds, Setting, number, parse_seconds, port_number};

/// What to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Serve connections.
    #[default]
    Serve,
    /// `-t`: check the configuration and the keys.
    Test,
    /// `-T`: the same, then print the settings.
    ExtendedTest,
    /// `-G`: print the settings without a look at the keys.
    Dump,
    /// `-V`: print the version.
    Version,
}

/// The command line, understood.
#[derive(Clone, Debug, Default)]
pub struct CommandLine {
    /// What to do.
    pub mode: Mode,
    /// Whether `-T` was given; `-C` needs it, and beside `-G` that is all it does.
    pub extended_test: bool,
    /// `-f`: the configuration file; nothing means the default one.
    pub file: Option<PathBuf>,
    /// `-o` and `-p`, in their order.
    pub overrides: Vec<Override>,
    /// What other options say that keywords say too; they come before the file.
    pub first: Vec<Setting>,
    /// `-C`: the connection to test with.
    pub connection: Option<ConnectionTest>,
    /// `-D`: stay in the foreground.
    pub foreground: bool,
    /// `-d`, counted up to three: one connection in the foreground, with debug messages on standard error.
    pub debug: u8,
    /// `-e`: log to standard error.
    pub log_to_stderr: bool,
    /// `-E`: log to this file.
    pub log_file: Option<PathBuf>,
    /// `-i`: one connection, on descriptors 0 and 1.
    pub inetd: bool,
    /// `-q`: no messages.
    pub quiet: bool,
    /// `--why`: say where each value comes from; the keywords to look at are in `left_over`.
    pub why: bool,
    /// `--json`: print settings for programs.
    pub json: bool,
    /// `--lowercase`: print keywords in lower case.
    pub lowercase: bool,
    /// `--strict`: warnings make `-t` fail.
    pub strict: bool,
    /// `--as-openssh`: would OpenSSH's sshd accept the file?
    pub as_openssh: bool,
    /// `--explain`: what would happen to a login, and why.
    pub explain: Option<String>,
    /// `--reload`: have the running server read its configuration again, and report.
    pub reload: bool,
    /// Words that are no options.
    pub left_over: Vec<String>,
}

/// A mistake on the command line.
#[derive(Debug, thiserror::Error)]
pub enum BadCommandLine {
    /// No such option, or a value is missing.
    #[error("sshd: {0}")]
    Option(#[from] lexopt::Error),
    /// `-p`
    #[error("Bad port number.")]
    Port,
    /// `-g`
    #[error("Invalid login grace time.")]
    GraceTime,
    /// `-C`
    #[error("{0}")]
    ConnectionTest(#[from] BadConnectionTest),
    /// `-h`, `-c`
    #[error("{0}")]
    KeyFile(Complaint),
    /// An option that says how to test, and nothing is tested.
    #[error("sshd: {0} needs a test mode (-t, -T or -G)")]
    NothingToTest(&'static str),
}

/// How to call sshd.
pub const USAGE: &str = "\
usage: sshd [-46DdeGiqTtV] [-C connection_spec] [-c host_cert_file]
            [-E log_file] [-f config_file] [-g login_grace_time]
            [-h host_key_file] [-o option] [-p port] [-u len]
       sshd -t [--strict] [--as-openssh]
       sshd -T|-G [--why [keyword...]] [--json] [--lowercase]
       sshd --explain user=NAME,addr=ADDRESS[,host=NAME][,laddr=ADDRESS][,lport=PORT]
            [,rdomain=NAME][,key=FILE|cert=FILE|method=NAME] [--json]
       sshd --reload";

/// The version as `-V` prints it. Tools take the word behind `OpenSSH_` for the release whose behaviour they get.
pub fn version() -> String {
    format!("{}, {}", settings::paths::RELEASE, settings::paths::OURSELVES)
}

/// Reads the command line; the first word is the program.
///
/// # Errors
/// Theirs exits with status 1 on all of them.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<CommandLine, BadCommandLine> {
    let mut command_line = CommandLine::default();
    let mut family = None;
    let mut parser = lexopt::Parser::from_iter(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Short('4') => family = Some(AddressFamily::Inet),
            Short('6') => family = Some(AddressFamily::Inet6),
            Short('f') => command_line.file = Some(parser.value()?.into()),
            Short('o') => command_line.overrides.push(Override::Line(text(parser.value()?))),
            Short('p') => command_line.overrides.push(port(&text(parser.value()?))?),
            Short('g') => command_line.first.push(grace_time(&text(parser.value()?))?),
            Short('h') => command_line.first.push(Setting::HostKey(key_file(&text(parser.value()?))?)),
            Short('c') => command_line.first.push(Setting::HostCertificate(key_file(&text(parser.value()?))?)),
            Short('C') => {
                command_line.connection.get_or_insert_default().take(&text(parser.value()?))?;
            }
            Short('E') => command_line.log_file = Some(parser.value()?.into()),
            // Accepted for old scripts: where they live, and how long a host name may be in utmp.
            Short('u' | 'b' | 'k') => drop(parser.value()?),
            Short(flag) => take_flag(&mut command_line, flag).ok_or(Short(flag).unexpected())?,
            Long("why") => command_line.why = true,
            Long("json") => command_line.json = true,
            Long("lowercase") => command_line.lowercase = true,
            Long("strict") => command_line.strict = true,
            Long("as-openssh") => command_line.as_openssh = true,
            Long("explain") => command_line.explain = Some(text(parser.value()?)),
            Long("reload") => command_line.reload = true,
            Long(_) => return Err(argument.unexpected().into()),
            Value(word) => command_line.left_over.push(text(word)),
        }
    }
    command_line.check_test_options()?;
    command_line.first.extend(family.map(Setting::AddressFamily));
    command_line.first.extend(command_line.log_level().map(Setting::LogLevel));
    Ok(command_line)
}

/// Options without a value.
fn take_flag(command_line: &mut CommandLine, flag: char) -> Option<()> {
    match flag {
        // The last of -t and -T counts, -G beats both, -V beats all.
        't' | 'T' => {
            command_line.extended_test |= flag == 'T';
            if matches!(command_line.mode, Mode::Serve | Mode::Test | Mode::ExtendedTest) {
                command_line.mode = if flag == 't' { Mode::Test } else { Mode::ExtendedTest };
            }
        }
        'G' if command_line.mode != Mode::Version => command_line.mode = Mode::Dump,
        'G' => {}
        'V' => command_line.mode = Mode::Version,
        'D' => command_line.foreground = true,
        'd' => command_line.debug = (command_line.debug + 1).min(3),
        'e' => command_line.log_to_stderr = true,
        'i' => command_line.inetd = true,
        'q' => command_line.quiet = true,
        // Theirs re-executed itself unless told so, and was told which generation it is: nothing to do here.
        'r' | 'R' | 'Q' => {}
        _ => return None,
    }
    Some(())
}

impl CommandLine {
    /// What to read.
    pub fn load_request(&self) -> LoadRequest {
        LoadRequest {
            first: self.first.clone(),
            overrides: self.overrides.clone(),
            file: self.configuration_file(),
            companion: self.companion_file(),
            reading: match self.mode {
                _ if self.as_openssh => Reading::AsTheirs,
                Mode::Dump => Reading::ForDump,
                _ => Reading::Strict,
            },
        }
    }

    /// `bulkhead_config` beside the configuration file. OpenSSH would not read it.
    fn companion_file(&self) -> Option<PathBuf> {
        let file = self.configuration_file().filter(|_| !self.as_openssh)?;
        Some(file.with_file_name("bulkhead_config"))
    }

    /// The file to read, unless it is called `none`.
    pub fn configuration_file(&self) -> Option<PathBuf> {
        match &self.file {
            None => Some(settings::paths::in_sysconfdir("sshd_config").into()),
            Some(file) if file.as_os_str().eq_ignore_ascii_case("none") => None,
            Some(file) => Some(file.clone()),
        }
    }

    /// One line for whoever started us: to standard error, or to the file of `-E`.
    pub fn say(&self, line: &str) {
        let into_file = self.log_file.as_ref().and_then(|file| {
            let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).ok()?;
            writeln!(file, "{line}").ok()
        });
        if into_file.is_none() {
            eprintln!("{line}");
        }
    }

    /// Nobody who asks for a report wants a server to start.
    fn check_test_options(&self) -> Result<(), BadCommandLine> {
        let options = [
            ("--why", self.why),
            ("--json", self.json && self.explain.is_none()),
            ("--lowercase", self.lowercase),
            ("--strict", self.strict),
            ("--as-openssh", self.as_openssh),
        ];
        match options.into_iter().find(|(_, given)| *given && self.mode == Mode::Serve) {
            Some((option, _)) => Err(BadCommandLine::NothingToTest(option)),
            None => Ok(()),
        }
    }

    /// What `-q` and `-d` make of LogLevel.
    fn log_level(&self) -> Option<LogLevel> {
        match (self.quiet, self.debug) {
            (true, _) => Some(LogLevel::Quiet),
            (false, 0) => None,
            (false, 1) => Some(LogLevel::Debug1),
            (false, 2) => Some(LogLevel::Debug2),
            (false, _) => Some(LogLevel::Debug3),
        }
    }
}

fn text(value: OsString) -> String {
    from_bytes(value.as_bytes()).into_owned()
}

fn port(text: &str) -> Result<Override, BadCommandLine> {
    port_number(text).filter(|&port| port != 0).map(Override::Port).ok_or(BadCommandLine::Port)
}

fn grace_time(text: &str) -> Result<Setting, BadCommandLine> {
    let seconds = parse_seconds(text).map(|seconds| seconds.trunc().to_string());
    let seconds = seconds.as_deref().and_then(number).ok_or(BadCommandLine::GraceTime)?;
    Ok(Setting::LoginGraceTime(Seconds(seconds)))
}

fn key_file(text: &str) -> Result<Vec<FilePath>, BadCommandLine> {
    let path = settings::absolute(text).map_err(BadCommandLine::KeyFile)?;
    Ok(vec![FilePath(to_path(&path))])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &str) -> CommandLine {
        parse(std::iter::once("sshd").chain(words.split(' ')).map(OsString::from)).unwrap()
    }

    #[test]
    fn the_last_of_t_and_big_t_counts_and_big_g_beats_both() {
        assert_eq!(parsed("-t -T").mode, Mode::ExtendedTest);
        assert_eq!(parsed("-T -t").mode, Mode::Test);
        assert_eq!(parsed("-G -t").mode, Mode::Dump);
        assert_eq!(parsed("-Tt -GV").mode, Mode::Version);
    }

    #[test]
    fn options_may_be_bundled_with_a_value() {
        let command_line = parsed("-TC user=fred -f/x -p22");
        assert!(command_line.connection.is_some());
        assert_eq!(command_line.file, Some("/x".into()));
        assert_eq!(command_line.overrides, [Override::Port(22)]);
    }

    #[test]
    fn the_last_family_counts_and_quiet_beats_debug() {
        let first = parsed("-4 -6 -dd -q").first;
        assert_eq!(first, [Setting::AddressFamily(AddressFamily::Inet6), Setting::LogLevel(LogLevel::Quiet)]);
    }

    #[test]
    fn mistakes() {
        for words in ["-Z", "-p 0", "-p word", "-g never", "-C bogus=1", "--no-such", "-f", "--json", "-D --strict"] {
            let words = std::iter::once("sshd").chain(words.split(' ')).map(OsString::from);
            assert!(parse(words).is_err());
        }
    }
}
