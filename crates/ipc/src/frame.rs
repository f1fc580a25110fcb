//! One datagram of a SOCK_SEQPACKET pair: a phase byte, then one postcard message.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::{Zeroize, Zeroizing};

use crate::IpcError;

/// Largest frame in bytes. The largest message is the hand-over: transport keys and at most 96 KiB of unread input.
pub const MAX_FRAME: usize = 160 * 1024;

/// Most descriptors that any message carries (the start of a monitor).
pub(crate) const MAX_DESCRIPTORS: usize = 12;

/// Sends one message. Frames are wiped afterwards: some hold keys.
pub(crate) fn send(
    socket: BorrowedFd<'_>,
    phase: u8,
    message: &impl Serialize,
    descriptors: &[BorrowedFd<'_>],
) -> Result<(), IpcError> {
    let frame = Zeroizing::new(vec![phase]);
    let frame = postcard::to_extend(message, FrameBytes(frame)).map_err(|_| IpcError::Undecodable)?.0;
    if frame.len() > MAX_FRAME {
        return Err(IpcError::TooLarge(frame.len()));
    }
    sys::fd::send_with_fds(socket, &frame, descriptors).map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset => IpcError::PeerGone,
        _ => IpcError::Io(error),
    })
}

struct FrameBytes(Zeroizing<Vec<u8>>);

impl Extend<u8> for FrameBytes {
    fn extend<T: IntoIterator<Item = u8>>(&mut self, bytes: T) {
        self.0.extend(bytes);
    }
}

/// The receiving side of a link: it keeps one buffer for all frames but the rare large ones, as most links are idle.
pub(crate) struct Receiver {
    socket: OwnedFd,
    /// Wiped after each frame.
    buffer: Vec<u8>,
}

/// Bytes of a buffer that is worth keeping.
const KEPT: usize = 2 * 1024;

impl Receiver {
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self { socket, buffer: Vec::new() }
    }

    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    pub(crate) fn into_socket(self) -> OwnedFd {
        self.socket
    }

    /// Takes one message of `phase`; every byte of the frame must belong to it.
    pub(crate) fn receive<T: DeserializeOwned>(&mut self, phase: u8) -> Result<(T, Vec<OwnedFd>), IpcError> {
        self.receive_with(phase, whole_message)
    }

    /// Takes one frame of `phase` and lets `decode` make something of what follows the phase byte.
    pub(crate) fn receive_with<T>(
        &mut self,
        phase: u8,
        decode: impl FnOnce(&[u8]) -> Result<T, IpcError>,
    ) -> Result<(T, Vec<OwnedFd>), IpcError> {
        let (length, descriptors) = self.next_frame().map_err(|error| match error.kind() {
            std::io::ErrorKind::ConnectionReset => IpcError::PeerGone,
            _ => IpcError::Io(error),
        })?;
        let frame = self.buffer.get_mut(..length).unwrap_or_default();
        let message = body(phase, frame).and_then(decode);
        frame.zeroize();
        if self.buffer.len() > KEPT {
            self.buffer = Vec::new();
        }
        Ok((message?, descriptors))
    }

    /// One frame into the buffer, which is made large enough for it, but never larger than any frame may be.
    fn next_frame(&mut self) -> std::io::Result<(usize, Vec<OwnedFd>)> {
        let length = despite_reset(|| sys::fd::next_frame_length(self.socket.as_fd()))?;
        self.buffer.resize(length.clamp(KEPT, MAX_FRAME), 0);
        despite_reset(|| sys::fd::receive_with_fds(self.socket.as_fd(), &mut self.buffer, MAX_DESCRIPTORS))
    }
}

/// That the other end has gone without having read everything is said once, ahead of what it had sent, and to whichever
/// call comes next.
fn despite_reset<T>(mut call: impl FnMut() -> std::io::Result<T>) -> std::io::Result<T> {
    match call() {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => call(),
        done => done,
    }
}

fn body(phase: u8, frame: &[u8]) -> Result<&[u8], IpcError> {
    match frame.split_first() {
        None => Err(IpcError::PeerGone),
        Some((came, body)) if *came == phase => Ok(body),
        Some((came, _)) => Err(IpcError::WrongPhase { came: *came, expected: phase }),
    }
}

/// Decodes a message that must fill the frame: `from_bytes` would ignore what follows it.
pub(crate) fn whole_message<T: DeserializeOwned>(body: &[u8]) -> Result<T, IpcError> {
    let (message, rest) = postcard::take_from_bytes(body).map_err(|_| IpcError::Undecodable)?;
    if rest.is_empty() { Ok(message) } else { Err(IpcError::Trailing) }
}
