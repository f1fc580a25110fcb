//! Where forwarding may lead, and where it may listen.

use settings::values::GatewayPorts;

use crate::Grants;
use crate::grants::ForwardingGrant;

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

    /// Whether anything can be forwarded at all.
    #[must_use]
    pub fn forwards(&self) -> bool {
        let some = |grant: ForwardingGrant| grant.local || grant.remote;
        some(self.tcp_forwarding) || some(self.stream_local_forwarding)
    }

    /// Whether anybody may listen for the client.
    #[must_use]
    pub fn listens(&self) -> bool {
        self.tcp_forwarding.remote || self.stream_local_forwarding.remote
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
