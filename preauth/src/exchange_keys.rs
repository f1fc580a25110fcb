//! RFC 4253 section 7: the first key exchange.

use events::Depth;
use ipc::phases::{ExchangeToSign, KeyExchange, NamingUser};
use wire::msg::SSH_DISCONNECT_PROTOCOL_ERROR;

use crate::ask_monitor::Monitor;
use crate::ending::{self, Ending};
use crate::next_step::next_step;
use crate::peer::{Happened, Peer};

/// Until both directions are encrypted. The host key signs on the way, once; the monitor may choose a group before.
pub(crate) fn exchange_keys(peer: &mut Peer, mut monitor: Monitor<KeyExchange>) -> Result<Monitor<NamingUser>, Ending> {
    let mut step = next_step(peer, &monitor)?;
    if let Happened::ChooseGroup(sizes) = step {
        let group = monitor.choose_group(sizes)?;
        peer.group(group).map_err(|error| ending::end(error, peer, &monitor))?;
        step = next_step(peer, &monitor)?;
    }
    let to_sign = match step {
        Happened::SignExchangeHash { host_key, algorithm, exchange_hash } => {
            ExchangeToSign { host_key, algorithm, exchange_hash }
        }
        _ => return Err(out_of_order(peer, &monitor)),
    };
    let (signature, monitor) = monitor.sign_exchange(to_sign)?;
    peer.signature(&signature).map_err(|error| ending::end(error, peer, &monitor))?;
    match next_step(peer, &monitor)? {
        Happened::NewKeys => {
            monitor.detail(peer, Depth::One, || "KEX done".to_owned());
            Ok(monitor)
        }
        _ => Err(out_of_order(peer, &monitor)),
    }
}

/// The transport lets nothing else through before the first NEWKEYS; should it ever, the connection ends here.
fn out_of_order<P>(peer: &mut Peer, monitor: &Monitor<P>) -> Ending
where
    P: ipc::Phase,
    P::Request: crate::ask_monitor::Recording,
{
    ending::disconnect(SSH_DISCONNECT_PROTOCOL_ERROR, "Packet before key exchange".to_owned(), peer, monitor)
}
