//! OpenSSH's client against a bare transport: every algorithm that both know. Skipped, by name, where there is no `ssh`.

mod common;

use std::{
    io::{Read, Write as _},
    net::TcpListener,
    process::{Command, Output, Stdio},
    thread,
};

use common::{ALL_KEX, EchoServer, Host, Served, every_protection};

fn ssh_is_missing(test: &str) -> bool {
    let missing = Command::new("ssh").arg("-V").output().is_err();
    if missing {
        eprintln!("{test}: skipped, there is no ssh here");
    }
    missing
}

/// What the installed client can do.
fn client_knows(kind: &str) -> Vec<String> {
    let listed = Command::new("ssh").args(["-Q", kind]).output().unwrap();
    String::from_utf8(listed.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Runs one client with `options` and `input` against `server`.
fn run_ssh(server: EchoServer, options: &[&str], input: Vec<u8>) -> (Output, Served) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let serving = thread::spawn(move || server.serve(listener.accept().unwrap().0));
    let mut client = Command::new("ssh")
        .args(["-F", "/dev/null", "-vvv", "-p", &port, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"])
        .args(["-o", "UserKnownHostsFile=/dev/null", "-o", "GlobalKnownHostsFile=/dev/null"])
        .args(["-o", "PubkeyAuthentication=no", "-o", "ConnectTimeout=20"])
        .args(options.iter().flat_map(|option| ["-o", option]))
        .args(["somebody@127.0.0.1", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = client.stdin.take().unwrap();
    let feeding = thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let mut stderr = client.stderr.take().unwrap();
    let complaining = thread::spawn(move || {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text).unwrap();
        text
    });
    let mut output = client.wait_with_output().unwrap();
    output.stderr = complaining.join().unwrap();
    feeding.join().unwrap();
    (output, serving.join().unwrap())
}

fn server(lets_in: bool) -> EchoServer {
    let host = Host::new();
    EchoServer { settings: host.settings(), host, lets_in }
}

/// Seven bits of noise in each byte.
fn hardly_compressible(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 57) as u8
    });
    noise.take(length).collect()
}

#[test]
fn every_key_exchange_method_reaches_authentication() {
    if ssh_is_missing("every_key_exchange_method_reaches_authentication") {
        return;
    }
    let known = client_knows("kex");
    for method in ALL_KEX.iter().filter(|method| known.iter().any(|name| name == *method)) {
        let (output, served) = run_ssh(server(false), &[&format!("KexAlgorithms={method}")], Vec::new());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("Authentications that can continue: publickey"), "{method}: {said}");
        assert!(said.contains(&format!("kex: algorithm: {method}")), "{method}: {said}");
        assert!(said.contains("will use strict KEX ordering"), "{method}: {said}");
        assert!(said.contains("server-sig-algs=<ssh-ed25519,rsa-sha2-512>"), "{method}: {said}");
        assert_eq!((served.rejected_logins, served.key_exchanges, served.error), (1, 1, None), "{method}");
    }
}

#[test]
fn every_protection_carries_data_through_rekeys_of_both_sides() {
    if ssh_is_missing("every_protection_carries_data_through_rekeys_of_both_sides") {
        return;
    }
    let input = hardly_compressible(3_000_000);
    for (cipher, mac) in every_protection() {
        for (compression, rekey_limit) in [("no", "900K"), ("yes", "1G")] {
            let mut server = server(true);
            server.settings.rekey_bytes = 300_000;
            let options = [
                &format!("Ciphers={cipher}"),
                &format!("MACs={mac}"),
                &format!("Compression={compression}"),
                &format!("RekeyLimit={rekey_limit}"),
                "KexAlgorithms=curve25519-sha256",
            ];
            let (output, served) = run_ssh(server, &options, input.clone());
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.stdout == input, "{cipher} {mac} compression {compression}: {:?} {said}", served.error);
            assert!(output.status.success(), "{cipher} {mac} compression {compression}: {said}");
            assert_eq!(served.error, None, "{cipher} {mac}");
            // Usually ten; what a client on a busy machine has sent before it hears of one may be much.
            assert!(served.key_exchanges > 1, "{cipher} {mac} {compression}: {served:?}");
        }
    }
}

#[test]
fn no_common_algorithm_is_told_with_the_offer() {
    if ssh_is_missing("no_common_algorithm_is_told_with_the_offer") {
        return;
    }
    let mut server = server(false);
    server.settings.ciphers = vec!["aes256-ctr".into()];
    let (output, served) = run_ssh(server, &["Ciphers=aes128-ctr,aes192-ctr"], Vec::new());
    assert!(!output.status.success());
    let error = served.error.unwrap().to_string();
    assert_eq!(error, "no matching cipher found. Their offer: aes128-ctr,aes192-ctr");
}
