//! `make bench`: what a login, a gibibyte, a thousand files and an idle session cost the server, against the system's
//! OpenSSH: the same client, the same keys, the same configuration, the same run, interleaved. Cost is CPU time of the
//! server's whole process tree, the user's commands included. Absolute figures belong to this machine; the ratios are
//! what counts.
//!
//! `bench [login] [cat] [sftp] [memory] [rounds=N] [logins=N] [mebibytes=N]`
#![forbid(unsafe_code)]

mod memory;
mod place;
mod server;
mod sftp;
mod transfers;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use nix::unistd::Uid;

use crate::place::Place;
use crate::server::{Cost, Server};
use crate::sftp::Files;

const CIPHERS: [&str; 3] = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "supervise") {
        return server::supervise(&arguments[1..]);
    }
    if !Path::new(server::THEIRS).exists() {
        eprintln!("{} is not installed: there is nothing to compare with", server::THEIRS);
        return ExitCode::FAILURE;
    }
    let plan = Plan::from(&arguments);
    let place = Place::new();
    println!("{:<40} {:>12} {:>12} {:>7}", "", "Bulkhead", "OpenSSH", "ratio");
    if plan.login {
        compare("CPU per login, ms", plan.rounds, |server| place.logins(server, plan.logins));
    }
    if plan.cat {
        for cipher in CIPHERS {
            let short = short_name(cipher);
            let row = format!("CPU s/GiB to client, {short}");
            compare(&row, plan.rounds, |server| place.cat_from(server, cipher, plan.mebibytes));
            let row = format!("CPU s/GiB to server, {short}");
            compare(&row, plan.rounds, |server| place.cat_to(server, cipher, plan.mebibytes));
        }
    }
    if plan.sftp {
        compare_sftp(&place, &plan);
    }
    if plan.memory && !Uid::effective().is_root() {
        eprintln!("memory: needs root, because the processes hide theirs from everybody else");
    } else if plan.memory {
        compare("private kB of an idle session", 1, |server| place.idle_command(server));
        compare("private kB of an idle SFTP session", 1, |server| place.idle_sftp(server));
    }
    ExitCode::SUCCESS
}

fn compare_sftp(place: &Place, plan: &Plan) {
    let files = Files::new(place);
    for cipher in [CIPHERS[0], CIPHERS[2]] {
        let short = short_name(cipher);
        let (cpu, time) = (format!("CPU s/GiB sftp get, {short}"), "           seconds until it is there".to_owned());
        compare_both([&cpu, &time], plan.rounds, |server| files.fetch_one(server, cipher, plan.mebibytes));
        let cpu = format!("CPU s/GiB sftp put, {short}");
        compare_both([&cpu, &time], plan.rounds, |server| files.store_one(server, cipher, plan.mebibytes));
    }
    compare("CPU ms get -r of 1,000 files", plan.rounds, |server| files.fetch_many(server));
    compare("CPU ms put -r of 1,000 files", plan.rounds, |server| files.store_many(server));
    compare("CPU ms ls -l of 5,000 entries", plan.rounds, |server| files.list(server));
}

struct Plan {
    login: bool,
    cat: bool,
    sftp: bool,
    memory: bool,
    rounds: usize,
    logins: usize,
    mebibytes: usize,
}

impl Plan {
    fn from(arguments: &[String]) -> Self {
        let said = |name: &str| arguments.iter().any(|argument| argument == name);
        let number = |name: &str, default: usize| {
            let found = arguments.iter().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='));
            found.and_then(|text| text.parse().ok()).unwrap_or(default)
        };
        let all = !["login", "cat", "sftp", "memory"].iter().any(|name| said(name));
        Self {
            login: all || said("login"),
            cat: all || said("cat"),
            sftp: all || said("sftp"),
            memory: all || said("memory"),
            rounds: number("rounds", 3),
            logins: number("logins", 40),
            mebibytes: number("mebibytes", 1024),
        }
    }
}

fn short_name(cipher: &str) -> &str {
    cipher.split('@').next().unwrap_or(cipher)
}

/// Runs one measurement `rounds` times for both, in turns, and prints the best of each and their ratio.
fn compare(what: &str, rounds: usize, measure: impl Fn(Server) -> f64) {
    print_best([what], &in_turns(rounds, |server| [measure(server)]));
}

/// The same for CPU time and duration at once.
fn compare_both(rows: [&str; 2], rounds: usize, measure: impl Fn(Server) -> Cost) {
    let measured = in_turns(rounds, |server| {
        let cost = measure(server);
        [cost.cpu_seconds, cost.seconds]
    });
    print_best(rows, &measured);
}

/// The smallest numbers that `measure` gave for either server, ours first.
fn in_turns<const N: usize>(rounds: usize, measure: impl Fn(Server) -> [f64; N]) -> [[f64; N]; 2] {
    let mut best = [[f64::INFINITY; N]; 2];
    for _ in 0..rounds {
        for (place, server) in [(0, Server::Ours), (1, Server::Theirs)] {
            for (best, measured) in best[place].iter_mut().zip(measure(server)) {
                *best = best.min(measured);
            }
        }
    }
    best
}

fn print_best<const N: usize>(rows: [&str; N], [ours, theirs]: &[[f64; N]; 2]) {
    for (what, (ours, theirs)) in rows.iter().zip(ours.iter().zip(theirs)) {
        println!("{what:<40} {ours:>12.3} {theirs:>12.3} {:>7.2}", ours / theirs);
    }
}
