//! Lines that do nothing: somebody said it first, the function is not there, nothing is included.

use std::collections::HashSet;
use std::path::Path;

use config::{Outcome, origins};
use settings::MatchFacts;
use settings::keywords::{Keyword, Status};

use super::Lint;

pub(super) fn look(lint: &mut Lint<'_>) {
    lost_to_an_earlier_line(lint);
    not_built(lint);
    unmatched_includes(lint);
}

/// The trap of drop-in files: they are read first, so what the main file says behind them does nothing. The same within
/// one file, where people expect the last line to count.
fn lost_to_an_earlier_line(lint: &mut Lint<'_>) {
    let settings = &lint.loaded.settings;
    let value_at = |place| settings.said.iter().find(|said| said.place == place).map(|said| &said.setting);
    for (origin, said) in origins(settings, &MatchFacts::default()).iter().zip(&settings.said) {
        let Outcome::Lost(winner) = origin.outcome else { continue };
        // What the command line says is meant to win.
        if winner.file != 0 && origin.block.is_none() && value_at(winner) != Some(&said.setting) {
            let (keyword, winner) = (Keyword::of(origin.keyword).name, lint.name(winner));
            lint.warn(origin.place, format!("no effect: {keyword} is already set by {winner}; change it there"));
        }
    }
}

fn not_built(lint: &mut Lint<'_>) {
    let mut told = HashSet::new();
    for said in &lint.loaded.settings.said {
        let keyword = Keyword::of(said.setting.id());
        let text = match keyword.status {
            Status::Works => continue,
            Status::Partly(instead) => format!("{} has no effect yet: {instead}", keyword.name),
            Status::Later => format!("{} has no effect yet", keyword.name),
            Status::Never(why) => format!("{} has no effect: {why}", keyword.name),
        };
        if told.insert(keyword.id) {
            lint.warn(said.place, text);
        }
    }
}

fn unmatched_includes(lint: &mut Lint<'_>) {
    for (place, pattern) in &lint.loaded.unmatched_includes {
        if pattern.starts_with('~') {
            lint.warn(*place, format!("\"~\" is not expanded in Include, so nothing is read from {pattern}"));
        } else if !may_be_empty(pattern) {
            lint.warn(*place, format!("no file matches {pattern}, so nothing is read"));
        }
    }
}

/// A folder for drop-in files may be empty; but not one that holds files which all have other names.
fn may_be_empty(pattern: &str) -> bool {
    if !pattern.contains(['*', '?', '[']) {
        return false;
    }
    let pattern = settings::text::to_path(pattern);
    let pattern = Path::new(settings::paths::SYSCONFDIR).join(pattern);
    let visible = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
    };
    match pattern.parent().map(std::fs::read_dir) {
        Some(Ok(mut entries)) => !entries.any(visible),
        // The customary folder need not be there.
        _ => pattern.ends_with("sshd_config.d/*.conf"),
    }
}
