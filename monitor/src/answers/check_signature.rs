//! Pairs with `preauth/src/ask_monitor.rs::check_signature`.

use ipc::phases::OfferedKey;
use keys::{LoginAlgorithm, PublicKey, SignatureProven};

use crate::answers::query_key::{LookedAt, look_at_key};
use crate::candidate::Candidate;
use crate::connection::Connection;
use crate::key_exchange::SignedExchange;
use crate::signed_data::SignedData;

/// A key with its signature, looked at together: nothing that was found out in an earlier request is used.
pub(crate) struct CheckedSignature {
    pub(crate) looked_at: LookedAt,
    /// That the signature is the key's, over what this connection demands.
    pub(crate) proven: Option<SignatureProven>,
}

/// Looks the key up again and verifies the signature, also for keys and users that cannot log in: the work tells
/// nothing.
pub(crate) fn check_signature(
    connection: &mut Connection,
    candidate: &Candidate,
    exchange: &SignedExchange,
    offered: &OfferedKey,
    signature: &[u8],
    hostbound: bool,
    used_before: &[PublicKey],
) -> CheckedSignature {
    let looked_at = look_at_key(connection, candidate, offered, used_before);
    let host_key = hostbound.then(|| exchange.host_key_blob());
    let signed = SignedData { session_id: exchange.session_id(), user: &candidate.claimed, offered, host_key }.encode();
    let proven = looked_at.credential.as_ref().and_then(|credential| {
        let algorithm = LoginAlgorithm::from_name(&offered.algorithm)?;
        credential.key().verify(algorithm.signature, &signed, signature).ok()
    });
    CheckedSignature { looked_at, proven }
}
