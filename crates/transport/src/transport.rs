//! The connection seen from its owner.

use std::time::Duration;

use crate::{Event, HandOverState, PacketWriter, ServerSettings, TransportError};

/// The server side of one SSH connection, without any input or output of its own: the owner moves bytes between the
/// socket and [`Transport::input_space`] / [`Transport::output`].
#[derive(Debug)]
pub struct Transport {}

/// What the first or the last key exchange agreed on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Negotiated {
    /// The key exchange method.
    pub kex: String,
    /// The host key's signature algorithm.
    pub host_key: String,
    /// Client to server.
    pub cipher_in: String,
    /// Server to client.
    pub cipher_out: String,
    /// Client to server; `<implicit>` for an AEAD cipher.
    pub mac_in: String,
    /// Server to client; `<implicit>` for an AEAD cipher.
    pub mac_out: String,
    /// Client to server.
    pub compression_in: String,
    /// Server to client.
    pub compression_out: String,
}

impl Transport {
    /// Begins a connection: our identification is in the output at once, KEXINIT follows the peer's identification.
    /// Only a process that is locked down may read what a peer says.
    pub fn accept<P>(_settings: ServerSettings, _proof: &P) -> Self {
        Self {}
    }

    /// Continues a connection that another process began.
    pub fn resume<P>(_state: HandOverState, _settings: ServerSettings, _proof: &P) -> Result<Self, TransportError> {
        Err(TransportError::BadHandOver { what: "all of it" })
    }

    /// Ends this process's part in the connection. May be called between any two packets, also amid a key exchange.
    #[must_use]
    pub fn into_hand_over(self) -> HandOverState {
        HandOverState { unread: Vec::new() }
    }

    /// Memory for the next read(2); empty while nothing is wanted ([`Transport::wants_input`]).
    pub fn input_space(&mut self) -> &mut [u8] {
        &mut []
    }

    /// The first `count` bytes of [`Transport::input_space`] have been filled.
    pub fn input_filled(&mut self, _count: usize) {}

    /// Whether more bytes can be taken now. Not while the peer lets our output pile up, or a signature is awaited.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        true
    }

    /// The next thing to know or to do; `None` when more input (or a signature, or room in the output) is needed.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, TransportError> {
        Ok(None)
    }

    /// The answer to [`Event::SignExchangeHash`]: the signature blob (RFC 4253 section 6.6: string algorithm, string
    /// signature).
    pub fn signature(&mut self, _signature_blob: &[u8]) -> Result<(), TransportError> {
        Err(TransportError::SignatureNotWanted)
    }

    /// Begins a packet in the output buffer.
    pub fn start_packet(&mut self) -> PacketWriter<'_> {
        PacketWriter::new(self)
    }

    /// Sends a packet whose payload exists already.
    pub fn send(&mut self, payload: &[u8]) {
        use wire::Write;
        let mut packet = self.start_packet();
        packet.put_bytes(payload);
        packet.finish();
    }

    /// Whether a packet would go out now. While not (a key exchange is under way), data should not be read from its
    /// source; what is sent nevertheless is held back, within [`crate::limits::MOST_HELD_BACK`].
    #[must_use]
    pub fn may_send_data(&self) -> bool {
        true
    }

    /// Sealed bytes for the socket.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        &[]
    }

    /// The first `count` bytes of [`Transport::output`] have been written.
    pub fn output_written(&mut self, _count: usize) {}

    /// Bytes in [`Transport::output`].
    #[must_use]
    pub fn output_pending(&self) -> usize {
        self.output().len()
    }

    /// Sends SSH_MSG_DISCONNECT at once, also amid a key exchange; nothing is sent or opened afterwards.
    pub fn disconnect(&mut self, _reason: u32, _text: &str) {}

    /// Answers the packet of the last [`Event::Packet`] with SSH_MSG_UNIMPLEMENTED (RFC 4253 section 11.4).
    pub fn unimplemented(&mut self) {}

    /// Sends KEXINIT, unless a key exchange is under way already.
    pub fn start_rekey(&mut self) {}

    /// Whether new keys are due by bytes, packets or time: never before login. `now` is any clock that does not go
    /// back; a connection's first call starts its time.
    pub fn rekey_due(&mut self, _now: Duration) -> bool {
        false
    }

    /// The exchange hash of the first key exchange, once there is one.
    #[must_use]
    pub fn session_id(&self) -> Option<&[u8]> {
        None
    }

    /// The peer's identification, once it has arrived.
    #[must_use]
    pub fn peer_version(&self) -> Option<&str> {
        None
    }

    /// What the latest finished negotiation agreed on.
    #[must_use]
    pub fn negotiated(&self) -> Option<&Negotiated> {
        None
    }

    /// Which host key signed the latest key exchange ([`crate::HostKey::index`]).
    #[must_use]
    pub fn host_key_index(&self) -> Option<u32> {
        None
    }

    /// Somebody has logged in and SSH_MSG_USERAUTH_SUCCESS has been sent. From here on rekeys can become due. If
    /// `zlib@openssh.com` was negotiated, this transport opens and seals nothing more before it has been handed over.
    pub fn authenticated(&mut self) {}

    /// Sends EXT_INFO with another `server-sig-algs`, if the client announced `ext-info-in-auth@openssh.com`: once the
    /// user is known, a Match block may have changed what is accepted.
    pub fn update_server_sig_algs(&mut self, _algorithms: &str) {}

    /// Gives memory back that only a busy connection needs: to be called when nothing has happened for a second or so.
    pub fn quiet(&mut self) {}
}
