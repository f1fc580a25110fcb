//! A credential that is none, or not this user's, or not from here.

use bulkhead_tests::{Server, make_key, needs_program, needs_root, public_half, wait_until};
use nix::sys::signal::Signal;

use crate::{authorize, can_be_hostile, hostile, is_in, login_line, other_key};

/// `from=` was forgotten when the file held keys of several types.
#[test]
fn cve_2001_1380_from_holds_beside_keys_of_other_types() {
    let server = Server::any("");
    other_key(&server, "ecdsa", "ecdsa");
    let ecdsa = public_half(&server.scratch.path("ecdsa"));
    authorize(&server, &format!("{ecdsa}{}{ecdsa}", login_line(&server, "from=\"127.0.0.9\"")));
    assert!(!is_in(&server, &[]));
    assert!(is_in(&server, &["-o", "BindAddress=127.0.0.9"]));
}

/// 2.3.1 took a key's word for its signature.
#[test]
fn cve_2001_1585_a_signature_is_verified() {
    if !can_be_hostile("cve_2001_1585_a_signature_is_verified") {
        return;
    }
    let server = Server::as_root("");
    let (user, key) = (server.account.name.as_str(), server.scratch.path("login_key").display().to_string());
    assert_eq!(hostile(&server, &["signature", user, &key, "nobody"]), "refused");
    assert_eq!(hostile(&server, &["signature", user, &key, &key, "another session"]), "refused");
    assert_eq!(hostile(&server, &["signature", user, &key, &key]), "in", "or nothing was tried");
}

/// A reverse look-up that answers with digits passed for an address.
#[test]
fn cve_2003_0386_a_numeric_host_name_is_no_address() {
    let test = "cve_2003_0386_a_numeric_host_name_is_no_address";
    if !needs_root(test) || !needs_program(test, "unshare") {
        return;
    }
    // 127.0.0.5 is called by the address of a friend, 127.0.0.6 by a name.
    let hosts = "printf '127.0.0.1 localhost\\n127.0.0.5 10.1.2.3\\n127.0.0.6 friend.example.org\\n' >\"$1/hosts\"\n\
                 mount --bind \"$1/hosts\" /etc/hosts";
    let server = Server::as_root_after(hosts, "UseDNS yes");
    let from = |address: &str| is_in(&server, &["-o", &format!("BindAddress={address}")]);
    authorize(&server, &login_line(&server, "from=\"friend.example.org\""));
    assert!(from("127.0.0.6"), "names are looked up");
    for pattern in ["10.1.2.3", "10.*", "10.0.0.0/8"] {
        authorize(&server, &login_line(&server, &format!("from=\"{pattern}\"")));
        assert!(!from("127.0.0.5"), "{pattern}");
    }
    authorize(&server, &login_line(&server, "from=\"127.0.0.5\""));
    assert!(from("127.0.0.5"), "what counts is the address");
}

/// The monitor did not tie the verified signature to the key that it had allowed.
#[test]
fn cve_2006_5794_a_signature_of_another_key_is_none() {
    if !can_be_hostile("cve_2006_5794_a_signature_of_another_key_is_none") {
        return;
    }
    let server = Server::as_root("");
    let (user, key) = (server.account.name.as_str(), server.scratch.path("login_key").display().to_string());
    let other = other_key(&server, "other", "ed25519");
    assert_eq!(hostile(&server, &["signature", user, &key, &other]), "refused");
    assert_eq!(hostile(&server, &["signature", user, &other, &other]), "refused");
}

/// With NIS, `+` entries of the password file were authenticated as somebody.
#[test]
fn cve_2002_0765_only_the_whole_name_of_an_account_is_one() {
    if !can_be_hostile("cve_2002_0765_only_the_whole_name_of_an_account_is_one") {
        return;
    }
    let server = Server::as_root("");
    let (user, key) = (&server.account.name, server.scratch.path("login_key").display().to_string());
    let uid = server.account.uid.to_string();
    let [plus, before, behind] = [format!("+{user}"), format!(" {user}"), format!("{user} ")];
    let names = ["+", "-", "+@", &plus, &before, &behind, &uid, "", "*"];
    assert_eq!(hostile(&server, &[&["names", &key], &names[..]].concat()), ["refused"; 9].join("\n"));
    assert_eq!(hostile(&server, &["names", &key, user]), "in", "or nothing was tried");
}

/// A SELinux role was taken from the user's name.
#[test]
fn cve_2008_3234_a_name_grants_no_role() {
    if !can_be_hostile("cve_2008_3234_a_name_grants_no_role") {
        return;
    }
    let server = Server::as_root("");
    let (user, key) = (&server.account.name, server.scratch.path("login_key").display().to_string());
    let name = format!("{user}/sysadm_r");
    assert_eq!(hostile(&server, &["signature", &name, &key, &key]), "refused");
}

/// The monitor believed the process on the network about who is logging in.
#[test]
fn cve_2015_6563_the_user_is_named_once() {
    if !can_be_hostile("cve_2015_6563_the_user_is_named_once") {
        return;
    }
    let server = Server::as_root("PermitRootLogin yes");
    let (user, key) = (server.account.name.as_str(), server.scratch.path("login_key").display().to_string());
    assert_eq!(hostile(&server, &["change", user, user, &key]), "in", "or nothing was tried");
    assert_eq!(hostile(&server, &["change", user, "root", &key]), "gone");
    server.wait_for_log(&format!("Change of username or service not allowed: ({user},ssh-connection) -> (root,"));
}

/// One ECDSA name in PubkeyAcceptedAlgorithms let every curve in.
#[test]
fn cve_2026_35387_each_curve_by_its_own_name() {
    let server = Server::any("PubkeyAcceptedAlgorithms ecdsa-sha2-nistp384");
    for (bits, let_in) in [("256", false), ("384", true), ("521", false)] {
        let key = make_key(&server.scratch, &format!("p{bits}"), &["-t", "ecdsa", "-b", bits]);
        authorize(&server, &public_half(&key));
        assert_eq!(is_in(&server, &["-o", &format!("IdentityFile={}", key.display())]), let_in, "{bits}");
    }
}

/// Dropbear 2026.92: what follows in a line that is too long was read as a line without `command=`.
#[test]
fn dropbear_2026_92_the_rest_of_a_long_line_is_no_line() {
    let server = Server::any("");
    let plain = login_line(&server, "");
    for length in [4000, 8000, 8170, 8190, 16_380, 32_760, 65_530] {
        authorize(&server, &format!("command=\"{}\",restrict{plain}", "x".repeat(length)));
        assert!(!is_in(&server, &[]), "{length}");
        authorize(&server, &format!("# {}{plain}", "x".repeat(length)));
        assert!(!is_in(&server, &[]), "behind a comment of {length}");
    }
}

/// OpenSSH 10.0: `Match invalid-user` held for users who exist.
#[test]
fn openssh_10_0_match_invalid_user_is_for_invalid_users() {
    let server = Server::any("Match invalid-user\n PubkeyAuthentication no\n");
    assert!(is_in(&server, &[]));
    let output = bulkhead_tests::run(server.client("ssh").arg("nobody-of-that-name@127.0.0.1").arg("true"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("Permission denied") && !said.contains("publickey"), "{said}");
}

/// OpenSSH 10.3: a single number below 10 in MaxStartups, and a Subsystem in a Match block only, crashed the server.
#[test]
fn openssh_10_3_configurations_that_crashed() {
    let server = Server::any("MaxStartups 3\nMatch User nobody-of-that-name\n Subsystem sftp internal-sftp\n");
    assert!(is_in(&server, &[]));
    server.signal(Signal::SIGHUP);
    wait_until("it was read again", || server.log().contains("Received SIGHUP"));
    assert!(is_in(&server, &[]));
}
