//! A server with a folder to work in, and what must stand there afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use bulkhead_tests::{Server, run};

/// Names that make trouble: as many bytes as a name can have, and letters of several alphabets.
pub(crate) const UNICODE: &str = "naïve – 文件 🦀 it's";
/// Entries of the folder `many`.
pub(crate) const MANY: usize = 10_000;
/// Bytes of a transfer that was broken off.
const HALF: usize = 40_000;

pub(crate) struct Site {
    pub(crate) server: Server,
    /// What every client transfers.
    pub(crate) data: Vec<u8>,
}

impl Site {
    /// `inbox` is the account's, and holds `half` (the beginning of the data), `old`, and a folder `many`. Locally there
    /// are `data` and `half`.
    pub(crate) fn new() -> Self {
        let server = Server::any("Subsystem sftp internal-sftp -l DEBUG");
        let data: Vec<u8> =
            (0..100_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let data = data[..150_000].to_vec();
        fs::create_dir_all(server.scratch.path("inbox/many")).unwrap();
        for number in 0..MANY {
            fs::File::create(server.scratch.path(format!("inbox/many/entry {number:05}"))).unwrap();
        }
        for (name, content) in
            [("inbox/half", &data[..HALF]), ("inbox/old", b"old"), ("data", &data), ("half", &data[..HALF])]
        {
            fs::write(server.scratch.path(name), content).unwrap();
        }
        let site = Self { server, data };
        for name in ["", "half", "old"] {
            site.give(&site.inbox(name));
        }
        site
    }

    /// Makes something the account's.
    pub(crate) fn give(&self, path: &Path) {
        if nix::unistd::Uid::effective().is_root() {
            std::os::unix::fs::chown(path, Some(self.server.account.uid), Some(self.server.account.gid)).unwrap();
        }
    }

    pub(crate) fn inbox(&self, name: &str) -> PathBuf {
        self.server.scratch.path("inbox").join(name)
    }

    /// A file on the client's side.
    pub(crate) fn local(&self, name: &str) -> String {
        self.server.scratch.path(name).display().to_string()
    }

    /// A name of 255 bytes, the most that there can be.
    pub(crate) fn longest() -> String {
        "n".repeat(255)
    }

    #[track_caller]
    pub(crate) fn assert_there(&self, names: &[&str]) {
        for name in names {
            assert!(fs::read(self.inbox(name)).ok().as_deref() == Some(&self.data), "{name} is not as it was sent");
        }
    }

    #[track_caller]
    pub(crate) fn assert_back(&self, names: &[&str]) {
        for name in names {
            assert!(fs::read(self.local(name)).ok().as_deref() == Some(&self.data), "{name} is not as it was there");
        }
    }

    /// `link` is a link, and leads to `up`; nothing was made of `up` itself.
    #[track_caller]
    pub(crate) fn assert_linked(&self) {
        let target = fs::read_link(self.inbox("link")).expect("a link");
        assert_eq!(target.file_name(), Path::new("up").file_name(), "the arguments of SYMLINK were exchanged");
        assert!(!self.inbox("up").is_symlink());
    }
}

#[track_caller]
pub(crate) fn well(output: &Output) -> String {
    let text = text(output);
    assert!(output.status.success(), "{text}");
    text
}

pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// Runs a shell's script.
pub(crate) fn shell(script: &str) -> Output {
    run(std::process::Command::new("sh").args(["-euc", script]).env("LC_ALL", "C.UTF-8"))
}
