//! From the first socket to the signal that ends the listener.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use events::listener::Event;
use events::{Destination, Level, Log};
use nix::sys::signal::Signal;
use sys::errors::words;
use sys::process::Background;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixListener;
use tokio::task::LocalSet;

use super::accepting::{Listener, Shared, accept_on};
use super::configuration::InForce;
use super::connections::reap;
use super::helpers::Helpers;
use super::pid_file::PidFile;
use super::service_manager::ServiceManager;
use super::sockets::{Listening, listen_on};
use super::{Failure, Start, penalty_requests, reload_requests, say_all};

/// The listener with what surrounds it.
pub(crate) struct Server<'a> {
    pub(crate) start: &'a Start<'a>,
    pub(crate) listener: Shared,
    pub(crate) pid_file: Option<PidFile>,
    pub(crate) service: ServiceManager,
    /// Where `sshd --reload` asks; none if that could not be had, for SIGHUP does as well.
    requests: Option<UnixListener>,
    /// Whether the service manager has opened the sockets: then Port and ListenAddress have no say.
    pub(crate) sockets_were_passed: bool,
}

/// Serves connections until a signal comes; sessions outlive it. Returns the exit status.
pub(crate) fn until_a_signal(
    start: &Start<'_>,
    in_force: InForce,
    helpers: Helpers,
    passed: Vec<Listening>,
    background: Option<Background>,
) -> Result<u8, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.map_err(Failure::fatal)?;
    LocalSet::new().block_on(&runtime, async {
        // Before anybody can know this process by its pid file.
        let mut signals = Signals::watch().map_err(Failure::fatal)?;
        let mut server = Server::listening(start, in_force, helpers, passed)?;
        server.begin(background)?;
        loop {
            match signals.next(server.requests.as_ref()).await {
                Came::Ending { signal, status } => {
                    server.end(signal);
                    return Ok(status);
                }
                Came::Hangup => drop(server.reload().await),
                Came::Request(from) => reload_requests::answer(from, &server.reload().await),
                Came::ChildEnded => reap(&server.listener),
            }
        }
    })
}

impl<'a> Server<'a> {
    fn listening(
        start: &'a Start<'a>,
        in_force: InForce,
        helpers: Helpers,
        passed: Vec<Listening>,
    ) -> Result<Self, Failure> {
        // No file system stays busy because a server was started in it; a reload goes back for its relative paths.
        let _ = std::env::set_current_dir("/");
        let mut log = in_force.handed.open_log().map_err(Failure::fatal)?;
        let sockets_were_passed = !passed.is_empty();
        let (sockets, complaints) =
            if sockets_were_passed { (passed, Vec::new()) } else { listen_on_all(&in_force.listen_on) };
        if sockets.is_empty() {
            return Err(nowhere_to_listen(complaints, &in_force, &mut log));
        }
        say_all(&mut log, &complaints);
        let listener = Rc::new(RefCell::new(Listener::new(in_force, log, helpers)));
        for socket in sockets {
            accept_on(&listener, socket).map_err(Failure::fatal)?;
        }
        let service = ServiceManager::from_environment();
        let requests = reload_requests::listen().ok();
        // Who cannot ask about penalties reads the log.
        let _ = penalty_requests::answer_from_now_on(&listener);
        Ok(Self { start, listener, pid_file: None, service, requests, sockets_were_passed })
    }

    fn begin(&mut self, background: Option<Background>) -> Result<(), Failure> {
        self.listener.borrow().show_title();
        self.write_pid_file();
        if self.sockets_were_passed {
            self.say_that_sockets_were_passed();
        }
        self.listener.borrow_mut().say_where();
        if let Some(background) = background {
            background.now_listening(false).map_err(Failure::fatal)?;
        }
        self.service.ready();
        Ok(())
    }

    /// PidFile, where the configuration in force wants it.
    pub(crate) fn write_pid_file(&mut self) {
        let mut listener = self.listener.borrow_mut();
        let wanted = listener.in_force.pid_file.clone();
        if self.pid_file.as_ref().map(PidFile::path) == wanted.as_deref() {
            return;
        }
        self.pid_file = None;
        if let Some(path) = wanted {
            match PidFile::write(&path) {
                Ok(written) => self.pid_file = Some(written),
                // An ordinary user's server has no place in /run; that is no reason not to serve.
                Err(why) => listener.error(format!("Couldn't create pid file \"{}\": {}", path.display(), words(&why))),
            }
        }
    }

    fn say_that_sockets_were_passed(&self) {
        let mut listener = self.listener.borrow_mut();
        let (listening_on, configured) = (listener.listening_on(), listener.in_force.listen_on.clone());
        if configured.iter().any(|at| !listening_on.contains(at)) {
            let text = "The service manager has opened the sockets: Port and ListenAddress have no effect";
            listener.say(&Event::Said { level: Level::Info, text: text.to_owned() });
        }
    }

    fn end(&mut self, signal: i32) {
        self.service.stopping();
        self.listener.borrow_mut().say(&Event::ReceivedSignal(signal));
        self.pid_file = None;
    }
}

/// Whoever has typed the command hears it from the caller; later somebody may look for the reason in syslog.
fn nowhere_to_listen(mut complaints: Vec<Event>, in_force: &InForce, log: &mut Log) -> Failure {
    let failure = Failure::fatal("Cannot bind any address.");
    complaints.extend(failure.lines);
    if in_force.handed.log.destination == Destination::Syslog {
        say_all(log, &complaints);
    }
    Failure { lines: complaints, status: failure.status }
}

/// Listens on as many of the addresses as possible; what is wrong with the others is said.
pub(crate) fn listen_on_all(addresses: &[SocketAddr]) -> (Vec<Listening>, Vec<Event>) {
    let (mut sockets, mut complaints) = (Vec::new(), Vec::new());
    for at in addresses {
        match listen_on(*at) {
            Ok(socket) => sockets.push(socket),
            Err(why) => complaints.push(why.event()),
        }
    }
    (sockets, complaints)
}

/// What the listener is asked to do.
enum Came {
    Ending {
        signal: i32,
        status: u8,
    },
    Hangup,
    /// `sshd --reload`
    Request(UnixStream),
    ChildEnded,
}

/// Signals as input: no handler ever runs.
struct Signals(AsyncFd<sys::signals::Signals>);

impl Signals {
    /// To be called before any other thread exists.
    // The new name of this function is `unsafe`, as a value could change its descriptor's number while it is watched. This
    // one owns one descriptor for life.
    #[allow(deprecated)]
    fn watch() -> io::Result<Self> {
        let watched = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGCHLD];
        let signals = sys::signals::Signals::block_and_watch(&watched)?;
        Ok(Self(AsyncFd::with_interest(signals, Interest::READABLE)?))
    }

    async fn next(&mut self, requests: Option<&UnixListener>) -> Came {
        poll_fn(|waker| {
            if let Poll::Ready(signal) = self.poll_received(waker) {
                return Poll::Ready(match signal {
                    Signal::SIGHUP => Came::Hangup,
                    Signal::SIGCHLD => Came::ChildEnded,
                    Signal::SIGTERM => Came::Ending { signal: signal as i32, status: 0 },
                    _ => Came::Ending { signal: signal as i32, status: 255 },
                });
            }
            let came = ready!(requests.map_or(Poll::Pending, |requests| requests.poll_accept(waker)));
            let from = came.and_then(|(connection, _)| connection.into_std());
            if let Some(from) = from.ok().filter(reload_requests::is_from_a_master) {
                return Poll::Ready(Came::Request(from));
            }
            // Somebody who has no right to ask: the next one gets a turn after everybody else.
            waker.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }

    fn poll_received(&self, waker: &mut Context<'_>) -> Poll<Signal> {
        // Reading a signal descriptor has no failure that another attempt would mend: as if nothing had come.
        while let Ok(mut readable) = ready!(self.0.poll_read_ready(waker)) {
            if let Ok(Some(signal)) = self.0.get_ref().next_received() {
                return Poll::Ready(signal);
            }
            readable.clear_ready();
        }
        Poll::Pending
    }
}
