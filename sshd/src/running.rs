//! The running server: found by its pid file, asked over sockets that only root and its own user can use.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown};
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;
use std::time::Duration;

use thiserror::Error;

use crate::listen::{is_from_a_master, penalties_address, reload_address};

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why there is no answer.
#[derive(Debug, Error)]
pub(crate) enum NoAnswer {
    #[error("PidFile is \"none\": the running server cannot be found")]
    NoPidFile,
    #[error("cannot read {0}: {1}; is the server running?")]
    UnreadablePidFile(String, io::Error),
    #[error("{0} holds no process id")]
    BadPidFile(String),
    #[error("process {0} does not answer: {1}")]
    Silent(i32, io::Error),
    #[error("process {0} does not belong to root or to you")]
    Stranger(i32),
}

/// The running server's process id.
pub(crate) fn pid(pid_file: Option<&Path>) -> Result<i32, NoAnswer> {
    let path = pid_file.ok_or(NoAnswer::NoPidFile)?;
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|why| NoAnswer::UnreadablePidFile(shown.clone(), why))?;
    text.trim().parse().map_err(|_| NoAnswer::BadPidFile(shown))
}

/// Has it read its configuration again; how that went.
pub(crate) fn reload(pid: i32) -> Result<String, NoAnswer> {
    ask(pid, reload_address(pid), "")
}

/// How an address stands with it.
pub(crate) fn standing_of(pid: i32, address: IpAddr) -> Result<String, NoAnswer> {
    ask(pid, penalties_address(pid), &address.to_string())
}

fn ask(pid: i32, at: io::Result<SocketAddr>, question: &str) -> Result<String, NoAnswer> {
    let silent = |why| NoAnswer::Silent(pid, why);
    let mut server = UnixStream::connect_addr(&at.map_err(silent)?).map_err(silent)?;
    if !is_from_a_master(&server) {
        return Err(NoAnswer::Stranger(pid));
    }
    server.set_read_timeout(Some(PATIENCE)).map_err(silent)?;
    if !question.is_empty() {
        server.write_all(question.as_bytes()).map_err(silent)?;
        server.shutdown(Shutdown::Write).map_err(silent)?;
    }
    let mut answer = String::new();
    server.read_to_string(&mut answer).map_err(silent)?;
    if answer.is_empty() { Err(silent(io::ErrorKind::UnexpectedEof.into())) } else { Ok(answer) }
}
