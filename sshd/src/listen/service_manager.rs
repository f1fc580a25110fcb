//! What a service manager is told and what it gives (sd_notify(3), sd_listen_fds(3)).

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::net::TcpListener;
use std::os::fd::RawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use super::sockets::Listening;

/// Number of the first socket that a service manager passes.
const FIRST_PASSED: RawFd = 3;

/// More sockets than this are not passed.
const MOST_PASSED: RawFd = 256;

/// Tells the service manager about the state of this service; silently does nothing without one.
#[derive(Debug)]
pub(crate) struct ServiceManager {
    notify_socket: Option<OsString>,
}

impl ServiceManager {
    pub(crate) fn from_environment() -> Self {
        Self { notify_socket: env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty()) }
    }

    /// Connections are accepted.
    pub(crate) fn ready(&self) {
        self.tell("READY=1\nSTATUS=Accepting connections");
    }

    /// A new configuration is being looked at.
    pub(crate) fn reloading(&self) {
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={}", sys::clock::monotonic().as_micros()));
    }

    /// The new configuration was refused: `systemctl status` shows why.
    pub(crate) fn still_ready(&self, why: &str) {
        self.tell(&format!("READY=1\nSTATUS=Reload failed, the configuration stays as it was: {}", one_line(why)));
    }

    /// The service ends.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    fn tell(&self, state: &str) {
        // Nobody is served worse because a service manager does not listen.
        if let Some(path) = &self.notify_socket {
            let _ = send(path, state.as_bytes());
        }
    }
}

fn send(path: &OsStr, state: &[u8]) -> io::Result<()> {
    let address = match path.as_bytes().split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(path)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(state, &address)?;
    Ok(())
}

fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// Closes what whoever started us has left open by mistake, so that nobody waits for the end of a pipe that a server
/// holds for ever. The standard descriptors and the sockets of a service manager stay. To be called before this process
/// has opened anything.
pub(crate) fn close_what_was_left_open() {
    sys::fd::close_all_from(FIRST_PASSED + passed_count());
}

/// Sockets that the service manager has opened for this process (`LISTEN_FDS`), each listening. They replace Port and
/// ListenAddress. To be called once.
pub(crate) fn passed_sockets() -> io::Result<Vec<Listening>> {
    (FIRST_PASSED..FIRST_PASSED + passed_count())
        .map(|number| {
            let socket = TcpListener::from(sys::fd::adopt(number)?);
            let at = socket.local_addr()?;
            socket.set_nonblocking(true)?;
            Ok(Listening { at, socket })
        })
        .collect()
}

fn passed_count() -> RawFd {
    let number = |name: &str| env::var(name).ok().and_then(|value| value.parse::<u32>().ok());
    if number("LISTEN_PID") != Some(std::process::id()) {
        return 0;
    }
    let count = number("LISTEN_FDS").and_then(|count| RawFd::try_from(count).ok()).unwrap_or(0);
    count.min(MOST_PASSED)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_service_manager_hears_when_connections_are_accepted() {
        let path = env::temp_dir().join(format!("bulkhead-notify-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut buffer = [0; 200];
        let service = ServiceManager { notify_socket: Some(path.clone().into_os_string()) };
        service.ready();
        let length = manager.recv(&mut buffer).unwrap();
        assert!(buffer[..length].starts_with(b"READY=1\n"));
        service.reloading();
        let length = manager.recv(&mut buffer).unwrap();
        assert!(buffer[..length].starts_with(b"RELOADING=1\nMONOTONIC_USEC="));
        service.still_ready("file line 3:\nREADY=0");
        let length = manager.recv(&mut buffer).unwrap();
        assert!(!buffer[..length].windows(8).any(|bytes| bytes == b"\nREADY=0"));
        std::fs::remove_file(&path).unwrap();
        service.ready();
    }
}
