//! A transport as a value that another process continues from, bit for bit.
//!
//! No cryptographic library exports a running cipher, so what moves is what the ciphers were made from and how far they
//! have come. A zlib stream cannot be moved: compression begins only after the hand-over.

use sandbox::LockedDown;
use serde::{Deserialize, Serialize};

use crate::{
    Negotiated, ServerSettings, Transport, TransportError,
    kex::progress::Exchange,
    packets::{Direction, HandedOver, Incoming, Outgoing},
    secret::Secret,
    transport::{HeldBack, Peer, Transferred},
};

/// Everything that the next process needs to continue the same encrypted connection. Keys and plain text in it are wiped
/// from memory when dropped. Its size is bounded by the largest packet before login, the most unsent and the most held
/// back (see [`crate::limits`]), and is usually below 4 KiB.
#[derive(Serialize, Deserialize)]
pub struct HandOverState {
    /// Our identification as the exchange hash has it: the next process does not choose it anew.
    software_version: String,
    peer: Peer,
    session_id: Option<Vec<u8>>,
    negotiated: Option<Negotiated>,
    host_key_index: Option<u32>,
    exchange: Exchange,
    incoming: HandedOver,
    outgoing: HandedOver,
    held_back: Vec<Secret>,
    unread: Secret,
    unsent: Secret,
    authenticated: bool,
    transferred: Transferred,
}

impl std::fmt::Debug for HandOverState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("HandOverState(secret)")
    }
}

impl Transport {
    /// Ends this process's part in the connection. May be called between any two packets, also amid a key exchange; not
    /// once compression has begun, which needs a hand-over before: such a state cannot be resumed.
    #[must_use]
    pub fn into_hand_over(self) -> HandOverState {
        let Self { incoming, outgoing, .. } = self;
        HandOverState {
            unread: self.input.waiting().into(),
            unsent: self.output.waiting().into(),
            software_version: self.settings.software_version,
            peer: self.peer,
            session_id: self.session_id,
            negotiated: self.negotiated,
            host_key_index: self.host_key_index,
            exchange: self.exchange,
            incoming: incoming.direction.into_hand_over(),
            outgoing: outgoing.direction.into_hand_over(),
            held_back: self.held_back.payloads,
            authenticated: self.authenticated,
            transferred: self.transferred,
        }
    }

    /// Continues a connection that another process began. The settings are those of this process, but for the
    /// identification, which has been said already.
    pub fn resume(state: HandOverState, settings: ServerSettings, _proof: &LockedDown) -> Result<Self, TransportError> {
        if state.incoming.keys.is_some() && state.session_id.is_none() {
            return Err(TransportError::BadHandOver { what: "keys without a session" });
        }
        let settings = ServerSettings { software_version: state.software_version, ..settings };
        let mut transport = Self::fresh(settings);
        transport.incoming = Incoming::new(Direction::resume(state.incoming)?);
        transport.outgoing = Outgoing::new(Direction::resume(state.outgoing)?);
        transport.peer = state.peer;
        transport.session_id = state.session_id;
        transport.negotiated = state.negotiated;
        transport.host_key_index = state.host_key_index;
        transport.exchange = state.exchange;
        transport.authenticated = state.authenticated;
        transport.transferred = state.transferred;
        transport.resumed = true;
        transport.input.append(state.unread.bytes());
        transport.output.append(state.unsent.bytes());
        transport.held_back = HeldBack::of(state.held_back);
        transport.begin_compression_if_due();
        if transport.may_send_data() {
            transport.send_what_was_held_back();
        }
        Ok(transport)
    }
}

impl HeldBack {
    fn of(payloads: Vec<Secret>) -> Self {
        let bytes = payloads.iter().map(|payload| Self::cost(payload.bytes())).fold(0, usize::saturating_add);
        Self { payloads, bytes }
    }
}
