//! Memory that was needed for a moment goes back to the system: thousands of sessions are idle at once.

use std::ops::Range;
use std::ptr;

/// Blocks from this size on, in bytes, are mappings of their own, so that freeing one gives it back at once. Left
/// alone, glibc raises this limit to the size of the first large block that is freed, and from then on buffers of that
/// size lie in the heap for good.
#[cfg(target_env = "gnu")]
const LARGE_BLOCK: i32 = 64 * 1024;

/// How much free memory at the end of the heap, in bytes, is given back, and how much is kept there.
#[cfg(target_env = "gnu")]
const FREE_END: i32 = 16 * 1024;

/// Tells the allocator that the process means to be small. To be called first thing.
pub fn keep_little() {
    #[cfg(target_env = "gnu")]
    // SAFETY: sets numbers inside the allocator; no other thread exists this early, and none would be harmed.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BLOCK);
        libc::mallopt(libc::M_TRIM_THRESHOLD, FREE_END);
        libc::mallopt(libc::M_TOP_PAD, FREE_END / 2);
        // A thread that lives for a moment needs no heap of its own that stays.
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Bytes of memory that programs can still get without swapping (`MemAvailable` of proc(5)); `None` where `/proc` is not
/// mounted.
#[must_use]
pub fn free_in_system() -> Option<u64> {
    let known = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = known.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Gives every free page back: those between used blocks, and those of the stack that calls went down to which have
/// returned. Needs madvise(2), so it comes before a lock-down.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: touches free blocks alone.
    unsafe {
        libc::malloc_trim(0);
    }
    // Without /proc, and on the stack of another thread than the first, it stays as it is.
    if let Some(stack) = main_stack() {
        give_back_below_here(stack);
    }
}

/// What the callees of the function that gives the stack back may be using, in bytes: far more than they do.
const IN_USE_BELOW: usize = 4 * 1024;

/// In a frame of its own: everything that callers use lies above `here`.
#[inline(never)]
fn give_back_below_here(stack: Range<usize>) {
    const PAGE: usize = 4096;
    let here = 0_u8;
    let here = ptr::from_ref(std::hint::black_box(&here)).addr();
    let end = here.saturating_sub(IN_USE_BELOW) & !(PAGE - 1);
    if stack.contains(&here) && stack.start < end {
        // SAFETY: stacks grow downwards: in this one nothing below this frame and its callees' is alive. Calls to come
        // find zeroes there, as on a stack that was never so deep.
        unsafe {
            libc::madvise(ptr::without_provenance_mut(stack.start), end - stack.start, libc::MADV_DONTNEED);
        }
    }
}

/// Where the stack of the process's first thread lies.
fn main_stack() -> Option<Range<usize>> {
    let mappings = std::fs::read_to_string("/proc/self/maps").ok()?;
    let line = mappings.lines().find(|line| line.ends_with("[stack]"))?;
    let (start, end) = line.split_whitespace().next()?.split_once('-')?;
    let address = |hexadecimal| usize::from_str_radix(hexadecimal, 16).ok();
    Some(address(start)?..address(end)?)
}
