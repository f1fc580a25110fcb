//! Identification: what clients do by the name that they see.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use bulkhead_tests::{Server, binaries, needs_program, run, wait_until};
use nix::sys::signal::Signal;

fn greeting(server: &Server) -> String {
    let mut line = String::new();
    BufReader::new(server.connect()).read_line(&mut line).unwrap();
    line
}

/// A server that calls itself as the companion file says.
fn server_called(version: &str) -> Server {
    let server = Server::any("VersionAddendum over there\n");
    assert_eq!(greeting(&server), "SSH-2.0-Bulkhead_0.1 like OpenSSH_10.5 over there\r\n");
    server.scratch.file("bulkhead_config", format!("Identification {version}\n"));
    server.signal(Signal::SIGHUP);
    wait_until("the new name is seen", || greeting(&server) == format!("SSH-2.0-{version} over there\r\n"));
    server
}

#[test]
fn a_command_ends_when_nobody_reads_what_it_prints() {
    if !needs_program("a_command_ends_when_nobody_reads_what_it_prints", "ssh") {
        return;
    }
    // OpenSSH's client tells only servers of this name that its standard output was closed.
    let server = server_called("OpenSSH_10.5");
    let mut client = server.client("ssh").arg(server.login()).arg("yes").stdout(Stdio::piped()).spawn().unwrap();
    let mut printed = client.stdout.take().unwrap();
    let mut first = [0; 2];
    printed.read_exact(&mut first).unwrap();
    drop(printed);
    assert_eq!(&first, b"y\n");
    wait_until("the client has ended", || client.try_wait().unwrap().is_some());
    server.wait_until_idle();
}

#[test]
fn a_version_that_would_break_the_greeting_is_refused_with_its_line() {
    let server = Server::any("");
    let (minus, long) = ("Open-SSH".to_owned(), "v".repeat(201));
    for version in [&minus, &long] {
        server.scratch.file("bulkhead_config", format!("\nIdentification {version}\n"));
        let sshd = binaries().join("sshd");
        let output = run(std::process::Command::new(sshd).arg("-t").arg("-f").arg(server.scratch.path("sshd_config")));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(255), "{said}");
        assert!(said.contains("bulkhead_config line 2: Identification: "), "{said}");
    }
}
