//! Phase HandingOver: the transport's state comes by, unread.

use ipc::Answering;
use ipc::phases::{HandingOver, HandingOverRequest};
use zeroize::Zeroizing;

use crate::connection::Connection;
use crate::ending::Ending;
use crate::preauth_child::PreauthChild;

/// Keys and counters of the connection as `sshd-preauth` encoded them. This process has no code to read them.
pub(crate) struct TransportState(Zeroizing<Vec<u8>>);

impl TransportState {
    /// For the start message of `sshd-session`.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0.to_vec()
    }
}

/// Takes the state; it is the last thing that the process before login says.
pub(crate) fn take_transport(
    connection: &mut Connection,
    child: &PreauthChild,
    mut link: Answering<HandingOver>,
) -> Result<TransportState, Ending> {
    match child.next_request(connection, &mut link)? {
        HandingOverRequest::HandOver(state) => Ok(TransportState(Zeroizing::new(state))),
        HandingOverRequest::Record(_) => Err(Ending::ChildMisbehaved), // taken out by next_request
    }
}
