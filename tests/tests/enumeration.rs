//! Names that exist and names that do not: the same answers, after the same time (CVE-2003-0190, CVE-2018-15473 and
//! their many siblings).

use std::process::Command;

use bulkhead_tests::{Server, needs_root, run, skipped};

/// Prints, for each name, what the server answered to a query, a wrong signature and an unknown method, and the
/// median microseconds that refusals took. Several connections per name, names in turns.
const PROBE: &str = r"
import sys, time, statistics, paramiko
port, rounds, names = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
key = paramiko.RSAKey.generate(2048)
answers, times = {n: [] for n in names}, {n: [] for n in names}
for _ in range(rounds):
    for name in names:
        t = paramiko.Transport(('127.0.0.1', port))
        t.start_client(timeout=30)
        for attempt in (lambda: t.auth_none(name), lambda: t.auth_publickey(name, key), lambda: t.auth_password(name, 'x' * 1000, fallback=False)):
            before = time.perf_counter()
            try:
                attempt(); answers[name].append('in')
            except paramiko.BadAuthenticationType as e:
                answers[name].append('bad type ' + ','.join(e.allowed_types))
            except paramiko.AuthenticationException as e:
                answers[name].append('refused')
            except paramiko.SSHException as e:
                answers[name].append(str(e))
            times[name].append(time.perf_counter() - before)
        t.close()
for name in names:
    print(name, int(statistics.median(times[name]) * 1e6), '|'.join(sorted(set(answers[name]))), sep='\t')
";

#[test]
fn unknown_names_cannot_be_told_from_known_ones() {
    let test = "unknown_names_cannot_be_told_from_known_ones";
    if !needs_root(test) {
        return;
    }
    if !run(Command::new("/usr/bin/python3").args(["-c", "import paramiko"])).status.success() {
        return skipped(test, "Python has no paramiko");
    }
    // Nobody may log in as daemon (no shell) or root; the account under test may.
    let server = Server::as_root("PermitRootLogin no\nMaxStartups 100\nMaxAuthTries 6");
    let known = [server.account.name.as_str(), "root", "daemon"];
    let unknown: Vec<String> = (0..9).map(|number| format!("nobody-{number}")).collect();
    let mut probe = Command::new("/usr/bin/python3");
    probe.args(["-c", PROBE, &server.port.to_string(), "5"]).args(known).args(&unknown);
    let output = run(&mut probe);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");

    let rows: Vec<(&str, u64, &str)> = text
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            (fields[0], fields[1].parse().expect("microseconds"), fields[2])
        })
        .collect();
    assert_eq!(rows.len(), known.len() + unknown.len(), "{text}");
    assert!(rows.iter().all(|row| row.2 == rows[0].2), "answers differ:\n{text}");
    assert!(!rows[0].2.contains("in|") && rows[0].2 != "in", "{text}");

    // Every name has a delay of its own between 5 and 9 ms, which hides what the server did meanwhile: a name that
    // exists must lie where names that do not exist lie. A tolerance of 3 ms covers a busy machine.
    let times = |exists: bool| rows.iter().filter(move |row| known.contains(&row.0) == exists).map(|row| row.1);
    let (fastest, slowest) = (times(false).min().unwrap(), times(false).max().unwrap());
    assert!(fastest >= 5_000, "a refusal came before its time:\n{text}");
    for time in times(true) {
        assert!(time + 3_000 >= fastest && time <= slowest + 3_000, "a known name stands out:\n{text}");
    }
}
