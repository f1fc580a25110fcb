//! Private kilobytes of the processes of one idle session, from five at once: what sessions share is not counted.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::time::Duration;

use bulkhead_tests::{descendants_of, wait_until};

use crate::place::Place;
use crate::server::{Running, Server};

const SESSIONS: usize = 5;

/// Longer than what a server waits for before it gives memory back.
const UNTIL_IDLE: Duration = Duration::from_secs(2);

impl Place {
    /// A session with a command.
    pub(crate) fn idle_command(&self, server: Server) -> f64 {
        let running = self.start(server);
        let clients = (0..SESSIONS).map(|_| {
            let mut command = self.command(&running, "ssh", &[]);
            // It ends with its input, and so with the client.
            command.arg(self.target()).arg("exec cat").stdin(Stdio::piped()).stdout(Stdio::null());
            command.spawn().expect("ssh")
        });
        let clients = clients.collect();
        let listener = running.server();
        let commands = || descendants_of(listener).into_iter().filter(|pid| name_of(*pid) == "cat").count();
        wait_until("all sessions have their command", || commands() == SESSIONS);
        measured(running, clients)
    }

    /// A session with `internal-sftp` that has listed a folder.
    pub(crate) fn idle_sftp(&self, server: Server) -> f64 {
        let running = self.start(server);
        let clients = (0..SESSIONS).map(|_| {
            let mut command = self.command(&running, "sftp", &["-q", "-b", "-"]);
            command.arg(self.target()).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut client = command.spawn().expect("sftp");
            let input = client.stdin.as_mut().expect("a pipe");
            input.write_all(b"ls -l /etc\npwd\n").expect("sftp reads");
            let output = BufReader::new(client.stdout.as_mut().expect("a pipe"));
            let mut lines = output.lines().map(|line| line.expect("sftp writes"));
            assert!(lines.any(|line| line.starts_with("Remote working directory")), "sftp has ended");
            client
        });
        let clients = clients.collect();
        measured(running, clients)
    }
}

fn measured(running: Running, clients: Vec<Child>) -> f64 {
    // Only what is left when the login's own work is over.
    std::thread::sleep(UNTIL_IDLE);
    let family = descendants_of(running.server());
    let private: u64 = family.into_iter().filter(|pid| name_of(*pid) != "cat").map(private_kilobytes).sum();
    for mut client in clients {
        let _ = client.kill();
        let _ = client.wait();
    }
    running.stop();
    private as f64 / SESSIONS as f64
}

fn name_of(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

fn private_kilobytes(pid: i32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let private = rollup.lines().filter(|line| line.starts_with("Private_"));
    private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
}
