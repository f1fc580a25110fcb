//! Names that exist and names that do not: the same answers, after the same time (CVE-2003-0190, CVE-2018-15473 and
//! their many siblings).

use std::process::Command;

use bulkhead_tests::{Server, needs_root, run, skipped};

/// Prints, for each name and each of three attempts (nothing, a wrong signature, a wrong password), what the server
/// answered and the microseconds that the refusal took at the least: what else the machine did is not in it. Several
/// connections per name, names in turns.
const PROBE: &str = r"
import sys, time, paramiko
port, rounds, names = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
key = paramiko.RSAKey.generate(2048)
attempts = {
    'nothing': lambda t, name: t.auth_none(name),
    'signature': lambda t, name: t.auth_publickey(name, key),
    'password': lambda t, name: t.auth_password(name, 'x' * 1000, fallback=False),
}
answers, times = ({(n, a): [] for n in names for a in attempts} for _ in 'at')
for _ in range(rounds):
    for name in names:
        t = paramiko.Transport(('127.0.0.1', port))
        t.start_client(timeout=30)
        for attempt, ask in attempts.items():
            before = time.perf_counter()
            try:
                ask(t, name); answer = 'in'
            except paramiko.BadAuthenticationType as e:
                answer = 'bad type ' + ','.join(e.allowed_types)
            except paramiko.AuthenticationException as e:
                answer = 'refused'
            except paramiko.SSHException as e:
                answer = str(e)
            times[name, attempt].append(time.perf_counter() - before)
            answers[name, attempt].append(answer)
        t.close()
for row in times:
    print(*row, int(min(times[row]) * 1e6), '|'.join(sorted(set(answers[row]))), sep='\t')
";

/// One name's attempt.
struct Row<'t> {
    name: &'t str,
    attempt: &'t str,
    microseconds: u64,
    answers: &'t str,
}

fn row(line: &str) -> Row<'_> {
    let fields: Vec<&str> = line.split('\t').collect();
    let microseconds = fields[2].parse().expect("microseconds");
    Row { name: fields[0], attempt: fields[1], microseconds, answers: fields[3] }
}

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
    probe.args(["-c", PROBE, &server.port.to_string(), "10"]).args(known).args(&unknown);
    let output = run(&mut probe);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");

    let rows: Vec<Row<'_>> = text.lines().map(row).collect();
    assert_eq!(rows.len(), 3 * (known.len() + unknown.len()), "{text}");
    for attempt in ["nothing", "signature", "password"] {
        let rows: Vec<&Row<'_>> = rows.iter().filter(|row| row.attempt == attempt).collect();
        assert!(rows.iter().all(|row| row.answers == rows[0].answers), "answers differ:\n{text}");
        assert!(!rows[0].answers.contains("in|") && rows[0].answers != "in", "{text}");

        // Every name has a delay of its own between 5 and 9 ms, which hides what the server did meanwhile: a name that
        // exists must lie where names that do not exist lie. A busy machine gets a quarter more and 4 ms.
        let times = |exists: bool| {
            rows.iter().filter(move |row| known.contains(&row.name) == exists).map(|row| row.microseconds)
        };
        let (fastest, slowest) = (times(false).min().unwrap(), times(false).max().unwrap());
        assert!(fastest >= 5_000, "a refusal came before its time:\n{text}");
        for time in times(true) {
            let (least, most) = (fastest.saturating_sub(fastest / 4 + 4_000), slowest + slowest / 4 + 4_000);
            assert!((least..=most).contains(&time), "a known name stands out:\n{text}");
        }
    }
}
