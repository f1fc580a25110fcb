//! The connection layer for `fuzz/`: in no build but that and the one for tests, where it is seen to work.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a fuzz target stops at what should not be"
)]

use std::future::poll_fn;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Waker};

use ipc::phases::{EndedHow, LoggedIn, LoggedInAnswer, LoggedInRequest, NotConnected};
use ipc::{Answering, Asking};
use wire::Write as _;

use super::connection::{Connection, IdleLimits, Packets, Received, Terms};
use super::monitor_link::MonitorLink;

/// Packets for nobody, until data is no longer wanted.
struct Discard {
    data_left: usize,
}

impl Packets for Discard {
    fn want_data(&self) -> bool {
        self.data_left > 0
    }

    fn send(&mut self, _payload: &[u8]) {}

    fn send_filled(&mut self, head: &[u8], at_most: usize, fill: impl FnOnce(&mut [u8]) -> usize) {
        let mut space = vec![0; at_most];
        let filled = fill(&mut space);
        assert!(filled <= at_most);
        self.data_left = self.data_left.saturating_sub(filled);
        let mut packet = head.to_vec();
        packet.put_string(&space[..filled]);
    }
}

/// Bytes of channel data that one input is answered with.
const MOST_DATA: usize = 1 << 20;

/// Receives packets of a peer who has logged in. The byte before each says what the monitor answers to what it is
/// asked because of it. Returns how many were taken before one ended the connection.
///
/// # Panics
/// On a mistake of the connection layer's.
pub fn receive<'a>(packets: impl Iterator<Item = (u8, &'a [u8])>) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    let (ours, theirs) = sys::fd::seqpacket_pair().expect("sockets");
    let mut link = MonitorLink::new(Asking::over(ours), None).expect("a link");
    sys::fd::set_nonblocking(theirs.as_fd(), true).expect("a socket that does not block");
    let mut monitor = Monitor { link: Answering::over(theirs), far_ends: Vec::new(), with_terminal: Vec::new() };
    let mut connection = Connection::new(terms(), IdleLimits::new(&[]));
    let mut wire = Discard { data_left: MOST_DATA };
    let mut cx = Context::from_waker(Waker::noop());
    let mut taken = 0;
    for (choice, packet) in packets {
        let Ok(received) = connection.receive(packet, &mut cx, &mut link) else { break };
        for _ in 0..monitor.answer(choice) {
            let heard = runtime.block_on(poll_fn(|cx| link.poll_heard(cx))).expect("what the monitor has said");
            connection.heard(heard, &mut link).expect("an answer to what was asked");
        }
        if received == Received::Held && connection.receive_held(&mut cx, &mut link).is_err() {
            break;
        }
        if connection.pump(&mut cx, &mut wire, &mut link).is_err() {
            break;
        }
        let _ = connection.take_new_title();
        taken += 1;
    }
    connection.quiet();
    connection.abandon(&mut link);
    taken
}

fn terms() -> Terms {
    // Without internal-sftp, which asks the monitor for names and waits; the protocol has a target of its own.
    Terms {
        for_client_log: vec!["authorized_keys:1: key options: pty".to_owned()],
        rates: Default::default(),
        max_sessions: 3,
        accept_env: vec!["LANG".to_owned(), "LC_*".to_owned()],
        free_memory: 0,
        terminal: true,
        sftp: None,
        peer_is_openssh: true,
        announced_host_keys: vec![b"one".to_vec(), b"two".to_vec()],
    }
}

struct Monitor {
    link: Answering<LoggedIn>,
    /// What commands would hold.
    far_ends: Vec<OwnedFd>,
    /// Sessions.
    with_terminal: Vec<u32>,
}

impl Monitor {
    /// Answers what was asked, one way or the other; returns how often it has spoken.
    fn answer(&mut self, choice: u8) -> usize {
        let mut spoken = 0;
        while let Ok(request) = self.link.receive() {
            let refuses = choice & 1 != 0;
            match request {
                LoggedInRequest::OpenTerminal { .. }
                | LoggedInRequest::Start { .. }
                | LoggedInRequest::ProveHostKeys(_)
                    if refuses =>
                {
                    self.say(LoggedInAnswer::Refused { why: "chosen".to_owned() }, &[]);
                }
                LoggedInRequest::ProveHostKeys(keys) => self.say(LoggedInAnswer::HostKeysProven(keys), &[]),
                LoggedInRequest::OpenTerminal { session, .. } => {
                    self.with_terminal.push(session);
                    let (near, far) = sys::fd::seqpacket_pair().expect("sockets");
                    self.far_ends.push(far);
                    self.say(LoggedInAnswer::Terminal { name: "/dev/pts/0".to_owned() }, &[near]);
                }
                LoggedInRequest::Start { session, .. } => {
                    self.start_command(session);
                    spoken += 1;
                    if choice & 2 == 0 {
                        continue;
                    }
                    let how = if choice & 4 == 0 {
                        EndedHow::Status(1)
                    } else {
                        EndedHow::Signal { name: "TERM".to_owned(), core_dumped: true }
                    };
                    self.say(LoggedInAnswer::Ended { session, how }, &[]);
                }
                LoggedInRequest::Connect { number, .. } if refuses => {
                    let why = NotConnected::Failed("chosen".to_owned());
                    self.say(LoggedInAnswer::NotConnected { number, why }, &[]);
                }
                LoggedInRequest::Connect { number, .. } => {
                    let socket = self.socket();
                    self.say(LoggedInAnswer::Connected { number }, &[socket]);
                }
                LoggedInRequest::Listen { number, .. } if refuses => {
                    self.say(LoggedInAnswer::NotListening { number, tell: Some("chosen".to_owned()) }, &[]);
                }
                LoggedInRequest::Listen { number, .. } => {
                    let socket = self.socket();
                    self.say(LoggedInAnswer::Listening { number, port: 80, sockets: 1, tell: None }, &[socket]);
                }
                _ => continue,
            }
            spoken += 1;
        }
        spoken
    }

    /// Connected to somebody who says nothing.
    fn socket(&mut self) -> OwnedFd {
        let (near, far) = sys::fd::seqpacket_pair().expect("sockets");
        self.far_ends.push(far);
        near
    }

    fn start_command(&mut self, session: u32) {
        if self.with_terminal.contains(&session) {
            return self.say(LoggedInAnswer::Started { on_terminal: true }, &[]);
        }
        let (stdin, to_stdin) = sys::fd::pipe(4096).expect("a pipe");
        let (from_stdout, stdout) = sys::fd::pipe(65536).expect("a pipe");
        let (from_stderr, stderr) = sys::fd::pipe(65536).expect("a pipe");
        sys::fd::write(stdout.as_fd(), &[b'o'; 5000]).expect("room in a pipe");
        sys::fd::write(stderr.as_fd(), b"error").expect("room in a pipe");
        self.far_ends.push(stdin);
        self.say(LoggedInAnswer::Started { on_terminal: false }, &[to_stdin, from_stdout, from_stderr]);
    }

    fn say(&self, answer: LoggedInAnswer, descriptors: &[OwnedFd]) {
        let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
        self.link.answer(&answer, &borrowed).expect("an answer");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(number: u8, fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut packet = vec![number];
        fill(&mut packet);
        packet
    }

    #[test]
    fn whatever_the_monitor_answers_to_a_session_it_goes_on() {
        let open = packet(90, |fields| {
            fields.put_string("session");
            [7, 1 << 21, 1 << 15].into_iter().for_each(|number| fields.put_u32(number));
        });
        let request = |name: &str, more: &dyn Fn(&mut Vec<u8>)| {
            packet(98, |fields| {
                fields.put_u32(0);
                fields.put_string(name);
                fields.push(1);
                more(fields);
            })
        };
        let terminal = request("pty-req", &|fields| {
            fields.put_string("vt100");
            [80, 24, 0, 0].into_iter().for_each(|number| fields.put_u32(number));
            fields.put_string("");
        });
        let command = request("exec", &|fields| fields.put_string("true"));
        let beyond = packet(94, |fields| {
            fields.put_u32(99);
            fields.put_string("no such channel");
        });
        let packets = [open, terminal, command, beyond];
        for choice in 0..8 {
            assert_eq!(receive(packets.iter().map(|packet| (choice, packet.as_slice()))), 3, "{choice}");
        }
    }
}
