//! The SSH File Transfer Protocol, version 3 (draft-ietf-secsh-filexfer-02), with the extensions that OpenSSH serves.
//!
//! [`Server`] does no input or output but that of files: bytes of requests go in ([`Server::feed`]), answers come out
//! of a [`ByteQueue`]. It is the same inside `sshd-session` (`internal-sftp`) and in the program `sftp-server`.
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

mod attributes;
mod dates;
mod event;
mod getopt;
mod handles;
mod kind;
mod long_name;
mod names;
mod options;
mod queue;
mod reply;
mod request;
mod resolve;
mod serve;
mod server;
mod status;
mod surroundings;
mod tree;

pub use event::{SftpEvent, Transfer};
pub use kind::{Kind, KindSet};
pub use options::{Asked, Options, OptionsError, request_names, usage};
pub use queue::ByteQueue;
pub use server::{LARGEST_PACKET, Progress, Server, SftpError};
pub use status::Status;
pub use surroundings::{Client, Surroundings};
