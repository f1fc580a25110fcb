//! hosts.equiv, shosts.equiv, `~/.shosts` and `~/.rhosts`: which users of which hosts are trusted (hosts.equiv(5)).
//!
//! A line is `HOST [USER]`, where USER is who the account's owner is on that host; without it, a user of the same name.
//! Either may be a netgroup (`@GROUP`); a `-` in front refuses. A `+` alone, which once meant everybody, never does.

use std::path::Path;

use settings::paths::in_sysconfdir;
use settings::text::from_bytes;
use settings::values::IgnoreRhosts;

use super::{Asking, HostbasedRefusal, HostbasedStep, TrustFile, TrustOwner};
use crate::{Refusal, Step};

/// Where other systems' remote shells have their file.
const HOSTS_EQUIV: &str = "/etc/hosts.equiv";

/// The account's own files in the order in which they are read.
const OF_ACCOUNT: [&str; 2] = [SHOSTS, ".rhosts"];

/// The one that only SSH reads.
const SHOSTS: &str = ".shosts";

/// The longest line that is read, in bytes without its end. Theirs reads what is beyond as a line of its own; here the
/// whole line is passed over.
const LONGEST_LINE: usize = 1022;

/// Whom a netgroup may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetgroupMember<'a> {
    /// A host by its name or address.
    Host(&'a str),
    /// A user.
    User(&'a str),
}

/// Whether some file trusts the client's user on the client's host.
pub(super) fn trusted(asking: &Asking<'_>, steps: &mut Vec<Step>) -> Result<(), Refusal> {
    if is_trusted_by_system(asking, steps) || is_trusted_by_account(asking, steps)? {
        return Ok(());
    }
    let (user, host) = (asking.client_user.to_owned(), asking.host.name.clone());
    Err(HostbasedRefusal::NotTrusted { user, host, address: asking.host.address.clone() }.into())
}

/// The administrator's files never let root in.
fn is_trusted_by_system(asking: &Asking<'_>, steps: &mut Vec<Step>) -> bool {
    if asking.account.uid == 0 {
        steps.push(HostbasedStep::SystemFilesNotForRoot.into());
        return false;
    }
    [HOSTS_EQUIV.to_owned(), in_sysconfdir("shosts.equiv")].into_iter().any(|path| {
        let file = TrustFile { path: path.into(), owner: TrustOwner::System };
        asking.sources.read(&file).is_some_and(|read| judge(asking, &file.path, &read.text, steps))
    })
}

fn is_trusted_by_account(asking: &Asking<'_>, steps: &mut Vec<Step>) -> Result<bool, Refusal> {
    let user = || asking.account.name.clone();
    let Some(home) = asking.sources.home() else {
        return Err(HostbasedRefusal::NoHome { user: user(), home: asking.account.home.clone() }.into());
    };
    if !asking.is_sound(&home) {
        return Err(HostbasedRefusal::UnsoundHome { user: user() }.into());
    }
    for name in OF_ACCOUNT {
        let ignored = match asking.effective.ignore_rhosts {
            IgnoreRhosts::Yes => true,
            IgnoreRhosts::ShostsOnly => name != SHOSTS,
            IgnoreRhosts::No => false,
        };
        if ignored {
            steps.push(HostbasedStep::FileIgnored { file: name.to_owned() }.into());
            continue;
        }
        let file = TrustFile { path: asking.account.home.join(name), owner: TrustOwner::Account };
        let Some(read) = asking.sources.read(&file) else { continue };
        if !asking.is_sound(&read.facts) {
            steps.push(HostbasedStep::FileUnsound { user: user(), file: file.path }.into());
        } else if judge(asking, &file.path, &read.text, steps) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the first line about this user on this host says. One that refuses ends this file and no other.
fn judge(asking: &Asking<'_>, file: &Path, text: &[u8], steps: &mut Vec<Step>) -> bool {
    for (number, line) in (1_u32..).zip(text.split(|byte| *byte == b'\n')) {
        let place = || format!("{}:{number}", file.display());
        match Line::parse(line, &asking.account.name) {
            Ok(None) => {}
            Err(reason) => {
                steps.push(HostbasedStep::LineUnusable { place: place(), reason: reason.to_owned() }.into());
            }
            Ok(Some(line)) if line.is_about(asking) => {
                let place = place();
                steps.push(match line.refuses {
                    true => HostbasedStep::LineRefuses { place }.into(),
                    false => HostbasedStep::LineTrusts { place }.into(),
                });
                return !line.refuses;
            }
            Ok(Some(_)) => {}
        }
    }
    false
}

/// One line.
struct Line {
    refuses: bool,
    host: String,
    user: String,
}

impl Line {
    /// `None` for lines that say nothing. `account` is the user of a line without one.
    fn parse(line: &[u8], account: &str) -> Result<Option<Self>, &'static str> {
        if line.len() > LONGEST_LINE {
            return Err("line is too long");
        }
        let line = line.trim_ascii_start();
        if line.is_empty() || line.starts_with(b"#") || line.starts_with(b"NO_PLUS") {
            return Ok(None);
        }
        let text = from_bytes(line);
        let mut words = text.split_ascii_whitespace();
        let (host, user) = (words.next().unwrap_or_default(), words.next().unwrap_or(account));
        if words.next().is_some() {
            return Err("more than a host and a user");
        }
        let (not_host, host) = without_sign(host);
        let (not_user, user) = without_sign(user);
        if host.is_empty() || user.is_empty() {
            return Err("a sign without a name means nobody");
        }
        Ok(Some(Self { refuses: not_host || not_user, host: host.to_owned(), user: user.to_owned() }))
    }

    fn is_about(&self, asking: &Asking<'_>) -> bool {
        let (name, address) = (asking.host.name.as_str(), asking.host.address.as_str());
        let in_netgroup = |group: &str, member| asking.sources.netgroup_has(group, member);
        let host = match self.host.strip_prefix('@') {
            Some(group) => {
                in_netgroup(group, NetgroupMember::Host(name)) || in_netgroup(group, NetgroupMember::Host(address))
            }
            None => self.host.eq_ignore_ascii_case(name) || self.host == address,
        };
        host && match self.user.strip_prefix('@') {
            Some(group) => in_netgroup(group, NetgroupMember::User(asking.client_user)),
            None => self.user == asking.client_user,
        }
    }
}

/// Whether a `-` stands in front, and what stands behind a `-` or `+`.
fn without_sign(word: &str) -> (bool, &str) {
    match word.strip_prefix('-') {
        Some(name) => (true, name),
        None => (false, word.strip_prefix('+').unwrap_or(word)),
    }
}
