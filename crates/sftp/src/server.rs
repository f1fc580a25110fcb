//! The server: requests in, answers out, in order.

use sftp_options::{Kind, Options};
use thiserror::Error;
use wire::Reader;

use crate::event::SftpEvent;
use crate::queue::ByteQueue;
use crate::reply;
use crate::request::Request;
use crate::serve::{Copying, Exchange, Outcome, Served, Service};
use crate::status::{Refusal, Status};
use crate::surroundings::{Client, Surroundings};

/// Largest packet in bytes, without its length field, in both directions (`limits@openssh.com`).
pub const LARGEST_PACKET: usize = 256 * 1024;
/// Bytes that one READ answers at most.
pub(crate) const LARGEST_READ: usize = 255 * 1024;
/// Bytes that one WRITE is advertised to carry.
pub(crate) const LARGEST_WRITE: usize = LARGEST_PACKET - 1024;

/// What [`Server::serve`] waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Every complete request was answered: more input is needed.
    NeedsInput,
    /// The output has reached its limit: send some of it, then serve again. No input is needed for that.
    OutputFull,
    /// A long copy on the server is under way: serve again soon, other work may go first.
    Busy,
    /// As many bytes of requests as were allowed have been served; more may wait. Serve again when more are allowed.
    Paused,
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
    user: String,
    address: String,
    input_limit: usize,
    input: ByteQueue,
    service: Service,
    initialised: bool,
    copying: Option<Copying>,
}

impl Server {
    /// Begins a session: logs it and goes to the start directory.
    pub fn start(options: Options, client: Client, surroundings: &mut impl Surroundings) -> Self {
        let opened = SftpEvent::SessionOpened { user: client.user.clone(), address: client.address.clone() };
        if opened.level() <= options.log_level {
            surroundings.log(opened);
        }
        Self {
            service: Service::start(options, &client, surroundings),
            input: ByteQueue::new(),
            input_limit: client.input_limit.max(LARGEST_PACKET.saturating_add(LENGTH_FIELD)),
            user: client.user,
            address: client.address,
            initialised: false,
            copying: None,
        }
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
        self.input_limit.saturating_sub(self.input.len())
    }

    /// Room to read requests into; empty when as much waits as may wait.
    pub fn input_space(&mut self) -> &mut [u8] {
        let room = self.input_room();
        let space = self.input.space(room.min(INPUT_SPACE));
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
        self.serve_some(surroundings, output, output_limit, usize::MAX)
    }

    /// The same for so many bytes of requests; the last request may go beyond them.
    pub fn serve_some(
        &mut self,
        surroundings: &mut impl Surroundings,
        output: &mut ByteQueue,
        output_limit: usize,
        input_limit: usize,
    ) -> Result<Progress, SftpError> {
        let served = self.serve_requests(surroundings, output, output_limit, input_limit);
        if served.is_err() {
            let event = SftpEvent::BadMessage { user: self.user.clone(), address: self.address.clone() };
            self.service.log(surroundings, event);
        }
        served
    }

    /// Ends the session: closes what is open and logs it as forced.
    pub fn finish(self, surroundings: &mut impl Surroundings) {
        self.service
            .close_everything(surroundings, SftpEvent::SessionClosed { user: self.user, address: self.address });
    }

    /// Gives unused memory back; for a session that has been idle for a while.
    pub fn release_memory(&mut self) {
        self.input.release_memory();
    }

    fn serve_requests<S: Surroundings>(
        &mut self,
        around: &mut S,
        output: &mut ByteQueue,
        output_limit: usize,
        input_limit: usize,
    ) -> Result<Progress, SftpError> {
        let mut served = 0_usize;
        loop {
            if let Some(copying) = self.copying.take() {
                let mut to = Exchange { id: copying.id, around, output };
                let served = self.service.go_on_copying(copying, &mut to);
                self.copying = settle(&self.service, served, &mut to);
                if self.copying.is_some() {
                    return Ok(Progress::Busy);
                }
            }
            let Some(packet) = next_packet(self.input.pending())? else { return Ok(Progress::NeedsInput) };
            if output.len() >= output_limit {
                return Ok(Progress::OutputFull);
            }
            if served >= input_limit {
                return Ok(Progress::Paused);
            }
            let length = packet.len().saturating_add(LENGTH_FIELD);
            let mut reader = Reader::new(packet);
            let number = reader.u8().map_err(|_| SftpError::PacketTooShort)?;
            if number == SSH_FXP_INIT {
                self.service.client_version = reader.u32().map_err(|_| SftpError::PacketTooShort)?;
                greet(&self.service, around, output);
                self.initialised = true;
            } else if self.initialised {
                let id = reader.u32().map_err(|_| SftpError::PacketTooShort)?;
                let mut to = Exchange { id, around, output };
                let served = serve_one(&mut self.service, number, &mut reader, &mut to);
                self.copying = settle(&self.service, served, &mut to);
            } else {
                return Err(SftpError::BeforeInit(number));
            }
            self.input.consumed(length);
            served = served.saturating_add(length);
        }
    }
}

/// Bytes in front of every packet that tell its length.
const LENGTH_FIELD: usize = 4;
/// Bytes of room that [`Server::input_space`] offers at least, if so much may wait.
const INPUT_SPACE: usize = 64 * 1024;
const SSH_FXP_INIT: u8 = 1;
const SSH_FXP_EXTENDED: u8 = 200;

/// The first packet, without its length, if all of it is there.
fn next_packet(input: &[u8]) -> Result<Option<&[u8]>, SftpError> {
    let Some((length, rest)) = input.split_first_chunk::<LENGTH_FIELD>() else { return Ok(None) };
    let length = u32::from_be_bytes(*length);
    match usize::try_from(length) {
        Ok(0) => Err(SftpError::PacketTooShort),
        Ok(bytes) if bytes <= LARGEST_PACKET => Ok(rest.get(..bytes)),
        _ => Err(SftpError::PacketTooLong(length)),
    }
}

fn greet(service: &Service, around: &mut impl Surroundings, output: &mut ByteQueue) {
    service.log(around, SftpEvent::ReceivedVersion { version: service.client_version });
    reply::version(output, |extension| service.refused(extension).is_none());
}

/// Recognises a request, sees whether it is permitted, takes it apart and has it done.
fn serve_one<S: Surroundings>(
    service: &mut Service,
    number: u8,
    reader: &mut Reader<'_>,
    to: &mut Exchange<'_, S>,
) -> Served {
    let kind = recognise(service, number, reader, to)?;
    service.log(to.around, SftpEvent::Received { id: to.id, request: kind });
    if let Some(refused) = service.refused(kind) {
        service.log(to.around, refused);
        return Err(Status::PermissionDenied.into());
    }
    match Request::read(kind, reader) {
        Ok(request) => service.serve(request, to),
        Err(_) => {
            service.log(to.around, SftpEvent::MalformedRequest { request: kind });
            Err(Status::BadMessage.into())
        }
    }
}

/// Theirs ignores unknown packet types; the draft wants an answer, and a client that waits for one gets it.
fn recognise<S: Surroundings>(
    service: &Service,
    number: u8,
    reader: &mut Reader<'_>,
    to: &mut Exchange<'_, S>,
) -> Result<Kind, Refusal> {
    let unknown = if number == SSH_FXP_EXTENDED {
        let name = reader.string().map_err(|_| Status::BadMessage)?;
        match Kind::with_extension_name(name) {
            Some(kind) => return Ok(kind),
            None => SftpEvent::UnknownExtension { name: name.iter().copied().take(100).collect() },
        }
    } else {
        match Kind::with_type(number) {
            Some(kind) => return Ok(kind),
            None => SftpEvent::UnknownRequest { number },
        }
    };
    service.log(to.around, unknown);
    Err(Status::OpUnsupported.into())
}

/// Answers what has not been answered yet; gives back what is still under way.
fn settle<S: Surroundings>(service: &Service, served: Served, to: &mut Exchange<'_, S>) -> Option<Copying> {
    match served {
        Ok(Outcome::Answered) => None,
        Ok(Outcome::Done) => {
            service.answer_status(Status::Ok.into(), to);
            None
        }
        Ok(Outcome::UnderWay(copying)) => Some(copying),
        Err(refusal) => {
            service.answer_status(refusal, to);
            None
        }
    }
}
