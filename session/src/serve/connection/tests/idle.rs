//! ChannelTimeout, UnusedConnectionTimeout and IPQoS: what is watched, and what is closed.

use std::time::Duration;

use settings::values::{ChannelTimeout, Seconds};
use tokio::time::Instant;

use super::*;
use crate::serve::test_runtime::in_runtime;

fn timeouts(all: &[(&str, u32)]) -> Vec<ChannelTimeout> {
    all.iter()
        .map(|(name, seconds)| ChannelTimeout {
            channel_type: (*name).to_owned(),
            timeout: Seconds(*seconds),
            written: String::new(),
        })
        .collect()
}

impl Bench {
    /// Closes what has expired so many seconds from now; the kinds of the packets sent because of it.
    fn after(&mut self, seconds: u64) -> Vec<String> {
        let now = Instant::now() + Duration::from_secs(seconds);
        self.connection.close_idle(now, &mut self.link).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        self.connection.pump(&mut cx, &mut self.wire, &mut self.link).unwrap();
        kinds(&self.sent())
    }

    fn deadline_in_seconds(&self) -> Option<u64> {
        let at = self.connection.next_idle_deadline()?;
        Some(at.saturating_duration_since(Instant::now()).as_secs_f64().ceil() as u64)
    }
}

#[test]
fn an_idle_command_is_closed_and_the_monitor_is_told() {
    in_runtime(async {
        let mut bench = Bench::with_timeouts(terms(), &timeouts(&[("session:shell", 1), ("session:command", 10)]));
        assert_eq!(bench.deadline_in_seconds(), None);
        let _command = bench.start_command(0, 1 << 20).await;
        assert_eq!(bench.deadline_in_seconds(), Some(10));
        assert_eq!(bench.after(9), [""; 0]);
        // SSH_MSG_CHANNEL_EOF, SSH_MSG_CHANNEL_CLOSE
        assert_eq!(bench.after(11), ["96", "97"]);
        let LoggedInRequest::Record(event) = bench.asked() else { panic!("not recorded") };
        assert_eq!(event, events::session::Event::ChannelIdle { channel: 0, seconds: 10 });
        assert!(matches!(bench.asked(), LoggedInRequest::CloseSession { session: 0, .. }));
        assert_eq!((bench.deadline_in_seconds(), bench.connection.is_used()), (None, false));
        assert_eq!(bench.after(1000), [""; 0], "once");
        bench.send(&message(msg::SSH_MSG_CHANNEL_CLOSE, 0));
        let _another = bench.start_command(0, 1 << 20).await;
        assert_eq!(bench.deadline_in_seconds(), Some(10), "the number is free, and the next one is watched anew");
    });
}

#[test]
fn data_in_either_direction_keeps_a_channel_open() {
    in_runtime(async {
        let mut bench = Bench::with_timeouts(terms(), &timeouts(&[("*", 1000)]));
        let command = bench.start_command(0, 1 << 20).await;
        let mut last = bench.connection.next_idle_deadline().unwrap();
        let mut moved_on = |bench: &Bench| {
            let now = bench.connection.next_idle_deadline().unwrap();
            let moved = now > last;
            last = now;
            moved
        };
        assert!(!moved_on(&bench));
        bench.send(&data(0, b"to the command"));
        assert!(moved_on(&bench));
        sys::fd::write(command.stdout.as_fd(), b"from it").unwrap();
        bench.until(|packets| data_in(packets, msg::SSH_MSG_CHANNEL_DATA) == b"from it").await;
        assert!(moved_on(&bench));
        // What says nothing but that the peer is there is no use of the channel.
        bench.send(&adjust(0, 100));
        bench.send(&request(0, "keepalive@openssh.com", true, |_| {}));
        assert!(!moved_on(&bench));
    });
}

#[test]
fn the_global_limit_counts_traffic_of_all_and_closes_all() {
    in_runtime(async {
        let mut bench = Bench::with_timeouts(terms(), &timeouts(&[("global", 10)]));
        let _one = bench.start_command(0, 1 << 20).await;
        let _other = bench.start_command(1, 1 << 20).await;
        let before = bench.connection.next_idle_deadline().unwrap();
        bench.send(&data(1, b"x"));
        assert!(bench.connection.next_idle_deadline().unwrap() > before, "also of the channel that had none");
        assert_eq!(bench.after(11), ["96", "97", "96", "97"]);
    });
}

#[test]
fn sessions_that_are_not_started_are_no_use() {
    in_runtime(async {
        let mut bench = Bench::with_timeouts(terms(), &timeouts(&[("*", 1)]));
        bench.send(&open("session", 0, 1 << 20, 32768));
        assert_eq!((bench.deadline_in_seconds(), bench.connection.is_used()), (None, false));
        bench.connection.pump(&mut Context::from_waker(Waker::noop()), &mut bench.wire, &mut bench.link).unwrap();
        assert!(!bench.connection.has_bulk());
    });
}

#[test]
fn commands_are_bulk_and_terminals_are_not() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        assert!(!bench.connection.has_bulk());
        let _command = bench.start_command(0, 1 << 20).await;
        assert!(bench.connection.has_bulk() && bench.connection.is_used());
        bench.send(&message(msg::SSH_MSG_CHANNEL_CLOSE, 0));
        bench.command_ends(0, 0).await;
        assert!(!bench.connection.has_bulk());

        let mut bench = Bench::new(terms());
        bench.send(&open("session", 0, 1 << 20, 32768));
        bench.send(&request(0, "pty-req", false, |rest| {
            rest.put_string("xterm");
            [80, 24, 0, 0].into_iter().for_each(|number| rest.put_u32(number));
            rest.put_string("");
        }));
        let pty = sys::pty::open(None).unwrap();
        bench.monitor_says(LoggedInAnswer::Terminal { name: pty.name.clone() }, &[pty.master]).await;
        bench.send(&request(0, "shell", false, |_| {}));
        bench.monitor_says(LoggedInAnswer::Started { on_terminal: true }, &[]).await;
        assert!(bench.connection.is_used() && !bench.connection.has_bulk());
    });
}
