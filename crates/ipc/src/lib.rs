//! What the processes say to each other.
//!
//! [`phases`] is the page to read first: every request that a less trusted process can make, grouped by the phase in
//! which it can be made. A request of another phase is not refused by a flag: it cannot be decoded.
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

mod error;
mod exit;
pub mod forwarding;
mod frame;
mod link;
pub mod phases;
mod secret;
pub mod start;

pub use error::IpcError;
pub use exit::ExitStatus;
pub use frame::MAX_FRAME;
pub use link::{Answering, Asking, Phase};
pub use secret::Secret;

/// Names this build: processes of different builds never talk to each other.
pub const BUILD_ID: &str = env!("BULKHEAD_BUILD_ID");
