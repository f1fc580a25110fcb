//! What the monitor asks of `sshd-forward`, which opens sockets as the user.
//!
//! The roles of the link are turned round: here the more trusted end asks. Whether a login may have what it wants is
//! decided before anything is asked here.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::link::Phase;

/// Sockets for a login's forwardings.
#[derive(Debug)]
pub struct Forwarding;

impl Phase for Forwarding {
    type Request = ForwardingRequest;
    type Answer = ForwardingAnswer;
    const NUMBER: u8 = 6;
}

/// Sockets that one forwarding listens on at most: one for each address of a name.
pub const MOST_SOCKETS: usize = 8;

/// Longest host name or path in bytes that is passed on. (A name has at most 255 bytes, a path of a socket 107.)
pub const LONGEST_NAME: usize = 1024;

/// Longest path in bytes that the address of a socket can hold, its end not counted (`sun_path`, unix(7)).
pub const LONGEST_SOCKET_PATH: usize = 107;

/// The file of a socket, by what it is and not by its name alone: somebody may have put another in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketFile {
    /// Where it was bound, in the root directory of `sshd-forward`.
    pub path: String,
    /// Its device and inode numbers.
    pub device: u64,
    /// See [`SocketFile::device`].
    pub inode: u64,
}

/// What a client wants to reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectTo {
    /// `direct-tcpip` (RFC 4254 section 7.2)
    Tcp {
        /// A name or an address.
        host: String,
        /// As the client sent it: may be no port at all.
        port: u32,
    },
    /// `direct-streamlocal@openssh.com`
    Path(String),
}

/// Where a client wants somebody to listen, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ListenOn {
    /// `tcpip-forward` (RFC 4254 section 7.1)
    Tcp {
        /// A name or an address; empty and `*` mean all addresses.
        host: String,
        /// As the client sent it; 0 lets us choose.
        port: u32,
    },
    /// `streamlocal-forward@openssh.com`
    Path(String),
}

/// What to do.
#[derive(Debug, Serialize, Deserialize)]
pub enum ForwardingRequest {
    /// Resolve and connect. Answered by [`ForwardingAnswer::Connected`] or [`ForwardingAnswer::NotConnected`].
    Connect {
        /// Names it in the answer.
        number: u32,
        /// What to reach.
        to: Reach,
    },
    /// Bind and listen. Answered by [`ForwardingAnswer::Listening`] or [`ForwardingAnswer::NotListening`].
    Listen {
        /// Names it from now on.
        number: u32,
        /// Where.
        on: Bind,
    },
    /// Forget a listener; a file that it made is removed. Not answered.
    StopListening {
        /// The number of its [`ForwardingRequest::Listen`].
        number: u32,
    },
}

/// What is to be reached, after all rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    /// All addresses of the host are tried in order.
    Tcp {
        /// A name or an address.
        host: String,
        /// 1 to 65535.
        port: u16,
    },
    /// A Unix-domain stream socket.
    Path(String),
}

/// Where to listen, after all rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bind {
    /// TCP, on the same port of all addresses.
    Tcp {
        /// Addresses.
        host: BindHost,
        /// 0 takes a free one.
        port: u16,
    },
    /// A Unix-domain stream socket of this path.
    Path(String),
    /// A Unix-domain stream socket of a new name in `.ssh/agent` of this home.
    Agent {
        /// The user's home directory.
        home: String,
    },
    /// The TCP port of the first X11 display that is free on every address: 6000 and the display's number.
    Display {
        /// X11DisplayOffset: the first number to try.
        first: u16,
        /// X11UseLocalhost: loopback addresses alone.
        loopback: bool,
    },
}

/// What X clients prove themselves with, as the client's `x11-req` says it (RFC 4254 section 6.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct X11Authentication {
    /// Such as `MIT-MAGIC-COOKIE-1`.
    pub protocol: String,
    /// In hexadecimal.
    pub cookie: String,
    /// The screen's number.
    pub screen: u32,
}

/// Addresses to listen on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BindHost {
    /// Loopback, of every address family there is.
    Loopback,
    /// All addresses, of every address family there is.
    All,
    /// Those of this name.
    Named(String),
}

/// What became of it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForwardingAnswer {
    /// Brings 1 descriptor.
    Connected {
        /// The number of its request.
        number: u32,
    },
    /// None of the addresses was reached.
    NotConnected {
        /// The number of its request.
        number: u32,
        /// Whether the name has addresses.
        found: bool,
        /// The system's words: about the name, or about the last address.
        why: String,
    },
    /// Brings as many descriptors as it says.
    Listening {
        /// The number of its request.
        number: u32,
        /// The port; 0 for a path.
        port: u16,
        /// What was made for [`Bind::Path`] and [`Bind::Agent`].
        file: Option<SocketFile>,
        /// How many sockets: 1 to [`MOST_SOCKETS`].
        sockets: u8,
        /// Addresses of the same request that cannot be listened on.
        failed: Vec<NotBound>,
    },
    /// Nobody listens.
    NotListening {
        /// The number of its request.
        number: u32,
        /// For the log.
        why: Vec<NotBound>,
    },
}

/// An address, or a path, that cannot be listened on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotBound {
    /// The address; nothing when it is a path, or a name that has none.
    pub address: Option<SocketAddr>,
    /// Why: behind the address, or a line of its own.
    pub why: String,
    /// Whether it was the last that there was to try. One before it may belong to an address family that the kernel does
    /// not have.
    pub last: bool,
}

impl NotBound {
    /// Something without an address, and nothing else to try.
    #[must_use]
    pub fn only(why: String) -> Self {
        Self { address: None, why, last: true }
    }
}

impl ForwardingAnswer {
    /// How many descriptors belong to this answer.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        match self {
            Self::Connected { .. } => 1,
            Self::Listening { sockets, .. } => usize::from(*sockets),
            _ => 0,
        }
    }
}
