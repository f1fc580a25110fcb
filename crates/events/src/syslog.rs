//! Lines to syslogd as syslog(3) would write them, but never waiting long for it.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sys::local_time::local_time;

use crate::patience::Patience;
use crate::{Level, Subsystem};

/// Sockets of syslogd, the first that is there counts: the usual one, systemd's journal where `/dev/log` is missing
/// (containers), and the BSDs'.
const SOCKETS: [&str; 3] = ["/dev/log", "/run/systemd/journal/dev-log", "/var/run/log"];

/// What the lines of every process of a connection are known by, whatever its executable is called.
const IDENT: &str = "sshd";

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A way to syslogd that outlives its restarts.
#[derive(Debug)]
pub(crate) struct Syslog {
    ident: &'static str,
    candidates: Vec<PathBuf>,
    socket: Option<UnixDatagram>,
    facility: u8,
    patience: Patience,
}

impl Syslog {
    /// Syslog of this host. Nothing is opened yet.
    pub(crate) fn of_this_host(facility: u8) -> Self {
        Self::at(SOCKETS.iter().map(PathBuf::from).collect(), facility)
    }

    fn at(candidates: Vec<PathBuf>, facility: u8) -> Self {
        Self { ident: IDENT, candidates, socket: None, facility, patience: Patience::default() }
    }

    pub(crate) fn known_as(&mut self, ident: &'static str) {
        self.ident = ident;
    }

    /// Connects if it is not connected, so that the line of a process that has lost sight of the path still gets out.
    pub(crate) fn connect(&mut self) {
        if self.socket.is_none() {
            self.socket = self.candidates.iter().find_map(|path| connect(path).ok());
        }
    }

    /// Sends one line. A line that syslogd does not take in time is lost; the next one that it takes says how many.
    /// `subsystem`: whose it is, if not this process's own.
    pub(crate) fn write(&mut self, level: Level, text: &str, subsystem: Option<Subsystem>) {
        let own = Subsystem { ident: self.ident, facility: self.facility };
        let lost = self.patience.lost();
        if lost > 0 && self.send(own, Level::Error, &format!("{lost} log messages were lost")) {
            self.patience.made_up_for_losses();
        }
        if !self.send(subsystem.unwrap_or(own), level, text) {
            self.patience.line_was_lost();
        }
    }

    fn send(&mut self, from: Subsystem, level: Level, text: &str) -> bool {
        let datagram = line(from.ident, from.facility, level, SystemTime::now(), text);
        // A restarted syslogd has a new socket behind the same path: the second attempt finds it.
        for _ in 0..2 {
            self.connect();
            let Some(socket) = &self.socket else { return false };
            match send_patiently(socket, datagram.as_bytes(), &mut self.patience) {
                Ok(()) => return true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(_) => self.socket = None,
            }
        }
        false
    }
}

fn connect(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn send_patiently(socket: &UnixDatagram, datagram: &[u8], patience: &mut Patience) -> io::Result<()> {
    match socket.send(datagram) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock && patience.wait_for_room(socket.as_fd()) => {
            socket.send(datagram).map(|_| ())
        }
        outcome => outcome.map(|_| ()),
    }
}

/// `<PRI>Mon DD HH:MM:SS sshd[PID]: error: text`, with the process's ident
fn line(ident: &str, facility: u8, level: Level, moment: SystemTime, text: &str) -> String {
    let priority = u16::from(facility) * 8 + u16::from(level.severity());
    let at = local_time(moment);
    let month = MONTHS.get(usize::from(at.month)).unwrap_or(&MONTHS[0]);
    format!(
        "<{priority}>{month} {:2} {:02}:{:02}:{:02} {ident}[{}]: {}{text}",
        at.day,
        at.hour,
        at.minute,
        at.second,
        std::process::id(),
        level.prefix_in_syslog(),
    )
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::Loggable as _;

    fn socket_path(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("bulkhead-syslog-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    fn next_line(syslogd: &UnixDatagram) -> String {
        syslogd.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut buffer = [0; 8192];
        let length = syslogd.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn a_line_looks_as_the_c_library_writes_it() {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_025);
        let shown = line(IDENT, 4, Level::Error, moment, "Bind failed");
        let (head, tail) = shown.split_once(" sshd[").unwrap();
        assert_eq!(&head[..8], "<35>Nov ");
        assert_eq!(&head[head.len() - 3..], ":45");
        assert_eq!(head.len(), "<35>Nov 14 22:13:45".len());
        assert_eq!(tail, format!("{}]: error: Bind failed", std::process::id()));
        assert!(line(IDENT, 10, Level::Verbose, moment, "x").starts_with("<86>"));
        assert!(line(IDENT, 4, Level::Fatal, moment, "x").starts_with("<34>"));
        assert!(line(IDENT, 4, Level::Debug2, moment, "x").ends_with(": debug2: x"));
    }

    #[test]
    fn lines_of_a_subsystem_have_its_name_and_facility() {
        let path = socket_path("subsystem");
        let syslogd = UnixDatagram::bind(&path).unwrap();
        let mut syslog = Syslog::at(vec![path.clone()], 4);
        let sftp =
            |facility| crate::session::Event::Sftp { facility, level: Level::Info, text: String::new() }.subsystem();
        // LOCAL6 is 22. What no name means (the kernel's is 0) is no facility that a session may write to.
        for (facility, priority) in [(22, "<182>"), (0, "<38>"), (255, "<38>")] {
            syslog.write(Level::Info, "opendir", sftp(facility));
            let line = next_line(&syslogd);
            assert!(line.starts_with(priority) && line.contains(" internal-sftp["), "{line}");
        }
        syslog.write(Level::Info, "own", None);
        assert!(next_line(&syslogd).contains(" sshd["));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn it_finds_a_restarted_syslogd_again() {
        let path = socket_path("restart");
        let before = UnixDatagram::bind(&path).unwrap();
        let mut syslog = Syslog::at(vec![PathBuf::from("/nonexistent/log"), path.clone()], 4);
        syslog.write(Level::Info, "one", None);
        assert!(next_line(&before).ends_with(": one"));

        drop(before);
        std::fs::remove_file(&path).unwrap();
        syslog.write(Level::Info, "nobody listens", None);

        let after = UnixDatagram::bind(&path).unwrap();
        syslog.write(Level::Info, "two", None);
        assert!(next_line(&after).ends_with(": error: 1 log messages were lost"));
        assert!(next_line(&after).ends_with(": two"));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_syslogd_that_hangs_does_not_hold_anyone_up() {
        let path = socket_path("hang");
        let syslogd = UnixDatagram::bind(&path).unwrap();
        let mut syslog = Syslog::at(vec![path.clone()], 4);
        let start = Instant::now();
        for number in 0..3000 {
            syslog.write(Level::Info, &number.to_string(), None);
        }
        assert!(start.elapsed() < Duration::from_secs(10), "3000 lines took {:?}", start.elapsed());
        assert!(next_line(&syslogd).ends_with(": 0"));
        std::fs::remove_file(&path).unwrap();
    }
}
