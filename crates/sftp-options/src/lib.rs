//! What an administrator can ask of an SFTP server: the command line of `internal-sftp` and sftp-server(8), and the names
//! of the requests in it. Apart from the server itself, since `sshd -t` checks such command lines too and has no business
//! with files.
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

mod getopt;
mod kind;
mod options;

pub use kind::{Kind, KindSet, OnTheWire};
pub use options::{Asked, Options, OptionsError, request_names, usage};
