//! The life of the listener: connections come, monitors are started for them, log in and end. Nothing that a peer
//! sends is read here.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use events::listener::{DropReason, Event};
use events::{ConnectionFacts, Endpoint, Level, Log};
use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use tokio::net::{TcpListener, unix::pipe};
use tokio::task::{JoinHandle, spawn_local};

use super::configuration::InForce;
use super::dead_logins;
use super::helpers::Helpers;
use super::monitors::{self, Stays};
use super::serving::words;
use super::sockets::{Listening, endpoint, ends_of};
use super::startups::{DropLog, is_dropped};

/// How long accepting pauses when the system is out of descriptors or memory: connections that end give them back.
const PAUSE: Duration = Duration::from_millis(100);

/// Exit status of a monitor whose user did not log in within LoginGraceTime.
const GRACE_EXCEEDED: i32 = 3;

/// What a client is told that is turned away; it need not be SSH to be understood.
const TURNED_AWAY: &[u8] = b"Not allowed at this time\r\n";

/// The listener, shared by the tasks of one thread. It is never borrowed across a wait.
pub(crate) type Shared = Rc<RefCell<Listener>>;

/// Everything that the listener knows.
pub(crate) struct Listener {
    pub(crate) in_force: InForce,
    pub(crate) log: Log,
    helpers: Helpers,
    oom_score: Option<i32>,
    command_line: String,
    sockets: Vec<(Endpoint, SocketAddr, JoinHandle<()>)>,
    connections: HashMap<i32, Connection>,
    startups: usize,
    drops: DropLog,
}

/// A connection whose monitor lives, by the monitor's process id.
struct Connection {
    peer: Endpoint,
    local: Endpoint,
    /// The task that waits for the login; none when somebody is logged in.
    waiting_for_login: Option<JoinHandle<()>>,
}

impl Listener {
    /// Nothing listens yet.
    pub(crate) fn new(in_force: InForce, log: Log, helpers: Helpers) -> Self {
        Self {
            in_force,
            log,
            helpers,
            oom_score: monitors::spare_this_process(),
            command_line: command_line(),
            sockets: Vec::new(),
            connections: HashMap::new(),
            startups: 0,
            drops: DropLog::new(Instant::now()),
        }
    }

    /// Writes a line of the listener's own.
    pub(crate) fn say(&mut self, event: &Event) {
        self.log.write(event, &ConnectionFacts::none(), false);
    }

    pub(crate) fn error(&mut self, text: String) {
        self.say(&Event::Said { level: Level::Error, text });
    }

    /// Where connections are accepted.
    pub(crate) fn listening_on(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(|(_, at, _)| *at).collect()
    }

    /// Says where connections are accepted.
    pub(crate) fn say_where(&mut self) {
        for at in self.sockets.iter().map(|(shown, _, _)| shown.clone()).collect::<Vec<_>>() {
            self.say(&Event::ServerListening(at));
        }
    }

    /// Says what the configuration in force asks for and does not get.
    pub(crate) fn say_what_has_no_effect(&mut self) {
        for line in &self.in_force.without_effect {
            self.log.write(line, &ConnectionFacts::none(), false);
        }
    }

    /// Gives up the sockets that are not on `stay`. Connections that came through them live on. The sockets are closed
    /// when the tasks that are returned have ended.
    fn give_up_all_but(&mut self, stay: &[SocketAddr]) -> Vec<JoinHandle<()>> {
        let (stays, goes): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.sockets).into_iter().partition(|(_, at, _)| stay.contains(at));
        self.sockets = stays;
        let mut closing = Vec::new();
        for (at, _, accepting) in goes {
            accepting.abort();
            closing.push(accepting);
            self.say(&Event::NoLongerListening(at));
        }
        closing
    }

    /// Shows how many connections have not logged in: administrators read it off the process list.
    pub(crate) fn show_title(&self) {
        let limits = &self.in_force.max_startups;
        let (startups, line) = (self.startups, &self.command_line);
        sys::title::set(&format!("sshd: {line} [listener] {startups} of {}-{} startups", limits.begin, limits.full));
    }

    fn turn_away(&mut self, connection: &TcpStream, ends: (Endpoint, Endpoint)) {
        let (peer, local) = ends;
        let say = self.drops.one_more(Instant::now());
        if let Some(connections) = say.withheld {
            self.say(&Event::DropsNotLogged { limit: DropReason::MaxStartups, connections });
        }
        if say.this_one {
            let startups = self.startups;
            self.say(&Event::ConnectionDropped { startups, peer, local, why: DropReason::MaxStartups });
        }
        // A courtesy: a fresh connection has room for it.
        let _ = sys::fd::write(connection.as_fd(), TURNED_AWAY);
    }

    /// Somebody has logged in there, or the monitor has ended: it no longer counts.
    fn no_longer_starting(&mut self, pid: i32) {
        let Some(connection) = self.connections.get_mut(&pid) else { return };
        if let Some(waiting) = connection.waiting_for_login.take() {
            waiting.abort();
            self.startups = self.startups.saturating_sub(1);
            self.show_title();
        }
    }

    fn ended(&mut self, status: WaitStatus) {
        let Some(pid) = status.pid().map(nix::unistd::Pid::as_raw) else { return };
        self.no_longer_starting(pid);
        match (status, self.connections.remove(&pid)) {
            (WaitStatus::Exited(_, GRACE_EXCEEDED), Some(Connection { peer, local, .. })) => {
                let (peer, local) = (peer.address, local.address);
                self.say(&Event::TimeoutBeforeAuthentication { peer, local, pid });
            }
            (WaitStatus::Signaled(_, signal, _), _) => {
                self.error(format!("session process {pid} killed by signal {}", signal as i32));
            }
            _ => {}
        }
    }
}

/// As it was typed: a reload changes nothing about it.
fn command_line() -> String {
    std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Accepts connections on a socket from now on.
pub(crate) fn accept_on(listener: &Shared, listening: Listening) -> io::Result<()> {
    let socket = TcpListener::from_std(listening.socket)?;
    let at = socket.local_addr().unwrap_or(listening.at);
    let accepting = spawn_local(accept_for_ever(Rc::clone(listener), socket));
    listener.borrow_mut().sockets.push((endpoint(at), listening.at, accepting));
    Ok(())
}

/// Closes the sockets that are not on `stay`.
pub(crate) async fn close_all_but(listener: &Shared, stay: &[SocketAddr]) {
    let closing = listener.borrow_mut().give_up_all_but(stay);
    for accepting in closing {
        // Cancelled, as it was told.
        let _ = accepting.await;
    }
}

async fn accept_for_ever(listener: Shared, socket: TcpListener) {
    loop {
        match socket.accept().await.and_then(|(connection, peer)| Ok((in_blocking_mode(connection)?, peer))) {
            Ok((connection, peer)) => serve(&listener, &connection, peer),
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                listener.borrow_mut().error(format!("accept: {}", words(&error)));
                tokio::time::sleep(PAUSE).await;
            }
        }
        // Other tasks (logins, ends of monitors) get their turn in a flood of connections.
        tokio::task::yield_now().await;
    }
}

/// As a monitor expects it.
fn in_blocking_mode(connection: tokio::net::TcpStream) -> io::Result<TcpStream> {
    let connection = connection.into_std()?;
    connection.set_nonblocking(false)?;
    Ok(connection)
}

/// accept(2) also reports what went wrong with a connection before it was accepted.
fn concerns_one_connection(error: &io::Error) -> bool {
    !matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) | None
    )
}

fn serve(shared: &Shared, connection: &TcpStream, peer: SocketAddr) {
    let mut listener = shared.borrow_mut();
    let ends = ends_of(peer, connection.local_addr());
    if is_dropped(&listener.in_force.max_startups, listener.startups, dice) {
        return listener.turn_away(connection, ends);
    }
    super::sockets::prepare(connection, listener.in_force.tcp_keep_alive);
    let network = [connection.as_fd()];
    let stays = Stays::Alone { oom_score: listener.oom_score };
    let started = monitors::start(&listener.helpers, &listener.in_force.handed, ends.clone(), &network, stays);
    match started {
        Ok(monitor) => {
            let pid = monitor.process.pid();
            let waiting_for_login = spawn_local(wait_for_login(Rc::clone(shared), pid, monitor.logged_in));
            let (peer, local) = ends;
            let waiting_for_login = Some(waiting_for_login);
            listener.connections.insert(pid, Connection { peer, local, waiting_for_login });
            listener.startups += 1;
            listener.show_title();
        }
        Err(why) => listener.error(why.to_string()),
    }
}

fn dice() -> u32 {
    let mut bytes = [0; 4];
    // Without randomness everybody above MaxStartups' first number is turned away.
    let _ = sys::random::random_bytes(&mut bytes);
    u32::from_le_bytes(bytes)
}

/// The monitor closes its end of the pipe when somebody has logged in: the connection no longer counts.
async fn wait_for_login(listener: Shared, pid: i32, closes: OwnedFd) {
    if let Ok(closes) = pipe::Receiver::from_owned_fd(closes) {
        let _ = closes.readable().await;
    }
    // Without a way to wait for it the connection does not count: better one too many than nobody any more.
    listener.borrow_mut().no_longer_starting(pid);
}

fn ended(listener: &Shared, status: WaitStatus) {
    if matches!(status, WaitStatus::Signaled(..)) && sys::identity::is_root() {
        spawn_local(dead_logins::take_out(Rc::clone(listener)));
    }
    listener.borrow_mut().ended(status);
}

/// Takes note of every monitor that has ended.
pub(crate) fn reap(listener: &Shared) {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return,
            Ok(status) => ended(listener, status),
            Err(Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}
