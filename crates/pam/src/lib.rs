//! Pluggable authentication modules: the application's side of Linux-PAM, loaded when it is first needed.
//!
//! `libpam.so.0` is loaded at run time and not linked: building needs no headers, hosts without PAM need no library,
//! and connections that do not use it do not carry it. Of the modules nothing is believed but what the functions
//! return; they run in this process and with its rights, as PAM is made.
//!
//! This is one of the crates where `unsafe` may stand; each block says why it is sound.

mod conversation;
mod error;
mod library;
mod transaction;

pub use conversation::{Conversation, ConversationOver, Message, Silent};
pub use error::{PamError, Problem};
pub use library::Pam;
pub use transaction::Transaction;
