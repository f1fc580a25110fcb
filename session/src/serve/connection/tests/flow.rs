//! Windows, half-closed channels, and data that nobody takes.

use std::io::Read;

use ipc::phases::LoggedInAnswer;
use proptest::prelude::*;
use wire::{Write, msg};

use super::*;
use crate::serve::test_runtime::in_runtime;

const WINDOW: usize = 2 * 1024 * 1024;

#[test]
fn data_beyond_the_window_ends_the_connection() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        bench.send(&open("session", 0, 0, 0));
        assert!(bench.try_send(&data(0, b"x")).is_err(), "there is no window before the command");

        let mut bench = Bench::new(terms());
        let _command = bench.start_command(0, 0).await;
        for _ in 0..64 {
            bench.send(&data(0, &[0; 32768]));
        }
        // The command has not read: what its pipe has taken is not worth giving back yet.
        assert_eq!(adjusted(&bench.sent()), 0);
        bench.send(&data(0, b""));
        let ending = bench.try_send(&data(0, b"x")).unwrap_err();
        assert_eq!(ending.to_string(), "channel 0: peer ignored channel window");
    });
}

#[test]
fn windows_of_the_peer_end_at_the_largest_number() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        let _command = bench.start_command(0, u32::MAX - 5).await;
        bench.send(&adjust(0, 5));
        assert!(bench.try_send(&adjust(0, 1)).is_err());
    });
}

#[test]
fn a_command_is_read_only_as_far_as_the_window_goes() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        let command = bench.start_command(0, 0).await;
        sys::fd::write(command.stdout.as_fd(), &[7; 50_000]).unwrap();
        sys::fd::write(command.stderr.as_fd(), b"err").unwrap();
        bench.send(&adjust(0, 5));
        bench.until(|packets| !packets.is_empty()).await;
        bench.send(&adjust(0, 0));
        assert_eq!(data_in(&bench.sent(), msg::SSH_MSG_CHANNEL_DATA).len(), 5);
        // While a key exchange is under way, nothing is read either.
        bench.wire.wants_data = false;
        bench.send(&adjust(0, 60_000));
        assert!(bench.sent().is_empty());
        bench.wire.wants_data = true;
        drop(command);
        bench.until(|packets| kinds(packets).contains(&"96".to_owned())).await;
        let sent = bench.sent();
        assert_eq!(data_in(&sent, msg::SSH_MSG_CHANNEL_DATA), [7; 49_995]);
        assert_eq!(data_in(&sent, msg::SSH_MSG_CHANNEL_EXTENDED_DATA), b"err");
        assert!(sent.iter().all(|packet| packet.len() <= 9 + 32768));
    });
}

#[test]
fn the_peers_largest_packet_is_kept() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        bench.send(&open("session", 0, 1000, 7));
        bench.send(&request(0, "shell", false, |_| {}));
        bench.asked();
        let pipes = || sys::fd::pipe(4096).unwrap();
        let ((_stdin, a), (b, stdout), (c, _stderr)) = (pipes(), pipes(), pipes());
        bench.monitor_says(LoggedInAnswer::Started { on_terminal: false }, &[a, b, c]).await;
        bench.sent();
        sys::fd::write(stdout.as_fd(), &[b'x'; 100]).unwrap();
        bench.until(|packets| data_in(packets, msg::SSH_MSG_CHANNEL_DATA).len() == 100).await;
        assert!(bench.sent().iter().all(|packet| packet.len() <= 9 + 7));
    });
}

#[test]
fn what_a_command_does_not_read_any_more_is_swallowed() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        let command = bench.start_command(0, 1000).await;
        drop(command.stdin);
        bench.send(&data(0, b"nobody reads this"));
        bench.until(|packets| kinds(packets) == ["eow@openssh.com"]).await;
        bench.sent();
        // The window comes back all the same, or the peer would stand still with the rest of the channel.
        let mut given_back = 0;
        for _ in 0..200 {
            bench.send(&data(0, &[0; 32768]));
            given_back += adjusted(&bench.sent());
        }
        assert!(given_back > 4 * WINDOW as u32 / 2);
    });
}

#[test]
fn a_peer_that_takes_no_more_ends_the_writer() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        let command = bench.start_command(0, 1_000_000).await;
        bench.send(&request(0, "eow@openssh.com", false, |_| {}));
        assert_eq!(kinds(&bench.sent()), ["96"]);
        let written = sys::fd::write(command.stdout.as_fd(), b"y\n");
        assert_eq!(written.unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
        // What the peer sends still arrives.
        bench.send(&data(0, b"to the end"));
        bench.send(&message(msg::SSH_MSG_CHANNEL_EOF, 0));
        let mut stdin = std::fs::File::from(command.stdin);
        let reading = std::thread::spawn(move || {
            let mut read = Vec::new();
            stdin.read_to_end(&mut read).unwrap();
            read
        });
        bench.until(|_| reading.is_finished()).await;
        assert_eq!(reading.join().unwrap(), b"to the end");
        bench.command_ends(0, 141).await;
        assert_eq!(kinds(&bench.sent()), ["exit-status", "97"]);
    });
}

#[test]
fn data_on_the_errors_stream_of_the_peer_costs_window_only() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        let _command = bench.start_command(0, 1000).await;
        let mut packet = message(msg::SSH_MSG_CHANNEL_EXTENDED_DATA, 0);
        packet.put_u32(1);
        packet.put_string([0; 32768]);
        let mut given_back = 0;
        for _ in 0..200 {
            bench.send(&packet);
            given_back += adjusted(&bench.sent());
        }
        assert!(given_back > 2 * WINDOW as u32);
    });
}

#[test]
fn what_came_before_a_close_reaches_the_command() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        let command = bench.start_command(0, 1000).await;
        let all: Vec<u8> = (0..300_000_u32).map(|number| number as u8).collect();
        for part in all.chunks(32768) {
            bench.send(&data(0, part));
        }
        bench.send(&message(msg::SSH_MSG_CHANNEL_CLOSE, 0));
        let mut stdin = std::fs::File::from(command.stdin);
        let reading = std::thread::spawn(move || {
            let mut read = Vec::new();
            stdin.read_to_end(&mut read).unwrap();
            read
        });
        bench.until(|_| reading.is_finished()).await;
        assert!(reading.join().unwrap() == all);
    });
}

#[test]
fn files_are_served_within_the_window() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        bench.send(&open("session", 0, 3, 32768));
        bench.sent();
        bench.send(&request(0, "subsystem", true, |rest| rest.put_string("sftp")));
        bench.asked();
        bench.monitor_says(LoggedInAnswer::ServeSftp { arguments: Vec::new() }, &[]).await;
        assert_eq!(kinds(&bench.sent()), ["93", "99"]);
        assert_eq!(bench.connection.take_new_title().as_deref(), Some("internal-sftp"));
        // SSH_FXP_INIT, version 3, in two parts.
        bench.send(&data(0, &[0, 0, 0, 5, 1, 0]));
        assert!(bench.sent().is_empty());
        bench.send(&data(0, &[0, 0, 3]));
        assert_eq!(data_in(&bench.sent(), msg::SSH_MSG_CHANNEL_DATA).len(), 3);
        bench.send(&message(msg::SSH_MSG_CHANNEL_EOF, 0));
        bench.send(&adjust(0, 1000));
        let sent = bench.sent();
        assert_eq!(data_in(&sent, msg::SSH_MSG_CHANNEL_DATA)[1..6], [2, 0, 0, 0, 3], "SSH_FXP_VERSION 3");
        bench
            .until(|packets| kinds(packets).contains(&"97".to_owned()) || kinds(&sent).contains(&"97".to_owned()))
            .await;
        let all = [kinds(&sent), kinds(&bench.sent())].concat();
        assert_eq!(all[all.len() - 3..], ["96", "exit-status", "97"]);
    });
}

/// What a peer and a command do, in any order.
#[derive(Debug, Clone)]
enum Step {
    PeerSends(usize),
    PeerAdjusts(u32),
    CommandReads(usize),
    CommandWrites(usize),
    Rekeying(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..40_000_usize).prop_map(Step::PeerSends),
        (0..50_000_u32).prop_map(Step::PeerAdjusts),
        (0..50_000_usize).prop_map(Step::CommandReads),
        (0..50_000_usize).prop_map(Step::CommandWrites),
        any::<bool>().prop_map(Step::Rekeying),
    ]
}

/// Bytes that tell where in the stream they belong.
fn stream(from: usize, count: usize) -> Vec<u8> {
    (from..from + count).map(|place| (place ^ (place >> 8) ^ (place >> 16)) as u8).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Both directions against a model that knows how much each side may send: every byte arrives, in order, never
    /// more than allowed, and nothing gets stuck.
    #[test]
    fn every_byte_arrives_and_no_window_is_exceeded(steps in prop::collection::vec(step(), 1..120)) {
        in_runtime(async {
            let mut bench = Bench::new(terms());
            let command = bench.start_command(0, 0).await;
            for end in [&command.stdin, &command.stdout] {
                sys::fd::set_nonblocking(end.as_fd(), true).unwrap();
            }
            let (mut we_may, mut peer_may) = (0_usize, WINDOW);
            let (mut to_command, mut read_by_command) = (0, 0);
            let (mut from_command, mut to_peer) = (0, 0);
            let mut buffer = vec![0; 50_000];
            for step in steps {
                match step {
                    Step::PeerSends(count) => {
                        let count = count.min(peer_may).min(32768);
                        bench.send(&data(0, &stream(to_command, count)));
                        to_command += count;
                        peer_may -= count;
                    }
                    Step::PeerAdjusts(by) => {
                        bench.send(&adjust(0, by));
                        we_may += by as usize;
                    }
                    Step::CommandReads(count) => {
                        let read = sys::fd::read(command.stdin.as_fd(), &mut buffer[..count]).unwrap_or(0);
                        assert_eq!(buffer[..read], stream(read_by_command, read));
                        read_by_command += read;
                    }
                    Step::CommandWrites(count) => {
                        from_command += sys::fd::write(command.stdout.as_fd(), &stream(from_command, count)).unwrap_or(0);
                    }
                    Step::Rekeying(on) => bench.wire.wants_data = !on,
                }
                tokio::task::yield_now().await;
                let mut cx = Context::from_waker(Waker::noop());
                bench.connection.pump(&mut cx, &mut bench.wire, &mut bench.link).unwrap();
                let sent = bench.sent();
                peer_may += adjusted(&sent) as usize;
                let arrived = data_in(&sent, msg::SSH_MSG_CHANNEL_DATA);
                assert!(arrived.is_empty() || bench.wire.wants_data);
                assert_eq!(arrived, stream(to_peer, arrived.len()));
                to_peer += arrived.len();
                assert!(to_peer <= we_may);
                assert!(to_command - read_by_command <= WINDOW + 4096, "memory and the command's pipe");
            }
            // Everybody goes on until all is done.
            bench.wire.wants_data = true;
            bench.send(&adjust(0, 10_000_000));
            bench.send(&message(msg::SSH_MSG_CHANNEL_EOF, 0));
            drop((command.stdout, command.stderr));
            sys::fd::set_nonblocking(command.stdin.as_fd(), false).unwrap();
            let mut stdin = std::fs::File::from(command.stdin);
            let reading = std::thread::spawn(move || {
                let mut rest = Vec::new();
                stdin.read_to_end(&mut rest).unwrap();
                rest
            });
            bench.until(|packets| kinds(packets).contains(&"96".to_owned())).await;
            bench.until(|_| reading.is_finished()).await;
            assert_eq!(reading.join().unwrap(), stream(read_by_command, to_command - read_by_command));
            let arrived = data_in(&bench.sent(), msg::SSH_MSG_CHANNEL_DATA);
            assert_eq!(arrived, stream(to_peer, from_command - to_peer));
        });
    }
}
