//! What a login may do, once settings and credential have both had their say.

use keys::authorized_keys::{PermitAddress, PermitPort};
use serde::{Deserialize, Serialize};
use settings::Effective;
use settings::pattern::matches_pattern;
use settings::values::{Forwarding, PermitListen, Tunnel, port_number};

use crate::{ForcedBy, ForcedCommand, Restrictions, TunnelLimit, key_environment};

/// What a login may do. Made once, when it has succeeded; nothing later widens it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// Terminals.
    pub terminal: bool,
    /// `~/.ssh/rc` is run in front of shells and commands.
    pub user_rc: bool,
    /// Agent forwarding.
    pub agent_forwarding: bool,
    /// X11 forwarding.
    pub x11_forwarding: bool,
    /// TCP forwarding.
    pub tcp_forwarding: ForwardingGrant,
    /// Forwarding of Unix-domain sockets.
    pub stream_local_forwarding: ForwardingGrant,
    /// tun(4) devices.
    pub tunnel: TunnelGrant,
    /// Where `-L` may lead: an address must be in every one of these lists.
    pub permit_open: Vec<Vec<PermitAddress>>,
    /// Where `-R` may listen: an address must be in every one of these lists.
    pub permit_listen: Vec<Vec<PermitAddress>>,
    /// Runs in place of every shell, command and subsystem.
    pub forced_command: Option<ForcedCommand>,
    /// Variables that the credential sets, as far as PermitUserEnvironment allows.
    pub environment: Vec<(String, String)>,
    /// The argument lines of every `internal-sftp` that this login can start. None at all: no SFTP in the session
    /// process, and so no files.
    pub internal_sftp: Vec<String>,
}

/// Directions of forwarding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardingGrant {
    /// From the client to here (`ssh -L`).
    pub local: bool,
    /// From here to the client (`ssh -R`).
    pub remote: bool,
}

/// tun(4) devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelGrant {
    /// Layer 3.
    pub point_to_point: bool,
    /// Layer 2.
    pub ethernet: bool,
    /// Which device.
    pub device: TunnelLimit,
}

/// What settings and credential leave of a login. DisableForwarding beats every other word about forwarding
/// (CVE-2025-32728, CVE-2026-59999), ForceCommand beats the credential's command.
#[must_use]
pub fn grants(effective: &Effective, restrictions: &Restrictions) -> Grants {
    // What is forwarded is opened outside of a jail: Unix sockets are files, too.
    let forwarding = !effective.disable_forwarding && effective.sftp_jail.is_none();
    let ports = forwarding && restrictions.port_forwarding;
    let tcp_forwarding = directions(ports, effective.allow_tcp_forwarding);
    let stream_local = directions(ports, effective.allow_stream_local_forwarding);
    let forced_command = forced_command(effective, restrictions);
    Grants {
        terminal: effective.permit_tty && restrictions.pty,
        user_rc: runs_user_rc(effective, restrictions),
        agent_forwarding: forwarding && effective.allow_agent_forwarding && restrictions.agent_forwarding,
        x11_forwarding: forwarding && effective.x11_forwarding && restrictions.x11_forwarding,
        tcp_forwarding,
        // As theirs, AllowTcpForwarding is about both, whatever sshd_config(5) says: who has written `no` has never had
        // sockets forwarded.
        stream_local_forwarding: ForwardingGrant {
            local: stream_local.local && tcp_forwarding.local,
            remote: stream_local.remote && tcp_forwarding.remote,
        },
        tunnel: tunnel(forwarding, effective.permit_tunnel, restrictions.tunnel),
        permit_open: with_configured(&restrictions.permit_open, &effective.permit_open),
        permit_listen: with_configured(&restrictions.permit_listen, &effective.permit_listen),
        internal_sftp: reachable_internal_sftp(effective, forced_command.as_ref()),
        forced_command,
        environment: key_environment(effective, restrictions),
    }
}

impl Grants {
    /// Whether `-L` may lead to a host as the client names it.
    #[must_use]
    pub fn may_open(&self, host: &str, port: u32) -> bool {
        self.tcp_forwarding.local && self.permits_opening(host, port)
    }

    /// Whether every list of destinations names this one.
    pub(crate) fn permits_opening(&self, host: &str, port: u32) -> bool {
        let fits = |address: &PermitAddress| address.port.is(port) && (address.host == "*" || address.host == host);
        self.permit_open.iter().all(|list| list.iter().any(fits))
    }

    /// Whether `-R` may listen on an address as the client names it. Names are patterns here, in any case.
    #[must_use]
    pub fn may_listen(&self, host: &str, port: u32) -> bool {
        let host = host.to_ascii_lowercase();
        let fits = |address: &PermitAddress| address.port.is(port) && matches_pattern(&host, &address.host);
        self.tcp_forwarding.remote && self.permit_listen.iter().all(|list| list.iter().any(fits))
    }
}

/// The arguments behind `internal-sftp`, if that is what a command line starts.
#[must_use]
pub fn internal_sftp_arguments(command_line: &str) -> Option<&str> {
    let behind = command_line.strip_prefix("internal-sftp")?;
    (behind.is_empty() || behind.starts_with([' ', '\t'])).then(|| behind.trim_ascii())
}

fn forced_command(effective: &Effective, restrictions: &Restrictions) -> Option<ForcedCommand> {
    let configured = |command: &String| ForcedCommand { command: command.clone(), by: ForcedBy::Config };
    effective.force_command.as_ref().map(configured).or_else(|| restrictions.forced_command.clone())
}

/// ForceCommand means that nothing of the user's own is run (CVE-2008-1657).
fn runs_user_rc(effective: &Effective, restrictions: &Restrictions) -> bool {
    effective.permit_user_rc && restrictions.user_rc && effective.force_command.is_none()
}

fn directions(allowed: bool, configured: Forwarding) -> ForwardingGrant {
    ForwardingGrant {
        local: allowed && matches!(configured, Forwarding::All | Forwarding::Local),
        remote: allowed && matches!(configured, Forwarding::All | Forwarding::Remote),
    }
}

fn tunnel(forwarding: bool, configured: Tunnel, device: TunnelLimit) -> TunnelGrant {
    let allowed = forwarding && device != TunnelLimit::None;
    TunnelGrant {
        point_to_point: allowed && matches!(configured, Tunnel::Yes | Tunnel::PointToPoint),
        ethernet: allowed && matches!(configured, Tunnel::Yes | Tunnel::Ethernet),
        device,
    }
}

fn with_configured(lists: &[Vec<PermitAddress>], configured: &PermitListen) -> Vec<Vec<PermitAddress>> {
    let configured = match configured {
        PermitListen::Any => return lists.to_vec(),
        PermitListen::None => Vec::new(),
        // A word that cannot be read permits nothing.
        PermitListen::Only(words) => words.iter().filter_map(|word| permit_address(word)).collect(),
    };
    lists.iter().cloned().chain([configured]).collect()
}

/// PermitOpen and PermitListen take names of services for ports, `authorized_keys` does not. (For such a name, and for
/// nothing else, the services database is read; it was read for the same name when the configuration was checked.)
fn permit_address(word: &str) -> Option<PermitAddress> {
    let (host, port) = word.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = if port == "*" { PermitPort::Any } else { PermitPort::Number(port_number(port)?) };
    Some(PermitAddress { host: host.to_owned(), port })
}

fn reachable_internal_sftp(effective: &Effective, forced: Option<&ForcedCommand>) -> Vec<String> {
    match forced {
        Some(forced) => internal_sftp_arguments(&forced.command).map(ToOwned::to_owned).into_iter().collect(),
        None => effective
            .subsystem
            .iter()
            .filter_map(|subsystem| internal_sftp_arguments(&subsystem.command_line).map(ToOwned::to_owned))
            .collect(),
    }
}
