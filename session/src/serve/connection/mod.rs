//! The connection protocol (RFC 4254): packets of the peer in, packets for the peer out, data to and from what is
//! behind the channels. It knows neither the transport nor the network.

mod awaited;
mod channel;
mod for_commands;
mod forwarded;
mod global_requests;
mod host_keys;
mod idle;
mod listener;
mod listening;
mod opening;
mod outbox;
mod packets;
mod reaching;
mod requests;
mod session;
mod session_requests;
mod sftp_end;
mod stream_ends;
mod table;
#[cfg(test)]
mod tests;
mod tuning;
mod tunnel_end;
mod window;

use std::task::Context;
use std::time::Duration;

use events::Depth;
use ipc::phases::{EndedHow, LoggedInAnswer, LoggedInRequest};
use tokio::time::Instant;
use wire::{Reader, WireError, Write, msg};

use self::channel::{Channel, Said};
use self::host_keys::HostKeys;
pub(crate) use self::idle::IdleLimits;
use self::listening::Listening;
use self::outbox::Outbox;
pub(crate) use self::packets::Packets;
use self::table::Table;
pub(crate) use self::tuning::largest_window;
use self::tuning::{Budget, Tuning};
pub(crate) use self::window::WindowViolation;
use super::ending::Ending;
use super::monitor_link::{Asked, Heard, LinkError, MonitorLink};
use super::rate::Rates;

/// What this login may do over its connection, and what serving it needs to know.
#[derive(Debug)]
pub(crate) struct Terms {
    /// `MaxSessions`
    pub(crate) max_sessions: u32,
    /// `AcceptEnv`
    pub(crate) accept_env: Vec<String>,
    /// Memory of the system that was free in the beginning, in bytes.
    pub(crate) free_memory: u64,
    /// Whether terminals are allowed.
    pub(crate) terminal: bool,
    /// How fast `internal-sftp` may be.
    pub(crate) rates: Rates,
    /// For whom `internal-sftp` serves files, if it may.
    pub(crate) sftp: Option<sftp::Client>,
    /// Whether the peer's identification says that it is OpenSSH: it understands `eow@openssh.com`.
    pub(crate) peer_is_openssh: bool,
    /// What the client may write into a log of its own.
    pub(crate) for_client_log: Vec<String>,
    /// The blobs of the host keys that the peer is told of.
    pub(crate) announced_host_keys: Vec<Vec<u8>>,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    /// It has been dealt with.
    Done,
    /// It is kept until the monitor has answered: nothing may be received before [`Connection::receive_held`] is done.
    Held,
    /// It is no message of this protocol.
    Unknown,
}

/// One connection's channels.
#[derive(Debug)]
pub(crate) struct Connection {
    terms: Terms,
    channels: Table,
    outbox: Outbox,
    held: Vec<u8>,
    listening: Listening,
    tuning: Tuning,
    host_keys: HostKeys,
    idle: IdleLimits,
    no_more_sessions: bool,
    next_session: u32,
    /// Which channel gets the first turn.
    first_turn: u32,
    title_is_new: bool,
}

impl Connection {
    pub(crate) fn new(mut terms: Terms, idle: IdleLimits) -> Self {
        let host_keys = std::mem::take(&mut terms.announced_host_keys);
        let for_client_log = std::mem::take(&mut terms.for_client_log);
        let tuning = Tuning { round_trip: None, budget: Budget::of(terms.free_memory) };
        let mut connection = Self {
            terms,
            idle,
            channels: Table::default(),
            outbox: Outbox::default(),
            held: Vec::new(),
            listening: Listening::default(),
            tuning,
            host_keys: HostKeys::default(),
            no_more_sessions: false,
            next_session: 0,
            first_turn: 0,
            title_is_new: true,
        };
        connection.announce_host_keys(&host_keys);
        for_client_log.into_iter().for_each(|text| connection.outbox.debug(&text));
        connection
    }

    /// Deals with one packet of the peer.
    pub(crate) fn receive(
        &mut self,
        packet: &[u8],
        cx: &mut Context<'_>,
        link: &mut MonitorLink,
    ) -> Result<Received, Ending> {
        let mut reader = Reader::new(packet);
        let number = reader.u8().map_err(|why| Ending::malformed("packet", why))?;
        match number {
            msg::SSH_MSG_GLOBAL_REQUEST if self.listening.waits_for_monitor() || self.host_keys.wait_for_monitor() => {
                self.held.extend_from_slice(packet);
                return Ok(Received::Held);
            }
            msg::SSH_MSG_GLOBAL_REQUEST => self.global_request(reader, link)?,
            msg::SSH_MSG_CHANNEL_OPEN => self.open(reader, link)?,
            // We ask only whether the peer is still there, and it is.
            msg::SSH_MSG_REQUEST_SUCCESS | msg::SSH_MSG_REQUEST_FAILURE => {}
            msg::SSH_MSG_CHANNEL_OPEN_CONFIRMATION..=msg::SSH_MSG_CHANNEL_FAILURE => {
                return self.receive_for_channel(number, packet, reader, cx, link);
            }
            // RFC 4252 section 5.1: after success, further requests are silently ignored.
            msg::SSH_MSG_USERAUTH_REQUEST..msg::SSH_MSG_GLOBAL_REQUEST => {}
            _ => return Ok(Received::Unknown),
        }
        Ok(Received::Done)
    }

    /// Tries again what had to wait.
    pub(crate) fn receive_held(&mut self, cx: &mut Context<'_>, link: &mut MonitorLink) -> Result<Received, Ending> {
        let packet = std::mem::take(&mut self.held);
        let received = self.receive(&packet, cx, link)?;
        if self.held.is_empty() && packet.capacity() <= LARGE_HELD {
            self.held = packet;
            self.held.clear();
        }
        Ok(received)
    }

    fn receive_for_channel(
        &mut self,
        number: u8,
        packet: &[u8],
        mut reader: Reader<'_>,
        cx: &mut Context<'_>,
        link: &mut MonitorLink,
    ) -> Result<Received, Ending> {
        let malformed = |why| Ending::malformed("channel message", why);
        let recipient = reader.u32().map_err(malformed)?;
        match number {
            msg::SSH_MSG_CHANNEL_OPEN_CONFIRMATION => {
                self.peer_has_opened(recipient, reader)?;
                link.detail(Depth::Two, || format!("channel {recipient}: open confirm"))?;
                return Ok(Received::Done);
            }
            msg::SSH_MSG_CHANNEL_OPEN_FAILURE => {
                self.peer_has_not_opened(recipient, reader, link)?;
                return Ok(Received::Done);
            }
            _ => {}
        }
        let Some(channel) = self.channels.find(recipient) else {
            return Err(Ending::Violation(format!("message {number} referred to nonexistent channel {recipient}")));
        };
        if channel.waits_for_monitor() {
            self.held.extend_from_slice(packet);
            return Ok(Received::Held);
        }
        match number {
            msg::SSH_MSG_CHANNEL_REQUEST => self.channel_request(recipient, reader, link)?,
            msg::SSH_MSG_CHANNEL_DATA | msg::SSH_MSG_CHANNEL_EXTENDED_DATA => {
                let outbox = &mut self.outbox;
                let outcome = if number == msg::SSH_MSG_CHANNEL_DATA {
                    let bytes = data(reader).map_err(malformed)?;
                    channel.keep_pace(bytes.len(), &mut self.tuning);
                    channel.data(bytes, cx, outbox)
                } else {
                    channel.extended_data(extended_data(reader).map_err(malformed)?, outbox)
                };
                outcome.map_err(|why| Ending::window(recipient, why))?;
                self.idle.attend(channel, true);
            }
            msg::SSH_MSG_CHANNEL_WINDOW_ADJUST => {
                let by = only_number(reader).map_err(malformed)?;
                channel.window_adjust(by).map_err(|why| Ending::window(recipient, why))?;
            }
            msg::SSH_MSG_CHANNEL_EOF => {
                reader.finish().map_err(malformed)?;
                link.detail(Depth::Two, || format!("channel {recipient}: rcvd eof"))?;
                channel.peer_sends_no_more();
            }
            msg::SSH_MSG_CHANNEL_CLOSE => {
                reader.finish().map_err(malformed)?;
                link.detail(Depth::Two, || format!("channel {recipient}: rcvd close"))?;
                channel.peer_closes();
                self.title_is_new = true;
            }
            // Answers to the question whether the peer is still there.
            _ => {}
        }
        Ok(Received::Done)
    }

    /// The monitor has said something about a session or a forwarding.
    pub(crate) fn heard(&mut self, heard: Heard, link: &mut MonitorLink) -> Result<(), LinkError> {
        match heard {
            Heard::Ended { session, how } => {
                self.ended(session, how);
                Ok(())
            }
            Heard::Answer(Asked::Terminal(channel), answer, descriptors) => {
                self.terminal_answered(channel, answer, descriptors)
            }
            Heard::Answer(Asked::Start(channel), answer, descriptors) => {
                self.start_answered(channel, answer, descriptors, link)
            }
            Heard::Answer(Asked::HostKeyProofs, answer, _) => self.host_keys_proven(answer),
            Heard::Answer(..) => Err(LinkError::Unasked),
            Heard::OfForwarding(answer, descriptors) => match answer {
                LoggedInAnswer::Connected { number } => self.connected(number, descriptors, link),
                LoggedInAnswer::NotConnected { number, why } => self.not_connected(number, why, link),
                LoggedInAnswer::Listening { number, port, tell, .. } => {
                    tell.iter().for_each(|words| self.outbox.debug(words));
                    self.listens(number, port, descriptors, link)
                }
                LoggedInAnswer::NotListening { number, tell } => self.does_not_listen(number, tell),
                _ => Err(LinkError::Unasked),
            },
        }
    }

    fn ended(&mut self, session: u32, how: EndedHow) {
        let is_it = |channel: &&mut Channel| channel.session().is_some_and(|carried| carried.number == session);
        let Some(channel) = self.channels.iter_mut().find(is_it) else { return };
        if let Some(session) = channel.session_mut() {
            session.ended(how);
        }
        channel.command_ended(&mut self.outbox);
    }

    /// Gives every channel its turn and sends what is to be sent; true if anything moved. Data moves only within the
    /// peer's windows and while `packets` wants it.
    pub(crate) fn pump(
        &mut self,
        cx: &mut Context<'_>,
        packets: &mut impl Packets,
        link: &mut MonitorLink,
    ) -> Result<bool, LinkError> {
        let mut moved = self.send_answers(packets);
        moved |= self.accept(cx, link)?;
        self.stop_what_is_spent(link)?;
        let end = self.channels.end();
        let first = self.first_turn.checked_rem(end).unwrap_or(0);
        self.first_turn = first.wrapping_add(1);
        for number in (first..end).chain(0..first) {
            let Some(channel) = self.channels.find(number) else { continue };
            let said_before = channel.we_said;
            let moved_here = channel.pump(cx, packets, &mut self.outbox, link);
            show_what_was_said(number, said_before, channel, link)?;
            self.idle.attend(channel, moved_here);
            moved |= moved_here;
            if channel.we_said.close {
                let channel_is_over = channel.is_over();
                self.let_session_go(number, link)?;
                self.stop_display_of(number, link)?;
                if channel_is_over {
                    self.forget(number, link)?;
                }
                self.listening.channel_is_gone();
            }
        }
        moved |= self.send_answers(packets);
        Ok(moved)
    }

    /// Both sides have closed it.
    fn forget(&mut self, number: u32, link: &mut MonitorLink) -> Result<(), LinkError> {
        let Some(over) = self.channels.remove(number) else { return Ok(()) };
        self.tuning.budget.give_back(over.window_growth());
        link.detail(Depth::One, || {
            let left = self.channels.iter().count();
            format!("channel {number}: free: {}, nchannels {left}", over.kind_name())
        })?;
        over.account().map_or(Ok(()), |event| link.record(event))
    }

    fn send_answers(&mut self, packets: &mut impl Packets) -> bool {
        let some = !self.outbox.is_empty();
        self.outbox.send_all(packets);
        some
    }

    /// We have closed a channel: the monitor may forget its session.
    fn let_session_go(&mut self, channel: u32, link: &mut MonitorLink) -> Result<(), LinkError> {
        let Some(channel) = self.channels.find(channel) else { return Ok(()) };
        let (sent, received) = channel.traffic();
        let Some(session) = channel.session_mut() else { return Ok(()) };
        self.title_is_new |= session.title().is_some();
        session.terminal = None;
        session.serves_sftp = false;
        if std::mem::take(&mut session.known_to_monitor) {
            link.tell(&LoggedInRequest::CloseSession { session: session.number, sent, received })?;
        }
        Ok(())
    }

    /// How long a packet and its answer take on the connection, as far as it is known.
    pub(crate) fn takes(&mut self, round_trip: Option<Duration>) {
        self.tuning.round_trip = round_trip;
    }

    /// Asks the peer for a sign of life, as theirs on a channel if there is one.
    pub(crate) fn probe(&mut self) {
        let open = self.channels.iter().find(|channel| !channel.we_said.close);
        match open {
            Some(channel) => channel.probe(&mut self.outbox),
            None => self.outbox.add(|payload| {
                payload.put_u8(msg::SSH_MSG_GLOBAL_REQUEST);
                payload.put_string("keepalive@openssh.com");
                payload.put_boolean(true);
            }),
        }
    }

    /// What `ps` shows behind the user's name, if it has changed: the terminals, `internal-sftp` or `notty`.
    pub(crate) fn take_new_title(&mut self) -> Option<String> {
        if !std::mem::take(&mut self.title_is_new) {
            return None;
        }
        let open = self.channels.iter().filter(|channel| !channel.we_said.close);
        let mut parts: Vec<&str> = open.filter_map(|channel| channel.session()?.title()).collect();
        parts.dedup();
        Some(if parts.is_empty() { "notty".to_owned() } else { parts.join(",") })
    }

    /// The connection is over: closes what is open.
    pub(crate) fn abandon(&mut self, link: &mut MonitorLink) {
        for channel in self.channels.iter_mut() {
            channel.abandon(link);
            if let Some(event) = channel.account() {
                // A monitor that has gone writes no log.
                let _ = link.record(event);
            }
        }
    }

    /// The connection is over, and it is said why: the monitor hears what each session has used.
    pub(crate) fn let_all_sessions_go(&mut self, link: &mut MonitorLink) -> Result<(), LinkError> {
        (0..self.channels.end()).try_for_each(|channel| self.let_session_go(channel, link))
    }

    /// When a channel that was too fast can go on.
    pub(crate) fn go_on_at(&self) -> Option<Instant> {
        self.terms.rates.go_on_at()
    }

    /// Gives back what a busy moment needed.
    pub(crate) fn quiet(&mut self) {
        self.outbox.quiet();
        self.channels.quiet();
        self.channels.iter_mut().for_each(Channel::quiet);
    }
}

/// For somebody who debugs.
fn show_what_was_said(number: u32, before: Said, channel: &Channel, link: &MonitorLink) -> Result<(), LinkError> {
    let now = channel.we_said;
    if now.eof && !before.eof {
        link.detail(Depth::Two, || format!("channel {number}: send eof"))?;
    }
    if now.close && !before.close {
        link.detail(Depth::Two, || format!("channel {number}: send close for remote id {}", channel.peer_number()))?;
    }
    Ok(())
}

/// Memory for a packet that had to wait, in bytes, that is worth keeping.
const LARGE_HELD: usize = 1024;

fn data(mut reader: Reader<'_>) -> Result<&[u8], WireError> {
    let bytes = reader.string()?;
    reader.finish()?;
    Ok(bytes)
}

fn extended_data(mut reader: Reader<'_>) -> Result<&[u8], WireError> {
    reader.u32()?;
    data(reader)
}

fn only_number(mut reader: Reader<'_>) -> Result<u32, WireError> {
    let number = reader.u32()?;
    reader.finish()?;
    Ok(number)
}
