//! The server: requests in, answers out, in order.

use thiserror::Error;

use crate::event::SftpEvent;
use crate::options::Options;
use crate::queue::ByteQueue;
use crate::surroundings::{Client, Surroundings};

/// Largest packet in bytes, without its length field, in both directions (`limits@openssh.com`).
pub const LARGEST_PACKET: usize = 256 * 1024;

/// What [`Server::serve`] waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Every complete request was answered: more input is needed.
    NeedsInput,
    /// The output has reached its limit: send some of it, then serve again. No input is needed for that.
    OutputFull,
    /// A long copy on the server is under way: serve again soon, other work may go first.
    Busy,
}

/// The peer broke the protocol in a way that leaves nothing to answer: end the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SftpError {
    /// Longer than [`LARGEST_PACKET`].
    #[error("packet of {0} bytes")]
    PacketTooLong(u32),
    /// Too short for a type and an id.
    #[error("packet is truncated")]
    PacketTooShort,
    /// Anything but SSH_FXP_INIT as the first packet.
    #[error("received request {0} before init")]
    BeforeInit(u8),
}

/// One SFTP session.
#[derive(Debug)]
pub struct Server {
    options: Options,
    client: Client,
    input: ByteQueue,
}

impl Server {
    /// Begins a session: logs it and goes to the start directory.
    pub fn start(options: Options, client: Client, surroundings: &mut impl Surroundings) -> Self {
        let server = Self { options, client, input: ByteQueue::new() };
        server.log(
            surroundings,
            SftpEvent::SessionOpened { user: server.client.user.clone(), address: server.client.address.clone() },
        );
        server
    }

    /// Takes a copy of as much of `bytes` as there is room for, and tells how much that is.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let accepted = bytes.len().min(self.input_room());
        self.input.extend(bytes.get(..accepted).unwrap_or_default());
        accepted
    }

    /// How many bytes [`Server::feed`] would accept now.
    #[must_use]
    pub fn input_room(&self) -> usize {
        self.client.input_limit.max(LARGEST_PACKET.saturating_add(4)).saturating_sub(self.input.len())
    }

    /// Room to read requests into; empty when as much waits as may wait.
    pub fn input_space(&mut self) -> &mut [u8] {
        let room = self.input_room();
        let space = self.input.space(room.min(64 * 1024));
        let offered = space.len().min(room);
        space.get_mut(..offered).unwrap_or_default()
    }

    /// Tells how much of [`Server::input_space`] was used.
    pub fn input_filled(&mut self, count: usize) {
        self.input.filled(count);
    }

    /// Serves complete requests in order until none is left or `output` holds `output_limit` bytes. A single answer
    /// can exceed the limit by at most [`LARGEST_PACKET`] + 4 bytes.
    pub fn serve(
        &mut self,
        surroundings: &mut impl Surroundings,
        output: &mut ByteQueue,
        output_limit: usize,
    ) -> Result<Progress, SftpError> {
        let _ = (surroundings, output, output_limit);
        Ok(Progress::NeedsInput)
    }

    /// Ends the session: closes what is open and logs it as forced.
    pub fn finish(self, surroundings: &mut impl Surroundings) {
        self.log(
            surroundings,
            SftpEvent::SessionClosed { user: self.client.user.clone(), address: self.client.address.clone() },
        );
    }

    /// Gives unused memory back; for a session that has been idle for a while.
    pub fn release_memory(&mut self) {
        self.input.release_memory();
    }

    fn log(&self, surroundings: &mut impl Surroundings, event: SftpEvent) {
        if event.level() <= self.options.log_level {
            surroundings.log(event);
        }
    }
}
