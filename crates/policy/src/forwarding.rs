//! Where forwarding may lead, and where it may listen.

use settings::values::GatewayPorts;

use crate::grants::ForwardingGrant;
use crate::{Grants, TunnelGrant, TunnelLimit};

/// Why something is not forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoForwarding {
    /// This kind and direction is off for this login: AllowTcpForwarding, AllowStreamLocalForwarding,
    /// DisableForwarding, or a restriction of the credential.
    Off,
    /// It is on, but not for this place: PermitOpen, PermitListen, `permitopen=`, `permitlisten=`.
    NotPermitted,
    /// No port has this number. (Dropbear 2026.92 took 0xffffffff for any port.)
    NoSuchPort,
}

/// What a tun(4) device carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TunnelLayer {
    /// IP packets.
    PointToPoint,
    /// Ethernet frames.
    Ethernet,
}

/// Whether the protocol or cookie of an `x11-req` may be passed to xauth(1), which reads commands: a line end would begin
/// another one (CVE-2016-3115).
#[must_use]
pub fn is_x11_authentication(text: &str) -> bool {
    /// As long as no cookie is.
    const LONGEST: usize = 1024;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".:/-_".contains(&byte);
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(plain)
}

/// Which addresses a forwarding listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindTo<'a> {
    /// Loopback, of every address family.
    Loopback,
    /// All, of every address family.
    All,
    /// Those of this name.
    Named(&'a str),
}

impl Grants {
    /// Whether `-L` may lead to a host as the client names it; returns the port.
    ///
    /// # Errors
    /// Why not.
    pub fn connects_to(&self, host: &str, port: u32) -> Result<u16, NoForwarding> {
        allowed(self.tcp_forwarding.local, self.may_open(host, port), port)
    }

    /// Whether `-L` may lead to a Unix-domain socket. As with theirs PermitOpen holds for it, too, and an entry fits a
    /// path only if it names any port.
    ///
    /// # Errors
    /// Why not.
    pub fn connects_to_path(&self, path: &str) -> Result<(), NoForwarding> {
        let ForwardingGrant { local, .. } = self.stream_local_forwarding;
        // No number is a path's: only `*` is the port of one.
        const OF_NO_PORT: u32 = u32::MAX;
        allowed(local, self.permits_opening(path, OF_NO_PORT), 0).map(drop)
    }

    /// Whether `-R` may listen on an address as the client names it; returns the port, which may be 0.
    ///
    /// # Errors
    /// Why not.
    pub fn listens_on(&self, host: &str, port: u32) -> Result<u16, NoForwarding> {
        allowed(self.tcp_forwarding.remote, self.may_listen(host, port), port)
    }

    /// Whether `-R` may listen on a Unix-domain socket. As with theirs PermitListen is about addresses alone.
    ///
    /// # Errors
    /// Why not.
    pub fn listens_on_path(&self) -> Result<(), NoForwarding> {
        allowed(self.stream_local_forwarding.remote, true, 0).map(drop)
    }

    /// Whether a tun(4) device may be opened as a client asks for it (PROTOCOL section 2.3); returns the layer and which
    /// device, none for any.
    ///
    /// # Errors
    /// [`NoForwarding::Off`] for a layer that is off, [`NoForwarding::NotPermitted`] for a device that is another's.
    pub fn opens_tunnel(&self, mode: u32, unit: u32) -> Result<(TunnelLayer, Option<u32>), NoForwarding> {
        /// SSH_TUNID_ANY
        const ANY: u32 = 0x7fff_ffff;
        let TunnelGrant { point_to_point, ethernet, device } = self.tunnel;
        let layer = match mode {
            1 if point_to_point => TunnelLayer::PointToPoint,
            2 if ethernet => TunnelLayer::Ethernet,
            _ => return Err(NoForwarding::Off),
        };
        match (device, unit) {
            (TunnelLimit::None, _) => Err(NoForwarding::Off),
            (TunnelLimit::Only(only), ANY) => Ok((layer, Some(only))),
            (TunnelLimit::Only(only), unit) if only != unit => Err(NoForwarding::NotPermitted),
            (TunnelLimit::Any, ANY) => Ok((layer, None)),
            (_, unit) if unit < ANY => Ok((layer, Some(unit))),
            _ => Err(NoForwarding::NotPermitted),
        }
    }

    /// Whether anything can be forwarded at all.
    #[must_use]
    pub fn forwards(&self) -> bool {
        let some = |grant: ForwardingGrant| grant.local || grant.remote;
        let devices = self.tunnel.point_to_point || self.tunnel.ethernet;
        some(self.tcp_forwarding) || some(self.stream_local_forwarding) || self.listens() || devices
    }

    /// Whether anybody may listen for the client.
    #[must_use]
    pub fn listens(&self) -> bool {
        let for_commands = self.agent_forwarding || self.x11_forwarding;
        self.tcp_forwarding.remote || self.stream_local_forwarding.remote || for_commands
    }
}

fn allowed(on: bool, permitted: bool, port: u32) -> Result<u16, NoForwarding> {
    match (on, permitted) {
        (false, _) => Err(NoForwarding::Off),
        (true, false) => Err(NoForwarding::NotPermitted),
        (true, true) => u16::try_from(port).map_err(|_| NoForwarding::NoSuchPort),
    }
}

/// What GatewayPorts makes of the address that a client wants somebody to listen on (RFC 4254 section 7.1). Without
/// GatewayPorts only a loopback address is taken at its word, so that a client can choose the address family.
#[must_use]
pub fn bind_to(gateway_ports: GatewayPorts, host: &str) -> BindTo<'_> {
    match (gateway_ports, host) {
        (GatewayPorts::Yes, _) | (GatewayPorts::ClientSpecified, "" | "*") => BindTo::All,
        (GatewayPorts::ClientSpecified, "localhost") => BindTo::Loopback,
        (GatewayPorts::ClientSpecified, host) | (GatewayPorts::No, host @ ("127.0.0.1" | "::1")) => BindTo::Named(host),
        (GatewayPorts::No, _) => BindTo::Loopback,
    }
}
