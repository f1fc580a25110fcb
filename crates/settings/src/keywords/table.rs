//! The rows, and the structs that follow from them.

use std::borrow::Cow;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Status::{Never, Works};
use super::{ItsFile, Keyword, Process, Scope};
use crate::arguments::{Arguments, parse_plain};
use crate::paths::{OUR_VERSION, PIDFILE, XAUTH, in_libexecdir, in_sysconfdir};
use crate::values::*;
use crate::{Complaint, Kind};

macro_rules! keywords {
    (@file) => { ItsFile::SshdConfig };
    (@file $file:ident) => { ItsFile::$file };
    ($($(#[doc = $doc:literal])+
       $field:ident, $name:ident $(/ $alias:literal)*, $kind:ty, [$($default:expr),*], $place:ident,
       [$($process:ident),*], $status:expr $(, $file:ident)?;)+) => {
        /// Names a row of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Id { $($(#[doc = $doc])+ $name),+ }

        /// One line of a configuration file, understood.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub enum Setting { $($(#[doc = $doc])+ $name(<$kind as Kind>::Value)),+ }

        /// What several lines said, merged; nothing where nothing was said.
        #[derive(Clone, Debug, Default)]
        pub struct Layer { $($field: Option<<$kind as Kind>::Value>),+ }

        /// The settings that hold for one connection: every keyword has a value.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Effective {
            $($(#[doc = $doc])+ pub $field: <$kind as Kind>::Value,)+
            /// What ListenAddress, Port and AddressFamily come to: names resolved, in the order of the file.
            pub listen_sockets: Vec<SocketAddr>,
        }

        /// The table.
        pub static KEYWORDS: &[Keyword] = &[$(Keyword {
            id: Id::$name,
            name: stringify!($name),
            aliases: &[$($alias),*],
            place: Scope::$place,
            known_to: &[$(Process::$process),*],
            status: $status,
            repeat: <$kind as Kind>::REPEAT,
            written: <$kind as Kind>::WRITTEN,
            words: <$kind as Kind>::WORDS,
            doc: concat!($($doc),+),
            file: keywords!(@file $($file)?),
            default: || vec![$(Cow::from($default)),*],
        }),+];

        impl Setting {
            /// Reads the value of the keyword `id`.
            pub fn parse(id: Id, arguments: &mut Arguments<'_>) -> Result<Self, Complaint> {
                match id { $(Id::$name => <$kind as Kind>::parse(arguments).map(Self::$name)),+ }
            }

            /// Which keyword this is the value of.
            pub fn id(&self) -> Id {
                match self { $(Self::$name(_) => Id::$name),+ }
            }
        }

        impl Layer {
            /// Takes one more line. Says whether anything of it was taken, or earlier lines had said it all.
            pub fn take(&mut self, setting: &Setting) -> bool {
                match setting {
                    $(Setting::$name(later) => match &mut self.$field {
                        Some(earlier) => <$kind as Kind>::take_later(earlier, later),
                        nothing => { *nothing = Some(later.clone()); true }
                    }),+
                }
            }

            /// Whether any line gave the keyword a value.
            pub fn has(&self, id: Id) -> bool {
                match id { $(Id::$name => self.$field.is_some()),+ }
            }

            /// This layer of matching blocks, laid over the global layer.
            #[must_use]
            pub fn over(self, global: &Self) -> Self {
                Self {
                    $($field: match (&global.$field, self.$field) {
                        (Some(global), Some(matched)) => Some(<$kind as Kind>::lay_over(global, matched)),
                        (global, matched) => matched.or_else(|| global.clone()),
                    }),+
                }
            }

            /// Fills in the defaults.
            pub fn effective(self) -> Effective {
                Effective {
                    $($field: self.$field.unwrap_or_else(|| default_of::<$kind>(Id::$name)),)+
                    listen_sockets: Vec::new(),
                }
            }
        }

        impl Effective {
            /// Every keyword with its lines as `-T` shows them, without the keyword itself. `from_match` tells which
            /// keywords a Match block spoke about.
            pub fn show(&self, from_match: impl Fn(Id) -> bool) -> Vec<(&'static Keyword, Vec<String>)> {
                vec![$((
                    Keyword::of(Id::$name),
                    match Id::$name {
                        Id::ListenAddress => self.listen_sockets.iter().map(shown_socket).collect(),
                        id => <$kind as Kind>::show(&self.$field, from_match(id)),
                    },
                )),+]
            }
        }
    };
}

impl Effective {
    /// What holds when nothing is said.
    pub fn defaults() -> Self {
        Layer::default().effective()
    }
}

impl Setting {
    /// Whether the keyword may stand in Match blocks.
    pub fn may_stand_in_match(&self) -> bool {
        Keyword::of(self.id()).place == Scope::Anywhere
    }

    /// Reads one line of a default (or of our own dump of one); words are separated by single blanks.
    ///
    /// # Panics
    /// When the table holds a default that its own kind refuses; a unit test reads them all.
    pub fn parse_default(id: Id, line: &str) -> Self {
        match parse_plain(line, |arguments| Self::parse(id, arguments)) {
            Ok(setting) => setting,
            Err(complaint) => panic!("the default of {id:?} is not valid: {complaint}"),
        }
    }
}

fn default_of<K: Kind>(id: Id) -> K::Value {
    let lines = (Keyword::of(id).default)();
    let values = lines.iter().map(|line| parse_plain(line, K::parse));
    let merged = values.reduce(|merged, later| {
        let mut merged = merged?;
        K::take_later(&mut merged, &later?);
        Ok(merged)
    });
    match merged {
        Some(Ok(value)) => value,
        Some(Err(complaint)) => panic!("the default of {id:?} is not valid: {complaint}"),
        None => K::nothing().unwrap_or_else(|| panic!("{id:?} needs a default")),
    }
}

/// Removing nothing from an algorithm list leaves what is offered when nothing is said.
const DEFAULT: &str = "-";

keywords! {
    /// The port to listen on.
    port, Port, PortList, ["22"], Global, [Listener], Works;
    /// Which families of addresses to listen on.
    address_family, AddressFamily, OneOf<AddressFamily>, ["any"], Global, [Listener, Monitor], Works;
    /// An address to listen on; without a port, on every Port. By default all addresses of this host.
    listen_address, ListenAddress, ListenAddresses, [], Global, [Listener], Works;
    /// Whether PAM checks accounts and sessions, and answers password and keyboard-interactive logins.
    use_pam, UsePAM, YesNo, ["no"], Global, [Monitor], Works;
    /// The name under which PAM looks up its stack.
    pam_service_name, PAMServiceName, Word, ["sshd"], Anywhere, [Monitor], Works;
    /// How long a connection may take to log in; 0 means as long as it likes.
    login_grace_time, LoginGraceTime, Time, ["120"], Global, [Listener], Works;
    /// The first display number for X11 forwarding.
    x11_display_offset, X11DisplayOffset, Number, ["10"], Anywhere, [Monitor], Works;
    /// How many attempts to log in one connection has; from half of them on, failures are logged.
    max_auth_tries, MaxAuthTries, Number, ["6"], Anywhere, [Monitor, Preauth], Works;
    /// How many sessions one connection may open; 0 forbids shells, commands and subsystems but not forwarding.
    max_sessions, MaxSessions, Number, ["10"], Anywhere, [Session, Monitor], Works;
    /// After how much silence the client is asked whether it still lives; 0 means never.
    client_alive_interval, ClientAliveInterval, Time, ["0"], Anywhere, [Session], Works;
    /// How many such questions may stay unanswered before the connection is closed; 0 means that it never is.
    client_alive_count_max, ClientAliveCountMax, Number, ["3"], Anywhere, [Session], Works;
    /// RSA keys with fewer bits are refused, for users and for this host.
    required_rsa_size, RequiredRSASize, Number, ["1024"], Anywhere, [Listener, Monitor], Works;
    /// The umask for Unix-domain sockets of forwardings.
    stream_local_bind_mask, StreamLocalBindMask, Octal, ["0177"], Anywhere, [Monitor], Works;
    /// After how long a connection without any channel is closed.
    unused_connection_timeout, UnusedConnectionTimeout, OptionalTime, ["none"], Anywhere, [Session], Works;
    /// Whether and how root may log in.
    permit_root_login, PermitRootLogin, OneOf<PermitRootLogin>, ["prohibit-password"], Anywhere, [Monitor], Works;
    /// Whether .rhosts and .shosts are ignored in host-based logins.
    ignore_rhosts, IgnoreRhosts, OneOf<IgnoreRhosts>, ["yes"], Anywhere, [Monitor], Works;
    /// Whether ~/.ssh/known_hosts is ignored in host-based logins.
    ignore_user_known_hosts, IgnoreUserKnownHosts, YesNo, ["no"], Global, [Monitor], Works;
    /// Whether the client's host may vouch for its users.
    hostbased_authentication, HostbasedAuthentication, YesNo, ["no"], Anywhere, [Monitor, Preauth], Works;
    /// Whether host-based logins believe the host name that the client sends instead of looking it up.
    hostbased_uses_name_from_packet_only, HostbasedUsesNameFromPacketOnly, YesNo, ["no"], Anywhere, [Monitor], Works;
    /// Whether users may log in by public key.
    pubkey_authentication, PubkeyAuthentication / "DSAAuthentication", YesNo, ["yes"], Anywhere, [Monitor, Preauth],
        Works;
    /// Whether users may log in by password.
    password_authentication, PasswordAuthentication, YesNo, ["yes"], Anywhere, [Monitor, Preauth],
        Works;
    /// Whether users may log in by answering questions (PAM).
    kbd_interactive_authentication,
        KbdInteractiveAuthentication / "ChallengeResponseAuthentication" / "SKeyAuthentication", YesNo, ["yes"],
        Anywhere, [Monitor, Preauth], Works;
    /// Whether /etc/motd is printed in interactive sessions.
    print_motd, PrintMotd, YesNo, ["yes"], Global, [Launch], Works;
    /// Whether the time of the last login is printed in interactive sessions.
    print_last_log, PrintLastLog, YesNo, ["yes"], Global, [Launch], Works;
    /// Whether X11 may be forwarded.
    x11_forwarding, X11Forwarding, YesNo, ["no"], Anywhere, [Monitor], Works;
    /// Whether forwarded X11 displays listen on loopback alone.
    x11_use_localhost, X11UseLocalhost, YesNo, ["yes"], Anywhere, [Monitor], Works;
    /// Whether terminals may be asked for.
    permit_tty, PermitTTY, YesNo, ["yes"], Anywhere, [Monitor, Session], Works;
    /// Whether ~/.ssh/rc is run.
    permit_user_rc, PermitUserRC, YesNo, ["yes"], Anywhere, [Launch], Works;
    /// Whether owner and mode of the user's files are checked before they are believed.
    strict_modes, StrictModes, YesNo, ["yes"], Global, [Monitor], Works;
    /// Whether TCP itself checks that the peer still lives.
    tcp_keep_alive, TCPKeepAlive / "KeepAlive", YesNo, ["yes"], Global, [Listener], Works;
    /// Whether accounts with an empty password may log in with it.
    permit_empty_passwords, PermitEmptyPasswords, YesNo, ["no"], Anywhere, [Monitor], Works;
    /// Whether the connection may be compressed after login.
    compression, Compression, OneOf<Compression>, ["yes"], Global, [Preauth, Session], Works;
    /// Whether remote forwardings listen on other addresses than loopback.
    gateway_ports, GatewayPorts, OneOf<GatewayPorts>, ["no"], Anywhere, [Monitor], Works;
    /// Whether the client's host name is looked up, and its address checked against it.
    use_dns, UseDNS, YesNo, ["no"], Global, [Monitor], Works;
    /// Whether TCP connections may be forwarded; what is off here is off for Unix-domain sockets, too.
    allow_tcp_forwarding, AllowTcpForwarding, OneOf<Forwarding>, ["yes"], Anywhere, [Monitor], Works;
    /// Whether the client's agent may be forwarded.
    allow_agent_forwarding, AllowAgentForwarding, YesNo, ["yes"], Anywhere, [Monitor], Works;
    /// Whether all forwarding is off, whatever else says yes.
    disable_forwarding, DisableForwarding, YesNo, ["no"], Anywhere, [Monitor], Works;
    /// Whether Unix-domain sockets may be forwarded, in directions that AllowTcpForwarding does not turn off.
    allow_stream_local_forwarding, AllowStreamLocalForwarding, OneOf<Forwarding>, ["yes"], Anywhere, [Monitor], Works;
    /// Whether an existing socket file is removed before a forwarding listens on it.
    stream_local_bind_unlink, StreamLocalBindUnlink, YesNo, ["no"], Anywhere, [Monitor], Works;
    /// The digest of fingerprints in the log.
    fingerprint_hash, FingerprintHash, LastOneOf<FingerprintHash>, ["SHA256"], Global, [Listener, Monitor], Works;
    /// Whether a file tells the session which credentials were used (SSH_USER_AUTH).
    expose_auth_info, ExposeAuthInfo, YesNo, ["no"], Anywhere, [Monitor], Works;
    /// Whether the connection is ended without a login; of use in Match blocks.
    refuse_connection, RefuseConnection, YesNo, ["no"], Anywhere, [Monitor], Works;
    /// The file that holds the listener's process id.
    pid_file, PidFile, OptionalPath, [PIDFILE], Global, [Listener], Works;
    /// Groups for diffie-hellman-group-exchange.
    moduli_file, ModuliFile, OptionalPath, [in_sysconfdir("moduli")], Global, [Monitor], Works;
    /// The xauth program.
    xauth_location, XAuthLocation, OptionalPath, [XAUTH], Global, [Monitor, Launch], Works;
    /// Ciphers, the preferred one first.
    ciphers, Ciphers, CipherList, [DEFAULT], Global, [Preauth, Session], Works;
    /// Message authentication codes, the preferred one first.
    macs, Macs, MacList, [DEFAULT], Global, [Preauth, Session], Works;
    /// A file whose text is sent before login.
    banner, Banner, OptionalPath, ["none"], Anywhere, [Monitor], Works;
    /// A command that is run whatever the client asks for; internal-sftp needs no program.
    force_command, ForceCommand, RawLine, ["none"], Anywhere, [Monitor], Works;
    /// A directory that becomes the root directory of the session; root must own all of its path.
    chroot_directory, ChrootDirectory, WrittenPath, ["none"], Anywhere, [Monitor, Launch], Works;
    /// Keys of certification authorities for user certificates.
    trusted_user_ca_keys, TrustedUserCAKeys, OptionalPath, ["none"], Anywhere, [Monitor], Works;
    /// A library for security keys.
    security_key_provider, SecurityKeyProvider, ProviderPath, ["internal"], Global, [],
        Never("signatures of security keys are checked without a library");
    /// A file that names principals whose certificates may log in as the user.
    authorized_principals_file, AuthorizedPrincipalsFile, ExpandedPath, ["none"], Anywhere, [Monitor], Works;
    /// Text behind the version in the line that the server greets with.
    version_addendum, VersionAddendum, RawAddendum, ["none"], Global, [Preauth, Session], Works;
    /// A program that prints authorized_keys lines.
    authorized_keys_command, AuthorizedKeysCommand, RawProgram, ["none"], Anywhere, [Monitor], Works;
    /// The account that AuthorizedKeysCommand runs as.
    authorized_keys_command_user, AuthorizedKeysCommandUser, OptionalWord, ["none"], Anywhere, [Monitor], Works;
    /// A program that prints principals.
    authorized_principals_command, AuthorizedPrincipalsCommand, RawProgram, ["none"], Anywhere, [Monitor], Works;
    /// The account that AuthorizedPrincipalsCommand runs as.
    authorized_principals_command_user, AuthorizedPrincipalsCommandUser, OptionalWord, ["none"], Anywhere, [Monitor],
        Works;
    /// The socket of an agent that holds the host keys.
    host_key_agent, HostKeyAgent, AgentPath, ["none"], Global, [Listener], Works;
    /// Key exchange methods, the preferred one first.
    kex_algorithms, KexAlgorithms, KexList, [DEFAULT], Global, [Preauth, Session], Works;
    /// Algorithms that a certification authority may sign with.
    ca_signature_algorithms, CASignatureAlgorithms, CaSignatureList, [DEFAULT], Anywhere, [Monitor], Works;
    /// Algorithms of client hosts' keys.
    hostbased_accepted_algorithms, HostbasedAcceptedAlgorithms / "HostbasedAcceptedKeyTypes", HostbasedList,
        [DEFAULT], Anywhere, [Monitor], Works;
    /// Algorithms that this host proves itself with, the preferred one first.
    host_key_algorithms, HostKeyAlgorithms, HostKeyList, [DEFAULT], Global, [Monitor, Preauth, Session], Works;
    /// Algorithms of users' keys.
    pubkey_accepted_algorithms, PubkeyAcceptedAlgorithms / "PubkeyAcceptedKeyTypes", PubkeyList, [DEFAULT], Anywhere,
        [Monitor, Preauth, Session], Works;
    /// OpenSSH's program for sessions.
    sshd_session_path, SshdSessionPath, OptionalPath, [in_libexecdir("sshd-session")], Global, [],
        Never("helper programs are those that were installed with this sshd");
    /// OpenSSH's program for the time before login.
    sshd_auth_path, SshdAuthPath, OptionalPath, [in_libexecdir("sshd-auth")], Global, [],
        Never("helper programs are those that were installed with this sshd");
    /// Addresses that are never penalised, and that MaxStartups never turns away: when all places are taken, somebody
    /// else gives up theirs.
    per_source_penalty_exempt_list, PerSourcePenaltyExemptList, AddressList, ["none"], Global, [Listener], Works;
    /// How much is logged.
    log_level, LogLevel, OneOf<LogLevel>, ["INFO"], Anywhere, [Listener, Monitor, Preauth, Session], Works;
    /// The syslog facility.
    syslog_facility, SyslogFacility, OneOf<SyslogFacility>, ["AUTH"], Global, [Listener, Monitor], Works;
    /// Files with the keys that may log in; relative to the user's home.
    authorized_keys_file, AuthorizedKeysFile, PathList, [".ssh/authorized_keys .ssh/authorized_keys2"], Anywhere,
        [Monitor], Works;
    /// Files with keys that may not log in: a list of keys or a revocation list.
    revoked_keys, RevokedKeys, PathList, [], Anywhere, [Monitor], Works;
    /// A private key of this host.
    host_key, HostKey / "HostDSAKey", KeyPaths, [
        in_sysconfdir("ssh_host_rsa_key"),
        in_sysconfdir("ssh_host_ecdsa_key"),
        in_sysconfdir("ssh_host_ed25519_key"),
        in_sysconfdir("ssh_host_mldsa44_ed25519_key")
    ], Global, [Listener], Works;
    /// A certificate of one of the host keys.
    host_certificate, HostCertificate, KeyPaths, [], Global, [Listener], Works;
    /// Only these users may log in.
    allow_users, AllowUsers, UserPatterns, [], Anywhere, [Monitor], Works;
    /// These users may not log in.
    deny_users, DenyUsers, UserPatterns, [], Anywhere, [Monitor], Works;
    /// Only members of these groups may log in.
    allow_groups, AllowGroups, AccountPatterns, [], Anywhere, [Monitor], Works;
    /// Members of these groups may not log in.
    deny_groups, DenyGroups, AccountPatterns, [], Anywhere, [Monitor], Works;
    /// Environment variables that the client may set.
    accept_env, AcceptEnv, EnvironmentPatterns, [], Anywhere, [Session, Monitor], Works;
    /// Environment variables that are set in every session.
    set_env, SetEnv, EnvironmentAssignments, [], Anywhere, [Launch], Works;
    /// Which methods, in which order, are enough to log in.
    authentication_methods, AuthenticationMethods, AuthenticationMethods, ["any"], Anywhere, [Monitor], Works;
    /// Places in OpenSSH's source that log more.
    log_verbose, LogVerbose, VerboseList, [], Anywhere, [], Never("it names places in OpenSSH's source");
    /// How long channels may be idle, by their type. `session` also stands for `session:shell`, `session:command` and `session:subsystem:NAME` where no pattern names these.
    channel_timeout, ChannelTimeout, ChannelTimeouts, ["none"], Anywhere, [Session], Works;
    /// A command that clients ask for by name.
    subsystem, Subsystem, Subsystems, [], Anywhere, [Monitor], Works;
    /// From how many unauthenticated connections on new ones are dropped, and how many of them.
    max_startups, MaxStartups, Startups, ["10:30:100"], Global, [Listener], Works;
    /// How many unauthenticated connections one source may have.
    per_source_max_startups, PerSourceMaxStartups, MaxPerSource, ["none"], Global, [Listener], Works;
    /// How many leading bits of an address make one source.
    per_source_net_block_size, PerSourceNetBlockSize, NetBlocks, ["32:128"], Global, [Listener], Works;
    /// Whether tun(4) devices may be forwarded.
    permit_tunnel, PermitTunnel, OneOf<Tunnel>, ["no"], Anywhere, [Monitor], Works;
    /// The service class (DSCP) of interactive and of other connections.
    ip_qos, IPQoS, ServiceClasses, ["ef cs0"], Anywhere, [Session], Works;
    /// After how many bytes and how much time new keys are agreed on.
    rekey_limit, RekeyLimit, RekeyLimits, ["default none"], Anywhere, [Session, Preauth], Works;
    /// Destinations that forwarding may reach.
    permit_open, PermitOpen, PermitOpens, ["any"], Anywhere, [Monitor], Works;
    /// Addresses that remote forwarding may listen on.
    permit_listen, PermitListen, PermitListens, ["any"], Anywhere, [Monitor], Works;
    /// Whether users may set environment variables in ~/.ssh/environment and authorized_keys.
    permit_user_environment, PermitUserEnvironment, PermitUserEnvironment, ["no"], Global, [Monitor], Works;
    /// What signatures of security keys must prove.
    pubkey_auth_options, PubkeyAuthOptions, PubkeyOptions, ["none"], Anywhere, [Monitor], Works;
    /// How long sources that misbehaved are refused.
    per_source_penalties, PerSourcePenalties, Penalties, ["yes"], Global, [Listener], Works;
    /// The software version in the line that the server greets with. Clients switch behaviour by its beginning: OpenSSH's
    /// tells servers whose names begin with OpenSSH that its standard output was closed, which ends ssh host yes | head.
    /// The default is followed by "like OpenSSH_10.5", which some SFTP clients look for to get symbolic links right.
    identification, Identification, SoftwareVersion, [OUR_VERSION], Global, [Listener], Works, Companion;
    /// Whether the server starts on a kernel that lacks a layer of the sandbox; the log then says which layers hold.
    sandbox_best_effort, SandboxBestEffort, YesNo, ["no"], Global, [Listener], Works, Companion;
    /// Where every event goes as a line of JSON, beside the log: a file that only its owner can read, or, behind unix:,
    /// a datagram socket that somebody reads. A reader that is slow or missing holds nobody up: events are lost then,
    /// and counted. docs/events.md describes the lines.
    event_log, EventLog, OptionalEventLog, ["none"], Global, [Listener, Monitor, Session], Works, Companion;
    /// Whether users may log in with Kerberos tickets (gssapi-with-mic). The Kerberos library must be installed, and the
    /// host needs a key table. AuthenticationMethods cannot name this method.
    gssapi_authentication, GSSAPIAuthentication, YesNo, ["no"], Anywhere, [Monitor], Works, Companion;
    /// Whether tickets that a client forwarded are removed when its connection ends.
    gssapi_cleanup_credentials, GSSAPICleanupCredentials, YesNo, ["yes"], Global, [Monitor], Works, Companion;
    /// Whether tickets that a client forwards are kept for its sessions (KRB5CCNAME).
    gssapi_delegate_credentials, GSSAPIDelegateCredentials, YesNo, ["yes"], Global, [Monitor], Works, Companion;
    /// Whether tickets must be for the host service of this host's own name; otherwise any key of the key table will do.
    gssapi_strict_acceptor_check, GSSAPIStrictAcceptorCheck, YesNo, ["yes"], Global, [Monitor], Works, Companion;
    /// A directory that is the whole file system of an SFTP login. The user may own it: no root directory is changed, and
    /// nothing above it has to be root's. It holds only where sshd_config forces internal-sftp (else it is an error), so
    /// that the same files never mean more to OpenSSH. Tokens: %h, %u, %U, %%. With ChrootDirectory it lies inside of that.
    /// Nothing is forwarded for such a login. Needs Linux 6.2 with Landlock; elsewhere such logins are refused.
    sftp_jail, SftpJail, JailPath, ["none"], Anywhere, [Listener, Monitor], Works, Companion;
    /// Whether a file that a client of internal-sftp makes or empties has another name (.upload- and 32 digits, in the
    /// same directory) until it is closed. If the connection breaks before, nothing is left of it, and what had the name
    /// keeps it. Uploads that are resumed are written in place.
    sftp_atomic_uploads, SftpAtomicUploads, YesNo, ["no"], Anywhere, [Session], Works, Companion;
    /// A directory outside of any chroot, of the server's user and not writable for everybody, in which each file that a
    /// client of internal-sftp has written and closed, renamed or removed is told of by a file of JSON, for a script.
    sftp_event_spool, SftpEventSpool, OptionalPath, ["none"], Anywhere, [Monitor, Session], Works, Companion;
    /// Whether the SHA-256 of files that are uploaded in order is computed meanwhile, for SftpEventSpool and EventLog.
    sftp_upload_sha256, SftpUploadSha256, YesNo, ["no"], Anywhere, [Session], Works, Companion;
    /// How many connections one user may have logged in at the same time, counted over all servers of the host. Another
    /// one is told so once its user has proven who they are.
    max_sessions_per_user, MaxSessionsPerUser, OptionalCount, ["none"], Anywhere, [Monitor], Works, Companion;
    /// How many files and directories a client of internal-sftp may have open at the same time over one connection.
    sftp_max_open_files, SftpMaxOpenFiles, OptionalCount, ["none"], Anywhere, [Session], Works, Companion;
    /// Bytes a second, K and M and G as units, that internal-sftp takes over one connection. It holds for SFTP alone:
    /// shells, commands and forwardings move their bytes as ever.
    sftp_upload_rate, SftpUploadRate, OptionalRate, ["none"], Anywhere, [Session], Works, Companion;
    /// The same for what internal-sftp gives.
    sftp_download_rate, SftpDownloadRate, OptionalRate, ["none"], Anywhere, [Session], Works, Companion;
}
