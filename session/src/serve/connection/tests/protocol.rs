//! Opening, requests, replies, ends and hostile peers.

use events::session::Event;
use ipc::phases::{LoggedInAnswer, LoggedInRequest, Wanted};
use proptest::prelude::*;
use wire::{Reader, Write, msg};

use super::*;
use crate::serve::test_runtime::in_runtime;

fn failure_reason(packet: &[u8]) -> u32 {
    assert_eq!(packet[0], msg::SSH_MSG_CHANNEL_OPEN_FAILURE);
    Reader::new(&packet[5..]).u32().unwrap()
}

fn put_terminal(rest: &mut Vec<u8>) {
    rest.put_string("xterm");
    for number in [80, 24, 0, 0] {
        rest.put_u32(number);
    }
    rest.put_string([0]);
}

#[test]
fn a_session_opens_without_a_window_and_gets_one_with_its_command() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        bench.send(&open("session", 77, 10, 10));
        let mut confirmation = vec![msg::SSH_MSG_CHANNEL_OPEN_CONFIRMATION];
        for number in [77, 0, 0, 32768] {
            confirmation.put_u32(number);
        }
        assert_eq!(bench.sent(), [confirmation]);
        bench.send(&request(0, "subsystem", true, |rest| rest.put_string("x")));
        assert!(matches!(
            bench.asked(),
            LoggedInRequest::Start { session: 0, what: Wanted::Subsystem(name), .. } if name == "x"
        ));
        bench.monitor_says(LoggedInAnswer::Refused { why: String::new() }, &[]).await;
        assert_eq!(bench.sent(), [message(msg::SSH_MSG_CHANNEL_FAILURE, 77)]);
        // It can still be tried otherwise.
        bench.send(&request(0, "shell", true, |_| {}));
        bench.asked();
        let pipes = || sys::fd::pipe(4096).unwrap();
        let ((_stdin, a), (b, _stdout), (c, _stderr)) = (pipes(), pipes(), pipes());
        bench.monitor_says(LoggedInAnswer::Started { on_terminal: false }, &[a, b, c]).await;
        let sent = bench.sent();
        assert_eq!(sent, [adjust(77, 2 * 1024 * 1024), message(msg::SSH_MSG_CHANNEL_SUCCESS, 77)]);
        // But not twice.
        bench.send(&request(0, "shell", true, |_| {}));
        assert_eq!(bench.sent(), [message(msg::SSH_MSG_CHANNEL_FAILURE, 77)]);
    });
}

#[test]
fn sessions_are_counted_until_their_command_has_ended() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        let _first = bench.start_command(0, 0).await;
        bench.send(&open("session", 1, 0, 0));
        bench.sent();
        bench.send(&open("session", 2, 0, 0));
        assert_eq!(failure_reason(&bench.sent()[0]), msg::SSH_OPEN_CONNECT_FAILED);
        assert!(matches!(bench.asked(), LoggedInRequest::Record(Event::NoMoreSessions)));
        // The peer closes, the command runs on.
        bench.send(&message(msg::SSH_MSG_CHANNEL_CLOSE, 0));
        assert!(bench.sent().is_empty());
        bench.send(&open("session", 2, 0, 0));
        assert_eq!(failure_reason(&bench.sent()[0]), msg::SSH_OPEN_CONNECT_FAILED);
        assert!(matches!(bench.asked(), LoggedInRequest::Record(Event::NoMoreSessions)));
        bench.command_ends(0, 0).await;
        assert_eq!(kinds(&bench.sent()), ["exit-status", "97"]);
        assert!(matches!(bench.asked(), LoggedInRequest::CloseSession { session: 0, .. }));
        bench.send(&open("session", 2, 0, 0));
        assert_eq!(bench.sent()[0][0], msg::SSH_MSG_CHANNEL_OPEN_CONFIRMATION);
    });
}

#[test]
fn what_is_not_offered_is_refused_for_the_right_reason() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        for (kind, reason) in [("x11", msg::SSH_OPEN_UNKNOWN_CHANNEL_TYPE), ("", msg::SSH_OPEN_UNKNOWN_CHANNEL_TYPE)] {
            let mut packet = open(kind, 5, 0, 0);
            packet.put_string("more that belongs to it");
            bench.send(&packet);
            assert_eq!(failure_reason(&bench.sent()[0]), reason, "{kind}");
        }
    });
}

#[test]
fn global_requests_that_nobody_knows_fail() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        for (name, want_reply, answer) in [
            ("keepalive@openssh.com", true, Some(msg::SSH_MSG_REQUEST_FAILURE)),
            ("made-up@example.org", true, Some(msg::SSH_MSG_REQUEST_FAILURE)),
            ("made-up@example.org", false, None),
            ("no-more-sessions@openssh.com", true, Some(msg::SSH_MSG_REQUEST_SUCCESS)),
        ] {
            let mut packet = vec![msg::SSH_MSG_GLOBAL_REQUEST];
            packet.put_string(name);
            packet.put_boolean(want_reply);
            bench.send(&packet);
            assert_eq!(bench.sent(), answer.map(|number| vec![number]).into_iter().collect::<Vec<_>>(), "{name}");
        }
        let ending = bench.try_send(&open("session", 0, 0, 0)).unwrap_err();
        assert!(ending.to_string().starts_with("Possible attack"), "{ending}");
    });
}

#[test]
fn replies_keep_the_order_of_pipelined_requests() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        bench.send(&open("session", 9, 0, 0));
        bench.sent();
        bench.send(&request(0, "env", true, |rest| {
            rest.put_string("LANG");
            rest.put_string("C");
        }));
        bench.send(&request(0, "env", true, |rest| {
            rest.put_string("LD_PRELOAD");
            rest.put_string("/evil.so");
        }));
        bench.send(&request(0, "pty-req", true, put_terminal));
        assert_eq!(kinds(&bench.sent()), ["99", "100"]);
        assert!(matches!(bench.asked(), LoggedInRequest::OpenTerminal { session: 0, .. }));
        // Nothing for this channel is looked at before the monitor has answered; others go on.
        let shell = request(0, "shell", true, |_| {});
        assert_eq!(bench.try_send(&shell).unwrap(), Received::Held);
        let pty = sys::pty::open(None).unwrap();
        bench.monitor_says(LoggedInAnswer::Terminal { name: pty.name }, &[pty.master]).await;
        assert_eq!(kinds(&bench.sent()), ["99"]);
        assert!(bench.connection.take_new_title().unwrap().starts_with("pts/"));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(bench.connection.receive_held(&mut cx, &mut bench.link).unwrap(), Received::Done);
        let LoggedInRequest::Start { environment, .. } = bench.asked() else { panic!("no start") };
        assert_eq!(environment, [("LANG".to_owned(), b"C".to_vec())]);
        bench.monitor_says(LoggedInAnswer::Started { on_terminal: true }, &[]).await;
        assert_eq!(kinds(&bench.sent()), ["93", "99"]);
        // The last user of the terminal goes: that is its end of file.
        drop(pty.slave);
        bench.until(|packets| kinds(packets).contains(&"96".to_owned())).await;
        bench.command_ends(0, 0).await;
        bench.until(|packets| kinds(packets).contains(&"97".to_owned())).await;
    });
}

#[test]
fn terminals_are_given_once_and_only_if_allowed() {
    in_runtime(async {
        let mut bench = Bench::new(Terms { terminal: false, ..terms() });
        bench.send(&open("session", 0, 0, 0));
        bench.sent();
        bench.send(&request(0, "pty-req", true, put_terminal));
        assert_eq!(kinds(&bench.sent()), ["100"]);

        let mut bench = Bench::new(terms());
        bench.send(&open("session", 0, 0, 0));
        bench.send(&request(0, "pty-req", false, put_terminal));
        bench.asked();
        let pty = sys::pty::open(None).unwrap();
        bench.monitor_says(LoggedInAnswer::Terminal { name: pty.name }, &[pty.master]).await;
        assert!(bench.try_send(&request(0, "pty-req", true, put_terminal)).is_err());
    });
}

#[test]
fn unknown_requests_fail_and_signals_are_passed_on() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        let _command = bench.start_command(0, 0).await;
        bench.send(&request(0, "xon-xoff", true, |rest| rest.put_boolean(true)));
        bench.send(&request(0, "made-up", true, |_| {}));
        bench.send(&request(0, "made-up", false, |rest| rest.put_u32(9)));
        bench.send(&request(0, "signal", true, |rest| rest.put_string("INT")));
        bench.send(&request(0, "signal", true, |rest| rest.put_string("STOP")));
        bench.send(&request(0, "break", true, |rest| rest.put_u32(500)));
        assert_eq!(kinds(&bench.sent()), ["100", "100", "99", "100", "100"]);
        assert!(matches!(bench.asked(), LoggedInRequest::Signal { session: 0, name } if name == "INT"));
    });
}

#[test]
fn status_comes_after_the_output_but_does_not_wait_for_the_background() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        let command = bench.start_command(0, 1000).await;
        sys::fd::write(command.stdout.as_fd(), b"last words").unwrap();
        let background = command.stdout.try_clone().unwrap();
        drop(command);
        bench.until(|packets| !packets.is_empty()).await;
        bench.command_ends(0, 6).await;
        bench.until(|packets| kinds(packets).contains(&"exit-status".to_owned())).await;
        assert_eq!(kinds(&bench.sent()), ["94", "eow@openssh.com", "exit-status"]);
        sys::fd::write(background.as_fd(), b"more").unwrap();
        drop(background);
        bench.until(|packets| kinds(packets).contains(&"97".to_owned())).await;
        assert_eq!(kinds(&bench.sent()), ["94", "96", "97"]);
        bench.send(&message(msg::SSH_MSG_CHANNEL_CLOSE, 0));
        assert!(bench.connection.channels.find(0).is_none());
        assert!(bench.try_send(&message(msg::SSH_MSG_CHANNEL_CLOSE, 0)).is_err(), "it is forgotten");
    });
}

#[test]
fn ten_thousand_opens_and_closes_leave_nothing() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        let open_files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let command = bench.start_command(0, 0).await;
        drop(command);
        let before = open_files();
        for _ in 0..10_000 {
            bench.send(&open("session", 4, 0, 0));
            bench.send(&message(msg::SSH_MSG_CHANNEL_CLOSE, 1));
            assert_eq!(kinds(&bench.sent()).last().unwrap(), "97");
        }
        for _ in 0..200 {
            bench.send(&open("session", 4, 0, 0));
            bench.send(&request(1, "shell", false, |_| {}));
            let LoggedInRequest::Start { session, .. } = bench.asked() else { panic!("no start") };
            let pipes = || sys::fd::pipe(4096).unwrap();
            let ((_stdin, a), (b, stdout), (c, stderr)) = (pipes(), pipes(), pipes());
            bench.monitor_says(LoggedInAnswer::Started { on_terminal: false }, &[a, b, c]).await;
            drop((stdout, stderr));
            bench.command_ends(session, 0).await;
            bench.until(|packets| kinds(packets).contains(&"97".to_owned())).await;
            bench.sent();
            bench.send(&message(msg::SSH_MSG_CHANNEL_CLOSE, 1));
            assert!(matches!(bench.asked(), LoggedInRequest::CloseSession { .. }));
        }
        assert_eq!(bench.connection.channels.end(), 1);
        // Other tests of this process open and close files at the same time: a leak would be 600 of them.
        assert!(open_files() < before + 300, "{before} {}", open_files());
    });
}

#[test]
fn unknown_channels_and_impossible_messages_end_the_connection() {
    in_runtime(async {
        for number in msg::SSH_MSG_CHANNEL_OPEN_CONFIRMATION..=msg::SSH_MSG_CHANNEL_FAILURE {
            let mut bench = Bench::new(terms());
            let mut packet = message(number, 3);
            packet.put_u32(0);
            assert!(matches!(bench.try_send(&packet), Err(Ending::Violation(_))), "{number}");
        }
        let mut bench = Bench::new(terms());
        assert_eq!(bench.try_send(&[msg::SSH_MSG_USERAUTH_REQUEST, 1, 2]).unwrap(), Received::Done, "ignored");
        assert_eq!(bench.try_send(&[msg::SSH_MSG_SERVICE_REQUEST]).unwrap(), Received::Unknown);
        assert_eq!(bench.try_send(&[200]).unwrap(), Received::Unknown);
        assert!(bench.try_send(&open("session", 0, 0, 0)[..9]).is_err(), "cut off");
    });
}

proptest! {
    /// Well-formed heads with anything behind them, in any order: no panic, and nothing but packets or an end.
    #[test]
    fn a_peer_may_say_anything(packets in prop::collection::vec(
        (80_u8..101, 0_u32..4, prop::collection::vec(any::<u8>(), 0..40)), 1..40,
    )) {
        in_runtime(async {
            let mut bench = Bench::new(terms());
            bench.send(&open("session", 0, 100, 100));
            let _command = bench.start_command(1, 100).await;
            for (number, channel, rest) in packets {
                let mut packet = message(number, channel);
                packet.extend(rest);
                if !matches!(bench.try_send(&packet), Ok(Received::Done)) {
                    break;
                }
            }
        });
    }
}
