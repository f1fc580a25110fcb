//! Who does what: executables, identities, titles, and what is left when one of them is killed.

use std::process::{Child, Stdio};

use bulkhead_tests::{Server, descendants_of, executable_of, needs_root, status_of, title_of, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A session that stays until its input ends.
fn session(server: &Server) -> Child {
    let mut child = server
        .client("ssh")
        .arg(server.login())
        .arg("echo up; cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    assert_eq!(line, "up\n");
    child
}

/// The process of ours that plays this part.
fn process(server: &Server, part: &str) -> i32 {
    let family = server.descendants();
    let found = family.iter().copied().find(|pid| plays(*pid, part));
    found.unwrap_or_else(|| panic!("no {part} among {:?}", family.iter().map(|pid| title_of(*pid)).collect::<Vec<_>>()))
}

/// Known by its title: what a process executes is hidden from ordinary users once it is locked down.
fn plays(pid: i32, part: &str) -> bool {
    let title = title_of(pid);
    let ends: &[&str] = match part {
        "sshd-monitor" => &["[accepted]", "[priv]"],
        "sshd-preauth" => &["[net]"],
        _ => &["@notty"],
    };
    title.starts_with("sshd: ") && ends.iter().any(|end| title.ends_with(end))
}

fn is_gone(pid: i32) -> bool {
    let state = status_of(pid, "State");
    state.is_empty() || state.starts_with('Z')
}

#[test]
fn a_session_has_the_processes_of_the_design() {
    if !needs_root("a_session_has_the_processes_of_the_design") {
        return;
    }
    let server = Server::as_root("");
    let waiting = server.connect();
    wait_until("the process before login is there", || {
        server.descendants().iter().any(|pid| plays(*pid, "sshd-preauth") && status_of(*pid, "Seccomp") == "2")
    });
    let preauth = process(&server, "sshd-preauth");
    assert!(!status_of(preauth, "Uid").starts_with("0\t"), "before login nobody on the network side is root");
    assert_eq!(status_of(preauth, "Seccomp"), "2");
    assert_eq!(status_of(preauth, "NoNewPrivs"), "1");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status_of(preauth, set), "0000000000000000", "{set}");
    }
    let root = std::fs::read_link(format!("/proc/{preauth}/root")).unwrap();
    assert_ne!(root, std::path::Path::new("/"), "its root is an empty directory");
    assert_eq!(std::fs::read_dir(format!("/proc/{preauth}/root")).unwrap().count(), 0);
    drop(waiting);

    let mut child = session(&server);
    let user = &server.account;
    let monitor = process(&server, "sshd-monitor");
    let net = process(&server, "sshd-session");
    assert!(status_of(monitor, "Uid").starts_with("0\t"));
    assert_eq!([monitor, net].map(executable_of), ["sshd-monitor", "sshd-session"]);
    let uid = user.uid.to_string();
    assert_eq!(status_of(net, "Uid"), [uid.as_str(); 4].join("\t"));
    assert_eq!(status_of(net, "Seccomp"), "2");
    assert_eq!(status_of(net, "NoNewPrivs"), "1");
    assert_eq!(status_of(net, "CapEff"), "0000000000000000");
    assert_eq!(title_of(monitor), format!("sshd: {} [priv]", user.name));
    assert_eq!(title_of(net), format!("sshd: {}@notty", user.name));
    let title = title_of(server.pid());
    assert!(title.starts_with("sshd: ") && title.ends_with("[listener] 0 of 10-100 startups"), "{title}");
    for pid in [server.pid(), monitor, net] {
        assert_eq!(status_of(pid, "Name"), "sshd");
    }
    // The command is a child of the monitor, not of what the network can reach.
    assert!(descendants_of(net).is_empty());
    assert!(descendants_of(monitor).iter().any(|pid| matches!(executable_of(*pid).as_str(), "bash" | "cat")));
    child.kill().unwrap();
    child.wait().unwrap();
    server.wait_until_idle();
}

#[test]
fn without_root_the_sandbox_still_holds() {
    let server = Server::as_ordinary_user("");
    let mut child = session(&server);
    let net = process(&server, "sshd-session");
    assert_eq!((status_of(net, "Seccomp").as_str(), status_of(net, "NoNewPrivs").as_str()), ("2", "1"));
    let command = descendants_of(process(&server, "sshd-monitor")).into_iter().find(|pid| *pid != net).unwrap();
    assert_eq!(status_of(command, "Seccomp"), "0", "what the user runs is not confined by us");
    assert_eq!(status_of(command, "NoNewPrivs"), "0", "su and sudo must work");
    child.kill().unwrap();
    child.wait().unwrap();
    server.wait_until_idle();
}

#[test]
fn killing_any_process_leaves_no_orphan_and_no_stuck_peer() {
    let server = Server::any("");
    for executable in ["sshd-monitor", "sshd-session"] {
        let mut child = session(&server);
        let victim = process(&server, executable);
        let family = server.descendants();
        kill(Pid::from_raw(victim), Signal::SIGKILL).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(255), "{executable}: the client is told that it is over");
        wait_until(&format!("nothing is left after {executable} was killed"), || {
            family.iter().all(|pid| is_gone(*pid))
        });
    }
    let mut peer = server.connect();
    wait_until("the process before login is there", || {
        server.descendants().iter().any(|pid| plays(*pid, "sshd-preauth"))
    });
    kill(Pid::from_raw(process(&server, "sshd-preauth")), Signal::SIGKILL).unwrap();
    let mut bytes = Vec::new();
    let _ = std::io::Read::read_to_end(&mut peer, &mut bytes);
    server.wait_until_idle();
    let mut peer = server.connect();
    wait_until("the monitor is there", || server.descendants().iter().any(|pid| plays(*pid, "sshd-monitor")));
    let family = server.descendants();
    kill(Pid::from_raw(process(&server, "sshd-monitor")), Signal::SIGKILL).unwrap();
    let _ = std::io::Read::read_to_end(&mut peer, &mut bytes);
    wait_until("its children are gone", || family.iter().all(|pid| is_gone(*pid)));
    assert_eq!(server.ssh_ok(&[], "echo still here"), "still here\n");
}

#[test]
fn sessions_outlive_the_listener() {
    let server = Server::any("");
    let mut child = session(&server);
    let net = process(&server, "sshd-session");
    server.signal(Signal::SIGTERM);
    server.wait_for_log("Received signal 15; terminating.");
    wait_until("the port is closed", || std::net::TcpStream::connect(("127.0.0.1", server.port)).is_err());
    assert!(!is_gone(net));
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    wait_until("the session has ended", || is_gone(net));
}
