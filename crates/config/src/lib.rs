//! From configuration files to [`settings::Settings`], and back to what `sshd -T` prints. Only the listener links this
//! crate: everybody else receives settings ready-made.
#![forbid(unsafe_code)]

mod connection_test;
mod dump;
mod line;
mod listen;
mod load;
mod match_line;
mod messages;
mod reader;
mod whole;
mod why;

pub use connection_test::{BadConnectionTest, ConnectionTest};
pub use dump::{Spelling, dump, dump_json};
pub use load::{LoadRequest, Loaded, Override, Reading, Typed, load};
pub use messages::{LoadFailure, Message, Severity};
pub use why::{Origin, Outcome, origins, why};
