//! The server's end of a transport.

use sandbox::LockedDown;
use transport::{Compression, Event, HostKey, ServerSettings, Transport, TransportError};

/// Bytes of output that no input of a target's size may exceed.
pub const MOST_OUTPUT: usize = 8 * 1024 * 1024;

/// The host key's blob; it stands for no key, and what it "signs" is the hash itself.
pub const HOST_KEY: &[u8] = b"a host key";

/// Fuzz targets are not confined.
#[must_use]
pub fn proof() -> LockedDown {
    LockedDown::not_locked_down_for_a_test()
}

/// Everything is offered.
#[must_use]
pub fn settings() -> ServerSettings {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    ServerSettings {
        software_version: "SSH-2.0-Bulkhead_fuzzed".to_owned(),
        kex_algorithms: names(&[
            "mlkem768x25519-sha256",
            "sntrup761x25519-sha512",
            "curve25519-sha256",
            "ecdh-sha2-nistp256",
            "ecdh-sha2-nistp521",
            "diffie-hellman-group14-sha256",
            "diffie-hellman-group-exchange-sha256",
        ]),
        ciphers: names(&["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes128-ctr", "aes128-cbc"]),
        macs: names(&["hmac-sha2-256-etm@openssh.com", "hmac-sha2-256"]),
        compression: Compression::Delayed,
        host_keys: vec![HostKey { algorithm: "ssh-ed25519".to_owned(), index: 0, blob: HOST_KEY.to_vec() }],
        server_sig_algs: "ssh-ed25519".to_owned(),
        rekey_bytes: 0,
        rekey_seconds: 0,
        largest_packet: transport::limits::LARGEST_PACKET,
    }
}

/// Gives the transport these bytes and takes all its events.
///
/// # Errors
/// The peer is wrong.
pub fn take(transport: &mut Transport, bytes: &[u8]) -> Result<(), TransportError> {
    let mut rest = bytes;
    loop {
        take_events(transport)?;
        let space = transport.input_space();
        let count = rest.len().min(space.len());
        let (now, later) = rest.split_at(count);
        space[..count].copy_from_slice(now);
        transport.input_filled(count);
        rest = later;
        if count == 0 {
            return take_events(transport);
        }
    }
}

fn take_events(transport: &mut Transport) -> Result<(), TransportError> {
    loop {
        let hash = match transport.next_event()? {
            None => return Ok(()),
            Some(Event::SignExchangeHash { exchange_hash, .. }) => exchange_hash.to_vec(),
            Some(Event::ChooseGroup { .. }) => {
                transport.group(None)?;
                continue;
            }
            Some(_) => continue,
        };
        transport.signature(&hash)?;
    }
}
