//! A real `ssh-agent` for tests.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::{run, wait_until};

/// A running `ssh-agent`.
pub struct Agent {
    /// Where it listens.
    pub socket: PathBuf,
    process: Child,
}

impl Agent {
    /// Starts one, which holds no keys yet.
    #[must_use]
    pub fn start(socket: PathBuf) -> Self {
        let mut command = Command::new("ssh-agent");
        command.arg("-D").arg("-a").arg(&socket).stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.spawn().expect("ssh-agent is installed");
        wait_until("the agent listens", || socket.exists());
        Self { socket, process }
    }

    /// Gives it one key (with its certificate, if there is one) in place of all that it holds.
    pub fn holds_only(&self, private: &Path) {
        for arguments in [vec![OsStr::new("-qD")], vec![OsStr::new("-q"), private.as_os_str()]] {
            let output = run(Command::new("ssh-add").args(arguments).env("SSH_AUTH_SOCK", &self.socket));
            assert!(output.status.success(), "ssh-add: {output:?}");
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
