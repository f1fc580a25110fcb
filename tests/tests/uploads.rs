//! Uploads with OpenSSH's sftp: told to a spool directory, atomic, resumed, broken off at any moment.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bulkhead_tests::{Account, As, Server, binaries, executable_of, needs_root, run, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// A folder that the account can write.
fn inbox(server: &Server) -> PathBuf {
    let folder = server.scratch.path("inbox");
    fs::create_dir_all(&folder).unwrap();
    if nix::unistd::Uid::effective().is_root() {
        chown(&folder, Some(server.account.uid), Some(server.account.gid)).unwrap();
    }
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// The spooled events in their order. The last ones of a connection are there when its processes have ended: the client is
/// answered before the monitor has written them.
fn spooled(spool: &Path) -> Vec<Value> {
    let read = |name: &String| serde_json::from_str(&fs::read_to_string(spool.join(name)).unwrap()).unwrap();
    names(spool).iter().filter(|name| !name.starts_with('.')).map(read).collect()
}

fn sha256(path: &Path) -> String {
    let output = run(Command::new("sha256sum").arg(path));
    String::from_utf8_lossy(&output.stdout).split_whitespace().next().unwrap_or_default().to_owned()
}

/// A client that uploads 16 MiB as slowly as it is told to, and has begun.
fn slow_upload(server: &Server, to: &Path, began: impl FnMut() -> bool) -> Child {
    let big = server.scratch.file("big", vec![b'x'; 16 << 20]);
    let batch = server.scratch.file("slow-batch", format!("put {} {}\n", big.display(), to.display()));
    let mut client = server.client("sftp");
    client.args(["-l", "8000", "-b"]).arg(batch).arg(server.login());
    let client = client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the upload has begun", began);
    client
}

fn unfinished(folder: &Path) -> usize {
    names(folder).iter().filter(|name| name.starts_with(".upload-")).count()
}

#[test]
fn what_becomes_of_files_in_a_chroot_is_spooled_outside_of_it() {
    if !needs_root("what_becomes_of_files_in_a_chroot_is_spooled_outside_of_it") {
        return;
    }
    let server = Server::as_root(
        "LogLevel INFO\nForceCommand internal-sftp\nChrootDirectory @SCRATCH@\n\
         # bulkhead_config\nSftpEventSpool @SCRATCH@/spool\nSftpUploadSha256 yes\nEventLog @SCRATCH@/events\n",
    );
    let inbox = inbox(&server);
    let spool = server.scratch.path("spool");
    fs::create_dir(&spool).unwrap();
    fs::set_permissions(&spool, fs::Permissions::from_mode(0o750)).unwrap();
    let original = server.scratch.file("original", vec![7; 300_000]);
    let batch = format!(
        "put {} /inbox/part\nrename /inbox/part \"/inbox/ä whole\"\nget \"/inbox/ä whole\" /dev/null\nrm \"/inbox/ä whole\"\n",
        original.display()
    );
    let output = server.sftp(&[], &batch);
    assert!(output.status.success(), "{output:?}");
    server.wait_until_idle();
    let events = spooled(&spool);
    let told: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(told, ["Uploaded", "Renamed", "Removed"], "{events:?}");
    let upload = &events[0]["fields"];
    assert_eq!((&upload["path"], &upload["size"]), (&"/inbox/part".into(), &300_000.into()));
    assert_eq!((&upload["written"], &upload["complete"]), (&300_000.into(), &true.into()));
    assert_eq!(upload["sha256"], sha256(&original).as_str());
    assert_eq!(
        format!("{}/", upload["root"].as_str().unwrap().trim_end_matches('/')),
        server.scratch.path("").display().to_string()
    );
    assert_eq!(events[1]["fields"]["new"], "/inbox/ä whole");
    assert_eq!(events[0]["user"], server.account.name.as_str());
    let first = spool.join(&names(&spool)[0]);
    assert_eq!((fs::metadata(&first).unwrap().uid(), fs::metadata(&first).unwrap().mode() & 0o777), (0, 0o640));
    assert_eq!(names(&inbox), Vec::<String>::new());
    // The same in the stream, with the connection that it belongs to.
    let stream = fs::read_to_string(server.scratch.path("events")).unwrap();
    let of_files = stream.lines().filter(|line| line.contains(r#""source":"files""#));
    let connections = of_files.map(|line| serde_json::from_str::<Value>(line).unwrap()["connection"].clone());
    assert_eq!(connections.collect::<Vec<_>>(), vec![events[0]["connection"].clone(); 3]);
}

#[test]
fn a_spool_that_everybody_can_write_is_not_used_and_no_upload_fails_for_it() {
    let server = Server::any("# bulkhead_config\nSftpEventSpool @SCRATCH@/spool\n");
    let inbox = inbox(&server);
    let spool = server.scratch.path("spool");
    fs::create_dir(&spool).unwrap();
    fs::set_permissions(&spool, fs::Permissions::from_mode(0o777)).unwrap();
    let original = server.scratch.file("original", "text");
    let put = |name: &str| server.sftp(&[], &format!("put {} {}\n", original.display(), inbox.join(name).display()));
    assert!(put("a").status.success());
    server.wait_for_log("belongs to or can be changed by somebody else; events are lost");
    let checked =
        run(Command::new(binaries().join("sshd")).arg("-t").arg("-f").arg(server.scratch.path("sshd_config")));
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(checked.status.success() && said.contains("can be written by everybody (chmod o-w)"), "{said}");
    assert!(spooled(&spool).is_empty());
    fs::set_permissions(&spool, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(put("b").status.success());
    server.wait_until_idle();
    assert_eq!(spooled(&spool).len(), 1);
    assert_eq!(names(&inbox), ["a", "b"]);
}

#[test]
fn a_client_that_is_killed_leaves_what_was_there() {
    let server = Server::any("# bulkhead_config\nSftpAtomicUploads yes\nSftpEventSpool @SCRATCH@/spool\n");
    let (inbox, spool) = (inbox(&server), server.scratch.path("spool"));
    fs::create_dir(&spool).unwrap();
    let there = inbox.join("file");
    fs::write(&there, "old").unwrap();
    if nix::unistd::Uid::effective().is_root() {
        chown(&there, Some(server.account.uid), Some(server.account.gid)).unwrap();
    }
    let mut client = slow_upload(&server, &there, || unfinished(&inbox) == 1);
    assert_eq!(fs::read_to_string(&there).unwrap(), "old");
    client.kill().unwrap();
    client.wait().unwrap();
    wait_until("nothing is left of it", || unfinished(&inbox) == 0);
    assert_eq!(fs::read_to_string(&there).unwrap(), "old");
    wait_until("it is told of", || !spooled(&spool).is_empty());
    let told = &spooled(&spool)[0]["fields"];
    assert_eq!((&told["complete"], &told["discarded"]), (&false.into(), &true.into()), "{told}");
    server.wait_until_idle();
}

#[test]
fn a_full_disk_leaves_what_was_there_and_nobody_is_told_of_a_whole_file() {
    if !needs_root("a_full_disk_leaves_what_was_there_and_nobody_is_told_of_a_whole_file") {
        return;
    }
    let server = Server::as_root("# bulkhead_config\nSftpAtomicUploads yes\nSftpEventSpool @SCRATCH@/spool\n");
    let (inbox, spool) = (inbox(&server), server.scratch.path("spool"));
    fs::create_dir(&spool).unwrap();
    assert!(run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "small"]).arg(&inbox)).status.success());
    chown(&inbox, Some(server.account.uid), Some(server.account.gid)).unwrap();
    let there = inbox.join("file");
    fs::write(&there, "old").unwrap();
    chown(&there, Some(server.account.uid), Some(server.account.gid)).unwrap();
    let large = server.scratch.file("large", vec![7; 3 << 20]);
    let put = server.sftp(&[], &format!("put {} {}\n", large.display(), there.display()));
    wait_until("it is told of", || !spooled(&spool).is_empty());
    let (left, content) = (names(&inbox), fs::read(&there));
    assert!(run(Command::new("umount").arg("-l").arg(&inbox)).status.success());
    assert!(!put.status.success());
    assert_eq!((left, content.unwrap()), (vec!["file".to_owned()], b"old".to_vec()));
    let told = &spooled(&spool)[0]["fields"];
    assert_eq!((&told["complete"], &told["discarded"]), (&false.into(), &true.into()), "{told}");
}

#[test]
fn a_monitor_that_is_killed_takes_the_upload_along() {
    let server = Server::any("# bulkhead_config\nSftpAtomicUploads yes\n");
    let inbox = inbox(&server);
    let mut client = slow_upload(&server, &inbox.join("new"), || unfinished(&inbox) == 1);
    let monitor = server.descendants().into_iter().find(|pid| executable_of(*pid) == "sshd-monitor").unwrap();
    kill(Pid::from_raw(monitor), Signal::SIGKILL).unwrap();
    wait_until("nothing is left of it", || names(&inbox).is_empty());
    assert!(!client.wait().unwrap().success());
}

#[test]
fn whole_uploads_arrive_and_resumed_ones_go_on() {
    let server = Server::any("# bulkhead_config\nSftpAtomicUploads yes\n");
    let inbox = inbox(&server);
    let original = server.scratch.file("original", (0..200_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
    let (whole, part) = (inbox.join("whole"), inbox.join("part"));
    fs::write(&part, &fs::read(&original).unwrap()[..123_456]).unwrap();
    if nix::unistd::Uid::effective().is_root() {
        chown(&part, Some(server.account.uid), Some(server.account.gid)).unwrap();
    }
    let batch = format!(
        "put -f {0} {1}\nput -fp {0} {1}\nreput {0} {2}\n",
        original.display(),
        whole.display(),
        part.display()
    );
    let output = server.sftp(&[], &batch);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(sha256(&whole), sha256(&original));
    assert_eq!(sha256(&part), sha256(&original));
    assert_eq!(names(&inbox), ["part", "whole"]);
}

#[test]
fn it_holds_for_whom_a_match_block_says_and_in_a_jail_too() {
    let test = "it_holds_for_whom_a_match_block_says_and_in_a_jail_too";
    if !needs_root(test) {
        return;
    }
    let account = Account::create();
    let configuration = format!(
        "ForceCommand internal-sftp\n# bulkhead_config\nMatch User {}\nSftpJail @SCRATCH@inbox\nSftpAtomicUploads yes\n\
         SftpEventSpool @SCRATCH@/spool\n",
        account.name
    );
    let server = Server::start(As::Root, account, &configuration);
    let (inbox, spool) = (inbox(&server), server.scratch.path("spool"));
    fs::create_dir(&spool).unwrap();
    let mut client = slow_upload(&server, Path::new("/new"), || unfinished(&inbox) == 1);
    client.kill().unwrap();
    client.wait().unwrap();
    wait_until("nothing is left of it", || names(&inbox).is_empty());
    let original = server.scratch.file("original", "text");
    let output =
        server.sftp(&[], &format!("put {0} /sub\nput {0} /sub\nmkdir /d\nrename /sub /d/there\n", original.display()));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fs::read_to_string(inbox.join("d/there")).unwrap(), "text");
    server.wait_until_idle();
    let events = spooled(&spool);
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["fields"]["new"]), (&"Renamed".into(), &"/d/there".into()));
    assert_eq!(last["fields"]["root"], inbox.display().to_string());
}
