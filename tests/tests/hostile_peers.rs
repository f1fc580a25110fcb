//! Peers that send garbage, half of something, or nothing.

use std::io::{Read, Write};
use std::net::Shutdown;

use bulkhead_tests::{Server, status_of, wait_until};

/// Everything the server says until it hangs up.
fn until_end(stream: &mut std::net::TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

#[test]
fn garbage_is_answered_with_an_end() {
    let server = Server::any("");
    for garbage in [
        &b"GET / HTTP/1.0\r\n\r\n"[..],
        b"SSH-1.5-old\r\n",
        b"SSH-2.0\r\n",
        &[0xff; 70_000],
        b"SSH-2.0-x\r\n\xff\xff\xff\xff\xff\xff\xff\xff",
        b"SSH-2.0-x\r\n\x00\x00\x00\x0c\x0a\x14\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    ] {
        let mut peer = server.connect();
        let _ = peer.write_all(garbage);
        let answer = until_end(&mut peer);
        assert!(answer.starts_with(b"SSH-2.0-"), "{answer:?}");
    }
    server.wait_for_log("client sent invalid protocol identifier \"GET / HTTP/1.0\"");
    server.wait_until_idle();
    assert_eq!(server.ssh_ok(&[], "echo still here"), "still here\n");
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[test]
fn peers_that_leave_early_leave_nothing_behind() {
    let server = Server::any("");
    for (sent, how) in
        [(&b""[..], Shutdown::Both), (b"SSH-2.0-half", Shutdown::Write), (b"SSH-2.0-x\r\n", Shutdown::Both)]
    {
        let mut peer = server.connect();
        peer.write_all(sent).unwrap();
        peer.shutdown(how).unwrap();
        let _ = until_end(&mut peer);
    }
    server.wait_until_idle();
}

#[test]
fn a_byte_at_a_time_is_enough() {
    let server = Server::any("");
    let mut peer = server.connect();
    for byte in b"SSH-2.0-slow\r\n" {
        peer.write_all(&[*byte]).unwrap();
        peer.flush().unwrap();
    }
    let mut answer = [0; 600];
    let mut length = 0;
    // Its KEXINIT follows its identification.
    while !answer[..length].windows(9).any(|window| window == b"curve2551") {
        let count = peer.read(&mut answer[length..]).unwrap();
        assert!(count > 0, "{:?}", &answer[..length]);
        length += count;
        if length == answer.len() {
            break;
        }
    }
    assert!(length > 100);
}

#[test]
fn before_login_a_peer_cannot_make_the_server_grow() {
    let server = Server::any("");
    let mut peer = server.connect();
    peer.write_all(b"SSH-2.0-flood\r\n").unwrap();
    peer.set_nonblocking(true).unwrap();
    // A packet that announces more than it may hold, and whatever the socket takes behind it.
    let _ = peer.write(&[0x00, 0x0f, 0xff, 0xff, 4]);
    for _ in 0..1000 {
        if peer.write(&[0; 65536]).is_err() {
            break;
        }
    }
    for pid in server.descendants() {
        let peak: u64 = status_of(pid, "VmHWM").trim_end_matches(" kB").trim().parse().unwrap_or(0);
        assert!(peak < 40_000, "process {pid} grew to {peak} kB");
    }
    drop(peer);
    server.wait_until_idle();
}

#[test]
fn a_peer_that_never_reads_is_dropped_with_its_buffers() {
    let server = Server::any("LoginGraceTime 2");
    let peer = server.connect();
    wait_until("the connection has processes", || !server.descendants().is_empty());
    server.wait_until_idle();
    drop(peer);
}
