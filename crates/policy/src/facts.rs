//! What the decisions look at. The monitor gathers it; nothing here is taken from the network-facing process.

use std::net::IpAddr;
use std::path::PathBuf;

use keys::authorized_keys::CivilTime;
use serde::{Deserialize, Serialize};

/// The account that somebody wants to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFacts {
    /// Its login name.
    pub name: String,
    /// Its user number.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
    /// The names of all its groups; groups without a name are left out.
    pub groups: Vec<String>,
    /// Its home directory.
    pub home: PathBuf,
    /// Its shell as the account database names it; `/bin/sh` where that is empty.
    pub shell: PathBuf,
    /// What the file system says about the shell.
    pub shell_state: ShellState,
    /// The password field marks the account as locked, or the account (not only its password) has expired by
    /// shadow(5). With UsePAM this is PAM's business and is not looked at.
    pub locked: bool,
}

/// What stands where an account's shell should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShellState {
    /// A regular file that may be executed.
    Executable,
    /// Nothing.
    Missing,
    /// Something that is not an executable regular file.
    NotExecutable,
}

/// Where somebody comes from, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionFacts {
    /// The peer's address; `None` when the connection is no socket.
    pub address: Option<IpAddr>,
    /// The peer's port.
    pub port: u16,
    /// The peer's name by a forward-confirmed reverse look-up; only with UseDNS.
    pub host_name: Option<String>,
    /// The routing domain (VRF) of the connection; empty for the ordinary one.
    pub routing_domain: String,
    /// The server's address of this connection.
    pub local_address: Option<IpAddr>,
    /// The server's port.
    pub local_port: u16,
}

impl ConnectionFacts {
    /// The address as it stands in log lines and patterns. One that is IPv4 inside IPv6 is IPv4, or rules about the
    /// one would miss the other.
    #[must_use]
    pub fn address_text(&self) -> String {
        self.address.map_or_else(|| "UNKNOWN".to_owned(), |address| address.to_canonical().to_string())
    }

    /// The peer's name for host patterns. A name that reads as an address is no name: whoever runs the zone of the
    /// reverse look-up could pass for any address (CVE-2003-0386).
    #[must_use]
    pub fn usable_host_name(&self) -> Option<&str> {
        let name = self.host_name.as_deref()?;
        (!name.is_empty() && settings::pattern::numeric_address(name).is_none()).then_some(name)
    }

    /// Where somebody comes from, as the log tells it: by name where one is known.
    #[must_use]
    pub fn host_or_address(&self) -> String {
        self.usable_host_name().map_or_else(|| self.address_text(), ToOwned::to_owned)
    }
}

/// The time of a decision.
#[derive(Clone, Copy)]
pub struct Now<'a> {
    /// Seconds since 1970 in UTC.
    pub seconds: i64,
    /// Turns a time on the server's wall clock into seconds since 1970; `None` for times that do not exist.
    pub local_time: &'a dyn Fn(&CivilTime) -> Option<i64>,
}

/// One component of a path whose owners and modes matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathFacts {
    /// The resolved path of this component.
    pub path: PathBuf,
    /// What it is.
    pub kind: PathKind,
    /// Its owner.
    pub uid: u32,
    /// Its permission bits, e.g. 0o755.
    pub mode: u32,
}

/// What a component of a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// Anything else, e.g. a device or a socket.
    Other,
}
