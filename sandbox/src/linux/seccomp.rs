//! From rows to filters, and putting them on.
//!
//! A filter has one action for what matches and one for the rest, so a process with `Refused` rows gets two: the first says
//! "these calls: an errno, all else: fine", the second "these calls: fine, all else: death". The kernel takes the stricter
//! answer. The one with the errnos goes first, because the second no longer allows installing anything.

use std::collections::{BTreeMap, BTreeSet};

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::calls::{Allowed, Check, Row, rows_of};
use crate::promises::ProcessPromises;

/// Per system call, the alternatives that allow it; none means always.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// The compiled filters of a process, in the order in which they go on.
///
/// # Errors
/// When a row cannot be compiled, which a test would have shown.
pub fn filters(process: &ProcessPromises) -> Result<Vec<BpfProgram>, BackendError> {
    let rows: Vec<&Row> = process.keeps.iter().flat_map(|word| rows_of(*word)).collect();
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let mut filters = Vec::new();
    for (errno, refused) in refusals(&rows)? {
        let refuse = SeccompFilter::new(refused, SeccompAction::Allow, SeccompAction::Errno(errno), architecture)?;
        filters.push(BpfProgram::try_from(refuse)?);
    }
    let keep = SeccompFilter::new(keeps(&rows)?, SeccompAction::KillProcess, SeccompAction::Allow, architecture)?;
    filters.push(BpfProgram::try_from(keep)?);
    Ok(filters)
}

/// Puts the filters on, first to last.
///
/// # Errors
/// When the kernel has no seccomp filters.
pub fn put_on(filters: &[BpfProgram]) -> Result<(), seccompiler::Error> {
    filters.iter().try_for_each(|filter| seccompiler::apply_filter(filter))
}

/// What does not kill: the allowed calls with their checks, and the refused ones, which the first filter answers.
fn keeps(rows: &[&Row]) -> Result<Rules, BackendError> {
    let mut rules = Rules::new();
    let mut unconditional: BTreeSet<i64> = BTreeSet::new();
    for row in rows {
        match row.allowed {
            Allowed::OnlyIf(alternatives) | Allowed::Refused { when: alternatives @ [_, ..], .. } => {
                rules.entry(row.number).or_default().extend(compiled(alternatives)?);
            }
            Allowed::Always | Allowed::Refused { when: [], .. } => {
                unconditional.insert(row.number);
            }
        }
    }
    rules.extend(unconditional.into_iter().map(|number| (number, Vec::new())));
    Ok(rules)
}

/// Per errno, the calls that get it.
fn refusals(rows: &[&Row]) -> Result<BTreeMap<u32, Rules>, BackendError> {
    let mut by_errno: BTreeMap<u32, Rules> = BTreeMap::new();
    for row in rows {
        if let Allowed::Refused { errno, when } = row.allowed {
            by_errno.entry(errno.unsigned_abs()).or_default().insert(row.number, compiled(when)?);
        }
    }
    Ok(by_errno)
}

fn compiled(alternatives: &[&[Check]]) -> Result<Vec<SeccompRule>, BackendError> {
    alternatives
        .iter()
        .map(|checks| SeccompRule::new(checks.iter().map(condition).collect::<Result<_, _>>()?))
        .collect()
}

fn condition(check: &Check) -> Result<SeccompCondition, BackendError> {
    let length = if check.wide { SeccompCmpArgLen::Qword } else { SeccompCmpArgLen::Dword };
    SeccompCondition::new(check.argument, length, SeccompCmpOp::MaskedEq(check.mask), check.value)
}
