//! User certificates that `ssh-keygen` made, offered by a real ssh: each rule with one that is let in and one that is not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use bulkhead_tests::{Account, Agent, As, Server, make_key, needs_root, public_half, run, run_with_input};

/// A server, and an authority that the client's key is certified by.
struct Certified {
    server: Server,
    authority: PathBuf,
    key: PathBuf,
}

/// The authority of [`Certified`] in TrustedUserCAKeys.
const TRUSTED: &str = "TrustedUserCAKeys @SCRATCH@ca.pub\n";

impl Certified {
    /// No key is in `authorized_keys`: only a certificate lets anybody in.
    fn start(server: Server) -> Self {
        fs::write(server.scratch.path("authorized_keys"), "").unwrap();
        let authority = make_key(&server.scratch, "ca", &["-t", "ed25519"]);
        let key = make_key(&server.scratch, "certified", &["-t", "ed25519"]);
        Self { server, authority, key }
    }

    fn any(configuration: &str) -> Self {
        Self::start(Server::any(configuration))
    }

    /// Certifies the key for the account, valid for a minute, unless the arguments say otherwise.
    fn certify(&self, arguments: &[&str]) {
        self.certify_for(&self.server.account.name, arguments);
    }

    fn certify_for(&self, principals: &str, arguments: &[&str]) {
        sign(&self.authority, &self.key, &[&["-n", principals], arguments].concat());
    }

    /// Whether a login with the certificate gets in.
    #[track_caller]
    fn is_in(&self) -> bool {
        self.login("echo in").is_some()
    }

    /// What a command prints that the certificate lets run.
    #[track_caller]
    fn login(&self, command: &str) -> Option<String> {
        let output = self.server.ssh(&["-o", &format!("IdentityFile={}", self.key.display())], command);
        match output.status.code() {
            Some(255) => {
                assert!(String::from_utf8_lossy(&output.stderr).contains("Permission denied"), "{output:?}");
                None
            }
            _ => Some(String::from_utf8(output.stdout).unwrap()),
        }
    }

    /// The line of the log that refuses the certificate.
    #[track_caller]
    fn refused_for(&self, reason: &str) {
        assert!(!self.is_in(), "{reason}\n{}", self.server.log());
        let found = self.server.wait_for_log(&format!(": {reason}"));
        assert!(found.contains("Refusing certificate ID \"an id\" serial="), "{found}");
    }

    fn fingerprint(&self, key: &Path) -> String {
        let output = run(Command::new("ssh-keygen").arg("-lf").arg(key.with_extension("pub")));
        String::from_utf8(output.stdout).unwrap().split(' ').nth(1).unwrap().to_owned()
    }
}

fn sign(authority: &Path, key: &Path, arguments: &[&str]) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-I", "an id", "-s"]).arg(authority).args(arguments).arg(key.with_extension("pub"));
    let made = run(&mut command);
    assert!(made.status.success(), "{made:?}");
}

#[test]
fn a_trusted_authority_lets_in_whom_it_names() {
    let certified = Certified::any(TRUSTED);
    assert!(!certified.is_in(), "there is no certificate yet");
    certified.certify(&["-z", "77"]);
    assert!(certified.is_in(), "{}", certified.server.log());
    let (authority, key) = (certified.fingerprint(&certified.authority), certified.fingerprint(&certified.key));
    let file = certified.authority.with_extension("pub").display().to_string();
    certified.server.wait_for_log(&format!(
        "Accepted certificate ID \"an id\" (serial 77) signed by ED25519 CA {authority} via {file}"
    ));
    certified.server.wait_for_log(&format!(" ssh2: ED25519-CERT {key} ID an id (serial 77) CA ED25519 {authority}"));

    let name = certified.server.account.name.clone();
    certified.certify_for(&format!("somebody,{name}"), &[]);
    assert!(certified.is_in());
    certified.certify_for("somebody", &[]);
    certified.refused_for("Certificate invalid: name is not a listed principal");
    sign(&certified.authority, &certified.key, &[]);
    certified.refused_for("Certificate lacks principal list");

    certified.certify(&["-V", "-1h:-1s"]);
    certified.refused_for("Certificate invalid: expired");
    certified.certify(&["-V", "+1h:+2h"]);
    certified.refused_for("Certificate invalid: not yet valid");
    certified.certify(&["-V", "-1h:+1h"]);
    assert!(certified.is_in());
    certified.certify(&["-O", "critical:frobnicate@example.org=x"]);
    certified.refused_for("Invalid certificate options");
    certified.server.wait_for_log("Certificate critical option \"frobnicate@example.org\" is not supported");
    certified.certify(&["-O", "extension:frobnicate@example.org=x"]);
    assert!(certified.is_in());

    certified.certify(&["-O", "source-address=192.0.2.0/24"]);
    certified.refused_for("Refused by certificate options");
    certified.certify(&["-O", "source-address=127.0.0.0/8"]);
    assert!(certified.is_in());

    let stranger = make_key(&certified.server.scratch, "stranger", &["-t", "ed25519"]);
    sign(&stranger, &certified.key, &["-n", &name]);
    assert!(!certified.is_in());
    certified.server.wait_for_log(&format!("CA ED25519 {} is not listed in {file}", certified.fingerprint(&stranger)));
}

/// ssh does not offer such a certificate by itself, but what an agent holds.
#[test]
fn a_hosts_certificate_lets_no_user_in() {
    let certified = Certified::any(TRUSTED);
    let agent = Agent::start(certified.server.scratch.path("agent"));
    for (arguments, expected) in [(&[][..], true), (&["-h"], false)] {
        certified.certify(arguments);
        agent.holds_only(&certified.key);
        let options = [format!("IdentityAgent={}", agent.socket.display()), "IdentitiesOnly=no".to_owned()];
        let certificate = format!("{}-cert.pub", certified.key.display());
        fs::remove_file(certificate).unwrap();
        // The first of an option counts, so the harness's come behind.
        let mut command = Command::new("ssh");
        command.args(["-F", "none", "-o", &options[0], "-o", &options[1]]);
        let output = run(command.args(certified.server.client_options()).arg(certified.server.login()).arg("true"));
        assert_eq!(output.status.success(), expected, "{output:?}");
    }
    certified.server.wait_for_log("Certificate invalid: not a user certificate");
}

#[test]
fn what_a_certificate_does_not_permit_is_forbidden() {
    let certified = Certified::any(TRUSTED);
    let terminal = || {
        let key = format!("IdentityFile={}", certified.key.display());
        certified.server.ssh(&["-tt", "-o", &key], "tty").stdout
    };
    certified.certify(&[]);
    assert!(String::from_utf8_lossy(&terminal()).contains("/dev/pts/"));
    certified.certify(&["-O", "no-pty"]);
    assert!(!String::from_utf8_lossy(&terminal()).contains("/dev/pts/"));
    let forwards = || {
        let (key, target) = (format!("IdentityFile={}", certified.key.display()), certified.server.port);
        let mut command = certified.server.client("ssh");
        command.args(["-o", &key, "-W", &format!("127.0.0.1:{target}"), &certified.server.login()]);
        String::from_utf8_lossy(&run_with_input(&mut command, b"SSH-2.0-x\r\n").stdout).contains("SSH-2.0-")
    };
    certified.certify(&[]);
    assert!(forwards());
    certified.certify(&["-O", "no-port-forwarding"]);
    assert!(!forwards());
    certified.certify(&["-O", "force-command=echo forced"]);
    assert_eq!(certified.login("echo asked").as_deref(), Some("forced\n"));
    certified.certify(&["-O", "verify-required"]);
    assert!(certified.is_in(), "there is no authenticator whose word would be missing");
}

#[test]
fn lines_of_authorities() {
    let certified = Certified::any("");
    let authority = public_half(&certified.authority);
    let authorize = |options: &str| {
        fs::write(certified.server.scratch.path("authorized_keys"), format!("{options} {authority}")).unwrap();
    };
    certified.certify(&["-z", "5"]);
    authorize("");
    assert!(!certified.is_in(), "without cert-authority the line is for the key itself");
    authorize("cert-authority");
    assert!(certified.is_in());
    let file = certified.server.scratch.path("authorized_keys").display().to_string();
    let fingerprint = certified.fingerprint(&certified.authority);
    certified.server.wait_for_log(&format!(
        "Accepted certificate ID \"an id\" (serial 5) signed by CA ED25519 {fingerprint} found at {file}:1"
    ));
    let key = format!("IdentityFile={}", certified.authority.display());
    assert_eq!(certified.server.ssh(&["-o", &key], "true").status.code(), Some(255), "the authority cannot log in");

    authorize("cert-authority,principals=\"web,db\"");
    certified.refused_for("Certificate does not contain an authorized principal");
    certified.certify_for("db", &[]);
    assert!(certified.is_in());
    authorize("cert-authority,from=\"192.0.2.1\"");
    assert!(!certified.is_in());
    authorize("cert-authority,command=\"echo line\"");
    certified.certify(&[]);
    assert_eq!(certified.login("x").as_deref(), Some("line\n"));
    certified.certify(&["-O", "force-command=echo line"]);
    assert_eq!(certified.login("x").as_deref(), Some("line\n"));
    certified.certify(&["-O", "force-command=echo certificate"]);
    certified.refused_for("forced command options do not match");
}

/// The list is not taken apart at commas either. (Names in certificates: `tests/past_cves/certificates.rs`.)
#[test]
fn a_listed_name_with_a_comma_is_one_name() {
    let certified = Certified::any("AuthorizedPrincipalsFile @SCRATCH@principals\nTrustedUserCAKeys @SCRATCH@ca.pub");
    let (list, name) = (certified.server.scratch.path("principals"), certified.server.account.name.clone());
    fs::write(&list, "web,db\n").unwrap();
    certified.certify_for("web,db", &[]);
    certified.refused_for("Certificate does not contain an authorized principal");
    fs::write(&list, "web\n").unwrap();
    assert!(certified.is_in());
    fs::write(&list, format!("{name}\n")).unwrap();
    certified.refused_for("Certificate does not contain an authorized principal");
}

#[test]
fn files_of_principals() {
    let certified = Certified::any(&format!("{TRUSTED}AuthorizedPrincipalsFile @SCRATCH@principals-%u"));
    let list = certified.server.scratch.path(format!("principals-{}", certified.server.account.name));
    certified.certify(&[]);
    certified.refused_for("Certificate does not contain an authorized principal");
    certified.certify_for("web", &[]);
    fs::write(&list, "# who\nno-pty,command=\"echo listed\" web\n").unwrap();
    assert_eq!(certified.login("x").as_deref(), Some("listed\n"));
    certified.server.wait_for_log(&format!("{}:2: matched principal \"web\"", list.display()));
    fs::write(&list, "from=\"192.0.2.1\" web\n").unwrap();
    certified.refused_for("Refused by certificate principals options");
    fs::write(&list, "web\n").unwrap();
    fs::set_permissions(&list, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(!certified.is_in(), "StrictModes");
    certified.server.wait_for_log(&format!("bad ownership or modes for file {}", list.display()));
    fs::set_permissions(&list, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(certified.is_in());
}

#[test]
fn a_command_lists_principals() {
    if !needs_root("a_command_lists_principals") {
        return;
    }
    let configuration = format!(
        "{TRUSTED}AuthorizedPrincipalsCommandUser daemon\n\
         AuthorizedPrincipalsCommand @SCRATCH@command %u %i %s %T %t %F %f %K %k \"%C\""
    );
    let certified = Certified::start(Server::start(As::Root, Account::create(), &configuration));
    let scratch = &certified.server.scratch;
    let seen = scratch.file("seen", "");
    fs::set_permissions(&seen, fs::Permissions::from_mode(0o666)).unwrap();
    let script = |text: &str| {
        let path = scratch.file("command", format!("#!/bin/sh\n{text}"));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    certified.certify_for("web", &["-z", "9"]);
    script(&format!("(for a; do echo \"$a\"; done; id -G) > {}\necho web\n", seen.display()));
    assert!(certified.is_in(), "{}", certified.server.log());
    let told = fs::read_to_string(&seen).unwrap();
    let words: Vec<&str> = told.lines().collect();
    let second = |path: &Path| fs::read_to_string(path).unwrap().split(' ').nth(1).unwrap().to_owned();
    let certificate = PathBuf::from(format!("{}-cert.pub", certified.key.display()));
    let expected = [
        certified.server.account.name.clone(),
        "an id".to_owned(),
        "9".to_owned(),
        "ssh-ed25519".to_owned(),
        "ssh-ed25519-cert-v01@openssh.com".to_owned(),
        certified.fingerprint(&certified.authority),
        certified.fingerprint(&certified.key),
        second(&certified.authority.with_extension("pub")),
        second(&certificate),
    ];
    assert_eq!(&words[..9], &expected[..]);
    assert!(words[9].starts_with(&format!("127.0.0.1 {} 127.0.0.1 ", certified.server.port)), "{told}");
    let groups = String::from_utf8(run(Command::new("id").args(["-G", "daemon"])).stdout).unwrap();
    assert_eq!(words[10], groups.trim(), "CVE-2021-41617: groups of the command's user and no others");

    script("echo db\n");
    certified.refused_for("Certificate does not contain an authorized principal");
    script("echo web\nexit 3\n");
    assert!(!certified.is_in());
    certified.server.wait_for_log("AuthorizedPrincipalsCommand ");
    script("echo 'command=\"echo printed\" web'\n");
    assert_eq!(certified.login("x").as_deref(), Some("printed\n"));
    script(&format!("touch {}\necho web\n", scratch.path("asked").display()));
    assert_eq!(certified.server.ssh(&["-l", "no-such-user"], "true").status.code(), Some(255));
    assert!(!scratch.path("asked").exists(), "it is never asked about names that do not exist");
}

#[test]
fn revoked_certificates_stay_out() {
    let certified = Certified::any(&format!("{TRUSTED}RevokedKeys @SCRATCH@list"));
    let list = certified.server.scratch.path("list");
    let certificate = PathBuf::from(format!("{}-cert.pub", certified.key.display()));
    let authority = certified.authority.with_extension("pub");
    certified.certify(&["-z", "5"]);
    let file = |path: &Path| fs::read_to_string(path).unwrap();
    let mut refused = 0;
    for (specification, signer) in [
        ("serial: 5\n".to_owned(), true),
        ("serial: 6\n".to_owned(), true),
        ("serial: 1-100\n".to_owned(), true),
        ("serial: 4\nserial: 6\nserial: 8\nserial: 10\n".to_owned(), true),
        ("id: an id\n".to_owned(), true),
        ("id: another\n".to_owned(), true),
        ("serial: 5\n".to_owned(), false),
        (format!("key: {}", file(&certified.key.with_extension("pub"))), true),
        (format!("sha256: {}", file(&authority)), true),
    ] {
        let text = certified.server.scratch.file("specification", &specification);
        let mut command = Command::new("ssh-keygen");
        command.args(["-k", "-f"]).arg(&list).arg("-s");
        let made = run(if signer { command.arg(&authority) } else { command.arg("none") }.arg(&text));
        assert!(made.status.success(), "{specification}: {made:?}");
        let asked = run(Command::new("ssh-keygen").arg("-Qf").arg(&list).arg(&certificate));
        assert_eq!(certified.is_in(), asked.status.success(), "{specification} {asked:?}");
        refused += u32::from(!asked.status.success());
    }
    assert_eq!(refused, 6);
    let shown = certified.fingerprint(&certified.key);
    certified
        .server
        .wait_for_log(&format!("Authentication key ED25519-CERT {shown} revoked by file {}", list.display()));
    for (listed, expected) in [(&certified.key, false), (&certified.authority, false)] {
        fs::write(&list, public_half(listed)).unwrap();
        assert_eq!(certified.is_in(), expected, "plain list");
    }
    fs::write(&list, "").unwrap();
    assert!(certified.is_in());
    fs::write(&list, b"SSHKRL\n\0").unwrap();
    assert!(!certified.is_in(), "a list that is not understood may hold any certificate");
}

#[test]
fn algorithms_and_sizes_of_authorities() {
    let certified = Certified::any(&format!("{TRUSTED}RequiredRSASize 3072"));
    let name = certified.server.account.name.clone();
    let authority = |name: &str, bits: &str| {
        let key = make_key(&certified.server.scratch, name, &["-t", "rsa", "-b", bits]);
        let trusted = certified.server.scratch.path("ca.pub");
        let so_far = fs::read_to_string(&trusted).unwrap();
        fs::write(trusted, so_far + &public_half(&key)).unwrap();
        key
    };
    let (small, large) = (authority("ca-small", "2048"), authority("ca-large", "3072"));
    for (key, algorithm, expected) in [
        (&large, "rsa-sha2-512", true),
        (&large, "rsa-sha2-256", true),
        (&large, "ssh-rsa", false),
        (&small, "rsa-sha2-512", false),
    ] {
        sign(key, &certified.key, &["-t", algorithm, "-n", &name]);
        assert_eq!(certified.is_in(), expected, "{algorithm} {}", key.display());
    }
    certified.server.wait_for_log("certificate signature algorithm ssh-rsa: signature algorithm not supported");
    certified.server.wait_for_log("2048 bits, RequiredRSASize is 3072");
}

#[test]
fn every_type_of_certified_key() {
    let server =
        Server::any("TrustedUserCAKeys @SCRATCH@ca.pub\nPubkeyAcceptedAlgorithms *-cert-*\nFingerprintHash md5");
    let mut certified = Certified::start(server);
    for (kind, bits, shown) in
        [("ecdsa", "256", "ECDSA-CERT"), ("ecdsa", "521", "ECDSA-CERT"), ("rsa", "2048", "RSA-CERT")]
    {
        certified.key = make_key(&certified.server.scratch, &format!("{kind}{bits}"), &["-t", kind, "-b", bits]);
        certified.certify(&[]);
        assert!(certified.is_in(), "{kind} {bits}: {}", certified.server.log());
        certified.server.wait_for_log(&format!(" ssh2: {shown} MD5:"));
        let plain = certified.key.with_extension("plain");
        fs::copy(&certified.key, &plain).unwrap();
        fs::write(certified.server.scratch.path("authorized_keys"), public_half(&certified.key)).unwrap();
        let key = format!("IdentityFile={}", plain.display());
        let without = certified.server.ssh(&["-o", &key], "true");
        assert_eq!(without.status.code(), Some(255), "PubkeyAcceptedAlgorithms names certificates only");
    }
}

#[test]
fn what_a_session_may_know_of_its_certificate() {
    let certified = Certified::any(&format!("{TRUSTED}ExposeAuthInfo yes"));
    certified.certify(&[]);
    let told = certified.login("cat $SSH_USER_AUTH").unwrap();
    let certificate = fs::read_to_string(format!("{}-cert.pub", certified.key.display())).unwrap();
    let words: Vec<&str> = certificate.split(' ').collect();
    assert_eq!(told, format!("publickey {} {}\n", words[0], words[1]));
    // Its monitor takes the file away.
    certified.server.wait_until_idle();
}

/// `publickey,publickey` takes two keys: one in two guises is one.
#[test]
fn a_key_and_its_certificate_are_one_key() {
    let configuration = format!("{TRUSTED}AuthenticationMethods publickey,publickey");
    let certified = Certified::any(&configuration);
    certified.certify(&[]);
    let authorize = |key: &Path| fs::write(certified.server.scratch.path("authorized_keys"), public_half(key)).unwrap();
    authorize(&certified.key);
    assert!(!certified.is_in(), "the plain key and its certificate");
    certified.server.wait_for_log("refusing previously-used ED25519");
    authorize(&certified.server.scratch.path("login_key"));
    assert!(certified.is_in(), "another key beside the certificate");
}

#[test]
fn certificates_are_explained() {
    if !needs_root("certificates_are_explained") {
        return;
    }
    let certified = Certified::start(Server::start(As::Root, Account::create(), TRUSTED));
    let explain = || {
        let certificate = format!("{}-cert.pub", certified.key.display());
        let question = format!("user={},addr=127.0.0.1,cert={certificate}", certified.server.account.name);
        let mut command = Command::new(bulkhead_tests::binaries().join("sshd"));
        let output =
            run(command.arg("-f").arg(certified.server.scratch.path("sshd_config")).args(["--explain", &question]));
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    for (arguments, sentence) in [
        (&["-O", "force-command=date", "-O", "no-pty"][..], "forced command (key-option): date"),
        (&["-V", "-2h:-1h"], "Certificate invalid: expired"),
        (&["-O", "source-address=192.0.2.1"], "not from a permitted source address (127.0.0.1)"),
        (&["-h"], "Certificate invalid: not a user certificate"),
    ] {
        certified.certify(arguments);
        let (status, text) = explain();
        assert!(text.contains(sentence), "{sentence}: {text}");
        let offered = arguments[0] != "-h";
        assert!(!offered || certified.login("true").is_some() == (status == Some(0)), "{text}");
    }
}
