//! The life of the listener: connections come, monitors are started for them, log in and end. Nothing that a peer
//! sends is read here.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

use events::listener::{DropLimit, DropReason, Event};
use events::{ConnectionFacts, Endpoint, Level, Log};
use nix::errno::Errno;
use sys::errors::words;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, spawn_local};

use super::configuration::InForce;
use super::connections::Connection;
use super::helpers::Helpers;
use super::log_rate::{LogRate, Rate};
use super::monitors::{self, Stays};
use super::penalties::Penalties;
use super::sockets::{Listening, endpoint, ends_of};
use super::startups::Startups;

/// How long accepting pauses when the system is out of descriptors or memory: connections that end give them back.
const PAUSE: Duration = Duration::from_millis(100);

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
    /// Connections whose monitors live, by the monitor's process id.
    pub(crate) connections: HashMap<i32, Connection>,
    pub(crate) startups: Startups,
    pub(crate) penalties: Penalties,
    max_startups_log: LogRate,
    penalties_log: LogRate,
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
            startups: Startups::default(),
            penalties: Penalties::default(),
            max_startups_log: LogRate::new(Rate::OF_MAX_STARTUPS),
            penalties_log: LogRate::new(Rate::OF_PENALTIES),
        }
    }

    /// Writes a line of the listener's own.
    pub(crate) fn say(&mut self, event: &Event) {
        self.say_about(&ConnectionFacts::none(), event);
    }

    /// Writes a line about a connection.
    pub(crate) fn say_about(&mut self, facts: &ConnectionFacts, event: &Event) {
        self.log.write(event, facts, false);
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
        let (startups, line) = (self.startups.count(), &self.command_line);
        sys::title::set(&format!("sshd: {line} [listener] {startups} of {}-{} startups", limits.begin, limits.full));
    }

    /// Says that a connection gets no place, or loses it.
    pub(crate) fn say_dropped(&mut self, peer: Endpoint, local: Endpoint, why: DropReason) {
        let limit = why.limit();
        let rate = match limit {
            DropLimit::MaxStartups => &mut self.max_startups_log,
            DropLimit::PerSourcePenalties => &mut self.penalties_log,
        };
        let say = rate.one_more(sys::clock::monotonic());
        if say.this_one {
            let startups = self.startups.count();
            self.say(&Event::ConnectionDropped { startups, peer, local, why });
        }
        if let Some(connections) = say.withheld {
            self.say(&Event::DropsNotLogged { limit, connections });
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
    let (peer_end, local) = ends_of(peer, connection.local_addr());
    let address = super::sockets::unmapped(peer.ip());
    if let Err(why) = listener.admit(address) {
        listener.say_dropped(peer_end, local, why);
        // A courtesy: a fresh connection has room for it.
        let _ = sys::fd::write(connection.as_fd(), TURNED_AWAY);
        return;
    }
    super::sockets::prepare(connection, listener.in_force.tcp_keep_alive);
    let network = [connection.as_fd()];
    let stays = Stays::Alone { oom_score: listener.oom_score };
    let ends = (peer_end, local);
    match monitors::start(&listener.helpers, &listener.in_force.handed, ends.clone(), &network, stays) {
        Ok(monitor) => listener.has_started(shared, monitor, address, ends),
        Err(why) => listener.error(why.to_string()),
    }
}
