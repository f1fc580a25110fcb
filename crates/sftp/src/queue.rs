//! Bytes under way in one direction.

/// A queue of bytes in one piece of memory, filled in place: files are read straight into it. The memory is
/// initialised once, when the queue grows, not for every read.
#[derive(Debug, Default)]
pub struct ByteQueue {
    /// All of it initialised; what is queued stands in `start..end`.
    memory: Vec<u8>,
    start: usize,
    end: usize,
}

impl ByteQueue {
    /// An empty queue that owns no memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is queued, oldest byte first.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.memory.get(self.start..self.end).unwrap_or_default()
    }

    /// How many bytes are queued.
    #[must_use]
    pub fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether nothing is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Takes the oldest `count` bytes off the queue (all of them if there are fewer).
    pub fn consumed(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }

    /// At least `count` bytes of room behind the newest byte; [`ByteQueue::filled`] tells how much of it was used.
    pub fn space(&mut self, count: usize) -> &mut [u8] {
        if self.memory.len().saturating_sub(self.end) < count {
            self.make_room(count);
        }
        self.memory.get_mut(self.end..).unwrap_or_default()
    }

    /// Queues the first `count` bytes of what [`ByteQueue::space`] gave.
    pub fn filled(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.memory.len());
    }

    /// Queues a copy.
    #[inline]
    pub fn extend(&mut self, bytes: &[u8]) {
        let end = self.end.saturating_add(bytes.len());
        // Listings are put together of very small pieces: as a rule there is room.
        if let Some(place) = self.memory.get_mut(self.end..end) {
            place.copy_from_slice(bytes);
            self.end = end;
        } else {
            self.extend_after_growing(bytes);
        }
    }

    #[cold]
    fn extend_after_growing(&mut self, bytes: &[u8]) {
        if let Some(place) = self.space(bytes.len()).get_mut(..bytes.len()) {
            place.copy_from_slice(bytes);
            self.filled(bytes.len());
        }
    }

    /// Gives the memory back if nothing is queued: for sessions that have gone idle.
    pub fn release_memory(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Where the newest byte will be followed by the next one; for [`ByteQueue::patch`].
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.len())
    }

    /// How many bytes were queued since `mark`.
    pub(crate) fn since(&self, mark: Mark) -> usize {
        self.len().saturating_sub(mark.0)
    }

    /// Overwrites bytes queued earlier: lengths that are known only afterwards.
    pub(crate) fn patch(&mut self, mark: Mark, bytes: &[u8]) {
        let from = self.start.saturating_add(mark.0);
        if let Some(place) = self.memory.get_mut(from..from.saturating_add(bytes.len())) {
            place.copy_from_slice(bytes);
        }
    }

    /// `byte`
    pub(crate) fn put_u8(&mut self, value: u8) {
        self.extend(&[value]);
    }

    /// `uint32`
    pub(crate) fn put_u32(&mut self, value: u32) {
        self.extend(&value.to_be_bytes());
    }

    /// `uint64`
    pub(crate) fn put_u64(&mut self, value: u64) {
        self.extend(&value.to_be_bytes());
    }

    /// `string`. Every caller builds bounded messages.
    pub(crate) fn put_string(&mut self, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        self.put_u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.extend(value);
    }

    /// Moves the queued bytes to the front only when that is cheap: no more than was taken off since the last move.
    /// A queue that is drained a little at a time so moves each byte at most once.
    fn make_room(&mut self, count: usize) {
        if self.start >= self.len() {
            self.memory.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.len());
        }
        let needed = self.end.saturating_add(count);
        if self.memory.len() < needed {
            let whole = needed.next_multiple_of(GROWTH_STEP);
            self.memory.reserve_exact(whole.saturating_sub(self.memory.len()));
            self.memory.resize(whole, 0);
        }
    }
}

/// A place in a [`ByteQueue`], counted from its oldest byte.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark(usize);

impl Mark {
    pub(crate) fn plus(self, bytes: usize) -> Self {
        Self(self.0.saturating_add(bytes))
    }
}

/// Bytes; a queue that grows often grows by pages.
const GROWTH_STEP: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn behaves_like_a_queue(steps in prop::collection::vec((any::<bool>(), 0usize..40_000), 0..60)) {
            let mut queue = ByteQueue::new();
            let mut model = VecDeque::new();
            let mut next = 0u8;
            for (put, count) in steps {
                if put {
                    let bytes: Vec<u8> = (0..count).map(|_| { next = next.wrapping_add(7); next }).collect();
                    queue.extend(&bytes);
                    model.extend(bytes);
                } else {
                    queue.consumed(count);
                    model.drain(..count.min(model.len()));
                }
                prop_assert_eq!(queue.len(), model.len());
                prop_assert!(queue.pending().iter().eq(model.iter()));
            }
        }
    }

    #[test]
    fn lengths_are_patched_after_bytes_were_taken() {
        let mut queue = ByteQueue::new();
        queue.extend(b"abc");
        queue.consumed(2);
        let mark = queue.mark();
        queue.extend(b"0000rest");
        assert_eq!(queue.since(mark), 8);
        queue.patch(mark, b"four");
        assert_eq!(queue.pending(), b"cfourrest");
    }
}
