//! Every algorithm, one by one, with OpenSSH's client and with others; and what is not offered is refused.

use std::process::Command;

use bulkhead_tests::{Server, needs_program, run};

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

/// What is offered on request only.
const LEGACY_KEX: &str = "diffie-hellman-group1-sha1,diffie-hellman-group14-sha1,diffie-hellman-group14-sha256,\
    diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group-exchange-sha1,\
    diffie-hellman-group-exchange-sha256,mlkem768nistp256-sha256";
const LEGACY_CIPHERS: &str = "3des-cbc,aes128-cbc,aes192-cbc,aes256-cbc";
const LEGACY_MACS: &str = "hmac-sha1-96,hmac-md5,hmac-md5-96,hmac-sha1-96-etm@openssh.com,hmac-md5-etm@openssh.com,\
    hmac-md5-96-etm@openssh.com";

fn legacy(more: &str) -> Server {
    Server::any(&format!("KexAlgorithms +{LEGACY_KEX}\nCiphers +{LEGACY_CIPHERS}\nMACs +{LEGACY_MACS}\n{more}"))
}

#[test]
fn key_exchanges_over_finite_fields() {
    let moduli = bulkhead_tests::project().join("etc/moduli");
    let server = legacy(&format!("ModuliFile {}", moduli.display()));
    let known = known_to_client("kex");
    for name in LEGACY_KEX.split(',') {
        if known.iter().any(|client| client == name) {
            negotiated(&server, "KexAlgorithms", name);
        } else {
            let why = format!("the installed ssh does not know {name}");
            bulkhead_tests::skipped("key_exchanges_over_finite_fields", &why);
        }
    }
}

/// The client says how large the prime was that it got.
fn bits_of_group(server: &Server, cipher: &str) -> String {
    let options = ["-vvv", "-o", "KexAlgorithms=diffie-hellman-group-exchange-sha256", "-c", cipher];
    let output = server.ssh(&options, "true");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    let bits = log.lines().find_map(|line| line.split("bits set: ").nth(1)?.split('/').nth(1).map(str::to_owned));
    bits.unwrap_or_else(|| panic!("no size in {log}"))
}

#[test]
fn groups_come_from_the_moduli_file_or_are_numbered_ones() {
    let own = std::fs::read_to_string(bulkhead_tests::project().join("etc/moduli")).expect("etc/moduli");
    let of_3072 = own.lines().filter(|line| line.split(' ').nth(4) == Some("3071")).collect::<Vec<_>>().join("\n");
    let scratch = bulkhead_tests::Scratch::new();
    let server = legacy(&format!("ModuliFile {}", scratch.path("moduli").display()));
    // OpenSSH's client asks for 3072 bits with this cipher, and for 7680 with the other one; see RFC 4419 for the rest.
    assert_eq!(bits_of_group(&server, "aes128-ctr"), "8192", "there is no file: the largest numbered group it takes");
    server.wait_for_log("WARNING: could not open ");
    scratch.file("moduli", &own);
    assert_eq!(bits_of_group(&server, "aes128-ctr"), "3072");
    assert_eq!(bits_of_group(&server, "aes256-ctr"), "4096", "the largest there is");
    scratch.file("moduli", of_3072);
    assert_eq!(bits_of_group(&server, "aes256-ctr"), "3072");
    scratch.file("moduli", "20260101000000 2 6 100 3071 2 FF\nnonsense\n");
    assert_eq!(bits_of_group(&server, "aes128-ctr"), "8192");
    server.wait_for_log("/moduli line 2: 1 fields instead of 7");
    server.wait_for_log("WARNING: no suitable primes in ");
}

/// Both in the process before login and, for the rekeys, in the one after it.
#[test]
fn groups_are_exchanged_again_amid_a_transfer() {
    let server = legacy("");
    for (kex, cipher, mac) in [
        ("diffie-hellman-group-exchange-sha256", "aes256-cbc", "hmac-sha1-96"),
        ("diffie-hellman-group-exchange-sha1", "3des-cbc", "hmac-md5-etm@openssh.com"),
        ("diffie-hellman-group14-sha1", "aes128-cbc", "hmac-sha2-256"),
    ] {
        let (kex, macs) = (format!("KexAlgorithms={kex}"), format!("MACs={mac}"));
        let options = ["-v", "-o", &kex, "-c", cipher, "-o", &macs, "-o", "RekeyLimit=4M"];
        let output = server.ssh(&options, "head -c 40000000 /dev/zero");
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.stdout.len(), 40_000_000, "{kex} {cipher} {mac}: {log}");
        assert!(log.matches("SSH2_MSG_NEWKEYS sent").count() > 2, "{kex} {cipher} {mac}: {log}");
    }
}

#[test]
fn putty_uses_what_old_devices_have() {
    if !needs_program("putty_uses_what_old_devices_have", "plink") {
        return;
    }
    let server = legacy("");
    for (kex, cipher) in [("dh-gex-sha1", "3des"), ("dh-group14-sha1", "aes"), ("dh-group1-sha1", "aes")] {
        // PuTTY reads its preferences from a saved session.
        let saved = format!("KEX={kex},WARN,rsa,ecdh,dh-group1-sha1\nCipher={cipher},WARN,aes,chacha20\n");
        let folder = server.scratch.path(".putty/sessions");
        std::fs::create_dir_all(&folder).expect("PuTTY's folder");
        std::fs::write(folder.join("old"), saved).expect("a saved session");
        let mut plink = server.putty("plink");
        let output = run(plink.args(["-v", "-load", "old"]).arg(server.login()).arg("echo in"));
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "in\n", "{kex} {cipher}: {log}");
    }
}

#[test]
fn paramiko_and_asyncssh_use_what_old_devices_have() {
    let server = legacy("");
    if bulkhead_tests::has_python_module("paramiko_and_asyncssh_use_what_old_devices_have", "paramiko") {
        let script = r"
import sys, paramiko
from paramiko.transport import Transport
port, user, key = int(sys.argv[1]), *sys.argv[2:4]
for kex, cipher, mac in (
    ('diffie-hellman-group-exchange-sha256', 'aes128-cbc', 'hmac-md5'),
    ('diffie-hellman-group16-sha512', 'aes192-cbc', 'hmac-sha1-96'),
    ('diffie-hellman-group1-sha1', '3des-cbc', 'hmac-md5-96'),
    ('diffie-hellman-group-exchange-sha1', 'aes256-cbc', 'hmac-sha1'),
):
    Transport._preferred_kex, Transport._preferred_ciphers, Transport._preferred_macs = (kex,), (cipher,), (mac,)
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect('127.0.0.1', port, user, key_filename=key, allow_agent=False, look_for_keys=False)
    # Not behind a command: paramiko waits for itself if a channel closes meanwhile.
    client.get_transport().renegotiate_keys()
    stdin, stdout, _ = client.exec_command('cat')
    stdin.write(b'x' * 100000); stdin.channel.shutdown_write()
    assert stdout.read() == b'x' * 100000
    client.close()
print('done')
";
        let output = server.python(script);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n", "{output:?}");
    }
    if bulkhead_tests::has_python_module("paramiko_and_asyncssh_use_what_old_devices_have", "asyncssh") {
        let script = r"
import sys, asyncio, asyncssh
port, user, key = int(sys.argv[1]), *sys.argv[2:4]
async def main():
    for kex, cipher, mac in (
        ('diffie-hellman-group18-sha512', 'aes256-cbc', 'hmac-sha1-96-etm@openssh.com'),
        ('diffie-hellman-group-exchange-sha256', '3des-cbc', 'hmac-md5-96-etm@openssh.com'),
    ):
        async with asyncssh.connect('127.0.0.1', port, username=user, client_keys=[key], known_hosts=None,
                                    kex_algs=[kex], encryption_algs=[cipher], mac_algs=[mac]) as connection:
            result = await connection.run('cat', input='x' * 100000)
            assert result.stdout == 'x' * 100000
asyncio.run(main())
print('done')
";
        let output = server.python(script);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n", "{output:?}");
    }
}

#[test]
fn old_ciphers_and_macs() {
    let server = legacy("");
    for cipher in LEGACY_CIPHERS.split(',') {
        negotiated(&server, "Ciphers", cipher);
    }
    for cipher in ["3des-cbc", "aes128-ctr"] {
        for mac in LEGACY_MACS.split(',') {
            let macs = format!("MACs={mac}");
            let output = server.ssh(&["-c", cipher, "-o", &macs], "head -c 100000 /dev/zero | wc -c");
            assert_eq!(String::from_utf8_lossy(&output.stdout), "100000\n", "{cipher} {mac}: {output:?}");
        }
    }
    let output = server.ssh(&["-C", "-c", "aes192-cbc"], "head -c 3000000 /dev/zero | wc -c");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "3000000\n", "CBC goes on where the hand-over left it");
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
    // Every name that is no default, against a server that says nothing about algorithms.
    let usual = Server::any("");
    let offers = [("KexAlgorithms", LEGACY_KEX), ("Ciphers", LEGACY_CIPHERS), ("MACs", LEGACY_MACS)];
    for (keyword, names) in offers {
        let known = known_to_client(if keyword == "KexAlgorithms" { "kex" } else { keyword });
        for name in names.split(',').filter(|name| known.iter().any(|client| client == name)) {
            let option = format!("{keyword}={name}");
            // AEAD ciphers need no MAC.
            let ctr = if keyword == "Ciphers" { "LogLevel=INFO" } else { "Ciphers=aes128-ctr" };
            let refused = usual.ssh(&["-o", &option, "-o", ctr], "true");
            assert_eq!(refused.status.code(), Some(255), "{option} must not be offered");
        }
    }
    assert_eq!(usual.ssh(&["-o", "HostKeyAlgorithms=ssh-rsa"], "true").status.code(), Some(255));
}
