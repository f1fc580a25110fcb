//! Clients that are not OpenSSH's, set up for a server of the harness.

use std::path::PathBuf;
use std::process::{Command, Output};

use super::{Server, run, run_with_input, skipped};

/// Whether Debian's Python has a module: prints and records the test's name if not.
#[must_use]
pub fn has_python_module(test: &str, module: &str) -> bool {
    let output = run(Command::new("/usr/bin/python3").args(["-c", &format!("import {module}")]));
    if !output.status.success() {
        skipped(test, &format!("Python has no {module}"));
    }
    output.status.success()
}

impl Server {
    /// Runs a script, which finds in `sys.argv[1:]`: this server's port, the user's name, the login key, a folder.
    pub fn python(&self, script: &str) -> Output {
        run(Command::new("/usr/bin/python3").args(["-c", script]).args([
            self.port.to_string(),
            self.account.name.clone(),
            self.scratch.path("login_key").display().to_string(),
            self.scratch.path("").display().to_string(),
        ]))
    }

    /// A script behind `peer.py`, which explains itself: a client that can send any packet after its login.
    #[must_use]
    pub fn raw_peer(&self, service: u16, script: &str) -> Command {
        let mut python = Command::new("/usr/bin/python3");
        python.args(["-c", &format!("{}\n{script}", include_str!("peer.py"))]);
        python.arg(self.port.to_string()).arg(&self.account.name).arg(self.scratch.path("login_key"));
        python.arg(service.to_string());
        python
    }

    /// `plink` or `psftp` with this server's port and keys, and nothing of the tester's own; the login follows.
    #[must_use]
    pub fn putty(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("HOME", self.scratch.path("")).args(["-batch", "-P", &self.port.to_string(), "-i"]);
        command.arg(self.putty_key());
        for host in ["host_ed25519", "host_ecdsa", "host_rsa"] {
            command.args(["-hostkey", &self.fingerprint(host)]);
        }
        command
    }

    /// Feeds a batch to `psftp`; returns its output.
    pub fn psftp(&self, batch: &str) -> Output {
        let mut psftp = self.putty("psftp");
        run_with_input(psftp.args(["-b", "/dev/stdin"]).arg(self.login()), batch.as_bytes())
    }

    /// The login key in PuTTY's format.
    fn putty_key(&self) -> PathBuf {
        let path = self.scratch.path("login.ppk");
        if !path.exists() {
            let login_key = self.scratch.path("login_key");
            let made = run(Command::new("puttygen").arg(login_key).args(["-O", "private", "-o"]).arg(&path));
            assert!(made.status.success(), "{made:?}");
        }
        path
    }

    fn fingerprint(&self, key: &str) -> String {
        let output = run(Command::new("ssh-keygen").arg("-lf").arg(self.scratch.path(key)));
        String::from_utf8_lossy(&output.stdout).split_whitespace().nth(1).expect("a fingerprint").to_owned()
    }
}
