//! What somebody who debugs (`LogLevel DEBUG`, `-d`) sees of a connection's course, in theirs' words.

use events::Depth;
use settings::values::{Choice as _, LogLevel};
use wire::{Reader, WireError, msg};

/// How deep somebody wants to look, if anybody does.
pub(crate) fn wanted(level: LogLevel) -> Option<Depth> {
    events::Level::named(level.word()).and_then(events::Level::depth)
}

/// A line for the messages that begin something; nothing for data, for answers, and for what cannot be read: that is
/// told elsewhere.
pub(crate) fn of_packet(packet: &[u8]) -> Option<String> {
    describe(Reader::new(packet)).ok().flatten()
}

fn describe(mut packet: Reader<'_>) -> Result<Option<String>, WireError> {
    let line = match packet.u8()? {
        msg::SSH_MSG_CHANNEL_OPEN => {
            let kind = text(packet.string()?);
            let (number, window, largest) = (packet.u32()?, packet.u32()?, packet.u32()?);
            format!("server_input_channel_open: ctype {kind} rchan {number} win {window} max {largest}")
        }
        msg::SSH_MSG_GLOBAL_REQUEST => {
            let (kind, reply) = (text(packet.string()?), u8::from(packet.boolean()?));
            format!("server_input_global_request: rtype {kind} want_reply {reply}")
        }
        msg::SSH_MSG_CHANNEL_REQUEST => {
            let channel = packet.u32()?;
            let (kind, reply) = (text(packet.string()?), u8::from(packet.boolean()?));
            format!("server_input_channel_req: channel {channel} request {kind} reply {reply}")
        }
        _ => return Ok(None),
    };
    Ok(Some(line))
}

/// As much of a name as a name can be.
fn text(name: &[u8]) -> String {
    const LONGEST: usize = 256;
    String::from_utf8_lossy(name.get(..LONGEST.min(name.len())).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Write;

    #[test]
    fn what_begins_something_is_described() {
        let mut open = vec![msg::SSH_MSG_CHANNEL_OPEN];
        open.put_string("session");
        [3, 2_097_152, 32768].into_iter().for_each(|number| open.put_u32(number));
        let line = "server_input_channel_open: ctype session rchan 3 win 2097152 max 32768";
        assert_eq!(of_packet(&open).as_deref(), Some(line));
        let mut request = vec![msg::SSH_MSG_CHANNEL_REQUEST];
        request.put_u32(7);
        request.put_string("exec");
        request.put_boolean(true);
        request.put_string("a secret");
        assert_eq!(of_packet(&request).as_deref(), Some("server_input_channel_req: channel 7 request exec reply 1"));
        assert_eq!(of_packet(&[msg::SSH_MSG_CHANNEL_DATA, 0, 0, 0, 0]), None);
        assert_eq!(of_packet(&request[..6]), None);
        assert_eq!(of_packet(&[]), None);
    }
}
