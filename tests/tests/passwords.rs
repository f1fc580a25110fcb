//! The method `password` with the shadow database (RFC 4252 section 8).

use std::io::Read;
use std::process::Stdio;

use bulkhead_tests::{Server, needs_root, run_with_input};

const PASSWORD: &str = "correct horse battery";

/// A server whose account has [`PASSWORD`]; none without root.
fn server(test: &str, configuration: &str) -> Option<Server> {
    if !needs_root(test) {
        return None;
    }
    let server = Server::as_root(configuration);
    server.account.set_password(PASSWORD);
    Some(server)
}

/// Whether this password lets the account's owner in.
fn lets_in(server: &Server, password: &str) -> bool {
    let output = server.ssh_answering(&[password], &["-oPreferredAuthentications=password"], "echo in");
    let is_in = output.status.success();
    assert_eq!(is_in, output.stdout == b"in\n", "{output:?}");
    is_in
}

#[test]
fn the_right_password_and_no_other() {
    let Some(server) = server("the_right_password_and_no_other", "") else { return };
    assert!(lets_in(&server, PASSWORD));
    let name = &server.account.name;
    server.wait_for_log(&format!("Accepted password for {name} from 127.0.0.1 port "));
    for wrong in ["Correct horse battery", "correct horse batter", "correct horse battery ", "", "*"] {
        assert!(!lets_in(&server, wrong), "{wrong:?}");
    }
    server.wait_for_log(&format!("Failed password for {name} from 127.0.0.1 port "));
    let log = server.log();
    assert!(!log.contains(PASSWORD) && !log.contains("horse"), "a password in the log");
}

#[test]
fn accounts_without_a_usable_password() {
    let Some(server) = server("accounts_without_a_usable_password", "PermitEmptyPasswords yes") else { return };
    server.account.change("usermod", &["--lock"]);
    assert!(!lets_in(&server, PASSWORD), "locked");
    server.wait_for_log("not allowed because account is locked");
    server.account.change("usermod", &["--unlock"]);
    assert!(lets_in(&server, PASSWORD));
    server.account.change("usermod", &["--password", "*"]);
    assert!(!lets_in(&server, PASSWORD) && !lets_in(&server, "*") && !lets_in(&server, ""), "no password");
}

#[test]
fn switched_off_or_expired() {
    let Some(server) = server("switched_off_or_expired", "PasswordAuthentication no") else { return };
    assert!(!lets_in(&server, PASSWORD), "switched off");
    assert_eq!(server.prompts(), "", "the client was not asked");
    server.configure("");
    server.signal(nix::sys::signal::Signal::SIGHUP);
    server.wait_for_log("Received SIGHUP");
    bulkhead_tests::wait_until("the new configuration holds", || lets_in(&server, PASSWORD));
    server.account.change("usermod", &["--expiredate", "1"]);
    assert!(!lets_in(&server, PASSWORD), "the account has ended");
}

/// Whoever knows an old password may change it, and nothing else.
#[test]
fn an_expired_password_gets_nobody_further_than_to_a_new_one() {
    let Some(server) = server("an_expired_password_gets_nobody_further", "") else { return };
    for expired in [&["--lastday", "0"][..], &["--lastday", "2020-01-01", "--maxdays", "30"]] {
        server.account.change("chage", expired);
        let output = server.ssh_answering(&[PASSWORD], &["-oPreferredAuthentications=password"], "echo in");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("WARNING: Your password has expired.\n"), "{said}");
        assert!(said.contains("Password change required but no TTY available.\n"), "{said}");
        assert!(output.stdout.is_empty());
        assert!(server.ssh(&[], "echo in").stdout == b"in\n", "a key knows no age of passwords, as with theirs");
    }
    let name = &server.account.name;
    server.wait_for_log(&format!("User {name} password has expired (root forced)"));
    server.wait_for_log(&format!("User {name} password has expired (password aged)"));
    let mut client = server.answering_client(&[PASSWORD], &["-oPreferredAuthentications=password", "-tt"]);
    client.arg("echo in").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut client = client.spawn().expect("ssh");
    // passwd(1) asks and waits.
    let (mut said, mut byte) = (Vec::new(), [0]);
    let mut stdout = client.stdout.take().expect("a pipe");
    while !said.ends_with(b"urrent password: ") && stdout.read(&mut byte).is_ok_and(|count| count == 1) {
        said.extend(byte);
    }
    client.kill().and_then(|()| client.wait()).expect("the client");
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(said.contains("You must change your password now and log in again!"), "{said}");
    assert!(said.ends_with("urrent password: ") && !said.contains("\nin"), "passwd(1) runs, and nothing else: {said}");
}

#[test]
fn a_password_that_ends_soon_is_told_of() {
    let Some(server) = server("a_password_that_ends_soon_is_told_of", "PrintMotd no") else { return };
    let shell = || {
        let mut client = server.answering_client(&[PASSWORD], &["-oPreferredAuthentications=password", "-tt"]);
        String::from_utf8_lossy(&run_with_input(&mut client, b"exit\n").stdout).into_owned()
    };
    let today = days_since_1970();
    server.account.change("chage", &["--lastday", &(today - 28).to_string(), "--maxdays", "30", "--warndays", "7"]);
    assert!(shell().contains("Your password will expire in 2 days."));
    server.account.change("chage", &["--lastday", &today.to_string()]);
    assert!(!shell().contains("will expire"));
}

/// Days since 1970, as shadow(5) counts them.
fn days_since_1970() -> u64 {
    std::time::UNIX_EPOCH.elapsed().expect("a clock").as_secs() / 86_400
}

#[test]
fn an_empty_password_needs_permission() {
    let Some(server) = server("an_empty_password_needs_permission", "") else { return };
    server.account.change("passwd", &["--delete"]);
    assert!(!lets_in(&server, ""), "PermitEmptyPasswords no");
    server.configure("PermitEmptyPasswords yes");
    server.signal(nix::sys::signal::Signal::SIGHUP);
    server.wait_for_log("Received SIGHUP");
    bulkhead_tests::wait_until("empty passwords are permitted", || lets_in(&server, ""));
    assert_eq!(server.prompts(), "", "`none` is enough, as with theirs");
    server.wait_for_log(&format!("Accepted none for {}", server.account.name));
}

#[test]
fn a_password_can_be_the_second_of_two_methods() {
    let test = "a_password_can_be_the_second_of_two_methods";
    let Some(server) = server(test, "AuthenticationMethods publickey,password") else { return };
    assert!(!lets_in(&server, PASSWORD), "the password alone");
    let output = server.ssh_answering(&[PASSWORD], &["-oPubkeyAuthentication=yes"], "echo in");
    assert_eq!(output.stdout, b"in\n", "{output:?}");
    server.wait_for_log("Partial publickey for ");
    let output = server.ssh_answering(&["wrong"], &["-oPubkeyAuthentication=yes"], "echo in");
    assert!(!output.status.success(), "a wrong one after the key");
}
