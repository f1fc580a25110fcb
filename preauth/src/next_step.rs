//! What the peer does next, after everything that is the same in every phase has been dealt with.

use events::Depth;
use events::preauth::Event;
use ipc::Phase;

use crate::ask_monitor::{Monitor, Recording};
use crate::ending::{self, Ending};
use crate::peer::{Happened, Peer};

/// Waits for something that takes the connection on. A peer that goes is recorded, what it says is written down.
pub(crate) fn next_step<P>(peer: &mut Peer, monitor: &Monitor<P>) -> Result<Happened, Ending>
where
    P: Phase,
    P::Request: Recording,
{
    loop {
        let next = peer.next(monitor.socket());
        peer.take_details().into_iter().for_each(|detail| monitor.record(detail));
        match next.map_err(|error| ending::end(error, peer, monitor))? {
            Happened::OnlyDetails => {}
            Happened::Debug { text } => {
                monitor.record(Event::Debug { depth: Depth::One, text: format!("Remote: {text}") });
            }
            Happened::Disconnected { reason, text } => {
                monitor.record(Event::ReceivedDisconnect { reason, text });
                monitor.record(Event::Disconnected);
                return Err(Ending::Over);
            }
            step => return Ok(step),
        }
    }
}
