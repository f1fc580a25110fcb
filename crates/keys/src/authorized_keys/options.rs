//! The options in front of a key.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::ExpiryTime;

/// Why the options of a line make it unusable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OptionError {
    /// An option that is not known here. It may have been meant to restrict: the line must not be used without it.
    #[error("unknown key option")]
    Unknown,
    /// A known option with a value it cannot have.
    #[error("{0}")]
    Malformed(&'static str),
}

/// A port in `permitopen` and `permitlisten`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PermitPort {
    /// `*`
    Any,
    /// This one, 1 to 65535.
    Number(u16),
}

/// `host:port` of `permitopen` and `permitlisten`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermitAddress {
    /// The host as written, without brackets; `*` when `permitlisten` names a port alone.
    pub host: String,
    /// The port.
    pub port: PermitPort,
}

/// `tunnel="n"`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TunnelDevice {
    /// `any`
    Any,
    /// This device only.
    Number(u32),
}

/// Everything a line asks for, `restrict` and its exceptions worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// May forward an agent.
    pub agent_forwarding: bool,
    /// May forward ports.
    pub port_forwarding: bool,
    /// May have a terminal.
    pub pty: bool,
    /// `~/.ssh/rc` is run.
    pub user_rc: bool,
    /// May forward X11.
    pub x11_forwarding: bool,
    /// May use tun devices at all (`restrict` forbids it).
    pub tunnel_forwarding: bool,
    /// `tunnel="n"`: this device only.
    pub tunnel: Option<TunnelDevice>,
    /// `command="…"`
    pub command: Option<String>,
    /// `environment="N=V"` in order, the first of each name.
    pub environment: Vec<(String, String)>,
    /// `expiry-time="…"`: every one of them must lie ahead.
    pub expiry_times: Vec<ExpiryTime>,
    /// `from="…"`: a pattern list of names and addresses.
    pub from: Option<String>,
    /// `permitopen="…"`; empty: anywhere.
    pub permit_open: Vec<PermitAddress>,
    /// `permitlisten="…"`; empty: anywhere.
    pub permit_listen: Vec<PermitAddress>,
    /// The key signs certificates and is no key to log in with.
    pub cert_authority: bool,
    /// `principals="a,b"` of a certificate authority.
    pub principals: Option<String>,
    /// A FIDO authenticator need not have been touched.
    pub no_touch_required: bool,
    /// A FIDO authenticator must have verified its user.
    pub verify_required: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            agent_forwarding: true,
            port_forwarding: true,
            pty: true,
            user_rc: true,
            x11_forwarding: true,
            tunnel_forwarding: true,
            tunnel: None,
            command: None,
            environment: Vec::new(),
            expiry_times: Vec::new(),
            from: None,
            permit_open: Vec::new(),
            permit_listen: Vec::new(),
            cert_authority: false,
            principals: None,
            no_touch_required: false,
            verify_required: false,
        }
    }
}

impl Options {
    /// Reads the options field of a line.
    ///
    /// # Errors
    /// Unknown and malformed options.
    pub fn parse(_field: &str) -> Result<Self, OptionError> {
        Err(OptionError::Unknown)
    }
}
