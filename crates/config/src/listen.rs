//! From ListenAddress, Port and AddressFamily to sockets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};

use settings::{AddressFamily, Effective};

/// The sockets to listen on, in the order of the file. A name that cannot be resolved is an error.
pub(crate) fn listen_sockets(effective: &Effective) -> Result<Vec<SocketAddr>, String> {
    let family = effective.address_family;
    if effective.listen_address.is_empty() {
        let everywhere = [IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::UNSPECIFIED)];
        let sockets = effective.port.iter().flat_map(|&port| everywhere.map(|address| SocketAddr::new(address, port)));
        return Ok(sockets.filter(|socket| wanted(socket, family)).collect());
    }
    let mut sockets = Vec::new();
    for said in &effective.listen_address {
        for &port in said.port.as_ref().map_or(effective.port.as_slice(), std::slice::from_ref) {
            sockets.extend(resolved(&said.host, port, family)?);
        }
    }
    Ok(sockets)
}

fn wanted(socket: &SocketAddr, family: AddressFamily) -> bool {
    match family {
        AddressFamily::Any => true,
        AddressFamily::Inet => socket.is_ipv4(),
        AddressFamily::Inet6 => socket.is_ipv6(),
    }
}

/// All addresses of a host. The resolver's last answer comes first, as theirs.
fn resolved(host: &str, port: u16, family: AddressFamily) -> Result<Vec<SocketAddr>, String> {
    let bad = |error: String| format!("bad addr or host: {host} ({error})");
    let answers: Vec<SocketAddr> = match host {
        // The C library takes this for no name at all, which means loopback.
        "*" => [IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)]
            .map(|address| SocketAddr::new(address, port))
            .into(),
        _ => (host, port).to_socket_addrs().map_err(|error| bad(error.to_string()))?.collect(),
    };
    let mut sockets: Vec<SocketAddr> = answers.iter().copied().filter(|socket| wanted(socket, family)).collect();
    if sockets.is_empty() && family == AddressFamily::Inet && answers.iter().any(|socket| socket.ip().is_loopback()) {
        // Asked for IPv4 alone, glibc takes "::1 name" in /etc/hosts for 127.0.0.1; asked for both, it does not.
        sockets.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
    }
    if sockets.is_empty() {
        return Err(bad("no address of the wanted family".to_owned()));
    }
    sockets.reverse();
    Ok(sockets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use settings::ListenAddress;

    fn shown(effective: &Effective) -> Vec<String> {
        listen_sockets(effective).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_port_on_every_address() {
        let mut effective = Effective { port: vec![5, 6], ..Effective::defaults() };
        assert_eq!(shown(&effective), ["[::]:5", "0.0.0.0:5", "[::]:6", "0.0.0.0:6"]);
        effective.listen_address = vec![
            ListenAddress { host: "127.0.0.1".to_owned(), port: None },
            ListenAddress { host: "::1".to_owned(), port: Some(9) },
        ];
        assert_eq!(shown(&effective), ["127.0.0.1:5", "127.0.0.1:6", "[::1]:9"]);
        effective.address_family = AddressFamily::Inet6;
        assert!(listen_sockets(&effective).is_err());
    }
}
