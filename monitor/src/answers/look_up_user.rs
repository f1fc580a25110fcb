//! Pairs with `preauth/src/ask_monitor.rs::look_up_user`.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use events::Level;
use events::monitor::Event;
use nix::sys::socket::{getsockopt, sockopt};
use policy::{AccountFacts, Refusal, ShellState};
use settings::MatchFacts;
use sys::identity::{Account, Identity, Shadow};

use crate::candidate::{Candidate, Known, connection_facts};
use crate::connection::Connection;
use crate::ending::Ending;
use crate::host_name;
use crate::journal::Journal;

/// Finds out who is meant, what holds for them, and whether they may try. The answer to the client is the same in any
/// case.
pub(crate) fn look_up_user(connection: &mut Connection, claimed: String) -> Result<Candidate, Ending> {
    // `user:style` names a way to authenticate; the account is what stands before the colon.
    let user = claimed.split(':').next().unwrap_or_default().to_owned();
    let known = known_account(connection, &user);
    let mut from = connection_facts(&connection.facts);
    from.host_name = host_name::look_up(connection, connection.global.use_dns, from.address)?;
    from.routing_domain = routing_domain(connection);
    let facts = match_facts(&user, known.as_ref(), &from);
    show_matching(connection, &facts);
    let effective = connection.settings.resolve(&facts);
    connection.follow(&effective);
    let verdict = policy::account_gates(&effective, &user, known.as_ref().map(|known| &known.facts), &from);
    connection.user_is_named(&user, verdict.is_allowed());
    connection.log_steps(&verdict.steps);
    match (verdict.outcome, known) {
        (Err(Refusal::ConnectionRefused { .. }), _) => Err(Ending::ConnectionRefused),
        (Ok(()), Some(known)) => Ok(Candidate::who_may_log_in(claimed, user, known, from, effective)),
        _ => Ok(Candidate::decoy(claimed, user, from, effective)),
    }
}

/// Which Match blocks hold for the connection, and what keeps the others from it.
fn show_matching(connection: &mut Connection, facts: &MatchFacts) {
    if !connection.writes(Level::Debug1) {
        return;
    }
    for (matches, text) in connection.settings.matching_in_words(facts) {
        let level = if matches { Level::Debug1 } else { Level::Debug3 };
        connection.log(&Event::Said { level, text });
    }
}

/// The VRF that the connection belongs to, as theirs tells on Linux: the device that its socket is bound to.
fn routing_domain(connection: &Connection) -> String {
    let socket = connection.network.first();
    let device = socket.and_then(|socket| getsockopt(socket, sockopt::BindToDevice).ok());
    device.map(|device| device.to_string_lossy().into_owned()).unwrap_or_default()
}

/// What Match blocks look at.
pub(crate) fn match_facts(user: &str, known: Option<&Known>, from: &policy::ConnectionFacts) -> MatchFacts {
    MatchFacts {
        user: Some(user.to_owned()),
        groups: known.map(|known| known.facts.groups.clone()),
        invalid_user: known.is_none(),
        host: Some(from.host_or_address()),
        address: Some(from.address_text()),
        local_address: from.local_address.map(|address| address.to_string()),
        local_port: Some(from.local_port),
        routing_domain: Some(from.routing_domain.clone()),
    }
}

/// The account, if this process can let somebody in as it. A database that does not answer is no reason to let anybody
/// in, and no reason to tell.
pub(crate) fn known_account(journal: &mut impl Journal, user: &str) -> Option<Known> {
    let found = sys::identity::look_up(user).and_then(|account| account.map(gather).transpose());
    let known = found.unwrap_or_else(|error| {
        journal.log(&Event::Said { level: Level::Error, text: format!("look-up of user {user}: {error}") });
        None
    })?;
    if sys::identity::is_root() || sys::identity::current().is_ok_and(|own| own.uid == known.account.uid) {
        return Some(known);
    }
    let text = format!("User {user} cannot log in: this server was not started by root, it serves its own user only");
    journal.log(&Event::Said { level: Level::Info, text });
    None
}

fn gather(account: Account) -> io::Result<Known> {
    let groups = sys::identity::groups_of(&account)?;
    // A group whose name cannot be found out may be one that DenyGroups or a Match block names.
    let names: Vec<_> = groups.iter().map(|gid| sys::identity::group_name(*gid)).collect::<io::Result<_>>()?;
    let shadow = sys::identity::shadow_entry(&account.name)?;
    let shell = if account.shell.as_os_str().is_empty() { PathBuf::from("/bin/sh") } else { account.shell.clone() };
    let facts = AccountFacts {
        name: account.name.clone(),
        uid: account.uid,
        gid: account.gid,
        groups: names.into_iter().flatten().collect(),
        home: account.home.clone(),
        shell_state: shell_state(&shell),
        shell,
        locked: is_locked(&account, shadow.as_ref())
            || shadow.as_ref().is_some_and(|shadow| is_expired(shadow, days_since_1970())),
    };
    let identity = Identity { uid: account.uid, gid: account.gid, groups };
    Ok(Known { account, identity, facts })
}

fn shell_state(shell: &Path) -> ShellState {
    match std::fs::metadata(shell) {
        Err(_) => ShellState::Missing,
        Ok(facts) if facts.is_file() && facts.permissions().mode() & 0o111 != 0 => ShellState::Executable,
        Ok(_) => ShellState::NotExecutable,
    }
}

/// On Linux a `!` in front of the hash locks an account; a `*` only means that no password will do.
fn is_locked(account: &Account, shadow: Option<&Shadow>) -> bool {
    let password = shadow.map_or(account.password_field.as_str(), |shadow| shadow.password_field.as_str());
    password.starts_with('!')
}

fn is_expired(shadow: &Shadow, today: i64) -> bool {
    shadow.expires.is_some_and(|day| day != -1 && day < today)
}

pub(crate) fn days_since_1970() -> i64 {
    const SECONDS_A_DAY: u64 = 24 * 60 * 60;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs().checked_div(SECONDS_A_DAY).unwrap_or_default()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_must_be_an_executable_file() {
        assert_eq!(shell_state(Path::new("/bin/sh")), ShellState::Executable);
        assert_eq!(shell_state(Path::new("/nonexistent")), ShellState::Missing);
        assert_eq!(shell_state(Path::new("/etc/passwd")), ShellState::NotExecutable);
        assert_eq!(shell_state(Path::new("/tmp")), ShellState::NotExecutable);
    }
}
