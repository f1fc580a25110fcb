//! Listening sockets that are handed over, and the process that opens them.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Command;

use sandbox::{FileAccess, keep_only_sockets};
use sys::probe::{Answer, Door, call, in_a_child};
use sys::process::Ended;

use crate::Case;
use crate::cases::{Directory, SIGSYS, accepting_session, another_user, call_locked, holds_locked, session};

pub(crate) const CASES: &[Case] = &[
    ("a_listener_that_was_handed_over_accepts_and_no_other_is_made", accepting),
    ("nobody_accepts_for_a_login_that_may_not_listen", not_accepting),
    ("what_opens_sockets_opens_sockets", opening),
    ("what_opens_sockets_does_nothing_else", opening_only),
];

fn accepting() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let path = Directory::new("accepting");
    let unix = UnixListener::bind(path.0.join("s")).unwrap();
    let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let _unix_near = std::os::unix::net::UnixStream::connect(path.0.join("s")).unwrap();
    near.write_all(b"hello").unwrap();
    let policy = accepting_session(FileAccess::None);
    let accepts = || {
        let Ok((mut far, _)) = listener.accept() else { return false };
        far.set_nodelay(true).is_ok()
            && far.read_exact(&mut [0; 5]).is_ok()
            && far.shutdown(std::net::Shutdown::Write).is_ok()
            && unix.accept().is_ok()
    };
    assert_eq!(holds_locked(&policy, &another_user(), accepts), Ok(()));
    for (name, number) in [
        ("socket", libc::SYS_socket),
        ("socketpair", libc::SYS_socketpair),
        ("connect", libc::SYS_connect),
        ("bind", libc::SYS_bind),
        ("listen", libc::SYS_listen),
        ("accept", libc::SYS_accept),
    ] {
        assert_eq!(call_locked(&policy, number, [0; 6]), Answer::Killed(SIGSYS), "{name}");
    }
    // What is accepted is never inherited by anybody.
    assert_eq!(call_locked(&policy, libc::SYS_accept4, [0; 6]), Answer::Killed(SIGSYS));
}

fn not_accepting() {
    let arguments = [0, 0, 0, libc::SOCK_CLOEXEC as u64, 0, 0];
    for files in [FileAccess::None, FileAccess::ReadWrite] {
        assert_eq!(call_locked(&session(files), libc::SYS_accept4, arguments), Answer::Killed(SIGSYS));
    }
}

/// In a directory that the other user may write to.
fn writable(name: &str) -> Directory {
    let directory = Directory::new(name);
    fs::set_permissions(&directory.0, fs::Permissions::from_mode(0o777)).unwrap();
    directory
}

fn in_opener(what: impl FnOnce() -> bool) -> Ended {
    in_a_child(|| match keep_only_sockets(&another_user()) {
        Ok(()) => i32::from(!what()),
        Err(error) => {
            eprintln!("{error}");
            2
        }
    })
    .unwrap()
}

fn opening() {
    let directory = writable("opening");
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = service.local_addr().unwrap();
    let opens = || {
        let path = directory.0.join("s");
        let resolves = || ("localhost", 80).to_socket_addrs().is_ok_and(|addresses| addresses.count() > 0);
        resolves()
            && std::thread::spawn(resolves).join().is_ok_and(|resolved| resolved)
            && TcpStream::connect(address).is_ok()
            && TcpListener::bind("127.0.0.1:0").is_ok()
            && UnixListener::bind(&path).is_ok()
            && fs::remove_file(&path).is_ok()
    };
    assert_eq!(in_opener(opens), Ended::Exited(0));
}

fn opening_only() {
    let directory = writable("opening-only");
    let existing = directory.0.join("existing");
    fs::write(&existing, "kept").unwrap();
    fs::set_permissions(&existing, fs::Permissions::from_mode(0o666)).unwrap();
    let denied = || {
        File::create(directory.0.join("new")).is_err()
            && File::options().write(true).open(&existing).is_err()
            && fs::rename(&existing, directory.0.join("moved")).is_err()
            && std::os::unix::fs::symlink("/", directory.0.join("link")).is_err()
            && fs::read("/etc/hosts").is_ok()
    };
    assert_eq!(in_opener(denied), Ended::Exited(0));
    assert_eq!(fs::read_to_string(&existing).unwrap(), "kept");
    // What is forked is killed before it executes anything.
    assert_ne!(in_opener(|| Command::new("/bin/true").status().is_ok_and(|status| status.success())), Ended::Exited(0));
    for (name, number) in [
        ("execve", libc::SYS_execve),
        ("execveat", libc::SYS_execveat),
        ("ptrace", libc::SYS_ptrace),
        ("process_vm_readv", libc::SYS_process_vm_readv),
        ("kill", libc::SYS_kill),
        ("setuid", libc::SYS_setuid),
        ("setresuid", libc::SYS_setresuid),
        ("setgroups", libc::SYS_setgroups),
        ("unshare", libc::SYS_unshare),
        ("mount", libc::SYS_mount),
        ("bpf", libc::SYS_bpf),
        ("io_uring_setup", libc::SYS_io_uring_setup),
    ] {
        let prepare = || keep_only_sockets(&another_user()).is_ok();
        assert_eq!(call(prepare, Door::Native, number, [0; 6]).unwrap(), Answer::Killed(SIGSYS), "{name}");
    }
}
