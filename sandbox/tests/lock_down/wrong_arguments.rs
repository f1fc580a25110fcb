//! Calls that are promised with some arguments, tried with others; and with the right ones, so that a kill means what it says.

use sandbox::{FileAccess, Policy};
use sys::probe::Answer;

use crate::Case;
use crate::cases::{SIGSYS, call_locked, session};

pub(crate) const CASES: &[Case] = &[
    ("memory_is_never_executable_and_never_a_file", memory),
    ("futexes_are_private_wakes", futexes),
    ("descriptors_get_no_owner_and_no_signals", descriptors),
    ("terminals_cannot_be_typed_into", terminals),
    ("sockets_get_no_filters_marks_or_addresses", sockets),
    ("readers_open_nothing_for_writing", opening),
    ("libc_of_sftp_server_is_told_no_and_lives", sftp_server_is_told),
];

/// Never an open descriptor, so that a right call fails harmlessly.
const NO_FD: u64 = 9999;

/// Tries a call; `right`: it reaches the kernel. Otherwise it kills.
#[track_caller]
fn expect(policy: &Policy, what: &str, right: bool, number: i64, arguments: [u64; 6]) {
    let answer = call_locked(policy, number, arguments);
    assert_eq!(answer != Answer::Killed(SIGSYS), right, "{policy:?}: {what}: {answer:?}");
    assert_ne!(answer, Answer::NotPrepared);
}

fn bits(flags: i32) -> u64 {
    u64::from(flags as u32)
}

fn memory() {
    let anonymous = bits(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    let read_write = bits(libc::PROT_READ | libc::PROT_WRITE);
    let no_fd = u64::MAX;
    for policy in [&Policy::Preauth, &session(FileAccess::None), &session(FileAccess::ReadWrite)] {
        let map = |what: &str, right, prot: u64, flags: u64, fd: u64| {
            expect(policy, what, right, libc::SYS_mmap, [0, 4096, prot, flags, fd, 0]);
        };
        map("anonymous", true, read_write, anonymous, no_fd);
        map("anonymous, no access", true, 0, anonymous | bits(libc::MAP_NORESERVE), no_fd);
        map("executable", false, read_write | bits(libc::PROT_EXEC), anonymous, no_fd);
        map("executable alone", false, bits(libc::PROT_EXEC), anonymous, no_fd);
        map("a file", false, bits(libc::PROT_READ), bits(libc::MAP_PRIVATE), 0);
        map("shared", false, read_write, bits(libc::MAP_SHARED | libc::MAP_ANONYMOUS), no_fd);
        map("an unknown protection", false, read_write | 0x40, anonymous, no_fd);
        let protect = [0x1000, 4096, bits(libc::PROT_READ | libc::PROT_EXEC), 0, 0, 0];
        expect(policy, "mprotect", false, libc::SYS_mprotect, protect);
        expect(policy, "madvise", false, libc::SYS_madvise, [0, 0, bits(libc::MADV_DONTNEED), 0, 0, 0]);
        let remap = |what: &str, right, flags: i32| {
            expect(policy, what, right, libc::SYS_mremap, [0x1000, 4096, 8192, bits(flags), 0x7000_0000, 0]);
        };
        remap("MREMAP_MAYMOVE", true, libc::MREMAP_MAYMOVE);
        remap("MREMAP_FIXED", false, libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED);
    }
}

fn futexes() {
    let try_one = |what: &str, right, operation: i32| {
        expect(&Policy::Preauth, what, right, libc::SYS_futex, [0, bits(operation), 0, 0, 0, 0]);
    };
    try_one("wake", true, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG);
    try_one("wait", false, libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG);
    try_one("wake across processes", false, libc::FUTEX_WAKE);
    try_one("requeue", false, libc::FUTEX_CMP_REQUEUE | libc::FUTEX_PRIVATE_FLAG);
    try_one("requeue with priorities", false, libc::FUTEX_CMP_REQUEUE_PI | libc::FUTEX_PRIVATE_FLAG);
    try_one("lock with priorities", false, libc::FUTEX_LOCK_PI | libc::FUTEX_PRIVATE_FLAG);
}

fn descriptors() {
    let policy = session(FileAccess::ReadWrite);
    let control = |what: &str, right, command: i32, argument: i32| {
        expect(&policy, what, right, libc::SYS_fcntl, [NO_FD, bits(command), bits(argument), 0, 0, 0]);
    };
    control("F_GETFL", true, libc::F_GETFL, 0);
    control("F_SETFL non-blocking", true, libc::F_SETFL, libc::O_NONBLOCK);
    control("F_SETFL asynchronous", false, libc::F_SETFL, libc::O_NONBLOCK | libc::O_ASYNC);
    control("F_DUPFD_CLOEXEC", true, libc::F_DUPFD_CLOEXEC, 3);
    control("F_DUPFD", false, libc::F_DUPFD, 3);
    control("F_SETFD close-on-exec", true, libc::F_SETFD, libc::FD_CLOEXEC);
    control("F_SETFD inheritable", false, libc::F_SETFD, 0);
    control("F_SETOWN", false, libc::F_SETOWN, 1);
    control("F_SETSIG, which libc does not name", false, 10, libc::SIGKILL);
    control("F_NOTIFY", false, libc::F_NOTIFY, 0);
    control("F_SETPIPE_SZ", false, libc::F_SETPIPE_SZ, 1 << 20);
    control("F_ADD_SEALS", false, libc::F_ADD_SEALS, 0);
    expect(&policy, "epoll_pwait with a mask", false, libc::SYS_epoll_pwait, [NO_FD, 0, 0, 0, 1 << 40, 8]);
    expect(&policy, "epoll_pwait without", true, libc::SYS_epoll_pwait, [NO_FD, 0, 0, 0, 0, 8]);
}

fn terminals() {
    let policy = session(FileAccess::ReadWrite);
    let control = |what: &str, right, request: u64| {
        expect(&policy, what, right, libc::SYS_ioctl, [NO_FD, request, 0, 0, 0, 0]);
    };
    for (what, request) in [
        ("TIOCSWINSZ", libc::TIOCSWINSZ),
        ("TCGETS", libc::TCGETS),
        ("TCSETS", libc::TCSETS),
        ("FIONREAD", libc::FIONREAD),
        ("FIONBIO", libc::FIONBIO),
    ] {
        control(what, true, request);
    }
    for (what, request) in [
        ("TIOCSTI", libc::TIOCSTI),
        ("TIOCLINUX", 0x541C),
        ("TIOCSCTTY", libc::TIOCSCTTY),
        ("TIOCSETD", libc::TIOCSETD),
        ("TIOCCONS", libc::TIOCCONS),
        ("TIOCGPTPEER", libc::TIOCGPTPEER),
        ("FIOASYNC", libc::FIOASYNC),
        ("FICLONE", 0x4004_9409),
    ] {
        control(what, false, request);
    }
    // The kernel looks at 32 bits of a request: what stands above them must not hide it.
    control("TIOCSTI behind a high bit", false, libc::TIOCSTI | 1 << 32);
}

fn sockets() {
    let policy = session(FileAccess::None);
    let set = |what: &str, right, level: i32, option: i32| {
        expect(&policy, what, right, libc::SYS_setsockopt, [NO_FD, bits(level), bits(option), 0, 4, 0]);
    };
    set("TCP_NODELAY", true, libc::IPPROTO_TCP, libc::TCP_NODELAY);
    set("IP_TOS", true, libc::IPPROTO_IP, libc::IP_TOS);
    set("IPV6_TCLASS", true, libc::IPPROTO_IPV6, libc::IPV6_TCLASS);
    set("SO_ATTACH_FILTER", false, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER);
    set("SO_MARK", false, libc::SOL_SOCKET, libc::SO_MARK);
    set("SO_BINDTODEVICE", false, libc::SOL_SOCKET, libc::SO_BINDTODEVICE);
    set("TCP_ULP", false, libc::IPPROTO_TCP, libc::TCP_ULP);
    set("IP_OPTIONS", false, libc::IPPROTO_IP, libc::IP_OPTIONS);
    expect(&policy, "send", true, libc::SYS_sendto, [NO_FD, 0, 0, 0, 0, 0]);
    expect(&policy, "send to an address", false, libc::SYS_sendto, [NO_FD, 0, 0, 0, 1 << 40, 16]);
    expect(&policy, "receive", true, libc::SYS_recvfrom, [NO_FD, 0, 0, 0, 0, 0]);
    for (what, number) in [
        ("socket", libc::SYS_socket),
        ("socketpair", libc::SYS_socketpair),
        ("connect", libc::SYS_connect),
        ("bind", libc::SYS_bind),
        ("listen", libc::SYS_listen),
        ("accept4", libc::SYS_accept4),
        ("pidfd_getfd", libc::SYS_pidfd_getfd),
    ] {
        expect(&policy, what, false, number, [1, 1, 0, 0, 0, 0]);
        expect(&Policy::Preauth, what, false, number, [1, 1, 0, 0, 0, 0]);
    }
}

fn opening() {
    let path: &'static [u8; 12] = b"/etc/passwd\0";
    let path = path.as_ptr() as u64;
    let here = bits(libc::AT_FDCWD);
    for policy in [&session(FileAccess::ReadOnly), &Policy::SftpServer { read_only: true }] {
        let open = |what: &str, right, flags: i32| {
            expect(policy, what, right, libc::SYS_openat, [here, path, bits(flags), 0, 0, 0]);
        };
        open("for reading", true, libc::O_RDONLY | libc::O_CLOEXEC);
        open("a directory", true, libc::O_DIRECTORY | libc::O_NOFOLLOW);
        for (what, flags) in [
            ("for writing", libc::O_WRONLY),
            ("for both", libc::O_RDWR),
            ("for neither, which Linux takes for ioctls", libc::O_ACCMODE),
            ("creating (CVE-2017-15906)", libc::O_RDONLY | libc::O_CREAT),
            ("truncating", libc::O_RDONLY | libc::O_TRUNC),
            ("appending", libc::O_APPEND),
            ("a nameless file", libc::O_TMPFILE),
        ] {
            open(what, false, flags);
        }
        expect(policy, "openat2", false, libc::SYS_openat2, [here, path, 0, 24, 0, 0]);
        for (what, number) in [
            ("pwrite64", libc::SYS_pwrite64),
            ("ftruncate", libc::SYS_ftruncate),
            ("unlinkat", libc::SYS_unlinkat),
            ("mkdirat", libc::SYS_mkdirat),
            ("renameat2", libc::SYS_renameat2),
            ("fchmod", libc::SYS_fchmod),
            ("fchownat", libc::SYS_fchownat),
            ("utimensat", libc::SYS_utimensat),
            ("copy_file_range", libc::SYS_copy_file_range),
        ] {
            expect(policy, what, false, number, [NO_FD, path, 0, 0, 0, 0]);
        }
    }
    for policy in [&session(FileAccess::None), &Policy::Preauth] {
        for (what, number) in [
            ("openat", libc::SYS_openat),
            ("openat2", libc::SYS_openat2),
            ("newfstatat", libc::SYS_newfstatat),
            ("statx", libc::SYS_statx),
            ("readlinkat", libc::SYS_readlinkat),
        ] {
            expect(policy, what, false, number, [here, path, 0, 0, 0, 0]);
        }
    }
}

fn sftp_server_is_told() {
    for read_only in [true, false] {
        let policy = Policy::SftpServer { read_only };
        let told = |number, arguments| assert_eq!(call_locked(&policy, number, arguments), Answer::Errno(libc::EACCES));
        told(libc::SYS_socket, [1, 1, 0, 0, 0, 0]);
        told(libc::SYS_connect, [NO_FD, 0, 0, 0, 0, 0]);
        let executable = bits(libc::PROT_READ | libc::PROT_EXEC);
        told(libc::SYS_mmap, [0, 4096, executable, bits(libc::MAP_PRIVATE), 0, 0]);
        told(libc::SYS_mmap, [0, 4096, bits(libc::PROT_READ), bits(libc::MAP_PRIVATE), 0, 0]);
        let anonymous = bits(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let memory = [0, 4096, bits(libc::PROT_READ | libc::PROT_WRITE), anonymous, u64::MAX, 0];
        assert_eq!(call_locked(&policy, libc::SYS_mmap, memory), Answer::Returned);
    }
}
