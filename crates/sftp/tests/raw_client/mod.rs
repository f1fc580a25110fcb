//! A client that says exactly what a test wants, to a server in this process or behind two pipes.
#![allow(dead_code)] // each test file uses a part of it

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use events::files::Event as Change;
use sftp::{ByteQueue, Client, Digest, Options, Progress, Server, SftpError, SftpEvent, Surroundings, Uploads};
use wire::{Reader, Write};

pub(crate) mod open {
    pub(crate) const READ: u32 = 1;
    pub(crate) const WRITE: u32 = 2;
    pub(crate) const APPEND: u32 = 4;
    pub(crate) const CREATE: u32 = 8;
    pub(crate) const TRUNCATE: u32 = 16;
    pub(crate) const EXCLUSIVE: u32 = 32;
}

pub(crate) const OK: u32 = 0;
pub(crate) const EOF: u32 = 1;
pub(crate) const NO_SUCH_FILE: u32 = 2;
pub(crate) const PERMISSION_DENIED: u32 = 3;
pub(crate) const FAILURE: u32 = 4;
pub(crate) const BAD_MESSAGE: u32 = 5;
pub(crate) const UNSUPPORTED: u32 = 8;

/// The way to a server.
pub(crate) trait Link {
    fn send(&mut self, bytes: &[u8]);
    /// The next packet without its length.
    fn receive(&mut self) -> Vec<u8>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Status { code: u32, text: String },
    Handle(Vec<u8>),
    Data(Vec<u8>),
    Names(Vec<Name>),
    Attributes(Attributes),
    Extended(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) name: Vec<u8>,
    pub(crate) long_name: String,
    pub(crate) attributes: Attributes,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Attributes {
    pub(crate) size: Option<u64>,
    pub(crate) owner: Option<(u32, u32)>,
    pub(crate) mode: Option<u32>,
    pub(crate) times: Option<(u32, u32)>,
}

impl Attributes {
    pub(crate) fn mode(mode: u32) -> Self {
        Self { mode: Some(mode), ..Self::default() }
    }

    fn put(&self, body: &mut Vec<u8>) {
        let flag = |there: bool, bit: u32| if there { bit } else { 0 };
        body.put_u32(
            flag(self.size.is_some(), 1)
                | flag(self.owner.is_some(), 2)
                | flag(self.mode.is_some(), 4)
                | flag(self.times.is_some(), 8),
        );
        if let Some(size) = self.size {
            body.put_u64(size);
        }
        if let Some((first, second)) = self.owner {
            body.put_u32(first);
            body.put_u32(second);
        }
        if let Some(mode) = self.mode {
            body.put_u32(mode);
        }
        if let Some((first, second)) = self.times {
            body.put_u32(first);
            body.put_u32(second);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        let flags = reader.u32().unwrap();
        let mut attributes = Self::default();
        if flags & 1 != 0 {
            attributes.size = Some(reader.u64().unwrap());
        }
        if flags & 2 != 0 {
            attributes.owner = Some((reader.u32().unwrap(), reader.u32().unwrap()));
        }
        if flags & 4 != 0 {
            attributes.mode = Some(reader.u32().unwrap());
        }
        if flags & 8 != 0 {
            attributes.times = Some((reader.u32().unwrap(), reader.u32().unwrap()));
        }
        attributes
    }
}

/// Builds the body of a request.
pub(crate) struct Body(pub(crate) Vec<u8>);

pub(crate) fn body() -> Body {
    Body(Vec::new())
}

impl Body {
    pub(crate) fn u32(mut self, value: u32) -> Self {
        self.0.put_u32(value);
        self
    }

    pub(crate) fn u64(mut self, value: u64) -> Self {
        self.0.put_u64(value);
        self
    }

    pub(crate) fn string(mut self, value: impl AsRef<[u8]>) -> Self {
        self.0.put_string(value);
        self
    }

    pub(crate) fn path(self, value: impl AsRef<Path>) -> Self {
        self.string(value.as_ref().as_os_str().as_encoded_bytes())
    }

    pub(crate) fn attributes(mut self, attributes: &Attributes) -> Self {
        attributes.put(&mut self.0);
        self
    }
}

pub(crate) struct RawClient<L> {
    pub(crate) link: L,
    next_id: u32,
    /// Name and version of what the server offers.
    pub(crate) extensions: Vec<(String, String)>,
}

impl<L: Link> RawClient<L> {
    /// Greets the server.
    pub(crate) fn new(mut link: L) -> Self {
        link.send(&packet(1, &body().u32(3).0));
        let version = link.receive();
        let mut reader = Reader::new(&version);
        assert_eq!((reader.u8(), reader.u32()), (Ok(2), Ok(3)));
        let mut extensions = Vec::new();
        while reader.remaining() > 0 {
            let mut text = || reader.utf8().unwrap().to_owned();
            extensions.push((text(), text()));
        }
        Self { link, next_id: 0, extensions }
    }

    /// Sends a request and does not wait.
    pub(crate) fn send(&mut self, number: u8, body: Body) -> u32 {
        self.next_id += 1;
        let mut whole = self.next_id.to_be_bytes().to_vec();
        whole.extend(body.0);
        self.link.send(&packet(number, &whole));
        self.next_id
    }

    /// The next answer and whose it is.
    pub(crate) fn receive(&mut self) -> (u32, Reply) {
        read_reply(&self.link.receive())
    }

    pub(crate) fn ask(&mut self, number: u8, body: Body) -> Reply {
        let asked = self.send(number, body);
        let (id, reply) = self.receive();
        assert_eq!(id, asked);
        reply
    }

    pub(crate) fn ask_extended(&mut self, name: &str, rest: Body) -> Reply {
        let mut whole = body().string(name);
        whole.0.extend(rest.0);
        self.ask(200, whole)
    }

    /// The status of a request that has nothing else to answer.
    pub(crate) fn status(&mut self, number: u8, body: Body) -> u32 {
        self.ask(number, body).status()
    }

    pub(crate) fn status_extended(&mut self, name: &str, body: Body) -> u32 {
        self.ask_extended(name, body).status()
    }

    pub(crate) fn open(&mut self, path: impl AsRef<Path>, flags: u32) -> Result<Vec<u8>, u32> {
        self.open_with(path, flags, &Attributes::default())
    }

    pub(crate) fn open_with(
        &mut self,
        path: impl AsRef<Path>,
        flags: u32,
        attributes: &Attributes,
    ) -> Result<Vec<u8>, u32> {
        self.ask(3, body().path(path).u32(flags).attributes(attributes)).handle()
    }

    pub(crate) fn close(&mut self, handle: &[u8]) -> u32 {
        self.status(4, body().string(handle))
    }

    pub(crate) fn read(&mut self, handle: &[u8], offset: u64, length: u32) -> Result<Vec<u8>, u32> {
        match self.ask(5, body().string(handle).u64(offset).u32(length)) {
            Reply::Data(bytes) => Ok(bytes),
            other => Err(other.status()),
        }
    }

    pub(crate) fn write(&mut self, handle: &[u8], offset: u64, bytes: &[u8]) -> u32 {
        self.status(6, body().string(handle).u64(offset).string(bytes))
    }

    pub(crate) fn stat(&mut self, path: impl AsRef<Path>) -> Result<Attributes, u32> {
        self.ask(17, body().path(path)).attributes()
    }

    pub(crate) fn lstat(&mut self, path: impl AsRef<Path>) -> Result<Attributes, u32> {
        self.ask(7, body().path(path)).attributes()
    }

    pub(crate) fn fstat(&mut self, handle: &[u8]) -> Result<Attributes, u32> {
        self.ask(8, body().string(handle)).attributes()
    }

    pub(crate) fn setstat(&mut self, path: impl AsRef<Path>, attributes: &Attributes) -> u32 {
        self.status(9, body().path(path).attributes(attributes))
    }

    pub(crate) fn opendir(&mut self, path: impl AsRef<Path>) -> Result<Vec<u8>, u32> {
        self.ask(11, body().path(path)).handle()
    }

    pub(crate) fn remove(&mut self, path: impl AsRef<Path>) -> u32 {
        self.status(13, body().path(path))
    }

    pub(crate) fn mkdir(&mut self, path: impl AsRef<Path>, attributes: &Attributes) -> u32 {
        self.status(14, body().path(path).attributes(attributes))
    }

    pub(crate) fn rmdir(&mut self, path: impl AsRef<Path>) -> u32 {
        self.status(15, body().path(path))
    }

    pub(crate) fn realpath(&mut self, path: impl AsRef<Path>) -> Result<String, u32> {
        self.ask(16, body().path(path)).one_name()
    }

    pub(crate) fn rename(&mut self, old: impl AsRef<Path>, new: impl AsRef<Path>) -> u32 {
        self.status(18, body().path(old).path(new))
    }

    pub(crate) fn readlink(&mut self, path: impl AsRef<Path>) -> Result<String, u32> {
        self.ask(19, body().path(path)).one_name()
    }

    /// All entries of a directory and how many answers they took.
    pub(crate) fn list(&mut self, path: impl AsRef<Path>) -> (Vec<Name>, usize) {
        let handle = self.opendir(path).unwrap();
        let mut all = Vec::new();
        let mut answers = 0;
        loop {
            match self.ask(12, body().string(&handle)) {
                Reply::Names(mut names) => all.append(&mut names),
                end => {
                    assert_eq!(end, Reply::Status { code: EOF, text: "End of file".into() });
                    assert_eq!(self.close(&handle), OK);
                    return (all, answers);
                }
            }
            answers += 1;
        }
    }
}

impl Reply {
    pub(crate) fn status(self) -> u32 {
        match self {
            Self::Status { code, .. } => code,
            other => panic!("not a status: {other:?}"),
        }
    }

    pub(crate) fn handle(self) -> Result<Vec<u8>, u32> {
        match self {
            Self::Handle(handle) => Ok(handle),
            other => Err(other.status()),
        }
    }

    pub(crate) fn attributes(self) -> Result<Attributes, u32> {
        match self {
            Self::Attributes(attributes) => Ok(attributes),
            other => Err(other.status()),
        }
    }

    pub(crate) fn extended(self) -> Result<Vec<u8>, u32> {
        match self {
            Self::Extended(rest) => Ok(rest),
            other => Err(other.status()),
        }
    }

    pub(crate) fn one_name(self) -> Result<String, u32> {
        match self {
            Self::Names(names) => {
                assert_eq!(names.len(), 1);
                assert_eq!(names[0].name, names[0].long_name.as_bytes());
                assert_eq!(names[0].attributes, Attributes::default());
                Ok(names[0].long_name.clone())
            }
            other => Err(other.status()),
        }
    }
}

pub(crate) fn packet(number: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(rest.len() + 1).unwrap().to_be_bytes().to_vec();
    bytes.push(number);
    bytes.extend(rest);
    bytes
}

fn read_reply(packet: &[u8]) -> (u32, Reply) {
    let mut reader = Reader::new(packet);
    let number = reader.u8().unwrap();
    let id = reader.u32().unwrap();
    let reply = match number {
        101 => {
            let (code, text, language) =
                (reader.u32().unwrap(), reader.utf8().unwrap().to_owned(), reader.utf8().unwrap());
            assert_eq!(language, "");
            Reply::Status { code, text }
        }
        102 => Reply::Handle(reader.string().unwrap().to_vec()),
        103 => Reply::Data(reader.string().unwrap().to_vec()),
        104 => Reply::Names((0..reader.u32().unwrap()).map(|_| read_name(&mut reader)).collect()),
        105 => Reply::Attributes(Attributes::read(&mut reader)),
        201 => Reply::Extended(reader.rest().to_vec()),
        other => panic!("answer of type {other}"),
    };
    reader.finish().unwrap();
    (id, reply)
}

fn read_name(reader: &mut Reader<'_>) -> Name {
    Name {
        name: reader.string().unwrap().to_vec(),
        long_name: String::from_utf8_lossy(reader.string().unwrap()).into_owned(),
        attributes: Attributes::read(reader),
    }
}

/// A server in this process.
pub(crate) struct InProcess {
    pub(crate) server: Option<Server>,
    pub(crate) host: Host,
    output: ByteQueue,
    received: VecDeque<u8>,
}

/// Everything that a server asks its process for.
#[derive(Default)]
pub(crate) struct Host {
    pub(crate) events: Vec<SftpEvent>,
    pub(crate) names_asked_for: usize,
    pub(crate) changes: Vec<Change>,
}

/// The content itself, so that a test sees what was summed up.
#[derive(Debug, Default)]
struct Content(Vec<u8>);

impl Digest for Content {
    fn update(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(self: Box<Self>) -> String {
        String::from_utf8(self.0).unwrap()
    }
}

impl Surroundings for Host {
    fn log(&mut self, event: SftpEvent) {
        self.events.push(event);
    }

    fn user_name(&mut self, uid: u32) -> Option<String> {
        self.names_asked_for += 1;
        (uid != 4321).then(|| format!("user{uid}"))
    }

    fn group_name(&mut self, gid: u32) -> Option<String> {
        self.names_asked_for += 1;
        (gid != 4321).then(|| format!("group{gid}"))
    }

    fn home_of(&mut self, user: &str) -> Option<PathBuf> {
        (user == "bob").then(|| PathBuf::from("/home/bob"))
    }

    fn file_changed(&mut self, change: Change) {
        self.changes.push(change);
    }

    fn new_digest(&self) -> Option<Box<dyn Digest>> {
        Some(Box::<Content>::default())
    }
}

impl InProcess {
    pub(crate) fn start(options: Options, open_handles: u32) -> Self {
        Self::with_uploads(options, open_handles, 1000, Uploads::default())
    }

    pub(crate) fn with_uploads(options: Options, open_handles: u32, uid: u32, uploads: Uploads) -> Self {
        let mut host = Host::default();
        let client = Client {
            user: "ann".into(),
            uid,
            uploads,
            home: "/home/ann".into(),
            jail: None,
            address: "192.0.2.7".into(),
            open_handles: sftp::HandleLimit::new(open_handles),
            input_limit: 0,
        };
        let server = Some(Server::start(options, client, &mut host));
        Self { server, host, output: ByteQueue::new(), received: VecDeque::new() }
    }

    /// Serves what it can with so much room for answers and takes the answers.
    pub(crate) fn serve(&mut self, output_limit: usize) -> Result<Progress, SftpError> {
        let progress = self.server.as_mut().unwrap().serve(&mut self.host, &mut self.output, output_limit);
        assert!(self.output.len() <= output_limit + sftp::LARGEST_PACKET + 4, "bounded");
        self.received.extend(self.output.pending());
        self.output.consumed(self.output.len());
        progress
    }

    pub(crate) fn finish(&mut self) {
        self.server.take().unwrap().finish(&mut self.host);
    }

    /// The lines logged so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.host.events.iter().map(SftpEvent::text).collect()
    }
}

impl Link for InProcess {
    fn send(&mut self, bytes: &[u8]) {
        let accepted = self.server.as_mut().unwrap().feed(bytes);
        assert_eq!(accepted, bytes.len());
    }

    fn receive(&mut self) -> Vec<u8> {
        loop {
            if let Some(length) = self.received.iter().take(4).copied().collect::<Vec<_>>().first_chunk::<4>() {
                let length = u32::from_be_bytes(*length) as usize;
                if self.received.len() >= 4 + length {
                    self.received.drain(..4);
                    return self.received.drain(..length).collect();
                }
            }
            let progress = self.serve(1 << 16).unwrap();
            assert!(progress != Progress::NeedsInput || !self.received.is_empty(), "the server has nothing to say");
        }
    }
}

/// A directory of its own for a test; removed with everything in it.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("bulkhead-sftp-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        Self(directory.canonicalize().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What clients have closed even to its owner, who may not be root.
        let _ = std::process::Command::new("chmod").args(["-R", "u+rwX"]).arg(&self.0).status();
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Options that start in `directory` and log everything up to VERBOSE.
pub(crate) fn options_in(directory: &Path) -> Options {
    Options {
        start_directory: Some(directory.as_os_str().as_encoded_bytes().to_vec()),
        log_level: events::Level::Verbose,
        ..Options::default()
    }
}

pub(crate) fn client_in(directory: &Path) -> RawClient<InProcess> {
    RawClient::new(InProcess::start(options_in(directory), 1000))
}
