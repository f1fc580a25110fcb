//! What the processes really do, done under the real filter.

use std::fs::{self, File};
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

use aws_lc_rs::{aead, agreement, digest, hmac, kem, rand};
use nix::dir::Dir;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, RenameFlags, openat, readlinkat, renameat, renameat2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{
    FchmodatFlags, Mode, UtimensatFlags, fchmod, fchmodat, fstat, fstatat, futimens, mkdirat, umask, utimensat,
};
use nix::sys::statvfs::fstatvfs;
use nix::sys::time::TimeSpec;
use nix::sys::uio::{pread, pwrite};
use nix::unistd::{Uid, UnlinkatFlags, chdir, fchown, fchownat, fsync, ftruncate, getcwd, linkat, symlinkat, unlinkat};
use sandbox::{FileAccess, Layer, Policy, Surroundings, layers};
use sys::fd::{open_devnull, pipe, receive_with_fds, send_with_fds, seqpacket_pair};
use sys::identity::is_root;
use sys::process::Ended;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::Case;
use crate::cases::{Directory, POLICIES, another_user, holds_locked, session};

pub(crate) const CASES: &[Case] = &[
    ("every_layer_is_told", layers_are_told),
    ("a_locked_process_talks_to_its_peer_and_its_monitor", talking),
    ("malloc_works_locked", malloc),
    ("key_exchange_and_ciphers_work_before_login", crypto),
    ("an_event_loop_made_before_works_after", event_loop),
    ("a_terminal_is_sized_and_set", terminal),
    ("a_reader_reads_files", reading),
    ("a_writer_changes_files", writing),
    ("sftp_server_logs_and_asks_for_names", names_and_log),
    ("a_title_is_changed", title),
    ("a_violation_is_named", violation_is_named),
    ("main_can_return", main_can_return),
];

fn layers_are_told() {
    for policy in POLICIES {
        let told = holds_locked(policy, &another_user(), || {
            let held = layers();
            let has = |wanted: fn(&Layer) -> bool| held.iter().any(wanted);
            has(|layer| matches!(layer, Layer::Landlock(1..)))
                && has(|layer| *layer == Layer::Seccomp)
                && has(|layer| *layer == Layer::Limits)
                && has(|layer| *layer == Layer::Privileges)
        });
        assert_eq!(told, Ok(()), "{policy:?}");
    }
}

fn talking() {
    let empty = Directory::new("empty");
    let around = Surroundings { empty_root: is_root().then(|| empty.0.clone()), ..another_user() };
    let (link, monitor) = seqpacket_pair().unwrap();
    let (connection, mut peer) = UnixStream::pair().unwrap();
    let null = open_devnull().unwrap();
    peer.write_all(b"SSH-2.0-peer\r\n").unwrap();
    send_with_fds(monitor.as_fd(), b"an answer", &[]).unwrap();
    let preauth_talks = || {
        let mut line = [0; 64];
        both_ready(&link, &connection)
            && sys::fd::read(connection.as_fd(), &mut line).is_ok_and(|length| length == 14)
            && sys::fd::write(connection.as_fd(), b"more").is_ok_and(|length| length == 4)
            && receive_with_fds(link.as_fd(), &mut [0; 64], 1).is_ok_and(|(length, _)| length == 9)
            && send_with_fds(link.as_fd(), b"a request", &[]).is_ok()
            && sys::clock::monotonic() > Duration::ZERO
            && sys::random::random_bytes(&mut [0; 32]).is_ok()
    };
    assert_eq!(holds_locked(&Policy::Preauth, &around, preauth_talks), Ok(()));

    peer.write_all(b"SSH-2.0-peer\r\n").unwrap();
    send_with_fds(monitor.as_fd(), b"an answer", &[null.as_fd()]).unwrap();
    let session_talks = || {
        let mut parts = [[0; 10], [0; 10]];
        let [first, second] = &mut parts;
        // By std, which reads and writes sockets with recvfrom and sendto.
        both_ready(&link, &connection)
            && (&connection).read(&mut [0; 4]).is_ok_and(|length| length == 4)
            && (&connection)
                .read_vectored(&mut [IoSliceMut::new(first), IoSliceMut::new(second)])
                .is_ok_and(|length| length == 10)
            && (&connection).write(b"more").is_ok_and(|length| length == 4)
            && sys::fd::writev(connection.as_fd(), &[IoSlice::new(b"SSH-"), IoSlice::new(b"2.0")]).is_ok()
            && connection.shutdown(std::net::Shutdown::Write).is_ok()
            && receive_with_fds(link.as_fd(), &mut [0; 64], 1).is_ok_and(|(_, fds)| fds.len() == 1)
    };
    assert_eq!(holds_locked(&session(FileAccess::None), &around, session_talks), Ok(()));
}

fn both_ready(link: &OwnedFd, connection: &UnixStream) -> bool {
    let mut ready = [PollFd::new(link.as_fd(), PollFlags::POLLIN), PollFd::new(connection.as_fd(), PollFlags::POLLIN)];
    poll(&mut ready, PollTimeout::from(1000_u16)) == Ok(2) && poll(&mut [], PollTimeout::from(1_u16)) == Ok(0)
}

fn malloc() {
    for policy in POLICIES {
        let worked = holds_locked(policy, &another_user(), || {
            let mut kept = Vec::new();
            for round in 1..200_usize {
                let mut grows = vec![1_u8; round * 100];
                grows.resize(round * 10_000, 2);
                grows.shrink_to(round);
                if round % 3 == 0 {
                    kept.push(grows);
                }
            }
            let sum: usize = kept.iter().map(Vec::len).sum();
            drop(kept);
            // Above the threshold from which malloc maps, remaps and unmaps.
            let mut large = vec![3_u8; 40 << 20];
            large.resize(64 << 20, 4);
            large.len() == 64 << 20 && sum > 0
        });
        assert_eq!(worked, Ok(()), "{policy:?}");
    }
}

/// What the transport asks of aws-lc: before login in `sshd-preauth`, for later rekeys in `sshd-session`.
fn crypto() {
    // The first random byte looks for /dev/sysgenid and more: to be asked for before lock-down.
    rand::fill(&mut [0; 1]).unwrap();
    for policy in [Policy::Preauth, session(FileAccess::None)] {
        assert_eq!(holds_locked(&policy, &another_user(), || exchanges_keys() && seals_and_digests()), Ok(()));
    }
}

fn exchanges_keys() -> bool {
    let random = rand::SystemRandom::new();
    let agreed = [&agreement::X25519, &agreement::ECDH_P256, &agreement::ECDH_P384, &agreement::ECDH_P521]
        .into_iter()
        .all(|algorithm| {
            let own = agreement::EphemeralPrivateKey::generate(algorithm, &random).unwrap();
            let theirs = agreement::PrivateKey::generate(algorithm).unwrap().compute_public_key().unwrap();
            let theirs = agreement::UnparsedPublicKey::new(algorithm, theirs);
            agreement::agree_ephemeral(own, theirs, (), |secret| Ok(secret.len())).is_ok_and(|length| length >= 32)
        });
    let decapsulation = kem::DecapsulationKey::generate(&kem::ML_KEM_768).unwrap();
    let (ciphertext, secret) = decapsulation.encapsulation_key().unwrap().encapsulate().unwrap();
    agreed && decapsulation.decapsulate(ciphertext).unwrap().as_ref() == secret.as_ref()
}

fn seals_and_digests() -> bool {
    let key = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_256_GCM, &[1; 32]).unwrap());
    let mut packet = vec![5; 35_000];
    let nonce = aead::Nonce::assume_unique_for_key([0; 12]);
    key.seal_in_place_append_tag(nonce, aead::Aad::from([0; 4]), &mut packet).unwrap();
    let chacha = aead::chacha20_poly1305_openssh::SealingKey::new(&[7; 64]);
    let mut tag = [0; 16];
    chacha.seal_in_place(3, &mut packet, &mut tag);
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[9; 32]), &packet);
    digest::digest(&digest::SHA512, mac.as_ref()).as_ref().len() == 64 && tag != [0; 16]
}

fn event_loop() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    let (reader, writer) = pipe(65536).unwrap();
    let (link, monitor) = seqpacket_pair().unwrap();
    send_with_fds(monitor.as_fd(), b"take", &[reader.as_fd()]).unwrap();
    peer.write_all(b"hello").unwrap();
    sys::fd::write(writer.as_fd(), b"output").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let served = holds_locked(&session(FileAccess::None), &another_user(), || {
        runtime.block_on(async {
            let (_, mut received) = receive_with_fds(link.as_fd(), &mut [0; 16], 1).unwrap();
            let command = received.pop().unwrap();
            sys::fd::set_nonblocking(command.as_fd(), true).unwrap();
            connection.set_nonblocking(true).unwrap();
            let command = watched(command);
            let connection = tokio::net::TcpStream::from_std(connection).unwrap();
            let echo = tokio::spawn(async move {
                let mut bytes = [0; 16];
                connection.readable().await.unwrap();
                let length = connection.try_read(&mut bytes).unwrap();
                connection.set_nodelay(true).unwrap();
                connection.writable().await.unwrap();
                connection.try_write(&bytes[..length]).unwrap()
            });
            let mut output = [0; 16];
            let mut read = async || {
                command.async_io(Interest::READABLE, |command| sys::fd::read(command.as_fd(), &mut output)).await
            };
            let length = read().await.unwrap();
            tokio::time::sleep(Duration::from_millis(3)).await;
            let slow = tokio::time::timeout(Duration::from_millis(2), read()).await;
            echo.await.unwrap() == 5 && &output[..length] == b"output" && slow.is_err()
        })
    });
    assert_eq!(served, Ok(()));
    let mut echoed = [0; 5];
    peer.read_exact(&mut echoed).unwrap();
    assert_eq!(&echoed, b"hello");
}

// Deprecated in favour of an unsafe fn, because an owner could swap its descriptor; this one does not.
#[allow(deprecated)]
fn watched(descriptor: OwnedFd) -> AsyncFd<OwnedFd> {
    AsyncFd::with_interest(descriptor, Interest::READABLE).unwrap()
}

fn terminal() {
    let pty = sys::pty::open(None).unwrap();
    let set = holds_locked(&session(FileAccess::None), &another_user(), || {
        sys::pty::set_size(pty.master.as_fd(), 40, 100, 0, 0).is_ok()
            && sys::pty::apply_modes(pty.master.as_fd(), &[(53, 0)]).is_ok()
            && sys::pty::modes(pty.master.as_fd()).is_ok_and(|modes| modes.contains(&(53, 0)))
    });
    assert_eq!(set, Ok(()));
    assert_eq!(sys::pty::size(pty.slave.as_fd()).unwrap().0, 40);
}

/// The calls are those that `crates/sftp` makes: std's own would be other ones (stat, rename, statx …).
fn reading() {
    let directory = Directory::new("reading");
    fs::set_permissions(&directory.0, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(directory.0.join("file"), b"content").unwrap();
    symlink("file", directory.0.join("link")).unwrap();
    for policy in [session(FileAccess::ReadOnly), Policy::SftpServer { read_only: true }] {
        assert_eq!(holds_locked(&policy, &another_user(), || reads(&directory)), Ok(()), "{policy:?}");
    }
}

fn reads(directory: &Directory) -> bool {
    chdir(&directory.0).unwrap();
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let file = openat(AT_FDCWD, "link", flags, Mode::empty()).unwrap();
    let listed = Dir::from_fd(openat(AT_FDCWD, ".", flags | OFlag::O_DIRECTORY, Mode::empty()).unwrap()).unwrap();
    let root = openat(AT_FDCWD, "/", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).unwrap();
    let mut part = [0; 4];
    pread(&file, &mut part, 2) == Ok(4)
        && &part == b"nten"
        && fstat(&file).is_ok_and(|found| found.st_size == 7)
        && fstatat(AT_FDCWD, "link", AtFlags::AT_SYMLINK_NOFOLLOW).is_ok_and(|found| found.st_size == 4)
        && readlinkat(AT_FDCWD, "link").is_ok_and(|target| target.as_os_str() == "file")
        && fstatvfs(&root).is_ok()
        && getcwd().is_ok()
        && listed.into_iter().count() == 4
}

fn writing() {
    for policy in [session(FileAccess::ReadWrite), Policy::SftpServer { read_only: false }] {
        let directory = Directory::new("writing");
        fs::set_permissions(&directory.0, fs::Permissions::from_mode(0o777)).unwrap();
        let changed = holds_locked(&policy, &another_user(), || changes(&directory).unwrap());
        assert_eq!(changed, Ok(()), "{policy:?}");
        assert_eq!(fs::read(directory.0.join("inner/renamed")).unwrap(), b"con");
    }
}

fn changes(directory: &Directory) -> nix::Result<bool> {
    chdir(&directory.0)?;
    let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
    let before = umask(Mode::from_bits_retain(0o022));
    let file = openat(AT_FDCWD, "file", flags, Mode::from_bits_retain(0o666))?;
    umask(before);
    let (now, mode) = (TimeSpec::new(1_000_000, 0), Mode::from_bits_retain(0o640));
    let written = pwrite(&file, b"content", 0)?;
    ftruncate(&file, 3)?;
    fsync(&file)?;
    fchmod(&file, Mode::from_bits_retain(0o600))?;
    fchmodat(AT_FDCWD, "file", mode, FchmodatFlags::FollowSymlink)?;
    futimens(&file, &now, &now)?;
    utimensat(AT_FDCWD, "file", &now, &now, UtimensatFlags::NoFollowSymlink)?;
    let owner = Some(Uid::from_raw(fstat(&file)?.st_uid));
    fchown(&file, owner, None)?;
    fchownat(AT_FDCWD, "file", owner, None, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    for name in ["inner", "gone"] {
        mkdirat(AT_FDCWD, name, Mode::S_IRWXU)?;
    }
    symlinkat("file", AT_FDCWD, "symlink")?;
    linkat(AT_FDCWD, "file", AT_FDCWD, "inner/hard", AtFlags::empty())?;
    renameat(AT_FDCWD, "file", AT_FDCWD, "inner/moved")?;
    renameat2(AT_FDCWD, "inner/moved", AT_FDCWD, "inner/renamed", RenameFlags::RENAME_NOREPLACE)?;
    unlinkat(AT_FDCWD, "symlink", UnlinkatFlags::NoRemoveDir)?;
    unlinkat(AT_FDCWD, "gone", UnlinkatFlags::RemoveDir)?;
    let found = fstatat(AT_FDCWD, "inner/renamed", AtFlags::empty())?;
    Ok(written == 7 && found.st_nlink == 2 && found.st_mode & 0o777 == 0o640)
}

fn names_and_log() {
    let directory = Directory::new("log");
    fs::set_permissions(&directory.0, fs::Permissions::from_mode(0o755)).unwrap();
    let path = directory.0.join("log");
    let syslogd = UnixDatagram::bind(&path).unwrap();
    let log = UnixDatagram::unbound().unwrap();
    log.connect(&path).unwrap();
    for read_only in [true, false] {
        let said = holds_locked(&Policy::SftpServer { read_only }, &another_user(), || {
            sys::identity::user_name(0).is_ok_and(|name| name.as_deref() == Some("root"))
                && sys::identity::group_name(0).is_ok_and(|name| name.as_deref() == Some("root"))
                // Whether that is "there is none" or "no source could say" depends on nsswitch.conf.
                && !sys::identity::user_name(4_000_000_001).is_ok_and(|name| name.is_some())
                // As a look-up module does that was loaded for the user's own account.
                && nix::unistd::access("/etc/passwd", nix::unistd::AccessFlags::F_OK).is_ok()
                && !sys::identity::look_up("nobody-of-this-name").is_ok_and(|account| account.is_some())
                && log.send(format!("line of {}", std::process::id()).as_bytes()).is_ok()
                && UnixDatagram::unbound().is_err()
        });
        assert_eq!(said, Ok(()));
        let mut line = [0; 64];
        assert!(syslogd.recv(&mut line).unwrap() > 8);
    }
}

fn title() {
    sys::title::init();
    for policy in POLICIES {
        let set = holds_locked(policy, &another_user(), || {
            sys::title::set("sshd: alice [net]");
            true
        });
        assert_eq!(set, Ok(()), "{policy:?}");
    }
}

fn violation_is_named() {
    // The kernel's log may be closed to ordinary users.
    if !is_root() {
        return;
    }
    // The kernel writes no more than ten records in five seconds, and other cases kill many.
    let limit_is_over = sys::clock::monotonic() + Duration::from_secs(30);
    let violation = loop {
        let (pid, ended) = a_violator();
        let violation = sandbox::linux::violation::of_ended(pid, ended).unwrap();
        if violation.number.is_some() || sys::clock::monotonic() > limit_is_over {
            break violation;
        }
        poll(&mut [], PollTimeout::from(500_u16)).unwrap();
    };
    assert_eq!(violation.to_string(), "sandbox violation: system call socket");
}

/// A child that asked for a socket before login: the process id that it had, and how it ended.
fn a_violator() -> (i32, Ended) {
    let (reader, writer) = pipe(4096).unwrap();
    let ended = sys::probe::in_a_child(|| {
        sys::fd::write(writer.as_fd(), std::process::id().to_string().as_bytes()).unwrap();
        if !crate::cases::locked(&Policy::Preauth, &another_user()) {
            return 1;
        }
        i32::from(TcpListener::bind("127.0.0.1:0").is_ok())
    });
    let mut pid = [0; 16];
    let length = sys::fd::read(reader.as_fd(), &mut pid).unwrap();
    (std::str::from_utf8(&pid[..length]).unwrap().parse().unwrap(), ended.unwrap())
}

fn main_can_return() {
    // std's clean-up after main runs before exit; a child that returns from main is this program itself, started again.
    let own = File::open("/proc/self/exe").unwrap();
    let program = sys::process::Program {
        executable: own.as_fd(),
        argv: vec![c"lock_down".into(), crate::RETURN_FROM_MAIN.into()],
        environment: vec![],
        descriptors: vec![],
        new_session: false,
    };
    let ended = sys::process::start(&program).unwrap().wait().unwrap();
    assert_eq!(ended, sys::process::Ended::Exited(crate::RETURNED_FROM_MAIN.into()));
}
