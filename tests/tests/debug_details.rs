//! What an administrator sees with `LogLevel DEBUG1` to `DEBUG3`, or `-d` to `-ddd`, when looking for a cause: enough of
//! it, at the right depth, and nothing that a peer could make endless.

use std::fs;
use std::process::Command;

use bulkhead_tests::{Server, binaries, has_python_module, make_key, public_half, run, run_with_input};

/// The lines of the log that contain `part`.
fn lines_with(server: &Server, part: &str) -> Vec<String> {
    server.log().lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
}

#[test]
fn both_offers_are_shown_also_when_they_have_nothing_in_common() {
    let server = Server::any("LogLevel DEBUG2\nCiphers aes256-gcm@openssh.com\nMACs hmac-sha2-512");
    let refused = server.ssh(&["-oCiphers=aes128-ctr"], "true");
    assert_eq!(refused.status.code(), Some(255));
    server.wait_for_log("no matching cipher found. Their offer: aes128-ctr [preauth]");
    for line in [
        "debug1: SSH2_MSG_KEXINIT sent [preauth]",
        "debug1: SSH2_MSG_KEXINIT received [preauth]",
        "debug2: local server KEXINIT proposal [preauth]",
        "debug2: ciphers ctos: aes256-gcm@openssh.com [preauth]",
        "debug2: MACs stoc: hmac-sha2-512 [preauth]",
        "debug2: peer client KEXINIT proposal [preauth]",
        "debug2: ciphers ctos: aes128-ctr [preauth]",
        "debug2: first_kex_follows 0  [preauth]",
    ] {
        assert!(lines_with(&server, line).iter().any(|shown| shown == line), "{line}");
    }
    assert!(lines_with(&server, "kex: algorithm: ").is_empty(), "nothing was agreed on");
    assert!(lines_with(&server, "debug3: ").is_empty(), "deeper than asked for");
    server.ssh_ok(&[], "true");
    server.wait_for_log("debug1: kex: client->server cipher: aes256-gcm@openssh.com MAC: <implicit> compression: none");
    server.wait_for_log("debug1: KEX done [preauth]");
}

#[test]
fn an_exchange_that_stands_still_shows_how_far_it_has_come() {
    let server = Server::any("");
    let mut silent = server.connect();
    std::io::Write::write_all(&mut silent, b"SSH-2.0-silent\r\n").expect("written");
    // The peer never says more: what is known is told before it is waited for.
    server.wait_for_log("debug1: SSH2_MSG_KEXINIT sent [preauth]");
    assert!(lines_with(&server, "SSH2_MSG_KEXINIT received").is_empty());
}

#[test]
fn a_match_block_decides_how_much_is_told_of_its_users() {
    // Told by the process before login, as is what follows: the refusal of the method `none`.
    let refusal = "debug3: send packet: type 51 [preauth]";
    for (level, in_block, told) in [("INFO", "DEBUG3", true), ("DEBUG3", "INFO", false)] {
        let server = Server::any(&format!("LogLevel {level}\nMatch User *\nLogLevel {in_block}"));
        server.ssh_ok(&[], "true");
        server.wait_for_log("Accepted publickey for ");
        assert_eq!(!lines_with(&server, refusal).is_empty(), told, "{}", server.log());
        assert_eq!(lines_with(&server, "debug2: peer client KEXINIT proposal").is_empty(), told, "{}", server.log());
    }
}

#[test]
fn why_a_key_does_not_let_in() {
    let server = Server::any("LogLevel DEBUG3\nMatch User nobody-else\nX11Forwarding yes\nMatch User *\nPermitTTY no");
    let other = make_key(&server.scratch, "other_key", &["-t", "ed25519"]);
    let file = server.scratch.path("authorized_keys");
    let login = fs::read_to_string(&file).expect("the list");
    let of_other = format!("from=\"192.0.2.9\",command=\"secret-script\",no-pty {}", public_half(&other));
    fs::write(&file, format!("{login}{of_other}")).expect("written");
    let identity = format!("-oIdentityFile={}", other.display());
    let refused = run(server.client_with("ssh", &[&identity]).arg("-v").arg(server.login()).arg("true"));
    // The harness's own key comes second in the client's list, and lets in.
    assert!(refused.status.success(), "{refused:?}");
    let matching = server.wait_for_log(":2: matching key found: ED25519 SHA256:");
    assert!(matching.ends_with("(key options: agent-forwarding command port-forwarding user-rc x11-forwarding)"));
    server.wait_for_log(":2: Authentication tried for ");
    server.wait_for_log("Refused by key options at ");
    server.wait_for_log("debug3: userauth_finish: failure partial=0 next methods=\"publickey");
    server.wait_for_log(":1: matching key found: ED25519 SHA256:");
    server.wait_for_log("Postponed publickey for ");
    server.wait_for_log("debug1: active: key options: agent-forwarding port-forwarding pty user-rc x11-forwarding");
    assert!(!server.log().contains("secret-script"), "names of options, no values");
    // The Match blocks: those that hold, and what keeps the others from it.
    server.wait_for_log("Match User * matches");
    let unmatched = server.wait_for_log("Match User nobody-else does not match: User nobody-else");
    assert!(unmatched.starts_with("debug3: "), "{unmatched}");
    // The client hears of the line that let it in, and of no other (CVE-2012-0814).
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    let remote: Vec<&str> = told.lines().filter(|line| line.contains("Remote: ")).collect();
    assert_eq!(remote.len(), 1, "{told}");
    assert!(remote[0].contains("authorized_keys:1: key options: agent-forwarding port-forwarding pty"), "{remote:?}");
}

#[test]
fn the_course_of_a_session() {
    let server = Server::any("LogLevel DEBUG3\nAcceptEnv GIVEN");
    let mut client = server.client("ssh");
    client.env("GIVEN", "one").env("DENIED", "two").args(["-oSendEnv=GIVEN DENIED", "-tt"]).arg(server.login());
    let output = run_with_input(client.arg("exit 7"), b"");
    assert_eq!(output.status.code(), Some(7));
    for line in [
        "debug1: channel 0: new session [server-session]",
        "debug1: session_input_channel_req: session 0 req pty-req",
        "debug1: session_pty_req: session 0 alloc /dev/pts/",
        "debug2: Setting env 0: GIVEN=one",
        "debug2: Ignoring env request DENIED: disallowed name",
        "debug1: session_input_channel_req: session 0 req exec",
        "debug1: session_exit_message: session 0 pid ",
        "debug2: channel 0: send eof",
        "debug2: channel 0: send close for remote id ",
        "debug2: channel 0: rcvd close",
        "debug3: receive packet: type 90",
    ] {
        server.wait_for_log(line);
    }
    assert!(lines_with(&server, "set_newkeys: rekeying").is_empty(), "nothing calls for new keys");
}

#[test]
fn each_later_key_exchange_is_shown_and_data_is_not() {
    let server = Server::any("LogLevel DEBUG3\nRekeyLimit 512K");
    assert_eq!(server.ssh_ok(&[], "head -c 3000000 /dev/zero | tr '\\0' x").len(), 3_000_000);
    server.wait_for_log("debug1: set_newkeys: rekeying, input ");
    server.wait_for_log("Disconnected from user ");
    for line in ["SSH2_MSG_NEWKEYS received", "debug3: send packet: type 21"] {
        assert!(lines_with(&server, line).len() > 2, "{line}");
    }
    for data in ["receive packet: type 94", "send packet: type 94"] {
        assert!(lines_with(&server, data).is_empty(), "data is not told packet by packet");
    }
}

#[test]
fn where_forwardings_lead() {
    let server = Server::any("PermitOpen 127.0.0.1:9");
    let refused = server.ssh(&["-W", "127.0.0.1:10"], "");
    assert_eq!(refused.status.code(), Some(255));
    server.wait_for_log("server_request_direct_tcpip: originator ");
    server.wait_for_log("debug1: channel 0: 127.0.0.1:10 is not permitted");
    let unreached = server.ssh(&["-W", "127.0.0.1:9"], "");
    assert_eq!(unreached.status.code(), Some(255));
    server.wait_for_log("debug1: channel 0: connection failed: Connection refused");
    let listening = server.ssh(&["-R", "0:127.0.0.1:9"], "true");
    assert!(listening.status.success(), "{listening:?}");
    server.wait_for_log("server_input_global_request: tcpip-forward listen localhost port 0");
}

/// Without a display the client learns why, if its key is the reason or a program is missing.
#[test]
fn clients_hear_why_there_is_no_display() {
    let server = Server::any("X11Forwarding yes\nXAuthLocation /nonexistent/xauth");
    let told = |server: &Server| {
        let script = "import os, sys, paramiko, logging\n\
             key = paramiko.Ed25519Key.from_private_key_file(sys.argv[3])\n\
             transport = paramiko.Transport(('127.0.0.1', int(sys.argv[1])))\n\
             paramiko.util.log_to_file(sys.argv[4] + 'paramiko.log', logging.DEBUG)\n\
             transport.connect(username=sys.argv[2], pkey=key)\n\
             try: transport.open_session().request_x11(auth_cookie='00', handler=lambda *_: None)\n\
             except paramiko.SSHException: pass\n\
             else: sys.exit('a display')\n\
             transport.close()\n";
        let output = server.python(script);
        assert!(output.status.success(), "{output:?}");
        fs::read_to_string(server.scratch.path("paramiko.log")).expect("its log")
    };
    if !has_python_module("clients_hear_why_there_is_no_display", "paramiko") {
        return;
    }
    assert!(told(&server).contains("No xauth program; cannot forward X11."));
    let key = public_half(&server.scratch.path("login_key"));
    server.scratch.file("authorized_keys", format!("no-x11-forwarding {key}"));
    assert!(told(&server).contains("X11 forwarding disabled by key options."));
    // What the configuration says is the administrator's business.
    let server = Server::any("X11Forwarding no");
    assert!(!told(&server).contains("X11 forwarding"));
    server.wait_for_log("X11 forwarding disabled in server configuration file.");
}

/// A peer that never stops talking costs details, not the connection, and not the disk.
#[test]
fn what_a_peer_can_make_the_log_say_is_bounded() {
    if !has_python_module("what_a_peer_can_make_the_log_say_is_bounded", "paramiko") {
        return;
    }
    let server = Server::any("LogLevel DEBUG3");
    let talker = "import sys, paramiko\n\
         from paramiko.message import Message\n\
         transport = paramiko.Transport(('127.0.0.1', int(sys.argv[1])))\n\
         transport.start_client(timeout=30)\n\
         for _ in range(5000):\n\
         \x20   message = Message(); message.add_byte(bytes([2])); message.add_string(b'x')\n\
         \x20   transport._send_message(message)\n\
         transport.auth_publickey(sys.argv[2], paramiko.Ed25519Key.from_private_key_file(sys.argv[3]))\n\
         print(transport.is_authenticated()); transport.close()\n";
    let output = server.python(talker);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "True\n", "{output:?}\n{}", server.log());
    server.wait_until_idle();
    let told = lines_with(&server, "[preauth]").len();
    assert!((500..1000).contains(&told), "{told} lines");
    assert!(!server.log().contains("floods"), "{}", server.log());
}

#[test]
fn what_is_read_from_a_configuration_is_shown_on_demand() {
    let server = Server::any("MaxSessions 7");
    let file = server.scratch.path("sshd_config");
    let tested = |flags: &str| {
        let output = run(Command::new(binaries().join("sshd")).args(["-t", flags, "-f"]).arg(&file));
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let setting = format!("debug3: {} line 1 setting MaxSessions 7", file.display());
    assert!(tested("-ddd").contains(&setting), "{}", tested("-ddd"));
    assert!(!tested("-dd").contains("setting MaxSessions"));
}
