//! Phase KeyExchange: nothing is known but an address.

use ipc::Answering;
use ipc::phases::{ExchangeToSign, KeyExchange, KeyExchangeAnswer, KeyExchangeRequest, NamingUser};

use crate::answers::choose_group::choose_group;
use crate::answers::sign_exchange::sign_exchange;
use crate::connection::Connection;
use crate::ending::Ending;
use crate::preauth_child::{PreauthChild, misbehaved};

/// The exchange that the host key has signed: its hash is the session id (RFC 4253 section 7.2).
pub(crate) struct SignedExchange {
    session_id: Vec<u8>,
    host_key_blob: Vec<u8>,
}

impl SignedExchange {
    pub(crate) fn new(exchange: ExchangeToSign, host_key_blob: Vec<u8>) -> Self {
        Self { session_id: exchange.exchange_hash, host_key_blob }
    }

    /// H of the first key exchange.
    pub(crate) fn session_id(&self) -> &[u8] {
        &self.session_id
    }

    /// The host key that the client has seen.
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
                sign_exchange(connection, exchange).map_err(|refusal| misbehaved(connection, &refusal.to_string()))?;
            child.answer(connection, &link, &KeyExchangeAnswer::Signed(signature))?;
            Ok((link.enter(), signed))
        }
        KeyExchangeRequest::ChooseGroup(_) => Err(misbehaved(connection, "asks for a second group")),
        KeyExchangeRequest::Record(_) => Err(Ending::ChildMisbehaved), // taken out by next_request
    }
}
