//! OpenSSH's clients against the event loop. Only the login before it and the monitor are a test's own.
//! Skipped, by name, where there is no `ssh`.

use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use events::session::Event as Logged;
use keys::PrivateKey;
use nix::time::{ClockId, clock_gettime};
use sandbox::LockedDown;
use transport::{Compression, Event, HostKey, ServerSettings, Transport};
use wire::{Reader, Write as _, msg};

use super::fake_monitor::{FakeMonitor, Record};
use super::in_runtime;
use crate::serve::clock::Clock;
use crate::serve::connection::{Connection, Terms, session_window};
use crate::serve::ending::Ending;
use crate::serve::event_loop::EventLoop;
use crate::serve::monitor_link::MonitorLink;
use crate::serve::network::{Network, NetworkEnds};

/// What a client did, and what the server saw of it.
struct Served {
    output: Output,
    ending: Ending,
    record: Arc<Mutex<Record>>,
    /// Of the thread that served, login included.
    cpu: Duration,
}

/// A server for one connection, and the client's extra options.
struct Setup<'s> {
    rekey_bytes: u64,
    options: &'s [&'s str],
    program: &'s str,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self { rekey_bytes: 0, options: &[], program: "ssh" }
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
    let rekey_bytes = setup.rekey_bytes;
    let serving = thread::spawn(move || serve(listener.accept().unwrap().0, rekey_bytes));
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
    let (ending, record, cpu) = serving.join().unwrap();
    Served { output, ending, record, cpu }
}

fn ssh(command: &str, input: &[u8]) -> Served {
    run(&Setup::default(), &["somebody@127.0.0.1", command], input.to_vec())
}

fn serve(stream: TcpStream, rekey_bytes: u64) -> (Ending, Arc<Mutex<Record>>, Duration) {
    let host_key = PrivateKey::generate_ed25519().unwrap();
    let settings = server_settings(&host_key, rekey_bytes);
    let transport = log_in(&stream, settings.clone(), &host_key);
    let (ours, theirs) = sys::fd::seqpacket_pair().unwrap();
    let (record, monitor) = FakeMonitor::start(theirs, host_key);
    let peer_is_openssh = true;
    let ending = in_runtime(async {
        let network = NetworkEnds::from_descriptors(vec![stream.into()]).unwrap();
        let sftp = sftp::Client {
            user: "somebody".to_owned(),
            uid: nix::unistd::getuid().as_raw(),
            home: std::env::temp_dir(),
            address: network.peer_address(),
            open_handles: 100,
            input_limit: session_window(),
        };
        let terms = Terms {
            max_sessions: 10,
            accept_env: vec!["LANG".to_owned(), "LC_*".to_owned()],
            terminal: true,
            sftp: Some(sftp),
            peer_is_openssh,
        };
        let mut event_loop = EventLoop {
            network: Network::new(network).unwrap(),
            link: MonitorLink::new(ipc::Asking::over(ours)).unwrap(),
            transport,
            connection: Connection::new(terms),
            clock: Clock::new(&settings::Settings::default().global().for_session()),
            held: false,
            user: "somebody".to_owned(),
        };
        tokio::task::coop::unconstrained(event_loop.serve()).await
    });
    monitor.join().unwrap();
    let cpu = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
    (ending, record, cpu.into())
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
    let mut transport = Transport::accept(settings.clone(), &proof);
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
                return Transport::resume(transport.into_hand_over(), settings, &proof).unwrap();
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
    assert!(matches!(served.ending, Ending::Disconnected { reason: 11, .. }), "{:?}", served.ending);
    let record = served.record.lock().unwrap();
    assert_eq!(record.closed, [0]);
    assert!(record.events.iter().any(|event| matches!(event, Logged::Disconnected)), "{:?}", record.events);
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
        assert!(served.output.stdout == input, "{options:?} {} {}", served.output.stdout.len(), served.ending);
        assert!(served.output.status.success(), "{}", text(&served.output.stderr));
        assert!(served.record.lock().unwrap().signatures >= 4);
    }
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
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut came = served.record.lock().unwrap().environment.clone();
    came.sort();
    assert_eq!(came, [pair("LANG", "x"), pair("LC_TIME", "a=b")]);
}

/// What a change of the fast path costs or saves, with an optimised build that has debug assertions;
/// `make bench` compares with OpenSSH.
#[test]
#[ignore = "a measurement"]
fn throughput() {
    for cipher in ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"] {
        let cipher = format!("Ciphers={cipher}");
        let setup = Setup { options: &["-o", &cipher], ..Setup::default() };
        let down = run(&setup, &["somebody@127.0.0.1", "head -c 1073741824 /dev/zero"], Vec::new());
        let up = run(&setup, &["somebody@127.0.0.1", "cat > /dev/null"], vec![0; 1 << 30]);
        println!("{cipher}: server CPU per GiB down {:?}, up {:?}", down.cpu, up.cpu);
    }
}
