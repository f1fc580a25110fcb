//! How long a refusal takes tells nothing about whether the account exists (CVE-2003-0190, CVE-2006-5229,
//! CVE-2016-6210, CVE-2018-15473, CVE-2026-60001): for each method, the times of a name that exists and of the same name
//! when nobody has it are one distribution.
//!
//! The account is renamed back and forth between blocks of attempts, so the name's own delay is the same and the
//! machine's moods hit both states. Each round takes [`SAMPLES`] times of each state and compares them by the probability
//! that a time of the one is longer than a time of the other (0.5 for one distribution, 0 or 1 for two that are
//! apart). Chance alone keeps it within 0.5 ± 0.25 (3.4 standard deviations of the rank statistic); a machine under load
//! may not, so a method is only called separable when [`ROUNDS`] rounds say so, in the same direction.

use std::path::Path;
use std::process::Command;

use bulkhead_tests::{PamService, Scratch, Server, has_python_module, needs_program, needs_root, run};

/// Times of each state in a round: [`BLOCKS`] blocks of [`IN_A_BLOCK`].
const SAMPLES: usize = BLOCKS * IN_A_BLOCK;
const BLOCKS: usize = 4;
const IN_A_BLOCK: usize = 8;
/// How far from 0.5 chance may lead.
const TOLERANCE: f64 = 0.25;
/// How many rounds must agree.
const ROUNDS: usize = 3;

/// Prints the microseconds of each attempt: the method, then the times of all connections.
const PROBE: &str = r"
import sys, time, paramiko
port, name, times, methods = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:]
key = paramiko.ECDSAKey.generate()
attempts = {
    'none': lambda t: t.auth_none(name),
    'publickey': lambda t: t.auth_publickey(name, key),
    'password': lambda t: t.auth_password(name, 'x' * 200, fallback=False),
    'keyboard-interactive': lambda t: t.auth_interactive(name, lambda title, text, prompts: ['x' * 200 for _ in prompts]),
}
took = {method: [] for method in methods}
for _ in range(times):
    t = paramiko.Transport(('127.0.0.1', port))
    t.start_client(timeout=30)
    for method in methods:
        before = time.perf_counter()
        try:
            attempts[method](t)
            raise SystemExit('somebody is in by ' + method)
        except paramiko.AuthenticationException:
            took[method].append(int((time.perf_counter() - before) * 1e6))
    t.close()
for method in methods:
    print(method, *took[method])
";

type Times = Vec<u64>;

/// One block: for each method, how long its refusals took.
fn refusals(port: u16, name: &str, methods: &[&str]) -> Vec<Times> {
    let mut probe = Command::new("/usr/bin/python3");
    let output = run(probe.args(["-c", PROBE, &port.to_string(), name, &IN_A_BLOCK.to_string()]).args(methods));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    let times = |line: &str| line.split(' ').skip(1).map(|time| time.parse().expect("microseconds")).collect();
    text.lines().map(times).collect()
}

/// The probability that a time of `ones` is longer than one of `others`; equal times are half of both.
fn longer(ones: &[u64], others: &[u64]) -> f64 {
    let pairs = ones.iter().flat_map(|one| others.iter().map(move |other| (one, other)));
    let wins: f64 = pairs
        .map(|(one, other)| {
            if one > other {
                1.0
            } else if one == other {
                0.5
            } else {
                0.0
            }
        })
        .sum();
    wins / (ones.len() * others.len()) as f64
}

/// For each method, how the times of the name with and without an account compare.
fn round(server: &mut Server, methods: &[&str]) -> Vec<f64> {
    let name = server.account.name.clone();
    let away = format!("{name}y");
    let mut exists = vec![Times::new(); methods.len()];
    let mut absent = exists.clone();
    for block in 0..BLOCKS * 2 {
        let times = if block % 2 == 0 { &mut exists } else { &mut absent };
        server.account.rename(if block % 2 == 0 { &name } else { &away });
        for (all, more) in times.iter_mut().zip(refusals(server.port, &name, methods)) {
            all.extend(more);
        }
    }
    server.account.rename(&name);
    let compared = exists.iter().zip(&absent).map(|(exists, absent)| {
        assert_eq!((exists.len(), absent.len()), (SAMPLES, SAMPLES));
        longer(exists, absent)
    });
    compared.collect()
}

/// Fails for methods whose times stand apart in every round.
fn are_not_separable(server: &mut Server, methods: &[&str]) {
    let mut rounds: Vec<Vec<f64>> = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(round(server, methods));
        let stands_apart = |method: usize| {
            let values: Vec<f64> = rounds.iter().map(|round| round[method] - 0.5).collect();
            values.iter().all(|value| *value > TOLERANCE) || values.iter().all(|value| *value < -TOLERANCE)
        };
        if !(0..methods.len()).any(stands_apart) {
            return;
        }
    }
    panic!("times tell names that exist from others: {methods:?} {rounds:.2?}");
}

#[test]
fn times_of_methods_without_pam() {
    let test = "times_of_methods_without_pam";
    if !needs_root(test) || !has_python_module(test, "paramiko") {
        return;
    }
    let mut server = Server::as_root("PermitRootLogin no\nMaxStartups 100\nPerSourcePenalties no\nLogLevel INFO");
    server.account.set_password("correct horse battery");
    are_not_separable(&mut server, &["none", "publickey", "password"]);
}

/// What the modules do with names that they do not know is theirs; what is around them is ours.
#[test]
fn times_of_methods_with_pam() {
    let test = "times_of_methods_with_pam";
    if !needs_root(test) || !has_python_module(test, "paramiko") || !needs_program(test, "cc") {
        return;
    }
    let scratch = Scratch::new();
    let module = bulkhead_tests::pam_module(&scratch);
    let service = PamService::new(&stack(&module));
    let configuration =
        format!("UsePAM yes\nPAMServiceName {}\nMaxStartups 100\nPerSourcePenalties no\nLogLevel INFO", service.name);
    let mut server = Server::as_root(&configuration);
    are_not_separable(&mut server, &["none", "password", "keyboard-interactive"]);
}

fn stack(module: &Path) -> String {
    format!("auth required {} again=1\nauth required pam_deny.so\naccount required pam_permit.so\n", module.display())
}

#[test]
fn two_distributions_would_be_told_apart() {
    let spread = |from: u64| (from..from + 1000).step_by(1000 / SAMPLES).take(SAMPLES).collect::<Vec<_>>();
    assert!((longer(&spread(5000), &spread(5000)) - 0.5).abs() < 0.01);
    assert!(longer(&spread(6000), &spread(5000)) - 0.5 > TOLERANCE);
    assert!(longer(&spread(5000), &spread(5700)) - 0.5 < -TOLERANCE);
}
