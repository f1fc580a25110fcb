//! `-t`, `-T`, `-G`: is the configuration good, and what does it come to?

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use config::{ConnectionTest, Loaded, Spelling};
use events::{ConnectionFacts, Level, Loggable as _};
use settings::keywords::{Id, ItsFile, Meaning, meaning};

use crate::command_line::{CommandLine, Mode};
use crate::libraries;
use crate::lint;
use crate::listen::host_keys::{self, HostKeys};
use crate::listen::privilege_separation;
use crate::load::{in_words, load_and_report};

/// More bytes than this in all files, and `-t` refuses, as theirs (whose session processes could not be told).
const MOST_BYTES: usize = 4_128_768;

/// Runs a test mode.
pub fn run(command_line: &CommandLine) -> ExitCode {
    match tested(command_line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(status) => ExitCode::from(status),
    }
}

fn tested(command_line: &CommandLine) -> Result<(), u8> {
    if command_line.connection.is_some() && !command_line.extended_test {
        command_line.say("Config test connection parameter (-C) provided without test mode (-T)");
        return Err(255);
    }
    say_details(command_line);
    if command_line.as_openssh {
        return as_openssh(command_line);
    }
    let loaded = load_and_report(command_line)?;
    if command_line.debug > 2 {
        in_words(&loaded).for_each(|line| command_line.say(&format!("debug3: {line}")));
    }
    if command_line.mode == Mode::Dump {
        return print(command_line, &loaded);
    }
    let host_keys = check_keys(command_line, &loaded)?;
    libraries::check(&loaded.settings.global()).map_err(|missing| {
        command_line.say(&missing);
        255
    })?;
    privilege_separation::check().map_err(|error| {
        command_line.say(&error.to_string());
        255
    })?;
    if command_line.mode == Mode::ExtendedTest {
        print(command_line, &loaded)?;
    } else if loaded.bytes > MOST_BYTES {
        command_line.say(&format!("the configuration has {} bytes; at most {MOST_BYTES} are possible", loaded.bytes));
        return Err(255);
    } else {
        lint(command_line, &loaded, &host_keys)?;
    }
    Ok(())
}

/// Lines that audit tools look for under `-d` and `-dd`: the version, and which file is read.
fn say_details(command_line: &CommandLine) {
    if command_line.debug > 0 {
        command_line.say(&format!("debug1: sshd version {}", crate::command_line::version()));
    }
    if let (2.., Some(file)) = (command_line.debug, command_line.configuration_file()) {
        command_line.say(&format!("debug2: load_server_config: filename {}", file.display()));
    }
}

/// Would OpenSSH's sshd read this file? Keys and accounts are not looked at.
fn as_openssh(command_line: &CommandLine) -> Result<(), u8> {
    let loaded = load_and_report(command_line);
    let verdict = match &loaded {
        Ok(loaded) if loaded.bytes <= MOST_BYTES => "is accepted",
        _ => "is not accepted",
    };
    let file = command_line.configuration_file().unwrap_or_default();
    println!("{} {verdict} by {}", file.display(), settings::paths::RELEASE);
    match loaded {
        Ok(loaded) if loaded.bytes > MOST_BYTES => Err(255),
        loaded => loaded.map(drop),
    }
}

/// Warnings go to standard error; remarks only where a person reads it, or asks for them with `--strict`: tools take any
/// word on files that theirs passes in silence for trouble.
fn lint(command_line: &CommandLine, loaded: &Loaded, host_keys: &HostKeys) -> Result<(), u8> {
    if command_line.quiet && !command_line.strict {
        return Ok(());
    }
    let with_remarks = command_line.strict || std::io::stderr().is_terminal();
    let warnings = lint::warnings(loaded, host_keys, with_remarks);
    if !command_line.quiet {
        warnings.iter().for_each(|warning| command_line.say(warning));
    }
    if command_line.strict && !warnings.is_empty() { Err(1) } else { Ok(()) }
}

/// Bad keys are told and skipped; one good key is enough.
fn check_keys(command_line: &CommandLine, loaded: &Loaded) -> Result<HostKeys, u8> {
    let global = loaded.settings.global();
    let keys = host_keys::load(&global);
    if !command_line.quiet {
        let nobody = ConnectionFacts::none();
        let problems = keys.said.iter().filter(|event| event.level() <= Level::Info).map(|event| event.text(&nobody));
        problems.for_each(|problem| command_line.say(&problem));
    }
    // A key that theirs can use passes the test as theirs; the warnings say that it is not used yet.
    if keys.usable.is_empty() && keys.not_supported.is_empty() {
        command_line.say("sshd: no hostkeys available -- exiting.");
        return Err(1);
    }
    Ok(keys)
}

fn print(command_line: &CommandLine, loaded: &Loaded) -> Result<(), u8> {
    let connection = command_line.connection.clone().unwrap_or_default();
    if connection.lacks_local_port(&loaded.settings) {
        command_line.say("Match LocalPort cannot be decided: give lport= with -C");
        return Err(255);
    }
    let output = output(command_line, loaded, &connection)?;
    // Whoever reads may have seen enough; that is no failure of the test.
    let _ = std::io::stdout().lock().write_all(&output);
    Ok(())
}

fn output(command_line: &CommandLine, loaded: &Loaded, connection: &ConnectionTest) -> Result<Vec<u8>, u8> {
    let facts = connection.facts();
    if command_line.why {
        let keywords = command_line.left_over.iter().map(|word| keyword(command_line, word));
        return Ok(config::why(&loaded.settings, &facts, &keywords.collect::<Result<Vec<_>, _>>()?));
    }
    if command_line.json {
        return Ok(config::dump_json(&loaded.settings, &facts).into_bytes());
    }
    let spelling = if command_line.lowercase { Spelling::Lower } else { Spelling::Mixed };
    Ok(config::dump(&loaded.settings, &facts, spelling))
}

fn keyword(command_line: &CommandLine, word: &str) -> Result<Id, u8> {
    let mut meanings = [ItsFile::SshdConfig, ItsFile::Companion].into_iter().filter_map(|file| meaning(word, file));
    let keyword = meanings.find_map(|meaning| match meaning {
        Meaning::Keyword(keyword, _) => Some(keyword.id),
        _ => None,
    });
    keyword.ok_or_else(|| {
        command_line.say(&format!("--why: no keyword \"{word}\""));
        1
    })
}
