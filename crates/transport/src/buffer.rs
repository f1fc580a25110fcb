//! One direction's bytes: a window that moves over memory which is written once and used again.

use zeroize::Zeroize;

/// Bytes between `start` and `end` are waiting; behind them a draft may be growing that will wait too when it is
/// finished; the memory after that is initialised and free. Nothing is moved but when room is missing at the end.
#[derive(Default)]
pub(crate) struct Buffer {
    memory: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes behind `end` that are not waiting yet.
    draft: usize,
    /// The most bytes that were waiting since the buffer was last empty.
    peak: usize,
    /// How many times in a row the buffer ran empty having held little of its memory.
    quiet: u32,
}

/// After so many small fillings a large buffer is given back. One would thrash where small and large packets alternate.
const QUIET_FILLINGS: u32 = 8;

impl Buffer {
    /// What is waiting.
    pub(crate) fn waiting(&self) -> &[u8] {
        self.memory.get(self.start..self.end).unwrap_or_default()
    }

    /// The number of waiting bytes.
    pub(crate) fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// How many bytes fit behind the waiting ones (and the draft) without moving anything.
    pub(crate) fn room(&self) -> usize {
        self.memory.len().saturating_sub(self.used())
    }

    /// Bytes of memory.
    pub(crate) fn capacity(&self) -> usize {
        self.memory.len()
    }

    /// Free memory behind what is waiting (and the draft).
    pub(crate) fn free_mut(&mut self) -> &mut [u8] {
        let used = self.used();
        self.memory.get_mut(used..).unwrap_or_default()
    }

    /// Takes the first `count` waiting bytes out, to be changed in place: where they are, for [`Buffer::taken`].
    pub(crate) fn take(&mut self, count: usize) -> (usize, &mut [u8]) {
        let from = self.start;
        self.consume(count);
        (from, self.memory.get_mut(from..self.start).unwrap_or_default())
    }

    /// `length` bytes of the memory at `from`, taken out before; they stay there until room is made.
    pub(crate) fn taken(&self, from: usize, length: usize) -> &[u8] {
        self.memory.get(from..from.saturating_add(length)).unwrap_or_default()
    }

    /// Begins a draft with `header` bytes; one that was not finished is forgotten.
    pub(crate) fn begin_draft(&mut self, header: usize) {
        self.draft = 0;
        self.make_room(header);
        self.draft = header;
    }

    /// The draft so far.
    pub(crate) fn draft_mut(&mut self) -> &mut [u8] {
        let used = self.used();
        self.memory.get_mut(self.end..used).unwrap_or_default()
    }

    /// The draft so far.
    pub(crate) fn draft(&self) -> &[u8] {
        self.memory.get(self.end..self.used()).unwrap_or_default()
    }

    /// The first `count` free bytes belong to the draft.
    pub(crate) fn draft_filled(&mut self, count: usize) {
        self.draft = self.draft.saturating_add(count.min(self.room()));
    }

    /// Appends a copy of `bytes` to the draft.
    pub(crate) fn extend_draft(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        if let Some(place) = self.free_mut().get_mut(..bytes.len()) {
            place.copy_from_slice(bytes);
        }
        self.draft_filled(bytes.len());
    }

    /// Cuts the draft to its first `length` bytes.
    pub(crate) fn cut_draft(&mut self, length: usize) {
        self.draft = self.draft.min(length);
    }

    /// The draft waits.
    pub(crate) fn finish_draft(&mut self) {
        let draft = std::mem::take(&mut self.draft);
        self.filled(draft);
    }

    /// At least `count` free bytes behind what is waiting (and the draft).
    pub(crate) fn make_room(&mut self, count: usize) {
        if self.room() >= count {
            return;
        }
        self.move_to_front();
        let wanted = self.used().saturating_add(count);
        if self.memory.len() < wanted {
            // Doubling keeps the number of copies of a growing backlog logarithmic.
            self.memory.resize(wanted.max(self.memory.len().saturating_mul(2)), 0);
        }
    }

    /// Memory of exactly `capacity` bytes if what is waiting fits; the waiting bytes move to its front.
    pub(crate) fn resize(&mut self, capacity: usize) {
        self.move_to_front();
        if capacity >= self.end && capacity != self.memory.len() {
            let mut fresh = vec![0; capacity];
            if let (Some(to), Some(from)) = (fresh.get_mut(..self.end), self.memory.get(..self.end)) {
                to.copy_from_slice(from);
            }
            self.memory = fresh;
        }
    }

    /// The first `count` free bytes are waiting now.
    pub(crate) fn filled(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.memory.len());
        self.peak = self.peak.max(self.len());
    }

    /// Appends a copy of `bytes`.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.begin_draft(0);
        self.extend_draft(bytes);
        self.finish_draft();
    }

    /// The first `count` waiting bytes are not waiting any more; they stay where they are until room is made.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// Forgets the positions of an empty buffer; gives its memory down to `idle` bytes back if it has been little used
    /// for a while.
    pub(crate) fn settle_if_empty(&mut self, idle: usize) {
        if self.start != self.end {
            return;
        }
        (self.start, self.end) = (0, 0);
        let little = self.peak <= self.memory.len() / 16;
        self.peak = 0;
        self.quiet = if little { self.quiet.saturating_add(1) } else { 0 };
        if self.quiet >= QUIET_FILLINGS && self.memory.len() > idle {
            self.give_back(idle);
        }
    }

    /// Gives the memory back down to `idle` bytes, or what is waiting.
    pub(crate) fn give_back(&mut self, idle: usize) {
        self.quiet = 0;
        let keep = idle.max(self.len());
        if self.memory.len() > keep {
            self.resize(keep);
        }
    }

    /// Where the free memory begins.
    fn used(&self) -> usize {
        self.end.saturating_add(self.draft)
    }

    /// Moves what is waiting (and the draft) to the beginning of the memory.
    pub(crate) fn move_to_front(&mut self) {
        if self.start > 0 {
            let used = self.used();
            self.memory.copy_within(self.start..used, 0);
            self.end = self.len();
            self.start = 0;
        }
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Buffer({} of {} bytes)", self.len(), self.capacity())
    }
}

/// What was opened in place, or held plain text before it was sealed, leaves with the buffer.
impl Drop for Buffer {
    fn drop(&mut self) {
        self.memory.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn memory_is_given_back_after_a_quiet_while() {
        let mut buffer = Buffer::default();
        buffer.append(&[7; 100_000]);
        buffer.consume(100_000);
        buffer.settle_if_empty(4096);
        for _ in 0..QUIET_FILLINGS {
            assert!(buffer.capacity() >= 100_000);
            buffer.append(&[7; 10]);
            buffer.consume(10);
            buffer.settle_if_empty(4096);
        }
        assert_eq!(buffer.capacity(), 4096);
    }

    proptest! {
        #[test]
        fn it_is_a_queue(steps in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..40), 0usize..50, any::<bool>()), 0..40)) {
            let mut buffer = Buffer::default();
            let mut model: Vec<u8> = Vec::new();
            for (bytes, eaten, tidy) in steps {
                buffer.append(&bytes);
                model.extend(&bytes);
                let eaten = eaten.min(model.len());
                buffer.consume(eaten);
                model.drain(..eaten);
                if tidy { buffer.settle_if_empty(8); buffer.give_back(8); }
                prop_assert_eq!(buffer.waiting(), &model[..]);
            }
        }
    }
}
