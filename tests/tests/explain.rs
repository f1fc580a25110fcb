//! `sshd --explain`: the answer must be what a real login gets, and say why.

use std::fs;
use std::process::{Command, Output};

use bulkhead_tests::{Account, As, Server, binaries, make_key, needs_root, public_half, run};

/// Asks about the server's own configuration.
fn explain(server: &Server, credential: &str, options: &[&str]) -> Output {
    let question = format!("user={},addr=127.0.0.1{credential}", server.account.name);
    let sshd = binaries().join("sshd");
    run(Command::new(sshd)
        .arg("-f")
        .arg(server.scratch.path("sshd_config"))
        .args(["--explain", &question])
        .args(options))
}

/// The same for root.
fn explain_root(server: &Server, credential: &str) -> Output {
    let config = server.scratch.path("sshd_config");
    let question = format!("user=root,addr=127.0.0.1,{credential}");
    run(Command::new(binaries().join("sshd")).arg("-f").arg(config).args(["--explain", &question]))
}

fn answer(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8(output.stdout.clone()).unwrap())
}

/// Has the running server follow another configuration.
fn reconfigure(server: &Server, configuration: &str) {
    server.configure(configuration);
    let config = server.scratch.path("sshd_config");
    let reloaded = run(Command::new(binaries().join("sshd")).arg("-f").arg(config).arg("--reload"));
    assert!(reloaded.status.success(), "{reloaded:?}");
}

/// Whether the answer and a real login agree, and the explanation.
#[track_caller]
fn explained(server: &Server, key: &str) -> (bool, String) {
    let private = server.scratch.path(key);
    let credential = format!(",key={}.pub", private.display());
    let (status, text) = answer(&explain(server, &credential, &[]));
    let key = format!("IdentityFile={}", private.display());
    let login = server.ssh(&["-o", &key, "-o", "IdentitiesOnly=yes"], "true");
    let is_in = login.status.code() == Some(0);
    assert_eq!(status, Some(if is_in { 0 } else { 1 }), "{text}\n{login:?}\n{}", server.log());
    (is_in, text)
}

#[test]
fn the_answer_is_what_a_login_gets() {
    if !needs_root("the_answer_is_what_a_login_gets") {
        return;
    }
    let server = Server::start(As::Root, Account::create(), "");
    let (is_in, text) = explained(&server, "login_key");
    assert!(is_in);
    assert!(text.contains("Accepted key ED25519 ") && text.contains("authorized_keys:1"), "{text}");
    assert!(text.contains("terminal: yes"), "{text}");
    for component in ["/", server.scratch.path("authorized_keys").to_str().unwrap()] {
        assert!(text.contains(&format!("{component} ")), "StrictModes of {component}: {text}");
    }

    reconfigure(&server, "DenyUsers bht*");
    let (is_in, text) = explained(&server, "login_key");
    assert!(!is_in && text.contains("DenyUsers bht* matches"), "{text}");
    assert!(text.contains("not allowed because listed in DenyUsers"), "{text}");

    reconfigure(&server, "PubkeyAcceptedAlgorithms rsa-sha2-512");
    let (is_in, text) = explained(&server, "login_key");
    assert!(!is_in && text.contains("signature algorithm ssh-ed25519 not in PubkeyAcceptedAlgorithms"), "{text}");

    reconfigure(&server, "AuthenticationMethods publickey,publickey");
    let (status, text) =
        answer(&explain(&server, &format!(",key={}.pub", server.scratch.path("login_key").display()), &[]));
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("publickey alone is not enough: publickey must follow"), "{text}");
}

#[test]
fn a_password_is_explained_and_never_asked_for() {
    if !needs_root("a_password_is_explained_and_never_asked_for") {
        return;
    }
    let server = Server::start(As::Root, Account::create(), "Match Address 192.0.2.0/24\n PasswordAuthentication no");
    let password = |question: &str| answer(&explain(&server, question, &[]));
    let (status, text) = password(",method=password");
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("not asked for and not checked"), "{text}");
    server.account.change("chage", &["--lastday", "0"]);
    let (status, text) = password(",method=password");
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("password has expired (root forced)") && text.contains("good for a new password"), "{text}");
    let question = format!("user={},addr=192.0.2.7,method=password", server.account.name);
    let config = server.scratch.path("sshd_config");
    let refused = run(Command::new(binaries().join("sshd")).arg("-f").arg(config).args(["--explain", &question]));
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let text = String::from_utf8(refused.stdout).unwrap();
    assert!(
        text.contains("sshd_config line ") && text.contains(" matches\n") && text.contains("password is not offered"),
        "{text}"
    );
    let (status, text) = answer(&explain_root(&server, "method=password"));
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("ROOT LOGIN REFUSED"), "{text}");
}

#[test]
fn a_root_directory_that_cannot_be_used_lets_nobody_in() {
    if !needs_root("a_root_directory_that_cannot_be_used_lets_nobody_in") {
        return;
    }
    let server = Server::start(As::Root, Account::create(), "ChrootDirectory /tmp");
    let (is_in, text) = explained(&server, "login_key");
    assert!(!is_in && text.contains("ChrootDirectory\n"), "{text}");
    let answer = text.lines().last().unwrap();
    assert!(answer.contains("would not be let in") && answer.contains("bad ownership or modes"), "{text}");
}

#[test]
fn lines_are_explained_one_by_one() {
    if !needs_root("lines_are_explained_one_by_one") {
        return;
    }
    let server = Server::start(As::Root, Account::create(), "AllowTcpForwarding local");
    let key = public_half(&server.scratch.path("login_key")).trim().to_owned();
    let authorize = |lines: &str| fs::write(server.scratch.path("authorized_keys"), lines).unwrap();
    authorize(&format!("from=\"192.0.2.*\" {key}\nexpiry-time=\"20200101\" {key}\nrestrict,command=\"true\" {key}\n"));
    let (is_in, text) = explained(&server, "login_key");
    assert!(is_in, "{text}");
    for sentence in [
        "authorized_keys:1",
        "authorized_keys:2: entry expired",
        "authorized_keys:3",
        "forced command (key-option): true",
        "terminal: no",
        "TCP forwarding: no",
    ] {
        assert!(text.contains(sentence), "{sentence}: {text}");
    }
    authorize(&format!("from=\"192.0.2.*\" {key}\n"));
    let (is_in, text) = explained(&server, "login_key");
    assert!(!is_in && text.contains("not from a permitted host"), "{text}");

    make_key(&server.scratch, "stranger", &["-t", "ed25519"]);
    let (is_in, text) = explained(&server, "stranger");
    assert!(!is_in && text.contains("no line of any file lets this key in"), "{text}");
}

#[test]
fn penalties_in_force_are_told() {
    if !needs_root("penalties_in_force_are_told") {
        return;
    }
    let configuration = "PerSourcePenalties invaliduser:600 min:1\nPerSourcePenaltyExemptList 127.0.0.1/32";
    let server = Server::start(As::Root, Account::create(), configuration);
    let from = |address: &str| {
        let config = server.scratch.path("sshd_config");
        let question = format!("user={},addr={address},method=password", server.account.name);
        answer(&run(Command::new(binaries().join("sshd")).arg("-f").arg(config).args(["--explain", &question])))
    };
    let (status, text) = from("127.0.0.2");
    assert!(status == Some(0) && text.contains("accepted: no penalty"), "{text}");
    let stranger = server.ssh(&["-oBindAddress=127.0.0.2", "-oUser=nobody-of-this-name"], "true");
    assert!(!stranger.status.success());
    server.wait_for_log("srclimit_penalise: ");
    let (status, text) = from("127.0.0.2");
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("refused: penalty: attempted authentication by invalid user, for "), "{text}");
    assert!(server.ssh(&["-oBindAddress=127.0.0.2"], "true").status.code() == Some(255), "as it was told");
    let (status, text) = from("127.0.0.1");
    assert!(status == Some(0) && text.contains("accepted: no penalty"), "{text}");
}

#[test]
fn programs_get_json_and_mistakes_are_no_answer() {
    if !needs_root("programs_get_json_and_mistakes_are_no_answer") {
        return;
    }
    let server = Server::start(As::Root, Account::create(), "");
    let (status, text) = answer(&explain(&server, "", &["--json"]));
    assert_eq!(status, Some(0), "{text}");
    assert!(text.starts_with('{') && text.ends_with("}\n") && text.lines().count() == 1, "{text}");
    assert!(text.contains("\"let_in\":true"), "{text}");
    for mistake in [",key=/nonexistent", ",addr=127.0.0.2", ",password=secret", ",lport=x", ",key=/etc/passwd"] {
        let output = explain(&server, mistake, &[]);
        assert_eq!(output.status.code(), Some(255), "{mistake}: {output:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{mistake}: {output:?}");
    }
    let private = explain(&server, &format!(",key={}", server.scratch.path("login_key").display()), &[]);
    assert_eq!(private.status.code(), Some(255), "{private:?}");
    assert!(String::from_utf8_lossy(&private.stderr).contains("is a private key"), "{private:?}");
}
