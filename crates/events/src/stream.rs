//! The stream of events for machines (`EventLog`): lines of JSON into a file, or datagrams to a socket.
//!
//! Every process that writes opens the destination for itself, so that nothing needs to be told to sessions that live
//! for weeks: a file that was moved away is noticed at the next event, a reader that comes back is found again.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sys::errors::words;

use crate::patience::Patience;
use crate::{ConnectionFacts, Level, Loggable, json};

/// Where `EventLog` leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventDestination {
    /// A file, appended to.
    File(PathBuf),
    /// A Unix-domain datagram socket that somebody reads.
    Socket(PathBuf),
}

impl EventDestination {
    /// Whether events can be written there. A socket without a reader is no mistake: one may come.
    pub fn check(&self) -> io::Result<()> {
        match self {
            Self::File(path) => open_file(path).map(drop),
            Self::Socket(_) => Ok(()),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Socket(path) => path,
        }
    }
}

/// The stream, as far as it is open.
#[derive(Debug)]
pub(crate) struct EventStream {
    destination: EventDestination,
    open: Option<Open>,
    patience: Patience,
    /// The first thing that went wrong has been told to people.
    complained: bool,
}

#[derive(Debug)]
enum Open {
    File(File),
    Socket(UnixDatagram),
}

/// How many events were not written because nobody took them.
#[derive(Debug, Serialize)]
enum Event {
    /// This process could not write so many events before this line.
    EventsLost {
        /// How many.
        count: u64,
    },
}

impl Loggable for Event {
    const SOURCE: &'static str = "events";

    fn level(&self) -> Level {
        Level::Error
    }

    fn text(&self, _: &ConnectionFacts) -> String {
        let Self::EventsLost { count } = self;
        format!("{count} events were lost")
    }
}

impl EventStream {
    pub(crate) fn to(destination: EventDestination) -> Self {
        Self { destination, open: None, patience: Patience::default(), complained: false }
    }

    /// Writes one event. Returns what people are to be told, once: events are lost, and why.
    pub(crate) fn write(&mut self, event: &impl Loggable, facts: &ConnectionFacts) -> Option<String> {
        let now = SystemTime::now();
        let lost = self.patience.lost();
        if lost > 0 && self.send(&json(&Event::EventsLost { count: lost }, facts, now)).is_ok() {
            self.patience.made_up_for_losses();
        }
        let why = self.send(&json(event, facts, now)).err()?;
        self.patience.line_was_lost();
        let text = format!("EventLog {}: {}; events are lost", self.destination.path().display(), words(&why));
        (!std::mem::replace(&mut self.complained, true)).then_some(text)
    }

    /// What people are to be told at the end of the process.
    pub(crate) fn last_words(&self) -> Option<String> {
        let (path, lost) = (self.destination.path().display(), self.patience.lost());
        (lost > 0).then(|| format!("EventLog {path}: {lost} events were lost"))
    }

    fn send(&mut self, line: &str) -> io::Result<()> {
        if let (Some(Open::File(file)), EventDestination::File(path)) = (&self.open, &self.destination)
            && !is_still_at(file, path)
        {
            self.open = None;
        }
        // A reader that was started anew has a new socket behind the same path: the second attempt finds it.
        let first = self.try_send(line);
        match &first {
            Err(why) if why.kind() != io::ErrorKind::WouldBlock && matches!(self.open, Some(Open::Socket(_))) => {
                self.open = None;
                self.try_send(line)
            }
            _ => first,
        }
    }

    fn try_send(&mut self, line: &str) -> io::Result<()> {
        let open = match self.open.take() {
            Some(open) => open,
            None => open_at(&self.destination)?,
        };
        match self.open.insert(open) {
            Open::File(file) => write_line(file, line),
            Open::Socket(socket) => match socket.send(line.as_bytes()) {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock && self.patience.wait_for_room(socket.as_fd()) => {
                    socket.send(line.as_bytes()).map(drop)
                }
                outcome => outcome.map(drop),
            },
        }
    }
}

fn open_at(destination: &EventDestination) -> io::Result<Open> {
    match destination {
        EventDestination::File(path) => open_file(path).map(Open::File),
        EventDestination::Socket(path) => {
            let socket = UnixDatagram::unbound()?;
            socket.connect(path)?;
            socket.set_nonblocking(true)?;
            Ok(Open::Socket(socket))
        }
    }
}

/// The file must be nobody else's: what stands in it is evidence, and this process may be root. Nothing that could
/// make a writer wait is opened (a FIFO, a device).
fn open_file(path: &Path) -> io::Result<File> {
    let flags = (nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NONBLOCK).bits();
    let file = File::options().append(true).create(true).mode(0o600).custom_flags(flags).open(path)?;
    let found = file.metadata()?;
    let ours = found.uid() == nix::unistd::geteuid().as_raw();
    if !found.is_file() {
        return Err(io::Error::other("is not a regular file"));
    }
    if !ours || found.mode() & 0o022 != 0 || found.nlink() > 1 {
        return Err(io::Error::other("belongs to or can be changed by somebody else"));
    }
    Ok(file)
}

/// Log rotation moves the file away or replaces it.
fn is_still_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => (open.dev(), open.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// The whole line in one write(2), so that processes never mix theirs. What a full disk cut off is ended, so that the
/// next line is whole.
fn write_line(file: &mut File, line: &str) -> io::Result<()> {
    let line = format!("{line}\n");
    let written = file.write(line.as_bytes())?;
    if written < line.len() {
        let _ = file.write(b"\n");
        return Err(io::Error::from(io::ErrorKind::StorageFull));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::listener;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("bulkhead-events-{}-{name}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn say(stream: &mut EventStream) -> Option<String> {
        stream.write(&listener::Event::ReceivedSighup, &ConnectionFacts::none())
    }

    fn names(lines: &str) -> Vec<String> {
        let name = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].to_string();
        lines.lines().map(name).collect()
    }

    fn next_event(reader: &UnixDatagram) -> serde_json::Value {
        reader.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut buffer = [0; 4096];
        let length = reader.recv(&mut buffer).unwrap();
        serde_json::from_slice(&buffer[..length]).unwrap()
    }

    #[test]
    fn a_file_that_was_moved_away_is_begun_anew() {
        let folder = Folder::new("rotate");
        let (now, then) = (folder.path("events"), folder.path("events.1"));
        let mut stream = EventStream::to(EventDestination::File(now.clone()));
        assert_eq!(say(&mut stream), None);
        assert_eq!(std::fs::metadata(&now).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::rename(&now, &then).unwrap();
        assert_eq!(say(&mut stream), None);
        for file in [now, then] {
            assert_eq!(names(&std::fs::read_to_string(file).unwrap()), ["\"ReceivedSighup\""]);
        }
    }

    #[test]
    fn files_of_others_links_and_fifos_are_not_written() {
        let folder = Folder::new("foreign");
        let target = folder.path("target");
        std::fs::write(&target, "").unwrap();
        symlink(&target, folder.path("link")).unwrap();
        nix::unistd::mkfifo(&folder.path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::fs::write(folder.path("open"), "").unwrap();
        std::fs::set_permissions(folder.path("open"), PermissionsExt::from_mode(0o622)).unwrap();
        for name in ["link", "fifo", "open", "missing/file"] {
            assert!(EventDestination::File(folder.path(name)).check().is_err(), "{name}");
            let mut stream = EventStream::to(EventDestination::File(folder.path(name)));
            assert!(say(&mut stream).unwrap().contains("events are lost"), "{name}");
            assert_eq!(say(&mut stream), None, "said once");
            assert!(stream.last_words().unwrap().ends_with("2 events were lost"));
        }
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "");
        assert!(EventDestination::File(target).check().is_ok());
    }

    #[test]
    fn a_reader_that_is_late_learns_how_much_it_missed() {
        let folder = Folder::new("late");
        let path = folder.path("socket");
        let mut stream = EventStream::to(EventDestination::Socket(path.clone()));
        assert!(say(&mut stream).is_some());
        let reader = UnixDatagram::bind(&path).unwrap();
        assert_eq!(say(&mut stream), None);
        assert_eq!(stream.last_words(), None);
        let lost = next_event(&reader);
        assert_eq!((&lost["event"], &lost["fields"]["count"]), (&"EventsLost".into(), &1.into()));
        assert_eq!(next_event(&reader)["event"], "ReceivedSighup");
        drop(reader);
        std::fs::remove_file(&path).unwrap();
        let reader = UnixDatagram::bind(&path).unwrap();
        assert_eq!(say(&mut stream), None);
        assert_eq!(next_event(&reader)["event"], "ReceivedSighup");
    }

    #[test]
    fn a_reader_that_hangs_holds_nobody_up() {
        let folder = Folder::new("hang");
        let path = folder.path("socket");
        let _reader = UnixDatagram::bind(&path).unwrap();
        let mut stream = EventStream::to(EventDestination::Socket(path));
        let start = Instant::now();
        for _ in 0..3000 {
            say(&mut stream);
        }
        assert!(start.elapsed() < Duration::from_secs(10), "took {:?}", start.elapsed());
        assert!(stream.last_words().is_some());
    }
}
