//! What the unit tests of several files need.

use crate::{
    Compression, HostKey, ServerSettings,
    ciphers::{CipherName, DirectionKeys},
    macs::MacName,
};

pub(crate) const ALL_CIPHERS: &[&str] = &[
    "chacha20-poly1305@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
    "aes128-cbc",
    "aes192-cbc",
    "aes256-cbc",
    "3des-cbc",
];

pub(crate) const ALL_MACS: &[&str] = &[
    "umac-64-etm@openssh.com",
    "umac-128-etm@openssh.com",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha1-etm@openssh.com",
    "umac-64@openssh.com",
    "umac-128@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
    "hmac-sha1-96-etm@openssh.com",
    "hmac-md5-etm@openssh.com",
    "hmac-md5-96-etm@openssh.com",
    "hmac-sha1-96",
    "hmac-md5",
    "hmac-md5-96",
];

/// Keys that are nobody's; the IV is near its end, so that counters wrap.
pub(crate) fn keys_for_a_test(cipher: &str, mac: &str) -> DirectionKeys {
    let cipher = CipherName::by_name(cipher).unwrap();
    let mac = MacName::by_name(mac).filter(|_| !cipher.is_aead());
    let bytes = |length: usize, first: u8| (0..length).map(|place| first.wrapping_add(place as u8)).collect::<Vec<_>>();
    DirectionKeys {
        cipher,
        mac,
        key: bytes(cipher.key_length(), 1).into(),
        iv: vec![0xff; cipher.iv_length()].into(),
        mac_key: bytes(mac.map_or(0, MacName::key_length), 101).into(),
    }
}

pub(crate) fn settings_for_a_test() -> ServerSettings {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    ServerSettings {
        software_version: "SSH-2.0-Bulkhead_test".into(),
        kex_algorithms: names(&["curve25519-sha256"]),
        ciphers: names(ALL_CIPHERS),
        macs: names(ALL_MACS),
        compression: Compression::Delayed,
        host_keys: vec![HostKey { algorithm: "ssh-ed25519".into(), index: 0, blob: b"a host key".to_vec() }],
        server_sig_algs: "ssh-ed25519".into(),
        rekey_bytes: 0,
        rekey_seconds: 0,
        largest_packet: crate::limits::LARGEST_PACKET_BEFORE_LOGIN,
    }
}
