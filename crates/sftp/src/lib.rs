//! The SSH File Transfer Protocol, version 3 (draft-ietf-secsh-filexfer-02), with the extensions that OpenSSH serves.
//!
//! [`Server`] does no input or output but that of files: bytes of requests go in ([`Server::feed`]), answers come out
//! of a [`ByteQueue`]. It is the same inside `sshd-session` (`internal-sftp`) and in the program `sftp-server`.
//!
//! # What it can be made to use
//!
//! | what | at most |
//! |---|---|
//! | a packet | [`LARGEST_PACKET`]; what announces more ends the session before anything is allocated |
//! | requests that wait | [`Client::input_limit`], or one packet if that is less |
//! | answers that wait | `output_limit` of [`Server::serve`] and one packet; in twice as much memory |
//! | open files and directories | [`Client::open_handles`] |
//! | names remembered, and asked for in one request | 4096 users, 4096 groups |
//! | a copy on the server | 256 KiB of memory, 8 MiB of work before other channels get their turn |
//!
//! # System calls
//!
//! All that it makes, for whoever writes the sandbox around it. Nothing is started, no name service is asked, no
//! socket is opened.
//!
//! | system call | what for |
//! |---|---|
//! | `openat`, `close` | OPEN, OPENDIR; `O_PATH` for `-d` and statvfs; SETSTAT of a size and lsetstat of a mode open first |
//! | `pread64`, `pwrite64` | READ, WRITE, copy-data |
//! | `getdents64`, `fcntl(F_GETFL)`, `newfstatat` | directories: fdopendir(3) asks for the flags and what was opened |
//! | `newfstatat` | STAT, LSTAT, FSTAT, entries of directories |
//! | `readlinkat`, `getcwd` | READLINK, REALPATH, expand-path; `getcwd` once at the start |
//! | `fstatfs` | statvfs, fstatvfs |
//! | `ftruncate`, `fchmod`, `fchmodat`, `utimensat`, `fchown`, `fchownat` | SETSTAT, FSETSTAT, lsetstat |
//! | `mkdirat`, `unlinkat`, `renameat`, `renameat2`, `linkat`, `symlinkat` | names |
//! | `fsync` | fsync |
//! | `umask` | around what is created, when `-u` or `-m` is given |
//! | `clock_gettime` | the year in long names, where the vDSO has no clock |
//! | `brk`, `mmap`, `mremap`, `munmap`, `madvise` | memory |
//! | `fcntl(F_GETFD)` | debug builds of std, at every `close` |
//!
//! In a [`Jail`] `openat2` stands in place of `openat`, also for every name that the others would be given: these get one
//! component in an open directory. What sets attributes gets an open file: `fchmod`, `fchown`, `utimensat` without a name.
//!
//! A read-only session makes none of those that change something, and opens with no flag that creates, empties or
//! writes. Whoever locks the process down calls `sys::local_time::local_time` once before: it reads the
//! time zone.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

mod attributes;
mod dates;
mod event;
mod handles;
mod jail;
mod long_name;
mod names;
mod queue;
mod reply;
mod request;
mod resolve;
mod serve;
mod server;
mod status;
mod surroundings;
mod tree;

pub use event::{SftpEvent, Transfer};
pub use jail::Jail;
pub use queue::ByteQueue;
pub use server::{LARGEST_PACKET, Progress, Server, SftpError};
pub use sftp_options::{Asked, Kind, KindSet, Options, OptionsError, request_names, usage};
pub use status::Status;
pub use surroundings::{Client, Digest, HandleLimit, Surroundings, Uploads};
