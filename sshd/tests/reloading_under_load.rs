//! Logins while the configuration changes under them: none is refused, none sees half of a configuration.

mod common;

use std::fs;
use std::thread;

use bulkhead_tests::Server;
use nix::sys::signal::Signal;

/// Reloads in all; every other one with a file that cannot be used.
const RELOADS: usize = 50;
/// Threads of clients, and logins of each.
const CLIENTS: usize = 4;
const LOGINS: usize = 50;

#[test]
fn two_hundred_logins_during_fifty_reloads() {
    let server = Server::any("MaxStartups 1000");
    let path = server.scratch.path("sshd_config");
    let common = fs::read_to_string(&path).unwrap();
    let follow = |first_lines: &str| {
        let written = server.scratch.file("sshd_config.new", format!("{first_lines}\n{common}"));
        fs::rename(written, &path).unwrap();
        server.signal(Signal::SIGHUP);
    };
    let generation = |number: usize| format!("SetEnv FIRST={number} SECOND={number}");
    follow(&generation(0));
    server.wait_for_log("Received SIGHUP; restarting.");

    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| scope.spawn(|| (0..LOGINS).map(|_| server.ssh_ok(&[], "echo $FIRST $SECOND")).collect::<Vec<_>>()))
            .collect();
        let administrator = scope.spawn(|| {
            for round in 0..RELOADS {
                let bad = format!("{}\nMaxStartups many", "SetEnv FIRST=bad SECOND=file");
                follow(&if round % 2 == 1 { bad } else { generation(round) });
                let replies = server.ssh_ok(&[], "echo $FIRST $SECOND");
                assert!(is_of_one_generation(&replies), "{replies}");
            }
        });
        for client in clients {
            for answer in client.join().unwrap() {
                assert!(is_of_one_generation(&answer), "{answer}");
            }
        }
        administrator.join().unwrap();
    });
    assert_eq!(server.log().matches("The configuration stays as it was").count(), RELOADS / 2);
}

/// Both values from the same file, and from a good one.
fn is_of_one_generation(answer: &str) -> bool {
    let values: Vec<&str> = answer.split_whitespace().collect();
    matches!(values[..], [first, second] if first == second && first.parse::<usize>().is_ok())
}
