//! Phase KeyExchange: nothing is known but an address.

use std::io;

use ipc::Answering;
use ipc::phases::{ExchangeToSign, KeyExchange, KeyExchangeAnswer, KeyExchangeRequest, NamingUser};

use crate::answers::choose_group::choose_group;
use crate::answers::sign_exchange::sign_exchange;
use crate::connection::Connection;
use crate::ending::Ending;
use crate::host_keys::NotSigned;
use crate::preauth_child::{PreauthChild, misbehaved};

/// The exchange that the host key has signed: its hash is the session id (RFC 4253 section 7.2).
pub(crate) struct SignedExchange {
    session_id: Vec<u8>,
    algorithm: String,
    host_key_blob: Vec<u8>,
}

impl SignedExchange {
    pub(crate) fn new(exchange: ExchangeToSign, host_key_blob: Vec<u8>) -> Self {
        Self { session_id: exchange.exchange_hash, algorithm: exchange.algorithm, host_key_blob }
    }

    /// The signature algorithm of the host key, as it was negotiated.
    pub(crate) fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// H of the first key exchange.
    pub(crate) fn session_id(&self) -> &[u8] {
        &self.session_id
    }

    /// The host key, or its certificate, that the client has seen.
    pub(crate) fn host_key_blob(&self) -> &[u8] {
        &self.host_key_blob
    }
}

/// Until the host key has signed; a group may be asked for before. Once: the link goes on in a phase that has no word for signing.
pub(crate) fn exchange_keys(
    connection: &mut Connection,
    child: &PreauthChild,
    mut link: Answering<KeyExchange>,
) -> Result<(Answering<NamingUser>, SignedExchange), Ending> {
    let mut request = child.next_request(connection, &mut link)?;
    if let KeyExchangeRequest::ChooseGroup(sizes) = request {
        let group = choose_group(connection, &sizes);
        child.answer(connection, &link, &KeyExchangeAnswer::Group(group))?;
        request = child.next_request(connection, &mut link)?;
    }
    match request {
        KeyExchangeRequest::SignExchange(exchange) => {
            let (signature, signed) =
                sign_exchange(connection, exchange).map_err(|refusal| not_signed(connection, refusal))?;
            child.answer(connection, &link, &KeyExchangeAnswer::Signed(signature))?;
            Ok((link.enter(), signed))
        }
        KeyExchangeRequest::ChooseGroup(_) => Err(misbehaved(connection, "asks for a second group")),
        KeyExchangeRequest::Record(_) => Err(Ending::ChildMisbehaved), // taken out by next_request
    }
}

/// An agent that does not sign is no fault of the process that asked.
fn not_signed(connection: &mut Connection, refusal: NotSigned) -> Ending {
    match refusal {
        NotSigned::Agent(why) => Ending::Failed(io::Error::other(why)),
        other => misbehaved(connection, &other.to_string()),
    }
}
