//! Pairs with `preauth/src/ask_monitor.rs::sign_exchange`.

use ipc::phases::ExchangeToSign;
use ipc::start::OfferedHostKey;

use crate::connection::Connection;
use crate::host_keys::NotSigned;
use crate::key_exchange::SignedExchange;

/// Signs the hash of the first key exchange. It becomes the session id that login signatures are checked against, so
/// what a client signs is bound to the very exchange that the host key signed.
pub(crate) fn sign_exchange(
    connection: &Connection,
    exchange: ExchangeToSign,
) -> Result<(Vec<u8>, SignedExchange), NotSigned> {
    let offered = &connection.offered_host_keys;
    let signature = connection.host_keys.sign(&exchange, offered)?;
    let is_it = |key: &&OfferedHostKey| key.index == exchange.host_key && key.algorithm == exchange.algorithm;
    let shown = offered.iter().find(is_it).ok_or(NotSigned::NoSuchKey(exchange.host_key))?;
    Ok((signature, SignedExchange::new(exchange, shown.blob.clone())))
}
