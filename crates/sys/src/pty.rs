//! Pseudo-terminals, opened by the monitor for a user.

mod modes;

use std::ffi::{CStr, c_char};
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::errno::Errno;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Uid, fchown};

use crate::identity::group_id;
pub use modes::{apply_modes, modes};

/// Both ends of a pseudo-terminal.
#[derive(Debug)]
pub struct Pty {
    /// The end that the server reads and writes.
    pub master: OwnedFd,
    /// The end that the user's shell gets.
    pub slave: OwnedFd,
    /// Its name, `/dev/pts/N`.
    pub name: String,
}

/// The longest name of a terminal, in bytes.
const LONGEST_NAME: usize = 64;

/// Opens a pseudo-terminal that belongs to `owner` (user id, primary group id): mode 0620 with group `tty`, so that write(1)
/// works and nobody else reads along, or 0600 with the owner's group where there is no such group (CVE-2015-6565 was 0622).
/// `None`: left to whom it belongs, the user of this process.
///
/// # Errors
/// As open(2) (`ENOSPC`: no pty is left), chown(2).
pub fn open(owner: Option<(u32, u32)>) -> io::Result<Pty> {
    let master = open_master()?;
    let name = name_of_slave(&master)?;
    let slave = open_slave(&master, &name)?;
    if let Some((uid, gid)) = owner {
        let (group, mode) = match group_id("tty")? {
            Some(tty) => (tty, Mode::from_bits_retain(0o620)),
            None => (gid, Mode::from_bits_retain(0o600)),
        };
        // On the descriptor, never on the name: what is changed is this terminal, whatever the name says by now.
        fchown(&slave, Some(Uid::from_raw(uid)), Some(Gid::from_raw(group)))?;
        fchmod(&slave, mode)?;
    }
    Ok(Pty { master, slave, name })
}

fn open_master() -> io::Result<OwnedFd> {
    // SAFETY: flags only; the result is a fresh descriptor that only we own.
    let master = unsafe {
        let number = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC);
        OwnedFd::from_raw_fd(Errno::result(number)?)
    };
    // grantpt(3) would change owner and mode by name; the mount options of devpts and `open` do that here.
    // SAFETY: works on an open descriptor alone.
    Errno::result(unsafe { libc::unlockpt(master.as_raw_fd()) })?;
    Ok(master)
}

fn name_of_slave(master: &OwnedFd) -> io::Result<String> {
    let mut name = [0_u8; LONGEST_NAME];
    // SAFETY: writes a NUL-terminated string of at most `name.len()` bytes.
    let code = unsafe { libc::ptsname_r(master.as_raw_fd(), name.as_mut_ptr().cast::<c_char>(), name.len()) };
    if code != 0 {
        return Err(io::Error::from_raw_os_error(code));
    }
    let name = CStr::from_bytes_until_nul(&name).map_err(|_| io::ErrorKind::InvalidData)?;
    name.to_str().map(str::to_owned).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// By the master's descriptor if the kernel can (`TIOCGPTPEER`, 4.13): a name may mean another mount's terminal.
fn open_slave(master: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: TIOCGPTPEER takes open flags by value and returns a fresh descriptor.
    let number = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags) };
    match Errno::result(number) {
        // SAFETY: fresh, and only ours.
        Ok(number) => Ok(unsafe { OwnedFd::from_raw_fd(number) }),
        Err(Errno::EINVAL | Errno::ENOTTY) => {
            Ok(OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(name)?.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes it the controlling terminal of this process, which must lead a session without one (setsid(2)).
///
/// # Errors
/// As ioctl(2) `TIOCSCTTY`.
pub fn make_controlling(terminal: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: takes a number; 0 means "do not steal it from another session".
    Errno::result(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 0) })?;
    Ok(())
}

/// Tells a terminal its size, in characters and in pixels; works on either end. Whoever runs in it gets `SIGWINCH`.
///
/// # Errors
/// As ioctl(2) `TIOCSWINSZ`.
pub fn set_size(terminal: BorrowedFd<'_>, rows: u16, columns: u16, xpixels: u16, ypixels: u16) -> io::Result<()> {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: xpixels, ws_ypixel: ypixels };
    // SAFETY: reads a winsize that is alive.
    Errno::result(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) })?;
    Ok(())
}

/// The size of a terminal: rows, columns, pixels across, pixels down.
///
/// # Errors
/// As ioctl(2) `TIOCGWINSZ`.
pub fn size(terminal: BorrowedFd<'_>) -> io::Result<(u16, u16, u16, u16)> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: writes a winsize that is alive.
    Errno::result(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) })?;
    Ok((size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel))
}

#[cfg(test)]
mod tests;
