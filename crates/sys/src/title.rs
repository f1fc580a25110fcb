//! What `ps` shows: the command line and the process name.
//!
//! The kernel reads `/proc/PID/cmdline` from the memory where it once put the arguments, so a title is written there. The
//! environment follows directly; it is moved away to make room for titles longer than the arguments.

use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

/// The process name of every process of ours: what fail2ban, `pgrep` and journal filters match.
const PROCESS_NAME: &CStr = c"sshd";

static ARGUMENT_COUNT: AtomicI32 = AtomicI32::new(0);
static ARGUMENTS: AtomicPtr<*mut c_char> = AtomicPtr::new(std::ptr::null_mut());

/// Where titles go; `None` before [`init`] and when the memory does not look as expected.
static ROOM: Mutex<Option<Room>> = Mutex::new(None);

/// glibc calls each function of `.init_array` with main's arguments: the only way to their memory without a C `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static CAPTURE: extern "C" fn(c_int, *mut *mut c_char, *mut *mut c_char) = capture;

extern "C" fn capture(count: c_int, arguments: *mut *mut c_char, _environment: *mut *mut c_char) {
    ARGUMENT_COUNT.store(count, Ordering::Relaxed);
    ARGUMENTS.store(arguments, Ordering::Relaxed);
}

unsafe extern "C" {
    static mut environ: *mut *mut c_char;
}

/// An environment variable for programs that show titles longer than their arguments: its memory is the room. The
/// longest title is that of a monitor whose user's name has 256 bytes.
#[must_use]
pub fn room() -> CString {
    let longest = "sshd:  [priv]".len() + 256;
    // No NUL among spaces.
    CString::new(format!("{:longest$}", "TITLE_ROOM=")).unwrap_or_default()
}

/// The memory of the arguments and the environment, which is ours once both have been moved away.
struct Room {
    start: *mut u8,
    /// Bytes that held arguments.
    of_arguments: usize,
    /// All bytes, those of the environment included.
    length: usize,
}

// SAFETY: plain memory that lives as long as the process and is only written by `set`, under the mutex.
unsafe impl Send for Room {}

/// Shows `sshd` as the process name and makes room for titles. First thing in `main`, before there are threads: it moves the
/// arguments and the environment (`std::env` goes on working).
pub fn init() {
    // Fails never with a string of less than 16 bytes.
    let _ = nix::sys::prctl::set_name(PROCESS_NAME);
    // Keeps the linker from dropping an object file whose one use is a section.
    std::hint::black_box(&CAPTURE);
    let Ok(mut room) = ROOM.lock() else { return };
    if room.is_none() {
        // SAFETY: first call, before there are threads by this function's contract; the capture gave us main's own pointers.
        *room = unsafe { move_away() };
    }
}

/// # Safety
/// No other thread may exist, and nothing may have overwritten the argument memory.
unsafe fn move_away() -> Option<Room> {
    let arguments = ARGUMENTS.load(Ordering::Relaxed);
    let count = usize::try_from(ARGUMENT_COUNT.load(Ordering::Relaxed)).ok()?;
    if arguments.is_null() || count == 0 {
        return None;
    }
    // SAFETY: `arguments` has `count` entries, each a NUL-terminated string, as execve(2) left them; `environ` is a
    // null-terminated array of such strings, and nobody else is running who could change it.
    unsafe {
        let start = *arguments;
        let mut end = start;
        for at in 0..count {
            end = end_if_adjacent(end, *arguments.add(at))?;
        }
        let of_arguments = usize::try_from(end.offset_from(start)).ok()?;
        let mut entry = environ;
        while !entry.is_null() && !(*entry).is_null() {
            let Some(longer) = end_if_adjacent(end, *entry) else { break };
            end = longer;
            entry = entry.add(1);
        }
        let length = usize::try_from(end.offset_from(start)).ok()?;
        for at in 0..count {
            *arguments.add(at) = libc::strdup(*arguments.add(at));
        }
        move_environment();
        Some(Room { start: start.cast(), of_arguments, length })
    }
}

/// The byte after `string`, if it begins where the last one ended.
///
/// # Safety
/// `string` is NUL-terminated.
unsafe fn end_if_adjacent(end_of_last: *mut c_char, string: *mut c_char) -> Option<*mut c_char> {
    if string != end_of_last {
        return None;
    }
    // SAFETY: NUL-terminated by contract, so the byte after its NUL is at most one past its memory.
    Some(unsafe { string.add(libc::strlen(string) + 1) })
}

/// # Safety
/// No other thread may exist.
unsafe fn move_environment() {
    let mut moved: Vec<*mut c_char> = Vec::new();
    // SAFETY: as in `move_away`. The copies are leaked: the environment lives as long as the process.
    unsafe {
        let mut entry = environ;
        while !entry.is_null() && !(*entry).is_null() {
            moved.push(libc::strdup(*entry));
            entry = entry.add(1);
        }
        moved.push(std::ptr::null_mut());
        environ = moved.leak().as_mut_ptr();
    }
}

/// Shows `title` as the command line, cut to the room there is. Writes memory and asks the kernel nothing, so a process
/// that is locked down may do it.
pub fn set(title: &str) {
    let Ok(room) = ROOM.lock() else { return };
    let Some(room) = room.as_ref() else { return };
    let title = title.as_bytes();
    let shown = title.get(..title.len().min(room.length.saturating_sub(1))).unwrap_or_default();
    // SAFETY: `room` spans `length` bytes that hold nothing else since `move_away`; `shown` is at least one byte shorter.
    let area = unsafe { std::slice::from_raw_parts_mut(room.start, room.length) };
    area.fill(0);
    area[..shown.len()].copy_from_slice(shown);
    if shown.len() + 1 < room.of_arguments {
        // A last byte that is not NUL tells the kernel "a title, up to its NUL": no tail of NULs in /proc/PID/cmdline.
        area[room.of_arguments - 1] = b'.';
    }
}

#[cfg(test)]
mod tests;
