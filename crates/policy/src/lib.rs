//! Who may log in, with what, and what that login may do: pure functions over facts.
//!
//! Nothing here reads a file, asks the system or knows the time: the monitor gathers facts, these functions decide, and
//! every decision comes with the [`Step`]s that led to it. The live login and the dry run call the same functions.
#![forbid(unsafe_code)]

mod facts;
mod restrictions;
mod verdict;

pub use facts::{AccountFacts, ConnectionFacts, Now, PathFacts, PathKind, ShellState};
pub use restrictions::{ForcedBy, ForcedCommand, Restrictions, TunnelLimit, TwoForcedCommands};
pub use verdict::{ListRefusal, Refusal, Step, Verdict};
