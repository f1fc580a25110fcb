//! Logging in with real keys, and being refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use bulkhead_tests::{Server, make_key, needs_root, public_half, run};

fn add_key(server: &Server, line: &str) {
    let path = server.scratch.path("authorized_keys");
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str(line);
    fs::write(path, text).unwrap();
}

/// `ssh` with only this key.
fn ssh_with_key(server: &Server, key: &str, options: &[&str], command: &str) -> std::process::Output {
    let identity = format!("IdentityFile={}", server.scratch.path(key).display());
    let mut client = std::process::Command::new("ssh");
    client
        .args(["-F", "none", "-o", &identity])
        .args(options)
        .args(server.client_options().chunks(2).filter(|pair| !pair[1].starts_with("IdentityFile=")).flatten());
    run(client.arg(server.login()).arg(command))
}

#[test]
fn an_ordinary_user_serves_their_own_account() {
    let server = Server::as_ordinary_user("");
    assert_eq!(server.ssh_ok(&[], "id -u"), format!("{}\n", server.account.uid));
    let refused = server.ssh(&["-l", "daemon"], "true");
    assert_eq!(refused.status.code(), Some(255));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("Permission denied"), "{refused:?}");
}

#[test]
fn root_serves_others() {
    if !needs_root("root_serves_others") {
        return;
    }
    let server = Server::as_root("");
    assert_eq!(server.ssh_ok(&[], "id -un; id -u"), format!("{}\n{}\n", server.account.name, server.account.uid));
    let line = server.wait_for_log(&format!("Accepted publickey for {} from 127.0.0.1 port ", server.account.name));
    assert!(line.contains(" ssh2: ED25519 SHA256:"), "{line}");
}

#[test]
fn every_kind_of_key_logs_in() {
    let server = Server::any("");
    for (name, arguments) in [
        ("ed25519", &["-t", "ed25519"][..]),
        ("p256", &["-t", "ecdsa", "-b", "256"]),
        ("p384", &["-t", "ecdsa", "-b", "384"]),
        ("p521", &["-t", "ecdsa", "-b", "521"]),
        ("rsa", &["-t", "rsa", "-b", "3072"]),
    ] {
        let key = make_key(&server.scratch, name, arguments);
        let before = ssh_with_key(&server, name, &[], "true");
        assert_eq!(before.status.code(), Some(255), "{name} must not log in before it is authorized");
        add_key(&server, &public_half(&key));
        let after = ssh_with_key(&server, name, &[], "echo in");
        assert_eq!(String::from_utf8_lossy(&after.stdout), "in\n", "{name}: {after:?}");
    }
    for algorithm in ["rsa-sha2-256", "rsa-sha2-512"] {
        let options = ["-o", &format!("PubkeyAcceptedAlgorithms={algorithm}")];
        let output = ssh_with_key(&server, "rsa", &options, "echo in");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "in\n", "{algorithm}: {output:?}");
    }
    let sha1 = ssh_with_key(&server, "rsa", &["-o", "PubkeyAcceptedAlgorithms=ssh-rsa"], "true");
    assert_eq!(sha1.status.code(), Some(255), "SHA-1 signatures are not accepted");
}

#[test]
fn the_key_must_be_the_authorized_one() {
    let server = Server::any("");
    make_key(&server.scratch, "stranger", &["-t", "ed25519"]);
    let output = ssh_with_key(&server, "stranger", &[], "true");
    assert_eq!(output.status.code(), Some(255));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Permission denied (publickey,password)."), "{output:?}");
    assert!(!server.log().contains("Accepted publickey"));
}

#[test]
fn strict_modes_refuse_files_that_others_can_write() {
    let server = Server::any("");
    let keys = server.scratch.path("authorized_keys");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(server.ssh(&[], "true").status.code(), Some(255));
    server.wait_for_log(&format!("Authentication refused: bad ownership or modes for file {}", keys.display()));
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(server.scratch.path(""), fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(server.ssh(&[], "true").status.code(), Some(255));
    server.wait_for_log("Authentication refused: bad ownership or modes for directory ");
    fs::set_permissions(server.scratch.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(server.ssh_ok(&[], "echo in"), "in\n");
}

#[test]
fn keys_in_the_home_directory_are_read_as_the_user() {
    if !needs_root("keys_in_the_home_directory_are_read_as_the_user") {
        return;
    }
    let server = Server::as_root("AuthorizedKeysFile .ssh/authorized_keys");
    let public = public_half(&server.scratch.path("login_key"));
    server.account.home_file(".ssh/authorized_keys", &public, 0o600);
    assert_eq!(server.ssh_ok(&[], "echo in"), "in\n");
    // A link into a place that only root can read must not become readable through us.
    let secret = server.scratch.file("only_root", &public);
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let keys = server.account.home.join(".ssh/authorized_keys");
    fs::remove_file(&keys).unwrap();
    std::os::unix::fs::symlink(&secret, &keys).unwrap();
    assert_eq!(server.ssh(&[], "true").status.code(), Some(255));
}

#[test]
fn too_many_failures_end_the_connection() {
    let server = Server::any("MaxAuthTries 2");
    let mut options = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let key = make_key(&server.scratch, name, &["-t", "ed25519"]);
        options.extend(["-i".to_owned(), key.display().to_string()]);
    }
    let mut client = std::process::Command::new("ssh");
    client
        .args(["-F", "none"])
        .args(&options)
        .args(server.client_options().chunks(2).filter(|pair| !pair[1].starts_with("IdentityFile=")).flatten());
    let output = run(client.arg(server.login()).arg("true"));
    assert_eq!(output.status.code(), Some(255));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Too many authentication failures"), "{output:?}");
    server.wait_for_log(&format!(
        "maximum authentication attempts exceeded for {} from 127.0.0.1 port ",
        server.account.name
    ));
    server.wait_for_log("Too many authentication failures [preauth]");
}

#[test]
fn nobody_may_take_for_ever_to_log_in() {
    let server = Server::any("LoginGraceTime 1");
    let mut peer = server.connect();
    let mut bytes = Vec::new();
    // The server hangs up; reading to the end is the wait for it.
    let _ = std::io::Read::read_to_end(&mut peer, &mut bytes);
    assert!(bytes.starts_with(b"SSH-2.0-"), "{bytes:?}");
    server.wait_for_log("Timeout before authentication for connection from 127.0.0.1 to 127.0.0.1, pid = ");
    server.wait_until_idle();
}

#[test]
fn a_forced_command_replaces_what_the_client_wants() {
    let server = Server::any("");
    let key = make_key(&server.scratch, "forced", &["-t", "ed25519"]);
    add_key(&server, &format!("command=\"echo forced: $SSH_ORIGINAL_COMMAND\",no-pty {}", public_half(&key)));
    for (options, wanted) in [(&[][..], "rm -rf x"), (&["-s"][..], "sftp")] {
        let output = ssh_with_key(&server, "forced", options, wanted);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.starts_with("forced: "), "{wanted}: {output:?}");
    }
    let terminal = ssh_with_key(&server, "forced", &["-tt"], "tty");
    assert!(!String::from_utf8_lossy(&terminal.stdout).contains("/dev/pts"), "no-pty is kept: {terminal:?}");
}

#[test]
fn gates_of_the_account_hold() {
    if !needs_root("gates_of_the_account_hold") {
        return;
    }
    let server = Server::as_root("DenyUsers nobody-else");
    assert_eq!(server.ssh_ok(&[], "echo in"), "in\n");
    drop(server);
    let server = Server::as_root("AllowUsers someone-else");
    assert_eq!(server.ssh(&[], "true").status.code(), Some(255));
    server.wait_for_log("not allowed because not listed in AllowUsers");
    let unknown = server.ssh(&["-l", "no-such-user"], "true");
    assert_eq!(unknown.status.code(), Some(255));
    server.wait_for_log("Invalid user no-such-user from 127.0.0.1 port ");
}
