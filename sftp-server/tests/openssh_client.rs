//! OpenSSH's own `sftp`, talking to the program directly (`sftp -D`).
#![forbid(unsafe_code)]

#[path = "../../crates/sftp/tests/raw_client/mod.rs"]
mod raw_client;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use raw_client::Scratch;

/// `near` is where the client is, `far` where the server starts.
struct Place {
    scratch: Scratch,
}

impl Place {
    /// `None` when the client is not installed.
    fn new(test: &str) -> Option<Self> {
        if !bulkhead_tests::needs_program(test, "sftp") {
            return None;
        }
        let scratch = Scratch::new();
        fs::create_dir(scratch.path("near")).unwrap();
        fs::create_dir(scratch.path("far")).unwrap();
        Some(Self { scratch })
    }

    fn near(&self, name: &str) -> PathBuf {
        self.scratch.path("near").join(name)
    }

    fn far(&self, name: &str) -> PathBuf {
        self.scratch.path("far").join(name)
    }

    /// Runs a batch with server options. The client gives the server no arguments of its own, so a script does.
    fn batch(&self, server_options: &str, commands: &str) -> Output {
        let script = self.scratch.path("server");
        let program = env!("CARGO_BIN_EXE_sftp-server");
        let far = self.scratch.path("far");
        fs::write(&script, format!("#!/bin/sh\nexec {program} -e -d '{}' {server_options}\n", far.display())).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let mut client = Command::new("sftp")
            .args(["-q", "-b", "-", "-D"])
            .arg(&script)
            .current_dir(self.scratch.path("near"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        client.stdin.take().unwrap().write_all(commands.as_bytes()).unwrap();
        client.wait_with_output().unwrap()
    }

    /// A batch that must succeed; its standard output.
    fn ok(&self, commands: &str) -> String {
        let output = self.batch("", commands);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }
}

fn noise(bytes: usize) -> Vec<u8> {
    (0..bytes as u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn files_travel_both_ways() {
    let Some(place) = Place::new("files_travel_both_ways") else { return };
    fs::write(place.near("large"), noise(20_000_001)).unwrap();
    fs::write(place.near("empty"), "").unwrap();
    place.ok("put large\nput empty\nget large back\nget empty nothing\n");
    assert!(fs::read(place.far("large")).unwrap() == noise(20_000_001));
    assert!(fs::read(place.near("back")).unwrap() == noise(20_000_001));
    assert_eq!(fs::metadata(place.near("nothing")).unwrap().len(), 0);
}

#[test]
fn trees_travel_both_ways_with_their_modes_and_times() {
    let Some(place) = Place::new("trees_travel_both_ways_with_their_modes_and_times") else { return };
    for number in 0..300 {
        let directory = place.near(&format!("tree/{}/sub", number % 7));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(format!("file {number} ü")), noise(number * 97)).unwrap();
    }
    let script = place.near("tree/0/sub/file 0 ü");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o751)).unwrap();
    fs::File::open(&script)
        .unwrap()
        .set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_234_567_890))
        .unwrap();
    place.ok("put -Rp tree\nget -Rp tree again\n");
    let same = Command::new("diff").arg("-r").arg(place.near("tree")).arg(place.near("again")).status().unwrap();
    assert!(same.success());
    let there = fs::metadata(place.far("tree/0/sub/file 0 ü")).unwrap();
    assert_eq!((there.permissions().mode() & 0o777, there.mtime()), (0o751, 1_234_567_890));
}

#[test]
fn interrupted_transfers_are_resumed_and_files_grow() {
    let Some(place) = Place::new("interrupted_transfers_are_resumed_and_files_grow") else { return };
    let content = noise(3_000_000);
    fs::write(place.near("up"), &content).unwrap();
    fs::write(place.far("up"), &content[..1_234_567]).unwrap();
    fs::write(place.far("down"), &content).unwrap();
    fs::write(place.near("down"), &content[..777_777]).unwrap();
    place.ok("reput up\nreget down\n");
    assert!(fs::read(place.far("up")).unwrap() == content);
    assert!(fs::read(place.near("down")).unwrap() == content);
    fs::write(place.near("line"), "first\n").unwrap();
    place.ok("put line log\n");
    fs::write(place.near("line"), "first\nsecond\n").unwrap();
    place.ok("put -a line log\n");
    assert_eq!(fs::read_to_string(place.far("log")).unwrap(), "first\nsecond\n");
}

#[test]
fn names_are_made_changed_and_removed() {
    let Some(place) = Place::new("names_are_made_changed_and_removed") else { return };
    fs::write(place.near("file"), "content").unwrap();
    place.ok("put file\nmkdir dir\nrename file dir/moved\nsymlink moved dir/soft\nln dir/moved dir/hard\nchmod 600 dir/moved\n");
    assert_eq!(fs::read_link(place.far("dir/soft")).unwrap().as_os_str(), "moved", "and not the other way round");
    let moved = fs::metadata(place.far("dir/moved")).unwrap();
    assert_eq!((moved.nlink(), moved.permissions().mode() & 0o777), (2, 0o600));
    place.ok("put file other\nrename other dir/moved\n"); // posix-rename: over what is there
    assert_eq!(fs::metadata(place.far("dir/hard")).unwrap().nlink(), 1);
    if nix::unistd::geteuid().is_root() {
        place.ok("chown 1234 dir/hard\nchgrp 4321 dir/hard\nchown -h 77 dir/soft\n");
        let hard = fs::metadata(place.far("dir/hard")).unwrap();
        assert_eq!((hard.uid(), hard.gid()), (1234, 4321));
        assert_eq!(fs::symlink_metadata(place.far("dir/soft")).unwrap().uid(), 77);
    }
    place.ok("rm dir/soft\nrm dir/hard\nrm dir/moved\nrmdir dir\n");
    assert_eq!(fs::read_dir(place.far("")).unwrap().count(), 0);
}

#[test]
fn directories_and_file_systems_are_shown() {
    let Some(place) = Place::new("directories_and_file_systems_are_shown") else { return };
    fs::write(place.far("größe"), noise(54_321)).unwrap();
    fs::create_dir(place.far("sub")).unwrap();
    let said = place.ok("pwd\ncd sub\npwd\ncd ..\nls -la\nls -n\ndf\ndf -hi\n");
    let far = place.far("");
    let far = far.to_str().unwrap().trim_end_matches('/');
    assert!(said.contains(&format!("Remote working directory: {far}/sub\n")), "{said}");
    assert!(said.contains("drwx") && said.contains(" 54321 "), "{said}");
    assert!(said.contains("%Capacity"), "{said}");
}

#[test]
fn ten_thousand_names_and_the_longest() {
    let Some(place) = Place::new("ten_thousand_names_and_the_longest") else { return };
    for number in 0..10_000 {
        fs::write(place.far(&format!("file-{number}")), "").unwrap();
    }
    let longest = "ö".repeat(127) + "x";
    fs::write(place.far(&longest), "long").unwrap();
    let said = place.ok(&format!("ls -1\nget {longest}\nrm {longest}\n"));
    assert_eq!(said.lines().filter(|line| line.starts_with("file-")).count(), 10_000);
    assert_eq!(fs::read(place.near(&longest)).unwrap(), b"long");
    assert!(!place.far(&longest).exists());
}

#[test]
fn files_of_more_than_four_gibibytes_with_holes() {
    let Some(place) = Place::new("files_of_more_than_four_gibibytes_with_holes") else { return };
    const SIZE: u64 = (4 << 30) + (1 << 20) + 5;
    // The rest is resumed behind the fourth gibibyte, so that the test reads and writes a mebibyte only.
    let file = fs::File::create(place.far("far-sparse")).unwrap();
    file.set_len(SIZE).unwrap();
    file.write_all_at(b"the end", SIZE - 7).unwrap();
    fs::File::create(place.near("far-sparse")).unwrap().set_len(4 << 30).unwrap();
    place.ok("reget far-sparse\n");
    let back = fs::File::open(place.near("far-sparse")).unwrap();
    let mut end = [0; 7];
    back.read_exact_at(&mut end, SIZE - 7).unwrap();
    assert_eq!((back.metadata().unwrap().len(), &end), (SIZE, b"the end"));
}

#[test]
fn a_read_only_server_is_left_as_it_is() {
    let Some(place) = Place::new("a_read_only_server_is_left_as_it_is") else { return };
    fs::write(place.far("file"), "content").unwrap();
    fs::write(place.near("file"), "other").unwrap();
    for command in
        ["put file", "put file new", "rm file", "mkdir new", "rename file new", "chmod 600 file", "ln -s file new"]
    {
        let output = place.batch("-R", &format!("{command}\n"));
        assert!(!output.status.success(), "{command}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("Permission denied") || said.contains("denied"), "{command}: {said}");
    }
    assert!(place.batch("-R", "get file got\n").status.success());
    assert_eq!(fs::read(place.near("got")).unwrap(), b"content");
    assert_eq!(fs::read_dir(place.far("")).unwrap().count(), 1);
}

#[test]
fn messages_that_users_see() {
    let Some(place) = Place::new("messages_that_users_see") else { return };
    let said = |command: &str| String::from_utf8_lossy(&place.batch("", &format!("{command}\n")).stderr).into_owned();
    fs::create_dir(place.far("dir")).unwrap();
    fs::write(place.far("dir/file"), "x").unwrap();
    assert!(said("get missing").contains("not found"), "{}", said("get missing"));
    assert!(said("rm missing").contains("No such file or directory"), "{}", said("rm missing"));
    assert!(said("rmdir dir").contains("Failure"), "{}", said("rmdir dir"));
    assert!(said("mkdir dir").contains("Failure"), "{}", said("mkdir dir"));
    assert!(place.batch("-P mkdir", "mkdir new\n").stderr.windows(17).any(|window| window == b"Permission denied"));
}
