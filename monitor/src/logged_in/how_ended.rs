//! The end of a command in the words of RFC 4254 section 6.10, and the names of signals.

use ipc::phases::EndedHow;
use nix::sys::signal::Signal;
use sys::process::Ended;

/// The signals that RFC 4254 names.
const NAMES: [(&str, Signal); 13] = [
    ("ABRT", Signal::SIGABRT),
    ("ALRM", Signal::SIGALRM),
    ("FPE", Signal::SIGFPE),
    ("HUP", Signal::SIGHUP),
    ("ILL", Signal::SIGILL),
    ("INT", Signal::SIGINT),
    ("KILL", Signal::SIGKILL),
    ("PIPE", Signal::SIGPIPE),
    ("QUIT", Signal::SIGQUIT),
    ("SEGV", Signal::SIGSEGV),
    ("TERM", Signal::SIGTERM),
    ("USR1", Signal::SIGUSR1),
    ("USR2", Signal::SIGUSR2),
];

/// What the client is told. Signals without a name in the RFC get theirs' name of a local extension.
pub(super) fn how_ended(ended: Ended) -> EndedHow {
    match ended {
        Ended::Exited(status) => EndedHow::Status(u32::try_from(status).unwrap_or(255)),
        Ended::Signalled { signal, core_dumped } => {
            let named = NAMES.iter().find(|(_, known)| *known as i32 == signal);
            let name = named.map_or_else(|| "SIG@openssh.com".to_owned(), |(name, _)| (*name).to_owned());
            EndedHow::Signal { name, core_dumped }
        }
    }
}

/// The signal of this name, which is without `SIG`.
pub(super) fn signal_named(name: &str) -> Option<Signal> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, signal)| *signal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_signals_pass_through() {
        assert_eq!(how_ended(Ended::Exited(3)), EndedHow::Status(3));
        let ended = |signal| how_ended(Ended::Signalled { signal, core_dumped: false });
        assert_eq!(ended(15), EndedHow::Signal { name: "TERM".to_owned(), core_dumped: false });
        assert_eq!(ended(34), EndedHow::Signal { name: "SIG@openssh.com".to_owned(), core_dumped: false });
    }

    #[test]
    fn only_signals_of_the_rfc_can_be_sent() {
        assert_eq!(signal_named("INT"), Some(Signal::SIGINT));
        for unknown in ["STOP", "SIGINT", "int", "9", ""] {
            assert_eq!(signal_named(unknown), None, "{unknown}");
        }
    }
}
