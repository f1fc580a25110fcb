//! The network connection: one socket, or two pipes (`sshd -i` behind a ProxyCommand).

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nix::sys::socket::{SockaddrStorage, getpeername, setsockopt, sockopt};
use settings::values::Dscp;
use thiserror::Error;
use transport::Transport;

use super::descriptor::{Descriptor, Nature, ReadOutcome};

/// The descriptors of a connection before the event loop knows them.
#[derive(Debug)]
pub(crate) struct NetworkEnds {
    input: OwnedFd,
    /// None when `input` is a socket.
    output: Option<OwnedFd>,
    protocol: Protocol,
}

/// What carries the connection: it decides how its packets are marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// IPv4, also inside an IPv6 socket.
    Ipv4,
    Ipv6,
    /// Pipes, or another kind of socket.
    Other,
}

impl Protocol {
    fn of(descriptor: &OwnedFd) -> Self {
        let Ok(address) = getpeername::<SockaddrStorage>(descriptor.as_raw_fd()) else { return Self::Other };
        match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
            (Some(_), _) => Self::Ipv4,
            (None, Some(v6)) if v6.ip().to_ipv4_mapped().is_some() => Self::Ipv4,
            (None, Some(_)) => Self::Ipv6,
            (None, None) => Self::Other,
        }
    }
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
            (Some(input), output, None) => Ok(Self { protocol: Protocol::of(&input), input, output }),
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
    protocol: Protocol,
    service_class: Dscp,
}

impl Network {
    /// Needs the runtime to be entered.
    pub(crate) fn new(ends: NetworkEnds) -> io::Result<Self> {
        let input = Descriptor::new(ends.input, Nature::Stream)?;
        let output = ends.output.map(|output| Descriptor::new(output, Nature::Stream)).transpose()?;
        Ok(Self { input, output, protocol: ends.protocol, service_class: None })
    }

    /// Marks the connection's packets from here on (`IPQoS`); `none` leaves them as they are.
    pub(crate) fn set_service_class(&mut self, class: Dscp) {
        let Some(byte) = class.filter(|_| class != self.service_class) else { return };
        self.service_class = class;
        // A network that does not take it is no reason to serve nobody.
        let _ = match self.protocol {
            Protocol::Ipv4 => setsockopt(&self.input, sockopt::Ipv4Tos, &i32::from(byte)),
            Protocol::Ipv6 => setsockopt(&self.input, sockopt::Ipv6TClass, &i32::from(byte)),
            Protocol::Other => Ok(()),
        };
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

    /// How long a packet and its answer take, if the network knows.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        sys::tcp::round_trip(self.input.as_fd())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use nix::sys::socket::getsockopt;

    use super::*;
    use crate::serve::test_runtime::in_runtime;

    /// Both ends of a connection to a listener on this address.
    fn connected(listen: &str, connect: &str) -> (OwnedFd, TcpStream) {
        let listener = TcpListener::bind(listen).unwrap();
        let peer = TcpStream::connect((connect, listener.local_addr().unwrap().port())).unwrap();
        (listener.accept().unwrap().0.into(), peer)
    }

    #[test]
    fn packets_are_marked_by_what_carries_them() {
        in_runtime(async {
            for (listen, connect, is_v6) in
                [("127.0.0.1:0", "127.0.0.1", false), ("[::1]:0", "::1", true), ("[::]:0", "127.0.0.1", false)]
            {
                let (socket, _peer) = connected(listen, connect);
                let asked = socket.try_clone().unwrap();
                let marked = || match is_v6 {
                    true => getsockopt(&asked, sockopt::Ipv6TClass).unwrap(),
                    false => getsockopt(&asked, sockopt::Ipv4Tos).unwrap(),
                };
                let mut network = Network::new(NetworkEnds::from_descriptors(vec![socket]).unwrap()).unwrap();
                network.set_service_class(Some(0xb8));
                assert_eq!(marked(), 0xb8, "{listen}");
                network.set_service_class(None);
                assert_eq!(marked(), 0xb8, "{listen}: none leaves it");
                network.set_service_class(Some(0));
                assert_eq!(marked(), 0, "{listen}");
            }
        });
    }
}
