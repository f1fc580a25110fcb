//! Attempts that were not counted.

use bulkhead_tests::Server;

use crate::pam::with_pam;
use crate::{can_be_hostile, hostile};

const METHODS: [&str; 8] =
    ["none", "password", "publickey", "signature", "keyboard-interactive", "hostbased", "gssapi-with-mic", "nonsense"];

/// For each method, how many attempts a connection had that used nothing else, and how many prompts that brought.
fn attempts_and_prompts(server: &Server, user: &str, methods: &[&str]) -> Vec<(u32, u32)> {
    let text = hostile(server, &[&["counted", user], methods].concat());
    let numbers = |line: &str| {
        let (attempts, prompts) = line.split_once(' ').expect("two numbers");
        (attempts.parse().expect("a number"), prompts.parse().expect("a number"))
    };
    text.lines().map(numbers).collect()
}

/// With MaxAuthTries 4 the fourth failure is answered with an end; the first `none` is a question.
fn all_methods_count(server: &Server) {
    let account = server.account.name.clone();
    for user in [account.as_str(), "nobody-of-that-name"] {
        let counted = attempts_and_prompts(server, user, &METHODS);
        for (method, (attempts, _)) in METHODS.iter().zip(counted) {
            assert_eq!(attempts, if *method == "none" { 4 } else { 3 }, "{user} {method}");
        }
    }
    server.wait_for_log("maximum authentication attempts exceeded for invalid user nobody-of-that-name from ");
}

const ALL_METHODS: &str =
    "MaxAuthTries 4\nHostbasedAuthentication yes\nGSSAPIAuthentication yes\nKbdInteractiveAuthentication yes";

/// GSSAPI's failures were not counted: MaxAuthTries had no effect. Here: those of every method, of users who exist and
/// of others, with PAM and without.
#[test]
fn cve_2026_60000_failures_of_every_method_count() {
    let test = "cve_2026_60000_failures_of_every_method_count";
    if !can_be_hostile(test) {
        return;
    }
    all_methods_count(&Server::as_root(ALL_METHODS));
    if let Some((server, _service)) = with_pam(test, ALL_METHODS) {
        all_methods_count(&server);
    }
}

/// A list of the same device, repeated, gave as many guesses as it was long.
#[test]
fn cve_2015_5600_devices_are_not_asked_again_and_again() {
    let test = "cve_2015_5600_devices_are_not_asked_again_and_again";
    let Some((server, _service)) = with_pam(test, "MaxAuthTries 4") else { return };
    let account = server.account.name.clone();
    for user in [account.as_str(), "nobody-of-that-name"] {
        let counted = attempts_and_prompts(&server, user, &["keyboard-interactive"]);
        let [(attempts, prompts)] = counted[..] else { panic!("{counted:?}") };
        assert!(attempts <= 3 && (1..=4).contains(&prompts), "{user}: {attempts} attempts, {prompts} prompts");
    }
}
