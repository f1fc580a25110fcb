//! Every algorithm of the server's default, one by one, with OpenSSH's client; and what is not offered is refused.

use std::process::Command;

use bulkhead_tests::{Server, run};

/// Names that the installed client knows too.
fn known_to_client(query: &str) -> Vec<String> {
    let output = run(Command::new("ssh").args(["-Q", query]));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

fn negotiated(server: &Server, option: &str, name: &str) {
    let output = server.ssh(&["-v", "-o", &format!("{option}={name}")], "head -c 100000 /dev/zero | wc -c");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "100000\n", "{option} {name}: {log}");
    assert!(log.contains(name), "{option} {name} was not used: {log}");
}

#[test]
fn key_exchanges() {
    let server = Server::any("");
    let known = known_to_client("kex");
    for name in [
        "mlkem768x25519-sha256",
        "sntrup761x25519-sha512",
        "sntrup761x25519-sha512@openssh.com",
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
    ] {
        if known.iter().any(|client| client == name) {
            negotiated(&server, "KexAlgorithms", name);
        } else {
            bulkhead_tests::skipped("key_exchanges", &format!("the installed ssh does not know {name}"));
        }
    }
}

#[test]
fn host_keys() {
    let server = Server::any("");
    for name in ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-256", "rsa-sha2-512"] {
        negotiated(&server, "HostKeyAlgorithms", name);
    }
}

#[test]
fn ciphers_macs_and_compression() {
    let server = Server::any("");
    for cipher in ["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes192-ctr"] {
        negotiated(&server, "Ciphers", cipher);
    }
    for cipher in ["aes128-ctr", "aes256-ctr"] {
        for mac in [
            "umac-64-etm@openssh.com",
            "umac-128-etm@openssh.com",
            "hmac-sha2-256-etm@openssh.com",
            "hmac-sha2-512-etm@openssh.com",
            "hmac-sha1-etm@openssh.com",
            "umac-64@openssh.com",
            "umac-128@openssh.com",
            "hmac-sha2-256",
            "hmac-sha2-512",
            "hmac-sha1",
        ] {
            let macs = format!("MACs={mac}");
            let output = server.ssh(&["-c", cipher, "-o", &macs], "head -c 100000 /dev/zero | wc -c");
            assert_eq!(String::from_utf8_lossy(&output.stdout), "100000\n", "{cipher} {mac}: {output:?}");
        }
    }
    let output = server.ssh(&["-v", "-C"], "head -c 3000000 /dev/zero | wc -c");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "3000000\n");
    assert!(String::from_utf8_lossy(&output.stderr).contains("compression: zlib@openssh.com"), "{output:?}");
}

#[test]
fn what_is_not_offered_is_refused() {
    let server = Server::any("Ciphers aes256-gcm@openssh.com\nKexAlgorithms curve25519-sha256\nMACs hmac-sha2-256");
    assert_eq!(server.ssh_ok(&[], "echo in"), "in\n");
    for (option, what) in [
        ("Ciphers=aes128-ctr", "no matching cipher found. Their offer: aes128-ctr [preauth]"),
        ("KexAlgorithms=ecdh-sha2-nistp256", "no matching key exchange method found. Their offer: ecdh-sha2-nistp256"),
    ] {
        let output = server.ssh(&["-o", option], "true");
        assert_eq!(output.status.code(), Some(255), "{option}");
        let line = server.wait_for_log(what);
        assert!(line.contains("Unable to negotiate with 127.0.0.1 port "), "{line}");
    }
    let weak = Server::any("");
    for option in
        ["Ciphers=aes128-cbc", "MACs=hmac-md5", "HostKeyAlgorithms=ssh-rsa", "KexAlgorithms=diffie-hellman-group1-sha1"]
    {
        let options = ["-o", option, "-o", "Ciphers=aes128-ctr"];
        let options = if option.starts_with("Ciphers") { &options[..2] } else { &options[..] };
        assert_eq!(weak.ssh(options, "true").status.code(), Some(255), "{option} must not be offered");
    }
}
