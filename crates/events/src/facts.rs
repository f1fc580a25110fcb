//! Who is at the other end, as the monitor knows it.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

/// One end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Numeric address, or `UNKNOWN` when the connection is not a socket (`sshd -i` on two pipes).
    pub address: String,
    /// TCP port; 65535 when the connection is not a socket.
    pub port: u16,
}

impl Endpoint {
    /// What theirs calls the peer of a connection that is no socket.
    #[must_use]
    pub fn unknown() -> Self {
        Self { address: "UNKNOWN".to_owned(), port: 65535 }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} port {}", self.address, self.port)
    }
}

/// A connection, told from all others of this host and of others: the listener draws it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// For events that concern no connection.
    pub const NONE: Self = Self(0);

    /// A new one, at random.
    pub fn draw() -> io::Result<Self> {
        let mut bytes = [0; 8];
        sys::random::random_bytes(&mut bytes)?;
        Ok(Self(u64::from_le_bytes(bytes).max(1)))
    }
}

/// Sixteen hexadecimal digits.
impl fmt::Display for ConnectionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// What is known about the user while a connection lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Who {
    /// No name was given yet.
    Nobody,
    /// A name that may not log in: unknown, or refused by the account gates.
    Invalid(String),
    /// A name that may try.
    Authenticating(String),
    /// Logged in.
    LoggedIn(String),
}

/// The frame of every line about one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionFacts {
    /// What ties the events of a connection together, whoever says them.
    pub id: ConnectionId,
    /// The client.
    pub peer: Endpoint,
    /// Where it connected to.
    pub local: Endpoint,
    /// The user, as far as known.
    pub who: Who,
}

impl ConnectionFacts {
    /// For lines that concern no connection.
    #[must_use]
    pub fn none() -> Self {
        Self { id: ConnectionId::NONE, peer: Endpoint::unknown(), local: Endpoint::unknown(), who: Who::Nobody }
    }

    /// `invalid user U A port P`, `authenticating user U A port P`, `user U A port P` or just `A port P`.
    #[must_use]
    pub fn peer_with_user(&self) -> String {
        match &self.who {
            Who::Nobody => self.peer.to_string(),
            Who::Invalid(user) => format!("invalid user {user} {}", self.peer),
            Who::Authenticating(user) => format!("authenticating user {user} {}", self.peer),
            Who::LoggedIn(user) => format!("user {user} {}", self.peer),
        }
    }
}
