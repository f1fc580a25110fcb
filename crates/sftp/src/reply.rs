//! Answers, written straight into the output.

use nix::sys::stat::FileStat;
use nix::sys::statvfs::{FsFlags, Statvfs};
use sftp_options::{Kind, OnTheWire};

use crate::attributes;
use crate::queue::{ByteQueue, Mark};
use crate::status::Status;

const SSH_FXP_VERSION: u8 = 2;
const SSH_FXP_STATUS: u8 = 101;
const SSH_FXP_HANDLE: u8 = 102;
const SSH_FXP_DATA: u8 = 103;
const SSH_FXP_NAME: u8 = 104;
const SSH_FXP_ATTRS: u8 = 105;
const SSH_FXP_EXTENDED_REPLY: u8 = 201;

/// The version of the protocol that is spoken here.
pub(crate) const PROTOCOL_VERSION: u32 = 3;

/// A packet whose length is not known yet.
pub(crate) struct Packet<'q> {
    pub(crate) body: &'q mut ByteQueue,
    start: Mark,
}

impl<'q> Packet<'q> {
    fn new(output: &'q mut ByteQueue, number: u8) -> Self {
        let start = output.mark();
        output.put_u32(0);
        output.put_u8(number);
        Self { body: output, start }
    }

    fn answer(output: &'q mut ByteQueue, number: u8, id: u32) -> Self {
        let packet = Self::new(output, number);
        packet.body.put_u32(id);
        packet
    }

    pub(crate) fn extended_reply(output: &'q mut ByteQueue, id: u32) -> Self {
        Self::answer(output, SSH_FXP_EXTENDED_REPLY, id)
    }

    /// Writes the length: the packet is complete.
    pub(crate) fn finish(self) {
        patch_length(self.body, self.start);
    }
}

/// Sets the four bytes at `mark` to the number of bytes behind them.
pub(crate) fn patch_length(output: &mut ByteQueue, mark: Mark) {
    let length = output.since(mark).saturating_sub(4);
    output.patch(mark, &u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

/// The answer to SSH_FXP_INIT: extensions that may not be used are not offered.
pub(crate) fn version(output: &mut ByteQueue, permitted: impl Fn(Kind) -> bool) {
    let packet = Packet::new(output, SSH_FXP_VERSION);
    packet.body.put_u32(PROTOCOL_VERSION);
    for kind in Kind::all().filter(|kind| permitted(*kind)) {
        if let Some(OnTheWire::Extension { name, version }) = kind.on_the_wire() {
            packet.body.put_string(name);
            packet.body.put_string(version);
        }
    }
    packet.finish();
}

/// `text` replaces the status's own; clients older than version 3 do not know it.
pub(crate) fn status(output: &mut ByteQueue, id: u32, status: Status, text: Option<&str>, client_version: u32) {
    let packet = Packet::answer(output, SSH_FXP_STATUS, id);
    packet.body.put_u32(status as u32);
    if client_version >= PROTOCOL_VERSION {
        packet.body.put_string(text.unwrap_or(status.text()));
        packet.body.put_string("");
    }
    packet.finish();
}

pub(crate) fn handle(output: &mut ByteQueue, id: u32, handle: &[u8]) {
    let packet = Packet::answer(output, SSH_FXP_HANDLE, id);
    packet.body.put_string(handle);
    packet.finish();
}

pub(crate) fn attributes(output: &mut ByteQueue, id: u32, stat: &FileStat) {
    let packet = Packet::answer(output, SSH_FXP_ATTRS, id);
    attributes::write_stat(packet.body, stat);
    packet.finish();
}

/// One name without attributes, long name the same: what REALPATH and its relatives answer.
pub(crate) fn name(output: &mut ByteQueue, id: u32, name: &[u8]) {
    let packet = Packet::answer(output, SSH_FXP_NAME, id);
    packet.body.put_u32(1);
    packet.body.put_string(name);
    packet.body.put_string(name);
    attributes::write_none(packet.body);
    packet.finish();
}

/// A list of names that is being written.
pub(crate) struct Names<'q> {
    pub(crate) packet: Packet<'q>,
    count_place: Mark,
    count: u32,
}

impl<'q> Names<'q> {
    pub(crate) fn new(output: &'q mut ByteQueue, id: u32) -> Self {
        let packet = Packet::answer(output, SSH_FXP_NAME, id);
        let count_place = packet.body.mark();
        packet.body.put_u32(0);
        Self { packet, count_place, count: 0 }
    }

    /// To be called once per name, before or after it is written.
    pub(crate) fn count_one(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    pub(crate) fn finish(self) {
        self.packet.body.patch(self.count_place, &self.count.to_be_bytes());
        self.packet.finish();
    }
}

/// Bytes of a DATA packet before its data: length, type, id, length of the data.
const DATA_HEADER: usize = 13;

/// A DATA packet that `read` fills in place: it gets `length` bytes of room and tells how many it used. Nothing is
/// sent when it fails.
pub(crate) fn data<E>(
    output: &mut ByteQueue,
    id: u32,
    length: usize,
    read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
) -> Result<usize, E> {
    let start = output.mark();
    let space = output.space(DATA_HEADER.saturating_add(length));
    let place = space.get_mut(DATA_HEADER..DATA_HEADER.saturating_add(length)).unwrap_or_default();
    let count = read(place)?;
    output.filled(DATA_HEADER.saturating_add(count));
    let bytes = u32::try_from(count).unwrap_or(u32::MAX);
    output.patch(start, &bytes.saturating_add(9).to_be_bytes());
    output.patch(start.plus(4), &[SSH_FXP_DATA]);
    output.patch(start.plus(5), &id.to_be_bytes());
    output.patch(start.plus(9), &bytes.to_be_bytes());
    Ok(count)
}

pub(crate) fn statvfs(output: &mut ByteQueue, id: u32, about: &Statvfs) {
    const READ_ONLY: u64 = 1;
    const NO_SETUID: u64 = 2;
    let flag = |set, bit| if about.flags().contains(set) { bit } else { 0 };
    let packet = Packet::extended_reply(output, id);
    for number in [
        about.block_size(),
        about.fragment_size(),
        about.blocks(),
        about.blocks_free(),
        about.blocks_available(),
        about.files(),
        about.files_free(),
        about.files_available(),
        about.filesystem_id(),
        flag(FsFlags::ST_RDONLY, READ_ONLY) | flag(FsFlags::ST_NOSUID, NO_SETUID),
        about.name_max(),
    ] {
        packet.body.put_u64(number);
    }
    packet.finish();
}
