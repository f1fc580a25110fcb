//! A monitor that runs every command as the user of the test, in a thread.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use events::session::Event;
use ipc::phases::{EndedHow, LoggedIn, LoggedInAnswer, LoggedInRequest, NotConnected, Wanted};
use ipc::{Answering, IpcError};
use keys::PrivateKey;

/// What the monitor was told, for the test to look at.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) events: Vec<Event>,
    pub(crate) signatures: u32,
    pub(crate) environment: Vec<(String, Vec<u8>)>,
    pub(crate) closed: Vec<u32>,
}

pub(crate) struct FakeMonitor {
    link: Answering<LoggedIn>,
    /// The same socket, for the threads that wait for commands.
    socket: OwnedFd,
    host_key: PrivateKey,
    record: Arc<Mutex<Record>>,
    terminals: HashMap<u32, OwnedFd>,
}

impl FakeMonitor {
    /// Starts it; it ends when the other end of the link is closed.
    pub(crate) fn start(socket: OwnedFd, host_key: PrivateKey) -> (Arc<Mutex<Record>>, JoinHandle<()>) {
        let record = Arc::new(Mutex::new(Record::default()));
        let monitor = Self {
            socket: socket.try_clone().unwrap(),
            link: Answering::over(socket),
            host_key,
            record: Arc::clone(&record),
            terminals: HashMap::new(),
        };
        (record, thread::spawn(move || monitor.run()))
    }

    fn run(mut self) {
        loop {
            match self.link.receive() {
                Ok(request) => self.answer(request),
                Err(IpcError::PeerGone) => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn answer(&mut self, request: LoggedInRequest) {
        match request {
            LoggedInRequest::RecordFile(_) => {}
            LoggedInRequest::Record(event) => self.record.lock().unwrap().events.push(event),
            LoggedInRequest::ChooseGroup(_) => self.link.answer(&LoggedInAnswer::Group(None), &[]).unwrap(),
            LoggedInRequest::SignRekey(exchange) => {
                self.record.lock().unwrap().signatures += 1;
                let signature = self.host_key.sign(&exchange.algorithm, &exchange.exchange_hash).unwrap();
                self.link.answer(&LoggedInAnswer::Signed(signature), &[]).unwrap();
            }
            LoggedInRequest::ProveHostKeys(_) => {
                self.link.answer(&LoggedInAnswer::Refused { why: "not here".to_owned() }, &[]).unwrap();
            }
            LoggedInRequest::OpenTerminal { session, .. } => {
                let pty = sys::pty::open(None).unwrap();
                self.link.answer(&LoggedInAnswer::Terminal { name: pty.name }, &[pty.master.as_fd()]).unwrap();
                self.terminals.insert(session, pty.slave);
            }
            LoggedInRequest::Start { session, what, environment } => self.start_command(session, what, environment),
            LoggedInRequest::NameOfUser { .. } | LoggedInRequest::NameOfGroup { .. } => {
                self.link.answer(&LoggedInAnswer::Name(Some("somebody".to_owned())), &[]).unwrap();
            }
            LoggedInRequest::HomeOfUser { .. } => self.link.answer(&LoggedInAnswer::Name(None), &[]).unwrap(),
            LoggedInRequest::CloseSession { session, .. } => self.record.lock().unwrap().closed.push(session),
            LoggedInRequest::Connect { number, .. } | LoggedInRequest::OpenTunnel { number, .. } => {
                let refused = LoggedInAnswer::NotConnected { number, why: NotConnected::Prohibited };
                self.link.answer(&refused, &[]).unwrap();
            }
            LoggedInRequest::Listen { number, .. }
            | LoggedInRequest::ListenForAgent { number }
            | LoggedInRequest::ListenForX11 { number, .. } => {
                self.link.answer(&LoggedInAnswer::NotListening { number, tell: None }, &[]).unwrap();
            }
            LoggedInRequest::Signal { .. } | LoggedInRequest::StopListening { .. } => {}
        }
    }

    fn start_command(&mut self, session: u32, what: Wanted, environment: Vec<(String, Vec<u8>)>) {
        self.record.lock().unwrap().environment = environment;
        let line = match what {
            Wanted::Shell => b"exec sh".to_vec(),
            Wanted::Command(line) => line,
            Wanted::Subsystem(name) if name == "sftp" => {
                self.link.answer(&LoggedInAnswer::ServeSftp { arguments: Vec::new() }, &[]).unwrap();
                return;
            }
            Wanted::Subsystem(_) => {
                self.link.answer(&LoggedInAnswer::Refused { why: "unknown".to_owned() }, &[]).unwrap();
                return;
            }
        };
        let line = std::ffi::OsStr::from_bytes(&line);
        let child = match self.terminals.remove(&session) {
            Some(terminal) => {
                let stdio = || Stdio::from(terminal.try_clone().unwrap());
                let mut command = Command::new("setsid");
                command.args(["--ctty", "--wait", "sh", "-c"]).arg(line);
                let child = command.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().unwrap();
                self.link.answer(&LoggedInAnswer::Started { on_terminal: true }, &[]).unwrap();
                child
            }
            None => self.start_on_pipes(line),
        };
        self.wait_for(session, child);
    }

    fn start_on_pipes(&self, line: &std::ffi::OsStr) -> Child {
        let (stdin, to_stdin) = sys::fd::pipe(65536).unwrap();
        let (from_stdout, stdout) = sys::fd::pipe(65536).unwrap();
        let (from_stderr, stderr) = sys::fd::pipe(65536).unwrap();
        let mut command = Command::new("sh");
        command.arg("-c").arg(line).stdin(stdin).stdout(stdout).stderr(stderr);
        let child = command.spawn().unwrap();
        // The command holds copies of our ends of the pipes.
        drop(command);
        let ends = [to_stdin.as_fd(), from_stdout.as_fd(), from_stderr.as_fd()];
        self.link.answer(&LoggedInAnswer::Started { on_terminal: false }, &ends).unwrap();
        child
    }

    fn wait_for(&self, session: u32, mut child: Child) {
        let link = Answering::<LoggedIn>::over(self.socket.try_clone().unwrap());
        thread::spawn(move || {
            let status = child.wait().unwrap();
            let how = match (status.code(), status.signal()) {
                (Some(code), _) => EndedHow::Status(code as u32),
                (None, Some(libc_sigpipe)) if libc_sigpipe == nix::sys::signal::Signal::SIGPIPE as i32 => {
                    EndedHow::Signal { name: "PIPE".to_owned(), core_dumped: false }
                }
                _ => EndedHow::Signal { name: "TERM".to_owned(), core_dumped: false },
            };
            // The session may be over.
            let _ = link.answer(&LoggedInAnswer::Ended { session, how }, &[]);
        });
    }
}
