//! What the tests with `ssh-keygen` share.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs, process};

/// A directory that goes when the test ends.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("bulkhead-keys-{name}-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn make_key(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let path = self.0.join(name);
        run(Command::new("ssh-keygen").args(["-q", "-C", "a comment"]).args(arguments).arg("-f").arg(&path));
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
