//! RFC 4256: `keyboard-interactive`. Questions of the monitor go to the peer, responses go back.

use ipc::phases::{Authenticating, Dialogue, DialogueAnswer, Questions};
use wire::Write;
use wire::msg::{
    SSH_DISCONNECT_PROTOCOL_ERROR, SSH_MSG_USERAUTH_INFO_REQUEST, SSH_MSG_USERAUTH_INFO_RESPONSE,
    SSH_MSG_USERAUTH_REQUEST,
};
use zeroize::Zeroizing;

use crate::ask_monitor::Monitor;
use crate::authenticate::{malformed, next_message};
use crate::ending::{self, Ending};
use crate::peer::Peer;
use crate::userauth_request::responses;

/// How a dialogue ended.
pub(crate) enum Held {
    /// It came to its end; the monitor tells next what came of it.
    ToItsEnd(Monitor<Authenticating>),
    /// The peer tries something else, with this SSH_MSG_USERAUTH_REQUEST.
    Interrupted(Monitor<Authenticating>, Zeroizing<Vec<u8>>),
}

/// Asks and passes on until one side has had enough.
pub(crate) fn hold(peer: &mut Peer, mut monitor: Monitor<Dialogue>, mut questions: Questions) -> Result<Held, Ending> {
    loop {
        ask(peer, &questions);
        let expected = [SSH_MSG_USERAUTH_INFO_RESPONSE, SSH_MSG_USERAUTH_REQUEST];
        let payload = next_message(peer, &monitor, &mut true, &expected)?;
        if payload.first() == Some(&SSH_MSG_USERAUTH_REQUEST) {
            return Ok(Held::Interrupted(monitor.abandon()?, payload));
        }
        let responses =
            responses(&payload, questions.prompts.len()).map_err(|error| malformed(error, peer, &monitor))?;
        let Some(responses) = responses else {
            let why = "wrong number of replies".to_owned();
            return Err(ending::disconnect(SSH_DISCONNECT_PROTOCOL_ERROR, why, peer, &monitor));
        };
        match monitor.respond(responses)? {
            DialogueAnswer::Ask(more) => questions = more,
            DialogueAnswer::Over => return Ok(Held::ToItsEnd(monitor.over_again())),
        }
    }
}

fn ask(peer: &mut Peer, questions: &Questions) {
    let mut message = vec![SSH_MSG_USERAUTH_INFO_REQUEST];
    message.put_string(""); // name
    message.put_string(&questions.instruction);
    message.put_string(""); // language tag
    message.put_u32(u32::try_from(questions.prompts.len()).unwrap_or(u32::MAX));
    for prompt in &questions.prompts {
        message.put_string(&prompt.text);
        message.put_boolean(prompt.echo);
    }
    peer.send(&message);
}
