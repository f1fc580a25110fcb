//! Stands in for the listener, and for whatever the less trusted processes want to say.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use events::{ConnectionFacts, Destination, Endpoint, Level, LogSettings};
use ipc::phases::{
    AuthenticatingAnswer, AuthenticatingRequest, ExchangeToSign, KeyExchangeAnswer, KeyExchangeRequest,
    NamingUserAnswer, NamingUserRequest, OfferedKey,
};
use ipc::start::{MonitorStart, MonitorTask};
use keys::{HostKey, PrivateKey, PublicKey, Signer};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use serde::Serialize;
use serde::de::DeserializeOwned;
use settings::keywords::{Id, Setting};
use settings::{Place, Said, Settings};
use sys::process::{Child, Ended, Program};
use wire::Write;

use crate::role::HELLO;

/// Numbers of the phases.
pub(crate) const KEY_EXCHANGE: u8 = 1;
pub(crate) const NAMING_USER: u8 = 2;
pub(crate) const AUTHENTICATING: u8 = 3;
pub(crate) const HANDING_OVER: u8 = 4;
pub(crate) const LOGGED_IN: u8 = 5;
pub(crate) const DIALOGUE: u8 = 6;

/// The session id of every connection here.
pub(crate) const SESSION_ID: [u8; 32] = [42; 32];

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A monitor with this test in place of its children.
pub(crate) struct Monitor {
    process: Child,
    network: OwnedFd,
    log: PathBuf,
    key_file: PathBuf,
    pub(crate) login_key: PrivateKey,
    /// The public half.
    pub(crate) host_key: PublicKey,
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.process.signal(nix::sys::signal::Signal::SIGKILL);
        let _ = std::fs::remove_file(&self.log);
        let _ = std::fs::remove_file(&self.key_file);
    }
}

impl Monitor {
    /// A monitor under these lines of configuration. The user of this test can log in with `login_key`, whose line in
    /// authorized_keys has `options` in front.
    pub(crate) fn under(configuration: &[(Id, &str)], options: &str) -> Self {
        let login_key = PrivateKey::generate_ed25519().expect("a key");
        let key_file = scratch_file("keys");
        std::fs::write(&key_file, authorized_line(options, &login_key)).expect("authorized_keys");
        let mut lines = vec![
            (Id::AuthorizedKeysFile, key_file.to_str().expect("UTF-8").to_owned()),
            (Id::StrictModes, "no".to_owned()),
            (Id::PermitRootLogin, "yes".to_owned()),
            (Id::LogLevel, "DEBUG".to_owned()),
        ];
        lines.extend(configuration.iter().map(|(id, line)| (*id, (*line).to_owned())));
        let (network, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).expect("a network");
        let log = scratch_file("log");
        let host_key = PrivateKey::generate_ed25519().expect("a key");
        let process = start_monitor(&settings(&lines), &host_key, theirs, &log);
        let monitor = Self { process, network, log, key_file, login_key, host_key: host_key.public().clone() };
        monitor.expect_hello();
        monitor
    }

    /// With nothing special.
    pub(crate) fn plain() -> Self {
        Self::under(&[], "")
    }

    /// Sends bytes as they are.
    pub(crate) fn send_raw(&self, frame: &[u8]) {
        // The monitor may have had enough already.
        let _ = sys::fd::send_with_fds(self.network.as_fd(), frame, &[]);
    }

    /// The same with a descriptor that no request declares.
    pub(crate) fn send_raw_with_a_descriptor(&self, frame: &[u8]) {
        let _ = sys::fd::send_with_fds(self.network.as_fd(), frame, &[self.network.as_fd()]);
    }

    pub(crate) fn send(&self, phase: u8, request: &impl Serialize) {
        self.send_raw(&frame(phase, request));
    }

    /// The next answer with its descriptors; none when the monitor has gone.
    pub(crate) fn receive_raw(&self) -> Option<(Vec<u8>, Vec<OwnedFd>)> {
        let mut watched = [PollFd::new(self.network.as_fd(), PollFlags::POLLIN)];
        let ready = poll(&mut watched, PollTimeout::try_from(PATIENCE).expect("short")).expect("poll");
        assert!(ready > 0, "no answer and no end; the log:\n{}", self.log());
        let mut buffer = vec![0; ipc::MAX_FRAME];
        match sys::fd::receive_with_fds(self.network.as_fd(), &mut buffer, 4) {
            Ok((0, _)) | Err(_) => None,
            Ok((length, descriptors)) => Some((buffer[..length].to_vec(), descriptors)),
        }
    }

    pub(crate) fn receive<T: DeserializeOwned>(&self, phase: u8) -> Option<T> {
        self.receive_raw().map(|(answer, _)| decoded(phase, &answer))
    }

    pub(crate) fn ask<T: DeserializeOwned>(&self, phase: u8, request: &impl Serialize) -> Option<T> {
        self.send(phase, request);
        let answer = self.receive(phase);
        if answer.is_none() {
            eprintln!("no answer; the log:\n{}", self.log());
        }
        answer
    }

    /// The host key signs; the next phase.
    pub(crate) fn sign_exchange(&self) {
        let answer = self.ask(KEY_EXCHANGE, &KeyExchangeRequest::SignExchange(exchange(&SESSION_ID)));
        assert!(matches!(answer, Some(KeyExchangeAnswer::Signed(signature)) if !signature.is_empty()));
    }

    /// Names the user of this test; the next phase.
    pub(crate) fn name_user(&self) {
        let user = own_name();
        let NamingUserAnswer::Named { .. } =
            self.ask(NAMING_USER, &NamingUserRequest::LookUpUser { user }).expect("named");
    }

    /// As far as a phase.
    pub(crate) fn reach(&self, phase: u8) {
        if phase >= NAMING_USER {
            self.sign_exchange();
        }
        if phase >= AUTHENTICATING {
            self.name_user();
        }
        if phase >= HANDING_OVER {
            let answer: AuthenticatingAnswer =
                self.ask(AUTHENTICATING, &self.signature(&SESSION_ID, &own_name(), false)).expect("an answer");
            assert_eq!(answer, AuthenticatingAnswer::LoggedIn, "{}", self.log());
        }
        if phase >= LOGGED_IN {
            self.send(HANDING_OVER, &ipc::phases::HandingOverRequest::HandOver(vec![1, 2, 3]));
            // The first relay ends with its link; what is sent from now on must be for the second one.
            self.expect_hello();
        }
    }

    /// A relay is at work.
    fn expect_hello(&self) {
        let (hello, _) = self.receive_raw().unwrap_or_else(|| panic!("no relay; the log:\n{}", self.log()));
        assert_eq!(hello, HELLO);
    }

    /// A request with a right signature over these facts.
    pub(crate) fn signature(&self, session_id: &[u8], user: &str, hostbound: bool) -> AuthenticatingRequest {
        let key = self.offered_key();
        let mut signed = Vec::new();
        signed.put_string(session_id);
        signed.put_u8(50);
        signed.put_string(user);
        signed.put_string("ssh-connection");
        signed.put_string("publickey");
        signed.put_boolean(true);
        signed.put_string(&key.algorithm);
        signed.put_string(&key.blob);
        let signature = self.login_key.sign("ssh-ed25519", &signed).expect("a signature");
        AuthenticatingRequest::CheckSignature { key, signature, hostbound }
    }

    pub(crate) fn offered_key(&self) -> OfferedKey {
        OfferedKey { algorithm: "ssh-ed25519".to_owned(), blob: self.login_key.public().blob().to_vec() }
    }

    /// How it ended; the peers are gone by then. Every answer that was still under way is lost.
    pub(crate) fn wait(&self) -> i32 {
        let mut watched = [PollFd::new(self.process.pidfd(), PollFlags::POLLIN)];
        let ready = poll(&mut watched, PollTimeout::try_from(PATIENCE).expect("short")).expect("poll");
        assert!(ready > 0, "the monitor does not end; the log:\n{}", self.log());
        match self.process.wait().expect("wait") {
            Ended::Exited(status) => status,
            Ended::Signalled { signal, .. } => panic!("the monitor was ended by signal {signal}:\n{}", self.log()),
        }
    }

    /// What the log says so far.
    pub(crate) fn log(&self) -> String {
        let mut text = String::new();
        File::open(&self.log).expect("the log").read_to_string(&mut text).expect("UTF-8");
        text
    }

    /// The log says which system call the process died of, if the kernel's log, which not everybody may read, says it.
    pub(crate) fn expect_a_violation_of(&self, process: &str) {
        let log = self.log();
        let says = |call| log.contains(&format!("{process}: sandbox violation: system call {call}"));
        assert!(says("socket") || says("unknown"), "{log}");
    }

    /// The monitor ends by itself without having said anything more, without a panic and without letting anybody in.
    pub(crate) fn expect_end(&self, status: i32) {
        if let Some((answer, _)) = self.receive_raw() {
            panic!("answered {answer:?}:\n{}", self.log());
        }
        assert_eq!(self.wait(), status, "{}", self.log());
        let log = self.log();
        assert!(!log.contains("panicked"), "{log}");
        assert!(!log.contains("Accepted publickey"), "{log}");
    }
}

pub(crate) fn own_name() -> String {
    sys::identity::current().expect("an account").name
}

pub(crate) fn exchange(hash: &[u8]) -> ExchangeToSign {
    ExchangeToSign { host_key: 0, algorithm: "ssh-ed25519".to_owned(), exchange_hash: hash.to_vec() }
}

pub(crate) fn frame(phase: u8, message: &impl Serialize) -> Vec<u8> {
    let mut frame = vec![phase];
    frame.extend(postcard::to_stdvec(message).expect("encodable"));
    frame
}

pub(crate) fn decoded<T: DeserializeOwned>(phase: u8, answer: &[u8]) -> T {
    assert_eq!(answer.first(), Some(&phase), "an answer of another phase: {answer:?}");
    postcard::from_bytes(&answer[1..]).expect("an answer of this phase")
}

fn authorized_line(options: &str, key: &PrivateKey) -> String {
    let blank = if options.is_empty() { "" } else { " " };
    format!("{options}{blank}ssh-ed25519 {}\n", base64(key.public().blob()))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = (0..3).fold(0u32, |number, place| number << 8 | u32::from(three.get(place).copied().unwrap_or(0)));
        for place in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

fn scratch_file(what: &str) -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("hostile-children-{}-{number}-{what}", std::process::id()))
}

fn settings(lines: &[(Id, String)]) -> Settings {
    let said = |(id, line): &(Id, String)| Said {
        setting: Setting::parse_default(*id, line),
        place: Place { file: 0, line: 1 },
        block: None,
    };
    // The first value wins: the test's own lines come last in `lines`.
    Settings { files: vec!["test".to_owned()], said: lines.iter().rev().map(said).collect(), ..Settings::default() }
}

fn start_monitor(settings: &Settings, host_key: &PrivateKey, network: OwnedFd, log: &PathBuf) -> Child {
    let (ours, theirs) = sys::fd::seqpacket_pair().expect("a link");
    let log_file = File::options().create(true).append(true).open(log).expect("a log");
    let executable = File::open(env!("CARGO_BIN_EXE_sshd-monitor")).expect("the monitor");
    let this_test = File::open("/proc/self/exe").expect("this test");
    let process = sys::process::start(&Program {
        executable: executable.as_fd(),
        argv: vec![c"sshd: [accepted]".to_owned()],
        environment: Vec::new(),
        // A panic would be written to standard error.
        descriptors: vec![(theirs.as_fd(), ipc::start::LINK), (log_file.as_fd(), 2)],
        new_session: true,
    })
    .expect("a process");
    let (_listener, startup_pipe) = sys::fd::pipe(1).expect("a pipe");
    let end = |port| Endpoint { address: "192.0.2.7".to_owned(), port };
    let start = MonitorStart {
        facts: ConnectionFacts { peer: end(50022), local: end(22), ..ConnectionFacts::none() },
        network_descriptors: 1,
        log: LogSettings { destination: Destination::File, threshold: Level::Debug1, facility: 4, events: None },
        preauth_confinement: None,
        best_effort_sandbox: false,
        debugging: false,
        identification: "SSH-2.0-Test".to_owned(),
        time_to_log_in: Some(settings.global().login_grace_time.duration()),
        delay_secret: [0; 32],
    };
    let settings = ipc::start::seal("settings", settings).expect("sealed");
    let host_keys = [HostKey::new(Signer::Private(host_key.clone()))];
    let host_keys = ipc::start::seal("host keys", &host_keys.as_slice()).expect("sealed");
    let descriptors = [
        network.as_fd(),
        settings.as_fd(),
        host_keys.as_fd(),
        this_test.as_fd(),
        this_test.as_fd(),
        this_test.as_fd(),
        this_test.as_fd(),
        startup_pipe.as_fd(),
        log_file.as_fd(),
    ];
    ipc::start::send(ours.as_fd(), &MonitorTask::Serve(Box::new(start)), &descriptors).expect("sent");
    process
}
