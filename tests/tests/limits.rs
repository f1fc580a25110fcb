//! Limits on what one user may use.

use std::fs;
use std::process::{Child, Stdio};

use bulkhead_tests::{Server, executable_of, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A login that lasts until its standard input ends.
fn lasting(server: &Server, mark: &str) -> Child {
    let path = server.scratch.path(mark);
    let mut client = server.client("ssh");
    client.arg(server.login()).arg("echo up; cat").stdin(Stdio::piped()).stdout(fs::File::create(&path).unwrap());
    let client = client.stderr(Stdio::null()).spawn().unwrap();
    wait_until("somebody is logged in", || fs::read_to_string(&path).is_ok_and(|said| said == "up\n"));
    client
}

fn end(mut client: Child) {
    drop(client.stdin.take());
    client.wait().unwrap();
}

#[test]
fn a_user_is_logged_in_no_oftener_than_allowed_however_logins_end() {
    let server = Server::any("# bulkhead_config\nMaxSessionsPerUser 2\n");
    let (first, second) = (lasting(&server, "first"), lasting(&server, "second"));
    let refused = server.ssh(&["-v"], "echo never");
    assert!(!refused.status.success());
    assert!(!String::from_utf8_lossy(&refused.stdout).contains("never"));
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(told.contains("You are logged in too often"), "{told}");
    server.wait_for_log("MaxSessionsPerUser: no further session beside 2");

    // In good order.
    end(first);
    wait_until("a place is free", || server.ssh(&[], "true").status.success());
    let third = lasting(&server, "third");
    assert!(!server.ssh(&[], "true").status.success());

    // A monitor is killed: nobody gives the place back but the kernel.
    let monitors = || server.descendants().into_iter().filter(|pid| executable_of(*pid) == "sshd-monitor");
    monitors().for_each(|monitor| kill(Pid::from_raw(monitor), Signal::SIGKILL).unwrap());
    for mut client in [second, third] {
        client.wait().unwrap();
    }
    assert_eq!(server.ssh_ok(&[], "echo again"), "again\n");
}

#[test]
fn who_is_not_limited_is_not_counted_and_many_at_once_get_no_more_than_there_is() {
    let server =
        Server::any("# bulkhead_config\nMaxSessionsPerUser 3\nMatch Address 192.0.2.1\nMaxSessionsPerUser none\n");
    let path = |number: usize| server.scratch.path(format!("racer{number}"));
    let clients: Vec<Child> = (0..8)
        .map(|number| {
            let mut client = server.client("ssh");
            client.arg(server.login()).arg("echo up; cat").stdin(Stdio::piped());
            client.stdout(fs::File::create(path(number)).unwrap()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    let up = || (0..8).filter(|number| fs::read_to_string(path(*number)).is_ok_and(|said| said == "up\n")).count();
    let mut clients = clients;
    let mut ended = || clients.iter_mut().filter_map(|client| client.try_wait().unwrap()).count();
    wait_until("everybody knows", || up() + ended() == 8);
    assert_eq!(up(), 3);
    clients.into_iter().for_each(end);
}
