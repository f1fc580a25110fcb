//! Files over `sftp`. They lie in memory where the system offers that, so that no disk is measured: both servers read
//! and write the same file system, and what they read has been written just before.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use bulkhead_tests::run_with_input;
use nix::unistd::Uid;

use crate::place::{Place, fill};
use crate::server::{Cost, Server};

/// How often something small is done in one session, so that it is measured rather than the login.
const TIMES: usize = 10;
const FILES: usize = 1000;
const BYTES_OF_A_FILE: usize = 4096;
const ENTRIES: usize = 5000;

/// A folder of the account's with something to fetch, something to list and room to store.
pub(crate) struct Files<'p> {
    place: &'p Place,
    folder: PathBuf,
}

impl<'p> Files<'p> {
    pub(crate) fn new(place: &'p Place) -> Self {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory } else { place.account.home.as_path() };
        let folder = base.join(format!("bulkhead-bench-{}", std::process::id()));
        fs::create_dir(&folder).expect("a folder for files");
        let files = Self { place, folder };
        files.make_folder("many");
        (0..FILES).for_each(|number| fill(&files.path(&format!("many/file{number:04}")), BYTES_OF_A_FILE));
        files.make_folder("long");
        (0..ENTRIES).for_each(|number| fill(&files.path(&format!("long/an-entry-{number:05}.txt")), 10));
        files
    }

    /// One GiB to the client.
    pub(crate) fn fetch_one(&self, server: Server, cipher: &str, mebibytes: usize) -> Cost {
        fill(&self.path("one"), mebibytes << 20);
        let batch = format!("get {} /dev/null\n", self.shown("one"));
        per_gibibyte(&self.run(server, &["-c", cipher], &batch), mebibytes)
    }

    /// One GiB to the server.
    pub(crate) fn store_one(&self, server: Server, cipher: &str, mebibytes: usize) -> Cost {
        fill(&self.path("one"), mebibytes << 20);
        self.make_folder("stored");
        let batch = format!("put {} {}/one\n", self.shown("one"), self.shown("stored"));
        let cost = per_gibibyte(&self.run(server, &["-c", cipher], &batch), mebibytes);
        let stored = fs::metadata(self.path("stored/one")).expect("what was stored").len();
        assert_eq!(stored, (mebibytes as u64) << 20);
        self.remove("stored");
        cost
    }

    /// Milliseconds of CPU for a folder with small files to the client.
    pub(crate) fn fetch_many(&self, server: Server) -> f64 {
        self.make_folder("fetched");
        let batch = self.repeated(|time| format!("get -r {} {}/{time}\n", self.shown("many"), self.shown("fetched")));
        let cost = self.run(server, &[], &batch);
        self.assert_complete("fetched");
        each(&cost)
    }

    /// The same to the server.
    pub(crate) fn store_many(&self, server: Server) -> f64 {
        self.make_folder("stored");
        let batch = self.repeated(|time| format!("put -r {} {}/{time}\n", self.shown("many"), self.shown("stored")));
        let cost = self.run(server, &[], &batch);
        self.assert_complete("stored");
        each(&cost)
    }

    /// Milliseconds of CPU for one long listing.
    pub(crate) fn list(&self, server: Server) -> f64 {
        each(&self.run(server, &[], &self.repeated(|_| format!("ls -l {}\n", self.shown("long")))))
    }

    fn run(&self, server: Server, arguments: &[&str], batch: &str) -> Cost {
        let running = self.place.start(server);
        let mut command = self.place.command(&running, "sftp", &["-q", "-b", "-"]);
        command.args(arguments).arg(self.place.target());
        let start = Instant::now();
        let output = run_with_input(&mut command, batch.as_bytes());
        let seconds = start.elapsed().as_secs_f64();
        assert!(output.status.success(), "{output:?}");
        Cost { cpu_seconds: running.stop().as_secs_f64(), seconds }
    }

    fn repeated(&self, line: impl Fn(usize) -> String) -> String {
        (0..TIMES).map(line).collect()
    }

    fn assert_complete(&self, folder: &str) {
        for time in 0..TIMES {
            let there = fs::read_dir(self.path(&format!("{folder}/{time}"))).expect("a copy of the folder");
            assert_eq!(there.count(), FILES, "{folder}/{time}");
        }
        self.remove(folder);
    }

    fn make_folder(&self, name: &str) {
        let path = self.path(name);
        fs::create_dir(&path).expect("a folder");
        if Uid::effective().is_root() {
            let account = &self.place.account;
            std::os::unix::fs::chown(&path, Some(account.uid), Some(account.gid)).expect("chown");
        }
    }

    fn remove(&self, folder: &str) {
        fs::remove_dir_all(self.path(folder)).expect("a folder to remove");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

impl Drop for Files<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn per_gibibyte(cost: &Cost, mebibytes: usize) -> Cost {
    let factor = 1024.0 / mebibytes as f64;
    Cost { cpu_seconds: cost.cpu_seconds * factor, seconds: cost.seconds * factor }
}

fn each(cost: &Cost) -> f64 {
    cost.cpu_seconds * 1000.0 / TIMES as f64
}
