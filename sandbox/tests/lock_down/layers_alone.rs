//! Each layer alone: what it refuses when the others are not there.
//!
//! Where the tests run as root the children stay root, without capabilities: so nothing here is refused because of who they are.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use caps::CapSet;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::Pid;
use sandbox::{FileAccess, Layer, Only, Policy, SandboxError, Surroundings, lock_down, lock_down_only};
use sys::identity::{Identity, is_root};
use sys::probe::in_a_child;
use sys::process::Ended;

use crate::Case;
use crate::cases::{Directory, POLICIES, another_user, session};

pub(crate) const CASES: &[Case] = &[
    ("landlock_alone_denies_files_tcp_signals_and_abstract_sockets", landlock_denies_everything),
    ("landlock_alone_lets_a_reader_read", landlock_read_only),
    ("landlock_alone_lets_a_writer_write_and_not_execute", landlock_read_write),
    ("limits_alone_leave_no_processes_files_or_bytes", limits_alone),
    ("privileges_are_gone_and_read_back", privileges_alone),
    ("root_keeps_what_its_sftp_needs", root_of_sftp),
    ("an_empty_root_is_left_by_no_path", root_alone),
    ("a_root_that_does_not_exist_is_an_error", no_root),
    ("another_user_without_being_root_is_an_error", no_identity),
    ("lock_down_twice_only_adds", twice),
];

const LANDLOCK: Only = Only { landlock: true, limits: false, seccomp: false };
const LIMITS: Only = Only { landlock: false, limits: true, seccomp: false };
const NEITHER: Only = Only { landlock: false, limits: false, seccomp: false };

/// Whether `what` holds in a child with some of the layers.
#[track_caller]
fn holds(policy: &Policy, around: &Surroundings, only: Only, what: impl FnOnce() -> bool) {
    let ended = in_a_child(|| match lock_down_only(policy, around, only) {
        Ok(_) => i32::from(!what()),
        Err(error) => {
            eprintln!("{error}");
            2
        }
    });
    assert_eq!(ended.unwrap(), Ended::Exited(0), "{policy:?}");
}

fn refused<T>(outcome: io::Result<T>, errno: i32) -> bool {
    match outcome {
        Ok(_) => {
            eprintln!("it worked");
            false
        }
        Err(error) if error.raw_os_error() == Some(errno) => true,
        Err(error) => {
            eprintln!("{error}");
            false
        }
    }
}

fn landlock_denies_everything() {
    let directory = Directory::new("landlock");
    let file = directory.0.join("file");
    fs::write(&file, b"x").unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let name = SocketAddr::from_abstract_name(format!("bulkhead-{}", std::process::id())).unwrap();
    let abstract_socket = UnixListener::bind_addr(&name).unwrap();
    for policy in [Policy::Preauth, session(FileAccess::None)] {
        holds(&policy, &Surroundings::default(), LANDLOCK, || {
            refused(File::open(&file), libc::EACCES)
                && refused(File::open("/etc/passwd"), libc::EACCES)
                && refused(fs::read_dir("/"), libc::EACCES)
                && refused(File::create(directory.0.join("new")), libc::EACCES)
                && refused(fs::create_dir(directory.0.join("d")), libc::EACCES)
                && refused(fs::remove_file(&file), libc::EACCES)
                && refused(fs::rename(&file, directory.0.join("r")), libc::EACCES)
                && refused(std::os::unix::fs::symlink("x", directory.0.join("s")), libc::EACCES)
                && refused(TcpStream::connect(address), libc::EACCES)
                && refused(TcpListener::bind("127.0.0.1:0"), libc::EACCES)
                && refused(UnixStream::connect_addr(&name), libc::EPERM)
                && kill(Pid::parent(), None) == Err(nix::Error::EPERM)
                && kill(Pid::parent(), Signal::SIGCONT) == Err(nix::Error::EPERM)
                && executes_nothing()
        });
    }
    drop(abstract_socket);
}

fn executes_nothing() -> bool {
    refused::<()>(Err(sys::process::exec(c"/bin/true", &[c"true".into()], &[])), libc::EACCES)
}

fn landlock_read_only() {
    let directory = Directory::new("landlock-read");
    let file = directory.0.join("file");
    fs::write(&file, b"content").unwrap();
    for policy in [session(FileAccess::ReadOnly), Policy::SftpServer { read_only: true }] {
        holds(&policy, &Surroundings::default(), LANDLOCK, || {
            fs::read(&file).is_ok_and(|content| content == b"content")
                && fs::read_dir(&directory.0).is_ok_and(|entries| entries.count() == 1)
                && refused(OpenOptions::new().write(true).open(&file), libc::EACCES)
                && refused(OpenOptions::new().append(true).open(&file), libc::EACCES)
                && refused(File::create(directory.0.join("new")), libc::EACCES)
                && refused(File::create(&file), libc::EACCES)
                && refused(nix::unistd::truncate(&file, 0).map_err(io::Error::from), libc::EACCES)
                && refused(fs::create_dir(directory.0.join("d")), libc::EACCES)
                && refused(fs::remove_file(&file), libc::EACCES)
                && refused(fs::hard_link(&file, directory.0.join("h")), libc::EACCES)
                && executes_nothing()
        });
    }
    assert_eq!(fs::read(&file).unwrap(), b"content");
}

fn landlock_read_write() {
    let directory = Directory::new("landlock-write");
    let path = |name: &str| directory.0.join(name);
    for policy in [session(FileAccess::ReadWrite), Policy::SftpServer { read_only: false }] {
        holds(&policy, &Surroundings::default(), LANDLOCK, || {
            fs::write(path("file"), b"content").is_ok()
                && fs::create_dir(path("inner")).is_ok()
                && fs::hard_link(path("file"), path("inner/hard")).is_ok()
                && fs::rename(path("file"), path("inner/renamed")).is_ok()
                && OpenOptions::new().write(true).truncate(true).open(path("inner/hard")).is_ok()
                && std::os::unix::fs::symlink("x", path("inner/symlink")).is_ok()
                && refused(mkfifo(&path("fifo")), libc::EACCES)
                && refused(UnixListener::bind(path("socket")), libc::EACCES)
                && fs::remove_dir_all(path("inner")).is_ok()
                && executes_nothing()
        });
    }
}

fn mkfifo(path: &std::path::Path) -> io::Result<()> {
    Ok(nix::unistd::mkfifo(path, Mode::S_IRWXU)?)
}

fn limits_alone() {
    let directory = Directory::new("limits");
    let file = File::create(directory.0.join("file")).unwrap();
    // SIGXFSZ would end the child; ignored, the write fails. Root is exempt from the number of processes, its heirs are not.
    let around = another_user();
    let ended = in_a_child(|| {
        let limited = lock_down_only(&Policy::Preauth, &around, LIMITS).is_ok();
        let no_fork = refused(std::process::Command::new("/bin/true").status(), libc::EAGAIN)
            || refused(std::process::Command::new("/bin/true").status(), libc::EMFILE);
        let no_file = refused(File::open("/dev/null"), libc::EMFILE);
        if limited && no_fork && no_file { i32::from((&file).write(b"x").is_ok()) } else { 3 }
    });
    assert!(matches!(ended, Ok(Ended::Signalled { signal: libc::SIGXFSZ, .. })), "{ended:?}");
}

fn privileges_alone() {
    // An ordinary user has no say in the bounding set, and no use for what is in it.
    let was_root = is_root();
    for policy in POLICIES {
        holds(policy, &another_user(), NEITHER, || {
            let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
            let value = |name: &str| {
                let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
                line.rsplit('\t').next().unwrap_or_default().to_owned()
            };
            let empty = |name: &str| u64::from_str_radix(&value(name), 16) == Ok(0);
            ["CapInh", "CapPrm", "CapEff", "CapAmb"].into_iter().all(empty)
                && (!was_root || empty("CapBnd"))
                && value("NoNewPrivs") == "1"
                && nix::sys::prctl::get_dumpable() == Ok(false)
        });
    }
}

fn root_of_sftp() {
    if !is_root() {
        return;
    }
    let directory = Directory::new("root");
    let theirs = directory.0.join("theirs");
    fs::write(&theirs, b"x").unwrap();
    std::os::unix::fs::chown(&theirs, Some(65534), Some(65534)).unwrap();
    fs::set_permissions(&theirs, fs::Permissions::from_mode(0o000)).unwrap();
    let root = Surroundings { identity: Some(Identity { uid: 0, gid: 0, groups: vec![0] }), ..Surroundings::default() };
    holds(&session(FileAccess::None), &root, NEITHER, || refused(File::open(&theirs), libc::EACCES));
    holds(&session(FileAccess::ReadOnly), &root, NEITHER, || {
        File::open(&theirs).is_ok() && refused(OpenOptions::new().write(true).open(&theirs), libc::EACCES)
    });
    holds(&session(FileAccess::ReadWrite), &root, NEITHER, || {
        let kept = caps::read(None, CapSet::Permitted).unwrap_or_default();
        OpenOptions::new().write(true).open(&theirs).is_ok()
            && std::os::unix::fs::chown(&theirs, Some(1), None).is_ok()
            && kept.len() == 5
            && refused(sys::identity::enter_root(&directory.0), libc::EPERM)
            && kill(Pid::from_raw(1), None).is_ok()
    });
}

fn root_alone() {
    if !is_root() {
        return;
    }
    let empty = Directory::new("empty-root");
    fs::set_permissions(&empty.0, fs::Permissions::from_mode(0o555)).unwrap();
    let around = Surroundings { empty_root: Some(empty.0.clone()), ..another_user() };
    holds(&Policy::Preauth, &around, NEITHER, || {
        fs::read_dir("/").is_ok_and(|entries| entries.count() == 0)
            && refused(File::open("/../../etc/passwd"), libc::ENOENT)
            && refused(File::create("/new"), libc::EACCES)
            && refused(sys::identity::enter_root("/".as_ref()), libc::EPERM)
    });
}

fn no_root() {
    if !is_root() {
        return;
    }
    let around = Surroundings { empty_root: Some("/nonexistent/empty".into()), ..another_user() };
    let ended = in_a_child(|| match lock_down(&Policy::Preauth, &around) {
        Err(SandboxError::Root { directory, .. }) => i32::from(directory.as_os_str() != "/nonexistent/empty"),
        _ => 2,
    });
    assert_eq!(ended.unwrap(), Ended::Exited(0));
}

fn no_identity() {
    let ended = in_a_child(|| {
        if is_root() && lock_down_only(&Policy::Preauth, &another_user(), NEITHER).is_err() {
            return 3;
        }
        let other =
            Surroundings { identity: Some(Identity { uid: 1, gid: 1, groups: vec![] }), ..Surroundings::default() };
        match lock_down(&Policy::Preauth, &other) {
            Err(SandboxError::Identity { uid: 1, .. }) => 0,
            _ => 2,
        }
    });
    assert_eq!(ended.unwrap(), Ended::Exited(0));
}

fn twice() {
    let ended = in_a_child(|| {
        let around = another_user();
        let first = lock_down_only(&session(FileAccess::ReadWrite), &around, LANDLOCK);
        let again = Surroundings { identity: None, ..around };
        let second = lock_down_only(&session(FileAccess::None), &again, LANDLOCK);
        let told = |layers: &Result<Vec<Layer>, SandboxError>| {
            layers.as_ref().is_ok_and(|layers| layers.iter().any(|layer| matches!(layer, Layer::Landlock(_))))
        };
        i32::from(!(told(&first) && told(&second) && refused(File::open("/etc/passwd"), libc::EACCES)))
    });
    assert_eq!(ended.unwrap(), Ended::Exited(0));
}
