//! ListenAddress: where connections are accepted. Names are resolved after all files have been read.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::ports::port_number;
use crate::kind::Repeat;
use crate::{Arguments, Complaint, Kind};

/// One ListenAddress line as said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenAddress {
    /// A name or an address, without brackets.
    pub host: String,
    /// The port, if this line gives one; else every Port.
    pub port: Option<u16>,
}

/// ListenAddress lines.
pub struct ListenAddresses;

impl Kind for ListenAddresses {
    type Value = Vec<ListenAddress>;
    const REPEAT: Repeat = Repeat::Accumulates;
    const WRITTEN: &'static str = "host|address[:port]|[address]:port";

    fn nothing() -> Option<Self::Value> {
        Some(Vec::new())
    }

    fn parse(arguments: &mut Arguments<'_>) -> Result<Self::Value, Complaint> {
        let word = arguments.required()?;
        let address = listen_address(word).ok_or_else(|| Complaint::fatal(format!("bad address \"{word}\"")))?;
        match arguments.next_word() {
            None => Ok(vec![address]),
            Some(word) if word.eq_ignore_ascii_case("rdomain") => {
                Err(Complaint::fatal("routing domains are not supported on this platform"))
            }
            Some(word) => Err(Complaint::fatal(format!("unexpected \"{word}\" after the address"))),
        }
    }

    fn take_later(earlier: &mut Self::Value, later: &Self::Value) -> bool {
        earlier.extend_from_slice(later);
        true
    }

    /// As said; the dump shows the sockets that come of it instead.
    fn show(value: &Self::Value, _from_match: bool) -> Vec<String> {
        let shown = |said: &ListenAddress| match said.port {
            Some(port) => format!("[{}]:{port}", said.host),
            None => said.host.clone(),
        };
        value.iter().map(shown).collect()
    }
}

/// A socket as the C library writes it: `ADDR:PORT` or `[ADDR6%SCOPE]:PORT`.
pub fn shown_socket(socket: &SocketAddr) -> String {
    let SocketAddr::V6(v6) = socket else { return socket.to_string() };
    let address = match v6.ip().segments() {
        // inet_ntop(3) takes six zeros in front for an embedded IPv4 address.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => {
            let embedded = Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
            format!("::{embedded}")
        }
        _ => v6.ip().to_string(),
    };
    let scope = match v6.scope_id() {
        0 => String::new(),
        id => match nix::net::if_::if_indextoname(id) {
            Ok(name) => format!("%{}", name.to_string_lossy()),
            Err(_) => format!("%{id}"),
        },
    };
    format!("[{address}{scope}]:{}", v6.port())
}

fn listen_address(text: &str) -> Option<ListenAddress> {
    if text.bytes().filter(|&byte| byte == b':').count() >= 2 && !text.contains('[') {
        return Some(ListenAddress { host: text.to_owned(), port: None });
    }
    let (host, port) = host_and_port(text)?;
    let port = match port {
        None => None,
        Some(port) => Some(port_number(port).filter(|&port| port != 0)?),
    };
    Some(ListenAddress { host: host.to_owned(), port })
}

/// Splits `HOST[:PORT]` and `[HOST][:PORT]`.
pub(crate) fn host_and_port(text: &str) -> Option<(&str, Option<&str>)> {
    let (host, behind) = match text.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => text.split_at(text.find([':', '/']).unwrap_or(text.len())),
    };
    match behind.as_bytes() {
        [] => Some((host, None)),
        [b':', ..] => Some((host, Some(&behind[1..]))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_as_the_c_library_writes_them() {
        for (socket, shown) in [
            ("127.0.0.1:22", "127.0.0.1:22"),
            ("[::]:22", "[::]:22"),
            ("[::1]:22", "[::1]:22"),
            ("[::1:22]:22", "[::0.1.0.34]:22"),
            ("[::ffff:1.2.3.4]:22", "[::ffff:1.2.3.4]:22"),
            ("[2001:db8::1]:7", "[2001:db8::1]:7"),
        ] {
            assert_eq!(shown_socket(&socket.parse().unwrap()), shown);
        }
    }

    #[test]
    fn addresses_as_theirs_reads_them() {
        for (text, host, port) in [
            ("0.0.0.0", "0.0.0.0", None),
            ("::", "::", None),
            ("[::]", "::", None),
            ("127.0.0.1:2222", "127.0.0.1", Some(2222)),
            ("[::1]:2222", "::1", Some(2222)),
            ("2001:db8::1:22", "2001:db8::1:22", None),
            ("1::2::3", "1::2::3", None),
        ] {
            assert_eq!(listen_address(text), Some(ListenAddress { host: host.to_owned(), port }), "{text}");
        }
        for text in ["127.0.0.1:0", "127.0.0.1:65536", "[::1", "[::1]x", "1.2.3.4/22", "127.0.0.1:", "127.0.0.1:-5"] {
            assert_eq!(listen_address(text), None, "{text}");
        }
    }
}
