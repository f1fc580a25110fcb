//! The channels of a connection by number.

use super::channel::Channel;

/// The most channels that a connection can have at once, as theirs. (Sessions are bounded by MaxSessions before.)
const MOST_CHANNELS: usize = 10_000;

/// Channels under the numbers that the peer uses for them. The lowest free number is given first, so the table is no
/// longer than the most channels there have been at once.
#[derive(Debug, Default)]
pub(crate) struct Table {
    places: Vec<Option<Box<Channel>>>,
}

impl Table {
    /// Gives a number to the channel; none when there are too many.
    pub(crate) fn insert(&mut self, channel: Channel) -> Option<u32> {
        let free = self.places.iter().position(Option::is_none).unwrap_or(self.places.len());
        let number = u32::try_from(free).ok().filter(|_| free < MOST_CHANNELS)?;
        let channel = Some(Box::new(channel));
        match self.places.get_mut(free) {
            Some(place) => *place = channel,
            None => self.places.push(channel),
        }
        Some(number)
    }

    pub(crate) fn find(&mut self, number: u32) -> Option<&mut Channel> {
        self.places.get_mut(usize::try_from(number).ok()?)?.as_deref_mut()
    }

    /// Forgets a channel; its number can be given again.
    pub(crate) fn remove(&mut self, number: u32) -> Option<Box<Channel>> {
        let removed = self.places.get_mut(usize::try_from(number).ok()?)?.take();
        while matches!(self.places.last(), Some(None)) {
            self.places.pop();
        }
        removed
    }

    /// How many numbers are in use or lie below one in use.
    pub(crate) fn end(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.places.iter().filter_map(Option::as_deref)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Channel> {
        self.places.iter_mut().filter_map(Option::as_deref_mut)
    }

    /// Gives back what many channels needed.
    pub(crate) fn quiet(&mut self) {
        self.places.shrink_to_fit();
    }
}
