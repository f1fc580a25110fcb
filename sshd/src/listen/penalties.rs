//! PerSourcePenalties of sshd_config(5): for how long a source that misbehaved is refused.
//!
//! Penalties of a source add up, to `max` at most. Until there is more than `min` of them they have no effect; once they
//! have, they have it until they end. As many sources are remembered as `max-sources4` and `max-sources6` say.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use events::listener::DropReason;
use events::penalties::{Offence, PenalisedSource, Penalty, PenaltyChange};
use settings::values::{Overflow, PerSourcePenalties};

use super::sources::{Source, SourceLimits};

/// The penalties of all sources. Times are those of the monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct Penalties {
    ipv4: Table,
    ipv6: Table,
}

#[derive(Debug, Default)]
struct Table {
    of: HashMap<Source, Standing>,
    by_end: BTreeSet<(Duration, Source)>,
}

/// How a source stands.
#[derive(Debug, Clone, Copy)]
struct Standing {
    ends: Duration,
    /// Whether it is refused.
    active: bool,
    offence: Offence,
}

/// What may be in a table.
struct Room {
    sources: usize,
    overflow: Overflow,
}

impl Penalties {
    /// Why a connection from this address is refused now; none when it is not.
    pub(crate) fn objection(&mut self, limits: &SourceLimits, address: IpAddr, now: Duration) -> Option<DropReason> {
        if !limits.penalties.enabled() || limits.is_exempt(address) {
            return None;
        }
        let source = Source::of(address, limits.blocks);
        let (table, room) = self.table_of(source, &limits.penalties);
        table.forget_what_is_over(now);
        if room.overflow == Overflow::DenyAll && table.of.len() >= room.sources {
            return Some(DropReason::TooManyPenalised);
        }
        let standing = table.of.get(&source).filter(|standing| standing.active)?;
        Some(DropReason::Penalty(standing.offence))
    }

    /// How long the penalties of an address last, whether they are enough to refuse it or not; none when it has none.
    pub(crate) fn time_left(&self, limits: &SourceLimits, address: IpAddr, now: Duration) -> Option<Duration> {
        let source = Source::of(address, limits.blocks);
        let table = if source.is_ipv4() { &self.ipv4 } else { &self.ipv6 };
        table.of.get(&source).map(|standing| standing.ends.saturating_sub(now)).filter(|left| !left.is_zero())
    }

    /// The address has misbehaved. What there is to say about it; nothing if that has no penalty.
    pub(crate) fn penalise(
        &mut self,
        limits: &SourceLimits,
        address: IpAddr,
        offence: Offence,
        now: Duration,
    ) -> Option<Penalty> {
        let penalties = &limits.penalties;
        let addition = duration_of(penalties, offence);
        if !penalties.enabled() || addition.is_zero() || limits.is_exempt(address) {
            return None;
        }
        let source = Source::of(address, limits.blocks);
        let (table, room) = self.table_of(source, penalties);
        table.forget_what_is_over(now);
        let (change, ends) = if room.overflow == Overflow::DenyAll && table.of.len() >= room.sources {
            (PenaltyChange::TableFull, now)
        } else {
            let change = table.add(source, offence, addition, penalties, now);
            table.forget_down_to(room.sources);
            change
        };
        let milliseconds = u64::try_from(ends.saturating_sub(now).as_millis()).unwrap_or(u64::MAX);
        let source = PenalisedSource { address, bits: limits.bits(address) };
        Some(Penalty { source, offence, milliseconds, change })
    }

    /// A reload may have made the tables smaller.
    pub(crate) fn fit(&mut self, limits: &PerSourcePenalties) {
        self.ipv4.forget_down_to(room_of_ipv4(limits).sources);
        self.ipv6.forget_down_to(room_of_ipv6(limits).sources);
    }

    fn table_of(&mut self, source: Source, limits: &PerSourcePenalties) -> (&mut Table, Room) {
        if source.is_ipv4() { (&mut self.ipv4, room_of_ipv4(limits)) } else { (&mut self.ipv6, room_of_ipv6(limits)) }
    }
}

fn room_of_ipv4(limits: &PerSourcePenalties) -> Room {
    Room { sources: usize::try_from(limits.max_sources4()).unwrap_or(usize::MAX), overflow: limits.overflow() }
}

fn room_of_ipv6(limits: &PerSourcePenalties) -> Room {
    Room { sources: usize::try_from(limits.max_sources6()).unwrap_or(usize::MAX), overflow: limits.overflow6() }
}

fn duration_of(limits: &PerSourcePenalties, offence: Offence) -> Duration {
    seconds(match offence {
        Offence::Crash => limits.crash(),
        Offence::FailedAuthentication => limits.authfail(),
        Offence::NoAuthentication => limits.noauth(),
        Offence::InvalidUser => limits.invaliduser(),
        Offence::RefusedConnection => limits.refuseconnection(),
        Offence::GraceExceeded => limits.grace_exceeded(),
    })
}

/// For ever, if there are more of them than time.
fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or(Duration::MAX)
}

impl Table {
    fn forget_what_is_over(&mut self, now: Duration) {
        while let Some((_, source)) = self.by_end.first().filter(|(ends, _)| *ends < now).copied() {
            self.forget(source);
        }
    }

    /// Those whose penalties end first go first.
    fn forget_down_to(&mut self, sources: usize) {
        while self.of.len() > sources {
            let Some((_, source)) = self.by_end.first().copied() else { return };
            self.forget(source);
        }
    }

    fn forget(&mut self, source: Source) {
        if let Some(standing) = self.of.remove(&source) {
            self.by_end.remove(&(standing.ends, source));
        }
    }

    fn add(
        &mut self,
        source: Source,
        offence: Offence,
        addition: Duration,
        limits: &PerSourcePenalties,
        now: Duration,
    ) -> (PenaltyChange, Duration) {
        let before = self.of.get(&source).copied();
        self.forget(source);
        let ends = match before {
            Some(before) => before.ends.saturating_add(addition).min(now.saturating_add(seconds(limits.max()))),
            None => now.saturating_add(addition),
        };
        let is_enough = ends.saturating_sub(now) > seconds(limits.min());
        let was_active = before.is_some_and(|before| before.active);
        self.of.insert(source, Standing { ends, active: was_active || is_enough, offence });
        self.by_end.insert((ends, source));
        let change = match (before.is_some(), was_active, is_enough) {
            (false, _, true) => PenaltyChange::NewAndActive,
            (false, _, false) => PenaltyChange::NewAndDeferred,
            (true, true, _) => PenaltyChange::GrewActive,
            (true, false, true) => PenaltyChange::Activated,
            (true, false, false) => PenaltyChange::GrewDeferred,
        };
        (change, ends)
    }
}

#[cfg(test)]
mod tests;
