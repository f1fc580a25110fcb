//! SSH_MSG_CHANNEL_OPEN (RFC 4254 section 5.1), by the peer and by us, and the answers.

use events::Depth;
use events::session::Event;
use wire::{Reader, WireError, Write, msg};

use super::Connection;
use super::channel::{Channel, PeerSide};
use super::outbox::Outbox;
use super::session::Session;
use super::window::LARGEST_DATA;
use crate::serve::ending::Ending;
use crate::serve::monitor_link::MonitorLink;

impl Connection {
    /// The peer opens a channel.
    pub(crate) fn open(&mut self, mut reader: Reader<'_>, link: &mut MonitorLink) -> Result<(), Ending> {
        let (kind, peer) = opened(&mut reader).map_err(|why| Ending::malformed("channel open", why))?;
        let refusal = match kind {
            b"session" => match self.open_session(peer, reader, link)? {
                true => return Ok(()),
                // Theirs' reason and text: clients show them to people who search for them.
                false => msg::SSH_OPEN_CONNECT_FAILED,
            },
            b"direct-tcpip" => return self.reach_address(peer, reader, link),
            b"direct-streamlocal@openssh.com" => return self.reach_path(peer, reader, link),
            b"tun@openssh.com" => return self.open_tunnel(peer, reader, link),
            _ => msg::SSH_OPEN_UNKNOWN_CHANNEL_TYPE,
        };
        link.detail(Depth::One, || format!("server_input_channel_open: failure {}", String::from_utf8_lossy(kind)))?;
        refuse(peer, refusal, "open failed", &mut self.outbox);
        Ok(())
    }

    /// False when there are too many.
    fn open_session(&mut self, peer: PeerSide, rest: Reader<'_>, link: &MonitorLink) -> Result<bool, Ending> {
        rest.finish().map_err(|why| Ending::malformed("channel open", why))?;
        if self.no_more_sessions {
            let text = "Possible attack: attempt to open a session after additional sessions disabled";
            return Err(Ending::Violation(text.to_owned()));
        }
        let open = self.channels.iter().filter(|channel| channel.session().is_some()).count();
        if u32::try_from(open).unwrap_or(u32::MAX) >= self.terms.max_sessions {
            link.record(Event::NoMoreSessions)?;
            return Ok(false);
        }
        let session = Session::new(self.next_session, self.terms.peer_is_openssh);
        self.next_session = self.next_session.wrapping_add(1);
        let Some(number) = self.channels.insert(Channel::for_session(peer, session)) else { return Ok(false) };
        link.detail(Depth::One, || format!("channel {number}: new session [server-session]"))?;
        // As theirs: the window opens when there is a command to take data.
        confirm(peer, number, 0, &mut self.outbox);
        Ok(true)
    }
}

/// SSH_MSG_CHANNEL_OPEN_CONFIRMATION
pub(super) fn confirm(peer: PeerSide, number: u32, window: u32, outbox: &mut Outbox) {
    outbox.add(|payload| {
        payload.put_u8(msg::SSH_MSG_CHANNEL_OPEN_CONFIRMATION);
        payload.put_u32(peer.number);
        payload.put_u32(number);
        payload.put_u32(window);
        payload.put_u32(LARGEST_DATA);
    });
}

/// SSH_MSG_CHANNEL_OPEN_FAILURE
pub(super) fn refuse(peer: PeerSide, reason: u32, text: &str, outbox: &mut Outbox) {
    outbox.add(|payload| {
        payload.put_u8(msg::SSH_MSG_CHANNEL_OPEN_FAILURE);
        payload.put_u32(peer.number);
        payload.put_u32(reason);
        payload.put_string(text);
        payload.put_string("");
    });
}

fn opened<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], PeerSide), WireError> {
    let kind = reader.string()?;
    Ok((kind, peer_side(reader)?))
}

/// What SSH_MSG_CHANNEL_OPEN and its confirmation say about the sender's side.
pub(super) fn peer_side(reader: &mut Reader<'_>) -> Result<PeerSide, WireError> {
    Ok(PeerSide { number: reader.u32()?, window: reader.u32()?, largest_packet: reader.u32()? })
}
