//! Where the keys that may log in are listed, and what takes them off the list again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use bulkhead_tests::{Account, As, Server, make_key, needs_root, public_half, run, wait_until};

fn is_in(server: &Server) -> bool {
    let output = server.ssh(&[], "echo in");
    match output.status.code() {
        Some(0) => true,
        Some(255) => {
            assert!(String::from_utf8_lossy(&output.stderr).contains("Permission denied (publickey,"), "{output:?}");
            false
        }
        _ => panic!("{output:?}"),
    }
}

/// `ED25519 SHA256:…` as in log lines.
fn shown(key: &Path) -> String {
    let output = run(Command::new("ssh-keygen").arg("-lf").arg(key.with_extension("pub")));
    let text = String::from_utf8(output.stdout).unwrap();
    format!("ED25519 {}", text.split(' ').nth(1).unwrap())
}

/// Replaces the keys that may log in.
fn authorize(server: &Server, text: &str) {
    fs::write(server.scratch.path("authorized_keys"), text).unwrap();
}

#[test]
fn revoked_keys_stay_out_and_others_come_in() {
    let server = Server::any("RevokedKeys @SCRATCH@list @SCRATCH@list.krl");
    let login_key = server.scratch.path("login_key");
    let lost = make_key(&server.scratch, "lost", &["-t", "ed25519"]);
    let (list, krl) = (server.scratch.path("list"), server.scratch.path("list.krl"));
    let revoke = |options: &[&str], keys: &Path| {
        let made = run(Command::new("ssh-keygen").args(["-k", "-f"]).arg(&krl).args(options).arg(keys));
        assert!(made.status.success(), "{made:?}");
    };
    // A file that is not there may hold any key.
    let refused = format!("Error checking authentication key {} in revoked keys file ", shown(&login_key));
    assert!(!is_in(&server));
    server.wait_for_log(&format!("{refused}{}: ", list.display()));
    fs::write(&list, "# nobody\n").unwrap();
    assert!(!is_in(&server), "the second file is not there either");
    server.wait_for_log(&format!("{refused}{}: ", krl.display()));

    revoke(&[], &lost.with_extension("pub"));
    assert!(is_in(&server), "{}", server.log());

    fs::write(&list, public_half(&login_key)).unwrap();
    assert!(!is_in(&server));
    server.wait_for_log(&format!("Authentication key {} revoked by file {}", shown(&login_key), list.display()));
    fs::write(&list, "no key\n").unwrap();
    assert!(!is_in(&server), "a list with a line that is no key may hold any key");
    fs::write(&list, public_half(&lost)).unwrap();
    assert!(is_in(&server));

    for specification in ["key", "sha1", "sha256"] {
        let file = server.scratch.file("specification", format!("{specification}: {}", public_half(&login_key)));
        revoke(&[], &file);
        assert!(!is_in(&server), "{specification}");
    }
    server.wait_for_log(&format!("Authentication key {} revoked by file {}", shown(&login_key), krl.display()));
    revoke(&[], &lost.with_extension("pub"));
    assert!(is_in(&server));
    let whole = fs::read(&krl).unwrap();
    fs::write(&krl, &whole[..whole.len() - 1]).unwrap();
    assert!(!is_in(&server), "a list that was cut off may hold any key");
}

#[test]
fn key_files_are_found_by_pattern_and_by_token() {
    let server = Server::any("AuthorizedKeysFile @SCRATCH@%u/*.pub @SCRATCH@by-number-%U/[ab]?");
    let line = public_half(&server.scratch.path("login_key"));
    let by_name = server.scratch.path(&server.account.name);
    let by_number = server.scratch.path(format!("by-number-{}", server.account.uid));
    for directory in [&by_name, &by_number] {
        fs::create_dir(directory).unwrap();
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for (file, expected) in [
        (by_name.join("laptop.pub"), true),
        (by_name.join("laptop.old"), false),
        (by_name.join(".hidden.pub"), false),
        (by_number.join("b2"), true),
        (by_number.join("c2"), false),
        (by_number.join("b22"), false),
    ] {
        fs::write(by_name.join("other.pub"), "# nobody's\n").unwrap();
        fs::write(&file, &line).unwrap();
        assert_eq!(is_in(&server), expected, "{}", file.display());
        if expected {
            server.wait_for_log(&format!(" found at {}:1", file.display()));
        }
        fs::remove_file(&file).unwrap();
    }
}

#[test]
fn a_file_found_by_pattern_must_be_as_strict_as_any() {
    let server = Server::any("AuthorizedKeysFile @SCRATCH@keys*");
    let file = server.scratch.file("keys1", public_half(&server.scratch.path("login_key")));
    assert!(is_in(&server));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(!is_in(&server));
    server.wait_for_log(&format!("Authentication refused: bad ownership or modes for file {}", file.display()));
}

#[test]
fn keys_expire_by_the_clock_on_the_wall() {
    // Ten hours east of Greenwich: what is over there is yet to come by UTC.
    let account = if needs_root("keys_expire_by_the_clock_on_the_wall") { Account::create() } else { return };
    let server = Server::start_with(As::Root, account, "", &[("TZ", "EAST-10")]);
    let line = public_half(&server.scratch.path("login_key"));
    let at = |zone: &str, moment: &str| {
        let date = run(Command::new("date").env("TZ", zone).args(["-d", moment, "+%Y%m%d%H%M"]));
        String::from_utf8(date.stdout).unwrap().trim().to_owned()
    };
    for (expiry, expected) in [
        (at("EAST-10", "1 hour"), true),
        (at("EAST-10", "1 hour ago"), false),
        (at("UTC", "1 hour"), false),
        (format!("{}Z", at("UTC", "1 hour")), true),
        (format!("{}Z", at("UTC", "1 hour ago")), false),
    ] {
        authorize(&server, &format!("expiry-time=\"{expiry}\" {line}"));
        assert_eq!(is_in(&server), expected, "{expiry}");
    }
    server.wait_for_log("authorized_keys:1: entry expired");
}

/// A shell script that root alone can write.
fn script(server: &Server, name: &str, text: &str) -> String {
    let path = server.scratch.file(name, format!("#!/bin/sh\n{text}"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

const COMMAND: &str = "AuthorizedKeysCommandUser daemon\nAuthorizedKeysCommand @SCRATCH@command";

/// A server whose own file of keys is empty.
fn server_with_command(configuration: &str) -> Server {
    let server = Server::as_root(configuration);
    authorize(&server, "");
    server
}

#[test]
fn a_command_lists_keys() {
    if !needs_root("a_command_lists_keys") {
        return;
    }
    let server = server_with_command(&format!("{COMMAND} 'two words' %u %U %h %t %k %f %% \"%C\""));
    let key = server.scratch.path("login_key");
    let line = public_half(&key);
    assert!(!is_in(&server), "there is no command yet");
    server.wait_for_log("Could not stat AuthorizedKeysCommand \"");

    let seen = server.scratch.file("seen", "");
    fs::set_permissions(&seen, fs::Permissions::from_mode(0o666)).unwrap();
    let tell = format!(
        "for argument; do echo \"$argument\"; done > {0}\n(id -u; id -G; env | sort; readlink /proc/self/fd/*) >> {0}\n",
        seen.display()
    );
    script(&server, "command", &format!("{tell}echo '{}'\n", line.trim()));
    assert!(is_in(&server), "{}", server.log());
    let place = server.scratch.path("command").display().to_string();
    server.wait_for_log(&format!("Accepted key {} found at {place}", shown(&key)));

    let told = fs::read_to_string(&seen).unwrap();
    let words: Vec<&str> = told.lines().collect();
    let account = &server.account;
    let (uid, home) = (account.uid.to_string(), account.home.display().to_string());
    let blob = line.split(' ').nth(1).unwrap();
    let shown_key = shown(&key);
    let fingerprint = shown_key.split(' ').nth(1).unwrap();
    assert_eq!(&words[..8], ["two words", &account.name, &uid, &home, "ssh-ed25519", blob, fingerprint, "%"], "{told}");
    assert!(words[8].starts_with(&format!("127.0.0.1 {} 127.0.0.1 ", server.port)), "{told}");
    let daemon = |option| String::from_utf8(run(Command::new("id").args([option, "daemon"])).stdout).unwrap();
    assert_eq!(words[9], daemon("-u").trim());
    assert_eq!(words[10], daemon("-G").trim(), "CVE-2021-41617: groups of the command's user and no others");
    let wanted = ["USER=daemon", "LOGNAME=daemon", "PATH=/usr/bin:/bin:/usr/sbin:/sbin"];
    assert!(wanted.iter().all(|variable| words.contains(variable)), "{told}");
    assert!(!told.contains("socket:"), "no descriptor of ours is left open: {told}");

    script(&server, "command", "echo '# nobody'\n");
    assert!(!is_in(&server));
}

#[test]
fn a_command_only_counts_when_it_ends_well() {
    if !needs_root("a_command_only_counts_when_it_ends_well") {
        return;
    }
    let server = server_with_command(COMMAND);
    let line = public_half(&server.scratch.path("login_key"));
    let prints = format!("echo '{}'\n", line.trim());
    script(&server, "command", &prints);
    assert!(is_in(&server));
    script(&server, "command", &format!("{prints}exit 3\n"));
    assert!(!is_in(&server));
    // Without arguments it gets the user's name.
    server.wait_for_log(&format!("/command {} failed, status 3", server.account.name));
    script(&server, "command", &format!("{prints}kill -9 $$\n"));
    assert!(!is_in(&server));
    server.wait_for_log(&format!("/command {} exited on signal 9", server.account.name));
    // Restrictions of its lines hold as in a file.
    script(&server, "command", &format!("echo 'from=\"192.0.2.1\" {}'\n", line.trim()));
    assert!(!is_in(&server));
    // It is never asked about names that do not exist.
    let seen = server.scratch.path("seen");
    script(&server, "command", &format!("touch {}\n{prints}", seen.display()));
    assert_eq!(server.ssh(&["-l", "no-such-user"], "true").status.code(), Some(255));
    assert!(!seen.exists());
}

#[test]
fn a_command_that_others_could_have_changed_does_not_run() {
    if !needs_root("a_command_that_others_could_have_changed_does_not_run") {
        return;
    }
    let server = server_with_command(COMMAND);
    let line = public_half(&server.scratch.path("login_key"));
    let command = script(&server, "command", &format!("echo '{}'\n", line.trim()));
    fs::set_permissions(&command, fs::Permissions::from_mode(0o775)).unwrap();
    assert!(!is_in(&server));
    let unsafe_command = format!("Unsafe AuthorizedKeysCommand \"{command}\": bad ownership or modes for ");
    server.wait_for_log(&format!("{unsafe_command}file "));
    fs::set_permissions(&command, fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::chown(&command, Some(server.account.uid), None).unwrap();
    assert!(!is_in(&server));
    std::os::unix::fs::chown(&command, Some(0), None).unwrap();
    fs::set_permissions(server.scratch.path(""), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(!is_in(&server));
    server.wait_for_log(&format!("{unsafe_command}directory "));
    fs::set_permissions(server.scratch.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(is_in(&server), "{}", server.log());
}

#[test]
fn a_command_that_hangs_is_killed_with_what_it_started() {
    if !needs_root("a_command_that_hangs_is_killed_with_what_it_started") {
        return;
    }
    let server = server_with_command(&format!("LoginGraceTime 2\n{COMMAND}"));
    let pids = server.scratch.file("pids", "");
    fs::set_permissions(&pids, fs::Permissions::from_mode(0o666)).unwrap();
    script(&server, "command", &format!("sleep 1000 & echo $! $$ > {}; wait\n", pids.display()));
    assert_eq!(server.ssh(&[], "true").status.code(), Some(255));
    server.wait_for_log("took too long and was killed");
    server.wait_until_idle();
    let started = fs::read_to_string(&pids).unwrap();
    assert_eq!(started.split_whitespace().count(), 2);
    for pid in started.split_whitespace() {
        let is_gone = || !fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty());
        wait_until("what the command started is gone", is_gone);
    }
}
