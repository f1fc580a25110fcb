//! The network connection: one socket, or two pipes (`sshd -i` behind a ProxyCommand).

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::task::{Context, Poll, ready};

use nix::sys::socket::{SockaddrStorage, getpeername, setsockopt, sockopt};
use thiserror::Error;
use transport::Transport;

use super::descriptor::{Descriptor, Nature, ReadOutcome};

/// The descriptors of a connection before the event loop knows them.
#[derive(Debug)]
pub(crate) struct NetworkEnds {
    input: OwnedFd,
    /// None when `input` is a socket.
    output: Option<OwnedFd>,
}

/// A start message with the wrong number of descriptors.
#[derive(Debug, Error)]
#[error("{0} descriptors instead of a socket or two pipes")]
pub(crate) struct WrongEnds(usize);

impl NetworkEnds {
    pub(crate) fn from_descriptors(descriptors: Vec<OwnedFd>) -> Result<Self, WrongEnds> {
        let count = descriptors.len();
        let mut descriptors = descriptors.into_iter();
        match (descriptors.next(), descriptors.next(), descriptors.next()) {
            (Some(input), output, None) => Ok(Self { input, output }),
            _ => Err(WrongEnds(count)),
        }
    }

    /// Small packets are not held back by TCP. On pipes there is no such thing.
    pub(crate) fn send_without_delay(&self) {
        let _ = setsockopt(&self.input, sockopt::TcpNoDelay, &true);
    }

    /// The numeric address at the other end, or theirs' word for a connection that is not a socket.
    pub(crate) fn peer_address(&self) -> String {
        let address: Option<SockaddrStorage> = getpeername(self.input.as_raw_fd()).ok();
        let v4 = address.as_ref().and_then(|address| address.as_sockaddr_in()).map(|v4| v4.ip().to_string());
        let v6 = address.as_ref().and_then(|address| address.as_sockaddr_in6()).map(|v6| v6.ip().to_canonical());
        v4.or(v6.map(|ip| ip.to_string())).unwrap_or_else(|| events::Endpoint::unknown().address)
    }
}

/// The connection in the event loop.
#[derive(Debug)]
pub(crate) struct Network {
    input: Descriptor,
    output: Option<Descriptor>,
    received: u64,
    sent: u64,
}

impl Network {
    /// Needs the runtime to be entered.
    pub(crate) fn new(ends: NetworkEnds) -> io::Result<Self> {
        let input = Descriptor::new(ends.input, Nature::Stream)?;
        let output = ends.output.map(|output| Descriptor::new(output, Nature::Stream)).transpose()?;
        Ok(Self { input, output, received: 0, sent: 0 })
    }

    /// One read of as much as the transport takes. `None` is the end: the peer has hung up.
    pub(crate) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        transport: &mut Transport,
    ) -> Poll<io::Result<Option<usize>>> {
        // An idle connection's buffer should not grow for asking whether there is something.
        if !self.input.is_readable(cx) {
            return Poll::Pending;
        }
        match ready!(self.input.poll_read(cx, transport.input_space()))? {
            ReadOutcome::Some(count) => {
                transport.input_filled(count);
                self.received = self.received.saturating_add(u64::try_from(count).unwrap_or(0));
                Poll::Ready(Ok(Some(count)))
            }
            ReadOutcome::End => Poll::Ready(Ok(None)),
        }
    }

    /// Writes until nothing is left (ready: whether anything was written) or the network takes no more.
    pub(crate) fn poll_send(&mut self, cx: &mut Context<'_>, transport: &mut Transport) -> Poll<io::Result<bool>> {
        let output = self.output.as_ref().unwrap_or(&self.input);
        let mut wrote = false;
        while !transport.output().is_empty() {
            match output.poll_write(cx, transport.output())? {
                Poll::Ready(count) => {
                    transport.output_written(count);
                    self.sent = self.sent.saturating_add(u64::try_from(count).unwrap_or(0));
                    wrote = true;
                }
                Poll::Pending if wrote => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(wrote))
    }

    /// Throws away what comes; ready when the peer has hung up.
    pub(crate) fn poll_drained(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut unwanted = [0; 4096];
        loop {
            match ready!(self.input.poll_read(cx, &mut unwanted)) {
                Ok(ReadOutcome::Some(_)) => {}
                Ok(ReadOutcome::End) | Err(_) => return Poll::Ready(()),
            }
        }
    }

    /// Bytes on the wire so far, in this process: to the peer, from the peer.
    pub(crate) fn transferred(&self) -> (u64, u64) {
        (self.sent, self.received)
    }
}
