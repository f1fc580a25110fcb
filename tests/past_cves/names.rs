//! What a peer can find out about which accounts there are.

use std::sync::OnceLock;

use bulkhead_tests::{PamService, Server};

use crate::pam::{PASSWORD, with_pam};
use crate::{can_be_hostile, hostile, is_in, other_key};

/// One name's attempt: its shortest time in microseconds, and what was answered.
struct Row {
    name: String,
    attempt: String,
    microseconds: u64,
    answers: String,
}

/// Of an account with a password, of root who may not log in, of one without a shell, and of names that nobody has.
struct Measured {
    account: String,
    rows: Vec<Row>,
}

const UNKNOWN: [&str; 8] = ["adam", "bertha", "caesar", "dora", "emil", "friedrich", "gustav", "heinrich"];

const CONFIGURATION: &str = "PermitRootLogin no\nMaxAuthTries 20\nMaxStartups 100\nKbdInteractiveAuthentication yes";

/// Measured once for all tests, by the shadow database and by PAM.
fn measured() -> &'static [Measured; 2] {
    static MEASURED: OnceLock<[Measured; 2]> = OnceLock::new();
    MEASURED.get_or_init(|| {
        let shadow = Server::as_root(CONFIGURATION);
        shadow.account.set_password(PASSWORD);
        let (pam, _service): (Server, PamService) = with_pam("names", CONFIGURATION).expect("root and paramiko");
        [measure(&shadow), measure(&pam)]
    })
}

fn measure(server: &Server) -> Measured {
    let account = server.account.name.clone();
    let text = hostile(server, &[&["times", account.as_str(), "root", "daemon"][..], &UNKNOWN].concat());
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let microseconds = fields[2].parse().expect("a number");
        let [name, attempt, answers] = [fields[0], fields[1], fields[3]].map(str::to_owned);
        Row { name, attempt, microseconds, answers }
    };
    Measured { rows: text.lines().map(row).collect(), account }
}

impl Measured {
    fn of(&self, name: &str, attempt: &str) -> &Row {
        let row = self.rows.iter().find(|row| row.name == name && row.attempt == attempt);
        row.expect("every name was measured")
    }

    /// Refusals of this name lie where those of names lie that nobody has: every name has a delay of its own, so the
    /// range counts. A busy machine gets a quarter more and 4 ms.
    fn cannot_be_told(&self, name: &str, attempt: &str) {
        let row = self.of(name, attempt);
        let unknown: Vec<u64> = UNKNOWN.iter().map(|name| self.of(name, attempt).microseconds).collect();
        let (fastest, slowest) = (unknown.iter().min().expect("some"), unknown.iter().max().expect("some"));
        let (fastest, slowest) = (fastest.saturating_sub(fastest / 4 + 4000), slowest + slowest / 4 + 4000);
        assert!(
            (fastest..=slowest).contains(&row.microseconds),
            "{name} {attempt}: {} µs, others {unknown:?}",
            row.microseconds
        );
        assert_eq!(row.answers, self.of(UNKNOWN[0], attempt).answers, "{name} {attempt}");
    }
}

/// PAM's delay came only for users who exist.
#[test]
fn cve_2003_0190_wrong_passwords_take_as_long_for_users_that_do_not_exist() {
    if can_be_hostile("cve_2003_0190_wrong_passwords_take_as_long_for_users_that_do_not_exist") {
        for measured in measured() {
            measured.cannot_be_told(&measured.account, "password");
            measured.cannot_be_told(&measured.account, "dialogue");
        }
    }
}

/// With PermitRootLogin no, root's passwords were refused sooner.
#[test]
fn cve_2003_1562_root_who_may_not_log_in_looks_like_nobody() {
    if can_be_hostile("cve_2003_1562_root_who_may_not_log_in_looks_like_nobody") {
        for attempt in ["none", "publickey", "password", "long-password", "dialogue"] {
            measured().iter().for_each(|measured| measured.cannot_be_told("root", attempt));
        }
    }
}

/// SUSE: delays told users who exist.
#[test]
fn cve_2006_5229_no_method_is_quicker_for_anybody() {
    if can_be_hostile("cve_2006_5229_no_method_is_quicker_for_anybody") {
        for measured in measured() {
            for attempt in ["none", "publickey", "nonsense", "password", "dialogue"] {
                measured.cannot_be_told(&measured.account, attempt);
                measured.cannot_be_told("daemon", attempt);
            }
        }
    }
}

/// A long password took long to hash, but only for users with a hash.
#[test]
fn cve_2016_6210_long_passwords_take_as_long_for_users_that_do_not_exist() {
    if can_be_hostile("cve_2016_6210_long_passwords_take_as_long_for_users_that_do_not_exist") {
        for measured in measured() {
            measured.cannot_be_told(&measured.account, "long-password");
            measured.cannot_be_told("daemon", "long-password");
        }
    }
}

/// Some methods failed without the delay that all failures have.
#[test]
fn cve_2026_60001_no_failure_comes_before_its_time() {
    if can_be_hostile("cve_2026_60001_no_failure_comes_before_its_time") {
        for measured in measured() {
            assert_eq!(measured.rows.len(), 6 * (3 + UNKNOWN.len()));
            for row in &measured.rows {
                assert!(row.microseconds >= 5_000, "{} {}: {} µs", row.name, row.attempt, row.microseconds);
            }
        }
    }
}

/// A cut-off request was answered with an end for users who exist, and with a failure for others.
#[test]
fn cve_2018_15473_a_malformed_request_is_answered_alike() {
    if !can_be_hostile("cve_2018_15473_a_malformed_request_is_answered_alike") {
        return;
    }
    let server = Server::as_root("MaxStartups 100");
    let account = server.account.name.clone();
    let text = hostile(&server, &["malformed", &account, "root", "nobody-of-that-name"]);
    let answers: Vec<&str> =
        text.lines().filter_map(|line| line.split_once('\t')).map(|(_, answers)| answers).collect();
    assert_eq!(answers.len(), 3, "{text}");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{text}");
}

/// Root with the right credential was dropped, with a wrong one refused.
#[test]
fn cve_2004_2760_roots_right_key_is_answered_like_a_wrong_one() {
    if !can_be_hostile("cve_2004_2760_roots_right_key_is_answered_like_a_wrong_one") {
        return;
    }
    let server = Server::as_root("PermitRootLogin no");
    let right = server.scratch.path("login_key").display().to_string();
    let wrong = other_key(&server, "wrong", "ed25519");
    // The proof of it is refused like any other; that a key is listed is what PK_OK tells anyhow (CVE-2016-20012).
    assert_eq!(hostile(&server, &["signature", "root", &right, &right]), "refused");
    assert_eq!(hostile(&server, &["signature", "root", &wrong, &wrong]), "refused");
    server.wait_for_log("ROOT LOGIN REFUSED FROM 127.0.0.1 port ");
    assert!(is_in(&server, &[]), "the account under test may");
}
