//! How this host proves itself: certificates, keys that an agent holds, and keys that clients are told of.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bulkhead_tests::{Account, Agent, As, Server, binaries, make_key, public_half, run, run_with_input};
use nix::unistd::Uid;

/// An authority, and a host key that it certifies; both of a kind that ssh-keygen knows.
struct Certified {
    folder: bulkhead_tests::Scratch,
}

impl Certified {
    fn new(kind: &str) -> Self {
        let folder = bulkhead_tests::Scratch::new();
        make_key(&folder, "ca", &["-t", "ed25519"]);
        make_key(&folder, "host", &["-t", kind]);
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    /// Certifies the host key; the certificate stands in `host-cert.pub`.
    fn certify(&self, arguments: &[&str]) {
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-I", "a host", "-s"]).arg(self.path("ca")).args(arguments).arg(self.path("host.pub"));
        let made = run(&mut command);
        assert!(made.status.success(), "{made:?}");
    }

    /// Lines for the configuration.
    fn lines(&self) -> String {
        format!("HostKey {0}\nHostCertificate {0}-cert.pub\n", self.path("host").display())
    }

    fn server(&self, more: &str) -> Server {
        Server::start(
            if Uid::effective().is_root() { As::Root } else { As::OrdinaryUser },
            account(),
            &(self.lines() + more),
        )
    }
}

fn account() -> Account {
    if Uid::effective().is_root() { Account::create() } else { Account::own() }
}

/// A login by a client that knows these hosts and no others.
fn login(server: &Server, known_hosts: &str, options: &[&str]) -> std::process::Output {
    let known = server.scratch.file("known_by_this_client", known_hosts);
    let mut command = Command::new("ssh");
    command.args(["-F", "none", "-o", &format!("UserKnownHostsFile={}", known.display())]).args(options);
    run(command.args(server.client_options()).arg(server.login()).arg("echo in"))
}

fn is_in(output: &std::process::Output) -> bool {
    let refused = String::from_utf8_lossy(&output.stderr).contains("Host key verification failed");
    assert!(output.status.success() || refused, "{output:?}");
    output.status.success()
}

#[test]
fn clients_believe_a_certified_host() {
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let certified = Certified::new(kind);
        certified.certify(&["-h", "-n", "127.0.0.1,host.example", "-V", "-1h:+1h"]);
        let server = certified.server("");
        let authority = format!("@cert-authority * {}", public_half(&certified.path("ca")));
        let output = login(&server, &authority, &[]);
        assert!(is_in(&output), "{kind}: {output:?}\n{}", server.log());
        // Later key exchanges are signed so too.
        let rekeyed = login(&server, &authority, &["-o", "RekeyLimit=16", "-v"]);
        assert!(is_in(&rekeyed), "{kind}: {rekeyed:?}");
        let words = String::from_utf8_lossy(&rekeyed.stderr).into_owned();
        assert!(words.matches("SSH2_MSG_NEWKEYS received").count() > 1, "{words}");
        // A client without the authority goes on with the plain key.
        let plain = format!("[127.0.0.1]:{} {}", server.port, public_half(&certified.path("host")));
        assert!(is_in(&login(&server, &plain, &[])), "{kind}");

        let other = make_key(&server.scratch, "other-ca", &["-t", "ed25519"]);
        let strange = format!("@cert-authority * {}", public_half(&other));
        assert!(!is_in(&login(&server, &strange, &[])), "{kind}");
        let elsewhere = format!("@cert-authority *.example {}", public_half(&certified.path("ca")));
        assert!(!is_in(&login(&server, &elsewhere, &[])), "{kind}");
    }
}

#[test]
fn a_certificate_that_clients_refuse_is_refused_by_them() {
    let certified = Certified::new("ed25519");
    for arguments in [&["-h", "-n", "host.example"][..], &["-h", "-n", "127.0.0.1", "-V", "-2h:-1h"]] {
        certified.certify(arguments);
        let server = certified.server("");
        let authority = format!("@cert-authority * {}", public_half(&certified.path("ca")));
        assert!(!is_in(&login(&server, &authority, &[])), "{arguments:?}");
    }
}

/// Starts nothing: what the test mode says about keys and certificates.
fn test_mode(lines: &str) -> String {
    let folder = bulkhead_tests::Scratch::new();
    let file = folder.file("sshd_config", lines);
    let output = run(Command::new(binaries().join("sshd")).args(["-t", "-f"]).arg(file));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn certificates_that_cannot_be_offered_are_told() {
    let certified = Certified::new("ed25519");
    let file = certified.path("host-cert.pub").display().to_string();
    let said = test_mode(&certified.lines());
    assert!(said.contains(&format!("Could not load host certificate \"{file}\": No such file or directory")), "{said}");
    fs::copy(certified.path("host.pub"), certified.path("host-cert.pub")).unwrap();
    let said = test_mode(&certified.lines());
    assert!(said.contains(&format!("Certificate file is not a certificate: {file}")), "{said}");
    certified.certify(&["-n", "somebody"]);
    let said = test_mode(&certified.lines());
    assert!(said.contains(&format!("Certificate file holds the certificate of a user: {file}")), "{said}");
    certified.certify(&["-h", "-n", "127.0.0.1"]);
    assert_eq!(test_mode(&certified.lines()), "");
    let another = make_key(&certified.folder, "another", &["-t", "ed25519"]);
    let lines = format!("HostKey {}\nHostCertificate {file}\n", another.display());
    let said = test_mode(&lines);
    assert!(said.contains(&format!("No matching private key for certificate: {file}")), "{said}");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("AAAA", "AAAB", 1)).unwrap();
    assert!(test_mode(&certified.lines()).contains(&format!("Could not load host certificate \"{file}\": ")));
}

/// Has a client learn all our keys, and says what it has learned.
fn learned(server: &Server, known: &str, options: &[&str]) -> String {
    let options = [&["-o", "UpdateHostKeys=yes", "-o", "StrictHostKeyChecking=yes"], options].concat();
    let output = login(server, known, &options);
    assert!(is_in(&output), "{output:?}");
    fs::read_to_string(server.scratch.path("known_by_this_client")).unwrap()
}

#[test]
fn clients_learn_all_keys_and_have_them_proven() {
    let server = Server::any("");
    let known = |name: &str| format!("[127.0.0.1]:{} {}", server.port, public_half(&server.scratch.path(name)));
    let blob = |name: &str| public_half(&server.scratch.path(name)).split(' ').nth(1).unwrap().to_owned();
    let names = ["host_ed25519", "host_ecdsa", "host_rsa"];
    for (name, algorithm) in
        [("host_ed25519", "ssh-ed25519"), ("host_rsa", "rsa-sha2-256"), ("host_rsa", "rsa-sha2-512")]
    {
        // The client writes down only what has been proven to it.
        let text = learned(&server, &known(name), &["-o", &format!("HostKeyAlgorithms={algorithm}")]);
        let found: Vec<bool> = names.iter().map(|name| text.contains(&blob(name))).collect();
        let expected: Vec<bool> = match algorithm {
            // It asks for keys of algorithms only that it would take.
            "ssh-ed25519" => vec![true, false, false],
            _ => vec![false, false, true],
        };
        assert_eq!(found, expected, "{algorithm}: {text}");
        let text = learned(&server, &known(name), &["-o", &format!("HostKeyAlgorithms=^{algorithm}")]);
        assert!(names.iter().all(|name| text.contains(&blob(name))), "{algorithm}: {text}\n{}", server.log());
    }
}

#[test]
fn an_agent_holds_the_keys() {
    let folder = bulkhead_tests::Scratch::new();
    let agent = Agent::start(folder.path("agent"));
    for (kind, option) in [("ed25519", "SSH_AUTH_SOCK"), ("rsa", "path"), ("ecdsa", "path")] {
        let key = make_key(&folder, kind, &["-t", kind]);
        agent.holds_only(&key);
        let authority = make_key(&folder, &format!("{kind}-ca"), &["-t", "ed25519"]);
        let mut command = Command::new("ssh-keygen");
        command
            .args(["-q", "-h", "-I", "a host", "-n", "127.0.0.1", "-s"])
            .arg(&authority)
            .arg(key.with_extension("pub"));
        assert!(run(&mut command).status.success());
        fs::remove_file(&key).unwrap();
        let socket = agent.socket.display().to_string();
        let named = if option == "path" { &socket } else { option };
        let public = key.with_extension("pub").display().to_string();
        // Named by its public file, or by that of the private half that is not there.
        let file = if option == "path" { public.clone() } else { key.display().to_string() };
        let certificate = format!("{}-cert.pub", key.display());
        let lines = format!("HostKeyAgent {named}\nHostKey {file}\nHostCertificate {certificate}\n");
        let who = if Uid::effective().is_root() { As::Root } else { As::OrdinaryUser };
        let server = Server::start_with(who, account(), &lines, &[("SSH_AUTH_SOCK", &socket)]);
        let plain = format!("[127.0.0.1]:{} {}", server.port, fs::read_to_string(&public).unwrap());
        let output = login(&server, &plain, &["-o", "RekeyLimit=16"]);
        assert!(is_in(&output), "{kind}: {output:?}\n{}", server.log());
        let certified = format!("@cert-authority * {}", public_half(&authority));
        assert!(is_in(&login(&server, &certified, &[])), "{kind}\n{}", server.log());
        let text = learned(&server, &plain, &[]);
        let ours = public_half(&server.scratch.path("host_ecdsa"));
        assert!(text.contains(ours.split(' ').nth(1).unwrap()), "{text}");

        // The agent has lost the key: nobody is let in, and the log says why.
        let emptied = run(Command::new("ssh-add").arg("-qD").env("SSH_AUTH_SOCK", &socket));
        assert!(emptied.status.success());
        let output = login(&server, &plain, &[]);
        assert_eq!(output.status.code(), Some(255), "{output:?}");
        server.wait_for_log(&format!("the agent at {socket} refused to sign"));
        let other = format!("[127.0.0.1]:{} {}", server.port, ours);
        if kind == "ed25519" {
            assert!(
                is_in(&login(&server, &other, &["-o", "HostKeyAlgorithms=ecdsa-sha2-nistp256"])),
                "other keys go on"
            );
        }
    }
}

#[test]
fn without_its_agent_a_public_key_is_no_host_key() {
    let folder = bulkhead_tests::Scratch::new();
    let key = make_key(&folder, "key", &["-t", "ed25519"]);
    let public = key.with_extension("pub");
    let missing = folder.path("no-agent").display().to_string();
    let said = test_mode(&format!("HostKeyAgent {missing}\nHostKey {}\n", public.display()));
    assert!(said.contains(&format!("Could not connect to agent \"{missing}\": No such file or directory")), "{said}");
    assert!(said.contains(&format!("Unable to load host key: {}", public.display())), "{said}");
    assert!(said.contains("no hostkeys available"), "{said}");
}

/// The composite key that OpenSSH 10.5 made: no client here knows it, so the server shows that it can use it.
#[test]
fn a_composite_host_key_is_offered_where_it_is_asked_for() {
    let vectors = bulkhead_tests::project().join("crates/keys/tests/vectors");
    let folder = bulkhead_tests::Scratch::new();
    let key = folder.path("composite");
    copy_private(&vectors.join("mldsa44_ed25519"), &key);
    let lines = format!("HostKey {}\nHostKeyAlgorithms +ssh-mldsa44-ed25519@openssh.com\n", key.display());
    assert_eq!(test_mode(&lines), "");
    let server = Server::any(&lines);
    let output = run_with_input(server.client("ssh").args(["-vv", &server.login(), "true"]), b"x");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("ssh-mldsa44-ed25519@openssh.com"), "{words}");
    assert!(output.status.success(), "{output:?}");
}

fn copy_private(from: &Path, to: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::copy(from, to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o600)).unwrap();
}
