//! Limits on what one user may use: sessions, open files, bytes a second.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use bulkhead_tests::{Server, executable_of, wait_until};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// A login that lasts until its standard input ends.
fn lasting(server: &Server, mark: &str) -> Child {
    let path = server.scratch.path(mark);
    let mut client = server.client("ssh");
    client.arg(server.login()).arg("echo up; cat").stdin(Stdio::piped()).stdout(fs::File::create(&path).unwrap());
    let client = client.stderr(Stdio::null()).spawn().unwrap();
    wait_until("somebody is logged in", || fs::read_to_string(&path).is_ok_and(|said| said == "up\n"));
    client
}

fn end(mut client: Child) {
    drop(client.stdin.take());
    client.wait().unwrap();
}

#[test]
fn a_user_is_logged_in_no_oftener_than_allowed_however_logins_end() {
    let server = Server::any("# bulkhead_config\nMaxSessionsPerUser 2\n");
    let (first, second) = (lasting(&server, "first"), lasting(&server, "second"));
    let refused = server.ssh(&["-v"], "echo never");
    assert!(!refused.status.success());
    assert!(!String::from_utf8_lossy(&refused.stdout).contains("never"));
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(told.contains("You are logged in too often"), "{told}");
    server.wait_for_log("MaxSessionsPerUser: no further session beside 2");

    // In good order.
    end(first);
    wait_until("a place is free", || server.ssh(&[], "true").status.success());
    let third = lasting(&server, "third");
    assert!(!server.ssh(&[], "true").status.success());

    // A monitor is killed: nobody gives the place back but the kernel.
    let monitors = || server.descendants().into_iter().filter(|pid| executable_of(*pid) == "sshd-monitor");
    monitors().for_each(|monitor| kill(Pid::from_raw(monitor), Signal::SIGKILL).unwrap());
    for mut client in [second, third] {
        client.wait().unwrap();
    }
    assert_eq!(server.ssh_ok(&[], "echo again"), "again\n");
}

#[test]
fn who_is_not_limited_is_not_counted_and_many_at_once_get_no_more_than_there_is() {
    let server =
        Server::any("# bulkhead_config\nMaxSessionsPerUser 3\nMatch Address 192.0.2.1\nMaxSessionsPerUser none\n");
    let path = |number: usize| server.scratch.path(format!("racer{number}"));
    let clients: Vec<Child> = (0..8)
        .map(|number| {
            let mut client = server.client("ssh");
            client.arg(server.login()).arg("echo up; cat").stdin(Stdio::piped());
            client.stdout(fs::File::create(path(number)).unwrap()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    let up = || (0..8).filter(|number| fs::read_to_string(path(*number)).is_ok_and(|said| said == "up\n")).count();
    let mut clients = clients;
    let mut ended = || clients.iter_mut().filter_map(|client| client.try_wait().unwrap()).count();
    wait_until("everybody knows", || up() + ended() == 8);
    assert_eq!(up(), 3);
    clients.into_iter().for_each(end);
}

/// A folder that the account can write.
fn inbox(server: &Server) -> PathBuf {
    let folder = server.scratch.path("inbox");
    fs::create_dir_all(&folder).unwrap();
    if nix::unistd::Uid::effective().is_root() {
        std::os::unix::fs::chown(&folder, Some(server.account.uid), Some(server.account.gid)).unwrap();
    }
    folder
}

fn seconds(act: impl FnOnce()) -> f64 {
    let start = Instant::now();
    act();
    start.elapsed().as_secs_f64()
}

#[test]
fn each_direction_is_as_slow_as_it_is_told_to_be() {
    let server = Server::any("# bulkhead_config\nSftpUploadRate 1M\nMatch LocalPort 1\nSftpDownloadRate 1K\n");
    let inbox = inbox(&server);
    let original = server.scratch.file("original", vec![b'x'; 3 << 20]);
    let there = inbox.join("there");
    let sftp = |batch: String| assert!(server.sftp(&[], &batch).status.success());
    let up = seconds(|| sftp(format!("put {} {}\n", original.display(), there.display())));
    assert!((2.0..8.0).contains(&up), "3 MiB up at 1 MiB/s in {up} s");
    assert_eq!(fs::metadata(&there).unwrap().len(), 3 << 20);
    let down = seconds(|| sftp(format!("get {} /dev/null\n", there.display())));
    assert!(down < 1.9, "3 MiB down without a limit in {down} s");

    server.scratch.file("bulkhead_config", "SftpDownloadRate 1M\n");
    server.signal(Signal::SIGHUP);
    server.wait_for_log("Received SIGHUP");
    let mut down = 0.0;
    wait_until("the new limit is in force", || {
        down = seconds(|| sftp(format!("get {} /dev/null\n", there.display())));
        down > 1.9
    });
    assert!((2.0..8.0).contains(&down), "3 MiB down at 1 MiB/s in {down} s");
    let up = seconds(|| sftp(format!("put {} {}\n", original.display(), there.display())));
    assert!(up < 1.9, "3 MiB up without a limit in {up} s");
}

#[test]
fn a_session_has_no_more_files_open_than_allowed() {
    let server = Server::any("# bulkhead_config\nSftpMaxOpenFiles 1\n");
    let inbox = inbox(&server);
    fs::create_dir(inbox.join("folder")).unwrap();
    let original = server.scratch.file("original", "text");
    // A directory that is listed is one; a file beside it would be two.
    let put = |to: &str| server.sftp(&[], &format!("ls {}\nput {} {to}\n", inbox.display(), original.display()));
    assert!(put(&inbox.join("file").display().to_string()).status.success());
    let mut script = server.client("ssh");
    script.args(["-s", &server.login(), "sftp"]);
    let output = bulkhead_tests::run_with_input(&mut script, &two_opens(&inbox.join("folder")));
    let statuses: Vec<u8> = kinds_of_answers(&output.stdout);
    assert_eq!(statuses, [2, 102, 101], "version, a handle, a failure");
    server.wait_for_log("1 handles are open");
}

/// SSH_FXP_INIT, then SSH_FXP_OPENDIR twice.
fn two_opens(path: &std::path::Path) -> Vec<u8> {
    let path = path.to_str().unwrap().as_bytes();
    let packet = |body: Vec<u8>| [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], &body].concat();
    let length = u32::try_from(path.len()).unwrap().to_be_bytes();
    let opendir = |id: u32| packet([&[11][..], &id.to_be_bytes(), &length, path].concat());
    [packet(vec![1, 0, 0, 0, 3]), opendir(1), opendir(2)].concat()
}

fn kinds_of_answers(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        kinds.push(rest[0]);
        bytes = &rest[u32::from_be_bytes(*length) as usize..];
    }
    kinds
}

#[test]
fn a_slow_session_still_answers_and_ends_at_once() {
    let server = Server::any(
        "Subsystem sftp internal-sftp -l INFO\n# bulkhead_config\nSftpDownloadRate 1K\nSftpUploadRate 1K\n",
    );
    let inbox = inbox(&server);
    fs::write(inbox.join("big"), vec![0; 8 << 20]).unwrap();
    let batch = server.scratch.file("batch", format!("get {} /dev/null\n", inbox.join("big").display()));
    let mut client = server.client("sftp");
    let client = client.arg("-b").arg(batch).arg(server.login()).stdout(Stdio::null()).process_group(0);
    let mut client = client.spawn().unwrap();
    server.wait_for_log("flags READ");
    // Its ssh with it: alone that would go on reading what nobody wants.
    killpg(Pid::from_raw(i32::try_from(client.id()).unwrap()), Signal::SIGKILL).unwrap();
    client.wait().unwrap();
    let start = Instant::now();
    server.wait_until_idle();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}
