//! The real `sshd-launch`: what it starts, and what it says when it cannot.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use ipc::start::{Greeting, LINK, LastWords, LaunchStart, RcFile};
use sys::process::{Ended, Program};

/// What a launched command wrote and how it ended.
struct Outcome {
    output: String,
    errors: String,
    ended: Ended,
}

/// A launch of `/bin/sh -c SCRIPT` in `/tmp`.
fn script(script: &str) -> LaunchStart {
    LaunchStart {
        identity: None,
        chroot: None,
        home: "/tmp".to_owned(),
        shell: "/bin/sh".to_owned(),
        arguments: vec![b"sh".to_vec(), b"-c".to_vec(), script.as_bytes().to_vec()],
        environment: vec![b"PATH=/usr/bin:/bin".to_vec(), b"BYTES=\xff".to_vec()],
        terminal: false,
        greeting: Greeting::default(),
        x11: None,
        rc_files: Vec::new(),
        warning: String::new(),
        only_say: None,
    }
}

fn start(start: &LaunchStart, standard: [&OwnedFd; 3]) -> sys::process::Child {
    let executable = File::open(env!("CARGO_BIN_EXE_sshd-launch")).expect("built");
    let (ours, theirs) = sys::fd::seqpacket_pair().expect("a link");
    let mut descriptors = vec![(theirs.as_fd(), LINK)];
    descriptors.extend(standard.iter().map(AsFd::as_fd).zip(0..));
    let process = sys::process::start(&Program {
        executable: executable.as_fd(),
        argv: vec![c"sshd: somebody".to_owned()],
        environment: Vec::new(),
        descriptors,
        new_session: true,
    })
    .expect("started");
    ipc::start::send(ours.as_fd(), start, &[]).expect("sent");
    process
}

fn launch(message: &LaunchStart) -> Outcome {
    let (input, _) = sys::fd::pipe(4096).expect("a pipe");
    let (our_output, output) = sys::fd::pipe(65536).expect("a pipe");
    let (our_errors, errors) = sys::fd::pipe(65536).expect("a pipe");
    let process = start(message, [&input, &output, &errors]);
    drop((output, errors));
    let read = |end: OwnedFd| {
        let mut text = String::new();
        File::from(end).read_to_string(&mut text).expect("UTF-8");
        text
    };
    let (output, errors) = (read(our_output), read(our_errors));
    Outcome { output, errors, ended: process.wait().expect("waited") }
}

#[test]
fn the_command_runs_at_home_with_its_environment_and_nothing_else() {
    let outcome = launch(&script("pwd; env | sort | cat -v; ls /proc/self/fd | tr '\\n' ' '; exit 7"));
    assert_eq!(outcome.ended, Ended::Exited(7));
    assert_eq!(outcome.errors, "");
    let lines: Vec<&str> = outcome.output.lines().collect();
    assert_eq!(lines.first(), Some(&"/tmp"));
    assert!(lines.contains(&"BYTES=M-^?"), "{lines:?}");
    assert!(!outcome.output.contains("BULKHEAD") && !outcome.output.contains("CARGO"), "{lines:?}");
    // 3 is the directory that ls reads.
    assert_eq!(lines.last(), Some(&"0 1 2 3 "));
}

#[test]
fn the_command_leads_a_session_of_its_own_and_signals_do_what_they_always_do() {
    let outcome = launch(&script("ps -o pid=,sid= -p $$; grep -E '^Sig(Ign|Blk)' /proc/self/status; kill -TERM $$"));
    assert_eq!(outcome.ended, Ended::Signalled { signal: 15, core_dumped: false });
    let mut lines = outcome.output.lines();
    let ids: Vec<&str> = lines.next().expect("ids").split_whitespace().collect();
    assert_eq!(ids.first(), ids.last());
    assert!(lines.all(|line| line.ends_with("0000000000000000")), "{}", outcome.output);
}

#[test]
fn a_missing_home_is_mentioned_and_the_root_directory_does() {
    let mut start = script("pwd");
    start.home = "/nonexistent".to_owned();
    let outcome = launch(&start);
    assert_eq!(outcome.output, "/\n");
    assert_eq!(outcome.errors, "Could not chdir to home directory /nonexistent: No such file or directory\n");
}

#[test]
fn a_shell_that_cannot_be_started_is_named() {
    let mut start = script("true");
    start.shell = "/nonexistent/shell".to_owned();
    let outcome = launch(&start);
    assert_eq!(outcome.ended, Ended::Exited(1));
    assert_eq!(outcome.errors, "/nonexistent/shell: No such file or directory\n");
}

#[test]
fn some_launches_only_say_something() {
    let mut start = script("echo must not run");
    let words = |on_standard_error| LastWords { text: "No.\n".to_owned(), on_standard_error, exit_status: 254 };
    for on_standard_error in [false, true] {
        start.only_say = Some(words(on_standard_error));
        let outcome = launch(&start);
        let said = if on_standard_error { ("", "No.\n") } else { ("No.\n", "") };
        assert_eq!((outcome.output.as_str(), outcome.errors.as_str()), said);
        assert_eq!(outcome.ended, Ended::Exited(254));
    }
}

#[test]
fn the_first_rc_file_that_exists_runs_before_the_command() {
    let directory = std::env::temp_dir().join(format!("launch-test-{}", std::process::id()));
    std::fs::create_dir(&directory).expect("a directory");
    let path = |name: &str| directory.join(name).to_str().expect("UTF-8").to_owned();
    let file = |name: &str| RcFile { path: path(name), by_the_users_shell: false };
    std::fs::write(path("first"), "echo first; cat; exit 9").expect("written");
    std::fs::write(path("second"), "echo second").expect("written");
    let mut start = script("echo command");
    start.rc_files = vec![file("missing"), file("first"), file("second")];
    let outcome = launch(&start);
    std::fs::remove_dir_all(&directory).expect("removed");
    assert_eq!(outcome.output, "first\ncommand\n");
    assert_eq!(outcome.ended, Ended::Exited(0));
}

#[test]
fn a_terminal_becomes_the_controlling_one() {
    let pty = sys::pty::open(None).expect("a terminal");
    let mut message = script("ps -o tty= -p $$; tty; exec < /dev/tty && echo controlled");
    message.terminal = true;
    let process = start(&message, [&pty.slave; 3]);
    drop(pty.slave);
    let mut output = Vec::new();
    let mut buffer = [0; 1000];
    // A terminal whose last user has gone fails with EIO.
    while let Ok(length) = sys::fd::read(pty.master.as_fd(), &mut buffer) {
        output.extend_from_slice(&buffer[..length]);
    }
    let output = String::from_utf8(output).expect("UTF-8").replace('\r', "");
    let device = pty.name.strip_prefix("/dev/").expect("a device");
    assert_eq!(output, format!("{device}\n{}\ncontrolled\n", pty.name), "{}", pty.master.as_raw_fd());
    assert_eq!(process.wait().expect("waited"), Ended::Exited(0));
}

#[test]
fn a_user_is_become_before_anything_of_theirs_is_touched() {
    if !sys::identity::is_root() {
        return; // an ordinary user is who they are
    }
    let nobody = 65534;
    let mut start = script("id -u; id -g; id -G; grep -E '^Cap(Eff|Prm)' /proc/self/status | cut -f2");
    start.identity = Some(sys::identity::Identity { uid: nobody, gid: nobody, groups: vec![nobody] });
    let outcome = launch(&start);
    let none = "0000000000000000";
    assert_eq!(outcome.output, format!("{nobody}\n{nobody}\n{nobody}\n{none}\n{none}\n"), "{}", outcome.errors);
}

#[test]
fn a_message_that_makes_no_sense_starts_nothing() {
    let mut start = script("echo must not run");
    start.environment.push(b"A=\0".to_vec());
    let outcome = launch(&start);
    assert_eq!((outcome.output.as_str(), outcome.ended), ("", Ended::Exited(1)));
    assert!(outcome.errors.contains("NUL"), "{}", outcome.errors);
}
