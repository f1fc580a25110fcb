//! From the start message to a process that serves: everything that needs the system comes before lock-down.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use events::Depth;
use ipc::start::{self, SessionStart, SftpGranted};
use ipc::{Asking, IpcError};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use sandbox::{FileAccess, LockedDown, Policy, SandboxError, SessionPromises, Surroundings, lock_down};
use settings::SessionSettings;
use thiserror::Error;
use tokio::runtime::Runtime;
use transport::{Compression, HandOverState, HostKey, ServerSettings, Transport, TransportError};
use zeroize::Zeroizing;

use super::clock::Clock;
use super::connection::{Connection, IdleLimits, Terms, largest_window};
use super::details;
use super::event_loop::EventLoop;
use super::monitor_link::MonitorLink;
use super::network::{Network, NetworkEnds, WrongEnds};
use super::rate::Rates;

/// Descriptors that SFTP leaves to the rest of the process: network, monitor, event loop, other channels' pipes.
const OTHER_DESCRIPTORS: u64 = 64;

/// Why the process cannot serve.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    #[error("cannot take over the connection: {0}")]
    Network(#[from] WrongEnds),
    #[error("cannot wait for events: {0}")]
    EventLoop(#[from] io::Error),
    #[error("cannot lock down: {0}")]
    Sandbox(#[from] SandboxError),
    #[error("the handed-over transport cannot be decoded")]
    HandOver,
    #[error("cannot continue the transport: {0}")]
    Transport(#[from] TransportError),
}

/// What the process has been told.
pub(crate) struct Told {
    start: SessionStart,
    network: Vec<OwnedFd>,
}

/// A process that is locked down and has taken the connection over.
pub(crate) struct Ready {
    pub(crate) runtime: Runtime,
    transport: Transport,
    network: NetworkEnds,
    terms: Terms,
    settings: SessionSettings,
    user: String,
    /// All that there is to say to the client, if it is not served.
    pub(crate) farewell: Option<String>,
}

/// Waits for the start message.
pub(crate) fn receive() -> Result<(Told, OwnedFd), IpcError> {
    let link = sys::fd::adopt(start::LINK)?;
    let (start, network, link) = start::receive::<SessionStart>(link)?;
    Ok((Told { start, network }, link))
}

impl Told {
    /// Becomes the user, locks the process down and takes the connection over.
    pub(crate) fn become_ready(self) -> Result<Ready, StartError> {
        let Self { start, mut network } = self;
        let jail = start.jail.as_ref().and_then(|path| Some(sftp::Jail::below(network.pop()?, PathBuf::from(path))));
        let network = NetworkEnds::from_descriptors(network)?;
        network.send_without_delay();
        sys::process::outlive_file_size_limit()?;
        let sftp = sftp_client(&start, &network, jail.clone());
        if start.granted.forwarding {
            allow_many_descriptors();
        }
        let free_memory = sys::memory::free_in_system().unwrap_or(0);
        let runtime = new_runtime()?;
        transport::prepare_cryptography();
        sys::memory::give_back();
        let locked_down = lock_down(&policy(&start), &surroundings(&start, jail.as_ref()))?;
        if sftp.is_some() && jail.is_none() {
            // As theirs: who has no home starts where the process is.
            let _ = nix::unistd::chdir(start.home.as_str());
        }
        let encoded = Zeroizing::new(start.transport);
        let transport = take_over(&encoded, &start.settings, start.identification, start.host_keys, &locked_down)?;
        let terms = Terms {
            max_sessions: start.settings.max_sessions,
            rates: Rates::new(&start.settings),
            accept_env: start.settings.accept_env.clone(),
            free_memory,
            terminal: start.granted.terminal,
            sftp,
            peer_is_openssh: transport.peer_version().is_some_and(is_openssh),
            for_client_log: start.for_client_log,
            announced_host_keys: match transport.peer_version().is_some_and(cannot_hear_of_host_keys) {
                true => Vec::new(),
                false => start.announced_host_keys,
            },
        };
        Ok(Ready {
            runtime,
            transport,
            network,
            terms,
            settings: start.settings,
            user: start.user,
            farewell: start.farewell,
        })
    }
}

impl Ready {
    /// Puts the parts into the event loop. Needs the runtime to be entered.
    pub(crate) fn into_event_loop(self, link: OwnedFd) -> io::Result<(Runtime, EventLoop)> {
        let entered = self.runtime.enter();
        let depth = details::wanted(self.settings.log_level);
        let mut transport = self.transport;
        transport.want_details(depth.map_or(0, Depth::number));
        let event_loop = EventLoop {
            network: Network::new(self.network)?,
            link: MonitorLink::new(Asking::over(link), depth)?,
            transport,
            connection: Connection::new(self.terms, IdleLimits::new(&self.settings.channel_timeout)),
            clock: Clock::new(&self.settings),
            ip_qos: self.settings.ip_qos,
            details: depth.is_some(),
            unmeasured: 0,
            held: false,
            user: self.user,
        };
        drop(entered);
        Ok((self.runtime, event_loop))
    }
}

/// The event loop's runtime. It keeps room for every event that it may hear of at once for as long as it lives, and a
/// connection seldom has more descriptors than this.
fn new_runtime() -> io::Result<Runtime> {
    const EVENTS_AT_ONCE: usize = 64;
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_io().enable_time().max_io_events_per_tick(EVENTS_AT_ONCE).build()
}

/// A channel for each of so many connections; without that many there are fewer.
fn allow_many_descriptors() {
    const ENOUGH: u64 = 16 * 1024;
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, ENOUGH.clamp(soft, hard.max(soft)), hard);
    }
}

fn policy(start: &SessionStart) -> Policy {
    let files = match start.granted.sftp {
        SftpGranted::No => FileAccess::None,
        SftpGranted::ReadOnly => FileAccess::ReadOnly,
        SftpGranted::ReadWrite => FileAccess::ReadWrite,
    };
    Policy::Session(SessionPromises { files, in_jail: start.jail.is_some(), accept: start.granted.accept })
}

fn surroundings(start: &SessionStart, jail: Option<&sftp::Jail>) -> Surroundings {
    Surroundings {
        identity: start.identity.clone(),
        empty_root: start.chroot.as_ref().map(PathBuf::from),
        jail: jail.map(|jail| Arc::clone(jail.root())),
        best_effort: start.best_effort_sandbox,
    }
}

/// Whom `internal-sftp` would serve. Looks at the system, which is out of reach later.
fn sftp_client(start: &SessionStart, network: &NetworkEnds, jail: Option<sftp::Jail>) -> Option<sftp::Client> {
    if start.granted.sftp == SftpGranted::No {
        return None;
    }
    // The time zone, for the dates of long names and of log lines.
    let _ = sys::local_time::local_time(SystemTime::now());
    let uid = start.identity.as_ref().map_or_else(|| nix::unistd::getuid().as_raw(), |identity| identity.uid);
    let open_files = getrlimit(Resource::RLIMIT_NOFILE).map_or(OTHER_DESCRIPTORS, |(soft, _)| soft);
    let possible = u32::try_from(open_files.saturating_sub(OTHER_DESCRIPTORS)).unwrap_or(u32::MAX);
    let allowed = start.settings.sftp_max_open_files.unwrap_or(u32::MAX);
    Some(sftp::Client {
        user: start.user.clone(),
        uid,
        uploads: uploads(&start.settings),
        home: PathBuf::from(&start.home),
        jail,
        address: network.peer_address(),
        open_handles: sftp::HandleLimit::new(possible.min(allowed)),
        input_limit: largest_window(),
    })
}

fn uploads(settings: &SessionSettings) -> sftp::Uploads {
    let reported = settings.event_log || settings.sftp_event_spool;
    sftp::Uploads { atomic: settings.sftp_atomic_uploads, reported, digest: reported && settings.sftp_upload_sha256 }
}

fn take_over(
    encoded: &[u8],
    settings: &SessionSettings,
    identification: String,
    host_keys: Vec<start::OfferedHostKey>,
    locked_down: &LockedDown,
) -> Result<Transport, StartError> {
    let (state, rest) = postcard::take_from_bytes::<HandOverState>(encoded).map_err(|_| StartError::HandOver)?;
    if !rest.is_empty() {
        return Err(StartError::HandOver);
    }
    let host_keys =
        host_keys.into_iter().map(|key| HostKey { algorithm: key.algorithm, index: key.index, blob: key.blob });
    let settings = ServerSettings {
        software_version: identification,
        kex_algorithms: settings.kex_algorithms.clone(),
        ciphers: settings.ciphers.clone(),
        macs: settings.macs.clone(),
        compression: if settings.compression { Compression::Delayed } else { Compression::None },
        host_keys: host_keys.collect(),
        server_sig_algs: settings.pubkey_signature_algorithms.join(","),
        rekey_bytes: settings.rekey_bytes,
        rekey_seconds: settings.rekey_seconds,
        largest_packet: transport::limits::LARGEST_PACKET,
    };
    Ok(Transport::resume(state, settings, locked_down)?)
}

/// `SSH-2.0-OpenSSH_9.2p1 Debian-2`
fn is_openssh(identification: &str) -> bool {
    identification.splitn(3, '-').nth(2).is_some_and(|software| software.starts_with("OpenSSH"))
}

/// Clients that are known to end the connection when they are told of host keys (as theirs knows them).
fn cannot_hear_of_host_keys(identification: &str) -> bool {
    const OLD: [&str; 12] = [
        "Cisco-1.",
        "TeraTerm SSH",
        "TTSSH/1.5.",
        "TTSSH/2.1",
        "TTSSH/2.2",
        "TTSSH/2.3",
        "TTSSH/2.4",
        "TTSSH/2.5",
        "TTSSH/2.6",
        "TTSSH/2.70",
        "TTSSH/2.71",
        "TTSSH/2.72",
    ];
    let software = identification.splitn(3, '-').nth(2).unwrap_or_default();
    OLD.iter().any(|old| software.starts_with(old))
}

#[cfg(test)]
mod tests {
    use super::{cannot_hear_of_host_keys, is_openssh};

    #[test]
    fn old_clients_do_not_hear_of_host_keys() {
        assert!(cannot_hear_of_host_keys("SSH-2.0-Cisco-1.25"));
        assert!(cannot_hear_of_host_keys("SSH-2.0-TTSSH/2.72 Win32"));
        for client in ["SSH-2.0-OpenSSH_9.2p1", "SSH-2.0-TTSSH/2.80 Win32", "SSH-2.0-TTSSH/2.73", "SSH-2.0-PuTTY"] {
            assert!(!cannot_hear_of_host_keys(client), "{client}");
        }
    }

    #[test]
    fn only_openssh_is_openssh() {
        assert!(is_openssh("SSH-2.0-OpenSSH_9.2p1 Debian-2"));
        assert!(!is_openssh("SSH-2.0-PuTTY_Release_0.78"));
        assert!(!is_openssh("SSH-2.0-x-OpenSSH_9.2"));
    }
}
