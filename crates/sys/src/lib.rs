//! What Bulkhead asks of the kernel and libc beyond what `std` and nix offer safely: descriptors that travel,
//! processes started by descriptor, identities that are given up for good, pseudo-terminals, titles, password hashes,
//! libraries that are loaded when they are needed.
//!
//! This is one of the two crates where `unsafe` may stand; each block says why it is sound.

pub mod clock;
pub mod crypt;
pub mod errors;
pub mod fd;
pub mod identity;
pub mod library;
pub mod local_time;
pub mod login_records;
pub mod memory;
pub mod netgroup;
#[cfg(debug_assertions)]
pub mod probe;
pub mod process;
pub mod pty;
pub mod random;
pub mod resolver;
pub mod signals;
pub mod tcp;
pub mod title;
pub mod tun;
