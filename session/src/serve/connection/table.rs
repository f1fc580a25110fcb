//! The channels of a connection by number.

use super::awaited::Awaited;
use super::channel::Channel;

/// The most channels that a connection can have at once, as theirs. (Sessions are bounded by MaxSessions before.)
const MOST_CHANNELS: usize = 10_000;

/// Channels under the numbers that the peer uses for them. The lowest free number is given first, so the table is no
/// longer than the most channels there have been at once.
#[derive(Debug, Default)]
pub(crate) struct Table {
    places: Vec<Place>,
}

#[derive(Debug)]
enum Place {
    Free,
    /// Not open yet: messages for this number are for no channel.
    Awaited(Box<Awaited>),
    Open(Box<Channel>),
}

impl Table {
    /// Gives a number to an open channel; none when there are too many.
    pub(crate) fn insert(&mut self, channel: Channel) -> Option<u32> {
        self.place_anywhere(Place::Open(Box::new(channel)))
    }

    /// Keeps a number for a channel that is to be opened; none when there are too many.
    pub(crate) fn reserve(&mut self, awaited: Awaited) -> Option<u32> {
        self.place_anywhere(Place::Awaited(Box::new(awaited)))
    }

    fn place_anywhere(&mut self, taken: Place) -> Option<u32> {
        let is_free = |place: &Place| matches!(place, Place::Free);
        let free = self.places.iter().position(is_free).unwrap_or(self.places.len());
        let number = u32::try_from(free).ok().filter(|_| free < MOST_CHANNELS)?;
        match self.places.get_mut(free) {
            Some(place) => *place = taken,
            None => self.places.push(taken),
        }
        Some(number)
    }

    /// The open channel of this number.
    pub(crate) fn find(&mut self, number: u32) -> Option<&mut Channel> {
        match self.places.get_mut(usize::try_from(number).ok()?)? {
            Place::Open(channel) => Some(channel),
            Place::Free | Place::Awaited(_) => None,
        }
    }

    /// Takes out what is not open yet, if `is_it` the one; its number is free then.
    pub(crate) fn take_awaited(&mut self, number: u32, is_it: impl FnOnce(&Awaited) -> bool) -> Option<Awaited> {
        let place = self.places.get_mut(usize::try_from(number).ok()?)?;
        match std::mem::replace(place, Place::Free) {
            Place::Awaited(awaited) if is_it(&awaited) => {
                self.forget_free_end();
                Some(*awaited)
            }
            other => {
                *place = other;
                None
            }
        }
    }

    /// What was awaited under this number is open now.
    pub(crate) fn open(&mut self, number: u32, channel: Channel) {
        let Ok(place) = usize::try_from(number) else { return };
        if self.places.len() <= place {
            self.places.resize_with(place.saturating_add(1), || Place::Free);
        }
        if let Some(place) = self.places.get_mut(place) {
            *place = Place::Open(Box::new(channel));
        }
    }

    /// Forgets a channel; its number can be given again.
    pub(crate) fn remove(&mut self, number: u32) -> Option<Box<Channel>> {
        let place = self.places.get_mut(usize::try_from(number).ok()?)?;
        let removed = match std::mem::replace(place, Place::Free) {
            Place::Open(channel) => Some(channel),
            other => {
                *place = other;
                None
            }
        };
        self.forget_free_end();
        removed
    }

    fn forget_free_end(&mut self) {
        while matches!(self.places.last(), Some(Place::Free)) {
            self.places.pop();
        }
    }

    /// How many numbers are in use or lie below one in use.
    pub(crate) fn end(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }

    /// Those that are open.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.places.iter().filter_map(|place| match place {
            Place::Open(channel) => Some(&**channel),
            Place::Free | Place::Awaited(_) => None,
        })
    }

    /// Those that are open.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Channel> {
        self.places.iter_mut().filter_map(|place| match place {
            Place::Open(channel) => Some(&mut **channel),
            Place::Free | Place::Awaited(_) => None,
        })
    }

    /// Whether one of them is not open yet.
    pub(crate) fn awaits_any(&self) -> bool {
        self.places.iter().any(|place| matches!(place, Place::Awaited(_)))
    }

    /// Gives back what many channels needed.
    pub(crate) fn quiet(&mut self) {
        self.places.shrink_to_fit();
    }
}
