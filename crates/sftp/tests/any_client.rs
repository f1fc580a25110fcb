//! Clients that say anything: nothing panics, and files are what a model says they are.
#![forbid(unsafe_code)]

mod raw_client;

use std::collections::HashMap;
use std::fs;

use proptest::prelude::*;
use raw_client::{
    Attributes, Body, EOF, FAILURE, InProcess, Link, NO_SUCH_FILE, OK, RawClient, Scratch, body, client_in, open,
    options_in, packet,
};
use sftp::{Options, Progress};

/// A string of the protocol that often names something.
fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => "(a|b|d|d/c|l|\\.|)".prop_map(String::into_bytes),
        2 => (0u32..4, 0u32..3).prop_map(|(slot, uses)| body().u32(slot).u32(uses).0),
        1 => prop::collection::vec(1u8..=255, 0..300).prop_map(|bytes| bytes.into_iter().filter(|byte| *byte != b'/' && *byte != b'~').collect()),
    ]
}

#[derive(Debug, Clone)]
enum Field {
    Number(u32),
    Long(u64),
    Text(Vec<u8>),
}

fn field() -> impl Strategy<Value = Field> {
    prop_oneof![
        3 => prop_oneof![0u32..64, any::<u32>()].prop_map(Field::Number),
        2 => prop_oneof![0u64..5000, any::<u64>()].prop_map(Field::Long),
        5 => text().prop_map(Field::Text),
    ]
}

fn encoded(fields: &[Field]) -> Body {
    fields.iter().fold(body().u32(1), |body, field| match field {
        Field::Number(number) => body.u32(*number),
        Field::Long(number) => body.u64(*number),
        Field::Text(text) => body.string(text),
    })
}

/// Packets whose fields are of the right kinds at random places, or just bytes.
fn hostile_packet() -> impl Strategy<Value = Vec<u8>> {
    let extension = prop::sample::select(vec![
        "posix-rename@openssh.com",
        "statvfs@openssh.com",
        "fstatvfs@openssh.com",
        "hardlink@openssh.com",
        "fsync@openssh.com",
        "lsetstat@openssh.com",
        "limits@openssh.com",
        "expand-path@openssh.com",
        "copy-data",
        "home-directory",
        "users-groups-by-id@openssh.com",
        "nothing",
    ]);
    prop_oneof![
        6 => (1u8..22, prop::collection::vec(field(), 0..6)).prop_map(|(number, fields)| packet(number, &encoded(&fields).0)),
        3 => (extension, prop::collection::vec(field(), 0..6)).prop_map(|(name, mut fields)| {
            fields.insert(0, Field::Text(name.into()));
            packet(200, &encoded(&fields).0)
        }),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| packet(bytes.len() as u8, &bytes)),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Nothing that a peer says makes the server panic or answer more than it may.
    #[test]
    fn hostile_packets(packets in prop::collection::vec(hostile_packet(), 1..40), read_only: bool) {
        let scratch = Scratch::new();
        fs::create_dir_all(scratch.path("jail/d")).unwrap();
        fs::write(scratch.path("jail/a"), "content").unwrap();
        std::os::unix::fs::symlink("a", scratch.path("jail/l")).unwrap();
        let options = Options { read_only, ..options_in(&scratch.path("jail")) };
        let mut link = InProcess::start(options, 4);
        link.send(&packet(1, &[0, 0, 0, 3]));
        'session: for bytes in packets {
            link.send(&bytes);
            loop {
                match link.serve(1 << 14) {
                    Ok(Progress::NeedsInput) => break,
                    Ok(Progress::OutputFull | Progress::Busy | Progress::Paused) => {}
                    Err(_) => break 'session,
                }
            }
        }
        link.finish();
        if read_only {
            prop_assert_eq!(fs::read(scratch.path("jail/a")).unwrap(), b"content");
            prop_assert_eq!(fs::read_dir(scratch.path("jail")).unwrap().count(), 3);
        }
        prop_assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1, "nothing beside the directory");
    }
}

/// What a client does to three files with at most so many handles.
#[derive(Debug, Clone)]
enum Step {
    Open { name: usize, flags: u32 },
    Close { handle: usize },
    Read { handle: usize, offset: u64, length: u32 },
    Write { handle: usize, offset: u64, bytes: Vec<u8> },
    Truncate { handle: usize, size: u64 },
    Remove { name: usize },
    Rename { old: usize, new: usize, replace: bool },
    Link { old: usize, new: usize },
    Stat { name: usize },
}

const NAMES: [&str; 3] = ["a", "b", "ö"];

fn step() -> impl Strategy<Value = Step> {
    let (name, handle) = (0..NAMES.len(), 0usize..12);
    let offset = prop_oneof![0u64..50, Just(9000u64)];
    prop_oneof![
        4 => (name.clone(), 0u32..64).prop_map(|(name, flags)| Step::Open { name, flags }),
        2 => handle.clone().prop_map(|handle| Step::Close { handle }),
        4 => (handle.clone(), offset.clone(), 0u32..80).prop_map(|(handle, offset, length)| Step::Read { handle, offset, length }),
        5 => (handle.clone(), offset, prop::collection::vec(any::<u8>(), 0..60)).prop_map(|(handle, offset, bytes)| Step::Write { handle, offset, bytes }),
        1 => (handle, 0u64..70).prop_map(|(handle, size)| Step::Truncate { handle, size }),
        1 => name.clone().prop_map(|name| Step::Remove { name }),
        2 => (name.clone(), name.clone(), any::<bool>()).prop_map(|(old, new, replace)| Step::Rename { old, new, replace }),
        1 => (name.clone(), name.clone()).prop_map(|(old, new)| Step::Link { old, new }),
        2 => name.prop_map(|name| Step::Stat { name }),
    ]
}

/// Files as numbers, their contents, their names, and what is open.
#[derive(Default)]
struct Model {
    contents: Vec<Vec<u8>>,
    names: HashMap<usize, usize>,
    open: Vec<Option<(Vec<u8>, usize, u32)>>,
}

impl Model {
    fn take(&mut self, client: &mut RawClient<InProcess>, step: &Step) {
        match step {
            Step::Open { name, flags } => self.open(client, *name, *flags),
            Step::Close { handle } => {
                if let Some(place) = self.open.get_mut(*handle) {
                    let expected = if place.is_some() { OK } else { NO_SUCH_FILE };
                    let bytes = place.take().map_or_else(|| vec![0; 8], |(handle, ..)| handle);
                    let closed = if expected == OK { client.close(&bytes) } else { NO_SUCH_FILE };
                    assert_eq!(closed, expected);
                }
            }
            Step::Read { handle, offset, length } => self.read(client, *handle, *offset, *length),
            Step::Write { handle, offset, bytes } => self.write(client, *handle, *offset, bytes),
            Step::Truncate { handle, size } => {
                let Some(Some((handle, file, flags))) = self.open.get(*handle) else { return };
                let wanted = Attributes { size: Some(*size), ..Attributes::default() };
                let done = client.status(10, body().string(handle).attributes(&wanted));
                if flags & open::WRITE != 0 {
                    assert_eq!(done, OK);
                    self.contents[*file].resize(*size as usize, 0);
                } else {
                    assert_ne!(done, OK);
                }
            }
            Step::Remove { name } => {
                let expected = if self.names.remove(name).is_some() { OK } else { NO_SUCH_FILE };
                assert_eq!(client.remove(NAMES[*name]), expected);
            }
            Step::Rename { old, new, replace } => self.rename(client, *old, *new, *replace),
            Step::Link { old, new } => {
                let expected = match (self.names.get(old).copied(), self.names.contains_key(new)) {
                    (None, _) => NO_SUCH_FILE,
                    (_, true) => FAILURE,
                    (Some(file), false) => {
                        self.names.insert(*new, file);
                        OK
                    }
                };
                let request = body().string(NAMES[*old]).string(NAMES[*new]);
                assert_eq!(client.status_extended("hardlink@openssh.com", request), expected);
            }
            Step::Stat { name } => {
                let expected = self.names.get(name).map(|file| self.contents[*file].len() as u64).ok_or(NO_SUCH_FILE);
                assert_eq!(client.stat(NAMES[*name]).map(|attributes| attributes.size.unwrap()), expected);
            }
        }
    }

    fn open(&mut self, client: &mut RawClient<InProcess>, name: usize, flags: u32) {
        let has = |flag| flags & flag != 0;
        if has(open::EXCLUSIVE) && !has(open::CREATE) {
            return; // means nothing
        }
        let expected = match self.names.get(&name).copied() {
            None if !has(open::CREATE) => Err(NO_SUCH_FILE),
            Some(_) if has(open::EXCLUSIVE) => Err(FAILURE),
            there => Ok(there),
        };
        match client.open(NAMES[name], flags) {
            Ok(handle) => {
                let file = expected.unwrap().unwrap_or_else(|| {
                    self.contents.push(Vec::new());
                    self.names.insert(name, self.contents.len() - 1);
                    self.contents.len() - 1
                });
                if has(open::TRUNCATE) {
                    self.contents[file].clear();
                }
                self.open.push(Some((handle, file, flags)));
            }
            Err(status) => assert_eq!(expected, Err(status)),
        }
    }

    fn read(&mut self, client: &mut RawClient<InProcess>, handle: usize, offset: u64, length: u32) {
        let Some(Some((handle, file, flags))) = self.open.get(handle) else { return };
        let answer = client.read(handle, offset, length);
        if flags & (open::READ | open::WRITE) == open::WRITE {
            // An empty read may succeed on a file that cannot be read.
            assert!(answer == Err(NO_SUCH_FILE) || answer == Ok(Vec::new()) && length == 0, "{answer:?}");
            return;
        }
        let content = &self.contents[*file];
        let from = content.len().min(offset as usize);
        let to = content.len().min(from + length as usize);
        let expected = if from == to && length > 0 { Err(EOF) } else { Ok(content[from..to].to_vec()) };
        assert_eq!(answer, expected);
    }

    fn write(&mut self, client: &mut RawClient<InProcess>, handle: usize, offset: u64, bytes: &[u8]) {
        let Some(Some((handle, file, flags))) = self.open.get(handle) else { return };
        let answer = client.write(handle, offset, bytes);
        if flags & open::WRITE == 0 {
            assert!(answer == NO_SUCH_FILE || bytes.is_empty(), "{answer}");
            return;
        }
        assert_eq!(answer, OK);
        let content = &mut self.contents[*file];
        let at = if flags & open::APPEND != 0 { content.len() } else { offset as usize };
        if !bytes.is_empty() {
            let end = (at + bytes.len()).max(content.len());
            content.resize(end, 0);
            content[at..at + bytes.len()].copy_from_slice(bytes);
        }
    }

    fn rename(&mut self, client: &mut RawClient<InProcess>, old: usize, new: usize, replace: bool) {
        let expected = match (self.names.get(&old).copied(), self.names.get(&new).copied()) {
            (None, _) => NO_SUCH_FILE,
            (Some(_), Some(_)) if !replace => FAILURE,
            (Some(file), there) => {
                // Two names of one file stay as they are (rename(2)).
                if there != Some(file) {
                    self.names.remove(&old);
                    self.names.insert(new, file);
                }
                OK
            }
        };
        let answer = if replace {
            client.status_extended("posix-rename@openssh.com", body().string(NAMES[old]).string(NAMES[new]))
        } else {
            client.rename(NAMES[old], NAMES[new])
        };
        assert_eq!(answer, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn files_are_what_the_model_says(steps in prop::collection::vec(step(), 1..60)) {
        let scratch = Scratch::new();
        let mut client = client_in(&scratch.0);
        let mut model = Model::default();
        for step in &steps {
            model.take(&mut client, step);
        }
        for (number, name) in NAMES.iter().enumerate() {
            let content = model.names.get(&number).map(|file| model.contents[*file].clone());
            prop_assert_eq!(fs::read(scratch.path(name)).ok(), content);
        }
    }
}
