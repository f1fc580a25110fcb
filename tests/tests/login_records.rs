//! `who`, `last` and `lastlog` know about logins on terminals, and nobody stays logged in who has gone.

use std::path::Path;
use std::process::{Command, Stdio};

use bulkhead_tests::{
    Account, As, LoginRecords, Server, executable_of, is_shown_by_who, needs_program, needs_root, run, run_with_input,
    wait_until,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn printed(program: &str, arguments: &[&str]) -> String {
    String::from_utf8_lossy(&run(Command::new(program).args(arguments)).stdout).into_owned()
}

/// A login shell on a terminal, told to end at once; what it printed.
fn shell_login(server: &Server) -> String {
    let mut client = server.client("ssh");
    client.args(["-tt", &server.login()]);
    let output = run_with_input(&mut client, b"exit\n");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn who_and_last_know_about_a_login_on_a_terminal() {
    let name = "who_and_last_know_about_a_login_on_a_terminal";
    if !needs_root(name) || !needs_program(name, "who") || !needs_program(name, "last") {
        return;
    }
    let _records = LoginRecords::keep();
    let server = Server::start(As::Root, Account::create(), "");
    let inside = server.ssh_ok(&["-tt"], "who; tty");
    let terminal = inside.trim().rsplit("/dev/").next().unwrap().to_owned();
    assert!(inside.contains(&server.account.name) && inside.contains("127.0.0.1"), "{inside}");
    wait_until("the login has been taken out", || !is_shown_by_who(&server.account));
    let last = printed("last", &["-n", "5", &server.account.name]);
    assert!(last.contains(&terminal) && last.contains("127.0.0.1") && !last.contains("still logged in"), "{last}");

    assert!(!server.ssh_ok(&[], "who").contains(&server.account.name), "no terminal, no record");
}

#[test]
fn shells_are_greeted_with_the_last_login() {
    if !needs_root("shells_are_greeted_with_the_last_login") {
        return;
    }
    let _records = LoginRecords::keep();
    let server = Server::start(As::Root, Account::create(), "");
    shell_login(&server);
    let greeted = shell_login(&server);
    assert!(greeted.contains("Last login: ") && greeted.contains(" from 127.0.0.1"), "{greeted}");
    assert!(!server.ssh_ok(&["-tt"], "true").contains("Last login"), "commands are not greeted");
    server.account.home_file(".hushlogin", "", 0o644);
    assert!(!shell_login(&server).contains("Last login"), "who wants quiet gets quiet");
    let silent = Server::start(As::Root, Account::create(), "PrintLastLog no");
    shell_login(&silent);
    assert!(!shell_login(&silent).contains("Last login"));
}

#[test]
fn lastb_knows_whose_passwords_were_wrong() {
    let name = "lastb_knows_whose_passwords_were_wrong";
    if !needs_root(name) || !needs_program(name, "lastb") || !Path::new("/var/log/btmp").exists() {
        return;
    }
    let server = Server::start(As::Root, Account::create(), "");
    server.account.set_password("correct horse battery");
    let failed = || printed("lastb", &["-n", "50", &server.account.name]);
    let with_a_password = ["-oPreferredAuthentications=password"];
    assert!(server.ssh_answering(&["correct horse battery"], &with_a_password, "true").status.success());
    assert!(!failed().contains(&server.account.name), "no failure yet");
    assert!(!server.ssh_answering(&["wrong"], &with_a_password, "true").status.success());
    let shown = failed();
    assert!(shown.contains("ssh:notty") && shown.contains("127.0.0.1"), "{shown}");
}

/// When the last record of a terminal in `utmp` was made, in microseconds.
fn last_recorded(terminal: &str) -> String {
    let entries = printed("utmpdump", &["/run/utmp"]);
    let entry = entries.lines().rfind(|entry| entry.contains(&format!("[{terminal} "))).expect("an entry");
    entry.rsplit('[').next().expect("a time").to_owned()
}

#[test]
fn a_killed_monitor_leaves_nobody_logged_in() {
    let name = "a_killed_monitor_leaves_nobody_logged_in";
    if !needs_root(name) || !needs_program(name, "who") || !needs_program(name, "utmpdump") {
        return;
    }
    let _records = LoginRecords::keep();
    let server = Server::start(As::Root, Account::create(), "");
    let mut client = server.client("ssh");
    client.args(["-tt", &server.login(), "exec sleep 1000"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut client = client.stderr(Stdio::null()).spawn().unwrap();
    wait_until("the login is recorded", || is_shown_by_who(&server.account));
    let started = server.wait_for_log("Starting session: command on pts/");
    let terminal = started.split_whitespace().find(|word| word.starts_with("pts/")).expect("a terminal");
    let came = last_recorded(terminal);
    let monitor = server.descendants().into_iter().find(|pid| executable_of(*pid).ends_with("sshd-monitor"));
    kill(Pid::from_raw(monitor.expect("a monitor")), Signal::SIGKILL).unwrap();
    client.wait().unwrap();
    wait_until("the login has been taken out", || !is_shown_by_who(&server.account));
    assert_ne!(last_recorded(terminal), came, "the time of the end is not that of the beginning");
}
