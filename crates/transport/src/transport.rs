//! The connection seen from its owner.

use std::time::Duration;

use sandbox::LockedDown;
use wire::{Write, msg};

use crate::{
    Event, Negotiated, PacketWriter, ServerSettings, TransportError,
    buffer::Buffer,
    details::Details,
    kex::{PrimeSizes, progress::Exchange},
    packets::{Direction, Incoming, Opened, Outgoing},
    rekey::RekeyClock,
    secret::Secret,
};

/// The server side of one SSH connection, without any input or output of its own: the owner moves bytes between the
/// socket and [`Transport::input_space`] / [`Transport::output`].
///
/// The owner's loop: write [`Transport::output`]; while [`Transport::wants_input`], read into
/// [`Transport::input_space`]; after either, call [`Transport::next_event`] until it says `None`.
#[derive(Debug)]
pub struct Transport {
    pub(crate) settings: ServerSettings,
    pub(crate) input: Buffer,
    pub(crate) output: Buffer,
    pub(crate) incoming: Incoming,
    pub(crate) outgoing: Outgoing,
    pub(crate) transferred: Transferred,
    pub(crate) exchange: Exchange,
    pub(crate) peer: Peer,
    pub(crate) session_id: Option<Vec<u8>>,
    pub(crate) negotiated: Option<Negotiated>,
    pub(crate) host_key_index: Option<u32>,
    /// Payloads that wait for the end of a key exchange.
    pub(crate) held_back: HeldBack,
    pub(crate) rekey_clock: RekeyClock,
    pub(crate) authenticated: bool,
    /// Whether another process began this connection: only then may compression begin.
    pub(crate) resumed: bool,
    /// Nothing goes on after this.
    pub(crate) ended: Option<Ended>,
    /// The sequence number of the packet that the owner got last.
    pub(crate) last_sequence: u32,
    /// Whether the last read filled all the space that it was offered.
    pub(crate) input_is_busy: bool,
    /// Text for the event that is being delivered.
    pub(crate) event_text: String,
    /// What is delivered next.
    pub(crate) found: Option<Happening>,
    pub(crate) details: Details,
}

/// What is known of the peer.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Peer {
    /// V_C as it came; `None` before it has.
    pub(crate) identification: Option<Vec<u8>>,
    /// The same as text.
    pub(crate) version: String,
    /// Both sides keep to strict key exchange.
    pub(crate) is_strict: bool,
    /// `ext-info-c` in its first KEXINIT.
    pub(crate) wants_ext_info: bool,
    /// `ext-info-in-auth@openssh.com` in its EXT_INFO.
    pub(crate) wants_ext_info_in_auth: bool,
}

/// Bytes on the wire since the connection's beginning, by whichever process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Transferred {
    /// To the peer.
    pub sent: u64,
    /// From the peer.
    pub received: u64,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By a DISCONNECT of either side.
    Disconnected,
    Failed(TransportError),
}

/// Payloads behind their lengths.
#[derive(Debug, Default)]
pub(crate) struct HeldBack {
    pub(crate) payloads: Vec<Secret>,
    pub(crate) bytes: usize,
}

/// Bytes that one held payload costs beside its own.
const HELD_OVERHEAD: usize = 64;

/// An event before it borrows its text.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Happening {
    PeerIdentified,
    ChooseGroup(PrimeSizes),
    SignExchangeHash,
    NewKeys { first: bool },
    Packet(Opened),
    Disconnected { reason: u32 },
    Debug,
}

impl Transport {
    /// Begins a connection: our identification is in the output at once, KEXINIT follows the peer's identification.
    /// Only a process that is locked down may read what a peer says.
    #[must_use]
    pub fn accept(settings: ServerSettings, _proof: &LockedDown) -> Self {
        let mut transport = Self::fresh(settings);
        transport.output.append(transport.settings.software_version.as_bytes());
        transport.output.append(b"\r\n");
        transport
    }

    pub(crate) fn fresh(settings: ServerSettings) -> Self {
        Self {
            settings,
            input: Buffer::default(),
            output: Buffer::default(),
            incoming: Incoming::new(Direction::unprotected()),
            outgoing: Outgoing::new(Direction::unprotected()),
            exchange: Exchange::None,
            transferred: Transferred::default(),
            peer: Peer::default(),
            session_id: None,
            negotiated: None,
            host_key_index: None,
            held_back: HeldBack::default(),
            rekey_clock: RekeyClock::default(),
            authenticated: false,
            resumed: false,
            ended: None,
            last_sequence: 0,
            input_is_busy: false,
            event_text: String::new(),
            found: None,
            details: Details::default(),
        }
    }

    /// Compression is agreed on and due, but begins in the next process.
    pub(crate) fn waits_for_hand_over(&self) -> bool {
        self.authenticated
            && !self.resumed
            && (self.incoming.direction.will_compress || self.outgoing.direction.will_compress)
    }

    /// The next thing to know or to do; `None` when more input, a signature, or room in the output is needed.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, TransportError> {
        self.find_event()?;
        let found = self.found.take();
        Ok(found.map(|happening| self.event(happening)))
    }

    /// Goes on to the next event and keeps it for [`Transport::next_event`]: what there is to show of the way to it can
    /// be taken before.
    pub fn find_event(&mut self) -> Result<(), TransportError> {
        if self.found.is_none() {
            self.found = match &self.ended {
                None => self.advance().inspect_err(|error| self.ended = Some(Ended::Failed(error.clone())))?,
                Some(Ended::Disconnected) => None,
                Some(Ended::Failed(error)) => return Err(error.clone()),
            };
        }
        Ok(())
    }

    fn event(&self, happening: Happening) -> Event<'_> {
        match happening {
            Happening::PeerIdentified => Event::PeerIdentified { version: &self.peer.version },
            Happening::ChooseGroup(PrimeSizes { minimum, wanted, maximum }) => {
                Event::ChooseGroup { minimum, wanted, maximum }
            }
            Happening::SignExchangeHash => self.signature_wanted(),
            Happening::NewKeys { first } => Event::NewKeys { first },
            Happening::Packet(opened) => Event::Packet(self.incoming.payload(&self.input, &opened)),
            Happening::Disconnected { reason } => Event::Disconnected { reason, text: &self.event_text },
            Happening::Debug => Event::Debug { text: &self.event_text },
        }
    }

    /// Begins a packet in the output buffer.
    pub fn start_packet(&mut self) -> PacketWriter<'_> {
        PacketWriter::new(self)
    }

    /// Sends a packet whose payload exists already.
    pub fn send(&mut self, payload: &[u8]) {
        let mut packet = self.start_packet();
        packet.put_bytes(payload);
        packet.finish();
    }

    /// Whether a packet would go out now. While not (a key exchange is under way), data should not be read from its
    /// source; what is sent nevertheless is held back, within [`crate::limits::MOST_HELD_BACK`].
    #[must_use]
    pub fn may_send_data(&self) -> bool {
        self.outgoing.direction.keys.is_some()
            && !self.exchange.holds_output_back()
            && !self.waits_for_hand_over()
            && self.ended.is_none()
    }

    /// Sends SSH_MSG_DISCONNECT at once, also amid a key exchange and after an error; nothing is sent or opened
    /// afterwards. The text is cut at 255 bytes.
    pub fn disconnect(&mut self, reason: u32, text: &str) {
        let farewell_said = self.ended == Some(Ended::Disconnected);
        // Without the peer's identification it cannot be known to read packets.
        if !farewell_said && self.peer.identification.is_some() {
            let mut payload = Vec::with_capacity(300);
            payload.put_u8(msg::SSH_MSG_DISCONNECT);
            payload.put_u32(reason);
            payload.put_string(text.get(..text.floor_char_boundary(255)).unwrap_or_default());
            payload.put_string("");
            self.write_draft(&payload);
            self.note_packet("send", msg::SSH_MSG_DISCONNECT);
            // A direction that cannot seal any more has nothing to say either.
            let _ = self.outgoing.seal(&mut self.output);
        }
        self.ended = Some(Ended::Disconnected);
    }

    /// Answers the packet of the last [`Event::Packet`] with SSH_MSG_UNIMPLEMENTED (RFC 4253 section 11.4).
    pub fn unimplemented(&mut self) {
        let sequence = self.last_sequence;
        let mut packet = self.start_packet();
        packet.put_u8(msg::SSH_MSG_UNIMPLEMENTED);
        packet.put_u32(sequence);
        packet.finish();
    }

    /// Whether new keys are due by bytes, packets or time: never before login. `now` is any clock that does not go
    /// back; a connection's first call, and that after new keys, starts its time.
    pub fn rekey_due(&mut self, now: Duration) -> bool {
        self.authenticated
            && matches!(self.exchange, Exchange::None)
            && self.rekey_clock.is_due(&self.settings, &self.incoming.direction, &self.outgoing.direction, now)
    }

    /// The exchange hash of the first key exchange, once there is one.
    #[must_use]
    pub fn session_id(&self) -> Option<&[u8]> {
        self.session_id.as_deref()
    }

    /// Our identification.
    #[must_use]
    pub fn our_version(&self) -> &str {
        &self.settings.software_version
    }

    /// The peer's identification, once it has arrived.
    #[must_use]
    pub fn peer_version(&self) -> Option<&str> {
        self.peer.identification.is_some().then_some(&self.peer.version)
    }

    /// What the latest finished key exchange agreed on.
    #[must_use]
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.negotiated.as_ref()
    }

    /// Which host key signed the latest key exchange ([`crate::HostKey::index`]).
    #[must_use]
    pub fn host_key_index(&self) -> Option<u32> {
        self.host_key_index
    }

    /// Somebody has logged in and SSH_MSG_USERAUTH_SUCCESS has been sent. From here on rekeys can become due. If
    /// `zlib@openssh.com` was negotiated, this transport opens and seals nothing more before it has been handed over.
    pub fn authenticated(&mut self) {
        self.authenticated = true;
        self.begin_compression_if_due();
    }

    /// Takes bytes up to `largest` per packet from here on: [`crate::limits::LARGEST_PACKET`] after login.
    pub fn set_largest_packet(&mut self, largest: usize) {
        self.settings.largest_packet = largest;
    }

    /// Compression begins in both directions at once, in the process that lives after login.
    pub(crate) fn begin_compression_if_due(&mut self) {
        if self.authenticated && self.resumed {
            self.incoming.direction.begin_compression_if_agreed();
            self.outgoing.direction.begin_compression_if_agreed();
        }
    }

    /// Ends the connection with an error that the next [`Transport::next_event`] returns.
    pub(crate) fn fail(&mut self, error: TransportError) {
        if self.ended.is_none() {
            self.ended = Some(Ended::Failed(error));
        }
    }
}

impl HeldBack {
    /// Bytes of memory that a payload costs here.
    pub(crate) fn cost(payload: &[u8]) -> usize {
        payload.len().saturating_add(HELD_OVERHEAD)
    }
}
