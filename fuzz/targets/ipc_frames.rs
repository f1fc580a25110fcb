//! Frames of every phase, in both directions, and start messages.
#![no_main]

use std::os::fd::{AsFd, OwnedFd};

use ipc::phases::{Authenticating, HandingOver, KeyExchange, LoggedIn, NamingUser};
use ipc::start::{LaunchStart, MonitorTask, PreauthStart, SessionStart};
use ipc::{Answering, Asking, Phase};
use serde::de::DeserializeOwned;

// The first byte chooses what is read, the rest is read.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((which, body)) = bytes.split_first() else { return };
    match which % 9 {
        0 => both_directions::<KeyExchange>(body),
        1 => both_directions::<NamingUser>(body),
        2 => both_directions::<Authenticating>(body),
        3 => both_directions::<HandingOver>(body),
        4 => both_directions::<LoggedIn>(body),
        5 => start::<MonitorTask>(body),
        6 => start::<PreauthStart>(body),
        7 => start::<SessionStart>(body),
        _ => start::<LaunchStart>(body),
    }
});

fn both_directions<P: Phase>(body: &[u8]) {
    let frame = [&[P::NUMBER], body].concat();
    let _ = Answering::<P>::over(holding(&frame)).receive();
    let _ = Asking::<P>::over(holding(&frame)).receive();
}

fn start<T: DeserializeOwned>(body: &[u8]) {
    let build = postcard::to_stdvec(ipc::BUILD_ID).expect("a name");
    let _ = ipc::start::receive::<T>(holding(&[&[0], build.as_slice(), body].concat()));
}

/// A socket from which this frame can be read.
fn holding(frame: &[u8]) -> OwnedFd {
    let (near, far) = sys::fd::seqpacket_pair().expect("sockets");
    // A frame that is too large is not sent.
    let _ = sys::fd::send_with_fds(near.as_fd(), frame, &[]);
    far
}
