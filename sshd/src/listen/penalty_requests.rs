//! The socket on which `sshd --explain` asks how an address stands with the running listener: an address comes, a line
//! goes back. Only root, or whoever runs this process, is answered.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use events::listener::DropReason;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::accepting::{Listener, Shared};
use super::reload_requests::is_from_a_master;

/// How long one question may take, and how long to pause when none can be accepted.
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest question: an IPv6 address and a line end.
const LONGEST: usize = 64;

/// How an address stands. `Display` is the answer on the socket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Connections are accepted, as far as penalties go.
    Accepted {
        /// Penalties that do not count yet, in seconds.
        deferred: Option<u64>,
    },
    /// They are refused.
    Refused {
        /// Why.
        why: DropReason,
        /// For how many seconds from now; none when that does not depend on this address.
        seconds: Option<u64>,
    },
}

impl fmt::Display for Standing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted { deferred: None } => out.write_str("accepted: no penalty"),
            Self::Accepted { deferred: Some(seconds) } => {
                write!(out, "accepted: penalties of {seconds} seconds are not enough to refuse connections")
            }
            Self::Refused { why, seconds: None } => write!(out, "refused: {}", why.words()),
            Self::Refused { why, seconds: Some(seconds) } => {
                write!(out, "refused: {}, for {seconds} seconds more", why.words())
            }
        }
    }
}

/// Where a listener is asked. The name lives in memory: no file is left behind.
pub(crate) fn address(pid: i32) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("bulkhead/{pid}/penalties"))
}

/// Answers from now on. A listener that cannot be asked serves as well.
pub(crate) fn answer_from_now_on(listener: &Shared) -> io::Result<()> {
    let pid = i32::try_from(std::process::id()).unwrap_or(0);
    let socket = std::os::unix::net::UnixListener::bind_addr(&address(pid)?)?;
    socket.set_nonblocking(true)?;
    spawn_local(answer_for_ever(Rc::clone(listener), UnixListener::from_std(socket)?));
    Ok(())
}

/// One question after the other: nobody has many.
async fn answer_for_ever(listener: Shared, socket: UnixListener) {
    loop {
        match socket.accept().await {
            Ok((connection, _)) if is_from_a_master(&connection.as_fd()) => {
                // Whoever asked and does not listen is not waited for.
                let _ = timeout(PATIENCE, answer(&listener, connection)).await;
            }
            Ok(_) => {}
            Err(_) => tokio::time::sleep(PATIENCE).await,
        }
    }
}

/// An address and its answer are written in one piece each.
async fn answer(listener: &Shared, connection: UnixStream) -> io::Result<()> {
    let mut question = [0; LONGEST];
    let length = loop {
        connection.readable().await?;
        match connection.try_read(&mut question) {
            // It only looked readable.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => break read?,
        }
    };
    let question = question.get(..length).and_then(|question| std::str::from_utf8(question).ok());
    let answer = match question.and_then(|question| question.parse::<IpAddr>().ok()) {
        Some(address) => listener.borrow_mut().standing_of(address.to_canonical()).to_string(),
        None => "not an address".to_owned(),
    };
    connection.writable().await?;
    connection.try_write(answer.as_bytes()).map(drop)
}

impl Listener {
    fn standing_of(&mut self, address: IpAddr) -> Standing {
        let now = sys::clock::monotonic();
        let limits = &self.in_force.sources;
        let objection = self.penalties.objection(limits, address, now);
        let seconds = self.penalties.time_left(limits, address, now).map(|left| left.as_secs());
        match objection {
            Some(why @ DropReason::Penalty(_)) => Standing::Refused { why, seconds },
            Some(why) => Standing::Refused { why, seconds: None },
            None => Standing::Accepted { deferred: seconds },
        }
    }
}
