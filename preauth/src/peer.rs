//! The peer: its descriptors and its transport, moved forward by one blocking poll(2).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use events::Depth;
use events::preauth::Event as Record;
use ipc::phases::{ModpGroup, PrimeSizes};
use ipc::start::PreauthStart;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use sandbox::LockedDown;
use settings::PreauthSettings;
use settings::values::Choice as _;
use transport::{Event, HandOverState, ServerSettings, Transport};

use crate::ending::ConnectionError;

/// How long a peer that is told to go may take to read it.
const GOODBYE: Duration = Duration::from_secs(1);

/// How many SSH_MSG_DEBUG of a peer reach the log; the others are passed over.
const MOST_DEBUG_MESSAGES: u32 = 16;

/// How many details reach the log, as a peer can say things without end; the others are passed over. The monitor takes
/// a few hundred more.
const MOST_DETAILS: u32 = 700;

/// Somebody on the network.
pub(crate) struct Peer {
    transport: Transport,
    reads: OwnedFd,
    /// The second of two pipes; a socket is read and written through one descriptor.
    writes: Option<OwnedFd>,
    host_keys: Vec<(u32, Vec<u8>)>,
    /// How deep the details go that the log takes.
    depth: Option<Depth>,
    /// How many of them may still be told.
    details_left: u32,
    /// Words for the log that the peer may still say.
    debug_messages_left: u32,
}

/// What has happened on the network: [`Event`] as a value of its own.
#[derive(Debug)]
pub(crate) enum Happened {
    PeerIdentified,
    ChooseGroup(PrimeSizes),
    SignExchangeHash {
        host_key: u32,
        algorithm: String,
        exchange_hash: Vec<u8>,
    },
    NewKeys,
    Packet(Vec<u8>),
    Disconnected {
        reason: u32,
        text: String,
    },
    Debug {
        text: String,
    },
    /// Nothing yet, but there are details to be told before the peer is waited for.
    OnlyDetails,
}

impl From<Event<'_>> for Happened {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::PeerIdentified { .. } => Self::PeerIdentified,
            Event::ChooseGroup { minimum, wanted, maximum } => {
                Self::ChooseGroup(PrimeSizes { minimum, wanted, maximum })
            }
            Event::SignExchangeHash { host_key, algorithm, exchange_hash } => Self::SignExchangeHash {
                host_key,
                algorithm: algorithm.to_owned(),
                exchange_hash: exchange_hash.to_vec(),
            },
            Event::NewKeys { .. } => Self::NewKeys,
            Event::Packet(payload) => Self::Packet(payload.to_vec()),
            Event::Disconnected { reason, text } => Self::Disconnected { reason, text: text.to_owned() },
            Event::Debug { text } => Self::Debug { text: text.to_owned() },
        }
    }
}

impl Peer {
    /// A peer that has not said anything yet, over one socket or two pipes, none of which blocks.
    pub(crate) fn over(network: Vec<OwnedFd>, start: &PreauthStart, locked_down: &LockedDown) -> io::Result<Self> {
        let mut network = network.into_iter();
        let (Some(reads), writes, None) = (network.next(), network.next(), network.next()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let host_keys = start.host_keys.iter().map(|key| (key.index, key.blob.clone())).collect();
        let mut peer = Self {
            transport: Transport::accept(server_settings(start), locked_down),
            reads,
            writes,
            host_keys,
            depth: None,
            details_left: MOST_DETAILS,
            debug_messages_left: MOST_DEBUG_MESSAGES,
        };
        peer.want_details(events::Level::named(start.settings.log_level.word()).and_then(events::Level::depth));
        Ok(peer)
    }

    /// What happens next; output goes out and input comes in meanwhile. `monitor` is watched: it never speaks unasked,
    /// so whatever is to be seen there is its end.
    pub(crate) fn next(&mut self, monitor: BorrowedFd<'_>) -> Result<Happened, ConnectionError> {
        loop {
            match self.transport.next_event().map_err(ConnectionError::Transport)? {
                None => {
                    if self.transport.has_details() {
                        return Ok(Happened::OnlyDetails);
                    }
                    self.wait(monitor)?;
                }
                Some(Event::Debug { text }) => {
                    if let Some(left) = self.debug_messages_left.checked_sub(1) {
                        self.debug_messages_left = left;
                        return Ok(Happened::Debug { text: text.to_owned() });
                    }
                }
                Some(event) => return Ok(event.into()),
            }
        }
    }

    fn wait(&mut self, monitor: BorrowedFd<'_>) -> Result<(), ConnectionError> {
        let (input, output) = (self.transport.wants_input(), self.transport.output_pending() > 0);
        let watch = |wanted, flag| if wanted { flag } else { PollFlags::empty() };
        let mut watched = [
            PollFd::new(monitor, PollFlags::POLLIN),
            PollFd::new(self.reads.as_fd(), watch(input, PollFlags::POLLIN)),
            PollFd::new(self.writing_end(), watch(output, PollFlags::POLLOUT)),
        ];
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(ConnectionError::Broken(error.into())),
        }
        let [monitor, reads, writes] = watched.map(|one| one.any() == Some(true));
        if monitor {
            return Err(ConnectionError::MonitorGone);
        }
        if output && writes {
            self.write()?;
        }
        if reads {
            // Also when nothing is wanted: a connection that was reset shows here, and would be polled for ever.
            if input { self.read()? } else { self.notice_hang_up(writes)? }
        }
        Ok(())
    }

    fn writing_end(&self) -> BorrowedFd<'_> {
        self.writes.as_ref().unwrap_or(&self.reads).as_fd()
    }

    fn read(&mut self) -> Result<(), ConnectionError> {
        let space = self.transport.input_space();
        if space.is_empty() {
            return Ok(());
        }
        match sys::fd::read(self.reads.as_fd(), space) {
            Ok(0) => Err(ConnectionError::Closed),
            Ok(count) => {
                self.transport.input_filled(count);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(ConnectionError::Broken(error)),
        }
    }

    /// POLLHUP and POLLERR come unasked. With no input wanted they mean that our output has nowhere to go.
    fn notice_hang_up(&mut self, writes: bool) -> Result<(), ConnectionError> {
        if writes { self.write() } else { Err(ConnectionError::Closed) }
    }

    fn write(&mut self) -> Result<(), ConnectionError> {
        match sys::fd::write(self.writing_end(), self.transport.output()) {
            Ok(count) => {
                self.transport.output_written(count);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ConnectionError::Closed),
            Err(error) => Err(ConnectionError::Broken(error)),
        }
    }

    /// A line for somebody who debugs, if one wants to see things so deep.
    pub(crate) fn detail(&mut self, depth: Depth, text: impl FnOnce() -> String) -> Option<Record> {
        if self.depth.is_none_or(|deepest| depth > deepest) {
            return None;
        }
        self.details_left = self.details_left.checked_sub(1)?;
        Some(Record::Debug { depth, text: text() })
    }

    /// From here on the log takes details down to this depth.
    pub(crate) fn want_details(&mut self, depth: Option<Depth>) {
        self.depth = depth;
        self.transport.want_details(depth.map_or(0, Depth::number));
    }

    /// What the transport has to tell somebody who debugs.
    pub(crate) fn take_details(&mut self) -> Vec<Record> {
        let details = self.transport.take_details();
        details.into_iter().filter_map(|line| self.detail(Depth::of(line.depth), || line.text)).collect()
    }

    /// Our identification line.
    pub(crate) fn our_version(&self) -> &str {
        self.transport.our_version()
    }

    /// What the peer calls itself, in theirs' words.
    pub(crate) fn version_in_words(&self) -> String {
        let identification = self.transport.peer_version().unwrap_or_default();
        let mut parts = identification.splitn(3, '-').skip(1);
        let (protocol, software) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        format!("Remote protocol version {protocol}, remote software version {software}")
    }

    /// The answer to [`Happened::ChooseGroup`].
    pub(crate) fn group(&mut self, chosen: Option<ModpGroup>) -> Result<(), ConnectionError> {
        let chosen = chosen.map(|ModpGroup { prime, generator }| transport::ModpGroup { prime, generator });
        self.transport.group(chosen).map_err(ConnectionError::Transport)
    }

    /// The answer to [`Happened::SignExchangeHash`].
    pub(crate) fn signature(&mut self, blob: &[u8]) -> Result<(), ConnectionError> {
        self.transport.signature(blob).map_err(ConnectionError::Transport)
    }

    /// Queues a message.
    pub(crate) fn send(&mut self, payload: &[u8]) {
        self.transport.send(payload);
    }

    /// Answers the last packet with SSH_MSG_UNIMPLEMENTED.
    pub(crate) fn unimplemented(&mut self) {
        self.transport.unimplemented();
    }

    /// Whether this blob is the host key that the first key exchange was signed with.
    pub(crate) fn is_host_key_of_exchange(&self, blob: &[u8]) -> bool {
        let used = self.transport.host_key_index();
        self.host_keys.iter().any(|(index, listed)| Some(*index) == used && listed == blob)
    }

    /// Says SSH_MSG_DISCONNECT and waits a moment for it to go out.
    pub(crate) fn say_goodbye(&mut self, reason: u32, why: &str) {
        self.transport.disconnect(reason, why);
        let until = sys::clock::monotonic().saturating_add(GOODBYE);
        while self.transport.output_pending() > 0 {
            if self.write().is_err() {
                return;
            }
            let left = until.saturating_sub(sys::clock::monotonic());
            if self.transport.output_pending() == 0 || left.is_zero() {
                return;
            }
            let mut watched = [PollFd::new(self.writing_end(), PollFlags::POLLOUT)];
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
            if matches!(poll(&mut watched, timeout), Ok(0)) {
                return;
            }
        }
    }

    /// A line for somebody at the other end who does not speak SSH. Whether it can be written does not matter.
    pub(crate) fn say_plainly(&mut self, line: &str) {
        let _ = sys::fd::write(self.writing_end(), format!("{line}\r\n").as_bytes());
    }

    /// Gives up the transport after SSH_MSG_USERAUTH_SUCCESS; the descriptors close.
    pub(crate) fn into_hand_over(mut self) -> HandOverState {
        // Delayed compression and renewed keys are for those who are logged in.
        self.transport.authenticated();
        self.transport.into_hand_over()
    }
}

/// What the transport needs of what this process was told.
fn server_settings(start: &PreauthStart) -> ServerSettings {
    let PreauthSettings { kex_algorithms, ciphers, macs, compression, pubkey_signature_algorithms, .. } =
        &start.settings;
    let host_key = |key: &ipc::start::OfferedHostKey| transport::HostKey {
        algorithm: key.algorithm.clone(),
        index: key.index,
        blob: key.blob.clone(),
    };
    ServerSettings {
        software_version: start.identification.clone(),
        kex_algorithms: kex_algorithms.clone(),
        ciphers: ciphers.clone(),
        macs: macs.clone(),
        compression: if *compression { transport::Compression::Delayed } else { transport::Compression::None },
        host_keys: start.host_keys.iter().map(host_key).collect(),
        server_sig_algs: pubkey_signature_algorithms.join(","),
        // Nobody stays long enough before login for a limit to matter but the cipher's own.
        rekey_bytes: 0,
        rekey_seconds: 0,
        largest_packet: transport::limits::LARGEST_PACKET_BEFORE_LOGIN,
    }
}
