//! What the process after login may know.

use serde::{Deserialize, Serialize};

use crate::Effective;
use crate::algorithms::signature_algorithms;
use crate::preauth::settings_of_one_process;
use crate::values::{ChannelTimeout, Compression, IpQos, LogLevel, Seconds};

settings_of_one_process! {
    /// Settings of `sshd-session`, for the user who logged in.
    SessionSettings, Session, {
        /// How many sessions the connection may open.
        max_sessions: u32 = MaxSessions,
        /// After how many seconds of silence the client is asked whether it lives; 0 means never.
        client_alive_interval: u64 = ClientAliveInterval =>
            |effective: &Effective| u64::from(effective.client_alive_interval.0),
        /// How many such questions may stay unanswered; 0 means any number.
        client_alive_count_max: u32 = ClientAliveCountMax,
        /// After how long a connection without channels is closed.
        unused_connection_timeout: Option<Seconds> = UnusedConnectionTimeout =>
            |effective: &Effective| effective.unused_connection_timeout.filter(|time| !time.is_zero()),
        /// Whether terminals may be asked for.
        permit_tty: bool = PermitTTY,
        /// Whether `zlib@openssh.com` is offered.
        compression: bool = Compression => |effective: &Effective| effective.compression == Compression::Delayed,
        /// Ciphers, preferred first.
        ciphers: Vec<String> = Ciphers,
        /// MACs, preferred first.
        macs: Vec<String> = Macs,
        /// Text behind the version in our identification line.
        version_addendum: Option<String> = VersionAddendum,
        /// Key exchange methods, preferred first.
        kex_algorithms: Vec<String> = KexAlgorithms,
        /// Host key algorithms, preferred first.
        host_key_algorithms: Vec<String> = HostKeyAlgorithms,
        /// What users' keys may sign with, for `server-sig-algs`.
        pubkey_signature_algorithms: Vec<String> = PubkeyAcceptedAlgorithms
            => |effective: &Effective| signature_algorithms(&effective.pubkey_accepted_algorithms),
        /// How much is logged.
        log_level: LogLevel = LogLevel,
        /// Environment variables that the client may set.
        accept_env: Vec<String> = AcceptEnv,
        /// Idle limits of channels.
        channel_timeout: Vec<ChannelTimeout> = ChannelTimeout,
        /// Service classes.
        ip_qos: IpQos = IPQoS,
        /// Bytes after which new keys are due; 0 for the cipher's default.
        rekey_bytes: u64 = RekeyLimit => |effective: &Effective| effective.rekey_limit.bytes(),
        /// Seconds after which new keys are due; 0 for never.
        rekey_seconds: u64 = RekeyLimit => |effective: &Effective| effective.rekey_limit.seconds(),
        /// Whether somebody reads events: then what becomes of files is told beside the log.
        event_log: bool = EventLog => |effective: &Effective| effective.event_log.is_some(),
        /// Whether what becomes of files is spooled.
        sftp_event_spool: bool = SftpEventSpool => |effective: &Effective| effective.sftp_event_spool.is_some(),
        /// Whether new files have another name until they are whole.
        sftp_atomic_uploads: bool = SftpAtomicUploads,
        /// Whether uploaded files are summed up.
        sftp_upload_sha256: bool = SftpUploadSha256,
        /// Files and directories open at once.
        sftp_max_open_files: Option<u32> = SftpMaxOpenFiles,
        /// Bytes a second from the client.
        sftp_upload_rate: Option<u64> = SftpUploadRate,
        /// Bytes a second to the client.
        sftp_download_rate: Option<u64> = SftpDownloadRate,
    }
}
