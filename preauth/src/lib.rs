//! What happens on the network before login: identifications, key exchange, the login dialogue.
//!
//! This process reads the bytes of peers that nobody knows. It holds no secret but the keys of its own connection, can
//! open nothing and start nothing, and decides nothing: the host key signs in the monitor, and the monitor says who is
//! in ([`ask_monitor`]). Its files in the order of a connection: [`exchange_versions`], [`exchange_keys`],
//! [`authenticate`], [`hand_over`].
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

mod ask_monitor;
mod authenticate;
mod dialogue;
mod ending;
mod exchange_keys;
mod exchange_versions;
mod gssapi_exchange;
mod hand_over;
mod next_step;
mod peer;
mod userauth_request;

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;

use ipc::Asking;
use ipc::phases::KeyExchange;
use ipc::start::{LINK, PreauthStart};
use sandbox::{LockedDown, Policy, Surroundings};

use crate::ask_monitor::Monitor;
use crate::ending::Ending;
use crate::peer::Peer;

/// The life of the process.
#[must_use]
pub fn run() -> ExitCode {
    sys::title::init();
    sys::title::set("sshd: [net]");
    match receive_start_message() {
        Ok((start, network, link)) => match become_who_you_are(&start) {
            Ok(locked_down) => serve(start, network, link, &locked_down),
            Err(code) => code,
        },
        Err(code) => code,
    }
}

type Received = (PreauthStart, Vec<OwnedFd>, OwnedFd);

fn receive_start_message() -> Result<Received, ExitCode> {
    let link = sys::fd::adopt(LINK).map_err(|error| cannot_start(&error))?;
    let received: Received = ipc::start::receive(link).map_err(|error| cannot_start(&error))?;
    // A system call that is not there any more after the lock-down.
    for descriptor in &received.1 {
        sys::fd::set_nonblocking(descriptor.as_fd(), true).map_err(|error| cannot_start(&error))?;
    }
    Ok(received)
}

/// Locks the process down before the first byte of the network is read.
fn become_who_you_are(start: &PreauthStart) -> Result<LockedDown, ExitCode> {
    transport::prepare_cryptography();
    let surroundings = Surroundings {
        identity: start.confinement.as_ref().map(|confinement| confinement.identity.clone()),
        empty_root: start.confinement.as_ref().map(|confinement| PathBuf::from(&confinement.empty_root)),
        jail: None,
        best_effort: start.best_effort_sandbox,
    };
    sandbox::lock_down(&Policy::Preauth, &surroundings).map_err(|error| cannot_start(&error))
}

fn cannot_start(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("sshd-preauth: cannot start: {error}");
    ExitCode::FAILURE
}

fn serve(start: PreauthStart, network: Vec<OwnedFd>, link: OwnedFd, locked_down: &LockedDown) -> ExitCode {
    let Ok(peer) = Peer::over(network, &start, locked_down) else { return ExitCode::FAILURE };
    let Err(ending) = before_login(peer, Monitor::over(Asking::<KeyExchange>::over(link))) else {
        return ExitCode::SUCCESS;
    };
    match ending {
        // Whoever is at fault has been told and recorded where the fault was found.
        Ending::Over => ExitCode::SUCCESS,
        Ending::MonitorGone => ExitCode::FAILURE,
    }
}

fn before_login(mut peer: Peer, mut monitor: Monitor<KeyExchange>) -> Result<(), Ending> {
    exchange_versions::exchange_versions(&mut peer, &mut monitor)?;
    let monitor = exchange_keys::exchange_keys(&mut peer, monitor)?;
    let monitor = authenticate::authenticate(&mut peer, monitor)?;
    hand_over::hand_over(peer, &monitor)
}
