//! Reading the configuration that the command line names, and telling what is wrong with it.

use config::{LoadFailure, Loaded, Message, Reading, Severity};
use settings::keywords::Keyword;

use crate::command_line::{CommandLine, Mode};

/// Reads the configuration. Messages go to standard error (with `-E`, to that file) unless `-q` says otherwise.
///
/// # Errors
/// The exit status; everything is said already.
pub fn load_and_report(command_line: &CommandLine) -> Result<Loaded, u8> {
    match load(command_line) {
        Ok(loaded) => {
            report(command_line, &loaded.messages, false);
            after_loading(command_line)?;
            Ok(loaded)
        }
        Err(failure) => {
            // Even -q does not silence mistakes of the command line, and a file that is not there.
            report(command_line, &failure.messages, failure.status == 1);
            Err(failure.status)
        }
    }
}

/// Reads the configuration again, without a word (for a reload, which logs what is wrong).
///
/// # Errors
/// What is wrong with it.
pub fn load(command_line: &CommandLine) -> Result<Loaded, LoadFailure> {
    let request = command_line.load_request();
    let loaded = config::load(&request)?;
    let escapable =
        if request.reading == Reading::Strict { crate::jails::not_forced(&loaded.settings) } else { Vec::new() };
    if escapable.is_empty() {
        return Ok(loaded);
    }
    let errors = escapable.into_iter().map(|text| Message { severity: Severity::Error, text });
    Err(LoadFailure { messages: loaded.messages.into_iter().chain(errors).collect(), status: 255 })
}

/// What was read, a line each, for `-ddd`: where which keyword is set to what.
pub fn in_words(loaded: &Loaded) -> impl Iterator<Item = String> {
    let lines = loaded.settings.said.iter().zip(&loaded.typed);
    lines.filter(|(said, _)| said.place.line > 0).map(|(said, typed)| {
        let keyword = Keyword::of(said.setting.id()).name;
        format!("{} setting {keyword} {}", loaded.settings.name_of(said.place), typed.value)
    })
}

fn report(command_line: &CommandLine, messages: &[Message], even_if_quiet: bool) {
    if !command_line.quiet || even_if_quiet {
        for message in messages {
            command_line.say(&message.escaped());
        }
    }
}

fn after_loading(command_line: &CommandLine) -> Result<(), u8> {
    match command_line.left_over.first() {
        Some(word) if !command_line.why || command_line.mode == Mode::Serve => {
            command_line.say(&format!("Extra argument {word}."));
            Err(1)
        }
        _ => Ok(()),
    }
}
