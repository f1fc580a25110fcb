//! Lines that ask for something that is not there yet: `sshd -t` warns of them, the listener logs them.
//!
//! A line that says the default asks for nothing. Nor does one that keeps away what never comes: no agent is
//! forwarded, so `AllowAgentForwarding no` is obeyed to the letter.

use std::collections::HashSet;

use events::Level;
use events::listener::Event;
use settings::keywords::{Keyword, Status};
use settings::{Effective, Said, Setting, Settings};

/// A line without effect.
pub(crate) struct WithoutEffect<'a> {
    pub(crate) said: &'a Said,
    pub(crate) keyword: &'static Keyword,
}

/// All of them, in reading order. Lines that a later version will not need either are not among them.
pub(crate) fn lines(settings: &Settings) -> impl Iterator<Item = WithoutEffect<'_>> {
    settings.said.iter().filter_map(|said| {
        let keyword = Keyword::of(said.setting.id());
        let not_there = matches!(keyword.status, Status::Later | Status::Partly(_));
        (not_there && asks_for_something(keyword, &said.setting)).then_some(WithoutEffect { said, keyword })
    })
}

/// For the log: the first line of each keyword. What should have kept somebody out, or keeps everybody out, is an error.
pub(crate) fn events(settings: &Settings) -> Vec<Event> {
    let mut told = HashSet::new();
    lines(settings)
        .filter(|line| told.insert(line.keyword.id))
        .map(|line| {
            let level = if restricts(&line.said.setting) { Level::Error } else { Level::Info };
            Event::Said { level, text: format!("{}: {}", settings.name_of(line.said.place), line.text()) }
        })
        .collect()
}

/// Whether some cipher authenticates by itself: then the MACs are of no interest.
pub(crate) fn needs_no_mac(global: &Effective) -> bool {
    global.ciphers.iter().any(|cipher| cipher.contains("gcm@") || cipher.starts_with("chacha20"))
}

impl WithoutEffect<'_> {
    /// `KEYWORD has no effect yet`, or what happens instead.
    pub(crate) fn text(&self) -> String {
        match self.keyword.status {
            Status::Partly(instead) => format!("{} has not its full effect yet: {instead}", self.keyword.name),
            _ => format!("{} has no effect yet", self.keyword.name),
        }
    }
}

fn asks_for_something(keyword: &Keyword, setting: &Setting) -> bool {
    let is_default = || (keyword.default)().iter().any(|line| Setting::parse_default(keyword.id, line) == *setting);
    !keeps_away_what_never_comes(setting) && !is_default()
}

fn keeps_away_what_never_comes(setting: &Setting) -> bool {
    match setting {
        Setting::AllowAgentForwarding(on) => !on,
        Setting::XAuthLocation(None) => true,
        Setting::RevokedKeys(files) => files.is_empty(),
        _ => false,
    }
}

/// Whether the line should have kept somebody out.
fn restricts(setting: &Setting) -> bool {
    matches!(setting, Setting::RevokedKeys(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<(bool, String)> {
        let file = std::env::temp_dir().join(format!("bulkhead-without-effect-{:?}", std::thread::current().id()));
        std::fs::write(&file, text).unwrap();
        let loaded = config::load(&config::LoadRequest { file: Some(file.clone()), ..Default::default() }).unwrap();
        std::fs::remove_file(&file).unwrap();
        let place = format!("{} ", file.display());
        let shown = |event| match event {
            Event::Said { level, text } => (level == Level::Error, text.replace(&place, "")),
            _ => unreachable!(),
        };
        events(&loaded.settings).into_iter().map(shown).collect()
    }

    #[test]
    fn what_is_not_there_is_said_once_for_each_keyword() {
        assert_eq!(
            said("PermitTunnel yes\nMatch User x\n PermitTunnel ethernet\n X11Forwarding yes\n"),
            [(false, "line 1: PermitTunnel has no effect yet".to_owned())]
        );
    }

    #[test]
    fn defaults_and_what_is_kept_away_anyway_are_not_said() {
        let text = "X11Forwarding no\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\nUsePAM no\n\
                    PerSourcePenalties yes\nUnusedConnectionTimeout none\nPrintMotd no\nDisableForwarding yes\n\
                    AllowTcpForwarding no\nPermitOpen none\nMatch User x\n PermitListen 22\n";
        assert_eq!(said(text), []);
        assert_eq!(said("AllowTcpForwarding local\nGatewayPorts yes\n"), []);
    }
}
