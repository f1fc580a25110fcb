//! What a user who has logged in talks to: `sshd-session` serves the connection, `sshd-launch` starts one command,
//! `sshd-forward` opens sockets for forwardings.
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

pub mod forward;
pub mod launch;
pub mod serve;
