//! The end of this process: everything it knows about the connection goes to the one that serves the user.

use ipc::phases::HandingOver;
use zeroize::Zeroizing;

use crate::ask_monitor::Monitor;
use crate::ending::Ending;
use crate::peer::Peer;

/// Sends the transport away. What has not been written yet travels with it.
pub(crate) fn hand_over(peer: Peer, monitor: &Monitor<HandingOver>) -> Result<(), Ending> {
    let state = peer.into_hand_over();
    let encoded = Zeroizing::new(postcard::to_stdvec(&state).map_err(|_| Ending::MonitorGone)?);
    monitor.hand_over(encoded.to_vec())
}
