//! The link to the monitor: questions whose answers come later, names that are waited for, and commands' ends that
//! come on their own.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::task::{Context, Poll, ready};

use events::Depth;
use events::session::Event;
use ipc::phases::{EndedHow, LoggedIn, LoggedInAnswer, LoggedInRequest};
use ipc::{Asking, IpcError};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use thiserror::Error;
use tokio::io::unix::AsyncFd;

use super::descriptor::watch;

/// What an awaited answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// [`LoggedInRequest::ChooseGroup`]
    Group,
    /// [`LoggedInRequest::SignRekey`]
    Signature,
    /// [`LoggedInRequest::ProveHostKeys`]
    HostKeyProofs,
    /// [`LoggedInRequest::OpenTerminal`] for this channel.
    Terminal(u32),
    /// [`LoggedInRequest::Start`] for this channel.
    Start(u32),
    /// A name, which is waited for.
    Name,
}

/// Something that the monitor has said.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The answer to what was asked, and its descriptors.
    Answer(Asked, LoggedInAnswer, Vec<OwnedFd>),
    /// The answer to something about a forwarding, which names what it answers.
    OfForwarding(LoggedInAnswer, Vec<OwnedFd>),
    /// A command has ended.
    Ended { session: u32, how: EndedHow },
}

/// The monitor has gone, or one of us has misunderstood the other. Nothing can go on.
#[derive(Debug, Error)]
pub(crate) enum LinkError {
    #[error("monitor: {0}")]
    Ipc(#[from] IpcError),
    #[error("monitor: {0}")]
    Io(#[from] io::Error),
    #[error("monitor: an answer that nobody asked for")]
    Unasked,
}

/// Our end of the link.
#[derive(Debug)]
pub(crate) struct MonitorLink {
    end: AsyncFd<End>,
    /// Answers come in the order of the questions.
    awaited: VecDeque<Asked>,
    /// What came while a name was waited for.
    kept: VecDeque<Heard>,
    /// Forwardings asked for, and details told, since we last looked whether the monitor has said something.
    said: Cell<u32>,
    /// How deep somebody who debugs wants to look, if anybody does.
    depth: Option<Depth>,
}

/// Requests in a row before the monitor's answers are looked at: it waits for nobody who does not take them.
const MOST_SAID_IN_A_ROW: u32 = 32;

struct End(Asking<LoggedIn>);

impl AsRawFd for End {
    fn as_raw_fd(&self) -> RawFd {
        self.0.socket().as_raw_fd()
    }
}

impl std::fmt::Debug for End {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("End")
    }
}

impl MonitorLink {
    /// Needs the runtime to be entered.
    pub(crate) fn new(asking: Asking<LoggedIn>, depth: Option<Depth>) -> io::Result<Self> {
        Ok(Self {
            end: watch(End(asking))?,
            awaited: VecDeque::new(),
            kept: VecDeque::new(),
            said: Cell::new(0),
            depth,
        })
    }

    /// Says something that is not answered.
    pub(crate) fn tell(&self, request: &LoggedInRequest) -> Result<(), LinkError> {
        Ok(self.end.get_ref().0.send(request)?)
    }

    /// Asks for something about a forwarding; the answer names what it answers and comes as [`Heard::OfForwarding`].
    pub(crate) fn ask_for_forwarding(&mut self, request: &LoggedInRequest) -> Result<(), LinkError> {
        self.count_said();
        self.tell(request)
    }

    /// Whether the monitor should be listened to before it is told more.
    pub(crate) fn has_said_much(&self) -> bool {
        self.said.get() >= MOST_SAID_IN_A_ROW
    }

    /// Puts something into the log.
    pub(crate) fn record(&self, event: Event) -> Result<(), LinkError> {
        self.tell(&LoggedInRequest::Record(event))
    }

    /// Something for somebody who debugs, if one wants to see things so deep.
    pub(crate) fn detail(&self, depth: Depth, text: impl FnOnce() -> String) -> Result<(), LinkError> {
        if self.depth.is_none_or(|deepest| depth > deepest) {
            return Ok(());
        }
        self.count_said();
        self.record(Event::Debug { depth, text: text() })
    }

    fn count_said(&self) {
        self.said.set(self.said.get().saturating_add(1));
    }

    /// Asks; the answer comes through [`MonitorLink::poll_heard`].
    pub(crate) fn ask(&mut self, request: &LoggedInRequest, about: Asked) -> Result<(), LinkError> {
        self.tell(request)?;
        self.awaited.push_back(about);
        Ok(())
    }

    /// Asks for a name and waits. The monitor answers at once: it has nothing to do but look it up.
    pub(crate) fn ask_for_name(&mut self, request: &LoggedInRequest) -> Result<Option<String>, LinkError> {
        self.ask(request, Asked::Name)?;
        loop {
            match self.receive()? {
                Heard::Answer(Asked::Name, LoggedInAnswer::Name(name), _) => return Ok(name),
                Heard::Answer(Asked::Name, ..) => return Err(LinkError::Unasked),
                other => self.kept.push_back(other),
            }
        }
    }

    /// What the monitor has said next; the task of `cx` is woken when it says something.
    pub(crate) fn poll_heard(&mut self, cx: &mut Context<'_>) -> Poll<Result<Heard, LinkError>> {
        if let Some(kept) = self.kept.pop_front() {
            return Poll::Ready(Ok(kept));
        }
        self.said.set(0);
        loop {
            let mut readiness = ready!(self.end.poll_read_ready_mut(cx))?;
            // The link blocks, as names are waited for; so receiving may begin only if there is something.
            if something_arrived(&readiness.get_inner().0)? {
                return Poll::Ready(self.receive());
            }
            readiness.clear_ready();
        }
    }

    fn receive(&mut self) -> Result<Heard, LinkError> {
        let (answer, descriptors) = self.end.get_mut().0.receive()?;
        let expected = answer.descriptors();
        if descriptors.len() != expected {
            return Err(IpcError::WrongDescriptors { came: descriptors.len(), expected }.into());
        }
        match answer {
            LoggedInAnswer::Ended { session, how } => Ok(Heard::Ended { session, how }),
            LoggedInAnswer::Connected { .. }
            | LoggedInAnswer::NotConnected { .. }
            | LoggedInAnswer::Listening { .. }
            | LoggedInAnswer::NotListening { .. } => Ok(Heard::OfForwarding(answer, descriptors)),
            answer => {
                let asked = self.awaited.pop_front().ok_or(LinkError::Unasked)?;
                Ok(Heard::Answer(asked, answer, descriptors))
            }
        }
    }
}

fn something_arrived(asking: &Asking<LoggedIn>) -> io::Result<bool> {
    let mut socket = [PollFd::new(asking.socket(), PollFlags::POLLIN)];
    loop {
        match poll(&mut socket, PollTimeout::ZERO) {
            Err(Errno::EINTR) => {}
            outcome => return Ok(outcome? > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::test_runtime::in_runtime;

    /// Without that, a peer that has much to show and much under way at once would have both processes wait for each
    /// other.
    #[test]
    fn the_monitor_is_listened_to_between_details() {
        in_runtime(async {
            let (ours, _theirs) = sys::fd::seqpacket_pair().unwrap();
            let mut link = MonitorLink::new(Asking::over(ours), Some(Depth::Two)).unwrap();
            (0..100).for_each(|_| link.detail(Depth::Three, || unreachable!("too deep")).unwrap());
            assert!(!link.has_said_much());
            (0..MOST_SAID_IN_A_ROW).for_each(|_| link.detail(Depth::Two, || "shown".to_owned()).unwrap());
            assert!(link.has_said_much());
            let heard = std::future::poll_fn(|cx| Poll::Ready(link.poll_heard(cx).is_ready())).await;
            assert!(!heard && !link.has_said_much());
        });
    }
}
