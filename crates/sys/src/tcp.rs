//! What the kernel knows about a TCP connection (tcp(7), `TCP_INFO`).

use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// How long a byte and its acknowledgement take, as the kernel has measured and smoothed it; `None` for what is no TCP
/// socket, and before anything was measured.
#[must_use]
pub fn round_trip(socket: BorrowedFd<'_>) -> Option<Duration> {
    // SAFETY: plain C data; all zeroes is a valid value.
    let mut known: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = libc::socklen_t::try_from(size_of::<libc::tcp_info>()).ok()?;
    // SAFETY: `known` is writable for `length` bytes; older kernels fill in fewer, which leaves zeroes.
    let code = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            std::ptr::from_mut(&mut known).cast(),
            &raw mut length,
        )
    };
    let measured = code == 0 && known.tcpi_rtt > 0;
    measured.then(|| Duration::from_micros(u64::from(known.tcpi_rtt)))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn loopback_is_near_and_a_pipe_is_no_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        near.write_all(b"x").unwrap();
        far.read_exact(&mut [0]).unwrap();
        let round_trip = round_trip(near.as_fd()).unwrap();
        assert!(round_trip < Duration::from_secs(1), "{round_trip:?}");
        let (pipe, _other) = crate::fd::pipe(4096).unwrap();
        assert_eq!(super::round_trip(pipe.as_fd()), None);
    }
}
