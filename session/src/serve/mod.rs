//! `sshd-session`: serves the connection of a user who has logged in.
//!
//! The network-facing process after login starts no program and changes no identity: what this login was granted is
//! all that it can reach. Commands are started by the monitor, which hands over their descriptors.

mod clock;
mod connection;
mod descriptor;
mod details;
mod ending;
mod event_loop;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod monitor_link;
mod network;
mod rate;
mod start;
#[cfg(test)]
mod test_runtime;

use std::process::ExitCode;

use events::session::Event;
use ipc::Asking;
use ipc::phases::{LoggedIn, LoggedInRequest};

use self::ending::Ending;

/// Runs the process.
#[must_use]
pub fn run() -> ExitCode {
    sys::memory::keep_little();
    sys::title::init();
    let (told, link) = match start::receive() {
        Ok(started) => started,
        Err(error) => {
            // Nobody can be told but whoever looks at standard error.
            eprintln!("sshd-session: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut ready = match told.become_ready() {
        Ok(ready) => ready,
        Err(error) => {
            let event = Event::CannotServe { why: error.to_string() };
            // If this cannot be said, the monitor has gone and the process ends anyway.
            let _ = Asking::<LoggedIn>::over(link).send(&LoggedInRequest::Record(event));
            return ExitCode::FAILURE;
        }
    };
    let farewell = ready.farewell.take();
    let (runtime, mut event_loop) = match ready.into_event_loop(link) {
        Ok(parts) => parts,
        Err(error) => {
            eprintln!("sshd-session: cannot wait for events: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Some(text) = farewell {
        runtime.block_on(event_loop.serve_nothing(text));
        return ExitCode::SUCCESS;
    }
    match runtime.block_on(tokio::task::coop::unconstrained(event_loop.serve())) {
        Ending::HungUp | Ending::Disconnected { .. } => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
