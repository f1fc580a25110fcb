//! The options in front of a key.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{ExpiryTime, PermitAddress};

/// More variables than that on one line are refused, as OpenSSH does.
const MOST_VARIABLES: usize = 1024;

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

/// `tunnel="n"`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    /// May use tun devices at all. `restrict` forbids it, and no exception brings it back.
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
    /// Reads the options field of a line: names in any case, separated by commas, values in double quotes, no blanks
    /// outside of them. Later flags overrule earlier ones.
    ///
    /// # Errors
    /// Unknown and malformed options.
    pub fn parse(field: &str) -> Result<Self, OptionError> {
        let mut options = Self::default();
        let mut rest = field;
        while !rest.is_empty() {
            let name_length = rest.find(['=', ',']).unwrap_or(rest.len());
            let (name, behind) = rest.split_at_checked(name_length).ok_or(OptionError::Unknown)?;
            rest = match behind.strip_prefix('=') {
                Some(quoted) => {
                    let (value, behind) = unquote(quoted)?;
                    options.set_value(&name.to_ascii_lowercase(), value)?;
                    behind
                }
                None => {
                    options.set_flag(&name.to_ascii_lowercase())?;
                    behind
                }
            };
            rest = match rest.strip_prefix(',') {
                Some("") => return Err(OptionError::Malformed("unexpected end of options")),
                Some(next) => next,
                None if rest.is_empty() => rest,
                None => return Err(OptionError::Unknown),
            };
        }
        Ok(options)
    }

    fn set_flag(&mut self, name: &str) -> Result<(), OptionError> {
        let (name, allowed) = match name.strip_prefix("no-") {
            Some(forbidden) => (forbidden, false),
            None => (name, true),
        };
        match (name, allowed) {
            ("restrict", true) => self.forbid_everything(),
            ("cert-authority", true) => self.cert_authority = true,
            ("agent-forwarding", allowed) => self.agent_forwarding = allowed,
            ("port-forwarding", allowed) => self.port_forwarding = allowed,
            ("x11-forwarding", allowed) => self.x11_forwarding = allowed,
            ("pty", allowed) => self.pty = allowed,
            ("user-rc", allowed) => self.user_rc = allowed,
            ("touch-required", required) => self.no_touch_required = !required,
            ("verify-required", required) => self.verify_required = required,
            _ => return Err(OptionError::Unknown),
        }
        Ok(())
    }

    fn forbid_everything(&mut self) {
        self.agent_forwarding = false;
        self.port_forwarding = false;
        self.x11_forwarding = false;
        self.pty = false;
        self.user_rc = false;
        self.tunnel_forwarding = false;
    }

    fn set_value(&mut self, name: &str, value: String) -> Result<(), OptionError> {
        match name {
            "command" => set_once(&mut self.command, value, "multiple command clauses")?,
            "from" => set_once(&mut self.from, value, "multiple from clauses")?,
            "principals" => set_once(&mut self.principals, value, "multiple principals clauses")?,
            "environment" => self.add_variable(&value)?,
            "expiry-time" => {
                let expiry = ExpiryTime::parse(&value).ok_or(OptionError::Malformed("invalid expiry time"))?;
                self.expiry_times.push(expiry);
            }
            "permitopen" => self.permit_open.push(PermitAddress::parse(&value)?),
            "permitlisten" => self.permit_listen.push(PermitAddress::parse_or_port_alone(&value)?),
            "tunnel" => self.tunnel = Some(parse_tunnel(&value)?),
            _ => return Err(OptionError::Unknown),
        }
        Ok(())
    }

    /// The first of a name wins.
    fn add_variable(&mut self, assignment: &str) -> Result<(), OptionError> {
        let (name, value) = assignment
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .filter(|(name, _)| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
            .ok_or(OptionError::Malformed("invalid environment string"))?;
        if self.environment.len() >= MOST_VARIABLES {
            return Err(OptionError::Malformed("too many environment strings"));
        }
        if !self.environment.iter().any(|(present, _)| present == name) {
            self.environment.push((name.to_owned(), value.to_owned()));
        }
        Ok(())
    }
}

fn set_once(place: &mut Option<String>, value: String, complaint: &'static str) -> Result<(), OptionError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(OptionError::Malformed(complaint)),
    }
}

fn parse_tunnel(value: &str) -> Result<TunnelDevice, OptionError> {
    /// The two numbers above mean "any" and "none" in the tunnel request of OpenSSH's PROTOCOL.
    const LARGEST: u32 = 0x7fff_fffd;
    if value == "any" {
        return Ok(TunnelDevice::Any);
    }
    let number = value.parse().ok().filter(|number| *number <= LARGEST && !value.starts_with('+'));
    number.map(TunnelDevice::Number).ok_or(OptionError::Malformed("invalid tun device"))
}

/// The value between quotes, in which `\"` stands for a quote, and what follows it.
fn unquote(text: &str) -> Result<(String, &str), OptionError> {
    let mut rest = text.strip_prefix('"').ok_or(OptionError::Malformed("missing start quote"))?;
    let mut value = String::new();
    loop {
        let length = rest.find(['"', '\\']).ok_or(OptionError::Malformed("missing end quote"))?;
        let (plain, behind) = rest.split_at_checked(length).ok_or(OptionError::Unknown)?;
        value.push_str(plain);
        rest = if let Some(behind) = behind.strip_prefix("\\\"") {
            value.push('"');
            behind
        } else if let Some(behind) = behind.strip_prefix('\\') {
            value.push('\\');
            behind
        } else {
            let behind = behind.strip_prefix('"').unwrap_or(behind);
            if value.contains(['\0', '\n', '\r']) {
                return Err(OptionError::Malformed("control character in a value"));
            }
            return Ok((value, behind));
        };
    }
}

/// Where the options at the start of a line end: at the first blank outside of quotes. `None` if a quote stays open.
pub(super) fn end_of_options(line: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let mut bytes = line.iter().enumerate().peekable();
    while let Some((position, byte)) = bytes.next() {
        match byte {
            b' ' | b'\t' if !quoted => return Some(position),
            b'\\' => drop(bytes.next_if(|(_, next)| **next == b'"')),
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    (!quoted).then_some(line.len())
}

pub(super) fn skip_blanks(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let [b' ' | b'\t', behind @ ..] = rest {
        rest = behind;
    }
    rest
}
