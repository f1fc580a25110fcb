//! The gates in front of an account, whatever it logs in with.

use settings::Effective;
use settings::pattern::{matches_pattern, matches_user};

use crate::step::AccountListKeyword::{self, AllowGroups, AllowUsers, DenyGroups, DenyUsers};
use crate::{AccountFacts, ConnectionFacts, ListRefusal, Refusal, ShellState, Step, Verdict};

/// Whether somebody may try to log in as `user` at all, in OpenSSH's order: the account exists, is not locked, has a
/// shell, DenyUsers, AllowUsers, DenyGroups, AllowGroups. RefuseConnection comes last and overrules everything:
/// [`Refusal::ConnectionRefused`] ends the connection.
///
/// A refusal must look to the peer exactly like an account that does not exist. PermitRootLogin is no gate: it is
/// looked at once somebody has proven to be root ([`crate::root_login`]), so that failures tell nothing about it
/// (CVE-2004-2760).
pub fn account_gates(
    effective: &Effective,
    user: &str,
    account: Option<&AccountFacts>,
    connection: &ConnectionFacts,
) -> Verdict {
    let verdict = match account {
        Some(account) => gates_of_existing(effective, account, connection),
        None => Verdict::refused(
            Vec::new(),
            Refusal::NoSuchAccount { user: user.to_owned(), address: connection.address_text(), port: connection.port },
        ),
    };
    if !effective.refuse_connection {
        return verdict;
    }
    let refusal = Refusal::ConnectionRefused {
        invalid: !verdict.is_allowed(),
        user: user.to_owned(),
        address: connection.address_text(),
        port: connection.port,
    };
    Verdict::refused(verdict.steps, refusal)
}

fn gates_of_existing(effective: &Effective, account: &AccountFacts, connection: &ConnectionFacts) -> Verdict {
    let mut steps = vec![Step::AccountFound { user: account.name.clone(), uid: account.uid }];
    let gates = [lock_gate, shell_gate, deny_users_gate, allow_users_gate, group_gates];
    for gate in gates {
        if let Err(refusal) = gate(effective, account, connection, &mut steps) {
            return Verdict::refused(steps, refusal);
        }
    }
    Verdict::allowed(steps, ())
}

fn lock_gate(
    effective: &Effective,
    account: &AccountFacts,
    _connection: &ConnectionFacts,
    steps: &mut Vec<Step>,
) -> Result<(), Refusal> {
    if effective.use_pam {
        steps.push(Step::LockLeftToPam);
    } else if account.locked {
        return Err(Refusal::AccountLocked { user: account.name.clone() });
    } else {
        steps.push(Step::NotLocked);
    }
    Ok(())
}

fn shell_gate(
    effective: &Effective,
    account: &AccountFacts,
    _connection: &ConnectionFacts,
    steps: &mut Vec<Step>,
) -> Result<(), Refusal> {
    if let Some(directory) = &effective.chroot_directory {
        steps.push(Step::ShellInsideChroot { directory: directory.clone() });
        return Ok(());
    }
    let (user, shell) = (account.name.clone(), account.shell.clone());
    match account.shell_state {
        ShellState::Missing => return Err(Refusal::ShellMissing { user, shell }),
        ShellState::NotExecutable => return Err(Refusal::ShellNotExecutable { user, shell }),
        ShellState::Executable => steps.push(Step::ShellUsable { shell }),
    }
    Ok(())
}

fn deny_users_gate(
    effective: &Effective,
    account: &AccountFacts,
    connection: &ConnectionFacts,
    steps: &mut Vec<Step>,
) -> Result<(), Refusal> {
    let hit = user_hit(&effective.deny_users, account, connection);
    deny(DenyUsers, &effective.deny_users, hit, steps)
        .map_err(|()| list_refusal(account, connection, ListRefusal::DenyUsers))
}

fn allow_users_gate(
    effective: &Effective,
    account: &AccountFacts,
    connection: &ConnectionFacts,
    steps: &mut Vec<Step>,
) -> Result<(), Refusal> {
    let hit = user_hit(&effective.allow_users, account, connection);
    allow(AllowUsers, &effective.allow_users, hit, steps)
        .map_err(|()| list_refusal(account, connection, ListRefusal::AllowUsers))
}

fn group_gates(
    effective: &Effective,
    account: &AccountFacts,
    connection: &ConnectionFacts,
    steps: &mut Vec<Step>,
) -> Result<(), Refusal> {
    let (denied, allowed) = (&effective.deny_groups, &effective.allow_groups);
    let refusal = |because| list_refusal(account, connection, because);
    if account.groups.is_empty() && !(denied.is_empty() && allowed.is_empty()) {
        return Err(refusal(ListRefusal::NoGroup));
    }
    deny(DenyGroups, denied, group_hit(denied, account), steps).map_err(|()| refusal(ListRefusal::DenyGroups))?;
    allow(AllowGroups, allowed, group_hit(allowed, account), steps).map_err(|()| refusal(ListRefusal::AllowGroups))
}

fn list_refusal(account: &AccountFacts, connection: &ConnectionFacts, because: ListRefusal) -> Refusal {
    Refusal::AccountList { user: account.name.clone(), from: connection.host_or_address(), because }
}

fn user_hit(patterns: &[String], account: &AccountFacts, connection: &ConnectionFacts) -> Option<String> {
    let (host, address) = (connection.usable_host_name(), connection.address_text());
    patterns.iter().find(|pattern| matches_user(&account.name, host, &address, pattern)).cloned()
}

/// Single patterns against every group; `!` has no meaning in them.
fn group_hit(patterns: &[String], account: &AccountFacts) -> Option<String> {
    patterns.iter().find(|pattern| account.groups.iter().any(|group| matches_pattern(group, pattern))).cloned()
}

fn deny(
    keyword: AccountListKeyword,
    patterns: &[String],
    hit: Option<String>,
    steps: &mut Vec<Step>,
) -> Result<(), ()> {
    match hit {
        Some(pattern) => {
            steps.push(Step::ListObjects { keyword, pattern: Some(pattern) });
            Err(())
        }
        None if patterns.is_empty() => Ok(()),
        None => {
            steps.push(Step::ListPassed { keyword, pattern: None });
            Ok(())
        }
    }
}

fn allow(
    keyword: AccountListKeyword,
    patterns: &[String],
    hit: Option<String>,
    steps: &mut Vec<Step>,
) -> Result<(), ()> {
    match hit {
        Some(pattern) => {
            steps.push(Step::ListPassed { keyword, pattern: Some(pattern) });
            Ok(())
        }
        None if patterns.is_empty() => Ok(()),
        None => {
            steps.push(Step::ListObjects { keyword, pattern: None });
            Err(())
        }
    }
}
