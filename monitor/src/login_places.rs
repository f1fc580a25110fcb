//! How often a user is logged in, counted by locks: the kernel takes them back from a monitor that ends, however it
//! ends, and they are seen by every server of this host, whichever listener started the monitor.
//!
//! Each user has a file below `/run`, each login one locked byte of it. Nothing is written.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;

/// Where the files of all users are, for a server that is root.
const OF_ROOT: &str = "/run/bulkhead-logins";

/// The byte that is locked while somebody counts. The others are before it.
const COUNTING: i64 = 1 << 30;

/// The places of one user. While this is there nobody else counts them.
#[derive(Debug)]
pub(crate) struct LoginPlaces {
    file: File,
}

/// A login that is counted, as long as this is there.
#[derive(Debug)]
pub(crate) struct LoginPlace(#[expect(dead_code, reason = "what counts is that it is open")] File);

impl LoginPlaces {
    /// Of the user; waits for others who count.
    pub(crate) fn of(uid: u32) -> io::Result<Self> {
        Self::below(&directory()?, uid)
    }

    fn below(directory: &Path, uid: u32) -> io::Result<Self> {
        let flags = (OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC).bits();
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
        let places = Self { file: file.open(directory.join(uid.to_string()))? };
        places.lock(COUNTING, Busy::Wait)?;
        Ok(places)
    }

    /// How many are taken.
    pub(crate) fn taken(&self) -> io::Result<u32> {
        let mut taken = 0_u32;
        // The kernel tells of any lock in a range, not of the first: what lies before and behind it is looked at, too.
        let mut unknown = vec![(0, COUNTING)];
        while let Some((from, end)) = unknown.pop() {
            if from >= end {
                continue;
            }
            let mut found = lock_of(libc::F_WRLCK, from, end.saturating_sub(from));
            fcntl(self.file.as_fd(), FcntlArg::F_OFD_GETLK(&mut found))?;
            if i32::from(found.l_type) != libc::F_UNLCK {
                taken = taken.saturating_add(1);
                unknown.extend([(from, found.l_start), (found.l_start.saturating_add(1), end)]);
            }
        }
        Ok(taken)
    }

    /// Takes the first free one.
    pub(crate) fn take(self) -> io::Result<LoginPlace> {
        for byte in 0..COUNTING {
            match self.lock(byte, Busy::Leave) {
                Ok(()) => {
                    let nobody_counts = lock_of(libc::F_UNLCK, COUNTING, 1);
                    fcntl(self.file.as_fd(), FcntlArg::F_OFD_SETLK(&nobody_counts))?;
                    return Ok(LoginPlace(self.file));
                }
                Err(Errno::EAGAIN | Errno::EACCES) => {}
                Err(why) => return Err(why.into()),
            }
        }
        Err(io::Error::from(io::ErrorKind::QuotaExceeded))
    }

    fn lock(&self, byte: i64, busy: Busy) -> Result<(), Errno> {
        let lock = lock_of(libc::F_WRLCK, byte, 1);
        loop {
            let outcome = match busy {
                Busy::Wait => fcntl(self.file.as_fd(), FcntlArg::F_OFD_SETLKW(&lock)),
                Busy::Leave => fcntl(self.file.as_fd(), FcntlArg::F_OFD_SETLK(&lock)),
            };
            match outcome {
                Err(Errno::EINTR) => {}
                outcome => return outcome.map(drop),
            }
        }
    }
}

/// What to do about a byte that somebody else has locked.
#[derive(Debug, Clone, Copy)]
enum Busy {
    Wait,
    Leave,
}

fn lock_of(kind: i32, start: i64, length: i64) -> libc::flock {
    libc::flock {
        l_type: i16::try_from(kind).unwrap_or_default(),
        l_whence: i16::try_from(libc::SEEK_SET).unwrap_or_default(),
        l_start: start,
        l_len: length,
        l_pid: 0,
    }
}

/// Ours alone: whoever could open a file in it could take all places of somebody else.
fn directory() -> io::Result<PathBuf> {
    let path = if sys::identity::is_root() {
        PathBuf::from(OF_ROOT)
    } else {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        runtime.join(format!("bulkhead-logins-{}", nix::unistd::geteuid()))
    };
    make_ours(&path)?;
    Ok(path)
}

fn make_ours(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(why) if why.kind() != io::ErrorKind::AlreadyExists => return Err(why),
        _ => {}
    }
    let found = std::fs::symlink_metadata(path)?;
    let ours = found.is_dir() && found.uid() == nix::unistd::geteuid().as_raw() && found.mode() & 0o077 == 0;
    if ours {
        Ok(())
    } else {
        Err(io::Error::other(format!("{} belongs to or can be entered by somebody else", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("bulkhead-places-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        make_ours(&path).unwrap();
        path
    }

    #[test]
    fn places_are_counted_one_by_one_and_given_back() {
        let directory = scratch("count");
        let take = || {
            let places = LoginPlaces::below(&directory, 1000).unwrap();
            (places.taken().unwrap(), places.take().unwrap())
        };
        let ((none, first), (one, second), (two, third)) = (take(), take(), take());
        assert_eq!((none, one, two), (0, 1, 2));
        drop(second);
        let (again_two, fourth) = take();
        assert_eq!(again_two, 2);
        // The kernel does not tell of locks in the order of the bytes.
        let (three, fifth) = take();
        drop(first);
        let (three_again, sixth) = take();
        assert_eq!((three, three_again), (3, 3));
        drop((third, fourth, fifth, sixth));
        assert_eq!(take().0, 0);
        assert_eq!(LoginPlaces::below(&directory, 1001).unwrap().taken().unwrap(), 0, "of another user");
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_directory_of_others_is_not_trusted() {
        let directory = scratch("others");
        std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o711)).unwrap();
        assert!(make_ours(&directory).is_err());
        std::fs::remove_dir_all(&directory).unwrap();
        std::os::unix::fs::symlink("/", &directory).unwrap();
        assert!(make_ours(&directory).is_err());
        std::fs::remove_file(directory).unwrap();
    }
}
