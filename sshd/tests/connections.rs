//! Connections come in floods, hang, and are dropped; the listener goes on.

mod common;

use std::net::TcpStream;

use bulkhead_tests::{descendants_of, needs_root, title_of, wait_until};
use common::{Foreground, Site, as_ordinary_user, connect, free_port, listen_lines, read_all};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn startups(sshd: &Foreground) -> String {
    let title = title_of(sshd.pid());
    title.rsplit_once("[listener] ").map(|(_, startups)| startups.to_owned()).unwrap_or_default()
}

#[test]
fn more_than_max_startups_are_dropped_and_said() {
    let (site, port) = (Site::new(), free_port());
    site.configure(&format!("{}MaxStartups 2", listen_lines(&[port])));
    let mut sshd = Foreground::listening(&site, port);
    let waiting: Vec<TcpStream> = (0..2).map(|_| connect(port).unwrap()).collect();
    wait_until("two connections are counted", || startups(&sshd) == "2 of 2-2 startups");
    let dropped = connect(port).unwrap();
    let from = dropped.local_addr().unwrap().port();
    assert_eq!(read_all(dropped), "Not allowed at this time\r\n");
    let line = sshd.wait_for("drop connection #2");
    assert!(line.ends_with(&format!("from [127.0.0.1]:{from} on [127.0.0.1]:{port} Maxstartups")), "{line}");

    drop(waiting);
    wait_until("the places are free again", || startups(&sshd) == "0 of 2-2 startups");
    let answer = connect(port).unwrap();
    wait_until("it is served", || startups(&sshd) == "1 of 2-2 startups");
    drop(answer);
}

#[test]
fn a_monitor_that_dies_is_noticed() {
    let (site, port) = (Site::new(), free_port());
    site.configure(&format!("{}LogLevel DEBUG", listen_lines(&[port])));
    let mut sshd = Foreground::listening(&site, port);
    let connection = connect(port).unwrap();
    wait_until("the connection is counted", || startups(&sshd) == "1 of 10-100 startups");
    let monitor = descendants_of(sshd.pid())[0];
    kill(Pid::from_raw(monitor), Signal::SIGKILL).unwrap();
    sshd.wait_for(&format!("session process {monitor} for connection from 127.0.0.1 to 127.0.0.1 killed by signal 9"));
    assert!(read_all(connection).len() < 300, "the client is not left waiting");
    wait_until("it does not count any more", || startups(&sshd) == "0 of 10-100 startups");
    wait_until("no zombie is left", || descendants_of(sshd.pid()).is_empty());
}

#[test]
fn a_connection_without_a_login_is_ended_in_time_and_said() {
    let (site, port) = (Site::new(), free_port());
    site.configure(&format!("{}LoginGraceTime 1", listen_lines(&[port])));
    let mut sshd = Foreground::listening(&site, port);
    let connection = connect(port).unwrap();
    wait_until("the connection is counted", || startups(&sshd) == "1 of 10-100 startups");
    let monitor = descendants_of(sshd.pid())[0];
    let line = sshd.wait_for("Timeout before authentication");
    assert_eq!(
        line,
        format!("Timeout before authentication for connection from 127.0.0.1 to 127.0.0.1, pid = {monitor}")
    );
    read_all(connection);
    wait_until("it does not count any more", || startups(&sshd) == "0 of 10-100 startups");
}

#[test]
fn running_out_of_descriptors_is_survived() {
    let (site, port) = (Site::new(), free_port());
    site.configure(&format!("{}MaxStartups 1000", listen_lines(&[port])));
    let sshd = site.sshd(&["-D", "-e"]);
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", "ulimit -n 40; exec \"$@\"", "bash"]).arg(sshd.get_program()).args(sshd.get_args());
    shell.stderr(std::process::Stdio::piped());
    let mut sshd = Foreground::start(shell);
    sshd.wait_for("Server listening on");
    let flood: Vec<TcpStream> = (0..60).map(|_| connect(port).unwrap()).collect();
    sshd.wait_for("Too many open files");
    drop(flood);
    wait_until("the flood is over", || startups(&sshd).starts_with("0 of "));
    let connection = connect(port).unwrap();
    wait_until("connections are served again", || startups(&sshd).starts_with("1 of "));
    drop(connection);
}

#[test]
fn running_out_of_processes_is_survived() {
    if !needs_root("running_out_of_processes_is_survived") {
        return;
    }
    let (site, port) = (Site::new(), free_port());
    site.configure(&listen_lines(&[port]));
    let sshd = site.sshd(&["-D", "-e"]);
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", "ulimit -u 1; exec \"$@\"", "bash"]).arg(sshd.get_program()).args(sshd.get_args());
    shell.stderr(std::process::Stdio::piped());
    let _account = as_ordinary_user(&site, &mut shell);
    let mut sshd = Foreground::start(shell);
    sshd.wait_for("Server listening on");
    for _ in 0..3 {
        assert_eq!(read_all(connect(port).unwrap()), "");
        sshd.wait_for("cannot start sshd-monitor: Resource temporarily unavailable");
    }
}

#[test]
fn a_flood_of_connections_that_close_at_once_leaves_nothing_behind() {
    let (site, port) = (Site::new(), free_port());
    site.configure(&listen_lines(&[port]));
    let sshd = Foreground::listening(&site, port);
    for _ in 0..100 {
        drop(connect(port).unwrap());
    }
    wait_until("all have ended", || startups(&sshd).starts_with("0 of ") && descendants_of(sshd.pid()).is_empty());
}
