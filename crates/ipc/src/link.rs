//! The two ends of a link, each in one phase at a time.

use std::marker::PhantomData;
use std::os::fd::{BorrowedFd, OwnedFd};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::IpcError;
use crate::frame::{self, Receiver};

/// A stretch of a connection's life with requests of its own.
pub trait Phase {
    /// What the less trusted end may say.
    type Request: Serialize + DeserializeOwned;
    /// What the more trusted end says.
    type Answer: Serialize + DeserializeOwned;
    /// First byte of every frame of this phase.
    const NUMBER: u8;
}

/// The less trusted end: it asks.
pub struct Asking<P> {
    receiver: Receiver,
    phase: PhantomData<P>,
}

/// The more trusted end: it answers. Entering the next phase consumes it, so nothing of an earlier phase can be
/// answered again.
pub struct Answering<P> {
    receiver: Receiver,
    phase: PhantomData<P>,
}

impl<P: Phase> Asking<P> {
    /// A link over this socket, in phase `P`.
    #[must_use]
    pub fn over(socket: OwnedFd) -> Self {
        Self { receiver: Receiver::new(socket), phase: PhantomData }
    }

    /// The socket, to wait on with poll(2).
    #[must_use]
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.receiver.socket()
    }

    /// Says something.
    pub fn send(&self, request: &P::Request) -> Result<(), IpcError> {
        frame::send(self.receiver.socket(), P::NUMBER, request, &[])
    }

    /// Waits for what the other end says next, and the descriptors that came with it.
    pub fn receive(&mut self) -> Result<(P::Answer, Vec<OwnedFd>), IpcError> {
        self.receiver.receive(P::NUMBER)
    }

    /// Says something and waits for the answer, which must come without descriptors.
    pub fn ask(&mut self, request: &P::Request) -> Result<P::Answer, IpcError> {
        self.send(request)?;
        let (answer, descriptors) = self.receive()?;
        declared(descriptors.len(), 0)?;
        Ok(answer)
    }

    /// The next phase.
    #[must_use]
    pub fn enter<Next: Phase>(self) -> Asking<Next> {
        Asking { receiver: self.receiver, phase: PhantomData }
    }
}

impl<P: Phase> Answering<P> {
    /// A link over this socket, in phase `P`.
    #[must_use]
    pub fn over(socket: OwnedFd) -> Self {
        Self { receiver: Receiver::new(socket), phase: PhantomData }
    }

    /// The socket, to wait on with poll(2).
    #[must_use]
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.receiver.socket()
    }

    /// Waits for the next request. Requests never bring descriptors.
    pub fn receive(&mut self) -> Result<P::Request, IpcError> {
        let (request, descriptors) = self.receiver.receive(P::NUMBER)?;
        declared(descriptors.len(), 0)?;
        Ok(request)
    }

    /// Answers, with the descriptors that the answer declares.
    pub fn answer(&self, answer: &P::Answer, descriptors: &[BorrowedFd<'_>]) -> Result<(), IpcError> {
        frame::send(self.receiver.socket(), P::NUMBER, answer, descriptors)
    }

    /// The next phase.
    #[must_use]
    pub fn enter<Next: Phase>(self) -> Answering<Next> {
        Answering { receiver: self.receiver, phase: PhantomData }
    }
}

/// Compares a number of descriptors with the declared one.
pub(crate) fn declared(came: usize, expected: usize) -> Result<(), IpcError> {
    if came == expected { Ok(()) } else { Err(IpcError::WrongDescriptors { came, expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phases::{
        Authenticating, AuthenticatingRequest, ExchangeToSign, KeyExchange, KeyExchangeAnswer, KeyExchangeRequest,
        LoggedIn, LoggedInAnswer, LoggedInRequest, NamingUser,
    };
    use proptest::prelude::*;
    use std::os::fd::AsFd;

    fn exchange() -> ExchangeToSign {
        ExchangeToSign { host_key: 1, algorithm: "ssh-ed25519".to_owned(), exchange_hash: vec![7; 32] }
    }

    fn pair() -> (OwnedFd, OwnedFd) {
        sys::fd::seqpacket_pair().unwrap()
    }

    #[test]
    fn a_question_is_answered() {
        let (child, monitor) = pair();
        let mut asking = Asking::<KeyExchange>::over(child);
        let mut answering = Answering::<KeyExchange>::over(monitor);
        asking.send(&KeyExchangeRequest::SignExchange(exchange())).unwrap();
        let KeyExchangeRequest::SignExchange(asked) = answering.receive().unwrap() else { panic!("another request") };
        assert_eq!(asked, exchange());
        answering.answer(&KeyExchangeAnswer::Signed(vec![1, 2]), &[]).unwrap();
        let KeyExchangeAnswer::Signed(signature) = asking.receive().unwrap().0 else { panic!("signed") };
        assert_eq!(signature, [1, 2]);
    }

    #[test]
    fn a_request_of_another_phase_cannot_be_decoded() {
        let (child, monitor) = pair();
        let asking = Asking::<KeyExchange>::over(child);
        let mut answering = Answering::<KeyExchange>::over(monitor).enter::<NamingUser>();
        asking.send(&KeyExchangeRequest::SignExchange(exchange())).unwrap();
        assert!(matches!(answering.receive(), Err(IpcError::WrongPhase { came: 1, expected: 2 })));
    }

    #[test]
    fn descriptors_come_only_where_they_are_declared() {
        let (child, monitor) = pair();
        let mut answering = Answering::<Authenticating>::over(monitor);
        let null = sys::fd::open_devnull().unwrap();
        frame::send(child.as_fd(), Authenticating::NUMBER, &AuthenticatingRequest::None, &[null.as_fd()]).unwrap();
        assert!(matches!(answering.receive(), Err(IpcError::WrongDescriptors { came: 1, expected: 0 })));
        assert_eq!(LoggedInAnswer::Started { on_terminal: false }.descriptors(), 3);
    }

    #[test]
    fn trailing_bytes_and_vanished_peers_are_errors() {
        let (child, monitor) = pair();
        let mut answering = Answering::<Authenticating>::over(monitor);
        frame::send(child.as_fd(), Authenticating::NUMBER, &(AuthenticatingRequest::None, 0_u8), &[]).unwrap();
        assert!(matches!(answering.receive(), Err(IpcError::Trailing)));
        drop(child);
        assert!(matches!(answering.receive(), Err(IpcError::PeerGone)));
    }

    /// The system tells of the reset first.
    #[test]
    fn what_was_said_before_an_end_that_left_something_unread_is_heard() {
        let (child, monitor) = pair();
        let asking = Asking::<LoggedIn>::over(child);
        let mut answering = Answering::<LoggedIn>::over(monitor);
        answering.answer(&LoggedInAnswer::Name(None), &[]).unwrap();
        asking.send(&LoggedInRequest::StopListening { number: 7 }).unwrap();
        drop(asking);
        assert!(matches!(answering.receive(), Ok(LoggedInRequest::StopListening { number: 7 })));
        assert!(matches!(answering.receive(), Err(IpcError::PeerGone)));
    }

    #[test]
    fn a_message_larger_than_a_frame_is_not_sent() {
        let (child, _monitor) = pair();
        let asking = Asking::<Authenticating>::over(child);
        let request = AuthenticatingRequest::Unusable { method: "x".repeat(crate::MAX_FRAME) };
        assert!(matches!(asking.send(&request), Err(IpcError::TooLarge(_))));
    }

    proptest! {
        #[test]
        fn random_frames_are_errors_or_messages(frame in prop::collection::vec(any::<u8>(), 1..400)) {
            let (child, monitor) = pair();
            sys::fd::send_with_fds(child.as_fd(), &frame, &[]).unwrap();
            let _ = Answering::<Authenticating>::over(monitor).receive();
            let (child, monitor) = pair();
            let mut frame = frame;
            frame[0] = LoggedIn::NUMBER;
            sys::fd::send_with_fds(child.as_fd(), &frame, &[]).unwrap();
            let _ = Answering::<LoggedIn>::over(monitor).receive();
        }
    }
}
