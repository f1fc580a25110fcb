//! One channel: windows, ends of file and closing (RFC 4254 section 5), whatever is behind it.

use std::task::Context;

use events::Usage;
use events::session::Event;
use tokio::time::Instant;
use wire::{Write, msg};

use super::forwarded::Forwarded;
use super::idle::Idle;
use super::outbox::Outbox;
use super::packets::Packets;
use super::session::{Session, Stage};
use super::sftp_end::SftpEnd;
use super::stream_ends::{Stream, StreamEnds};
use super::tuning::{Pace, Tuning};
use super::tunnel_end::TunnelEnd;
use super::window::{FORWARDING_WINDOW, LARGEST_DATA, OurWindow, PeerWindow, SESSION_WINDOW, WindowViolation};
use crate::serve::monitor_link::MonitorLink;

/// Packets that one channel may send before the others get their turn.
const PACKETS_PER_TURN: usize = 4;

/// What the peer said in SSH_MSG_CHANNEL_OPEN about its side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PeerSide {
    /// Its number for the channel.
    pub(crate) number: u32,
    /// The window that it gives us, in bytes.
    pub(crate) window: u32,
    /// The most data in one packet that it takes, in bytes.
    pub(crate) largest_packet: u32,
}

/// What one side has said about its end of the channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// SSH_MSG_CHANNEL_EOF
    pub(crate) eof: bool,
    /// SSH_MSG_CHANNEL_CLOSE
    pub(crate) close: bool,
    /// `eow@openssh.com`: nobody reads what the other side sends.
    pub(crate) end_of_write: bool,
}

/// What is behind our side.
#[derive(Debug)]
pub(crate) enum Ends {
    /// Nothing yet, or nothing any more.
    Nothing,
    /// A command, or the socket of a forwarded connection.
    Streams(StreamEnds),
    /// `internal-sftp`
    Sftp(Box<SftpEnd>),
    /// A tun(4) device.
    Tunnel(TunnelEnd),
}

/// What a channel is for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// A command, a shell, files.
    Session(Session),
    /// A connection between somebody on our side and somebody on the peer's.
    Forwarding(Forwarded),
}

/// An open channel.
#[derive(Debug)]
pub(crate) struct Channel {
    peer: u32,
    largest_packet: u32,
    to_peer: PeerWindow,
    from_peer: OurWindow,
    pace: Pace,
    pub(crate) we_said: Said,
    pub(crate) peer_said: Said,
    /// Since when nothing moves; known once something is behind the channel, and if anybody wants to know.
    pub(crate) idle: Option<Idle>,
    ends: Ends,
    purpose: Purpose,
}

/// What an attempt to send a channel's output came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// Something moved.
    Moved,
    /// There is nothing to send now, or the peer does not take more.
    Still,
    /// There may be something, but the connection is busy with other things.
    Held,
}

impl Channel {
    /// A session. It takes no data before something is there to take it.
    pub(crate) fn for_session(peer: PeerSide, session: Session) -> Self {
        Self::new(peer, Ends::Nothing, Purpose::Session(session))
    }

    /// A forwarded connection: the peer may send at once, as much as [`FORWARDING_WINDOW`].
    pub(crate) fn for_connection(peer: PeerSide, ends: StreamEnds, what: Forwarded) -> Self {
        let mut channel = Self::new(peer, Ends::Streams(ends), Purpose::Forwarding(what));
        channel.from_peer.open(FORWARDING_WINDOW);
        channel
    }

    /// A device: as above.
    pub(crate) fn for_device(peer: PeerSide, end: TunnelEnd, what: Forwarded) -> Self {
        let mut channel = Self::new(peer, Ends::Tunnel(end), Purpose::Forwarding(what));
        channel.from_peer.open(FORWARDING_WINDOW);
        channel
    }

    fn new(peer: PeerSide, ends: Ends, purpose: Purpose) -> Self {
        Self {
            peer: peer.number,
            largest_packet: peer.largest_packet.min(LARGEST_DATA),
            to_peer: PeerWindow::new(peer.window),
            from_peer: OurWindow::closed(),
            pace: Pace::default(),
            we_said: Said::default(),
            peer_said: Said::default(),
            idle: None,
            ends,
            purpose,
        }
    }

    /// The session that the channel carries, if it does.
    pub(crate) fn session(&self) -> Option<&Session> {
        match &self.purpose {
            Purpose::Session(session) => Some(session),
            Purpose::Forwarding(_) => None,
        }
    }

    /// The session that the channel carries, if it does.
    pub(crate) fn session_mut(&mut self) -> Option<&mut Session> {
        match &mut self.purpose {
            Purpose::Session(session) => Some(session),
            Purpose::Forwarding(_) => None,
        }
    }

    /// The channel's type, while something is behind it: `session:shell`, `direct-tcpip` …
    pub(crate) fn type_in_use(&self) -> Option<&str> {
        let in_use = !matches!(self.ends, Ends::Nothing) && !self.we_said.close;
        match &self.purpose {
            Purpose::Session(session) => in_use.then_some(&session.type_name),
            Purpose::Forwarding(what) => in_use.then(|| what.type_name()),
        }
    }

    /// The peer's number for it.
    pub(crate) fn peer_number(&self) -> u32 {
        self.peer
    }

    /// What it is, whatever stands behind it.
    pub(crate) fn kind_name(&self) -> &str {
        match &self.purpose {
            Purpose::Session(_) => "server-session",
            Purpose::Forwarding(what) => what.type_name(),
        }
    }

    /// Whether somebody works at a terminal.
    pub(crate) fn has_terminal(&self) -> bool {
        self.session().is_some_and(|session| session.terminal.is_some())
    }

    /// Whether the monitor must answer before anything else of this channel can be looked at.
    pub(crate) fn waits_for_monitor(&self) -> bool {
        self.session().is_some_and(Session::waits_for_monitor)
    }

    /// Something stands behind the channel now: the peer may send.
    pub(crate) fn connect(&mut self, ends: Ends, outbox: &mut Outbox) {
        self.ends = ends;
        self.from_peer.open(SESSION_WINDOW);
        self.adjust(SESSION_WINDOW, outbox);
        if self.peer_said.eof {
            self.peer_sends_no_more();
        }
        if self.peer_said.end_of_write {
            self.peer_takes_no_more();
        }
    }

    /// SSH_MSG_CHANNEL_DATA
    pub(crate) fn data(
        &mut self,
        bytes: &[u8],
        cx: &mut Context<'_>,
        outbox: &mut Outbox,
    ) -> Result<(), WindowViolation> {
        self.arrived(bytes)?;
        let passed_on = match &mut self.ends {
            Ends::Streams(streams) => streams.take(cx, bytes),
            Ends::Sftp(sftp) => sftp.take(bytes),
            Ends::Tunnel(tunnel) => {
                tunnel.take(bytes);
                bytes.len()
            }
            Ends::Nothing => bytes.len(),
        };
        self.from_peer.passed_on(passed_on);
        self.after_input(outbox);
        Ok(())
    }

    /// SSH_MSG_CHANNEL_EXTENDED_DATA: nothing that this server offers takes any, but it costs window all the same.
    pub(crate) fn extended_data(&mut self, bytes: &[u8], outbox: &mut Outbox) -> Result<(), WindowViolation> {
        self.arrived(bytes)?;
        self.from_peer.passed_on(bytes.len());
        self.after_input(outbox);
        Ok(())
    }

    /// So much data has come: a window that holds the peer up becomes larger.
    pub(crate) fn keep_pace(&mut self, bytes: usize, tuning: &mut Tuning) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.pace.arrived(bytes, Instant::now(), &mut self.from_peer, tuning);
    }

    /// How much larger than in the beginning its window is, in bytes.
    pub(crate) fn window_growth(&self) -> u32 {
        self.pace.grown()
    }

    fn arrived(&mut self, bytes: &[u8]) -> Result<(), WindowViolation> {
        self.from_peer.arrived(u32::try_from(bytes.len()).unwrap_or(u32::MAX))
    }

    /// SSH_MSG_CHANNEL_WINDOW_ADJUST
    pub(crate) fn window_adjust(&mut self, by: u32) -> Result<(), WindowViolation> {
        self.to_peer.grow(by)
    }

    /// SSH_MSG_CHANNEL_EOF
    pub(crate) fn peer_sends_no_more(&mut self) {
        self.peer_said.eof = true;
        match &mut self.ends {
            Ends::Streams(streams) => streams.input_is_complete(),
            Ends::Sftp(sftp) => sftp.input_is_complete(),
            Ends::Tunnel(tunnel) => tunnel.input_is_complete(),
            Ends::Nothing => {}
        }
    }

    /// `eow@openssh.com`
    pub(crate) fn peer_takes_no_more(&mut self) {
        self.peer_said.end_of_write = true;
        match &mut self.ends {
            Ends::Streams(streams) => streams.close_outputs(),
            Ends::Sftp(sftp) => sftp.drop_answers(),
            Ends::Tunnel(tunnel) => tunnel.close(),
            Ends::Nothing => {}
        }
    }

    /// SSH_MSG_CHANNEL_CLOSE: what has come for the command is still passed on.
    pub(crate) fn peer_closes(&mut self) {
        self.peer_said.close = true;
        self.peer_sends_no_more();
        self.peer_takes_no_more();
        // Once the rest of its input is passed on, nobody holds the terminal: that hangs it up.
        if let Some(session) = self.session_mut() {
            session.terminal = None;
        }
    }

    /// The command has ended: nobody reads its input any more. What it has written is still sent.
    pub(crate) fn command_ended(&mut self, outbox: &mut Outbox) {
        if let Ends::Streams(streams) = &mut self.ends {
            self.from_peer.passed_on(streams.close_input());
        }
        self.after_input(outbox);
    }

    /// Moves what can be moved; true if something was.
    pub(crate) fn pump(
        &mut self,
        cx: &mut Context<'_>,
        packets: &mut impl Packets,
        outbox: &mut Outbox,
        link: &mut MonitorLink,
    ) -> bool {
        let (passed_on, more_input) = self.serve_input(cx, link);
        self.from_peer.passed_on(passed_on);
        let flow = self.send_output(cx, packets);
        if let (Ends::Sftp(sftp), Purpose::Session(session)) = (&self.ends, &mut self.purpose)
            && let Some(status) = sftp.exit_status()
        {
            session.ended_by_itself(status);
        }
        self.after_input(outbox);
        self.after_output(flow, outbox);
        passed_on > 0 || more_input || flow == Flow::Moved
    }

    fn serve_input(&mut self, cx: &mut Context<'_>, link: &mut MonitorLink) -> (usize, bool) {
        match &mut self.ends {
            Ends::Streams(streams) => (streams.flush(cx), false),
            Ends::Sftp(sftp) if self.peer_said.close => {
                sftp.end(0, link);
                (0, false)
            }
            Ends::Sftp(sftp) => sftp.serve(link),
            Ends::Tunnel(_) | Ends::Nothing => (0, false),
        }
    }

    fn send_output(&mut self, cx: &mut Context<'_>, packets: &mut impl Packets) -> Flow {
        match &mut self.ends {
            Ends::Streams(_) => {
                let output = self.send_stream(Stream::Output, cx, packets);
                match (output, self.send_stream(Stream::Errors, cx, packets)) {
                    (Flow::Moved, _) | (_, Flow::Moved) => Flow::Moved,
                    (Flow::Held, _) | (_, Flow::Held) => Flow::Held,
                    (Flow::Still, Flow::Still) => Flow::Still,
                }
            }
            Ends::Sftp(sftp) => {
                let head = data_head(self.peer, Stream::Output);
                let moved = sftp.send(head.bytes(), self.largest_packet, &mut self.to_peer, packets);
                match (moved, sftp.can_answer()) {
                    (true, _) => Flow::Moved,
                    (false, true) => Flow::Held,
                    (false, false) => Flow::Still,
                }
            }
            Ends::Tunnel(_) => self.send_packets(cx, packets),
            Ends::Nothing => Flow::Still,
        }
    }

    /// Reads a device's packets. One that does not fit into the window, or into a message that the peer takes, is dropped.
    fn send_packets(&mut self, cx: &mut Context<'_>, packets: &mut impl Packets) -> Flow {
        let Ends::Tunnel(tunnel) = &mut self.ends else { return Flow::Still };
        let head = data_head(self.peer, Stream::Output);
        let mut flow = Flow::Still;
        for _ in 0..PACKETS_PER_TURN {
            if !tunnel.is_readable(cx) {
                break;
            }
            if !packets.want_data() {
                return if flow == Flow::Moved { flow } else { Flow::Held };
            }
            let mut message = Vec::new();
            if !tunnel.read(cx, &mut message) {
                break;
            }
            flow = Flow::Moved;
            let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
            if length <= self.to_peer.left().min(self.largest_packet) {
                packets.send_filled(head.bytes(), message.len(), |space| {
                    let filled = space.len().min(message.len());
                    space.iter_mut().zip(&message).for_each(|(to, from)| *to = *from);
                    filled
                });
                self.to_peer.sent(length);
            }
        }
        flow
    }

    /// Reads a command's output into packets, within the peer's window.
    fn send_stream(&mut self, stream: Stream, cx: &mut Context<'_>, packets: &mut impl Packets) -> Flow {
        let Ends::Streams(streams) = &mut self.ends else { return Flow::Still };
        let head = data_head(self.peer, stream);
        let mut flow = Flow::Still;
        for _ in 0..PACKETS_PER_TURN {
            let at_most = self.to_peer.left().min(self.largest_packet);
            if at_most == 0 {
                // An end needs no window.
                return if streams.close_if_at_end(stream, cx) { Flow::Moved } else { flow };
            }
            if !streams.is_readable(stream, cx) {
                break;
            }
            if !packets.want_data() {
                return if flow == Flow::Moved { flow } else { Flow::Held };
            }
            let mut count = 0;
            packets.send_filled(head.bytes(), at_most as usize, |space| {
                let offered = space.len().min(at_most as usize);
                count = streams.read(stream, cx, space.get_mut(..offered).unwrap_or_default());
                count
            });
            // The end of a stream is something that moved, too: what waits for it can go on.
            flow = Flow::Moved;
            if count == 0 {
                break;
            }
            self.to_peer.sent(u32::try_from(count).unwrap_or(u32::MAX));
        }
        flow
    }

    /// What input that was passed on, or cannot be passed on any more, gives us to say.
    fn after_input(&mut self, outbox: &mut Outbox) {
        if self.we_said.close {
            return;
        }
        let peer_knows_end_of_write = self.session().is_some_and(|session| session.peer_knows_end_of_write);
        if let Ends::Streams(streams) = &mut self.ends {
            let hidden = streams.take_hidden();
            if hidden > 0 {
                ignore(hidden, outbox);
            }
            let nobody_reads = !streams.input_is_open() && !self.peer_said.eof;
            if nobody_reads && !self.we_said.end_of_write && peer_knows_end_of_write {
                self.we_said.end_of_write = true;
                self.request("eow@openssh.com", outbox, |_| {});
            }
        }
        if !self.peer_said.eof
            && let Some(adjustment) = self.from_peer.take_due_adjustment()
        {
            self.adjust(adjustment, outbox);
        }
    }

    /// EOF, exit status and closing, each once and in this order as far as it can be kept.
    fn after_output(&mut self, flow: Flow, outbox: &mut Outbox) {
        if self.we_said.close {
            return;
        }
        self.leave_terminal(flow);
        let started = !matches!(self.ends, Ends::Nothing);
        if started && !self.outputs_are_open() && !self.we_said.eof && !self.peer_said.close {
            self.we_said.eof = true;
            self.say(msg::SSH_MSG_CHANNEL_EOF, outbox);
        }
        // As theirs, the peer learns the status although somebody in the background keeps the output open, although it
        // takes no more output, and although it has closed: a client that shares connections closes first.
        if self.session().is_some_and(Session::status_is_due)
            && (!self.outputs_are_open() || self.is_drained(flow))
            && let Some(status) = self.session_mut().and_then(Session::take_status)
        {
            self.request(status.request_name(), outbox, |payload| status.put(payload));
        }
        let all_is_said = self.session().is_none_or(Session::status_was_taken);
        let finished = !self.outputs_are_open() && !self.input_is_open() && all_is_said;
        // As theirs, a running command keeps the channel of a peer that has closed: it is hung up if it has a terminal,
        // and finds its pipes closed if not.
        let never_started = self.peer_said.close && !started;
        if finished || never_started {
            self.we_said.close = true;
            self.ends = Ends::Nothing;
            self.say(msg::SSH_MSG_CHANNEL_CLOSE, outbox);
        }
    }

    /// As theirs, who stays on a terminal behind its command does not keep the session: once everything that is there has
    /// been sent, no more of it is read. (Whoever holds a pipe does.)
    fn leave_terminal(&mut self, flow: Flow) {
        let left = self.session().is_some_and(|session| session.terminal.is_some() && session.stage == Stage::Ended);
        if let Ends::Streams(streams) = &mut self.ends
            && left
            && flow == Flow::Still
            && !streams.has_unread_output()
        {
            streams.close_outputs();
        }
    }

    /// Whether the peer has got all that was written so far and that it takes. That a command has ended may be heard
    /// before the event loop hears of its last output, so the descriptors are asked.
    fn is_drained(&self, flow: Flow) -> bool {
        let unread = match &self.ends {
            Ends::Streams(streams) => self.to_peer.left() > 0 && streams.has_unread_output(),
            Ends::Sftp(_) | Ends::Tunnel(_) | Ends::Nothing => false,
        };
        flow == Flow::Still && !unread
    }

    fn outputs_are_open(&self) -> bool {
        match &self.ends {
            Ends::Streams(streams) => streams.outputs_are_open(),
            Ends::Sftp(sftp) => sftp.can_answer(),
            Ends::Tunnel(tunnel) => tunnel.is_open(),
            Ends::Nothing => false,
        }
    }

    fn input_is_open(&self) -> bool {
        match &self.ends {
            Ends::Streams(streams) => streams.input_is_open(),
            Ends::Sftp(sftp) => sftp.exit_status().is_none(),
            Ends::Tunnel(tunnel) => tunnel.takes_input(),
            Ends::Nothing => false,
        }
    }

    /// What a forwarded connection has come to; nothing for a session.
    pub(crate) fn account(&self) -> Option<Event> {
        let Purpose::Forwarding(what) = &self.purpose else { return None };
        let (sent, received) = self.traffic();
        let usage =
            Usage { sent, received, milliseconds: u64::try_from(what.since.elapsed().as_millis()).unwrap_or(u64::MAX) };
        Some(Event::ChannelEnded { kind: what.kind, destination: what.place.clone(), usage })
    }

    /// Bytes of data to the peer and from it so far.
    pub(crate) fn traffic(&self) -> (u64, u64) {
        (self.to_peer.sent_in_all(), self.from_peer.arrived_in_all())
    }

    /// Both sides have closed: the number can be used again.
    pub(crate) fn is_over(&self) -> bool {
        self.we_said.close && self.peer_said.close
    }

    /// Closes what is open, for a connection that is over.
    pub(crate) fn abandon(&mut self, link: &mut MonitorLink) {
        if let Ends::Sftp(sftp) = &mut self.ends {
            sftp.end(0, link);
        }
        self.ends = Ends::Nothing;
    }

    /// Closes the channel whatever is still under way.
    pub(crate) fn close_now(&mut self, link: &mut MonitorLink, outbox: &mut Outbox) {
        self.abandon(link);
        if !std::mem::replace(&mut self.we_said.eof, true) && !self.peer_said.close {
            self.say(msg::SSH_MSG_CHANNEL_EOF, outbox);
        }
        if !std::mem::replace(&mut self.we_said.close, true) {
            self.say(msg::SSH_MSG_CHANNEL_CLOSE, outbox);
        }
    }

    /// SSH_MSG_CHANNEL_SUCCESS or SSH_MSG_CHANNEL_FAILURE
    pub(crate) fn reply(&self, success: bool, outbox: &mut Outbox) {
        if !self.we_said.close {
            self.say(if success { msg::SSH_MSG_CHANNEL_SUCCESS } else { msg::SSH_MSG_CHANNEL_FAILURE }, outbox);
        }
    }

    /// Asks whether the peer is still there.
    pub(crate) fn probe(&self, outbox: &mut Outbox) {
        self.put_request("keepalive@openssh.com", true, outbox, |_| {});
    }

    fn request(&self, name: &str, outbox: &mut Outbox, put: impl FnOnce(&mut Vec<u8>)) {
        self.put_request(name, false, outbox, put);
    }

    fn put_request(&self, name: &str, want_reply: bool, outbox: &mut Outbox, put: impl FnOnce(&mut Vec<u8>)) {
        outbox.add(|payload| {
            payload.put_u8(msg::SSH_MSG_CHANNEL_REQUEST);
            payload.put_u32(self.peer);
            payload.put_string(name);
            payload.put_boolean(want_reply);
            put(payload);
        });
    }

    fn adjust(&self, by: u32, outbox: &mut Outbox) {
        outbox.add(|payload| {
            payload.put_u8(msg::SSH_MSG_CHANNEL_WINDOW_ADJUST);
            payload.put_u32(self.peer);
            payload.put_u32(by);
        });
    }

    fn say(&self, message: u8, outbox: &mut Outbox) {
        outbox.add(|payload| {
            payload.put_u8(message);
            payload.put_u32(self.peer);
        });
    }

    /// Gives back what a busy moment needed.
    pub(crate) fn quiet(&mut self) {
        match &mut self.ends {
            Ends::Streams(streams) => streams.quiet(),
            Ends::Sftp(sftp) => sftp.quiet(),
            Ends::Tunnel(_) | Ends::Nothing => {}
        }
    }
}

/// The beginning of a data packet, before the string.
struct DataHead {
    bytes: [u8; 9],
    length: usize,
}

impl DataHead {
    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

fn data_head(peer: u32, stream: Stream) -> DataHead {
    let [a, b, c, d] = peer.to_be_bytes();
    let [e, f, g, h] = msg::SSH_EXTENDED_DATA_STDERR.to_be_bytes();
    match stream {
        Stream::Output => DataHead { bytes: [msg::SSH_MSG_CHANNEL_DATA, a, b, c, d, 0, 0, 0, 0], length: 5 },
        Stream::Errors => DataHead { bytes: [msg::SSH_MSG_CHANNEL_EXTENDED_DATA, a, b, c, d, e, f, g, h], length: 9 },
    }
}

/// A packet of the size that the echo of `typed` bytes would have: who watches the network does not see that a terminal
/// shows nothing (theirs does the same).
fn ignore(typed: usize, outbox: &mut Outbox) {
    const ZEROES: [u8; 256] = [0; 256];
    let length = typed.saturating_add(4).min(ZEROES.len());
    outbox.add(|payload| {
        payload.put_u8(msg::SSH_MSG_IGNORE);
        payload.put_string(ZEROES.get(..length).unwrap_or_default());
    });
}
