//! OpenSSH's clients against the real process, locked down. Only the login before it and the monitor are a test's own.
//! Skipped, by name, where there is no `ssh`.

// A transport outside a locked-down process, for the login, exists in debug builds alone.
#![cfg(debug_assertions)]

mod common;

use std::fs::File;
use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use common::fake_monitor::{FakeMonitor, Record};
use events::session::Event as Logged;
use ipc::start::{Granted, OfferedHostKey, SessionStart, SftpGranted};
use keys::PrivateKey;
use sandbox::LockedDown;
use sys::process::{Ended, Program};
use transport::{Compression, Event, HostKey, ServerSettings, Transport};
use wire::{Reader, Write as _, msg};

/// What a client did, and what the server saw of it.
struct Served {
    output: Output,
    process: Ended,
    record: Arc<Mutex<Record>>,
}

/// A server for one connection, and the client's extra options.
struct Setup<'s> {
    rekey_bytes: u64,
    options: &'s [&'s str],
    program: &'s str,
    /// The process gets two pipes instead of a socket.
    pipes: bool,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self { rekey_bytes: 0, options: &[], program: "ssh", pipes: false }
    }
}

fn ssh_is_missing(test: &str) -> bool {
    let missing = Command::new("ssh").arg("-V").output().is_err();
    if missing {
        eprintln!("{test}: skipped, there is no ssh here");
    }
    missing
}

/// Runs one client with `arguments` behind its options.
fn run(setup: &Setup<'_>, arguments: &[&str], input: Vec<u8>) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (rekey_bytes, pipes) = (setup.rekey_bytes, setup.pipes);
    let serving = thread::spawn(move || serve(listener.accept().unwrap().0, rekey_bytes, pipes));
    let mut client = Command::new(setup.program)
        .args(["-F", "/dev/null", "-o", &format!("Port={port}"), "-o", "BatchMode=yes"])
        .args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"])
        .args(["-o", "PubkeyAuthentication=no", "-o", "ConnectTimeout=20"])
        .args(setup.options)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = client.stdin.take().unwrap();
    let feeding = thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let mut stderr = client.stderr.take().unwrap();
    let complaining = thread::spawn(move || {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text).unwrap();
        text
    });
    let mut output = client.wait_with_output().unwrap();
    output.stderr = complaining.join().unwrap();
    feeding.join().unwrap();
    let (process, record) = serving.join().unwrap();
    Served { output, process, record }
}

fn ssh(command: &str, input: &[u8]) -> Served {
    run(&Setup::default(), &["somebody@127.0.0.1", command], input.to_vec())
}

/// Logs the client in, starts the process and waits for its end.
fn serve(stream: TcpStream, rekey_bytes: u64, pipes: bool) -> (Ended, Arc<Mutex<Record>>) {
    let host_key = PrivateKey::generate_ed25519().unwrap();
    let at_login = server_settings(&host_key, rekey_bytes);
    let transport = log_in(&stream, at_login.clone(), &host_key);
    let mut settings = settings::Settings::default().global().for_session();
    settings.kex_algorithms = at_login.kex_algorithms;
    settings.ciphers = at_login.ciphers;
    settings.macs = at_login.macs;
    settings.rekey_bytes = rekey_bytes;
    settings.accept_env = vec!["LANG".to_owned(), "LC_*".to_owned()];
    let start = SessionStart {
        for_client_log: Vec::new(),
        identity: None,
        chroot: None,
        jail: None,
        farewell: None,
        best_effort_sandbox: false,
        user: "somebody".to_owned(),
        home: std::env::temp_dir().display().to_string(),
        identification: at_login.software_version,
        settings,
        granted: Granted { terminal: true, sftp: SftpGranted::ReadWrite, forwarding: true, accept: true },
        host_keys: vec![OfferedHostKey {
            index: 0,
            algorithm: "ssh-ed25519".to_owned(),
            blob: host_key.public().blob().to_vec(),
        }],
        announced_host_keys: vec![host_key.public().blob().to_vec()],
        transport: postcard::to_stdvec(&transport.into_hand_over()).unwrap(),
    };
    let (ours, theirs) = sys::fd::seqpacket_pair().unwrap();
    let executable = File::open(env!("CARGO_BIN_EXE_sshd-session")).unwrap();
    let stderr = std::io::stderr();
    let process = sys::process::start(&Program {
        executable: executable.as_fd(),
        argv: vec![c"sshd: session of a test, with room for a title".to_owned()],
        environment: Vec::new(),
        descriptors: vec![(stderr.as_fd(), 2), (theirs.as_fd(), 3)],
        new_session: false,
    })
    .unwrap();
    drop(theirs);
    let network = if pipes { through_pipes(stream) } else { vec![stream.into()] };
    let descriptors: Vec<_> = network.iter().map(AsFd::as_fd).collect();
    ipc::start::send(ours.as_fd(), &start, &descriptors).unwrap();
    drop(network);
    let (record, monitor) = FakeMonitor::start(ours, host_key);
    let ended = process.wait().unwrap();
    monitor.join().unwrap();
    (ended, record)
}

/// Where to read and where to write, with threads between those and the socket.
fn through_pipes(stream: TcpStream) -> Vec<OwnedFd> {
    let (input, from_network) = sys::fd::pipe(65536).unwrap();
    let (to_network, output) = sys::fd::pipe(65536).unwrap();
    let receiving = stream.try_clone().unwrap();
    thread::spawn(move || pass_on(receiving, File::from(from_network)));
    thread::spawn(move || {
        pass_on(File::from(to_network), &stream);
        stream.shutdown(std::net::Shutdown::Both)
    });
    vec![input, output]
}

/// Not `std::io::copy`: its splice(2) keeps the pipe locked while it waits for the socket, so that nobody can read what
/// is in the pipe already.
fn pass_on(mut from: impl Read, mut to: impl std::io::Write) {
    let mut bytes = vec![0; 65536];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
}

fn server_settings(host_key: &PrivateKey, rekey_bytes: u64) -> ServerSettings {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    ServerSettings {
        software_version: "SSH-2.0-Bulkhead_test".to_owned(),
        kex_algorithms: names(&["curve25519-sha256"]),
        ciphers: names(&["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com"]),
        macs: names(&["hmac-sha2-256-etm@openssh.com"]),
        compression: Compression::Delayed,
        host_keys: vec![HostKey {
            algorithm: "ssh-ed25519".to_owned(),
            index: 0,
            blob: host_key.public().blob().to_vec(),
        }],
        server_sig_algs: "ssh-ed25519".to_owned(),
        rekey_bytes,
        rekey_seconds: 0,
        largest_packet: transport::limits::LARGEST_PACKET,
    }
}

/// Lets anybody in and hands the transport over, as `sshd-preauth` does.
fn log_in(mut stream: &TcpStream, settings: ServerSettings, host_key: &PrivateKey) -> Transport {
    let proof = LockedDown::not_locked_down_for_a_test();
    let mut transport = Transport::accept(settings, &proof);
    loop {
        while !transport.output().is_empty() {
            let written = stream.write(transport.output()).unwrap();
            transport.output_written(written);
        }
        let mut signature = None;
        let mut answer = Vec::new();
        match transport.next_event().unwrap() {
            Some(Event::SignExchangeHash { algorithm, exchange_hash, .. }) => {
                signature = Some(host_key.sign(algorithm, exchange_hash).unwrap());
            }
            Some(Event::Packet([msg::SSH_MSG_SERVICE_REQUEST, ..])) => {
                answer.put_u8(msg::SSH_MSG_SERVICE_ACCEPT);
                answer.put_string("ssh-userauth");
            }
            Some(Event::Packet([msg::SSH_MSG_USERAUTH_REQUEST, rest @ ..])) => {
                assert_eq!(Reader::new(rest).string(), Ok(&b"somebody"[..]));
                answer.put_u8(msg::SSH_MSG_USERAUTH_SUCCESS);
            }
            Some(_) => {}
            None => {
                let count = stream.read(transport.input_space()).unwrap();
                assert!(count > 0, "the client has gone");
                transport.input_filled(count);
            }
        }
        if let Some(signature) = signature {
            transport.signature(&signature).unwrap();
        }
        if !answer.is_empty() {
            transport.send(&answer);
            if answer == [msg::SSH_MSG_USERAUTH_SUCCESS] {
                transport.authenticated();
                return transport;
            }
        }
    }
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let bytes = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    bytes.take(length).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_command_gives_output_errors_and_status() {
    if ssh_is_missing("a_command_gives_output_errors_and_status") {
        return;
    }
    let served = ssh("echo out; echo err >&2; exit 7", b"");
    assert_eq!(served.output.status.code(), Some(7));
    assert_eq!((text(&served.output.stdout), text(&served.output.stderr)), ("out\n".into(), "err\n".into()));
    assert_eq!(served.process, Ended::Exited(0));
    let record = served.record.lock().unwrap();
    assert_eq!(record.closed, [0]);
    let received = Logged::ReceivedDisconnect { reason: 11, text: "disconnected by user".to_owned() };
    assert_eq!(record.events, [received, Logged::Disconnected]);
}

#[test]
fn bytes_pass_through_unchanged_both_ways_under_rekeys() {
    if ssh_is_missing("bytes_pass_through_unchanged_both_ways_under_rekeys") {
        return;
    }
    let input = noise(20_000_001);
    for options in [&["-o", "Ciphers=aes128-gcm@openssh.com"][..], &["-C"], &["-o", "RekeyLimit=1M"]] {
        let setup = Setup { rekey_bytes: 2_000_000, options, ..Setup::default() };
        let served = run(&setup, &["somebody@127.0.0.1", "cat"], input.clone());
        assert!(served.output.stdout == input, "{options:?} {} {:?}", served.output.stdout.len(), served.process);
        assert!(served.output.status.success(), "{}", text(&served.output.stderr));
        assert!(served.record.lock().unwrap().signatures >= 4);
    }
}

#[test]
fn two_pipes_do_as_well_as_a_socket() {
    if ssh_is_missing("two_pipes_do_as_well_as_a_socket") {
        return;
    }
    let input = noise(3_000_001);
    let setup = Setup { pipes: true, rekey_bytes: 1_000_000, ..Setup::default() };
    let served = run(&setup, &["somebody@127.0.0.1", "cat; exit 5"], input.clone());
    assert!(served.output.stdout == input);
    assert_eq!(served.output.status.code(), Some(5));
    assert_eq!(served.process, Ended::Exited(0));
}

#[test]
fn a_command_that_does_not_read_does_not_fill_memory_and_one_that_ends_is_not_waited_for() {
    if ssh_is_missing("a_command_that_does_not_read") {
        return;
    }
    let served = ssh("head -c 5; exec 0<&-; echo; sleep 0.2; echo late", &noise(30_000_000));
    assert!(served.output.status.success());
    assert!(served.output.stdout.ends_with(b"\nlate\n"), "{}", served.output.stdout.len());
}

#[test]
fn half_a_connection_is_closed_at_a_time() {
    if ssh_is_missing("half_a_connection_is_closed_at_a_time") {
        return;
    }
    // The answer comes only after our end of file.
    let served = ssh("wc -c; echo done", &noise(100_000));
    assert_eq!(text(&served.output.stdout), "100000\ndone\n");
    // The command closes its output and goes on.
    let served = ssh("exec >&- 2>&-; cat > /dev/null; exit 4", &noise(3_000_000));
    assert_eq!(served.output.status.code(), Some(4));
}

#[test]
fn a_terminal_has_size_modes_and_an_end() {
    if ssh_is_missing("a_terminal_has_size_modes_and_an_end") {
        return;
    }
    let arguments =
        ["-tt", "somebody@127.0.0.1", "stty size; stty -a | tr ' ' '\\n' | grep -x -e -echo -e echo; tty; exit 3"];
    let served = run(&Setup::default(), &arguments, Vec::new());
    let said = text(&served.output.stdout);
    assert!(said.contains("/dev/pts/"), "{said}");
    assert!(said.starts_with("0 0\r\n"), "{said}");
    assert_eq!(served.output.status.code(), Some(3));
}

#[test]
fn variables_pass_only_as_far_as_accepted() {
    if ssh_is_missing("variables_pass_only_as_far_as_accepted") {
        return;
    }
    let options = ["-o", "SetEnv=LANG=x LC_TIME=a=b EVIL=1"];
    let served = run(&Setup { options: &options, ..Setup::default() }, &["somebody@127.0.0.1", "true"], Vec::new());
    let pair = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let mut came = served.record.lock().unwrap().environment.clone();
    came.sort();
    assert_eq!(came, [pair("LANG", "x"), pair("LC_TIME", "a=b")]);
}

#[test]
fn files_come_and_go_unchanged() {
    if ssh_is_missing("files_come_and_go_unchanged") {
        return;
    }
    let directory = std::env::temp_dir().join(format!("sshd-session-files-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let content = noise(9_000_001);
    let path = |name: &str| directory.join(name).display().to_string();
    std::fs::write(path("here"), &content).unwrap();
    let remote = format!("somebody@127.0.0.1:{}", path("there"));
    let setup = Setup { program: "scp", rekey_bytes: 3_000_000, ..Setup::default() };
    let put = run(&setup, &[&path("here"), &remote], Vec::new());
    assert!(put.output.status.success(), "{}", text(&put.output.stderr));
    assert!(std::fs::read(path("there")).unwrap() == content);
    let got = run(&setup, &["-p", &remote, &path("back")], Vec::new());
    assert!(got.output.status.success(), "{}", text(&got.output.stderr));
    assert!(std::fs::read(path("back")).unwrap() == content);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn fifty_commands_share_one_connection() {
    if ssh_is_missing("fifty_commands_share_one_connection") {
        return;
    }
    let control = std::env::temp_dir().join(format!("sshd-session-mux-{}", std::process::id()));
    let path = control.display().to_string();
    let master = format!("-S{path}");
    let wait_then_use = format!(
        "until ssh -S {path} -O check x 2>/dev/null; do :; done; \
         for i in $(seq 50); do ssh -S {path} x \"echo $i; exit $i\" || echo $?; done | sort -n | uniq -c \
         | awk '$1 != 2' ; ssh -S {path} -O exit x 2>/dev/null"
    );
    let using = thread::spawn(move || Command::new("sh").arg("-c").arg(wait_then_use).output().unwrap());
    let setup = Setup { options: &["-M", "-N", &master], ..Setup::default() };
    let served = run(&setup, &["somebody@127.0.0.1"], Vec::new());
    let used = using.join().unwrap();
    assert_eq!((text(&used.stdout), text(&used.stderr)), (String::new(), String::new()));
    assert_eq!(served.process, Ended::Exited(0));
    assert_eq!(served.record.lock().unwrap().closed.len(), 50);
}
