//! Peers that use up the machine.

use std::io::Write;
use std::net::TcpStream;

use bulkhead_tests::{Server, TURNED_AWAY, answer_to, connect_from, is_served, status_of, title_of, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::plain::{KEXINIT, NEWKEYS, PING, Plain, packet, peak};
use crate::{can_be_hostile, hostile, is_in};

/// More than any process before login needs, in KiB, and far less than an attack is after.
const ENOUGH: u64 = 40_000;

/// DHEat: a client makes the server do costly finite-field arithmetic for next to nothing. Such methods are off unless
/// the administrator lists them, and connections that never try to log in use up their source's credit.
#[test]
fn cve_2002_20001_dheat_finds_no_costly_method_and_no_patience() {
    let server = Server::any("PerSourcePenalties noauth:1s min:3s");
    let offered = String::from_utf8_lossy(&Plain::open(&server).kexinit).into_owned();
    assert!(offered.contains("curve25519-sha256") && !offered.contains("diffie-hellman"), "{offered}");
    assert!(!is_in(&server, &["-o", "KexAlgorithms=diffie-hellman-group14-sha256"]));
    server.wait_for_log("no matching key exchange method found. Their offer: diffie-hellman-group14-sha256");
    // What the attack costs the server is bounded by the credit, not by the attacker's speed.
    let attack = || answer_to(connect_from(&server, "127.0.0.2"), b"SSH-2.0-dheat\r\nno packet");
    let served = (0..40).take_while(|_| attack() != TURNED_AWAY).count();
    assert!((3..=8).contains(&served), "{served}");
    assert!(is_served(&server, "127.0.0.3"));
}

/// At LoginGraceTime only one of two processes ended, and its place was never free again.
#[test]
fn cve_2004_2069_the_grace_time_frees_every_process_and_place() {
    let server = Server::any("LoginGraceTime 1\nMaxStartups 3");
    let held: Vec<TcpStream> = (0..3).map(|_| server.connect()).collect();
    wait_until("every place is taken", || title_of(server.pid()).contains("[listener] 3 of 3-3 startups"));
    server.wait_until_idle();
    wait_until("every place is free", || title_of(server.pid()).contains("[listener] 0 of 3-3 startups"));
    assert!(is_in(&server, &[]));
    drop(held);
}

/// One crash of the process before login kept everybody out from then on.
#[test]
fn cve_2006_0883_a_crash_before_login_hurts_one_connection() {
    let server = Server::any("");
    for signal in [Signal::SIGABRT, Signal::SIGSYS, Signal::SIGKILL] {
        let peer = server.connect();
        wait_until("it has its processes", || server.descendants().len() == 2);
        kill(Pid::from_raw(server.descendants()[1]), signal).expect("the process lives");
        let _ = answer_to(peer, b"");
        server.wait_until_idle();
        assert!(is_in(&server, &[]), "{signal}");
    }
}

/// Idle clients held all places of MaxStartups.
#[test]
fn cve_2010_5107_idle_clients_cannot_hold_every_place_for_sure() {
    let server = Server::any("MaxStartups 2:30:60");
    let held: Vec<TcpStream> = (0..12).map(|_| server.connect()).collect();
    // Of those who come now about four in ten are dropped: nobody is kept out for sure.
    let (mut served, mut dropped) = (0, 0);
    for _ in 0..60 {
        if is_served(&server, "127.0.0.9") { served += 1 } else { dropped += 1 }
    }
    assert!(served >= 5 && dropped >= 5, "{served} served, {dropped} dropped");
    drop(held);
}

/// A length of 4 GiB was allocated before anything of it had come.
#[test]
fn cve_2011_5000_lengths_are_checked_before_anything_is_allocated() {
    let server = Server::any("");
    for length in [u32::MAX, 0x7fff_ffff, 0x4000_0000, 0x0004_0001] {
        let mut peer = Plain::open(&server);
        let _ = peer.stream.write_all(&[&length.to_be_bytes()[..], &[4; 4096]].concat());
        assert!(peer.is_closed_soon(), "{length:#x}");
        // Inside of a packet: the first list of KEXINIT.
        let mut peer = Plain::open(&server);
        let mut kexinit = peer.kexinit.clone();
        kexinit[17..21].copy_from_slice(&length.to_be_bytes());
        let _ = peer.stream.write_all(&packet(&kexinit));
        assert!(peer.is_closed_soon(), "{length:#x} in a packet");
        assert!(peak(&server) < ENOUGH);
    }
    assert!(is_in(&server, &[]));
}

/// Hashing a password of megabytes kept a processor busy.
#[test]
fn cve_2016_6515_password_length_is_capped() {
    if !can_be_hostile("cve_2016_6515_password_length_is_capped") {
        return;
    }
    let server = Server::as_root("");
    server.account.set_password("the right one");
    let user = server.account.name.clone();
    let took = |length: &str| {
        let answer = hostile(&server, &["password", &user, length]);
        let (answer, milliseconds) = answer.split_once(' ').expect("two words");
        assert_eq!(answer, "refused", "{length}");
        milliseconds.parse::<u64>().expect("a number")
    };
    let (ordinary, long) = (took("12"), took("30000"));
    assert!(long <= ordinary * 2 + 200, "{ordinary} ms, but {long} ms for 30,000 characters");
}

/// KEXINIT after KEXINIT: memory for each was kept.
#[test]
fn cve_2016_8858_repeated_kexinit_is_an_end() {
    let server = Server::any("");
    let mut peer = Plain::open(&server);
    let kexinit = peer.kexinit.clone();
    assert_eq!(kexinit[0], KEXINIT);
    let taken = peer.send_often(&kexinit, 20_000);
    assert!(peak(&server) < ENOUGH, "{} KiB after {taken}", peak(&server));
    assert!(peer.is_closed_soon(), "after {taken} of them");
    assert!(is_in(&server, &[]));
}

/// NEWKEYS before there were new keys.
#[test]
fn cve_2016_10708_newkeys_out_of_order_is_an_end() {
    let server = Server::any("");
    for before in [false, true] {
        let mut peer = Plain::open(&server);
        let kexinit = packet(&peer.kexinit);
        let sent = [if before { kexinit } else { Vec::new() }, packet(&[NEWKEYS])].concat();
        peer.stream.write_all(&sent).expect("room for two packets");
        assert!(peer.is_closed_soon());
    }
    server.wait_until_idle();
    assert!(is_in(&server, &[]) && !server.log().contains("crash"), "{}", server.log());
}

/// PINGs during a key exchange: an answer to each was kept until its end. Before there are keys a PING is an end here.
#[test]
fn cve_2025_26466_pings_before_login_cost_little() {
    let server = Server::any("");
    for exchanging in [false, true] {
        let mut peer = Plain::open(&server);
        if exchanging {
            let kexinit = packet(&peer.kexinit);
            peer.stream.write_all(&kexinit).expect("room for a packet");
        }
        peer.stream.write_all(&packet(&[PING, 0, 0, 0, 0])).expect("room for a packet");
        assert!(peer.is_closed_soon());
    }
    if !can_be_hostile("cve_2025_26466_pings_before_login_cost_little") {
        return;
    }
    for when in ["idle", "exchanging"] {
        let answer = hostile(&server, &["pings", &server.pid().to_string(), when]);
        let (sent, peak) = answer.split_once(' ').expect("two numbers");
        let (sent, peak): (u64, u64) = (sent.parse().expect("a number"), peak.parse().expect("a number"));
        assert!(peak < ENOUGH, "{when}: {sent} PINGs, {peak} KiB");
        // Idle, the sockets fill up before nobody reads any more; amid a key exchange the first one is an end.
        assert!(when == "exchanging" || sent > 100, "{when}: {sent} PINGs");
        server.wait_until_idle();
    }
    assert!(is_in(&server, &[]));
}

/// OpenSSH 10.4, Dropbear 2026.92: what comes while keys are exchanged anew was queued without bound.
#[test]
fn openssh_10_4_what_comes_during_a_key_exchange_is_not_queued() {
    let server = Server::any("");
    let mut peer = Plain::open(&server);
    let kexinit = packet(&peer.kexinit);
    peer.stream.write_all(&kexinit).expect("room for a packet");
    // SSH_MSG_IGNORE and SSH_MSG_DEBUG with 30,000 bytes each.
    for number in [2, 4] {
        let mut payload = vec![number, 0, 0, 0x75, 0x30];
        payload.resize(30_005, 0);
        let taken = peer.send_often(&payload, 2_000);
        assert!(peak(&server) < ENOUGH, "{} KiB after {taken} messages {number}", peak(&server));
    }
    let threads = server.descendants().iter().map(|pid| status_of(*pid, "Threads")).collect::<Vec<_>>();
    assert!(threads.iter().all(|threads| threads == "1" || threads.is_empty()), "{threads:?}");
}
