//! What a credential takes away from a login. Restrictions only ever add up.

use keys::authorized_keys::{Options, PermitAddress, TunnelDevice};
use keys::{CriticalOptions, Extensions};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a login may still do after a credential's restrictions; the settings then limit it further ([`crate::grants`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restrictions {
    /// May forward an agent.
    pub agent_forwarding: bool,
    /// May forward ports and Unix sockets.
    pub port_forwarding: bool,
    /// May forward X11.
    pub x11_forwarding: bool,
    /// May have a terminal.
    pub pty: bool,
    /// `~/.ssh/rc` is run.
    pub user_rc: bool,
    /// Which tun device it may use.
    pub tunnel: TunnelLimit,
    /// Runs in place of whatever is asked for.
    pub forced_command: Option<ForcedCommand>,
    /// Variables that the credential sets, the first of each name.
    pub environment: Vec<(String, String)>,
    /// Where `-L` may lead: an address must be in every one of these lists. None at all: anywhere.
    pub permit_open: Vec<Vec<PermitAddress>>,
    /// Where `-R` may listen: an address must be in every one of these lists. None at all: anywhere.
    pub permit_listen: Vec<Vec<PermitAddress>>,
}

/// A command in place of whatever is asked for, and who forces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForcedCommand {
    /// The command line.
    pub command: String,
    /// Who forces it.
    pub by: ForcedBy,
}

/// Who forces a command. `Display` is the word in the log's `forced-command (…)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForcedBy {
    /// ForceCommand
    Config,
    /// `command="…"` or a certificate's force-command
    KeyOption,
}

impl std::fmt::Display for ForcedBy {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Config => "config",
            Self::KeyOption => "key-option",
        })
    }
}

/// Which tun device a login may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TunnelLimit {
    /// None.
    None,
    /// This one.
    Only(u32),
    /// Any.
    Any,
}

/// Two credentials of one login force two different commands: it must be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("two credentials force different commands")]
pub struct TwoForcedCommands;

impl Restrictions {
    /// No restriction: a login by password, for one.
    #[must_use]
    pub fn none() -> Self {
        Self {
            agent_forwarding: true,
            port_forwarding: true,
            x11_forwarding: true,
            pty: true,
            user_rc: true,
            tunnel: TunnelLimit::Any,
            forced_command: None,
            environment: Vec::new(),
            permit_open: Vec::new(),
            permit_listen: Vec::new(),
        }
    }

    /// Nothing but a terminal: for those who must change their password first.
    #[must_use]
    pub fn all_but_a_terminal() -> Self {
        Self {
            agent_forwarding: false,
            port_forwarding: false,
            x11_forwarding: false,
            user_rc: false,
            tunnel: TunnelLimit::None,
            ..Self::none()
        }
    }

    /// What a line of `authorized_keys` takes away.
    #[must_use]
    pub fn of_line(options: &Options) -> Self {
        let tunnel = match (options.tunnel_forwarding, options.tunnel) {
            (false, _) => TunnelLimit::None,
            (true, Some(TunnelDevice::Number(device))) => TunnelLimit::Only(device),
            (true, Some(TunnelDevice::Any) | None) => TunnelLimit::Any,
        };
        let forced = |command: &String| ForcedCommand { command: command.clone(), by: ForcedBy::KeyOption };
        let list = |addresses: &Vec<PermitAddress>| match addresses.is_empty() {
            true => Vec::new(),
            false => vec![addresses.clone()],
        };
        Self {
            agent_forwarding: options.agent_forwarding,
            port_forwarding: options.port_forwarding,
            x11_forwarding: options.x11_forwarding,
            pty: options.pty,
            user_rc: options.user_rc,
            tunnel,
            forced_command: options.command.as_ref().map(forced),
            environment: options.environment.clone(),
            permit_open: list(&options.permit_open),
            permit_listen: list(&options.permit_listen),
        }
    }

    /// What a certificate takes away: everything that its extensions do not permit.
    #[must_use]
    pub fn of_certificate(options: &CriticalOptions, extensions: &Extensions) -> Self {
        let forced = |command: &String| ForcedCommand { command: command.clone(), by: ForcedBy::KeyOption };
        Self {
            agent_forwarding: extensions.agent_forwarding,
            port_forwarding: extensions.port_forwarding,
            x11_forwarding: extensions.x11_forwarding,
            pty: extensions.pty,
            user_rc: extensions.user_rc,
            // No extension is about tunnels: they are forwarding too.
            tunnel: if extensions.port_forwarding { TunnelLimit::Any } else { TunnelLimit::None },
            forced_command: options.force_command.as_ref().map(forced),
            ..Self::none()
        }
    }

    /// What is left and what is asked for, by theirs' names for the options: names alone, no values.
    #[must_use]
    pub fn key_options(&self) -> String {
        let named = [
            ("agent-forwarding", self.agent_forwarding),
            ("command", self.forced_command.is_some()),
            ("environment", !self.environment.is_empty()),
            ("permitopen", !self.permit_open.is_empty()),
            ("permitlisten", !self.permit_listen.is_empty()),
            ("port-forwarding", self.port_forwarding),
            ("pty", self.pty),
            ("tun-devices", matches!(self.tunnel, TunnelLimit::Only(_))),
            ("user-rc", self.user_rc),
            ("x11-forwarding", self.x11_forwarding),
        ];
        let there = named.into_iter().filter(|(_, there)| *there).map(|(name, _)| format!(" {name}"));
        format!("key options:{}", there.collect::<String>())
    }

    /// Both sets of restrictions at once: what either takes away is gone.
    ///
    /// # Errors
    /// When they force different commands.
    pub fn restrict_by(mut self, other: Self) -> Result<Self, TwoForcedCommands> {
        self.forced_command = match (self.forced_command, other.forced_command) {
            (Some(ours), Some(theirs)) if ours.command != theirs.command => return Err(TwoForcedCommands),
            (ours, theirs) => ours.or(theirs),
        };
        for (name, value) in other.environment {
            if !self.environment.iter().any(|(present, _)| *present == name) {
                self.environment.push((name, value));
            }
        }
        self.permit_open.extend(other.permit_open);
        self.permit_listen.extend(other.permit_listen);
        Ok(Self {
            agent_forwarding: self.agent_forwarding && other.agent_forwarding,
            port_forwarding: self.port_forwarding && other.port_forwarding,
            x11_forwarding: self.x11_forwarding && other.x11_forwarding,
            pty: self.pty && other.pty,
            user_rc: self.user_rc && other.user_rc,
            tunnel: self.tunnel.and(other.tunnel),
            ..self
        })
    }
}

impl TunnelLimit {
    /// What both allow.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Any, limit) | (limit, Self::Any) => limit,
            (Self::Only(ours), Self::Only(theirs)) if ours == theirs => self,
            _ => Self::None,
        }
    }
}
