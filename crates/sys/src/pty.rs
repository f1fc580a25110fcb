//! Pseudo-terminals.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

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

/// Opens a pseudo-terminal that belongs to `owner` (user id, primary group id): mode 0620 with group `tty`, or 0600 with the
/// owner's group where there is no such group. `None`: left to whom it belongs, the user of this process.
///
/// # Errors
/// As open(2), chown(2).
pub fn open(owner: Option<(u32, u32)>) -> io::Result<Pty> {
    let _ = owner;
    Err(io::ErrorKind::Unsupported.into())
}

/// Makes it the controlling terminal of this process, which must lead a session without one.
///
/// # Errors
/// As ioctl(2) `TIOCSCTTY`.
pub fn make_controlling(terminal: BorrowedFd<'_>) -> io::Result<()> {
    let _ = terminal;
    Err(io::ErrorKind::Unsupported.into())
}

/// Tells a terminal its size, in characters and in pixels; works on either end.
///
/// # Errors
/// As ioctl(2) `TIOCSWINSZ`.
pub fn set_size(terminal: BorrowedFd<'_>, rows: u16, columns: u16, xpixels: u16, ypixels: u16) -> io::Result<()> {
    let _ = (terminal, rows, columns, xpixels, ypixels);
    Err(io::ErrorKind::Unsupported.into())
}

/// Applies encoded terminal modes (RFC 4254 section 8), opcode and argument each; works on either end. What this system does
/// not know is skipped.
///
/// # Errors
/// As tcgetattr(3), tcsetattr(3).
pub fn apply_modes(terminal: BorrowedFd<'_>, modes: &[(u8, u32)]) -> io::Result<()> {
    let _ = (terminal, modes);
    Err(io::ErrorKind::Unsupported.into())
}

/// The modes a terminal has, as RFC 4254 section 8 encodes them.
///
/// # Errors
/// As tcgetattr(3).
pub fn modes(terminal: BorrowedFd<'_>) -> io::Result<Vec<(u8, u32)>> {
    let _ = terminal;
    Err(io::ErrorKind::Unsupported.into())
}
