//! Sources that misbehave are refused for a while, each by its own address, and nobody else is (PerSourcePenalties,
//! PerSourceMaxStartups). Every address of 127.0.0.0/8 is a source of its own here.

use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bulkhead_tests::{
    PATIENCE, Server, TURNED_AWAY, answer_to, connect_from, descendants_of, is_served, needs_root, run, wait_until,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Connects from an address until it is turned away; how often it was not.
fn until_turned_away(server: &Server, from: &str, sent: &[u8]) -> usize {
    let deadline = Instant::now() + PATIENCE;
    for served in 0.. {
        if answer_to(connect_from(server, from), sent) == TURNED_AWAY {
            return served;
        }
        server.wait_until_idle();
        assert!(Instant::now() < deadline, "{from} is never turned away");
    }
    unreachable!("numbers do not end")
}

#[test]
fn connections_without_an_attempt_add_up() {
    let server = Server::any("PerSourcePenalties noauth:4s min:10s");
    // 4, 8 and 12 seconds: the third one tips the balance.
    assert_eq!(until_turned_away(&server, "127.0.0.2", b"GET / HTTP/1.0\r\n\r\n"), 3);
    let why = "penalty: connections without attempting authentication";
    let line = server.wait_for_log("drop connection #0 from [127.0.0.2]:");
    assert!(line.ends_with(&format!(" on [127.0.0.1]:{} {why}", server.port)), "{line}");
    let line = server.wait_for_log("srclimit_penalise: 127.0.0.2/32: activating ipv4 penalty of ");
    assert!(line.ends_with(&format!(" seconds for {why}")), "{line}");
    server.wait_for_log("srclimit_penalise: ipv4: new 127.0.0.2/32 deferred penalty of 4.000 seconds for penalty: ");
    assert!(is_served(&server, "127.0.0.3"), "another source is not concerned");
}

#[test]
fn a_penalty_ends() {
    let server = Server::any("PerSourcePenalties noauth:1.5s min:0");
    assert_eq!(until_turned_away(&server, "127.0.0.2", b"nonsense\r\n"), 1);
    wait_until("the penalty is over", || is_served(&server, "127.0.0.2"));
}

#[test]
fn each_class_of_offence_is_told_from_the_others() {
    let test = "each_class_of_offence_is_told_from_the_others";
    if !needs_root(test) {
        return;
    }
    let server = Server::as_root(
        "MaxAuthTries 1\nPerSourcePenalties authfail:1h noauth:1h invaliduser:1h \
         grace-exceeded:1h refuseconnection:1h max:1d min:0\nMatch User daemon\n RefuseConnection yes",
    );
    let login = |from: &str, user: &str, key: &str| {
        let (bind, key) = (format!("BindAddress={from}"), format!("IdentityFile={key}"));
        let options = server.client_options();
        let others = options.chunks(2).filter(|option| !option[1].starts_with("IdentityFile")).flatten();
        let mut ssh = std::process::Command::new("ssh");
        ssh.args(["-F", "none", "-o", &bind, "-o", &key]).args(others).arg(format!("{user}@127.0.0.1")).arg("true");
        assert!(!run(&mut ssh).status.success(), "{user} is let in");
    };
    let other = bulkhead_tests::make_key(&server.scratch, "other", &["-t", "ed25519"]);
    let refused = |from: &str, why: &str| {
        server.wait_until_idle();
        assert_eq!(answer_to(connect_from(&server, from), b""), TURNED_AWAY, "{from} {why}");
        let line = server.wait_for_log(&format!("drop connection #0 from [{from}]:"));
        assert!(line.ends_with(why), "{line}");
    };

    login("127.0.0.2", &server.account.name, &other.display().to_string());
    refused("127.0.0.2", "penalty: failed authentication");

    login("127.0.0.3", "nobody-of-that-name", "/nonexistent");
    refused("127.0.0.3", "penalty: attempted authentication by invalid user");

    login("127.0.0.4", "daemon", "/nonexistent");
    refused("127.0.0.4", "penalty: connection prohibited by RefuseConnection");

    // Whoever logs in is not penalised, whatever the session ends with.
    server.ssh_ok(&["-o", "BindAddress=127.0.0.7"], "true");
    let _ = server.ssh(&["-o", "BindAddress=127.0.0.7"], "exit 5");
    server.wait_until_idle();
    assert!(is_served(&server, "127.0.0.7"));
}

#[test]
fn using_up_the_time_is_an_offence_of_its_own() {
    let server = Server::any("LoginGraceTime 1\nPerSourcePenalties grace-exceeded:1h noauth:0 max:1d min:0");
    assert!(answer_to(connect_from(&server, "127.0.0.5"), b"SSH-2.0-idle\r\n").starts_with("SSH-2.0-"));
    server.wait_for_log("Timeout before authentication for connection from 127.0.0.5 to 127.0.0.1, pid = ");
    server.wait_until_idle();
    assert_eq!(answer_to(connect_from(&server, "127.0.0.5"), b""), TURNED_AWAY);
    let line = server.wait_for_log("drop connection #0 from [127.0.0.5]:");
    assert!(line.ends_with("penalty: exceeded LoginGraceTime"), "{line}");
}

#[test]
fn a_crash_is_an_offence_of_its_own() {
    // Nobody else may kill what has another identity.
    if !needs_root("a_crash_is_an_offence_of_its_own") {
        return;
    }
    let server = Server::as_root("PerSourcePenalties crash:1h noauth:0 max:1d min:0");
    let mut crashing = connect_from(&server, "127.0.0.6");
    // Who speaks has begun its work.
    crashing.read_exact(&mut [0; 8]).expect("SSH-2.0-");
    let preauth = server.descendants()[1];
    kill(Pid::from_raw(preauth), Signal::SIGABRT).expect("the process lives");
    server.wait_for_log("unpriv child crash for connection from 127.0.0.6 to 127.0.0.1");
    server.wait_until_idle();
    drop(crashing);
    assert_eq!(answer_to(connect_from(&server, "127.0.0.6"), b""), TURNED_AWAY);
    let line = server.wait_for_log("drop connection #0 from [127.0.0.6]:");
    assert!(line.ends_with("penalty: caused crash"), "{line}");
    assert!(is_served(&server, "127.0.0.7"));
}

#[test]
fn a_net_is_one_source_and_exempt_addresses_are_none() {
    let server = Server::any(
        "PerSourcePenalties noauth:1h max:1d min:0\nPerSourceNetBlockSize 24\nPerSourcePenaltyExemptList 127.0.0.9",
    );
    assert_eq!(until_turned_away(&server, "127.0.0.2", b"nonsense\r\n"), 1);
    server.wait_for_log("srclimit_penalise: ipv4: new 127.0.0.2/24 active penalty of 3600.000 seconds for penalty: ");
    assert_eq!(answer_to(connect_from(&server, "127.0.0.3"), b""), TURNED_AWAY, "the same net");
    assert!(is_served(&server, "127.0.1.2"), "another net");
    for _ in 0..3 {
        answer_to(connect_from(&server, "127.0.0.9"), b"nonsense\r\n");
    }
    assert!(is_served(&server, "127.0.0.9"), "an exempt address in the penalised net");
}

#[test]
fn penalties_survive_a_reload_and_shrink_with_it() {
    let lines = "PerSourcePenalties noauth:1h max:1d min:0";
    let server = Server::any(lines);
    until_turned_away(&server, "127.0.0.2", b"nonsense\r\n");
    let reload = |lines: &str| {
        let before = server.log().matches("Received SIGHUP").count();
        server.configure(lines);
        server.signal(Signal::SIGHUP);
        wait_until("the configuration is read", || {
            let log = server.log();
            log.matches("Received SIGHUP").count() > before
                && log.rfind("Server listening") > log.rfind("Received SIGHUP")
        });
    };
    reload(&format!("{lines}\nMaxStartups 20"));
    assert_eq!(answer_to(connect_from(&server, "127.0.0.2"), b""), TURNED_AWAY);
    reload("PerSourcePenalties max-sources4:0");
    assert!(is_served(&server, "127.0.0.2"), "there is no room for it any more");
}

#[test]
fn a_source_has_only_so_many_connections_without_a_login() {
    let server = Server::any("PerSourceMaxStartups 2\nMaxStartups 50");
    let waiting: Vec<TcpStream> = (0..2).map(|_| connect_from(&server, "127.0.0.2")).collect();
    wait_until("they are counted", || descendants_of(server.pid()).len() == 4);
    assert_eq!(answer_to(connect_from(&server, "127.0.0.2"), b""), TURNED_AWAY);
    let line = server.wait_for_log("drop connection #2 from [127.0.0.2]:");
    assert!(line.ends_with(" Maxstartups"), "{line}");
    assert!(is_served(&server, "127.0.0.3"));
    drop(waiting);
    server.wait_until_idle();
    assert!(is_served(&server, "127.0.0.2"));
}

#[test]
fn whoever_is_logged_in_holds_no_place() {
    let server = Server::any("PerSourceMaxStartups 1");
    let mut session = server.client("ssh").arg(server.login()).arg("sleep 30").spawn().expect("ssh");
    wait_until("somebody is logged in", || server.log().contains("Accepted publickey for "));
    wait_until("the place is free", || is_served(&server, "127.0.0.1"));
    session.kill().expect("it lives");
    let _ = session.wait();
}

#[test]
fn a_monitor_that_hangs_is_ended() {
    let server = Server::any("LoginGraceTime 1\nPerSourcePenalties grace-exceeded:1h max:1d min:0");
    let began = Instant::now();
    let hanging = connect_from(&server, "127.0.0.2");
    wait_until("it has its processes", || server.descendants().len() == 2);
    let monitor = server.descendants()[0];
    kill(Pid::from_raw(monitor), Signal::SIGSTOP).expect("it lives");
    server.wait_for_log(&format!("sshd-monitor {monitor} hangs"));
    server.wait_for_log(&format!("to 127.0.0.1, pid = {monitor}"));
    server.wait_until_idle();
    assert!(began.elapsed() < Duration::from_secs(20), "grace, jitter and five seconds");
    assert_eq!(answer_to(connect_from(&server, "127.0.0.2"), b""), TURNED_AWAY);
    drop(hanging);
}

#[test]
fn grace_times_differ_by_up_to_four_seconds() {
    let server = Server::any("LoginGraceTime 1\nMaxStartups 50");
    let began = Instant::now();
    let until_its_end = |peer| {
        std::thread::spawn(move || {
            answer_to(peer, b"");
            began.elapsed()
        })
    };
    let waiting: Vec<_> = (0..12).map(|_| until_its_end(connect_from(&server, "127.0.0.2"))).collect();
    let mut ends: Vec<Duration> = waiting.into_iter().map(|one| one.join().expect("no panic")).collect();
    ends.sort();
    // A second for a busy machine. By chance alone all twelve lie within half a second once in 10^9 runs.
    assert!(ends[0] >= Duration::from_secs(1) && ends[11] < Duration::from_secs(6), "{ends:?}");
    assert!(ends[11] - ends[0] > Duration::from_millis(500), "{ends:?}");
}
