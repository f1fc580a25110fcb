//! What a client has open.

use std::os::fd::OwnedFd;

use nix::dir::Dir;

use crate::serve::Upload;
use crate::surroundings::{HandleInUse, HandleLimit};

/// An open file.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) file: OwnedFd,
    /// As the client called it, for the log.
    pub(crate) path: Vec<u8>,
    pub(crate) bytes_read: u64,
    pub(crate) bytes_written: u64,
    /// More of a file that was opened for writing.
    pub(crate) upload: Option<Upload>,
}

impl OpenFile {
    pub(crate) fn new(file: OwnedFd, path: &[u8]) -> Self {
        Self { file, path: path.to_vec(), bytes_read: 0, bytes_written: 0, upload: None }
    }
}

/// A directory that is being listed.
#[derive(Debug)]
pub(crate) struct OpenDirectory {
    pub(crate) directory: Dir,
    pub(crate) path: Vec<u8>,
}

/// A handle names one of these, and each request takes only the kind it is for.
#[derive(Debug)]
pub(crate) enum Opened {
    File(OpenFile),
    Directory(OpenDirectory),
}

/// A bounded table. A handle is its slot and how often that slot was used, so one that was closed stays refused when
/// its slot is in use again.
#[derive(Debug)]
pub(crate) struct Handles<T = Opened> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    limit: HandleLimit,
}

#[derive(Debug)]
struct Slot<T> {
    uses: u32,
    opened: Option<(T, HandleInUse)>,
}

/// Slot and use, four bytes each.
pub(crate) type Handle = [u8; 8];

/// The table is full; what should have got a handle comes back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TableFull<T>(pub(crate) T);

impl<T> Handles<T> {
    pub(crate) fn new(limit: HandleLimit) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), limit }
    }

    pub(crate) fn at_most(&self) -> u32 {
        self.limit.at_most()
    }

    pub(crate) fn insert(&mut self, opened: T) -> Result<Handle, TableFull<T>> {
        let Some(in_use) = self.limit.take() else { return Err(TableFull(opened)) };
        let Some(number) = self.free.pop().or_else(|| self.new_slot()) else { return Err(TableFull(opened)) };
        match usize::try_from(number).ok().and_then(|index| self.slots.get_mut(index)) {
            Some(slot) => {
                slot.opened = Some((opened, in_use));
                Ok(encode(number, slot.uses))
            }
            None => Err(TableFull(opened)),
        }
    }

    pub(crate) fn find(&mut self, handle: &[u8]) -> Option<&mut T> {
        Some(&mut self.slot(handle)?.opened.as_mut()?.0)
    }

    pub(crate) fn remove(&mut self, handle: &[u8]) -> Option<T> {
        let slot = self.slot(handle)?;
        let (opened, _) = slot.opened.take()?;
        slot.uses = slot.uses.wrapping_add(1);
        let (number, _) = decode(handle)?;
        self.free.push(number);
        Some(opened)
    }

    /// Everything that is open, in the order of the slots.
    pub(crate) fn into_opened(self) -> impl Iterator<Item = T> {
        self.slots.into_iter().filter_map(|slot| slot.opened).map(|(opened, _)| opened)
    }

    /// Everything that is open, in the order of the slots.
    pub(crate) fn opened(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| slot.opened.as_ref()).map(|(opened, _)| opened)
    }

    /// Everything that is open, in the order of the slots.
    pub(crate) fn opened_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().filter_map(|slot| slot.opened.as_mut()).map(|(opened, _)| opened)
    }

    fn new_slot(&mut self) -> Option<u32> {
        let number = u32::try_from(self.slots.len()).ok().filter(|number| *number < self.limit.at_most())?;
        self.slots.push(Slot { uses: 0, opened: None });
        Some(number)
    }

    fn slot(&mut self, handle: &[u8]) -> Option<&mut Slot<T>> {
        let (number, uses) = decode(handle)?;
        let slot = self.slots.get_mut(usize::try_from(number).ok()?)?;
        (slot.uses == uses).then_some(slot)
    }
}

impl Handles {
    pub(crate) fn file(&mut self, handle: &[u8]) -> Option<&mut OpenFile> {
        match self.find(handle)? {
            Opened::File(file) => Some(file),
            Opened::Directory(_) => None,
        }
    }

    pub(crate) fn directory(&mut self, handle: &[u8]) -> Option<&mut OpenDirectory> {
        match self.find(handle)? {
            Opened::Directory(directory) => Some(directory),
            Opened::File(_) => None,
        }
    }
}

fn encode(number: u32, uses: u32) -> Handle {
    (u64::from(number).wrapping_shl(32) | u64::from(uses)).to_be_bytes()
}

fn decode(handle: &[u8]) -> Option<(u32, u32)> {
    let (number, uses) = handle.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), u32::from_be_bytes(uses.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[derive(Debug, Clone)]
    enum Step {
        Open,
        /// Close or look at the handle that was given as the n-th.
        Close(usize),
        Find(usize),
        Garbage(Vec<u8>),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => Just(Step::Open),
            2 => (0usize..80).prop_map(Step::Close),
            2 => (0usize..80).prop_map(Step::Find),
            1 => prop::collection::vec(any::<u8>(), 0..12).prop_map(Step::Garbage),
        ];
        prop::collection::vec(step, 0..200)
    }

    #[test]
    fn tables_with_one_limit_count_together() {
        let limit = HandleLimit::new(2);
        let (mut one, mut other) = (Handles::new(limit.clone()), Handles::new(limit.clone()));
        let handle = one.insert(1).unwrap();
        other.insert(2).unwrap();
        assert_eq!((one.insert(3), other.insert(4)), (Err(TableFull(3)), Err(TableFull(4))));
        one.remove(&handle);
        assert!(other.insert(5).is_ok());
        drop(other);
        assert!(limit.take().is_some());
    }

    proptest! {
        #[test]
        fn a_handle_names_what_it_was_given_for_until_it_is_closed(steps in steps()) {
            const AT_MOST: u32 = 5;
            let mut table = Handles::new(HandleLimit::new(AT_MOST));
            let mut given: Vec<Handle> = Vec::new();
            let mut open: HashMap<Handle, usize> = HashMap::new();
            for step in steps {
                match step {
                    Step::Open => match table.insert(given.len()) {
                        Ok(handle) => {
                            prop_assert!(!given.contains(&handle), "a handle came back");
                            open.insert(handle, given.len());
                            given.push(handle);
                        }
                        Err(TableFull(_)) => prop_assert_eq!(open.len(), AT_MOST as usize),
                    },
                    Step::Close(position) => if let Some(handle) = given.get(position) {
                        prop_assert_eq!(table.remove(handle), open.remove(handle));
                    },
                    Step::Find(position) => if let Some(handle) = given.get(position) {
                        prop_assert_eq!(table.find(handle).map(|value| *value), open.get(handle).copied());
                    },
                    Step::Garbage(bytes) => if !given.iter().any(|handle| handle[..] == bytes[..]) {
                        prop_assert_eq!(table.find(&bytes), None);
                        prop_assert_eq!(table.remove(&bytes), None);
                    },
                }
                prop_assert!(open.len() <= AT_MOST as usize);
            }
            let left: usize = table.into_opened().count();
            prop_assert_eq!(left, open.len());
        }
    }
}
