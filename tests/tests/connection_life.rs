//! How long connections and channels live: idle limits, signs of life, new keys, and how their packets are marked.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bulkhead_tests::{Scratch, Server, needs_program, run, run_with_input, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a command that would last for half a minute is waited for.
const EARLY: Duration = Duration::from_secs(20);

/// A server that has these lines for whoever comes from here, and for nobody else.
fn server_for_match(lines: &str) -> (Server, Scratch) {
    let scratch = Scratch::new();
    // A block of an included file ends with the file.
    let block = format!("Match Address 192.0.2.0/24\n ChannelTimeout *=3600\nMatch Address 127.0.0.1\n {lines}\n");
    let included = scratch.file("match.conf", block);
    (Server::any(&format!("Include {}", included.display())), scratch)
}

fn closes_an_idle_command(server: &Server, seconds: u32) {
    let start = Instant::now();
    let output = server.ssh(&[], "sleep 30; echo too late");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(255), 0), "{output:?}");
    assert!(start.elapsed() < EARLY);
    server.wait_for_log(&format!("channel 0: closing after {seconds} seconds of inactivity"));
    server.wait_until_idle();
}

#[test]
fn idle_channels_are_closed_and_busy_ones_are_not() {
    let server = Server::any("ChannelTimeout session:shell=3600 session:command=2 session:subsystem:*=1");
    closes_an_idle_command(&server, 2);
    let ticks = "for tick in 1 2 3 4 5; do sleep 0.5; echo $tick; done";
    assert_eq!(server.ssh_ok(&[], ticks), "1\n2\n3\n4\n5\n", "output counts");
    let mut ssh = server.client("ssh");
    ssh.args(login_and(&server, "wc -l")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut ssh = ssh.spawn().expect("ssh");
    let mut typist = Command::new("sh");
    typist.args(["-c", ticks]).stdout(Stdio::from(ssh.stdin.take().expect("its input")));
    assert!(typist.status().expect("sh").success());
    // It holds the way to the command, too.
    drop(typist);
    let counted = ssh.wait_with_output().expect("its output").stdout;
    assert_eq!(String::from_utf8_lossy(&counted), "5\n", "input counts");
    // A shell has a limit of its own here.
    let shell = run_with_input(server.client("ssh").arg(server.login()), b"sleep 2.5; echo in\n");
    assert_eq!(String::from_utf8_lossy(&shell.stdout), "in\n");
    let sftp = server.sftp(&[], "!sleep 2.5\nls\n");
    assert!(!sftp.status.success(), "{sftp:?}");
}

fn login_and(server: &Server, command: &str) -> [String; 2] {
    [server.login(), command.to_owned()]
}

#[test]
fn limits_of_a_match_block_hold() {
    let (server, _scratch) = server_for_match("ChannelTimeout session=3\n RekeyLimit 400K\n UnusedConnectionTimeout 2");
    closes_an_idle_command(&server, 3);
    let output = server.ssh(&["-v"], "head -c 8000000 /dev/zero");
    assert_eq!(output.stdout.len(), 8_000_000);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.matches("SSH2_MSG_NEWKEYS sent").count() > 2, "{log}");
    assert_eq!(server.ssh(&["-N"], "").status.code(), Some(255), "nobody uses the connection");
}

#[test]
fn connections_that_nobody_uses_are_closed() {
    let server = Server::any("UnusedConnectionTimeout 1");
    let start = Instant::now();
    assert_eq!(server.ssh(&["-N"], "").status.code(), Some(255));
    assert!(start.elapsed() < EARLY);
    let line = server.wait_for_log("terminating inactive connection from ");
    assert!(line.contains(&format!("from user {} 127.0.0.1 port ", server.account.name)), "{line}");
    assert_eq!(server.ssh_ok(&[], "sleep 2; echo in"), "in\n", "a silent command is a use");
    server.wait_until_idle();
}

#[test]
fn clients_that_do_not_answer_are_given_up() {
    let server = Server::any("ClientAliveInterval 1\nClientAliveCountMax 1");
    let mut client = server.client("ssh").args(login_and(&server, "echo in; sleep 60")).spawn().expect("ssh");
    server.wait_for_log("Starting session: command");
    let pid = Pid::from_raw(i32::try_from(client.id()).expect("a process id"));
    kill(pid, Signal::SIGSTOP).expect("a client that sleeps");
    let line = server.wait_for_log("Timeout, client not responding from user ");
    assert!(line.contains(&server.account.name), "{line}");
    server.wait_until_idle();
    kill(pid, Signal::SIGKILL).expect("its end");
    client.wait().expect("its status");
    assert_eq!(server.ssh_ok(&[], "sleep 3.5; echo in"), "in\n", "a client that answers may be silent");
}

/// A command that nobody reads ends in the same moment, and the monitor would tell a session process that has gone.
#[test]
fn why_a_connection_is_over_is_logged_though_its_command_ends_with_it() {
    let server = Server::any("");
    for connections in 1..=8 {
        let mut client =
            server.client("ssh").arg(server.login()).arg("yes").stdout(Stdio::piped()).spawn().expect("ssh");
        let mut output = client.stdout.take().expect("its output");
        output.read_exact(&mut [0; 1000]).expect("some of it");
        client.kill().expect("its end");
        client.wait().expect("its status");
        wait_until("it is logged why", || {
            let ended = ["Read error from remote host ", "Connection closed by 127.0.0.1 "];
            server.log().lines().filter(|line| ended.iter().any(|text| line.contains(text))).count() == connections
        });
    }
    server.wait_until_idle();
    assert!(!server.log().contains("sent unknown"), "{}", server.log());
}

#[test]
fn keys_are_renewed_by_time() {
    let server = Server::any("RekeyLimit default 1");
    let ticks = "for tick in 1 2 3 4 5 6 7; do head -c 300000 /dev/zero; sleep 0.5; done";
    let output = server.ssh(&["-v"], ticks);
    assert_eq!(output.stdout.len(), 7 * 300_000);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.matches("SSH2_MSG_NEWKEYS sent").count() > 2, "{log}");
    // Also while nothing is sent at all.
    let idle = server.ssh(&["-v"], "sleep 3.5");
    let log = String::from_utf8_lossy(&idle.stderr);
    assert!(log.matches("SSH2_MSG_NEWKEYS sent").count() > 2, "{log}");
}

/// What ss(8) shows of the server's end of its one connection.
fn shown_by_ss(server: &Server, options: &[&str]) -> String {
    let filter = format!("sport = :{}", server.port);
    let shown = run(Command::new("ss").args(["-Htn"]).args(options).args(["state", "established"]).arg(filter));
    String::from_utf8_lossy(&shown.stdout).into_owned()
}

/// The mark of what the server sends to its one client.
fn mark(server: &Server) -> Option<String> {
    let shown = shown_by_ss(server, &["-i", "--tos"]);
    shown.split_whitespace().find_map(|word| word.strip_prefix("tos:").map(str::to_owned))
}

#[test]
fn the_system_looks_after_silent_connections() {
    if !needs_program("the_system_looks_after_silent_connections", "ss") {
        return;
    }
    for (answer, is_watched) in [("yes", true), ("no", false)] {
        let server = Server::any(&format!("TCPKeepAlive {answer}"));
        let mut client = server.client("ssh").args(login_and(&server, "sleep 60")).spawn().expect("ssh");
        server.wait_for_log("Starting session: command");
        // Until the last answer is acknowledged another timer runs.
        wait_until("its timer", || {
            let shown = shown_by_ss(&server, &["-o"]);
            !shown.contains("timer:(on") && !shown.is_empty() && shown.contains("timer:(keepalive") == is_watched
        });
        client.kill().expect("a client");
        client.wait().expect("its status");
    }
}

#[test]
fn terminals_and_commands_are_marked_differently() {
    if !needs_program("terminals_and_commands_are_marked_differently", "ss") {
        return;
    }
    let server = Server::any("IPQoS af21 cs1");
    for (options, mark_of_it) in [(&["-tt"][..], "0x48"), (&[], "0x20")] {
        let mut client = server.client("ssh");
        client.args(options).args(login_and(&server, "sleep 60")).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut client = client.spawn().expect("ssh");
        wait_until(mark_of_it, || mark(&server).as_deref() == Some(mark_of_it));
        client.kill().expect("a client");
        client.wait().expect("its status");
        server.wait_until_idle();
    }
}
