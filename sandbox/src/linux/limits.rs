//! Resource limits: what is left of processes, files and cores even if every other layer had a hole.

use nix::sys::resource::{Resource, setrlimit};

use crate::promises::{ProcessPromises, Promise};

/// Room for poll(2) on this many descriptors, and for no new one: 0, 1, 2 and the link are open and stay so.
const DESCRIPTORS_BEFORE_LOGIN: u64 = 4;

/// Sets the limits for good: soft and hard.
///
/// # Errors
/// As setrlimit(2).
pub fn put_on(process: &ProcessPromises) -> nix::Result<()> {
    // No process, whatever clone(2) it came by. (The kernel exempts root; seccomp does not.)
    setrlimit(Resource::RLIMIT_NPROC, 0, 0)?;
    // No memory image of keys on disk.
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    if !process.keeps(Promise::ReadFiles) && !process.keeps(Promise::EventLoop) {
        // No byte into any regular file, no further descriptor.
        setrlimit(Resource::RLIMIT_FSIZE, 0, 0)?;
        setrlimit(Resource::RLIMIT_NOFILE, DESCRIPTORS_BEFORE_LOGIN, DESCRIPTORS_BEFORE_LOGIN)?;
    }
    Ok(())
}
