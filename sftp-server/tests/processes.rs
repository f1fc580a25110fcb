//! The program itself, behind two pipes: its options, its log, its end, and what only a process can show.
#![forbid(unsafe_code)]

#[path = "../../crates/sftp/tests/raw_client/mod.rs"]
mod raw_client;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use nix::mount::{MsFlags, mount, umount};
use raw_client::{
    Attributes, EOF, FAILURE, Link, NO_SUCH_FILE, OK, PERMISSION_DENIED, RawClient, Reply, Scratch, body, open, packet,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sftp-server");

/// A running server; killed if the test fails half-way.
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
}

impl Process {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        Self { child, input, output }
    }

    /// Hangs up; exit status and everything that was logged.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.input.take());
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Link for Process {
    fn send(&mut self, bytes: &[u8]) {
        self.input.as_mut().unwrap().write_all(bytes).unwrap();
    }

    fn receive(&mut self) -> Vec<u8> {
        let mut length = [0; 4];
        self.output.read_exact(&mut length).unwrap();
        let mut packet = vec![0; u32::from_be_bytes(length) as usize];
        self.output.read_exact(&mut packet).unwrap();
        packet
    }
}

/// A server that starts in a directory and logs to standard error.
fn server(arguments: &[&str], scratch: &Scratch) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("-e").args(arguments).current_dir(&scratch.0).env_remove("SSH_CONNECTION");
    command
}

fn client(arguments: &[&str], scratch: &Scratch) -> RawClient<Process> {
    RawClient::new(Process::start(&mut server(arguments, scratch)))
}

fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn command_lines() {
    let requests = run(&["-Q", "requests"]);
    assert!(requests.status.success());
    assert_eq!(String::from_utf8(requests.stdout).unwrap().lines().count(), 29);
    for (arguments, status, said) in [
        (&["-h"][..], 1, "usage: sftp-server [-ehR]"),
        (&["-z"], 1, "invalid option -- 'z'"),
        (&["-Q", "ciphers"], 1, "Invalid query type"),
        (&["-u", "999"], 255, "Invalid umask \"999\""),
        (&["-l", "LOUD"], 1, "Invalid log level \"LOUD\""),
        (&["-p", "open", "-p", "open"], 255, "Permitted requests already set"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
}

#[test]
fn sixty_four_requests_in_flight() {
    let scratch = Scratch::new();
    let content: Vec<u8> = (0..4_000_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut client = client(&[], &scratch);
    let handle = client.open("file", open::READ | open::WRITE | open::CREATE).unwrap();
    let pieces: Vec<(u64, &[u8])> = (0u64..).step_by(32_768).zip(content.chunks(32_768)).collect();
    for window in pieces.chunks(64) {
        let asked: Vec<u32> = window
            .iter()
            .map(|(offset, bytes)| client.send(6, body().string(&handle).u64(*offset).string(bytes)))
            .collect();
        for id in asked {
            assert_eq!(client.receive(), (id, Reply::Status { code: OK, text: "Success".into() }));
        }
    }
    assert!(fs::read(scratch.path("file")).unwrap() == content);
    // Reads come back in order, the end of the file among them.
    let asked: Vec<u32> =
        (0..64u64).map(|number| client.send(5, body().string(&handle).u64(number * 65_536).u32(65_536))).collect();
    let mut read = Vec::new();
    for id in asked {
        match client.receive() {
            (answered, Reply::Data(bytes)) => {
                assert_eq!(answered, id);
                read.extend(bytes);
            }
            (answered, reply) => assert_eq!((answered, reply.status()), (id, EOF)),
        }
    }
    assert!(read == content);
    assert_eq!(client.link.end().0, Some(0));
}

#[test]
fn a_client_that_vanishes_loses_nothing_that_was_acknowledged() {
    let scratch = Scratch::new();
    let mut client = client(&["-l", "INFO"], &scratch);
    let handle = client.open("upload", open::WRITE | open::CREATE).unwrap();
    assert_eq!(client.write(&handle, 0, &[7; 100_000]), OK);
    // Half a request, and then nothing.
    let whole = packet(6, &body().u32(9).string(&handle).u64(100_000).string([8; 5000]).0);
    client.link.send(&whole[..3000]);
    let (status, log) = client.link.end();
    assert_eq!(status, Some(0));
    assert_eq!(fs::read(scratch.path("upload")).unwrap(), [7; 100_000]);
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines[0], format!("session opened for local user {user} from [UNKNOWN]"));
    assert_eq!(
        lines[lines.len() - 2..],
        [
            "forced close \"upload\" bytes read 0 written 100000".to_owned(),
            format!("session closed for local user {user} from [UNKNOWN]"),
        ]
    );
}

#[test]
fn a_reader_that_vanishes_ends_the_process() {
    let scratch = Scratch::new();
    fs::write(scratch.path("file"), vec![1; 1 << 20]).unwrap();
    let mut client = client(&[], &scratch);
    let handle = client.open("file", open::READ).unwrap();
    for number in 0..8 {
        client.send(5, body().string(&handle).u64(number * 100_000).u32(200_000));
    }
    let Process { output, .. } = &mut client.link;
    // The pipe is full by now or will be; closing it is what a killed sshd does.
    let mut some = [0; 10];
    output.read_exact(&mut some).unwrap();
    let (read, _write) = nix::unistd::pipe().unwrap();
    client.link.output = ChildStdout::from(read);
    assert_eq!(client.link.child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_peer_is_named_by_ssh_connection() {
    let scratch = Scratch::new();
    let mut command = server(&["-l", "VERBOSE"], &scratch);
    let client = RawClient::new(Process::start(command.env("SSH_CONNECTION", "192.0.2.9 50000 192.0.2.1 22")));
    let (_, log) = client.link.end();
    assert!(log.contains("from [192.0.2.9]") && log.contains("received client version 3"), "{log}");
    let malformed = server(&[], &scratch).env("SSH_CONNECTION", "192.0.2.9").stdin(Stdio::null()).output().unwrap();
    assert_eq!(malformed.status.code(), Some(255));
}

#[test]
fn a_packet_that_is_too_long_ends_the_process_as_theirs() {
    let scratch = Scratch::new();
    let mut client = client(&[], &scratch);
    // In one write with a request that has nothing to do with it.
    let asked = packet(17, &[7_u32.to_be_bytes().as_slice(), &1_u32.to_be_bytes(), b"/"].concat());
    client.link.send(&[asked.as_slice(), &(256 * 1024 + 1u32).to_be_bytes()].concat());
    let (id, answer) = client.receive();
    assert!(id == 7 && matches!(answer, Reply::Attributes(_)), "{id} {answer:?}");
    let (status, log) = client.link.end();
    assert_eq!(status, Some(11));
    assert!(log.contains("bad message from UNKNOWN local user"), "{log}");
}

#[test]
fn read_only_as_a_program() {
    let scratch = Scratch::new();
    fs::write(scratch.path("file"), "content").unwrap();
    let mut client = client(&["-l", "VERBOSE", "-R"], &scratch);
    assert_eq!(client.open("new", open::READ | open::CREATE), Err(PERMISSION_DENIED));
    assert_eq!(client.remove("file"), PERMISSION_DENIED);
    let handle = client.open("file", open::READ).unwrap();
    assert_eq!(client.read(&handle, 0, 10).unwrap(), b"content");
    let (_, log) = client.link.end();
    assert!(log.contains("Refusing open request in read-only mode"), "{log}");
    assert!(log.contains("sent status Permission denied"), "{log}");
}

/// The sandbox kills for a system call that it does not know: none of the 29 requests makes one.
#[test]
fn every_request_is_possible_locked_down() {
    let scratch = Scratch::new();
    let mut client = client(&["-l", "DEBUG3", "-u", "022", "-d", scratch.0.to_str().unwrap()], &scratch);
    let all = Attributes { size: Some(3), mode: Some(0o640), times: Some((1, 2)), owner: None };
    let owner = client.stat(".").unwrap().owner;
    let file = client.open("file", open::READ | open::WRITE | open::CREATE).unwrap();
    let copy = client.open("copy", open::READ | open::WRITE | open::CREATE).unwrap();
    let path = || body().string("file");
    assert_eq!(client.write(&file, 0, b"content"), OK);
    assert_eq!(client.read(&file, 0, 7).unwrap(), b"content");
    assert_eq!(client.status(10, body().string(&file).attributes(&Attributes { owner, ..all.clone() })), OK);
    assert_eq!(client.setstat("file", &Attributes { owner, ..all.clone() }), OK);
    assert_eq!(
        client.status_extended("lsetstat@openssh.com", path().attributes(&Attributes { size: None, owner, ..all })),
        OK
    );
    assert_eq!(client.fstat(&file), client.stat("file"));
    assert_eq!(client.lstat("file"), client.stat("file"));
    assert_eq!(client.mkdir("sub", &Attributes::default()), OK);
    assert_eq!(client.status(20, body().string("file").string("link")), OK);
    assert_eq!(client.readlink("link").unwrap(), "file");
    assert_eq!(client.status_extended("hardlink@openssh.com", path().string("hard")), OK);
    assert_eq!(client.rename("hard", "sub/moved"), OK, "across directories");
    assert_eq!(client.status_extended("posix-rename@openssh.com", body().string("sub/moved").string("hard")), OK);
    assert_eq!(client.list(".").0.len(), 7);
    assert_eq!(client.realpath("link").unwrap(), scratch.path("file").to_str().unwrap());
    assert!(client.ask_extended("expand-path@openssh.com", body().string("~root")).one_name().is_ok());
    assert!(client.ask_extended("home-directory", body().string("root")).one_name().is_ok());
    assert!(client.ask_extended("home-directory", body().string("nobody-at-all")).one_name().is_err());
    let nobody = 4_000_000_000u32.to_be_bytes();
    assert!(
        client.ask_extended("users-groups-by-id@openssh.com", body().string(nobody).string(nobody)).extended().is_ok()
    );
    assert!(client.ask_extended("statvfs@openssh.com", path()).extended().is_ok());
    assert!(client.ask_extended("fstatvfs@openssh.com", body().string(&file)).extended().is_ok());
    assert!(client.ask_extended("limits@openssh.com", body()).extended().is_ok());
    assert_eq!(client.status_extended("fsync@openssh.com", body().string(&file)), OK);
    let whole = body().string(&file).u64(0).u64(0).string(&copy).u64(0);
    assert_eq!(client.status_extended("copy-data", whole), OK);
    assert_eq!((client.close(&file), client.close(&copy)), (OK, OK));
    assert_eq!((client.remove("hard"), client.remove("link"), client.rmdir("sub")), (OK, OK, OK));
    let (status, log) = client.link.end();
    assert_eq!(status, Some(0), "{log}");
    assert_eq!(fs::read(scratch.path("copy")).unwrap(), b"con");
}

/// Reading must not look like writing to the sandbox of `-R` either.
#[test]
fn every_flag_of_open_is_answered_locked_down() {
    let scratch = Scratch::new();
    fs::write(scratch.path("file"), "content").unwrap();
    let mut client = client(&["-R"], &scratch);
    for flags in 0..64 {
        let refused = flags & (open::WRITE | open::CREATE | open::TRUNCATE) != 0;
        let opened = client.open("file", flags).map(|_| ());
        assert_eq!(opened, if refused { Err(PERMISSION_DENIED) } else { Ok(()) }, "{flags:#x}");
    }
    assert_eq!(client.link.end().0, Some(0));
}

/// Runs as `nobody`; needs root to become that.
#[test]
fn what_others_own_is_refused() {
    if !bulkhead_tests::needs_root("what_others_own_is_refused") {
        return;
    }
    const NOBODY: u32 = 65_534;
    let scratch = Scratch::new();
    fs::set_permissions(&scratch.0, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(scratch.path("secret"), "x").unwrap();
    fs::set_permissions(scratch.path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(scratch.path("closed")).unwrap();
    fs::set_permissions(scratch.path("closed"), fs::Permissions::from_mode(0o700)).unwrap();
    let program = scratch.path("sftp-server");
    fs::copy(PROGRAM, &program).unwrap();
    let mut command = Command::new(&program);
    command.arg("-e").current_dir(&scratch.0).env_remove("SSH_CONNECTION").uid(NOBODY).gid(NOBODY);
    let mut client = RawClient::new(Process::start(&mut command));
    assert_eq!(client.open("secret", open::READ), Err(PERMISSION_DENIED));
    assert_eq!(client.open("new", open::WRITE | open::CREATE), Err(PERMISSION_DENIED));
    assert_eq!(client.opendir("closed"), Err(PERMISSION_DENIED));
    assert_eq!(client.realpath("closed/x"), Err(PERMISSION_DENIED));
    assert_eq!(client.remove("secret"), PERMISSION_DENIED);
    assert_eq!(client.mkdir("new", &Attributes::default()), PERMISSION_DENIED);
    assert_eq!(client.rename("secret", "mine"), PERMISSION_DENIED);
    assert_eq!(client.setstat("secret", &Attributes::mode(0o666)), PERMISSION_DENIED);
    assert_eq!(client.stat("secret").unwrap().owner, Some((0, 0)), "that it exists is no secret");
    let shown = client.list(".").0;
    let secret = shown.iter().find(|name| name.name == b"secret").unwrap();
    assert!(secret.long_name.starts_with("-rw-------    1 root     root            1 "), "{}", secret.long_name);
}

/// A file system of its own that is soon full; needs root to mount it.
#[test]
fn a_full_disk_is_told() {
    if !bulkhead_tests::needs_root("a_full_disk_is_told") {
        return;
    }
    let scratch = Scratch::new();
    let place = scratch.path("small");
    fs::create_dir(&place).unwrap();
    if let Err(error) = mount(Some("none"), &place, Some("tmpfs"), MsFlags::empty(), Some("size=256k")) {
        return bulkhead_tests::skipped("a_full_disk_is_told", &format!("mount(2): {error}"));
    }
    let mut client = client(&["-l", "INFO"], &scratch);
    let handle = client.open("small/file", open::WRITE | open::CREATE).unwrap();
    let mut acknowledged = 0u64;
    let refused = loop {
        match client.write(&handle, acknowledged, &[3; 50_000]) {
            OK => acknowledged += 50_000,
            other => break other,
        }
        assert!(acknowledged < 1 << 20);
    };
    assert_eq!(refused, FAILURE);
    assert_eq!(client.close(&handle), OK);
    let kept = fs::read(place.join("file")).unwrap();
    assert!(kept.len() as u64 >= acknowledged && kept.iter().all(|byte| *byte == 3));
    assert_eq!(client.remove("small/file"), OK);
    assert_eq!(client.stat("small/file"), Err(NO_SUCH_FILE));
    let (_, log) = client.link.end();
    umount(&place).unwrap();
    assert!(log.contains("write \"small/file\": No space left on device"), "{log}");
}
