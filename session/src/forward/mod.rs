//! `sshd-forward`: opens sockets as the user, for forwardings that the monitor has allowed.
//!
//! It looks names up, connects, binds, and hands each socket to the monitor, who passes it to `sshd-session`. So the
//! process that a client talks to needs no socket of its own making, the one with root's rights asks no resolver and
//! follows no path of a user's, and this one never sees what goes through a socket.
//!
//! Each request has a thread, as resolvers and connect(2) take their time; the number of threads is bounded. It ends when the
//! monitor has gone, and leaves no file of a socket behind.

mod agent_socket;
mod display;
mod listening;
mod reaching;
mod workers;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use ipc::forwarding::{Bind, Forwarding, ForwardingAnswer, ForwardingRequest, NotBound, SocketFile};
use ipc::start::{ForwardStart, LINK};
use ipc::{Answering, IpcError};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::{Mode, umask};
use sandbox::{SandboxError, Surroundings};
use thiserror::Error;

use self::listening::{SocketFiles, listen_tcp};
use self::reaching::{Resolver, words};
use self::workers::Workers;

/// Why the process cannot do its work.
#[derive(Debug, Error)]
enum ForwardError {
    #[error("{0}")]
    Start(#[from] IpcError),
    #[error("cannot begin: {0}")]
    System(#[from] std::io::Error),
    #[error("cannot give up what it does not need: {0}")]
    Sandbox(#[from] SandboxError),
}

/// The life of the process.
#[must_use]
pub fn run() -> ExitCode {
    sys::memory::keep_little();
    sys::title::init();
    match forward() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody can be told but whoever looks at standard error.
            eprintln!("sshd-forward: {error}");
            ExitCode::FAILURE
        }
    }
}

fn forward() -> Result<(), ForwardError> {
    let link = sys::fd::adopt(LINK)?;
    let (start, descriptors, link): (ForwardStart, _, _) = ipc::start::receive(link)?;
    drop(descriptors);
    outlive_signals().map_err(std::io::Error::from)?;
    sandbox::keep_only_sockets(&Surroundings {
        identity: start.identity,
        empty_root: start.chroot.map(PathBuf::from),
        jail: None,
        best_effort: start.best_effort_sandbox,
    })?;
    std::env::set_current_dir("/")?;
    umask(Mode::from_bits_truncate(start.bind_mask));
    let server = Server {
        answering: Arc::new(Answering::over(link.try_clone()?)),
        resolver: Resolver { families: start.families },
        files: Arc::new(Mutex::new(SocketFiles::new(start.unlink_first, start.left_behind))),
        workers: Workers::default(),
    };
    let mut requests = Answering::<Forwarding>::over(link);
    while let Ok(request) = requests.receive() {
        server.serve(request);
    }
    // Threads that still wait for a name server end with the process.
    server.with_files(SocketFiles::remove_all);
    Ok(())
}

/// Whoever ends all processes of a server at once means the connection: that one's end is this one's, and there are files
/// to remove.
fn outlive_signals() -> nix::Result<()> {
    let outlived: SigSet = [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT].into_iter().collect();
    outlived.thread_block()
}

/// Listening sockets, and where.
struct Opened {
    port: u16,
    file: Option<SocketFile>,
    sockets: Vec<OwnedFd>,
    failed: Vec<NotBound>,
}

/// What serving takes; all threads share it.
#[derive(Clone)]
struct Server {
    answering: Arc<Answering<Forwarding>>,
    resolver: Resolver,
    files: Arc<Mutex<SocketFiles>>,
    workers: Workers,
}

impl Server {
    fn serve(&self, request: ForwardingRequest) {
        match request {
            ForwardingRequest::Connect { number, to } => {
                let server = self.clone();
                self.workers.work(move || match server.resolver.reach(&to) {
                    Ok(socket) => server.answer(&ForwardingAnswer::Connected { number }, &[socket]),
                    Err(why) => {
                        server.answer(&ForwardingAnswer::NotConnected { number, found: why.found, why: why.text }, &[])
                    }
                });
            }
            ForwardingRequest::Listen { number, on } => {
                let server = self.clone();
                self.workers.work(move || match server.listen(number, &on) {
                    Ok(Opened { port, file, sockets, failed }) => {
                        let count = u8::try_from(sockets.len()).unwrap_or(u8::MAX);
                        let answer = ForwardingAnswer::Listening { number, port, file, sockets: count, failed };
                        server.answer(&answer, &sockets);
                    }
                    Err(why) => server.answer(&ForwardingAnswer::NotListening { number, why }, &[]),
                });
            }
            ForwardingRequest::StopListening { number } => self.with_files(|files| files.remove(number)),
        }
    }

    fn listen(&self, number: u32, on: &Bind) -> Result<Opened, Vec<NotBound>> {
        let only = |why| vec![NotBound::only(why)];
        let on_path = |path: &str| {
            let (socket, file) = self.with_files(|files| files.listen(number, path)).map_err(only)?;
            Ok(Opened { port: 0, file: Some(file), sockets: vec![socket], failed: Vec::new() })
        };
        let on_port = |(port, sockets)| Opened { port, file: None, sockets, failed: Vec::new() };
        match on {
            Bind::Tcp { host, port } => listen_tcp(self.resolver, host, *port),
            Bind::Display { first, loopback } => {
                display::listen(self.resolver.families, *first, *loopback).map(on_port).map_err(only)
            }
            Bind::Path(path) => on_path(path),
            Bind::Agent { home } => {
                let no_path = |error| only(format!("no socket for the agent below {home}: {}", words(&error)));
                on_path(&agent_socket::new_path(home).map_err(no_path)?.to_string_lossy())
            }
        }
    }

    fn with_files<T>(&self, act: impl FnOnce(&mut SocketFiles) -> T) -> T {
        // A thread that died while it held them has left them as they were.
        act(&mut self.files.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// A monitor that has gone needs no answer: the main thread finds that out.
    fn answer(&self, answer: &ForwardingAnswer, sockets: &[OwnedFd]) {
        let sockets: Vec<BorrowedFd<'_>> = sockets.iter().map(AsFd::as_fd).collect();
        let _ = self.answering.answer(answer, &sockets);
    }
}
