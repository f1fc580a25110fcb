//! Logins that can never finish, and users who are both allowed and denied.

use settings::keywords::Id;
use settings::pattern::matches_pattern;
use settings::{Effective, Method, MethodList, Place, Setting};

use super::Lint;

pub(super) fn look(lint: &mut Lint<'_>) {
    methods(lint);
    contradiction(lint, Id::AllowUsers, Id::DenyUsers);
    contradiction(lint, Id::AllowGroups, Id::DenyGroups);
}

/// In the global part and in each block on its own: is there a list of methods that are all enabled?
fn methods(lint: &mut Lint<'_>) {
    let said: Vec<(Place, Option<u32>)> = lint
        .lines(Id::AuthenticationMethods)
        .filter(|(said, _)| !lint.is_refused(said))
        .map(|(said, _)| (said.place, said.block))
        .collect();
    for (place, block) in said {
        let effective = match block {
            None => lint.global.clone(),
            Some(block) => lint.loaded.settings.with_block(block),
        };
        let lists = &effective.authentication_methods;
        let impossible: Vec<String> = lists.iter().filter_map(|list| impossible(&effective, list)).collect();
        if !lists.is_empty() && impossible.len() == lists.len() {
            let why = impossible.join("; ");
            lint.warn(place, format!("AuthenticationMethods can never be completed: {why}"));
        }
    }
}

fn impossible(effective: &Effective, list: &MethodList) -> Option<String> {
    list.0.iter().find_map(|step| {
        let off = match step.method {
            Method::PublicKey if !effective.pubkey_authentication => "PubkeyAuthentication is no",
            Method::Password if !effective.password_authentication => "PasswordAuthentication is no",
            Method::KeyboardInteractive if !effective.kbd_interactive_authentication => {
                "KbdInteractiveAuthentication is no"
            }
            Method::KeyboardInteractive if !effective.use_pam => "keyboard-interactive needs UsePAM yes",
            Method::Hostbased if !effective.hostbased_authentication => "HostbasedAuthentication is no",
            _ => return None,
        };
        Some(format!("in \"{list}\", {off}"))
    })
}

/// A name that is allowed literally and hit by a denial of the same part of the file.
fn contradiction(lint: &mut Lint<'_>, allow: Id, deny: Id) {
    let words = |said: &Setting| match said {
        Setting::AllowUsers(words) | Setting::DenyUsers(words) => words.clone(),
        Setting::AllowGroups(words) | Setting::DenyGroups(words) => words.clone(),
        _ => Vec::new(),
    };
    let mut found = Vec::new();
    for (allowed, _) in lint.lines(allow).filter(|(said, _)| !lint.is_refused(said)) {
        for (denied, _) in lint.lines(deny).filter(|(denied, _)| denied.block == allowed.block) {
            for name in words(&allowed.setting).iter().filter(|name| !name.contains(['*', '?', '@'])) {
                if words(&denied.setting).iter().any(|pattern| matches_pattern(name, pattern)) {
                    found.push((allowed.place, name.clone(), denied.place));
                }
            }
        }
    }
    for (place, name, denied) in found {
        let denied = lint.name(denied);
        lint.warn(place, format!("\"{name}\" is allowed here and denied by {denied}; the denial wins"));
    }
}
