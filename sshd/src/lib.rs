//! The listener: command line, test modes, and the life of the server. It never reads a byte that a peer sent.
#![forbid(unsafe_code)]

pub mod command_line;
pub mod explain;
mod jails;
mod libraries;
pub mod lint;
pub mod listen;
pub mod load;
pub mod reload;
mod running;
pub mod test_modes;

use std::process::ExitCode;

use command_line::{CommandLine, Mode};

/// Everything `sshd` does: a test mode, or serving.
pub fn run() -> ExitCode {
    let command_line = match command_line::parse(std::env::args_os()) {
        Ok(command_line) => command_line,
        Err(error) => {
            eprintln!("{error}\n{}", command_line::USAGE);
            return ExitCode::from(1);
        }
    };
    match command_line.mode {
        Mode::Version => {
            eprintln!("{}", command_line::version());
            ExitCode::SUCCESS
        }
        Mode::Test | Mode::ExtendedTest | Mode::Dump => test_modes::run(&command_line),
        Mode::Serve if command_line.explain.is_some() => explain::run(&command_line),
        Mode::Serve if command_line.reload => reload::run(&command_line),
        Mode::Serve => serve(&command_line),
    }
}

fn serve(command_line: &CommandLine) -> ExitCode {
    match load::load_and_report(command_line) {
        Ok(loaded) => listen::run(command_line, loaded),
        Err(status) => ExitCode::from(status),
    }
}
