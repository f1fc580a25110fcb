//! Forwarded connections both ways, and peers that do not keep to the rules about them.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use events::session::Event;
use ipc::forwarding::{ConnectTo, ListenOn};
use ipc::phases::{LoggedInAnswer, LoggedInRequest, NotConnected};
use wire::{Reader, Write, msg};

use super::*;
use crate::serve::test_runtime::in_runtime;

/// `direct-tcpip` to `db:5432`.
fn direct(channel: u32, window: u32) -> Vec<u8> {
    let mut packet = open("direct-tcpip", channel, window, 32768);
    packet.put_string("db");
    packet.put_u32(5432);
    packet.put_string("192.0.2.1");
    packet.put_u32(40000);
    packet
}

fn listen_request(name: &str, want_reply: bool, host: &str, port: u32) -> Vec<u8> {
    let mut packet = vec![msg::SSH_MSG_GLOBAL_REQUEST];
    packet.put_string(name);
    packet.put_boolean(want_reply);
    packet.put_string(host);
    packet.put_u32(port);
    packet
}

fn confirmation(channel: u32, theirs: u32, window: u32) -> Vec<u8> {
    let mut packet = message(msg::SSH_MSG_CHANNEL_OPEN_CONFIRMATION, channel);
    [theirs, window, 32768].into_iter().for_each(|number| packet.put_u32(number));
    packet
}

impl Bench {
    /// Opens a channel, which gets this number, to a socket whose other end is returned.
    async fn connect(&mut self, number: u32, window: u32) -> UnixStream {
        self.send(&direct(number, window));
        assert!(matches!(self.asked(), LoggedInRequest::Connect { number: asked, .. } if asked == number));
        let (near, far) = UnixStream::pair().unwrap();
        self.monitor_says(LoggedInAnswer::Connected { number }, &[near.into()]).await;
        let sent = self.sent();
        assert_eq!(kinds(&sent), ["91"]);
        far
    }

    /// What comes out of the far end of a forwarded connection until its end.
    async fn all_that_arrives(&mut self, far: &impl AsFd) -> Vec<u8> {
        let mut far = std::fs::File::from(far.as_fd().try_clone_to_owned().unwrap());
        let reading = std::thread::spawn(move || {
            let mut read = Vec::new();
            far.read_to_end(&mut read).unwrap();
            read
        });
        self.until(|_| reading.is_finished()).await;
        reading.join().unwrap()
    }

    /// A forwarding of `localhost` and a port of the system's choice, which is returned.
    async fn listen(&mut self) -> u16 {
        self.send(&listen_request("tcpip-forward", true, "localhost", 0));
        let LoggedInRequest::Listen { number, on } = self.asked() else { panic!("another request") };
        assert_eq!(on, ListenOn::Tcp { host: "localhost".to_owned(), port: 0 });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = LoggedInAnswer::Listening { number, port, sockets: 1, tell: None };
        self.monitor_says(answer, &[listener.into()]).await;
        let mut reply = vec![msg::SSH_MSG_REQUEST_SUCCESS];
        reply.put_u32(u32::from(port));
        assert_eq!(self.sent(), [reply]);
        port
    }
}

/// `tun@openssh.com` (PROTOCOL section 2.3): each message is one packet, behind the number of its address family.
#[test]
fn a_device_gives_and_takes_whole_packets() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        let mut packet = open("tun@openssh.com", 7, 1000, 32768);
        [1, 3].into_iter().for_each(|number| packet.put_u32(number));
        bench.send(&packet);
        assert!(matches!(bench.asked(), LoggedInRequest::OpenTunnel { number: 0, mode: 1, unit: 3 }));
        bench.monitor_says(LoggedInAnswer::NotConnected { number: 0, why: NotConnected::Prohibited }, &[]).await;
        let sent = bench.sent();
        assert_eq!(kinds(&sent), ["4", "92"]);
        assert_eq!(&sent[0][6..], b"Server has rejected tunnel device forwarding\0\0\0\0");
        assert_eq!(Reader::new(&sent[1][5..]).u32().unwrap(), msg::SSH_OPEN_ADMINISTRATIVELY_PROHIBITED);

        bench.send(&packet);
        assert!(matches!(bench.asked(), LoggedInRequest::OpenTunnel { .. }));
        // A socket that keeps the borders of messages stands for the device.
        let (near, far) = sys::fd::seqpacket_pair().unwrap();
        bench.monitor_says(LoggedInAnswer::Connected { number: 0 }, &[near]).await;
        assert_eq!(kinds(&bench.sent()), ["91"]);
        bench.send(&data(0, &[0, 0, 0, 2, 0x45, 1, 2]));
        bench.send(&data(0, &[0, 0, 0, 99, 0x45]));
        let mut came = [0; 100];
        assert_eq!(sys::fd::read(far.as_fd(), &mut came).unwrap(), 3, "the second is no packet");
        assert_eq!(came[..3], [0x45, 1, 2]);
        sys::fd::write(far.as_fd(), &[0x60, 9]).unwrap();
        bench.until(|packets| !packets.is_empty()).await;
        let mut expected = message(msg::SSH_MSG_CHANNEL_DATA, 7);
        expected.put_string([0, 0, 0, 24, 0x60, 9]);
        assert_eq!(bench.sent(), [expected]);
    });
}

#[test]
fn what_the_monitor_reaches_is_a_channel_with_two_halves() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        bench.send(&direct(7, 100));
        let LoggedInRequest::Connect { number: 0, to, originator } = bench.asked() else { panic!("another request") };
        assert_eq!(to, ConnectTo::Tcp { host: "db".to_owned(), port: 5432 });
        assert_eq!((originator.address.as_str(), originator.port), ("192.0.2.1", 40000));
        let (near, mut far) = UnixStream::pair().unwrap();
        bench.monitor_says(LoggedInAnswer::Connected { number: 0 }, &[near.into()]).await;
        let mut confirmed = vec![msg::SSH_MSG_CHANNEL_OPEN_CONFIRMATION];
        [7, 0, 2 * 1024 * 1024, 32768].into_iter().for_each(|number| confirmed.put_u32(number));
        assert_eq!(bench.sent(), [confirmed]);

        bench.send(&data(0, b"question"));
        bench.send(&message(msg::SSH_MSG_CHANNEL_EOF, 0));
        assert_eq!(bench.all_that_arrives(&far).await, b"question", "and the end of the file behind it");
        far.write_all(b"answer").unwrap();
        bench.until(|packets| !packets.is_empty()).await;
        assert_eq!(data_in(&bench.sent(), msg::SSH_MSG_CHANNEL_DATA), b"answer");
        drop(far);
        bench.until(|packets| kinds(packets).contains(&"97".to_owned())).await;
        assert_eq!(kinds(&bench.sent()), ["96", "97"]);
        bench.send(&message(msg::SSH_MSG_CHANNEL_CLOSE, 0));
        let LoggedInRequest::Record(Event::ChannelEnded { destination, usage, .. }) = bench.asked() else {
            panic!("no account")
        };
        assert_eq!((destination.as_str(), usage.sent, usage.received), ("db:5432", 6, 8));
        assert_eq!(bench.connection.channels.end(), 0);
    });
}

#[test]
fn the_end_of_one_side_leaves_the_other_open() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        // No window at all: an end needs none.
        let far = bench.connect(0, 0).await;
        far.shutdown(std::net::Shutdown::Write).unwrap();
        bench.until(|packets| kinds(packets) == ["96"]).await;
        bench.send(&data(0, b"still read"));
        bench.send(&message(msg::SSH_MSG_CHANNEL_CLOSE, 0));
        assert_eq!(bench.all_that_arrives(&far).await, b"still read");
        bench.until(|packets| kinds(packets).contains(&"97".to_owned())).await;
        assert_eq!(bench.connection.channels.end(), 0);
    });
}

#[test]
fn refusals_say_why() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        let cases = [
            (NotConnected::Prohibited, msg::SSH_OPEN_ADMINISTRATIVELY_PROHIBITED, "open failed"),
            (NotConnected::Failed("Connection refused".to_owned()), msg::SSH_OPEN_CONNECT_FAILED, "Connection refused"),
        ];
        for (why, reason, text) in cases {
            bench.send(&direct(3, 0));
            bench.asked();
            // Not open yet: nobody has been told its number.
            bench.monitor_says(LoggedInAnswer::NotConnected { number: 0, why }, &[]).await;
            let mut refusal = message(msg::SSH_MSG_CHANNEL_OPEN_FAILURE, 3);
            refusal.put_u32(reason);
            refusal.put_string(text);
            refusal.put_string("");
            assert_eq!(bench.sent(), [refusal]);
            assert_eq!(bench.connection.channels.end(), 0);
        }
        bench.send(&direct(3, 0));
        assert!(bench.try_send(&data(0, b"x")).is_err(), "not open yet");
    });
}

#[test]
fn the_monitor_answers_what_was_asked_and_nothing_else() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        bench.send(&open("session", 0, 0, 0));
        for answer in [
            LoggedInAnswer::NotConnected { number: 0, why: NotConnected::Prohibited },
            LoggedInAnswer::NotConnected { number: 9, why: NotConnected::Prohibited },
            LoggedInAnswer::NotListening { number: 0, tell: None },
        ] {
            bench.monitor.answer(&answer, &[]).unwrap();
            let heard = poll_fn(|cx| bench.link.poll_heard(cx)).await.unwrap();
            assert!(bench.connection.heard(heard, &mut bench.link).is_err(), "{answer:?}");
        }
    });
}

#[test]
fn who_connects_becomes_a_channel_when_the_peer_takes_it() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        let port = bench.listen().await;
        let mut somebody = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let from = somebody.local_addr().unwrap();
        somebody.write_all(b"early").unwrap();
        bench.until(|packets| !packets.is_empty()).await;
        let mut offered = vec![msg::SSH_MSG_CHANNEL_OPEN];
        offered.put_string("forwarded-tcpip");
        [0, 2 * 1024 * 1024, 32768].into_iter().for_each(|number| offered.put_u32(number));
        offered.put_string("localhost");
        offered.put_u32(u32::from(port));
        offered.put_string("127.0.0.1");
        offered.put_u32(u32::from(from.port()));
        assert_eq!(bench.sent(), [offered]);
        bench.send(&confirmation(0, 44, 1000));
        bench.until(|packets| !packets.is_empty()).await;
        assert_eq!(data_in(&bench.sent(), msg::SSH_MSG_CHANNEL_DATA), b"early");

        // One that the peer does not take is closed.
        let mut unwanted = TcpStream::connect(("127.0.0.1", port)).unwrap();
        bench.until(|packets| !packets.is_empty()).await;
        let mut refusal = message(msg::SSH_MSG_CHANNEL_OPEN_FAILURE, 1);
        refusal.put_u32(msg::SSH_OPEN_CONNECT_FAILED);
        refusal.put_string("busy");
        refusal.put_string("");
        bench.send(&refusal);
        let told = Event::ChannelNotOpened { channel: 1, reason: 2, text: "busy".to_owned() };
        assert!(matches!(bench.asked(), LoggedInRequest::Record(event) if event == told));
        assert_eq!(unwanted.read(&mut [0]).unwrap(), 0, "closed");

        // No more are taken in, but who is connected stays so.
        bench.send(&listen_request("cancel-tcpip-forward", true, "localhost", u32::from(port)));
        assert!(matches!(bench.asked(), LoggedInRequest::StopListening { number: 0 }));
        assert_eq!(bench.sent().last().unwrap(), &[msg::SSH_MSG_REQUEST_SUCCESS]);
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        bench.send(&data(0, b"late"));
        bench.send(&message(msg::SSH_MSG_CHANNEL_EOF, 0));
        assert_eq!(bench.all_that_arrives(&somebody).await, b"late");
        bench.send(&listen_request("cancel-tcpip-forward", true, "localhost", u32::from(port)));
        assert_eq!(bench.sent(), [[msg::SSH_MSG_REQUEST_FAILURE]], "twice");
    });
}

#[test]
fn replies_come_in_the_order_of_the_requests() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        bench.send(&listen_request("tcpip-forward", true, "", 80));
        let LoggedInRequest::Listen { number, .. } = bench.asked() else { panic!("another request") };
        let keepalive = {
            let mut packet = vec![msg::SSH_MSG_GLOBAL_REQUEST];
            packet.put_string("no-more-sessions@openssh.com");
            packet.put_boolean(true);
            packet
        };
        assert_eq!(bench.try_send(&keepalive).unwrap(), Received::Held);
        assert!(bench.sent().is_empty());
        let tell = Some("Server has disabled port forwarding.".to_owned());
        bench.monitor_says(LoggedInAnswer::NotListening { number, tell }, &[]).await;
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(bench.connection.receive_held(&mut cx, &mut bench.link).unwrap(), Received::Done);
        bench.connection.pump(&mut cx, &mut bench.wire, &mut bench.link).unwrap();
        assert_eq!(kinds(&bench.sent()), ["4", "82", "81"]);
    });
}

#[test]
fn a_port_of_our_choice_that_nobody_hears_of_is_not_opened() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        bench.send(&listen_request("tcpip-forward", false, "", 0));
        bench.send(&listen_request("cancel-tcpip-forward", true, "", 0));
        assert_eq!(bench.sent(), [[msg::SSH_MSG_REQUEST_FAILURE]]);
        bench.send(&listen_request("tcpip-forward", true, &"x".repeat(2000), 80));
        assert_eq!(bench.sent(), [[msg::SSH_MSG_REQUEST_FAILURE]], "longer than any name");
    });
}

#[test]
fn answers_to_channels_that_we_do_not_open_end_the_connection() {
    in_runtime(async {
        let mut refusal = message(msg::SSH_MSG_CHANNEL_OPEN_FAILURE, 0);
        refusal.put_u32(2);
        refusal.put_string("");
        refusal.put_string("");
        for packet in [confirmation(0, 1, 1), refusal] {
            let mut bench = Bench::new(terms());
            assert!(bench.try_send(&packet).is_err());
            bench.send(&direct(0, 0));
            assert!(bench.try_send(&packet).is_err(), "opened by the peer, not by us");
            let mut bench = Bench::new(terms());
            bench.send(&open("session", 0, 0, 0));
            assert!(bench.try_send(&packet).is_err(), "open already");
        }
    });
}

#[test]
fn ten_thousand_forwarded_connections_leave_nothing() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        for _ in 0..10_000 {
            let far = bench.connect(0, 100).await;
            bench.send(&message(msg::SSH_MSG_CHANNEL_CLOSE, 0));
            drop(far);
            bench.until(|packets| kinds(packets).contains(&"97".to_owned())).await;
            bench.sent();
            assert!(matches!(bench.asked(), LoggedInRequest::Record(Event::ChannelEnded { .. })));
        }
        assert_eq!(bench.connection.channels.end(), 0);
        assert!(std::fs::read_dir("/proc/self/fd").unwrap().count() < 500);
    });
}

#[test]
fn opens_without_end_stop_at_the_table() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        for number in 0..10_000 {
            bench.send(&direct(number, 0));
            bench.asked();
        }
        bench.send(&direct(10_000, 0));
        let sent = bench.sent();
        assert_eq!(kinds(&sent), ["92"]);
        assert_eq!(Reader::new(&sent[0][5..]).u32(), Ok(msg::SSH_OPEN_RESOURCE_SHORTAGE));
    });
}

#[test]
fn a_peer_that_answers_nothing_is_not_offered_more_and_more() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        let port = bench.listen().await;
        let connections: Vec<_> = (0..120).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
        bench.until(|packets| packets.len() == 120).await;
        let more: Vec<_> = (0..100).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
        bench.until(|packets| packets.len() == 128).await;
        tokio::task::yield_now().await;
        bench.until(|_| true).await;
        assert_eq!(bench.sent().len(), 128);
        drop((connections, more));
    });
}
