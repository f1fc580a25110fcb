//! Who of those who connect gets a place: PerSourcePenalties, MaxStartups and PerSourceMaxStartups, in this order.
//!
//! An address on PerSourcePenaltyExemptList always gets one: chance never turns it away, and when all places are taken
//! somebody else gives up theirs. So a flood cannot keep an administrator out, and there are never more connections
//! without a login than MaxStartups allows.

use std::cmp::Reverse;
use std::net::IpAddr;

use events::listener::DropReason;
use nix::sys::signal::Signal;

use super::accepting::Listener;
use super::connections::Stage;
use super::sources::Source;
use super::startups::is_dropped;

impl Listener {
    /// # Errors
    /// Why a connection from this address gets no place.
    pub(crate) fn admit(&mut self, address: IpAddr) -> Result<(), DropReason> {
        let limits = &self.in_force.sources;
        if let Some(why) = self.penalties.objection(limits, address, sys::clock::monotonic()) {
            return Err(why);
        }
        let of_the_same = self.startups.count_of(Source::of(address, limits.blocks));
        if limits.most_startups.is_some_and(|most| of_the_same >= usize::try_from(most).unwrap_or(usize::MAX)) {
            return Err(DropReason::MaxStartups);
        }
        if !limits.is_exempt(address) {
            let dropped = is_dropped(&self.in_force.max_startups, self.startups.count(), dice);
            return if dropped { Err(DropReason::MaxStartups) } else { Ok(()) };
        }
        let full = usize::try_from(self.in_force.max_startups.full).unwrap_or(usize::MAX);
        if self.startups.count() < full || self.make_room() { Ok(()) } else { Err(DropReason::MaxStartups) }
    }

    /// Ends the oldest connection without a login of the source that has most of them. Exempt ones stay.
    fn make_room(&mut self) -> bool {
        let starting = self.connections.iter().filter(|(_, connection)| connection.is_starting() && !connection.exempt);
        let gives_way = starting
            .max_by_key(|(_, connection)| (self.startups.count_of(connection.source), Reverse(connection.since)))
            .map(|(pid, _)| *pid);
        let Some(pid) = gives_way else { return false };
        let Some((peer, local)) = self.connections.get(&pid).map(|connection| connection.ends.clone()) else {
            return false;
        };
        self.say_dropped(peer, local, DropReason::MaxStartups);
        self.end_monitor(pid);
        self.no_longer_starting(pid, Stage::GivenUp);
        true
    }

    /// Without a word to it: it may not be able to listen any more.
    pub(crate) fn end_monitor(&self, pid: i32) {
        // It has not been reaped, so the number is still its own.
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL);
    }
}

fn dice() -> u32 {
    let mut bytes = [0; 4];
    // Without randomness everybody above MaxStartups' first number is turned away.
    let _ = sys::random::random_bytes(&mut bytes);
    u32::from_le_bytes(bytes)
}
