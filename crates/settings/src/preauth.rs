//! What the process before login may know of the configuration.

use serde::{Deserialize, Serialize};

/// Lists are expanded: every name is one that this build knows, in the order of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreauthSettings {
    /// `KexAlgorithms`
    pub kex_algorithms: Vec<String>,
    /// `Ciphers`
    pub ciphers: Vec<String>,
    /// `MACs`
    pub macs: Vec<String>,
    /// `Compression`: whether `zlib@openssh.com` is offered.
    pub compression: bool,
    /// `PubkeyAcceptedAlgorithms`, for `server-sig-algs`.
    pub pubkey_accepted_algorithms: Vec<String>,
    /// `RekeyLimit`: bytes, 0 for the cipher's default.
    pub rekey_bytes: u64,
    /// `RekeyLimit`: seconds, 0 for never.
    pub rekey_seconds: u64,
}
