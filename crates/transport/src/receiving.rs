//! From bytes of the peer to events: what the transport layer answers by itself ends here.

use wire::{Reader, WireError, Write, msg};

use crate::{
    Transport, TransportError,
    kex::progress::Exchange,
    limits::MOST_EXTENSIONS,
    packets::Opened,
    transport::{Ended, Happening},
    versions,
};

impl Transport {
    /// Goes on until there is something to tell.
    pub(crate) fn advance(&mut self) -> Result<Option<Happening>, TransportError> {
        if self.peer.identification.is_none() {
            return self.read_identification();
        }
        if let Some(question) = self.ask_the_owner() {
            return Ok(Some(question));
        }
        while self.opens_packets() {
            let Some(opened) = self.incoming.open(&mut self.input, self.settings.largest_packet)? else {
                return Ok(None);
            };
            self.note_packet("receive", opened.number);
            self.check_admissible(&opened)?;
            if let Some(happening) = self.take_message(opened)? {
                return Ok(Some(happening));
            }
        }
        Ok(None)
    }

    fn read_identification(&mut self) -> Result<Option<Happening>, TransportError> {
        let line = versions::client_identification(self.input.waiting());
        let Some(line) = line.inspect_err(|error| self.output.append(versions::refusal(error)))? else {
            return Ok(None);
        };
        let (identification, length) = (line.identification.to_vec(), line.length);
        self.input.consume(length);
        self.peer.version = String::from_utf8_lossy(&identification).into_owned();
        self.peer.identification = Some(identification);
        self.send_kexinit()?;
        Ok(Some(Happening::PeerIdentified))
    }

    /// Whether a message of this number may come now (RFC 4253 section 7.1, RFC 8308 section 2.4, strict key exchange).
    fn check_admissible(&self, opened: &Opened) -> Result<(), TransportError> {
        let number = opened.number;
        let in_first_exchange = self.incoming.direction.keys.is_none();
        let is_kex = matches!(number, msg::SSH_MSG_KEXINIT | msg::SSH_MSG_NEWKEYS | FIRST_OF_METHOD..=LAST_OF_METHOD);
        if in_first_exchange && self.peer.is_strict && !is_kex && number != msg::SSH_MSG_DISCONNECT {
            return Err(TransportError::StrictKexViolation { number, sequence: opened.sequence });
        }
        let admissible = match number {
            msg::SSH_MSG_DISCONNECT..=msg::SSH_MSG_DEBUG => true,
            msg::SSH_MSG_KEXINIT => !self.exchange.binds_the_peer(),
            msg::SSH_MSG_NEWKEYS => matches!(self.exchange, Exchange::AwaitingNewKeys { .. }),
            FIRST_OF_METHOD..=LAST_OF_METHOD => self.exchange.waits_for_the_method(),
            0 => false,
            _ => !in_first_exchange && !self.exchange.binds_the_peer(),
        };
        if admissible {
            Ok(())
        } else {
            Err(TransportError::UnexpectedMessage { number, when: self.exchange.in_words() })
        }
    }

    fn take_message(&mut self, opened: Opened) -> Result<Option<Happening>, TransportError> {
        match opened.number {
            msg::SSH_MSG_IGNORE | msg::SSH_MSG_UNIMPLEMENTED | msg::SSH_MSG_PONG => Ok(None),
            msg::SSH_MSG_DISCONNECT => self.take_disconnect(&opened).map(Some),
            msg::SSH_MSG_DEBUG => self.take_debug(&opened).map(Some),
            msg::SSH_MSG_EXT_INFO => self.take_ext_info(&opened).map(|()| None),
            msg::SSH_MSG_PING => self.answer_ping(&opened).map(|()| None),
            msg::SSH_MSG_KEXINIT => self.take_kexinit(&opened).map(|()| None),
            msg::SSH_MSG_NEWKEYS => self.take_new_keys(&opened).map(Some),
            FIRST_OF_METHOD..=LAST_OF_METHOD => self.take_method_message(&opened),
            _ => {
                self.last_sequence = opened.sequence;
                Ok(Some(Happening::Packet(opened)))
            }
        }
    }

    /// The payload behind the message's number.
    pub(crate) fn fields(&self, opened: &Opened) -> Reader<'_> {
        let payload = self.incoming.payload(&self.input, opened);
        Reader::new(payload.split_first().map_or(&[], |(_number, fields)| fields))
    }

    fn take_disconnect(&mut self, opened: &Opened) -> Result<Happening, TransportError> {
        let (reason, text) = parse_disconnect(self.fields(opened)).map_err(malformed(opened))?;
        self.event_text = text;
        self.ended = Some(Ended::Disconnected);
        Ok(Happening::Disconnected { reason })
    }

    fn take_debug(&mut self, opened: &Opened) -> Result<Happening, TransportError> {
        self.event_text = parse_debug(self.fields(opened)).map_err(malformed(opened))?;
        Ok(Happening::Debug)
    }

    /// SSH_MSG_EXT_INFO (RFC 8308 section 2.3): of what a client may announce, one thing matters here.
    fn take_ext_info(&mut self, opened: &Opened) -> Result<(), TransportError> {
        let wants = parse_ext_info(self.fields(opened)).map_err(malformed(opened))?;
        self.details.note(1, || "SSH2_MSG_EXT_INFO received".to_owned());
        self.peer.wants_ext_info_in_auth |= wants;
        Ok(())
    }

    /// `ping@openssh.com`. Answers to a peer that does not read them stop [`Transport::opens_packets`]; those that a key
    /// exchange delays are bounded by [`crate::limits::MOST_HELD_BACK`] (CVE-2025-26466).
    fn answer_ping(&mut self, opened: &Opened) -> Result<(), TransportError> {
        let content = {
            let mut fields = self.fields(opened);
            let content = fields.string().map_err(malformed(opened))?.to_vec();
            fields.finish().map_err(malformed(opened))?;
            content
        };
        let mut pong = self.start_packet();
        pong.put_u8(msg::SSH_MSG_PONG);
        pong.put_string(content);
        pong.finish();
        match &self.ended {
            Some(Ended::Failed(error)) => Err(error.clone()),
            Some(Ended::Disconnected) | None => Ok(()),
        }
    }
}

/// RFC 4250 section 4.1.2: numbers 30 to 49 belong to the key exchange method.
pub(crate) const FIRST_OF_METHOD: u8 = 30;
const LAST_OF_METHOD: u8 = 49;

pub(crate) fn malformed(opened: &Opened) -> impl Fn(WireError) -> TransportError + use<> {
    let number = opened.number;
    move |why| TransportError::Malformed { number, why }
}

fn parse_disconnect(mut fields: Reader<'_>) -> Result<(u32, String), WireError> {
    let reason = fields.u32()?;
    // The language tag behind it is left out by some clients and means nothing.
    Ok((reason, text(fields.string()?)))
}

fn parse_debug(mut fields: Reader<'_>) -> Result<String, WireError> {
    let _always_display = fields.boolean()?;
    Ok(text(fields.string()?))
}

fn parse_ext_info(mut fields: Reader<'_>) -> Result<bool, WireError> {
    let mut wants_ext_info_in_auth = false;
    let count = fields.u32()?;
    if count > MOST_EXTENSIONS {
        return Err(WireError::Truncated);
    }
    for _ in 0..count {
        let (name, value) = (fields.string()?, fields.string()?);
        wants_ext_info_in_auth |= name == b"ext-info-in-auth@openssh.com" && value == b"0";
    }
    fields.finish()?;
    Ok(wants_ext_info_in_auth)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
