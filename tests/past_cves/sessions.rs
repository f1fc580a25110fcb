//! Logins that got more than they were granted, or were told more.

use bulkhead_tests::{Server, needs_root, public_half};

use crate::{authorize, can_be_hostile, hostile, login_line, other_key};

/// `command=` was not applied to the sftp subsystem.
#[test]
fn cve_2001_0816_a_forced_command_holds_for_subsystems() {
    let server = Server::any("");
    let marker = server.account.home.join("uploaded");
    authorize(&server, &login_line(&server, "command=\"echo forced\""));
    let output = server.ssh(&["-s"], "sftp");
    assert_eq!(output.stdout, b"forced\n", "{output:?}");
    let output = server.sftp(&[], &format!("put /etc/hostname {}\n", marker.display()));
    assert!(!output.status.success() && !marker.exists(), "{output:?}");
}

/// `~/.ssh/rc` ran in spite of ForceCommand.
#[test]
fn cve_2008_1657_force_command_runs_nothing_of_the_users_own() {
    if !needs_root("cve_2008_1657_force_command_runs_nothing_of_the_users_own") {
        return;
    }
    for (configuration, runs) in [("", true), ("ForceCommand echo forced", false)] {
        let server = Server::as_root(configuration);
        let script = server.account.home_file(".ssh/rc", "touch ~/.ssh/rc-ran\n", 0o600);
        server.ssh_ok(&[], "true");
        assert_eq!(script.with_file_name("rc-ran").exists(), runs, "{configuration:?}");
    }
}

/// Messages told one key's holder what other keys' lines force.
#[test]
fn cve_2012_0814_the_client_is_not_told_of_other_keys() {
    let server = Server::any("LogLevel DEBUG3");
    other_key(&server, "other", "ed25519");
    let secrets = "command=\"secret-command\",environment=\"A=secret-value\"";
    let other = format!("{secrets} {}", public_half(&server.scratch.path("other")));
    let expired = login_line(&server, &format!("{secrets},expiry-time=\"20200101\""));
    authorize(&server, &format!("{other}{expired}{}", login_line(&server, "no-pty")));
    let output = server.ssh(&["-vvv"], "echo in");
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(!told.contains("secret"), "{told}");
    assert!(!server.log().contains("secret-value"), "nor is the log");
}

/// Text in front of a wildcard in AcceptEnv was enough to match.
#[test]
fn cve_2014_2532_text_before_the_wildcard() {
    let server = Server::any("AcceptEnv LC_*X ABC*");
    let mut ssh = server.client("ssh");
    for (name, value) in [("LC_A", "no"), ("LC_AX", "yes"), ("AB", "no"), ("ABC", "yes"), ("ABCX", "yes")] {
        ssh.env(name, value).args(["-o", &format!("SendEnv={name}")]);
    }
    ssh.arg(server.login()).arg("env | grep -E '^(LC_A|AB)' | sort");
    let output = bulkhead_tests::run(&mut ssh);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "ABC=yes\nABCX=yes\nLC_AX=yes\n", "{output:?}");
}

/// A user's name was written raw into another log.
#[test]
fn cve_2007_3102_a_name_cannot_write_lines_of_its_own() {
    if !can_be_hostile("cve_2007_3102_a_name_cannot_write_lines_of_its_own") {
        return;
    }
    let server = Server::as_root("");
    let name = "x\nAccepted publickey for root from 203.0.113.1 port 22 ssh2\u{1b}[2J";
    assert_eq!(hostile(&server, &["none", name]), "refused");
    let line = server.wait_for_log("Invalid user ");
    assert!(line.contains("x\\nAccepted publickey for root from 203.0.113.1 port 22 ssh2\\033[2J from 127.0.0.1"));
    assert!(!server.log().contains('\u{1b}') && !server.log().lines().any(|line| line.starts_with("Accepted")));
}

/// Everybody could write to terminals.
#[test]
fn cve_2015_6565_terminals_are_not_world_writable() {
    if !needs_root("cve_2015_6565_terminals_are_not_world_writable") {
        return;
    }
    let server = Server::as_root("");
    let output = server.ssh(&["-tt"], "stat -c '%a %U' \"$(tty)\"");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (mode, owner) = text.trim().split_once(' ').expect("two words");
    assert!(["620", "600"].contains(&mode) && owner == server.account.name, "{output:?}");
}

/// OpenSSH 10.4: RekeyLimit in a Match block had no effect.
#[test]
fn openssh_10_5_rekey_limit_holds_in_a_block() {
    let exchanges = |configuration: &str| {
        let server = Server::any(configuration);
        let output = server.ssh(&["-v", "-o", "LogLevel=DEBUG1"], "head -c 8000000 /dev/zero");
        assert_eq!(output.stdout.len(), 8_000_000);
        String::from_utf8_lossy(&output.stderr).matches("SSH2_MSG_NEWKEYS sent").count()
    };
    let (without, with) = (exchanges(""), exchanges("Match Address 127.0.0.1\n RekeyLimit 1M\n"));
    assert!(without == 1 && with > 3, "{without} and {with} key exchanges");
}
