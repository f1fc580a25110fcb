//! Starting what was chosen, through `sshd-launch`.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use events::Level;
use events::monitor::Event;
use ipc::phases::{LoggedInAnswer, Wanted};
use ipc::start::{Greeting, LastWords, LaunchStart, RcFile, SftpGranted};
use policy::UserVariables;
use settings::values::UserEnvironment;
use sys::process::Child;

use crate::auth_info_file::AuthInfoFile;
use crate::credential_cache::CredentialCache;
use crate::environment_file;
use crate::logged_in::choose_command::{Choice, NoSuchSubsystem, Runs, choose};
use crate::logged_in::devices::Forwarded;
use crate::logged_in::environment::{Environment, Ingredients};
use crate::logged_in::sessions::{Stage, Terminal};
use crate::logged_in::{Answer, Refusal, ServedLogin};
use crate::pam_session::PamSession;
use crate::start_child::start_child;

/// Capacity of the pipes of a command without a terminal, in bytes. Each turn of the session process moves at most
/// this much, so large pipes save turns; memory is used only while data waits.
const DATA_PIPE: usize = 1024 * 1024;

/// Capacity of the pipe of standard error, in bytes.
const ERROR_PIPE: usize = 64 * 1024;

impl ServedLogin {
    /// Starts what a client wants, or what is forced instead, on the session's terminal if it has one.
    pub(super) fn start(
        &mut self,
        number: u32,
        wanted: Wanted,
        from_client: &[(String, Vec<u8>)],
    ) -> Result<Answer, Refusal> {
        let effective = self.user.effective();
        let most = effective.max_sessions;
        let name = subsystem_name(&wanted);
        let choice = choose(wanted, self.user.forced_command(), &effective.subsystem);
        self.sessions.open_or_begin(number, most).ok_or(Refusal::new("no more sessions"))?;
        let mut choice = choice.map_err(|NoSuchSubsystem| self.unknown_subsystem(&name))?;
        let on_terminal = self.sessions.open(number).is_some_and(|session| session.terminal.is_some());
        if let Some(instead) = self.instead(on_terminal) {
            choice.runs = instead;
        }
        let session = self.sessions.open(number).ok_or(Refusal::new("no such session"))?;
        if !matches!(session.stage, Stage::NotStarted) {
            return Err(Refusal::new("the session has started something already"));
        }
        let terminal = session.terminal.take();
        let forwarded = self.forwarded_to(number);
        let started = self.run(&choice, &forwarded, terminal.as_ref(), from_client);
        self.note(number, &choice, terminal, started)
    }

    /// What comes in place of anything that can be asked for or forced.
    fn instead(&mut self, on_terminal: bool) -> Option<Runs> {
        if self.user.must_change_password() {
            return Some(if on_terminal { Runs::NewPassword } else { Runs::OnlySays(no_terminal()) });
        }
        match &self.for_session.pam {
            Some(pam) if pam.is_open() => None,
            Some(pam) => {
                let text = pam.messages().to_owned();
                Some(Runs::OnlySays(LastWords { text, on_standard_error: false, exit_status: 254 }))
            }
            // PAM has a module for this.
            None => {
                let words = no_login(self.user.identity().uid)?;
                let text = format!("User {} not allowed because {NO_LOGIN} exists", self.user.name());
                self.connection.log(&Event::Said { level: Level::Info, text });
                Some(Runs::OnlySays(words))
            }
        }
    }

    /// Remembers what runs now, and tells the log.
    fn note(
        &mut self,
        number: u32,
        choice: &Choice,
        terminal: Option<Terminal>,
        started: Result<(Stage, Answer), Refusal>,
    ) -> Result<Answer, Refusal> {
        let session = self.sessions.open(number).ok_or(Refusal::new("no such session"))?;
        session.terminal = terminal;
        let (stage, answer) = started?;
        session.stage = stage;
        session.started = Some((choice.shown.clone(), sys::clock::monotonic()));
        if let Some(terminal) = &mut session.terminal {
            terminal.slave = None;
        }
        let terminal = session.terminal_shown();
        let event = Event::StartingSession { what: choice.shown.clone(), terminal, session: number };
        self.connection.log(&event);
        self.record_login(number);
        Ok(answer)
    }

    fn unknown_subsystem(&mut self, name: &str) -> Refusal {
        let user = self.user.name();
        let text = format!("subsystem request for {name} by user {user} failed, subsystem not found");
        Refusal { level: Level::Info, why: text }
    }

    fn run(
        &self,
        choice: &Choice,
        forwarded: &Forwarded,
        terminal: Option<&Terminal>,
        from_client: &[(String, Vec<u8>)],
    ) -> Result<(Stage, Answer), Refusal> {
        if let Runs::Sftp(command_line) = &choice.runs {
            if self.user.granted().sftp == SftpGranted::No {
                return Err(Refusal::new("SFTP was not granted"));
            }
            let arguments =
                self.user.sftp_arguments(command_line).ok_or(Refusal::new("bad arguments of internal-sftp"))?;
            return Ok((Stage::ServesSftp, (LoggedInAnswer::ServeSftp { arguments }, Vec::new())));
        }
        let start = self.launch_start(choice, forwarded, terminal, from_client);
        // What is said in its place is for whoever sits at the client.
        let errors_unread = choice.is_subsystem && matches!(choice.runs, Runs::Command(_));
        let (command, descriptors) = self
            .launch(&start, terminal, errors_unread)
            .map_err(|error| Refusal::failed(format!("cannot start a command: {error}")))?;
        let stage = Stage::Runs { command, takes_signals: choice.takes_signals };
        Ok((stage, (LoggedInAnswer::Started { on_terminal: terminal.is_some() }, descriptors)))
    }

    /// Everything that `sshd-launch` has to know. It decides nothing.
    fn launch_start(
        &self,
        choice: &Choice,
        forwarded: &Forwarded,
        terminal: Option<&Terminal>,
        from_client: &[(String, Vec<u8>)],
    ) -> LaunchStart {
        let user = &self.user;
        let effective = user.effective();
        let accepted: Vec<(String, Vec<u8>)> =
            from_client.iter().filter(|(name, _)| policy::accepts_client_variable(effective, name)).cloned().collect();
        let (file, from_file) = self.environment_file();
        let bad_line = |number: &usize| format!("Bad line {number} in {file}\n");
        let bad_lines: String = from_file.bad_lines.iter().take(MOST_BAD_LINES).map(bad_line).collect();
        let from_pam = self.for_session.pam.as_ref().map(PamSession::environment);
        let credential_cache = self.for_session.tickets.as_ref().map(CredentialCache::variable);
        let environment = Environment::of(&Ingredients {
            user: user.name(),
            uid: user.identity().uid,
            home: user.home(),
            shell: user.shell(),
            facts: &self.connection.facts,
            terminal: terminal.map(|terminal| (terminal.device.as_str(), terminal.term.as_str())),
            from_client: &accepted,
            forwarded: &forwarded.variables,
            from_key: user.key_environment(),
            from_file: &from_file.permitted,
            from_pam: from_pam.as_deref(),
            credential_cache: credential_cache.as_deref(),
            exposed_file: self.for_session.exposed.as_ref().map(AuthInfoFile::path),
            set_env: &effective.set_env,
            original_command: choice.original.as_deref(),
            inherited: &inherited(),
        });
        let only_say = match &choice.runs {
            Runs::OnlySays(words) => Some(words.clone()),
            _ => None,
        };
        let environment = environment.into_strings();
        let shown = if self.connection.debugging { in_words(&environment) } else { String::new() };
        let changes_password = choice.runs == Runs::NewPassword;
        LaunchStart {
            identity: user.identity_to_become(),
            chroot: user.chroot().map(str::to_owned),
            home: user.home().to_owned(),
            shell: if changes_password { PASSWD.to_owned() } else { user.shell().to_owned() },
            arguments: arguments(user.shell(), &choice.runs),
            warning: if changes_password { format!("{EXPIRED}{CHANGE_NOW}") } else { bad_lines + &shown },
            environment,
            terminal: terminal.is_some(),
            greeting: match terminal {
                Some(_) if choice.runs == Runs::Shell => self.greeting(),
                _ => Greeting::default(),
            },
            x11: forwarded.display.clone().filter(|_| !changes_password),
            rc_files: if changes_password { Vec::new() } else { self.rc_files(choice) },
            only_say,
        }
    }

    /// `~/.ssh/environment` and its name, read with the user's own rights and inside the login's root directory.
    fn environment_file(&self) -> (String, UserVariables) {
        let effective = self.user.effective();
        let path = format!("{}/.ssh/environment", self.user.home());
        if effective.permit_user_environment == UserEnvironment::No {
            return (path, UserVariables::default());
        }
        // Most users have none.
        let text = environment_file::read(&self.user, &path).unwrap_or_default();
        (path, policy::user_environment(effective, &text))
    }

    /// The user's own file wins over the system's; where it may not be run, the system's is.
    fn rc_files(&self, choice: &Choice) -> Vec<RcFile> {
        let own = RcFile { path: format!("{}/.ssh/rc", self.user.home()), by_the_users_shell: true };
        let own = (self.user.runs_user_rc() && !choice.is_subsystem).then_some(own);
        let of_the_system = RcFile { path: settings::paths::in_sysconfdir("sshrc"), by_the_users_shell: false };
        own.into_iter().chain([of_the_system]).collect()
    }

    /// Starts `sshd-launch` on the terminal, or on three new pipes whose other ends are returned. What nobody is to read of
    /// its standard error goes nowhere, and that pipe is at its end. (A client that does not read it would be held up: all of
    /// a channel's data shares one window.)
    fn launch(
        &self,
        start: &LaunchStart,
        terminal: Option<&Terminal>,
        errors_unread: bool,
    ) -> io::Result<(Child, Vec<OwnedFd>)> {
        if let Some(slave) = terminal.and_then(|terminal| terminal.slave.as_ref()) {
            let slave = slave.as_fd();
            return Ok((self.launch_on(start, [slave, slave, slave])?, Vec::new()));
        }
        let (its_input, our_output) = sys::fd::pipe(DATA_PIPE)?;
        let (our_input, its_output) = sys::fd::pipe(DATA_PIPE)?;
        let (our_error, mut its_error) = sys::fd::pipe(ERROR_PIPE)?;
        if errors_unread {
            its_error = sys::fd::open_devnull()?;
        }
        let command = self.launch_on(start, [its_input.as_fd(), its_output.as_fd(), its_error.as_fd()])?;
        Ok((command, vec![our_output, our_input, our_error]))
    }

    fn launch_on(&self, start: &LaunchStart, standard: [BorrowedFd<'_>; 3]) -> io::Result<Child> {
        let descriptors: Vec<(BorrowedFd<'_>, RawFd)> = standard.into_iter().zip(0..).collect();
        let executable = self.connection.programs.launch.as_fd();
        let (command, link) = start_child(executable, &format!("sshd: {}", self.user.name()), &descriptors)?;
        if let Err(error) = ipc::start::send(link.as_fd(), start, &[]) {
            command.signal(nix::sys::signal::Signal::SIGKILL)?;
            command.wait()?;
            return Err(io::Error::other(error));
        }
        Ok(command)
    }
}

/// As theirs shows it to whoever has logged in to a server with `-d`. Of a long variable the beginning, as there.
fn in_words(environment: &[Vec<u8>]) -> String {
    const LONGEST: usize = 200;
    let line = |variable: &Vec<u8>| {
        let beginning = variable.get(..LONGEST).unwrap_or(variable);
        format!("  {}\n", String::from_utf8_lossy(beginning))
    };
    "Environment:\n".to_owned() + &environment.iter().map(line).collect::<String>()
}

/// Changes passwords.
const PASSWD: &str = "/usr/bin/passwd";

/// Theirs' words for whose password has expired.
const EXPIRED: &str = "WARNING: Your password has expired.\n";
const CHANGE_NOW: &str = "You must change your password now and log in again!\n";

fn no_terminal() -> LastWords {
    let text = format!("{EXPIRED}Password change required but no TTY available.\n");
    LastWords { text, on_standard_error: true, exit_status: 1 }
}

/// Lines of `~/.ssh/environment` that are named to its user.
const MOST_BAD_LINES: usize = 100;

/// While this file exists only root gets more than its text.
const NO_LOGIN: &str = "/etc/nologin";

fn no_login(uid: u32) -> Option<LastWords> {
    const LONGEST: u64 = 64 * 1024;
    if uid == 0 || std::fs::metadata(NO_LOGIN).is_err() {
        return None;
    }
    let mut text = Vec::new();
    // A text that cannot be read leaves the file's meaning as it is.
    let _ = File::open(NO_LOGIN).and_then(|file| file.take(LONGEST).read_to_end(&mut text));
    Some(LastWords { text: String::from_utf8_lossy(&text).into_owned(), on_standard_error: true, exit_status: 254 })
}

fn subsystem_name(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Subsystem(name) => name.clone(),
        _ => String::new(),
    }
}

/// A login shell is told so by a `-` in front of its name.
fn arguments(shell: &str, runs: &Runs) -> Vec<Vec<u8>> {
    let name = shell.rsplit('/').next().unwrap_or(shell);
    match runs {
        Runs::NewPassword => vec![b"passwd".to_vec()],
        Runs::Command(command) => vec![name.as_bytes().to_vec(), b"-c".to_vec(), command.clone()],
        _ => vec![format!("-{name}").into_bytes()],
    }
}

/// What commands get from this process's own environment. Under an ordinary user also where that user's runtime files
/// are: the user is the same.
fn inherited() -> Vec<(String, String)> {
    let names: &[&str] = if sys::identity::is_root() { &["TZ"] } else { &["TZ", "XDG_RUNTIME_DIR"] };
    names.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_are_login_shells_and_commands_are_not() {
        assert_eq!(arguments("/bin/bash", &Runs::Shell), [b"-bash".to_vec()]);
        let command = arguments("/bin/bash", &Runs::Command(b"exit 3".to_vec()));
        assert_eq!(command, [b"bash".to_vec(), b"-c".to_vec(), b"exit 3".to_vec()]);
    }
}
