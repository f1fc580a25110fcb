//! A taken-over `sshd-session`: it gets what the login was granted, and no more.

use std::fs::File;
use std::io::Read;

use events::Level;
use events::files::{ClientPath, Event};
use ipc::phases::{EndedHow, LoggedInAnswer, LoggedInRequest, TerminalSize, Wanted};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use settings::keywords::Id;
use wire::Write as _;

use crate::Test;
use crate::role::{END, LASTS, VIOLATE};
use crate::stand_in::{LOGGED_IN, Monitor, SESSION_ID, decoded, exchange};

pub(crate) const TESTS: &[Test] = &[
    ("a_command_runs_and_its_end_is_told", a_command_runs_and_its_end_is_told),
    ("a_forced_command_stays_forced", a_forced_command_stays_forced),
    ("an_sftp_login_gets_sftp_and_nothing_else", an_sftp_login_gets_sftp_and_nothing_else),
    ("who_has_no_root_directory_is_answered_nothing", who_has_no_root_directory_is_answered_nothing),
    ("a_terminal_that_is_not_granted_is_refused", a_terminal_that_is_not_granted_is_refused),
    ("sessions_are_bounded_and_start_once", sessions_are_bounded_and_start_once),
    ("later_hashes_are_signed_and_the_session_id_never_again", later_hashes_are_signed),
    ("host_keys_are_proven_and_nothing_else_is_signed", host_keys_are_proven),
    ("names_are_for_sftp_only", names_are_for_sftp_only),
    ("a_session_that_tells_of_impossible_files_is_ended", a_session_that_tells_of_impossible_files_is_ended),
    ("lines_of_internal_sftp_are_for_logins_that_have_it", lines_of_internal_sftp_are_for_logins_that_have_it),
    ("a_session_that_goes_hangs_up_its_terminals", a_session_that_goes_hangs_up_its_terminals),
    ("a_closed_channel_hangs_up_its_terminal", a_closed_channel_hangs_up_its_terminal),
    ("signals_reach_commands_that_the_client_chose", signals_reach_commands_that_the_client_chose),
    ("a_session_that_breaks_its_promise_is_named", a_session_that_breaks_its_promise_is_named),
    ("random_frames_end_the_session_without_a_panic", random_frames_end_the_session),
];

const MISBEHAVED: i32 = 255;

fn start(monitor: &Monitor, session: u32, what: Wanted) -> (LoggedInAnswer, Vec<std::os::fd::OwnedFd>) {
    monitor.send(LOGGED_IN, &LoggedInRequest::Start { session, what, environment: Vec::new() });
    let (answer, descriptors) = monitor.receive_raw().expect("an answer");
    (decoded(LOGGED_IN, &answer), descriptors)
}

/// What the stand-in of `sshd-launch` was told to run: it writes it to its standard output.
fn runs(monitor: &Monitor, session: u32, what: Wanted) -> String {
    let (answer, mut descriptors) = start(monitor, session, what);
    assert!(matches!(answer, LoggedInAnswer::Started { on_terminal: false }), "{answer:?}: {}", monitor.log());
    assert_eq!(descriptors.len(), 3);
    let mut output = String::new();
    File::from(descriptors.swap_remove(1)).read_to_string(&mut output).expect("output");
    let ended: LoggedInAnswer = monitor.receive(LOGGED_IN).expect("the end");
    let LoggedInAnswer::Ended { session: which, how } = ended else { panic!("{ended:?}") };
    assert_eq!((which, how), (session, EndedHow::Status(0)));
    output
}

fn all_wishes() -> [Wanted; 3] {
    [Wanted::Shell, Wanted::Command(b"id".to_vec()), Wanted::Subsystem("sftp".to_owned())]
}

fn a_command_runs_and_its_end_is_told() {
    let monitor = Monitor::plain();
    monitor.reach(LOGGED_IN);
    assert_eq!(runs(&monitor, 0, Wanted::Command(b"echo hi".to_vec())), "echo hi");
    assert!(runs(&monitor, 1, Wanted::Shell).starts_with('-'));
    monitor.send_raw(END);
    monitor_ends(&monitor, 0);
    let log = monitor.log();
    assert!(log.contains("Starting session: command for") && log.contains("Close session: user"), "{log}");
}

fn monitor_ends(monitor: &Monitor, status: i32) {
    while monitor.receive_raw().is_some() {}
    assert_eq!(monitor.wait(), status, "{}", monitor.log());
    assert!(!monitor.log().contains("panicked"), "{}", monitor.log());
}

fn a_forced_command_stays_forced() {
    let sftp = (Id::Subsystem, "sftp internal-sftp");
    for (configuration, options) in [
        (&[sftp][..], "command=\"/bin/date\""),
        (&[sftp, (Id::ForceCommand, "/bin/date")], ""),
        (&[sftp, (Id::ForceCommand, "/bin/date")], "command=\"/bin/other\""),
    ] {
        let monitor = Monitor::under(configuration, options);
        monitor.reach(LOGGED_IN);
        for (session, wanted) in (0..).zip(all_wishes()) {
            assert_eq!(runs(&monitor, session, wanted.clone()), "/bin/date", "{options} {wanted:?}");
        }
    }
}

/// Whatever the session process asks for, what starts outside of it only says that there is nothing but SFTP.
fn an_sftp_login_gets_sftp_and_nothing_else() {
    let sftp = (Id::Subsystem, "sftp internal-sftp");
    let other = (Id::Subsystem, "other /bin/sh");
    let monitor = Monitor::under(&[sftp, other, (Id::ForceCommand, "internal-sftp -R")], "");
    monitor.reach(LOGGED_IN);
    let commands = [Wanted::Shell, Wanted::Command(b"internal-sftp".to_vec()), Wanted::Command(b"id".to_vec())];
    for (session, wanted) in (0..).zip(commands) {
        let (answer, _pipes) = start(&monitor, session, wanted.clone());
        assert!(matches!(answer, LoggedInAnswer::Started { .. }), "{answer:?}");
        let told = monitor.log();
        assert!(told.contains("Starting session: forced-command (config) 'internal-sftp -R'"), "{told}");
        let ended: LoggedInAnswer = monitor.receive(LOGGED_IN).expect("the end");
        assert!(matches!(ended, LoggedInAnswer::Ended { .. }), "{ended:?}");
    }
    // Also under another subsystem's name, and always with the configured arguments.
    for (session, name) in [(10, "sftp"), (11, "other")] {
        let (answer, _) = start(&monitor, session, Wanted::Subsystem(name.to_owned()));
        let LoggedInAnswer::ServeSftp { arguments } = answer else { panic!("{name}: {answer:?}") };
        assert_eq!(arguments, ["-R"]);
    }
    assert_eq!(monitor.log().matches("'internal-sftp -R'").count(), 5, "{}", monitor.log());
}

/// The process that only says why there is no session is one of ours; taken over, it is still told nothing.
fn who_has_no_root_directory_is_answered_nothing() {
    for (id, line) in [(Id::ChrootDirectory, "/tmp"), (Id::ChrootDirectory, "/no/such"), (Id::SftpJail, "/tmp")] {
        let monitor = Monitor::under(&[(id, line), (Id::Subsystem, "sftp internal-sftp")], "");
        monitor.reach(LOGGED_IN);
        for wanted in all_wishes() {
            monitor.send(LOGGED_IN, &LoggedInRequest::Start { session: 0, what: wanted, environment: Vec::new() });
        }
        monitor.send(LOGGED_IN, &LoggedInRequest::SignRekey(exchange(&[1; 32])));
        monitor.send(LOGGED_IN, &LoggedInRequest::NameOfUser { uid: 0 });
        monitor.send_raw(END);
        assert!(monitor.receive_raw().is_none(), "{line}");
        monitor_ends(&monitor, MISBEHAVED);
        assert!(!monitor.log().contains("Starting session"), "{}", monitor.log());
    }
}

fn a_terminal_that_is_not_granted_is_refused() {
    let size = TerminalSize { columns: 80, rows: 24, width: u32::MAX, height: u32::MAX };
    let open = |session| LoggedInRequest::OpenTerminal { session, term: "xterm".to_owned(), size };
    for (configuration, options) in [(&[][..], "no-pty"), (&[], "restrict"), (&[(Id::PermitTTY, "no")], "pty")] {
        let monitor = Monitor::under(configuration, options);
        monitor.reach(LOGGED_IN);
        let answer: LoggedInAnswer = monitor.ask(LOGGED_IN, &open(0)).expect("an answer");
        assert!(matches!(answer, LoggedInAnswer::Refused { .. }), "{options}: {answer:?}");
    }
    let monitor = Monitor::plain();
    monitor.reach(LOGGED_IN);
    monitor.send(LOGGED_IN, &open(0));
    let (answer, descriptors) = monitor.receive_raw().expect("an answer");
    assert!(matches!(decoded(LOGGED_IN, &answer), LoggedInAnswer::Terminal { .. }));
    assert_eq!(descriptors.len(), 1);
    let again: LoggedInAnswer = monitor.ask(LOGGED_IN, &open(0)).expect("an answer");
    assert!(matches!(again, LoggedInAnswer::Refused { .. }), "{again:?}");
}

fn sessions_are_bounded_and_start_once() {
    let monitor = Monitor::under(&[(Id::MaxSessions, "2"), (Id::Subsystem, "sftp internal-sftp")], "");
    monitor.reach(LOGGED_IN);
    let sftp = || Wanted::Subsystem("sftp".to_owned());
    assert!(matches!(start(&monitor, 0, sftp()).0, LoggedInAnswer::ServeSftp { .. }));
    assert!(matches!(start(&monitor, 0, Wanted::Shell).0, LoggedInAnswer::Refused { .. }), "twice");
    assert!(matches!(start(&monitor, 1, sftp()).0, LoggedInAnswer::ServeSftp { .. }));
    assert!(matches!(start(&monitor, 2, sftp()).0, LoggedInAnswer::Refused { .. }), "too many");
    monitor.send(LOGGED_IN, &LoggedInRequest::CloseSession { session: 0, sent: 0, received: 0 });
    monitor.send(LOGGED_IN, &LoggedInRequest::Signal { session: 77, name: "KILL".to_owned() });
    assert!(matches!(start(&monitor, 2, sftp()).0, LoggedInAnswer::ServeSftp { .. }));
    assert!(matches!(start(&monitor, 0, Wanted::Subsystem("x".to_owned())).0, LoggedInAnswer::Refused { .. }));
}

fn later_hashes_are_signed() {
    let monitor = Monitor::plain();
    monitor.reach(LOGGED_IN);
    for hash in [&[1; 32][..], &[2; 48], &[3; 64]] {
        let answer: LoggedInAnswer =
            monitor.ask(LOGGED_IN, &LoggedInRequest::SignRekey(exchange(hash))).expect("an answer");
        assert!(matches!(answer, LoggedInAnswer::Signed(_)));
    }
    for bad in [&SESSION_ID[..], &[1; 31], &[]] {
        let monitor = Monitor::plain();
        monitor.reach(LOGGED_IN);
        monitor.send(LOGGED_IN, &LoggedInRequest::SignRekey(exchange(bad)));
        assert!(monitor.receive_raw().is_none(), "signed {bad:?}");
        monitor_ends(&monitor, MISBEHAVED);
    }
}

/// What a taken-over session gets signed can only be the proof that a host key of ours is one, on this connection.
fn host_keys_are_proven() {
    let monitor = Monitor::plain();
    monitor.reach(LOGGED_IN);
    let ask = |keys: &[&[u8]]| -> LoggedInAnswer {
        let keys = keys.iter().map(|key| key.to_vec()).collect();
        monitor.ask(LOGGED_IN, &LoggedInRequest::ProveHostKeys(keys)).expect("an answer")
    };
    let ours = monitor.host_key.blob().to_vec();
    let LoggedInAnswer::HostKeysProven(proofs) = ask(&[&ours]) else { panic!("no proof: {}", monitor.log()) };
    let mut signed = Vec::new();
    signed.put_string("hostkeys-prove-00@openssh.com");
    signed.put_string(SESSION_ID);
    signed.put_string(&ours);
    let verifies = |message: &[u8]| monitor.host_key.verify("ssh-ed25519", message, &proofs[0]).is_ok();
    assert!(verifies(&signed) && !verifies(&SESSION_ID) && !verifies(&ours));

    // Neither another key, nor data that somebody wants signed, nor a key with something behind it.
    let hash = [7; 32];
    for wanted in [&hash[..], &SESSION_ID, b"", &[ours.clone(), vec![0]].concat(), &signed] {
        assert!(matches!(ask(&[wanted]), LoggedInAnswer::Refused { .. }), "{wanted:?}");
    }
    assert!(matches!(ask(&[&ours, &ours]), LoggedInAnswer::Refused { .. }), "more than there are");
    // Signatures cost time: there is an end to them.
    let proven = (0..100).take_while(|_| matches!(ask(&[&ours]), LoggedInAnswer::HostKeysProven(_))).count();
    assert!(proven < 10, "{proven}");
    assert_eq!(runs(&monitor, 0, Wanted::Command(b"echo on".to_vec())), "echo on", "and the connection goes on");
}

fn names_are_for_sftp_only() {
    let name_of_root = |configuration: &[(Id, &str)], options: &str| {
        let monitor = Monitor::under(configuration, options);
        monitor.reach(LOGGED_IN);
        match monitor.ask(LOGGED_IN, &LoggedInRequest::NameOfUser { uid: 0 }).expect("an answer") {
            LoggedInAnswer::Name(name) => name,
            other => panic!("{other:?}"),
        }
    };
    let sftp = [(Id::Subsystem, "sftp internal-sftp")];
    assert_eq!(name_of_root(&sftp, ""), Some("root".to_owned()));
    assert_eq!(name_of_root(&sftp, "command=\"/bin/date\""), None);
    assert_eq!(name_of_root(&[], ""), None);
}

fn a_session_that_tells_of_impossible_files_is_ended() {
    let sftp = [(Id::Subsystem, "sftp internal-sftp")];
    let told = |configuration: &[(Id, &str)], options: &str, path: Vec<u8>| {
        let monitor = Monitor::under(configuration, options);
        monitor.reach(LOGGED_IN);
        monitor.send(LOGGED_IN, &LoggedInRequest::RecordFile(Event::Removed { path: ClientPath(path) }));
        monitor.send_raw(END);
        monitor.wait();
        monitor.log().contains("told of a file that cannot be")
    };
    assert!(!told(&sftp, "", b"/x".to_vec()));
    assert!(told(&sftp, "", vec![b'x'; 5000]), "longer than any path");
    assert!(told(&sftp, "command=\"/bin/date\"", b"/x".to_vec()), "a login without files");
}

/// They are not subject to LogLevel, and have a facility of their own.
fn lines_of_internal_sftp_are_for_logins_that_have_it() {
    let told = |configuration: &[(Id, &str)], options: &str| {
        let monitor = Monitor::under(configuration, options);
        monitor.reach(LOGGED_IN);
        let event = events::session::Event::Sftp { facility: 4, level: Level::Info, text: "a line".to_owned() };
        monitor.send(LOGGED_IN, &LoggedInRequest::Record(event));
        monitor.send_raw(END);
        monitor.wait();
        let log = monitor.log();
        (log.contains("a line"), log.contains("told of files that it does not serve"))
    };
    let sftp = [(Id::Subsystem, "sftp internal-sftp")];
    assert_eq!(told(&sftp, ""), (true, false));
    assert_eq!(told(&sftp, "command=\"/bin/date\""), (false, true));
    assert_eq!(told(&[], ""), (false, true));
}

/// A command that lasts, on a terminal whose master is returned.
fn lasting_on_terminal(monitor: &Monitor, session: u32) -> File {
    let size = TerminalSize { columns: 80, rows: 24, width: 0, height: 0 };
    monitor.send(LOGGED_IN, &LoggedInRequest::OpenTerminal { session, term: "xterm".to_owned(), size });
    let (answer, mut descriptors) = monitor.receive_raw().expect("an answer");
    assert!(matches!(decoded(LOGGED_IN, &answer), LoggedInAnswer::Terminal { .. }));
    let mut master = File::from(descriptors.pop().expect("the master"));
    let (answer, descriptors) = start(monitor, session, Wanted::Command(LASTS.to_vec()));
    assert!(matches!(answer, LoggedInAnswer::Started { on_terminal: true }) && descriptors.is_empty(), "{answer:?}");
    let mut said = [0; LASTS.len()];
    master.read_exact(&mut said).expect("output");
    assert_eq!(said, LASTS);
    master
}

/// The terminal's last user has gone: reading from the master fails, it does not wait.
fn is_hung_up(mut master: File) -> bool {
    master.read(&mut [0]).is_err()
}

fn a_session_that_goes_hangs_up_its_terminals() {
    let monitor = Monitor::plain();
    monitor.reach(LOGGED_IN);
    let master = lasting_on_terminal(&monitor, 0);
    monitor.send_raw(END);
    monitor_ends(&monitor, 0);
    assert!(is_hung_up(master));
}

fn a_closed_channel_hangs_up_its_terminal() {
    let monitor = Monitor::plain();
    monitor.reach(LOGGED_IN);
    let master = lasting_on_terminal(&monitor, 3);
    monitor.send(LOGGED_IN, &LoggedInRequest::CloseSession { session: 3, sent: 0, received: 0 });
    assert!(is_hung_up(master));
}

fn signals_reach_commands_that_the_client_chose() {
    let kill = || LoggedInRequest::Signal { session: 0, name: "KILL".to_owned() };
    let monitor = Monitor::plain();
    monitor.reach(LOGGED_IN);
    let (_, _pipes) = start(&monitor, 0, Wanted::Command(LASTS.to_vec()));
    monitor.send(LOGGED_IN, &kill());
    let ended: LoggedInAnswer = monitor.receive(LOGGED_IN).expect("the end");
    let by_signal = EndedHow::Signal { name: "KILL".to_owned(), core_dumped: false };
    assert!(matches!(ended, LoggedInAnswer::Ended { session: 0, how } if how == by_signal));
    let monitor = Monitor::under(&[(Id::ForceCommand, "lasts")], "");
    monitor.reach(LOGGED_IN);
    let (_, _pipes) = start(&monitor, 0, Wanted::Shell);
    monitor.send(LOGGED_IN, &kill());
    // Requests are served in order: by this answer the signal would have been sent, and its effect be told first.
    let signed: LoggedInAnswer =
        monitor.ask(LOGGED_IN, &LoggedInRequest::SignRekey(exchange(&[1; 32]))).expect("an answer");
    assert!(matches!(signed, LoggedInAnswer::Signed(_)), "{signed:?}");
    assert!(monitor.log().contains("signal KILL is not sent to session 0"), "{}", monitor.log());
}

fn a_session_that_breaks_its_promise_is_named() {
    let monitor = Monitor::plain();
    monitor.reach(LOGGED_IN);
    monitor.send_raw(VIOLATE);
    monitor_ends(&monitor, MISBEHAVED);
    monitor.expect_a_violation_of("sshd-session");
}

fn random_frames_end_the_session() {
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let frames = prop::collection::vec((3u8..7, prop::collection::vec(any::<u8>(), 0..80)), 1..6);
    runner
        .run(&frames, |frames| {
            let monitor = Monitor::under(&[], "command=\"/bin/date\"");
            monitor.reach(LOGGED_IN);
            for (number, rest) in &frames {
                monitor.send_raw(&[&[*number], rest.as_slice()].concat());
            }
            monitor.send_raw(END);
            while monitor.receive_raw().is_some() {}
            monitor.wait();
            let log = monitor.log();
            prop_assert!(!log.contains("panicked"), "{}", log);
            prop_assert_eq!(log.matches("Starting session").count(), log.matches("'/bin/date'").count(), "{}", log);
            Ok(())
        })
        .expect("holds");
}
