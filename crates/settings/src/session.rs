//! What the process of a logged-in user may know of the configuration.

use serde::{Deserialize, Serialize};

/// Lists are expanded: every name is one that this build knows, in the order of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSettings {
    /// `KexAlgorithms`, for key exchanges to come.
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
    /// `AcceptEnv`: patterns of names.
    pub accept_env: Vec<String>,
    /// `MaxSessions`
    pub max_sessions: u32,
    /// `ClientAliveInterval` in seconds, 0 for never.
    pub client_alive_interval: u64,
    /// `ClientAliveCountMax`
    pub client_alive_count_max: u32,
}
