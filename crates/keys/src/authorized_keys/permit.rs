//! `permitopen="host:port"` and `permitlisten="[host:]port"`

use std::fmt;

use serde::{Deserialize, Serialize};

use super::OptionError;

/// As in the C library's NI_MAXHOST.
const LONGEST_HOST: usize = 1025;

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

impl PermitAddress {
    /// `host:port` or `[v6]:port`; the port may be `*`.
    ///
    /// # Errors
    /// No host, no port, a port that is none. (Dropbear 2026.92 took `0xffffffff` for any port.)
    pub fn parse(text: &str) -> Result<Self, OptionError> {
        let (host, port) = match text.strip_prefix('[') {
            Some(bracketed) => bracketed.split_once("]:"),
            None => text.split_once(':'),
        }
        .ok_or(OptionError::Malformed("invalid permission: not host:port"))?;
        if host.len() >= LONGEST_HOST || host.contains(['/', '[', ']']) {
            return Err(OptionError::Malformed("invalid permission hostname"));
        }
        Ok(Self { host: host.to_owned(), port: PermitPort::parse(port)? })
    }

    /// The same, or a port alone for every host.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_or_port_alone(text: &str) -> Result<Self, OptionError> {
        if text.contains(':') {
            return Self::parse(text);
        }
        Ok(Self { host: "*".to_owned(), port: PermitPort::parse(text)? })
    }
}

impl fmt::Display for PermitAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        match self.port {
            PermitPort::Any => write!(out, "{host}:*"),
            PermitPort::Number(port) => write!(out, "{host}:{port}"),
        }
    }
}

impl PermitPort {
    fn parse(text: &str) -> Result<Self, OptionError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let number = text.parse().ok().filter(|number| *number != 0 && !text.starts_with('+'));
        number.map(Self::Number).ok_or(OptionError::Malformed("invalid permission port"))
    }

    /// Whether `port` is meant.
    #[must_use]
    pub fn is(self, port: u32) -> bool {
        match self {
            Self::Any => true,
            Self::Number(number) => u32::from(number) == port,
        }
    }
}
