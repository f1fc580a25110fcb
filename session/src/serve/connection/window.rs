//! Flow control of one channel, both ways (RFC 4254 section 5.2). Nothing but arithmetic.

use thiserror::Error;

/// The window that a session channel gets, in bytes: 64 packets of [`LARGEST_DATA`], as theirs.
pub(crate) const SESSION_WINDOW: u32 = 64 * LARGEST_DATA;

/// The window that a forwarded connection gets, in bytes: as theirs.
pub(crate) const FORWARDING_WINDOW: u32 = 64 * LARGEST_DATA;

/// The most bytes of data in one packet, in both directions: the maximum packet size that we announce, and the most
/// that we send to a peer that would take more.
pub(crate) const LARGEST_DATA: u32 = 32 * 1024;

/// A peer that does not keep to the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum WindowViolation {
    /// More data than there is room for.
    #[error("peer ignored channel window")]
    DataBeyondWindow,
    /// A window grows beyond 2³²−1 (RFC 4254 section 5.2: "MUST NOT").
    #[error("window adjustment overflows")]
    Overflow,
}

/// How much the peer still takes from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PeerWindow {
    left: u32,
    sent: u64,
}

impl PeerWindow {
    pub(crate) fn new(bytes: u32) -> Self {
        Self { left: bytes, sent: 0 }
    }

    pub(crate) fn left(self) -> u32 {
        self.left
    }

    /// How many bytes have been sent in all.
    pub(crate) fn sent_in_all(self) -> u64 {
        self.sent
    }

    /// SSH_MSG_CHANNEL_WINDOW_ADJUST has come.
    pub(crate) fn grow(&mut self, by: u32) -> Result<(), WindowViolation> {
        self.left = self.left.checked_add(by).ok_or(WindowViolation::Overflow)?;
        Ok(())
    }

    /// Data has been sent: never more than [`PeerWindow::left`].
    pub(crate) fn sent(&mut self, bytes: u32) {
        self.left = self.left.saturating_sub(bytes);
        self.sent = self.sent.saturating_add(u64::from(bytes));
    }
}

/// How much we still take from the peer. `left + done + what waits in our memory` is always the whole window: that is
/// what bounds our memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OurWindow {
    whole: u32,
    left: u32,
    done: u32,
    arrived: u64,
}

impl OurWindow {
    /// A window of nothing, until somebody is there to take data.
    pub(crate) fn closed() -> Self {
        Self { whole: 0, left: 0, done: 0, arrived: 0 }
    }

    /// Opens the window; the bytes must be announced to the peer.
    pub(crate) fn open(&mut self, bytes: u32) {
        *self = Self { whole: bytes, left: bytes, done: 0, arrived: 0 };
    }

    /// All of it, in bytes.
    pub(crate) fn whole(&self) -> u32 {
        self.whole
    }

    /// What has come and has not left our memory, in bytes.
    pub(crate) fn waiting(&self) -> u32 {
        self.whole.saturating_sub(self.left).saturating_sub(self.done)
    }

    /// Makes it larger; the peer hears of it with the next adjustment.
    pub(crate) fn enlarge(&mut self, by: u32) {
        self.whole = self.whole.saturating_add(by);
        self.done = self.done.saturating_add(by);
    }

    /// Data has come.
    pub(crate) fn arrived(&mut self, bytes: u32) -> Result<(), WindowViolation> {
        self.left = self.left.checked_sub(bytes).ok_or(WindowViolation::DataBeyondWindow)?;
        self.arrived = self.arrived.saturating_add(u64::from(bytes));
        Ok(())
    }

    /// How many bytes have come in all.
    pub(crate) fn arrived_in_all(&self) -> u64 {
        self.arrived
    }

    /// Data that had come has left our memory.
    pub(crate) fn passed_on(&mut self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.done = self.done.saturating_add(bytes);
    }

    /// How much to give back to the peer now. Not for every little bit, but early enough that the peer never has to
    /// wait while there is room.
    pub(crate) fn take_due_adjustment(&mut self) -> Option<u32> {
        // An eighth: the peer always has at least seven eighths minus what waits for the command.
        if self.done == 0 || self.done < self.whole / 8 {
            return None;
        }
        let adjustment = std::mem::take(&mut self.done);
        self.left = self.left.saturating_add(adjustment);
        Some(adjustment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_peers_window_ends_at_the_largest_number() {
        let mut window = PeerWindow::new(u32::MAX - 1);
        assert_eq!(window.grow(1), Ok(()));
        assert_eq!(window.grow(1), Err(WindowViolation::Overflow));
        assert_eq!(window.left(), u32::MAX);
        assert_eq!(PeerWindow::new(0).grow(u32::MAX), Ok(()));
    }

    #[test]
    fn a_closed_window_takes_nothing_but_nothing() {
        let mut window = OurWindow::closed();
        assert_eq!(window.arrived(0), Ok(()));
        assert_eq!(window.arrived(1), Err(WindowViolation::DataBeyondWindow));
        assert_eq!(window.take_due_adjustment(), None);
    }

    proptest! {
        /// A peer that sends as much as it may against a command that reads in random portions: what waits is
        /// bounded by the window, and both always get on.
        #[test]
        fn a_window_bounds_what_waits_and_never_gets_stuck(
            whole in 1_u32..100_000,
            steps in prop::collection::vec((any::<u32>(), any::<u32>()), 1..200),
        ) {
            let mut window = OurWindow::closed();
            window.open(whole);
            let (mut peer_may, mut waiting) = (whole, 0_u32);
            for (send, read) in steps {
                let send = send.checked_rem(peer_may + 1).unwrap_or(0);
                prop_assert_eq!(window.arrived(send), Ok(()));
                peer_may -= send;
                waiting += send;
                prop_assert!(waiting <= whole);
                prop_assert!(window.clone().arrived(peer_may + 1).is_err(), "one byte beyond is noticed");
                let read = read.checked_rem(waiting + 1).unwrap_or(0);
                waiting -= read;
                window.passed_on(read as usize);
                peer_may += window.take_due_adjustment().unwrap_or(0);
                prop_assert!(peer_may > 0 || waiting > 0, "somebody can go on");
                prop_assert!(u64::from(peer_may) + u64::from(waiting) <= u64::from(whole));
            }
            window.passed_on(waiting as usize);
            peer_may += window.take_due_adjustment().unwrap_or(0);
            prop_assert!(peer_may >= whole - whole / 8, "an empty queue gives the window back");
        }
    }
}
