//! Clients that have logged in and do not keep to the rules about channels and forwardings.

use std::process::Stdio;

use bulkhead_tests::{Server, executable_of, has_python_module, run, status_of, wait_until};

/// Runs a script behind `peer.py`; it must succeed.
fn peer(server: &Server, service: u16, script: &str) {
    let output = run(server.raw_peer(service, script).stdin(Stdio::null()));
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// A service that sends a MiB to whoever comes, and takes all that is sent.
fn service() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let _ = std::io::Write::write_all(&mut connection, &vec![7; 1 << 20]);
                let _ = std::io::copy(&mut connection, &mut std::io::sink());
            });
        }
    });
    port
}

#[test]
fn windows_at_their_ends() {
    if !has_python_module("windows_at_their_ends", "paramiko") {
        return;
    }
    let (server, service) = (Server::any(""), service());
    // Nothing is sent into a window of nothing; what is given is used to the last byte, in packets of the peer's size.
    peer(
        &server,
        service,
        r#"
opens("direct-tcpip", 0, 10, 5, direct("127.0.0.1", service))
number, rest = until(91, 92)
assert number == 91, rest
theirs = struct.unpack(">I", rest[4:8])[0]
time.sleep(0.3)
assert came.empty()
send(93, u32(theirs), u32(25))
sizes = []
while sum(sizes) < 25:
    number, rest = until(94)
    sizes.append(len(rest) - 8)
assert sum(sizes) == 25 and max(sizes) <= 10, sizes
"#,
    );
    // The largest window there is, and one byte more.
    peer(
        &server,
        service,
        r#"
opens("direct-tcpip", 2**32 - 1, 2**32 - 1, 0, direct("127.0.0.1", service))
number, rest = until(91, 92)
assert number == 91, rest
total = 0
while total < 2**20:
    number, rest = until(94)
    assert len(rest) - 8 <= 32768
    total += len(rest) - 8
send(93, u32(0), u32(2**32 - 1))
ended()
"#,
    );
    server.wait_for_log("window adjustment overflows");
    // Data beyond the window.
    peer(
        &server,
        service,
        r#"
opens("session", 0, 32768, 0)
until(91)
send(94, u32(0), string(b"x"))
ended()
"#,
    );
    server.wait_for_log("channel 0: peer ignored channel window");
    server.wait_until_idle();
}

#[test]
fn channels_that_are_not_there_and_answers_that_nobody_waits_for() {
    if !has_python_module("channels_that_are_not_there_and_answers_that_nobody_waits_for", "paramiko") {
        return;
    }
    let (server, service) = (Server::any(""), service());
    for packet in [
        "send(94, u32(7), string('x'))",
        "send(97, u32(2**32 - 1))",
        "send(91, u32(0), u32(0), u32(100), u32(100))",
        "send(92, u32(0), u32(1), string(''), string(''))",
        "send(90, b'\\0\\0')",
        "send(80, u32(2**31), b'x')",
        "opens('direct-tcpip', 1, 1, 0, string('h'))",
    ] {
        peer(&server, service, &format!("{packet}\nended()"));
        server.wait_until_idle();
    }
    // Unknown kinds, forwards that are not there: refused, and the connection goes on.
    peer(
        &server,
        service,
        r#"
opens("made-up@example.org")
number, rest = until(92)
assert struct.unpack(">I", rest[4:8])[0] == 3
for name in ["cancel-tcpip-forward", "tcpip-forward"]:
    send(80, string(name), b"\1", string("localhost"), u32(2**32 - 1))
    assert until(81, 82)[0] == 82, name
send(80, string("cancel-streamlocal-forward@openssh.com"), b"\1", string("/nowhere"))
assert until(81, 82)[0] == 82
for port in [65536, 2**32 - 1]:
    opens("direct-tcpip", 100, 100, 1, direct("127.0.0.1", port))
    number, rest = until(91, 92)
    assert (number, rest[4:8]) == (92, u32(1)), port
send(80, string("tcpip-forward"), b"\1", string("localhost"), u32(0), b"what nobody looks at")
assert until(81, 82)[0] == 81
send(80, string("streamlocal-forward@openssh.com"), b"\1", string("/" + "x" * 107))
assert until(81, 82)[0] == 82
opens("direct-tcpip", 100, 100, 1, direct("h" * 30000, 80))
assert until(91, 92)[0] == 92
opens("direct-streamlocal@openssh.com", 100, 100, 1, string("/" + "x" * 300), string(""), u32(0))
assert until(91, 92)[0] == 92
opens("session", 100, 100, 2)
assert until(91, 92)[0] == 91
"#,
    );
    server.wait_for_log("server_request_direct_tcpip: invalid target port");
    let too_long = format!("unix_listener: path \"/{}\" too long for Unix domain socket", "x".repeat(107));
    server.wait_for_log(&too_long);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[test]
fn opens_without_end_are_bounded_and_cost_only_their_connection() {
    if !has_python_module("opens_without_end_are_bounded_and_cost_only_their_connection", "paramiko") {
        return;
    }
    let (server, service) = (Server::any(""), service());
    peer(
        &server,
        service,
        r#"
count = 10300
opened = refused = 0
for number in range(count):
    opens("direct-tcpip", 0, 100, number, direct("127.0.0.1", 1))
for number in range(count):
    kind, rest = until(91, 92)
    refused += kind == 92
assert refused == count, refused
"#,
    );
    // All of them open at once, as many as there are descriptors.
    peer(
        &server,
        service,
        r#"
for number in range(1500):
    opens("direct-tcpip", 0, 100, number, direct("127.0.0.1", service))
answers = [until(91, 92)[0] for number in range(1500)]
assert answers.count(91) >= 400, answers.count(91)
"#,
    );
    server.wait_until_idle();
    assert_eq!(server.ssh_ok(&[], "echo still here"), "still here\n");
    assert!(!server.log().contains("does not take its answers"), "{}", server.log());
}

#[test]
fn a_hundred_sessions_and_many_channels_share_a_connection() {
    let server = Server::any("MaxSessions 100");
    let service = service();
    let socket = server.scratch.path("control");
    let path = format!("ControlPath={}", socket.display());
    let mut master =
        server.client("ssh").args(["-o", "ControlMaster=yes", "-o", &path, "-N"]).arg(server.login()).spawn().unwrap();
    wait_until("the control socket is there", || socket.exists());
    let session = || {
        let mut client = server.client("ssh");
        client.args(["-o", "ControlMaster=no", "-o", &path]).arg(server.login()).arg("echo up; exec cat");
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("ssh")
    };
    let mut sessions: Vec<_> = (0..100).map(|_| session()).collect();
    for session in &mut sessions {
        let mut line = [0; 3];
        std::io::Read::read_exact(session.stdout.as_mut().unwrap(), &mut line).unwrap();
        assert_eq!(&line, b"up\n");
    }
    // Beside them, as an editor does it: forwardings through the same connection.
    for _ in 0..20 {
        let mut direct = server.client("ssh");
        direct.args(["-o", "ControlMaster=no", "-o", &path, "-W", &format!("127.0.0.1:{service}")]);
        let output = run(direct.arg(server.login()));
        assert_eq!(output.stdout.len(), 1 << 20, "{:?}", String::from_utf8_lossy(&output.stderr));
    }
    let late = server.ssh(&["-o", "ControlMaster=no", "-S", &socket.display().to_string()], "echo one too many");
    assert!(late.stdout.is_empty() || server.log().matches("Accepted publickey").count() > 1, "{late:?}");
    let serving = server.descendants().into_iter().filter(|pid| executable_of(*pid) == "sshd-session");
    let memory = |pid: i32| status_of(pid, "RssAnon").replace(" kB", "").parse::<u64>().unwrap_or(0);
    assert!(serving.map(memory).all(|kib| kib < 30_000), "a session process has grown");
    for mut session in sessions {
        drop(session.stdin.take());
        assert!(session.wait().unwrap().success());
    }
    run(server.client("ssh").args(["-o", &path, "-O", "exit"]).arg(server.login()));
    master.wait().unwrap();
    server.wait_until_idle();
}
