//! The real `sshd-preauth`, locked down, between a scripted monitor and peers on loopback: OpenSSH's client where a
//! login is attempted, plain sockets where the peer misbehaves.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use events::preauth::Event;
use ipc::phases::{
    Authenticating, AuthenticatingAnswer, AuthenticatingRequest, HandingOver, HandingOverRequest, KeyExchange,
    KeyExchangeAnswer, KeyExchangeRequest, NamingUser, NamingUserAnswer, NamingUserRequest,
};
use ipc::start::{LINK, OfferedHostKey, PreauthStart};
use ipc::{Answering, IpcError};
use keys::PrivateKey;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use settings::Effective;
use sys::process::{Child, Ended, Program};

/// A monitor with its `sshd-preauth`, whose peer is still to connect.
struct Stage {
    host_key: PrivateKey,
    listener: TcpListener,
}

/// `sshd-preauth` at work.
struct Preauth {
    process: Child,
    link: Answering<KeyExchange>,
}

impl Stage {
    fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        Self { host_key: PrivateKey::generate_ed25519().expect("a key"), listener }
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().expect("bound").port()
    }

    fn peer(&self) -> TcpStream {
        let peer = TcpStream::connect(self.listener.local_addr().expect("bound")).expect("connected");
        peer.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        peer
    }

    /// Takes the next connection and starts the process for it.
    fn serve(&self) -> Preauth {
        let (network, _) = self.listener.accept().expect("a peer");
        let (ours, theirs) = sys::fd::seqpacket_pair().expect("a link");
        let executable = File::open(env!("CARGO_BIN_EXE_sshd-preauth")).expect("built");
        let stderr = std::io::stderr();
        let process = sys::process::start(&Program {
            executable: executable.as_fd(),
            argv: vec![c"sshd: [net]".to_owned()],
            environment: Vec::new(),
            descriptors: vec![(theirs.as_fd(), LINK), (stderr.as_fd(), 2)],
            new_session: true,
        })
        .expect("started");
        drop(theirs);
        let blob = self.host_key.public().blob().to_vec();
        let start = PreauthStart {
            confinement: None,
            best_effort_sandbox: false,
            identification: "SSH-2.0-Test".to_owned(),
            settings: Effective::defaults().for_preauth(),
            host_keys: vec![OfferedHostKey { index: 5, algorithm: "ssh-ed25519".to_owned(), blob }],
        };
        ipc::start::send(ours.as_fd(), &start, &[network.as_fd()]).expect("sent");
        Preauth { process, link: Answering::over(ours) }
    }
}

impl Preauth {
    /// Everything it has for the log until it ends; it asks for nothing.
    fn records(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            match self.link.receive() {
                Ok(KeyExchangeRequest::Record(event)) => events.push(event),
                Ok(other) => panic!("asked for {other:?}"),
                Err(IpcError::PeerGone) => break,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(ended(&self.process), Ended::Exited(0));
        events
    }

    /// Signs the exchange and lets `alice` be named.
    fn until_named(mut self, stage: &Stage) -> (Child, Answering<Authenticating>) {
        let KeyExchangeRequest::SignExchange(exchange) = self.link.receive().expect("a request") else {
            panic!("no exchange to sign")
        };
        assert_eq!((exchange.host_key, exchange.algorithm.as_str()), (5, "ssh-ed25519"));
        let signature = stage.host_key.sign("ssh-ed25519", &exchange.exchange_hash).expect("signed");
        self.link.answer(&KeyExchangeAnswer::Signed(signature), &[]).expect("answered");
        let mut link: Answering<NamingUser> = self.link.enter();
        let NamingUserRequest::LookUpUser { user } = link.receive().expect("a request") else { panic!("no name") };
        assert_eq!(user, "alice");
        link.answer(&NamingUserAnswer::Named { banner: Some("The banner.\n".to_owned()), details: None }, &[])
            .expect("answered");
        (self.process, link.enter())
    }
}

fn ended(process: &Child) -> Ended {
    let mut watched = [PollFd::new(process.pidfd(), PollFlags::POLLIN)];
    let ready = poll(&mut watched, PollTimeout::from(20_000_u16)).expect("poll");
    assert!(ready > 0, "the process does not end");
    process.wait().expect("waited")
}

fn failed() -> AuthenticatingAnswer {
    AuthenticatingAnswer::Failed { can_continue: vec!["publickey".to_owned()], partial: false }
}

/// OpenSSH's client with a key of its own.
struct Client {
    process: std::process::Child,
    directory: PathBuf,
}

impl Client {
    fn connecting_to(stage: &Stage, name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("preauth-test-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        let key = directory.join("key");
        let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
        assert!(made.expect("ssh-keygen is there").success());
        let process = Command::new("ssh")
            .args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "IdentitiesOnly=yes"])
            .args(["-o", "UserKnownHostsFile=/dev/null", "-p", &stage.port().to_string(), "-i"])
            .arg(&key)
            .args(["alice@127.0.0.1", "true"])
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ssh is there");
        Self { process, directory }
    }

    /// What it says on standard error until it ends.
    fn says(&mut self) -> String {
        let mut text = String::new();
        let mut stderr = self.process.stderr.take().expect("piped");
        stderr.read_to_string(&mut text).expect("UTF-8");
        text
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

#[test]
fn a_login_ends_with_the_transport_handed_over() {
    let stage = Stage::set();
    let mut client = Client::connecting_to(&stage, "login");
    let (process, mut link) = stage.serve().until_named(&stage);
    assert!(matches!(link.receive().expect("a request"), AuthenticatingRequest::None));
    link.answer(&failed(), &[]).expect("answered");
    let AuthenticatingRequest::QueryKey(queried) = link.receive().expect("a request") else { panic!("no query") };
    link.answer(&AuthenticatingAnswer::KeyWouldDo, &[]).expect("answered");
    let AuthenticatingRequest::CheckSignature { key, signature, .. } = link.receive().expect("a request") else {
        panic!("no signature")
    };
    assert_eq!(key, queried);
    assert!(!signature.is_empty());
    link.answer(&AuthenticatingAnswer::LoggedIn, &[]).expect("answered");
    let mut link: Answering<HandingOver> = link.enter();
    let HandingOverRequest::HandOver(state) = link.receive().expect("a request") else { panic!("no hand-over") };
    assert!(state.len() > 100 && state.len() < 16 * 1024, "{} bytes", state.len());
    assert_eq!(ended(&process), Ended::Exited(0));
    // Nobody continues the connection here; the banner has arrived with the first answer all the same.
    drop(link);
    assert!(client.says().contains("The banner."));
}

#[test]
fn whoever_is_sent_away_is_told_why() {
    let stage = Stage::set();
    let mut client = Client::connecting_to(&stage, "away");
    let (process, mut link) = stage.serve().until_named(&stage);
    assert!(matches!(link.receive().expect("a request"), AuthenticatingRequest::None));
    let away = AuthenticatingAnswer::Disconnect { reason: 2, text: "Too many authentication failures".to_owned() };
    link.answer(&away, &[]).expect("answered");
    assert_eq!(ended(&process), Ended::Exited(0));
    let said = client.says();
    assert!(said.contains(":2: Too many authentication failures"), "{said}");
}

#[test]
fn a_client_without_another_key_gives_up_and_the_log_knows() {
    let stage = Stage::set();
    let client = Client::connecting_to(&stage, "gives-up");
    let (process, mut link) = stage.serve().until_named(&stage);
    for _ in 0..2 {
        link.receive().expect("a request");
        link.answer(&failed(), &[]).expect("answered");
    }
    let AuthenticatingRequest::Record(event) = link.receive().expect("a request") else { panic!("no record") };
    assert!(matches!(event, Event::ConnectionClosed), "{event:?}");
    assert_eq!(ended(&process), Ended::Exited(0));
    drop(client);
}

#[test]
fn without_a_monitor_nothing_goes_on() {
    let stage = Stage::set();
    // A peer that says nothing, and one in the middle of the dialogue.
    let _silent = stage.peer();
    let Preauth { process, link } = stage.serve();
    drop(link);
    assert_eq!(ended(&process), Ended::Exited(1));
    let mut client = Client::connecting_to(&stage, "alone");
    let (process, link) = stage.serve().until_named(&stage);
    drop(link);
    assert_eq!(ended(&process), Ended::Exited(1));
    assert!(!client.says().is_empty());
}

#[test]
fn peers_that_do_not_speak_ssh_are_told_so() {
    let stage = Stage::set();
    let mut peer = stage.peer();
    peer.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("written");
    let events = stage.serve().records();
    assert_eq!(
        events,
        [
            Event::InvalidIdentification { line: "GET / HTTP/1.1".to_owned() },
            Event::IdentificationFailed { why: "invalid format".to_owned() }
        ]
    );
    let mut answer = vec![0; 200];
    let length = peer.read(&mut answer).expect("read");
    assert!(answer[..length].ends_with(b"Invalid SSH identification string.\r\n"));
}

#[test]
fn peers_that_go_before_saying_anything_are_noticed() {
    let stage = Stage::set();
    drop(stage.peer());
    assert_eq!(stage.serve().records(), [Event::ClosedBeforeIdentification, Event::ConnectionClosed]);
    let mut half_open = stage.peer();
    half_open.write_all(b"SSH-2.0-half").expect("written");
    half_open.shutdown(std::net::Shutdown::Write).expect("shut down");
    assert_eq!(stage.serve().records(), [Event::ClosedBeforeIdentification, Event::ConnectionClosed]);
}

#[test]
fn garbage_ends_the_connection_at_once() {
    let stage = Stage::set();
    for garbage in [&[0xff; 64][..], &[0, 0, 0, 12, 10, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[0; 64]] {
        let mut peer = stage.peer();
        peer.write_all(b"SSH-2.0-x\r\n").expect("written");
        peer.write_all(garbage).expect("written");
        let events = stage.serve().records();
        assert!(matches!(events.as_slice(), [Event::ProtocolError { .. }]), "{events:?}");
    }
}

#[test]
fn a_peer_that_sends_without_end_and_never_reads_costs_little() {
    let stage = Stage::set();
    let mut peer = stage.peer();
    peer.set_write_timeout(Some(Duration::from_millis(500))).expect("set");
    let Preauth { process, link } = stage.serve();
    peer.write_all(b"SSH-2.0-x\r\n").expect("written");
    // SSH_MSG_IGNORE in plain text: nothing is answered, everything is read or the connection ends.
    let mut packet = vec![0, 0, 0x7f, 0xfc, 6, 2, 0, 0, 0x7f, 0xf0];
    packet.resize(4 + 0x7ffc, 0);
    for _ in 0..200 {
        if peer.write_all(&packet).is_err() {
            break;
        }
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap_or_default();
    if let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
        let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
        assert!(kilobytes < 64 * 1024, "{kilobytes} kB");
    }
    drop((peer, link));
    ended(&process);
}
