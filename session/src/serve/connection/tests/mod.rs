//! The channel layer alone: packets in, packets out, real pipes, and a monitor that does what a test says.

mod flow;
mod forwarding;
mod host_keys;
mod idle;
mod last_output;
mod protocol;

use std::future::poll_fn;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ipc::phases::{EndedHow, LoggedIn, LoggedInAnswer, LoggedInRequest};
use ipc::{Answering, Asking};
use settings::values::ChannelTimeout;
use wire::{Reader, Write, msg};

use super::{Connection, IdleLimits, Packets, Received, Terms, largest_window};
use crate::serve::ending::Ending;
use crate::serve::monitor_link::MonitorLink;

/// What the connection sends.
pub(super) struct Wire {
    pub(super) packets: Vec<Vec<u8>>,
    pub(super) wants_data: bool,
}

impl Packets for Wire {
    fn want_data(&self) -> bool {
        self.wants_data
    }

    fn send(&mut self, payload: &[u8]) {
        self.packets.push(payload.to_vec());
    }

    fn send_filled(&mut self, head: &[u8], at_most: usize, fill: impl FnOnce(&mut [u8]) -> usize) {
        // As the transport's: more room than was asked for may be offered, and it holds old bytes.
        let mut space = vec![0xee; at_most + 100];
        let filled = fill(&mut space);
        assert!(filled <= at_most, "{filled} of {at_most}");
        if filled > 0 {
            let mut packet = head.to_vec();
            packet.put_string(&space[..filled]);
            self.packets.push(packet);
        }
    }
}

/// A connection between a test that plays the peer and a test that plays the monitor.
pub(super) struct Bench {
    pub(super) connection: Connection,
    pub(super) link: MonitorLink,
    pub(super) monitor: Answering<LoggedIn>,
    pub(super) wire: Wire,
}

/// The far ends of a command's pipes.
pub(super) struct FakeCommand {
    pub(super) stdin: OwnedFd,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

pub(super) fn terms() -> Terms {
    Terms {
        for_client_log: Vec::new(),
        rates: Default::default(),
        max_sessions: 2,
        accept_env: vec!["LANG".to_owned()],
        free_memory: 0,
        terminal: true,
        sftp: Some(sftp::Client {
            user: "somebody".to_owned(),
            uid: 1000,
            uploads: sftp::Uploads::default(),
            home: "/".into(),
            jail: None,
            address: "192.0.2.7".to_owned(),
            open_handles: sftp::HandleLimit::new(10),
            input_limit: largest_window(),
        }),
        peer_is_openssh: true,
        announced_host_keys: Vec::new(),
    }
}

impl Bench {
    /// Needs the runtime to be entered.
    pub(super) fn new(terms: Terms) -> Self {
        Self::with_timeouts(terms, &[])
    }

    /// Under `ChannelTimeout`.
    pub(super) fn with_timeouts(terms: Terms, timeouts: &[ChannelTimeout]) -> Self {
        let (ours, theirs) = sys::fd::seqpacket_pair().unwrap();
        Self {
            connection: Connection::new(terms, IdleLimits::new(timeouts)),
            link: MonitorLink::new(Asking::over(ours), None).unwrap(),
            monitor: Answering::over(theirs),
            wire: Wire { packets: Vec::new(), wants_data: true },
        }
    }

    /// The peer sends a packet.
    pub(super) fn try_send(&mut self, packet: &[u8]) -> Result<Received, Ending> {
        let mut cx = Context::from_waker(Waker::noop());
        let received = self.connection.receive(packet, &mut cx, &mut self.link)?;
        self.connection.pump(&mut cx, &mut self.wire, &mut self.link)?;
        Ok(received)
    }

    pub(super) fn send(&mut self, packet: &[u8]) {
        assert_eq!(self.try_send(packet).unwrap(), Received::Done);
    }

    /// What has been sent since the last time.
    pub(super) fn sent(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.wire.packets)
    }

    /// Pumps until the packets sent since the last look fulfil the condition.
    pub(super) async fn until(&mut self, enough: impl Fn(&[Vec<u8>]) -> bool) {
        let pumping = poll_fn(|cx| {
            while self.connection.pump(cx, &mut self.wire, &mut self.link).unwrap() {}
            if enough(&self.wire.packets) {
                return Poll::Ready(());
            }
            // What a test waits for may be no event of the loop's: another thread's end.
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        let outcome = tokio::time::timeout(Duration::from_secs(20), pumping).await;
        assert!(outcome.is_ok(), "never: {:?}", self.wire.packets);
    }

    /// Takes in one thing that the monitor has said.
    pub(super) async fn hear(&mut self) {
        let heard = poll_fn(|cx| self.link.poll_heard(cx)).await.unwrap();
        self.connection.heard(heard, &mut self.link).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        self.connection.pump(&mut cx, &mut self.wire, &mut self.link).unwrap();
    }

    pub(super) async fn monitor_says(&mut self, answer: LoggedInAnswer, descriptors: &[OwnedFd]) {
        let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
        self.monitor.answer(&answer, &borrowed).unwrap();
        self.hear().await;
    }

    /// The next request to the monitor.
    pub(super) fn asked(&mut self) -> LoggedInRequest {
        self.monitor.receive().unwrap()
    }

    /// Opens channel `number` (which must be the next free one) with this window and starts a command on it.
    pub(super) async fn start_command(&mut self, number: u32, window: u32) -> FakeCommand {
        self.send(&open("session", number, window, 32768));
        self.send(&request(number, "exec", true, |rest| rest.put_string("command")));
        assert!(matches!(self.asked(), LoggedInRequest::Start { .. }));
        let (stdin, to_stdin) = sys::fd::pipe(4096).unwrap();
        let (from_stdout, stdout) = sys::fd::pipe(65536).unwrap();
        let (from_stderr, stderr) = sys::fd::pipe(65536).unwrap();
        let started = LoggedInAnswer::Started { on_terminal: false };
        self.monitor_says(started, &[to_stdin, from_stdout, from_stderr]).await;
        self.sent();
        FakeCommand { stdin, stdout, stderr }
    }

    pub(super) async fn command_ends(&mut self, session: u32, status: u32) {
        self.monitor_says(LoggedInAnswer::Ended { session, how: EndedHow::Status(status) }, &[]).await;
    }
}

pub(super) fn open(kind: &str, number: u32, window: u32, largest_packet: u32) -> Vec<u8> {
    let mut packet = vec![msg::SSH_MSG_CHANNEL_OPEN];
    packet.put_string(kind);
    for value in [number, window, largest_packet] {
        packet.put_u32(value);
    }
    packet
}

pub(super) fn request(channel: u32, name: &str, want_reply: bool, put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut packet = message(msg::SSH_MSG_CHANNEL_REQUEST, channel);
    packet.put_string(name);
    packet.put_boolean(want_reply);
    put(&mut packet);
    packet
}

pub(super) fn message(number: u8, channel: u32) -> Vec<u8> {
    let mut packet = vec![number];
    packet.put_u32(channel);
    packet
}

pub(super) fn data(channel: u32, bytes: &[u8]) -> Vec<u8> {
    let mut packet = message(msg::SSH_MSG_CHANNEL_DATA, channel);
    packet.put_string(bytes);
    packet
}

pub(super) fn adjust(channel: u32, by: u32) -> Vec<u8> {
    let mut packet = message(msg::SSH_MSG_CHANNEL_WINDOW_ADJUST, channel);
    packet.put_u32(by);
    packet
}

/// The bytes of all data packets of one kind for a channel.
pub(super) fn data_in(packets: &[Vec<u8>], number: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    for packet in packets.iter().filter(|packet| packet[0] == number) {
        let mut reader = Reader::new(&packet[5..]);
        if number == msg::SSH_MSG_CHANNEL_EXTENDED_DATA {
            assert_eq!(reader.u32(), Ok(1));
        }
        bytes.extend_from_slice(reader.string().unwrap());
        reader.finish().unwrap();
    }
    bytes
}

/// What was given back of the window.
pub(super) fn adjusted(packets: &[Vec<u8>]) -> u32 {
    let adjustments = packets.iter().filter(|packet| packet[0] == msg::SSH_MSG_CHANNEL_WINDOW_ADJUST);
    adjustments.map(|packet| Reader::new(&packet[5..]).u32().unwrap()).sum()
}

/// The kinds of the packets, in order: message numbers, and the names of requests.
pub(super) fn kinds(packets: &[Vec<u8>]) -> Vec<String> {
    let kind = |packet: &Vec<u8>| match packet[0] {
        msg::SSH_MSG_CHANNEL_REQUEST => String::from_utf8_lossy(Reader::new(&packet[5..]).string().unwrap()).into(),
        number => number.to_string(),
    };
    packets.iter().map(kind).collect()
}
