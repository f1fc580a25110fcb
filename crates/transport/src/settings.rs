//! What a transport is told when it starts.

/// What this server offers and how far it goes. The lists are in the order of preference of `sshd_config`; for each
/// kind of algorithm the first one *of the client's list* that the server knows wins (RFC 4253 section 7.1).
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Our identification without CR LF, e.g. `SSH-2.0-Bulkhead_0.1` (RFC 4253 section 4.2).
    pub software_version: String,
    /// `KexAlgorithms`. Names that this crate does not implement are not offered.
    pub kex_algorithms: Vec<String>,
    /// `Ciphers`, for both directions.
    pub ciphers: Vec<String>,
    /// `MACs`, for both directions; without meaning for an AEAD cipher.
    pub macs: Vec<String>,
    /// `Compression`
    pub compression: Compression,
    /// The host keys, one entry for each signature algorithm, in the order of `HostKeyAlgorithms`.
    pub host_keys: Vec<HostKey>,
    /// The value of `server-sig-algs` in EXT_INFO (RFC 8308 section 3.1): a name-list.
    pub server_sig_algs: String,
    /// `RekeyLimit`, first value, in bytes of one direction; 0 leaves it to the cipher.
    pub rekey_bytes: u64,
    /// `RekeyLimit`, second value, in seconds; 0 is never.
    pub rekey_seconds: u64,
    /// The largest packet_length that is taken from the peer, in bytes: [`crate::limits::LARGEST_PACKET_BEFORE_LOGIN`]
    /// until somebody has logged in, then [`crate::limits::LARGEST_PACKET`].
    pub largest_packet: usize,
}

/// `Compression` of `sshd_config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Only `none` is offered.
    None,
    /// `zlib@openssh.com` is offered too: it starts after login, in the process that took the connection over.
    Delayed,
}

/// A host key under one of its signature algorithms. An RSA key stands here once as `rsa-sha2-512` and once as
/// `rsa-sha2-256`.
#[derive(Debug, Clone)]
pub struct HostKey {
    /// The name in `server_host_key_algorithms`.
    pub algorithm: String,
    /// Which key of the monitor signs.
    pub index: u32,
    /// K_S: the public key (or certificate) as the client gets it.
    pub blob: Vec<u8>,
}
