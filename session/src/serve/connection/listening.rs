//! The client wants somebody to listen here (`ssh -R`): `tcpip-forward` (RFC 4254 section 7.1),
//! `streamlocal-forward@openssh.com` (PROTOCOL section 2.4), their ends, and whoever connects.
//!
//! Whether it may is decided by the monitor, which hands over listening sockets: all that this process can do is accept.

use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};

use events::session::Event;
use events::{Depth, ForwardingKind};
use ipc::forwarding::{LONGEST_NAME, ListenOn};
use ipc::phases::LoggedInRequest;
use wire::{Reader, WireError, Write, msg};

use super::Connection;
use super::awaited::Awaited;
use super::channel::Channel;
use super::for_commands::AskedForSession;
use super::forwarded::{Forwarded, host_and_port};
use super::listener::{Accepted, Listener};
use super::opening::peer_side;
use super::outbox::Outbox;
use super::reaching::{beginning, text};
use super::stream_ends::StreamEnds;
use super::window::{FORWARDING_WINDOW, LARGEST_DATA};
use crate::serve::ending::Ending;
use crate::serve::monitor_link::{LinkError, MonitorLink};

/// Connections that the peer has not answered yet. Others wait with the kernel.
const MOST_UNANSWERED: usize = 128;

/// Connections accepted in one turn, so that a flood of them starves nobody.
const ACCEPTED_PER_TURN: usize = 16;

/// What the client listens on, and what it has asked for.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    asked: Option<ListenAsked>,
    /// Sockets that sessions wait for.
    pub(super) for_sessions: Vec<AskedForSession>,
    forwards: Vec<RemoteForward>,
    next_number: u32,
    /// Opened by us, not answered by the peer.
    unanswered: usize,
    /// No descriptor is left: nothing is accepted before a channel is closed.
    is_full: bool,
}

#[derive(Debug)]
struct ListenAsked {
    number: u32,
    on: ListenOn,
    want_reply: bool,
}

/// What is listened for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Remote {
    /// `ssh -R`, as the client names it, but with the port that was chosen.
    Forward(ListenOn),
    /// Something for commands on this side.
    ForCommands(Listened),
}

/// See [`super::for_commands`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listened {
    /// The client's agent.
    Agent {
        /// What channels to it are called, as the client asked for it.
        channel_type: &'static str,
    },
    /// The client's X11 display.
    Display {
        /// The session's channel.
        channel: u32,
        /// Only the first X client is let in.
        single_connection: bool,
    },
}

impl Remote {
    fn takes_one_connection(&self) -> bool {
        matches!(self, Self::ForCommands(Listened::Display { single_connection: true, .. }))
    }
}

/// Sockets for one of them.
#[derive(Debug)]
struct RemoteForward {
    /// Between us and the monitor.
    number: u32,
    what: Remote,
    /// It has taken the one connection that it was for.
    is_spent: bool,
    listeners: Vec<Listener>,
}

impl Listening {
    /// The monitor must answer before another global request is looked at: replies come in the order of the requests.
    pub(super) fn waits_for_monitor(&self) -> bool {
        self.asked.is_some()
    }

    /// A number that was not used so far.
    pub(super) fn new_number(&mut self) -> u32 {
        let number = self.next_number;
        self.next_number = number.wrapping_add(1);
        number
    }

    /// Whether those who want the agent find a socket.
    pub(super) fn has_agent(&self) -> bool {
        let is_agent = |forward: &RemoteForward| matches!(forward.what, Remote::ForCommands(Listened::Agent { .. }));
        self.forwards.iter().any(is_agent)
    }

    /// A channel has been closed: there may be descriptors again.
    pub(super) fn channel_is_gone(&mut self) {
        self.is_full = false;
    }
}

impl Connection {
    /// `tcpip-forward` or `streamlocal-forward@openssh.com`
    pub(super) fn listen(&mut self, on: ListenOn, want_reply: bool, link: &mut MonitorLink) -> Result<(), LinkError> {
        let (ListenOn::Tcp { host: name, .. } | ListenOn::Path(name)) = &on;
        // A port of our choice is of no use to a client that does not want to hear it.
        let unheard = !want_reply && matches!(&on, ListenOn::Tcp { port: 0, .. });
        if name.len() > LONGEST_NAME || unheard {
            self.reply_to_global_request(want_reply, None);
            return Ok(());
        }
        link.detail(Depth::One, || match &on {
            ListenOn::Tcp { host, port } => {
                format!("server_input_global_request: tcpip-forward listen {host} port {port}")
            }
            ListenOn::Path(path) => format!("server_input_global_request: streamlocal-forward listen path {path}"),
        })?;
        let number = self.listening.new_number();
        link.ask_for_forwarding(&LoggedInRequest::Listen { number, on: on.clone() })?;
        self.listening.asked = Some(ListenAsked { number, on, want_reply });
        Ok(())
    }

    /// The monitor has opened sockets.
    pub(super) fn listens(
        &mut self,
        number: u32,
        port: u16,
        sockets: Vec<OwnedFd>,
        link: &mut MonitorLink,
    ) -> Result<(), LinkError> {
        if let Some(what) = self.asked_for_session(number) {
            let is_path = matches!(what, Listened::Agent { .. });
            let success = self.take_in(number, Remote::ForCommands(what), is_path, sockets, link)?;
            self.socket_for_session(number, success);
            return Ok(());
        }
        let ListenAsked { on, want_reply, .. } = self.take_asked(number)?;
        let (on, chosen) = match on {
            ListenOn::Tcp { host, port: 0 } => (ListenOn::Tcp { host, port: u32::from(port) }, Some(port)),
            on => (on, None),
        };
        let is_path = matches!(on, ListenOn::Path(_));
        let reply = self.take_in(number, Remote::Forward(on), is_path, sockets, link)?.then(|| {
            let mut reply = Vec::new();
            if let Some(port) = chosen {
                reply.put_u32(u32::from(port));
            }
            reply
        });
        self.reply_to_global_request(want_reply, reply.as_deref());
        Ok(())
    }

    /// False when this process has no room for the sockets.
    fn take_in(
        &mut self,
        number: u32,
        what: Remote,
        is_path: bool,
        sockets: Vec<OwnedFd>,
        link: &mut MonitorLink,
    ) -> Result<bool, LinkError> {
        match sockets.into_iter().map(|socket| Listener::new(socket, is_path)).collect::<io::Result<Vec<_>>>() {
            Ok(listeners) => {
                self.listening.forwards.push(RemoteForward { number, what, is_spent: false, listeners });
                Ok(true)
            }
            Err(_) => {
                link.tell(&LoggedInRequest::StopListening { number })?;
                Ok(false)
            }
        }
    }

    /// The monitor has not.
    pub(super) fn does_not_listen(&mut self, number: u32, tell: Option<String>) -> Result<(), LinkError> {
        if let Some(words) = tell {
            self.outbox.debug(&words);
        }
        if self.asked_for_session(number).is_some() {
            self.socket_for_session(number, false);
            return Ok(());
        }
        let asked = self.take_asked(number)?;
        self.reply_to_global_request(asked.want_reply, None);
        Ok(())
    }

    fn take_asked(&mut self, number: u32) -> Result<ListenAsked, LinkError> {
        self.listening.asked.take().filter(|asked| asked.number == number).ok_or(LinkError::Unasked)
    }

    /// `cancel-tcpip-forward` or `cancel-streamlocal-forward@openssh.com`: whoever is connected stays so.
    pub(super) fn stop_listening(&mut self, on: &ListenOn, link: &mut MonitorLink) -> Result<bool, LinkError> {
        let Some(place) =
            self.listening.forwards.iter().position(|forward| forward.what == Remote::Forward(on.clone()))
        else {
            return Ok(false);
        };
        let stopped = self.listening.forwards.remove(place);
        link.tell(&LoggedInRequest::StopListening { number: stopped.number })?;
        Ok(true)
    }

    /// Gives up sockets for commands.
    pub(super) fn stop_those(
        &mut self,
        link: &mut MonitorLink,
        are_meant: impl Fn(&Listened) -> bool,
    ) -> Result<(), LinkError> {
        let meant = |forward: &mut RemoteForward| matches!(&forward.what, Remote::ForCommands(what) if are_meant(what));
        let stopped: Vec<u32> = self.listening.forwards.extract_if(.., meant).map(|forward| forward.number).collect();
        stopped.into_iter().try_for_each(|number| link.tell(&LoggedInRequest::StopListening { number }))
    }

    /// Whoever wanted one connection and has it.
    pub(super) fn stop_what_is_spent(&mut self, link: &mut MonitorLink) -> Result<(), LinkError> {
        let spent: Vec<u32> =
            self.listening.forwards.extract_if(.., |forward| forward.is_spent).map(|forward| forward.number).collect();
        spent.into_iter().try_for_each(|number| link.tell(&LoggedInRequest::StopListening { number }))
    }

    /// Takes in whoever has connected, and asks the peer to take them; true if there was anybody.
    pub(super) fn accept(&mut self, cx: &mut Context<'_>, link: &MonitorLink) -> Result<bool, LinkError> {
        let Self { listening: Listening { forwards, is_full, unanswered, .. }, channels, outbox, .. } = self;
        let mut accepted_any = false;
        for forward in forwards {
            for listener in &forward.listeners {
                for _ in 0..ACCEPTED_PER_TURN {
                    if *is_full || *unanswered >= MOST_UNANSWERED {
                        return Ok(accepted_any);
                    }
                    if forward.is_spent {
                        break;
                    }
                    match listener.poll_accept(cx) {
                        Poll::Pending => break,
                        Poll::Ready(Accepted::NoDescriptors) => *is_full = true,
                        // Whoever it was has gone again.
                        Poll::Ready(Accepted::Nobody) => {}
                        Poll::Ready(Accepted::Somebody { socket, address, port }) => {
                            let (kind, place) = kind_and_place(&forward.what);
                            link.detail(Depth::One, || {
                                format!("new {} for {place}, connect from {address} port {port}", kind.name())
                            })?;
                            let what = Forwarded::new(kind, place);
                            let ends = StreamEnds::socket(socket);
                            let Some(number) = channels.reserve(Awaited::FromPeer { ends, what }) else { continue };
                            *unanswered = unanswered.saturating_add(1);
                            forward.is_spent = forward.what.takes_one_connection();
                            offer(number, &forward.what, &address, port, outbox);
                            accepted_any = true;
                        }
                    }
                }
            }
        }
        Ok(accepted_any)
    }

    /// SSH_MSG_CHANNEL_OPEN_CONFIRMATION
    pub(super) fn peer_has_opened(&mut self, number: u32, mut reader: Reader<'_>) -> Result<(), Ending> {
        let (ends, what) = self.wanted_by_us(number)?;
        let malformed = |why| Ending::malformed("open confirmation", why);
        let peer = peer_side(&mut reader).map_err(malformed)?;
        reader.finish().map_err(malformed)?;
        self.channels.open(number, Channel::for_connection(peer, ends, what));
        Ok(())
    }

    /// SSH_MSG_CHANNEL_OPEN_FAILURE: the socket is closed.
    pub(super) fn peer_has_not_opened(
        &mut self,
        channel: u32,
        reader: Reader<'_>,
        link: &MonitorLink,
    ) -> Result<(), Ending> {
        drop(self.wanted_by_us(channel)?);
        self.listening.channel_is_gone();
        let (reason, text) = refusal(reader).map_err(|why| Ending::malformed("open failure", why))?;
        Ok(link.record(Event::ChannelNotOpened { channel, reason, text })?)
    }

    fn wanted_by_us(&mut self, number: u32) -> Result<(StreamEnds, Forwarded), Ending> {
        let from_peer = |awaited: &Awaited| matches!(awaited, Awaited::FromPeer { .. });
        match self.channels.take_awaited(number, from_peer) {
            Some(Awaited::FromPeer { ends, what }) => {
                self.listening.unanswered = self.listening.unanswered.saturating_sub(1);
                Ok((ends, what))
            }
            _ => Err(Ending::Violation(format!("open answer for channel {number}, which is not being opened"))),
        }
    }
}

/// Why the peer does not open a channel, and its words.
fn refusal(mut reader: Reader<'_>) -> Result<(u32, String), WireError> {
    Ok((reader.u32()?, beginning(&mut reader)?))
}

/// What follows the name of a request about a TCP listener. As theirs, what follows that is not looked at.
pub(super) fn tcp_listener(mut rest: Reader<'_>) -> Result<ListenOn, WireError> {
    let (host, port) = (text(&mut rest)?, rest.u32()?);
    Ok(ListenOn::Tcp { host, port })
}

/// The same for the listener of a path.
pub(super) fn path_listener(mut rest: Reader<'_>) -> Result<ListenOn, WireError> {
    Ok(ListenOn::Path(text(&mut rest)?))
}

fn kind_and_place(what: &Remote) -> (ForwardingKind, String) {
    match what {
        Remote::Forward(ListenOn::Tcp { host, port }) => (ForwardingKind::ForwardedTcpip, host_and_port(host, *port)),
        Remote::Forward(ListenOn::Path(path)) => (ForwardingKind::ForwardedStreamlocal, path.clone()),
        Remote::ForCommands(Listened::Agent { .. }) => (ForwardingKind::Agent, "agent".to_owned()),
        Remote::ForCommands(Listened::Display { .. }) => (ForwardingKind::X11, "display".to_owned()),
    }
}

/// SSH_MSG_CHANNEL_OPEN with what the client needs to know for which of its forwardings it is, in its own words.
fn offer(number: u32, what: &Remote, address: &str, port: u16, outbox: &mut Outbox) {
    let channel_type = match what {
        Remote::ForCommands(Listened::Agent { channel_type }) => channel_type,
        other => kind_and_place(other).0.name(),
    };
    outbox.add(|payload| {
        payload.put_u8(msg::SSH_MSG_CHANNEL_OPEN);
        payload.put_string(channel_type);
        payload.put_u32(number);
        payload.put_u32(FORWARDING_WINDOW);
        payload.put_u32(LARGEST_DATA);
        match what {
            Remote::Forward(ListenOn::Tcp { host, port: listening }) => {
                payload.put_string(host);
                payload.put_u32(*listening);
                payload.put_string(address);
                payload.put_u32(u32::from(port));
            }
            Remote::Forward(ListenOn::Path(path)) => {
                payload.put_string(path);
                payload.put_string("");
            }
            Remote::ForCommands(Listened::Agent { .. }) => {}
            Remote::ForCommands(Listened::Display { .. }) => {
                payload.put_string(address);
                payload.put_u32(u32::from(port));
            }
        }
    });
}
