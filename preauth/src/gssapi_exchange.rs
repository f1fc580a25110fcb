//! RFC 4462 section 3: `gssapi-with-mic`. Tokens of the peer go to the monitor, and its tokens back.

use ipc::phases::{GssapiAnswer, GssapiExchange, MAX_GSSAPI_TOKEN};
use wire::msg::{
    SSH_MSG_USERAUTH_GSSAPI_ERRTOK, SSH_MSG_USERAUTH_GSSAPI_MIC, SSH_MSG_USERAUTH_GSSAPI_RESPONSE,
    SSH_MSG_USERAUTH_GSSAPI_TOKEN, SSH_MSG_USERAUTH_REQUEST,
};
use wire::{Reader, WireError, Write};

use crate::ask_monitor::Monitor;
use crate::authenticate::{malformed, next_message};
use crate::dialogue::Held;
use crate::ending::Ending;
use crate::peer::Peer;

/// The Kerberos mechanism (RFC 4121 section 7.1) in DER, as clients name it.
pub(crate) const KERBEROS: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];

/// Passes tokens on until one side has had enough. An exchange without a MIC (SSH_MSG_USERAUTH_GSSAPI_EXCHANGE_COMPLETE)
/// is not understood: nothing would tie it to this connection.
pub(crate) fn hold(peer: &mut Peer, mut monitor: Monitor<GssapiExchange>) -> Result<Held, Ending> {
    say(peer, SSH_MSG_USERAUTH_GSSAPI_RESPONSE, KERBEROS);
    let mut expected = SSH_MSG_USERAUTH_GSSAPI_TOKEN;
    loop {
        let numbers = [expected, SSH_MSG_USERAUTH_GSSAPI_ERRTOK, SSH_MSG_USERAUTH_REQUEST];
        let payload = next_message(peer, &monitor, &mut true, &numbers)?;
        if payload.first() == Some(&SSH_MSG_USERAUTH_REQUEST) {
            return Ok(Held::Interrupted(monitor.abandon()?, payload));
        }
        let token = read_token(&payload).map_err(|error| malformed(error, peer, &monitor))?;
        let answer = match payload.first() {
            _ if token.len() > MAX_GSSAPI_TOKEN => monitor.give_up()?,
            Some(&SSH_MSG_USERAUTH_GSSAPI_TOKEN) => monitor.token(token.to_vec())?,
            Some(&SSH_MSG_USERAUTH_GSSAPI_MIC) => monitor.mic(token.to_vec())?,
            _ => monitor.give_up()?,
        };
        match answer {
            GssapiAnswer::Token { token, complete } => {
                if !token.is_empty() {
                    say(peer, SSH_MSG_USERAUTH_GSSAPI_TOKEN, &token);
                }
                if complete {
                    expected = SSH_MSG_USERAUTH_GSSAPI_MIC;
                }
            }
            GssapiAnswer::Over { error_token } => {
                if !error_token.is_empty() {
                    say(peer, SSH_MSG_USERAUTH_GSSAPI_ERRTOK, &error_token);
                }
                return Ok(Held::ToItsEnd(monitor.over_again()));
            }
        }
    }
}

/// All messages of the exchange hold one string.
fn read_token(payload: &[u8]) -> Result<&[u8], WireError> {
    let mut reader = Reader::new(payload);
    reader.u8()?;
    let token = reader.string()?;
    reader.finish()?;
    Ok(token)
}

fn say(peer: &mut Peer, number: u8, token: &[u8]) {
    let mut message = vec![number];
    message.put_string(token);
    peer.send(&message);
}
