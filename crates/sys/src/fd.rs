//! Descriptors: taken over, sent, received, sealed, closed.
//!
//! Everything that is opened here is close-on-exec; [`crate::process::start`] hands on only what it is told to.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, IoSlice};
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socketpair, sockopt};

/// The most descriptors that one frame may carry.
pub const MOST_FDS_PER_FRAME: usize = 16;

/// Room that a link asks of the kernel, in bytes: a frame of 160 KiB and the kernel's own overhead fit.
const LINK_SEND_BUFFER: usize = 256 * 1024;

/// `u64` words (for the alignment of `cmsghdr`) that hold a control message with [`MOST_FDS_PER_FRAME`] descriptors.
const CONTROL_WORDS: usize = (size_of::<libc::cmsghdr>() + MOST_FDS_PER_FRAME * size_of::<RawFd>()).div_ceil(8) + 1;

/// The seals of [`sealed_memfd`]: neither content nor length nor the seals themselves can change any more.
const ALL_SEALS: SealFlag =
    SealFlag::F_SEAL_SEAL.union(SealFlag::F_SEAL_SHRINK).union(SealFlag::F_SEAL_GROW).union(SealFlag::F_SEAL_WRITE);

/// Takes over an inherited descriptor and makes it close-on-exec.
///
/// To be called once per number, early in `main`, before anything else can own that number.
///
/// # Errors
/// `EBADF` when the number is not open.
pub fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_GETFD reads a flag of whatever has this number; EBADF when nothing has.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    if flags < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the number is open (just asked). It was inherited, so by this function's contract nobody else in this
    // process owns it.
    let adopted = unsafe { OwnedFd::from_raw_fd(number) };
    fcntl(&adopted, FcntlArg::F_SETFD(FdFlag::from_bits_retain(flags) | FdFlag::FD_CLOEXEC))?;
    Ok(adopted)
}

/// A link between two processes: frames keep their borders (`SOCK_SEQPACKET`), and 160 KiB fit into one.
///
/// # Errors
/// What `socketpair(2)` says, as a rule `EMFILE` or `ENFILE`.
pub fn seqpacket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    for end in [&ours, &theirs] {
        setsockopt(end, sockopt::SndBuf, &LINK_SEND_BUFFER)?;
    }
    Ok((ours, theirs))
}

/// Sends one frame and, with it, copies of some descriptors (unix(7), `SCM_RIGHTS`).
///
/// # Errors
/// `EPIPE` or `ECONNRESET` when the peer is gone (never a signal), `WouldBlock` on a non-blocking socket that is full,
/// `InvalidInput` for an empty frame or more than [`MOST_FDS_PER_FRAME`] descriptors.
pub fn send_with_fds(socket: BorrowedFd<'_>, frame: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    if frame.is_empty() || fds.len() > MOST_FDS_PER_FRAME {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut control = [0_u64; CONTROL_WORDS];
    let mut part = libc::iovec { iov_base: frame.as_ptr().cast_mut().cast(), iov_len: frame.len() };
    let mut message = message_header(&mut part);
    if !fds.is_empty() {
        let length = u32::try_from(size_of::<RawFd>() * fds.len()).unwrap_or(u32::MAX);
        message.msg_control = control.as_mut_ptr().cast();
        // SAFETY: CMSG_SPACE and CMSG_LEN are arithmetic. CMSG_FIRSTHDR points into `control`, which is aligned, zeroed
        // and has room for a header and MOST_FDS_PER_FRAME numbers (CONTROL_WORDS); `fds` holds no more than that.
        unsafe {
            message.msg_controllen = libc::CMSG_SPACE(length) as _;
            let header = libc::CMSG_FIRSTHDR(&message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(length) as _;
            let numbers = libc::CMSG_DATA(header).cast::<RawFd>();
            for (place, fd) in fds.iter().enumerate() {
                numbers.add(place).write_unaligned(fd.as_raw_fd());
            }
        }
    }
    let sent = retrying(|| {
        // SAFETY: `message` points at `part` (which points at `frame`) and `control`; all outlive the call, and sendmsg
        // only reads them.
        unsafe { libc::sendmsg(socket.as_raw_fd(), &message, libc::MSG_NOSIGNAL) }
    })?;
    if sent == frame.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Receives one frame and at most `at_most` descriptors with it, close-on-exec. `(0, [])` means that the peer is gone.
///
/// # Errors
/// `InvalidData` when the frame was longer than `buffer`, came with more descriptors than `at_most`, or was empty and
/// carried descriptors: then every descriptor that came is closed. `WouldBlock` on a non-blocking socket without a frame.
pub fn receive_with_fds(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    at_most: usize,
) -> io::Result<(usize, Vec<OwnedFd>)> {
    if at_most > MOST_FDS_PER_FRAME || buffer.is_empty() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut control = [0_u64; CONTROL_WORDS];
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut message = message_header(&mut part);
    if at_most > 0 {
        let length = u32::try_from(size_of::<RawFd>() * at_most).unwrap_or(u32::MAX);
        message.msg_control = control.as_mut_ptr().cast();
        // SAFETY: arithmetic only.
        message.msg_controllen = unsafe { libc::CMSG_SPACE(length) } as _;
    }
    let received = retrying(|| {
        // SAFETY: `message` points at `part` (which points at `buffer`) and `control` with their true lengths; all
        // outlive the call.
        unsafe { libc::recvmsg(socket.as_raw_fd(), &mut message, libc::MSG_CMSG_CLOEXEC) }
    })?;
    // Taken over before anything is judged, so that a refusal closes them.
    let fds = take_over_received(&message);
    let truncated = message.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) != 0;
    if truncated || fds.len() > at_most || (received == 0 && !fds.is_empty()) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame too long or with undeclared descriptors"));
    }
    Ok((received, fds))
}

/// Bytes of the next frame, which stays where it is; 0 means that the peer is gone (or has sent an empty frame).
///
/// # Errors
/// `WouldBlock` on a non-blocking socket without a frame; else as recvmsg(2).
pub fn next_frame_length(socket: BorrowedFd<'_>) -> io::Result<usize> {
    let mut part = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
    let mut message = message_header(&mut part);
    retrying(|| {
        // SAFETY: `message` points at `part`, which offers no memory, and at no control buffer; both outlive the call.
        unsafe { libc::recvmsg(socket.as_raw_fd(), &mut message, libc::MSG_PEEK | libc::MSG_TRUNC) }
    })
}

fn message_header(part: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: msghdr is plain C data (null pointers, zero lengths) for which all zeroes is a valid value.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = part;
    message.msg_iovlen = 1;
    message
}

fn take_over_received(message: &libc::msghdr) -> Vec<OwnedFd> {
    let mut fds = Vec::new();
    // SAFETY: `message` was filled in by a successful recvmsg, so the CMSG macros walk headers that the kernel wrote into
    // a control buffer that is still alive. Each number in an SCM_RIGHTS message is a fresh descriptor that only we own.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_RIGHTS {
                let bytes = ((*header).cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
                let numbers = libc::CMSG_DATA(header).cast::<RawFd>();
                for place in 0..bytes / size_of::<RawFd>() {
                    fds.push(OwnedFd::from_raw_fd(numbers.add(place).read_unaligned()));
                }
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    fds
}

/// A memory file that holds `content` and can never change again. `name` shows in `/proc/PID/fd`, nowhere else.
///
/// # Errors
/// `EMFILE`, `ENFILE`, `ENOMEM`; `InvalidInput` when `name` holds a NUL.
pub fn sealed_memfd(name: &str, content: &[u8]) -> io::Result<OwnedFd> {
    let name = CString::new(name)?;
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let fd = memfd_create(name.as_c_str(), flags)?;
    let mut unwritten = content;
    while !unwritten.is_empty() {
        let written = write(fd.as_fd(), unwritten)?;
        unwritten = unwritten.get(written..).unwrap_or_default();
    }
    fcntl(&fd, FcntlArg::F_ADD_SEALS(ALL_SEALS))?;
    Ok(fd)
}

/// Reads all of a [`sealed_memfd`], wherever its offset stands.
///
/// # Errors
/// `InvalidData` when a seal is missing (so somebody could still change it) or when it is longer than `at_most` bytes.
pub fn read_sealed(fd: BorrowedFd<'_>, at_most: usize) -> io::Result<Vec<u8>> {
    let seals = SealFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GET_SEALS)?);
    if !seals.contains(ALL_SEALS) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the memory file is not sealed"));
    }
    let length = usize::try_from(nix::sys::stat::fstat(fd)?.st_size).unwrap_or(usize::MAX);
    if length > at_most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the memory file is too long"));
    }
    let mut content = vec![0; length];
    let mut filled = 0;
    while let Some(rest) = content.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let offset = libc::off_t::try_from(filled).map_err(|_| io::ErrorKind::InvalidData)?;
        match nix::sys::uio::pread(fd, rest, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => filled += read,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(content)
}

/// A pipe, `(read end, write end)`, that holds `capacity` bytes if the kernel allows that much to this user.
///
/// # Errors
/// `EMFILE` or `ENFILE`.
pub fn pipe(capacity: usize) -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    // Best effort: /proc/sys/fs/pipe-user-pages-soft may say no, and a smaller pipe only means more turns.
    let _ = fcntl(&writer, FcntlArg::F_SETPIPE_SZ(i32::try_from(capacity).unwrap_or(i32::MAX)));
    Ok((reader, writer))
}

/// Sets or clears `O_NONBLOCK`, which every process that shares this open file sees.
///
/// # Errors
/// As fcntl(2).
pub fn set_nonblocking(fd: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    let mut flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    flags.set(OFlag::O_NONBLOCK, on);
    fcntl(fd, FcntlArg::F_SETFL(flags))?;
    Ok(())
}

/// Closes every descriptor from `first` on, whoever opened it.
///
/// Only for the start of a process, before any of these numbers has an owner in this program.
pub fn close_all_from(first: RawFd) {
    let first = libc::c_uint::try_from(first).unwrap_or(0);
    // SAFETY: closing numbers touches no memory; the caller guarantees that no OwnedFd names one of them.
    unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) };
}

/// `/dev/null`, for reading and writing.
///
/// # Errors
/// What open(2) says when the system has none.
pub fn open_devnull() -> io::Result<OwnedFd> {
    Ok(File::options().read(true).write(true).open("/dev/null")?.into())
}

/// One read(2), again after `EINTR`. 0 is the end of the file.
///
/// # Errors
/// `WouldBlock` on a non-blocking descriptor without input; else as read(2).
pub fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    retrying_nix(|| nix::unistd::read(fd, buffer))
}

/// One write(2), again after `EINTR`; may write less than all of `bytes`.
///
/// # Errors
/// `WouldBlock` on a non-blocking descriptor that is full; else as write(2).
pub fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    retrying_nix(|| nix::unistd::write(fd, bytes))
}

/// One writev(2), again after `EINTR`; may write less than all of `parts`.
///
/// # Errors
/// As [`write`].
pub fn writev(fd: BorrowedFd<'_>, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    retrying_nix(|| nix::sys::uio::writev(fd, parts))
}

fn retrying_nix(mut call: impl FnMut() -> nix::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            outcome => return Ok(outcome?),
        }
    }
}

fn retrying(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        match Errno::result(call()) {
            Ok(count) => return Ok(usize::try_from(count).unwrap_or(0)),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
