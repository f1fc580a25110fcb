//! Lines that do nothing: somebody said it first, it can have no effect here, nothing is included.

use std::path::Path;

use config::{Outcome, origins};
use settings::keywords::{Id, Keyword, Status};
use settings::values::{Forwarding, PermitRootLogin};
use settings::{MatchFacts, Place, Said, Setting};

use super::Lint;

pub(super) fn look(lint: &mut Lint<'_>) {
    lost_to_an_earlier_line(lint);
    never_has_one(lint);
    unmatched_includes(lint);
}

/// The trap of drop-in files: they are read first, so what the main file says behind them does nothing. The same within
/// one file, where people expect the last line to count.
fn lost_to_an_earlier_line(lint: &mut Lint<'_>) {
    let settings = &lint.loaded.settings;
    let line_at = |place| settings.said.iter().find(|said| said.place == place);
    for (origin, loser) in origins(settings, &MatchFacts::default()).iter().zip(&settings.said) {
        let Outcome::Lost(winner) = origin.outcome else { continue };
        // What the command line says is meant to win.
        let Some(winner) = line_at(winner).filter(|_| winner.file != 0 && origin.block.is_none()) else { continue };
        if winner.setting != loser.setting {
            let (keyword, place) = (Keyword::of(origin.keyword).name, lint.name(winner.place));
            let text = format!("no effect: {keyword} is already set by {place}; change it there");
            if is_a_trap(lint, winner, loser) { lint.warn(loser.place, text) } else { lint.remark(loser.place, text) }
        }
    }
}

/// Drop-in files are there to win over the distribution's lines and over each other. A trap is what somebody cannot
/// have meant: a line that forbids and is overruled by one that allows, a later line of the same file, and a line of
/// one's own that a file overrules which only a wildcard names.
fn is_a_trap(lint: &Lint<'_>, winner: &Said, loser: &Said) -> bool {
    let file = |place: Place| lint.loaded.settings.files.get(usize::from(place.file)).map_or("", String::as_str);
    // Made by Ubuntu's images; cloud-init's own file is meant to overrule it.
    let of_an_image = file(loser.place).ends_with("/60-cloudimg-settings.conf");
    let in_main_file = |place: Place| place.file == 1;
    let by_wildcard = || in_main_file(loser.place) && file(winner.place).contains(".d/") && !is_shipped(&loser.setting);
    winner.place.file == loser.place.file || (forbids_more(loser, winner) && !of_an_image) || by_wildcard()
}

/// Lines that stand in the files of Debian and Red Hat.
fn is_shipped(setting: &Setting) -> bool {
    let (subsystem, keys_file) = (Id::Subsystem, Id::AuthorizedKeysFile);
    matches!(
        setting,
        Setting::KbdInteractiveAuthentication(false)
            | Setting::UsePAM(true)
            | Setting::X11Forwarding(true)
            | Setting::PrintMotd(false)
    ) || [subsystem, keys_file].contains(&setting.id())
}

fn forbids_more(one: &Said, other: &Said) -> bool {
    let how_much = |setting: &Setting| match setting {
        Setting::PasswordAuthentication(on)
        | Setting::KbdInteractiveAuthentication(on)
        | Setting::PubkeyAuthentication(on)
        | Setting::HostbasedAuthentication(on)
        | Setting::PermitEmptyPasswords(on)
        | Setting::X11Forwarding(on)
        | Setting::AllowAgentForwarding(on)
        | Setting::PermitTTY(on)
        | Setting::PermitUserRC(on) => Some(u8::from(!on)),
        Setting::DisableForwarding(on) | Setting::RefuseConnection(on) | Setting::StrictModes(on) => {
            Some(u8::from(*on))
        }
        Setting::AllowTcpForwarding(which) | Setting::AllowStreamLocalForwarding(which) => {
            Some(u8::from(*which == Forwarding::No))
        }
        Setting::PermitRootLogin(how) => Some(match how {
            PermitRootLogin::Yes => 0,
            PermitRootLogin::ProhibitPassword => 1,
            PermitRootLogin::ForcedCommandsOnly => 2,
            PermitRootLogin::No => 3,
        }),
        _ => None,
    };
    how_much(&one.setting) > how_much(&other.setting)
}

fn is_there(path: &str) -> bool {
    settings::text::to_path(path).exists()
}

fn never_has_one(lint: &mut Lint<'_>) {
    for keyword in settings::keywords::KEYWORDS {
        let Status::Never(why) = keyword.status else { continue };
        let Some((said, typed)) = lint.lines(keyword.id).next().filter(|(said, _)| !lint.is_refused(said)) else {
            continue;
        };
        let text = format!("{} has no effect: {why}", keyword.name);
        // A program that is not there is somebody else's.
        let elsewhere = typed.starts_with('/') && !is_there(typed);
        if elsewhere { lint.remark(said.place, text) } else { lint.warn(said.place, text) }
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
