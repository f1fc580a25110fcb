//! What runs, out of what a client wants and what is forced on it.

use ipc::phases::Wanted;
use ipc::start::LastWords;
use policy::ForcedCommand;
use settings::Subsystem;

/// Theirs' words for who asks for a shell where only SFTP is forced.
const SFTP_ONLY: &str = "This service allows sftp connections only.\n";

/// What runs, and how it is written into the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) runs: Runs,
    /// `shell`, `command`, `subsystem 'sftp'` or `forced-command (config) '…'`
    pub(super) shown: String,
    /// What a forced command replaced.
    pub(super) original: Option<Vec<u8>>,
    /// Signals from the client reach only commands that the client chose (as theirs).
    pub(super) takes_signals: bool,
    /// A program that a client's program talks to: no `~/.ssh/rc` comes first, and nobody reads what it says on standard
    /// error (as theirs).
    pub(super) is_subsystem: bool,
}

/// What runs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Runs {
    /// The user's shell, as a login shell.
    Shell,
    /// The user's shell with `-c` and this.
    Command(Vec<u8>),
    /// SFTP in the session process: the command line with `internal-sftp` in front.
    Sftp(String),
    /// passwd(1), since the password has expired.
    NewPassword,
    /// Nothing but a message.
    OnlySays(LastWords),
}

/// The client named a subsystem that the configuration does not know.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoSuchSubsystem;

/// ForceCommand and `command=` win over everything that can be asked for, subsystems included (CVE-2001-0816).
pub(super) fn choose(
    wanted: Wanted,
    forced: Option<&ForcedCommand>,
    subsystems: &[Subsystem],
) -> Result<Choice, NoSuchSubsystem> {
    let is_subsystem = matches!(wanted, Wanted::Subsystem(_));
    let (shown, asked_for) = match wanted {
        Wanted::Shell => ("shell".to_owned(), None),
        Wanted::Command(command) => ("command".to_owned(), Some(command)),
        Wanted::Subsystem(name) => {
            let known = subsystems.iter().find(|subsystem| subsystem.name == name).ok_or(NoSuchSubsystem)?;
            (format!("subsystem '{name}'"), Some(known.command_line.clone().into_bytes()))
        }
    };
    if let Some(forced) = forced {
        return Ok(Choice {
            runs: run_forced(&forced.command, is_subsystem),
            shown: format!("forced-command ({}) '{}'", forced.by, forced.command),
            original: asked_for,
            takes_signals: false,
            is_subsystem,
        });
    }
    let runs = match asked_for {
        None => Runs::Shell,
        Some(command) if is_subsystem => run_subsystem(command),
        Some(command) => Runs::Command(command),
    };
    Ok(Choice { runs, shown, original: None, takes_signals: !is_subsystem, is_subsystem })
}

fn run_forced(command: &str, is_subsystem: bool) -> Runs {
    match (is_internal_sftp(command), is_subsystem) {
        (true, true) => Runs::Sftp(command.to_owned()),
        (true, false) => Runs::OnlySays(sftp_only()),
        (false, _) => Runs::Command(command.as_bytes().to_vec()),
    }
}

fn sftp_only() -> LastWords {
    LastWords { text: SFTP_ONLY.to_owned(), on_standard_error: false, exit_status: 1 }
}

fn run_subsystem(command_line: Vec<u8>) -> Runs {
    match std::str::from_utf8(&command_line) {
        Ok(line) if is_internal_sftp(line) => Runs::Sftp(line.to_owned()),
        _ => Runs::Command(command_line),
    }
}

/// The policy that grants files to the session says what `internal-sftp` is: what runs cannot differ from it.
fn is_internal_sftp(command_line: &str) -> bool {
    policy::internal_sftp_arguments(command_line).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::ForcedBy;

    fn subsystems() -> Vec<Subsystem> {
        let subsystem = |name: &str, line: &str| Subsystem { name: name.to_owned(), command_line: line.to_owned() };
        vec![subsystem("sftp", "internal-sftp -l INFO"), subsystem("netconf", "/usr/sbin/netconf -x")]
    }

    fn forced(command: &str) -> ForcedCommand {
        ForcedCommand { command: command.to_owned(), by: ForcedBy::KeyOption }
    }

    #[test]
    fn what_is_forced_runs_whatever_is_asked_for() {
        for wanted in [
            Wanted::Shell,
            Wanted::Command(b"rm -rf /".to_vec()),
            Wanted::Subsystem("sftp".to_owned()),
            Wanted::Subsystem("netconf".to_owned()),
        ] {
            let choice = choose(wanted.clone(), Some(&forced("/bin/date")), &subsystems()).unwrap();
            assert_eq!(choice.runs, Runs::Command(b"/bin/date".to_vec()), "{wanted:?}");
            assert_eq!(choice.shown, "forced-command (key-option) '/bin/date'");
            assert!(!choice.takes_signals);
        }
    }

    #[test]
    fn the_replaced_command_is_kept() {
        let original = |wanted| choose(wanted, Some(&forced("/bin/date")), &subsystems()).unwrap().original;
        assert_eq!(original(Wanted::Shell), None);
        assert_eq!(original(Wanted::Command(b"id".to_vec())), Some(b"id".to_vec()));
        assert_eq!(original(Wanted::Subsystem("sftp".to_owned())), Some(b"internal-sftp -l INFO".to_vec()));
    }

    #[test]
    fn forced_sftp_serves_the_subsystem_and_nothing_else() {
        let forced = forced("internal-sftp -R");
        let runs = |wanted| choose(wanted, Some(&forced), &subsystems()).unwrap().runs;
        assert_eq!(runs(Wanted::Subsystem("sftp".to_owned())), Runs::Sftp("internal-sftp -R".to_owned()));
        assert_eq!(runs(Wanted::Shell), Runs::OnlySays(sftp_only()));
        assert_eq!(runs(Wanted::Command(b"id".to_vec())), Runs::OnlySays(sftp_only()));
    }

    #[test]
    fn unknown_subsystems_are_refused_also_when_something_is_forced() {
        let unknown = Wanted::Subsystem("sftp2".to_owned());
        assert_eq!(choose(unknown.clone(), None, &subsystems()), Err(NoSuchSubsystem));
        assert_eq!(choose(unknown, Some(&forced("/bin/date")), &subsystems()), Err(NoSuchSubsystem));
    }

    #[test]
    fn internal_sftp_is_a_word_of_its_own_and_no_command_of_the_client() {
        assert!(is_internal_sftp("internal-sftp") && is_internal_sftp("internal-sftp\t-R"));
        assert!(!is_internal_sftp("internal-sftpd") && !is_internal_sftp(" internal-sftp"));
        let choice = choose(Wanted::Command(b"internal-sftp".to_vec()), None, &subsystems()).unwrap();
        assert_eq!(choice.runs, Runs::Command(b"internal-sftp".to_vec()));
    }
}
