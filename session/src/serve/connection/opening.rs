//! SSH_MSG_CHANNEL_OPEN (RFC 4254 section 5.1).

use wire::{Reader, WireError, Write, msg};

use super::Connection;
use super::channel::{Channel, PeerSide};
use super::session::Session;
use super::window::LARGEST_DATA;
use crate::serve::ending::Ending;

impl Connection {
    /// The peer opens a channel.
    pub(crate) fn open(&mut self, mut reader: Reader<'_>) -> Result<(), Ending> {
        let (kind, peer) = opened(&mut reader).map_err(|why| Ending::malformed("channel open", why))?;
        let refusal = match kind {
            b"session" => match self.open_session(peer, reader)? {
                true => return Ok(()),
                // Theirs' reason and text: clients show them to people who search for them.
                false => msg::SSH_OPEN_CONNECT_FAILED,
            },
            b"direct-tcpip" | b"direct-streamlocal@openssh.com" | b"tun@openssh.com" => {
                msg::SSH_OPEN_ADMINISTRATIVELY_PROHIBITED
            }
            _ => msg::SSH_OPEN_UNKNOWN_CHANNEL_TYPE,
        };
        self.outbox.add(|payload| {
            payload.put_u8(msg::SSH_MSG_CHANNEL_OPEN_FAILURE);
            payload.put_u32(peer.number);
            payload.put_u32(refusal);
            payload.put_string("open failed");
            payload.put_string("");
        });
        Ok(())
    }

    /// False when there are too many.
    fn open_session(&mut self, peer: PeerSide, rest: Reader<'_>) -> Result<bool, Ending> {
        rest.finish().map_err(|why| Ending::malformed("channel open", why))?;
        if self.no_more_sessions {
            let text = "Possible attack: attempt to open a session after additional sessions disabled";
            return Err(Ending::Violation(text.to_owned()));
        }
        let open = self.channels.iter().count();
        if u32::try_from(open).unwrap_or(u32::MAX) >= self.terms.max_sessions {
            return Ok(false);
        }
        let session = Session::new(self.next_session, self.terms.peer_is_openssh);
        self.next_session = self.next_session.wrapping_add(1);
        let Some(number) = self.channels.insert(Channel::opened(peer, session)) else { return Ok(false) };
        self.outbox.add(|payload| {
            payload.put_u8(msg::SSH_MSG_CHANNEL_OPEN_CONFIRMATION);
            payload.put_u32(peer.number);
            payload.put_u32(number);
            // As theirs: the window opens when there is a command to take data.
            payload.put_u32(0);
            payload.put_u32(LARGEST_DATA);
        });
        Ok(true)
    }
}

fn opened<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], PeerSide), WireError> {
    let kind = reader.string()?;
    let peer = PeerSide { number: reader.u32()?, window: reader.u32()?, largest_packet: reader.u32()? };
    Ok((kind, peer))
}
