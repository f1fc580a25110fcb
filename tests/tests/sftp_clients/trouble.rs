//! When it does not go well: full disks, limits, permissions, clients that die.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use bulkhead_tests::{has_python_module, needs_program, needs_root, run, wait_until};

use crate::site::{Site, text, well};

/// A small file system of its own; let go of with its owner.
struct Small(PathBuf);

impl Small {
    /// `None` when this kernel does not know the options.
    fn mount(site: &Site, options: &str) -> Option<Self> {
        let folder = site.inbox("small");
        fs::create_dir(&folder).unwrap();
        let mounted = run(Command::new("mount").args(["-t", "tmpfs", "-o", options, "small"]).arg(&folder));
        let small = mounted.status.success().then(|| Self(folder));
        if let Some(Small(folder)) = &small {
            site.give(folder);
        }
        small
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A put that has no room fails with the protocol's own word, the session goes on, and nothing else is harmed.
#[track_caller]
fn put_without_room(site: &Site, folder: &Path) {
    let megabytes = site.server.scratch.file("megabytes", vec![7; 3 << 20]);
    let (folder, data) = (folder.display(), site.local("data"));
    let batch = format!("-put {} {folder}/large\nrm {folder}/large\nput {data} {folder}/fits\n", megabytes.display());
    let said = well(&site.server.sftp(&[], &batch));
    assert!(said.contains("Failure"), "{said}");
    assert_eq!(fs::read(format!("{folder}/fits")).unwrap(), site.data);
}

#[test]
fn a_full_disk_is_told() {
    if !needs_root("a_full_disk_is_told") {
        return;
    }
    let site = Site::new();
    let small = Small::mount(&site, "size=1m").expect("a small file system");
    put_without_room(&site, &small.0);
}

#[test]
fn a_quota_is_told() {
    if !needs_root("a_quota_is_told") {
        return;
    }
    let site = Site::new();
    let Some(small) = Small::mount(&site, "usrquota,usrquota_block_hardlimit=1m") else {
        return bulkhead_tests::skipped("a_quota_is_told", "this kernel's tmpfs has no quotas (Linux 6.6)");
    };
    put_without_room(&site, &small.0);
}

#[test]
fn a_limit_of_file_sizes_is_told() {
    if !needs_root("a_limit_of_file_sizes_is_told") || !needs_program("a_limit_of_file_sizes_is_told", "prlimit") {
        return;
    }
    let site = Site::new();
    let listener = site.server.pid().to_string();
    well(&run(Command::new("prlimit").args(["--pid", &listener, "--fsize=1000000"])));
    put_without_room(&site, &site.inbox(""));
}

#[test]
fn permission_denied_is_told() {
    if !needs_root("permission_denied_is_told") {
        return;
    }
    let site = Site::new();
    fs::write(site.inbox("roots"), "roots").unwrap();
    fs::set_permissions(site.inbox("roots"), fs::Permissions::from_mode(0o600)).unwrap();
    for command in [
        format!("put {} /etc/bulkhead-test", site.local("data")),
        format!("get {} {}", site.inbox("roots").display(), site.local("stolen")),
        format!("put {} {}", site.local("data"), site.inbox("roots").display()),
        format!("chmod 644 {}", site.inbox("roots").display()),
        "mkdir /etc/bulkhead-test".to_owned(),
        "rename /etc/hostname /etc/bulkhead-test".to_owned(),
    ] {
        let output = site.server.sftp(&[], &format!("{command}\n"));
        assert!(!output.status.success() && text(&output).contains("ermission denied"), "{command}: {}", text(&output));
    }
    assert_eq!(fs::read(site.inbox("roots")).unwrap(), b"roots");
}

/// What was acknowledged is there, whatever was still under way when the client died.
#[test]
fn a_killed_client_loses_nothing_that_was_acknowledged() {
    let test = "a_killed_client_loses_nothing_that_was_acknowledged";
    if !has_python_module(test, "paramiko") {
        return;
    }
    let site = Site::new();
    let script = r"
import sys, os, paramiko
port, user, key, scratch = int(sys.argv[1]), *sys.argv[2:5]
t = paramiko.Transport(('127.0.0.1', port)); t.connect(username=user, pkey=paramiko.Ed25519Key.from_private_key_file(key))
sftp = paramiko.SFTPClient.from_transport(t)
f = sftp.open(scratch + 'inbox/up', 'wb')
for piece in range(50):
    f.write(bytes([piece]) * 20000); f.flush()
    print(f.tell(), flush=True)
f.set_pipelined(True)
for piece in range(50): f.write(b'?' * 20000)
os.kill(os.getpid(), 9)
";
    let output = site.server.python(script);
    let acknowledged: usize = String::from_utf8_lossy(&output.stdout).lines().last().unwrap().parse().unwrap();
    assert_eq!(acknowledged, 1_000_000, "{}", text(&output));
    site.server.wait_for_log("forced close \"");
    site.server.wait_until_idle();
    let there = fs::read(site.inbox("up")).unwrap();
    assert!(there.len() >= acknowledged, "{} of {acknowledged}", there.len());
    assert!(
        there[..acknowledged]
            .chunks(20_000)
            .enumerate()
            .all(|(piece, bytes)| bytes.iter().all(|byte| usize::from(*byte) == piece))
    );
    assert!(there[acknowledged..].iter().all(|byte| *byte == b'?'));
}

#[test]
fn fsync_reaches_the_disk_before_it_is_acknowledged() {
    let test = "fsync_reaches_the_disk_before_it_is_acknowledged";
    if !needs_root(test) || !needs_program(test, "strace") {
        return;
    }
    let site = Site::new();
    let trace = site.local("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=fsync", "-o", &trace, "-p", &site.server.pid().to_string()]);
    let mut strace = strace.stderr(std::process::Stdio::null()).spawn().unwrap();
    let traced = || bulkhead_tests::status_of(site.server.pid(), "TracerPid") == strace.id().to_string();
    wait_until("strace looks on", traced);
    let output = site.server.sftp(&[], &format!("put -f {} {}\n", site.local("data"), site.inbox("up").display()));
    let _ = nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(i32::try_from(strace.id()).unwrap()),
        nix::sys::signal::Signal::SIGTERM,
    );
    let _ = strace.wait();
    well(&output);
    let seen = fs::read_to_string(trace).unwrap();
    assert!(seen.contains("fsync(") && seen.contains("= 0"), "{seen}");
    site.assert_there(&["up"]);
}
