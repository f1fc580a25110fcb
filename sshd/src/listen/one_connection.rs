//! `-i` and `-d`: one connection, then the end.

use std::io;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use events::listener::Event;
use events::{ConnectionId, Endpoint};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{SockaddrStorage, getpeername, getsockname};
use sys::process::Ended;

use super::configuration::InForce;
use super::dead_logins;
use super::helpers::Helpers;
use super::monitors::{self, Stays};
use super::serving::listen_on_all;
use super::sockets::{self, Listening, endpoint, ends_of};
use super::{Failure, say_all};

/// Serves the connection that inetd, systemd (`Accept=yes`) or a ProxyCommand has put on descriptors 0 and 1: the same
/// socket, or a pipe each. Returns the exit status.
pub(crate) fn on_standard_descriptors(in_force: &InForce, helpers: &Helpers) -> Result<u8, Failure> {
    let (input, output) = take_standard_descriptors().map_err(Failure::fatal)?;
    match ends_of_socket(input.as_fd()) {
        Some(ends) => {
            let connection = TcpStream::from(input);
            sockets::prepare(&connection, in_force.tcp_keep_alive);
            serve(in_force, helpers, ends, &[connection.as_fd()])
        }
        None => {
            let ends = (Endpoint::unknown(), Endpoint::unknown());
            serve(in_force, helpers, ends, &[input.as_fd(), output.as_fd()])
        }
    }
}

/// Copies them elsewhere and puts `/dev/null` in their place: what is printed by mistake must not reach the client.
fn take_standard_descriptors() -> io::Result<(OwnedFd, OwnedFd)> {
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    let devnull = sys::fd::open_devnull()?;
    nix::unistd::dup2_stdin(&devnull)?;
    nix::unistd::dup2_stdout(&devnull)?;
    Ok((input, output))
}

/// Both ends, if it is a connected TCP socket. Two ends of something else have no addresses.
fn ends_of_socket(connection: BorrowedFd<'_>) -> Option<(Endpoint, Endpoint)> {
    let peer = getpeername::<SockaddrStorage>(connection.as_raw_fd()).ok().and_then(|at| internet(&at))?;
    let local = getsockname::<SockaddrStorage>(connection.as_raw_fd()).ok().and_then(|at| internet(&at))?;
    Some((endpoint(peer), endpoint(local)))
}

fn internet(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|at| SocketAddr::V4(SocketAddrV4::from(*at)));
    v4.or_else(|| address.as_sockaddr_in6().map(|at| SocketAddr::V6(SocketAddrV6::from(*at))))
}

/// `-d`: listens, serves the first connection in the foreground and ends. Returns the exit status.
pub(crate) fn accepted(in_force: &InForce, helpers: &Helpers) -> Result<u8, Failure> {
    let mut log = in_force.handed.open_log().map_err(Failure::fatal)?;
    let (listening, complaints) = listen_on_all(&in_force.listen_on);
    say_all(&mut log, &complaints);
    if listening.is_empty() {
        return Err(Failure::fatal("Cannot bind any address."));
    }
    for socket in &listening {
        say_all(&mut log, &[Event::ServerListening(endpoint(socket.at))]);
    }
    let (connection, peer) = accept_first(&listening).map_err(Failure::fatal)?;
    drop(listening);
    sockets::prepare(&connection, in_force.tcp_keep_alive);
    serve(in_force, helpers, ends_of(peer, connection.local_addr()), &[connection.as_fd()])
}

fn accept_first(listening: &[Listening]) -> io::Result<(TcpStream, SocketAddr)> {
    loop {
        let mut waiting: Vec<PollFd<'_>> =
            listening.iter().map(|one| PollFd::new(one.socket.as_fd(), PollFlags::POLLIN)).collect();
        poll(&mut waiting, PollTimeout::NONE)?;
        // A client that has gone again leaves nothing to accept.
        if let Some(accepted) = listening.iter().find_map(|one| TcpListener::accept(&one.socket).ok()) {
            return Ok(accepted);
        }
    }
}

fn serve(
    in_force: &InForce,
    helpers: &Helpers,
    ends: (Endpoint, Endpoint),
    network: &[BorrowedFd<'_>],
) -> Result<u8, Failure> {
    let monitor = monitors::start(helpers, &in_force.handed, ends, network, Stays::WithUs).map_err(Failure::fatal)?;
    drop(monitor.logged_in);
    match monitor.process.wait().map_err(Failure::fatal)? {
        Ended::Exited(status) => Ok(u8::try_from(status).unwrap_or(255)),
        Ended::Signalled { .. } => {
            clean_up_after(in_force, monitor.id);
            Ok(255)
        }
    }
}

/// The monitor was killed.
fn clean_up_after(in_force: &InForce, id: ConnectionId) {
    dead_logins::remove_auth_info(id);
    if sys::identity::is_root()
        && let Err(error) = dead_logins::take_out_soon()
        && let Ok(mut log) = in_force.handed.open_log()
    {
        say_all(&mut log, &[dead_logins::records_failed(&error)]);
    }
}
