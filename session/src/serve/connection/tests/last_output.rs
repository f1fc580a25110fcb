//! Commands that write and end at once: nothing of what they wrote is lost, and their status comes after it.

use std::process::{Child, Command, Stdio};

use ipc::phases::LoggedInAnswer;
use wire::{Write, msg};

use super::*;
use crate::serve::test_runtime::in_runtime;

const ROUNDS: u32 = 100;

/// More than pipes and terminals hold, so that the last of it is written while the first is read.
const FIRST_NUMBER: u32 = 100_000;
const LAST_NUMBER: u32 = 128_571;

fn numbers() -> Vec<u8> {
    (FIRST_NUMBER..=LAST_NUMBER).flat_map(|number| format!("{number}\n").into_bytes()).collect()
}

fn write_numbers(stdin: OwnedFd, stdout: OwnedFd, stderr: OwnedFd) -> Child {
    let mut command = Command::new("seq");
    command.args([FIRST_NUMBER.to_string(), LAST_NUMBER.to_string()]);
    command.stdin(Stdio::from(stdin)).stdout(Stdio::from(stdout)).stderr(Stdio::from(stderr));
    command.spawn().unwrap()
}

/// Windows: plenty; and just enough, so that the end has to be found without reading.
fn windows() -> impl Iterator<Item = u32> {
    let just_enough = u32::try_from(numbers().len()).unwrap();
    (0..ROUNDS).map(move |round| if round % 2 == 0 { 10_000_000 } else { just_enough })
}

impl Bench {
    /// Starts a command on a terminal that changes nothing of what goes through it.
    async fn start_on_terminal(&mut self, window: u32) -> OwnedFd {
        const NO_ECHO_AND_NO_OUTPUT_PROCESSING: [u8; 11] = [53, 0, 0, 0, 0, 70, 0, 0, 0, 0, 0];
        self.send(&open("session", 0, window, 32768));
        self.send(&request(0, "pty-req", false, |rest| {
            rest.put_string("xterm");
            [80, 24, 0, 0].into_iter().for_each(|number| rest.put_u32(number));
            rest.put_string(NO_ECHO_AND_NO_OUTPUT_PROCESSING);
        }));
        self.asked();
        let pty = sys::pty::open(None).unwrap();
        self.monitor_says(LoggedInAnswer::Terminal { name: pty.name }, &[pty.master]).await;
        self.send(&request(0, "exec", false, |rest| rest.put_string("command")));
        self.asked();
        self.monitor_says(LoggedInAnswer::Started { on_terminal: true }, &[]).await;
        self.sent();
        pty.slave
    }

    /// Serves until the command has ended and everything about it has been said.
    async fn ends_with_everything_sent(&mut self, session: u32, command: Child) {
        let command = std::cell::RefCell::new(command);
        self.until(|_| command.borrow_mut().try_wait().unwrap().is_some()).await;
        self.command_ends(session, 0).await;
        self.until(|packets| kinds(packets).contains(&"97".to_owned())).await;
        let sent = self.sent();
        let (came, written) = (data_in(&sent, msg::SSH_MSG_CHANNEL_DATA), numbers());
        assert!(came == written, "session {session}: {} of {} bytes", came.len(), written.len());
        let mut order = kinds(&sent);
        // This one says that nobody reads the input any more: it may come in between.
        order.retain(|kind| kind != "eow@openssh.com");
        order.dedup();
        let right = order == ["94", "96", "exit-status", "97"] || order == ["94", "exit-status", "96", "97"];
        assert!(right, "{order:?}");
        self.send(&message(msg::SSH_MSG_CHANNEL_CLOSE, 0));
        self.asked();
    }
}

#[test]
fn on_a_terminal() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        for (session, window) in (0..).zip(windows()) {
            let slave = bench.start_on_terminal(window).await;
            let again = || slave.try_clone().unwrap();
            let command = write_numbers(again(), again(), again());
            drop(slave);
            bench.ends_with_everything_sent(session, command).await;
        }
    });
}

#[test]
fn on_pipes() {
    in_runtime(async {
        let mut bench = Bench::new(terms());
        for (session, window) in (0..).zip(windows()) {
            let pipes = bench.start_command(0, window).await;
            let command = write_numbers(pipes.stdin, pipes.stdout, pipes.stderr);
            bench.ends_with_everything_sent(session, command).await;
        }
    });
}
