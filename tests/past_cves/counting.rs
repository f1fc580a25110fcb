//! Attempts that were not counted.

use bulkhead_tests::Server;

use crate::{can_be_hostile, hostile};

const METHODS: [&str; 8] =
    ["none", "password", "publickey", "signature", "keyboard-interactive", "hostbased", "gssapi-with-mic", "nonsense"];

fn answers_and_prompts(server: &Server, user: &str, method: &str) -> (u32, u32) {
    let text = hostile(server, &["counted", user, method]);
    let (answers, prompts) = text.split_once(' ').expect("two numbers");
    (answers.parse().expect("a number"), prompts.parse().expect("a number"))
}

/// GSSAPI's failures were not counted: MaxAuthTries had no effect. Here: those of every method, of users who exist and
/// of others.
#[test]
fn cve_2026_60000_failures_of_every_method_count() {
    if !can_be_hostile("cve_2026_60000_failures_of_every_method_count") {
        return;
    }
    let server = Server::as_root(
        "MaxAuthTries 4\nHostbasedAuthentication yes\nGSSAPIAuthentication yes\nKbdInteractiveAuthentication yes",
    );
    let account = server.account.name.clone();
    for user in [account.as_str(), "nobody-of-that-name"] {
        for method in METHODS {
            // The first `none` is a question. The last failure is answered with an end.
            let most = if method == "none" { 4 } else { 3 };
            assert_eq!(answers_and_prompts(&server, user, method).0, most, "{user} {method}");
        }
    }
    server.wait_for_log("maximum authentication attempts exceeded for invalid user nobody-of-that-name from ");
}

/// A list of the same device, repeated, gave as many guesses as it was long.
#[test]
fn cve_2015_5600_devices_are_not_asked_again_and_again() {
    if !can_be_hostile("cve_2015_5600_devices_are_not_asked_again_and_again") {
        return;
    }
    let server = Server::as_root("MaxAuthTries 4\nKbdInteractiveAuthentication yes");
    let account = server.account.name.clone();
    server.account.set_password("the right one");
    for user in [account.as_str(), "nobody-of-that-name"] {
        let (answers, prompts) = answers_and_prompts(&server, user, "keyboard-interactive");
        assert!(answers <= 3 && prompts <= 4, "{user}: {answers} answers, {prompts} prompts");
    }
}
