//! A session process in a jail that has been taken over: it calls the kernel as it likes, without RESOLVE_IN_ROOT.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, RenameFlags, ResolveFlag, openat2, renameat, renameat2};
use nix::sys::stat::{Mode, fchmod, mkdirat};
use nix::unistd::{UnlinkatFlags, fchown, ftruncate, linkat, symlinkat, unlinkat};
use sandbox::linux::landlock::can_hold_a_jail;
use sandbox::{FileAccess, Policy, SandboxError, SessionPromises, Surroundings, lock_down};
use sys::identity::is_root;
use sys::probe::{Answer, in_a_child};
use sys::process::Ended;

use crate::Case;
use crate::cases::{Directory, SIGSYS, another_user, call_locked, holds_locked};

pub(crate) const CASES: &[Case] = &[
    ("a_jail_is_left_by_no_open", no_open),
    ("a_jail_is_left_by_no_change_of_names", no_change),
    ("a_jail_is_worked_in", worked_in),
    ("a_jail_of_a_reader_is_changed_by_nothing", reader),
    ("calls_that_set_attributes_by_name_kill_in_a_jail", attributes_by_name),
    ("a_chroot_is_left_by_no_descriptor", chroot_descriptor),
    ("without_its_directory_nothing_can_be_opened", without_directory),
    ("best_effort_is_not_enough_for_a_jail", best_effort),
];

const NOBODY: u32 = 65534;

pub(crate) const fn jailed(files: FileAccess) -> Policy {
    Policy::Session(SessionPromises { files, in_jail: true, accept: false })
}

/// `inside` is the jail, and all of it belongs to whoever is locked down: nothing but the jail keeps them from `outside`.
struct Place(Directory);

impl Place {
    fn new(name: &str) -> Self {
        let place = Self(Directory::new(name));
        for directory in ["inside", "outside"] {
            fs::create_dir(place.path(directory)).unwrap();
            fs::write(place.path(&format!("{directory}/file")), "content").unwrap();
        }
        symlink(place.path("outside"), place.path("inside/link")).unwrap();
        symlink("/proc/self/root", place.path("inside/root")).unwrap();
        for name in ["", "inside", "outside", "inside/file", "outside/file"] {
            fs::set_permissions(place.path(name), fs::Permissions::from_mode(0o755)).unwrap();
            if is_root() {
                std::os::unix::fs::chown(place.path(name), Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.0.join(name)
    }

    fn around(&self) -> Surroundings {
        let jail = OwnedFd::from(fs::File::open(self.path("inside")).unwrap());
        Surroundings { jail: Some(Arc::new(jail)), ..another_user() }
    }

    #[track_caller]
    fn assert_outside_is_untouched(&self) {
        let file = self.path("outside/file");
        assert_eq!(fs::read(&file).unwrap(), b"content");
        assert_eq!(fs::read_dir(self.path("outside")).unwrap().count(), 1);
        let facts = fs::metadata(file).unwrap();
        assert_eq!((facts.nlink(), facts.mode() & 0o777), (1, 0o755));
    }
}

fn open(path: &PathBuf, flags: OFlag) -> Result<OwnedFd, Errno> {
    let mode = if flags.intersects(OFlag::O_CREAT) { Mode::S_IRWXU } else { Mode::empty() };
    openat2(AT_FDCWD, path, OpenHow::new().flags(flags).mode(mode))
}

/// What opens a file so that something can be done to it.
fn ways_to_open() -> Vec<OFlag> {
    let neither = OFlag::from_bits_retain(libc::O_ACCMODE);
    vec![
        OFlag::O_RDONLY,
        OFlag::O_WRONLY,
        OFlag::O_RDWR,
        OFlag::O_RDONLY | OFlag::O_TRUNC,
        OFlag::O_WRONLY | OFlag::O_APPEND,
        neither | OFlag::O_TRUNC,
    ]
}

fn no_open() {
    let place = Place::new("jail-open");
    let (outside, through_link) = (place.path("outside/file"), place.path("inside/link/file"));
    let through_proc = place.path(&format!("inside/root{}", place.path("outside/file").display()));
    let dots = place.path("inside/../outside/file");
    for files in [FileAccess::ReadOnly, FileAccess::ReadWrite] {
        let held = holds_locked(&jailed(files), &place.around(), || {
            let names = [&outside, &through_link, &through_proc, &dots];
            let denied = |path| ways_to_open().into_iter().all(|flags| open(path, flags).is_err_and(denies));
            let none = names.into_iter().all(denied);
            let no_new = open(&place.path("outside/new"), OFlag::O_WRONLY | OFlag::O_CREAT).is_err_and(denies);
            let no_nameless = open(&place.path("outside"), OFlag::O_TMPFILE | OFlag::O_RDWR).is_err_and(denies);
            let no_list = open(&place.path("outside"), OFlag::O_RDONLY | OFlag::O_DIRECTORY).is_err_and(denies);
            let no_device = open(&"/dev/null".into(), OFlag::O_RDONLY).is_err_and(denies);
            let no_proc = open(&"/proc/self/mem".into(), OFlag::O_RDWR).is_err_and(denies);
            none && no_new && no_nameless && no_list && no_device && no_proc
        });
        assert_eq!(held, Ok(()), "{files:?}");
        place.assert_outside_is_untouched();
    }
}

/// A place, as opposed to a file, can be opened anywhere; nothing can be done to it.
fn no_change() {
    let place = Place::new("jail-change");
    let held = holds_locked(&jailed(FileAccess::ReadWrite), &place.around(), || {
        let outside = open(&place.path("outside"), OFlag::O_PATH).unwrap();
        let inside = open(&place.path("inside"), OFlag::O_PATH).unwrap();
        let file = open(&place.path("outside/file"), OFlag::O_PATH).unwrap();
        let same = RenameFlags::RENAME_NOREPLACE;
        linkat(&outside, "file", &inside, "stolen", AtFlags::empty()).is_err_and(denies)
            && linkat(&inside, "file", &outside, "planted", AtFlags::empty()).is_err_and(denies)
            && renameat(&outside, "file", &inside, "stolen").is_err_and(denies)
            && renameat(&inside, "file", &outside, "file").is_err_and(denies)
            && renameat2(&inside, "file", &outside, "planted", same).is_err_and(denies)
            && unlinkat(&outside, "file", UnlinkatFlags::NoRemoveDir).is_err_and(denies)
            && unlinkat(&inside, "link/file", UnlinkatFlags::NoRemoveDir).is_err_and(denies)
            && mkdirat(&outside, "new", Mode::S_IRWXU).is_err_and(denies)
            && symlinkat("x", &outside, "new").is_err_and(denies)
            && fchmod(&file, Mode::empty()) == Err(Errno::EBADF)
            && fchown(&file, None, None) == Err(Errno::EBADF)
            && ftruncate(&file, 0) == Err(Errno::EBADF)
            && nix::sys::uio::pread(file.as_fd(), &mut [0], 0) == Err(Errno::EBADF)
    });
    assert_eq!(held, Ok(()));
    place.assert_outside_is_untouched();
    assert_eq!(fs::read_dir(place.path("inside")).unwrap().count(), 3);
}

fn denies(error: Errno) -> bool {
    let denied = matches!(error, Errno::EACCES | Errno::EXDEV | Errno::EPERM);
    if !denied {
        eprintln!("{error}");
    }
    denied
}

fn worked_in() {
    let place = Place::new("jail-work");
    let held = holds_locked(&jailed(FileAccess::ReadWrite), &place.around(), || {
        let how = |flags: OFlag| {
            OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS)
        };
        let inside = open(&place.path("inside"), OFlag::O_PATH).unwrap();
        let new = openat2(&inside, "/new", how(OFlag::O_RDWR | OFlag::O_CREAT).mode(Mode::S_IRWXU)).unwrap();
        nix::sys::uio::pwrite(&new, b"text", 0) == Ok(4)
            && fchmod(&new, Mode::S_IRUSR).is_ok()
            && mkdirat(&inside, "d", Mode::S_IRWXU).is_ok()
            && renameat(&inside, "new", &inside, "d/new").is_ok()
            && linkat(&inside, "d/new", &inside, "hard", AtFlags::empty()).is_ok()
            && nix::sys::stat::fstat(&new).is_ok_and(|facts| facts.st_nlink == 2)
            && openat2(&inside, "/link/file", how(OFlag::O_RDONLY)).is_err_and(|error| error == Errno::ENOENT)
    });
    assert_eq!(held, Ok(()));
}

fn reader() {
    let place = Place::new("jail-read");
    let held = holds_locked(&jailed(FileAccess::ReadOnly), &place.around(), || {
        let file = place.path("inside/file");
        let (read, others) = ways_to_open().split_first().map(|(first, rest)| (*first, rest.to_vec())).unwrap();
        open(&file, read).is_ok()
            && others.into_iter().all(|flags| open(&file, flags).is_err_and(denies))
            && open(&place.path("inside/new"), OFlag::O_WRONLY | OFlag::O_CREAT).is_err_and(denies)
            && open(&place.path("inside"), OFlag::O_TMPFILE | OFlag::O_RDWR).is_err_and(denies)
    });
    assert_eq!(held, Ok(()));
    assert_eq!(fs::read(place.path("inside/file")).unwrap(), b"content");
}

fn attributes_by_name() {
    let name: &'static [u8; 2] = b"x\0";
    let (name, here) = (name.as_ptr() as u64, u64::from(libc::AT_FDCWD as u32));
    for files in [FileAccess::ReadOnly, FileAccess::ReadWrite] {
        for (what, number, arguments) in [
            ("openat", libc::SYS_openat, [here, name, 0, 0, 0, 0]),
            ("fchmodat", libc::SYS_fchmodat, [here, name, 0, 0, 0, 0]),
            ("fchmodat2", 452, [here, name, 0, 0x1000, 0, 0]),
            ("fchownat", libc::SYS_fchownat, [here, name, 0, 0, 0x1000, 0]),
            ("utimensat", libc::SYS_utimensat, [here, name, 0, 0, 0, 0]),
            ("truncate", libc::SYS_truncate, [name, 0, 0, 0, 0, 0]),
            ("newfstatat that follows", libc::SYS_newfstatat, [here, name, 0, 0, 0, 0]),
            ("openat2 of another form", libc::SYS_openat2, [here, name, 0, 32, 0, 0]),
            ("linkat that follows", libc::SYS_linkat, [here, name, here, name, 0x400, 0]),
            ("linkat of a descriptor", libc::SYS_linkat, [here, name, here, name, 0x1000, 0]),
            ("renameat2 that exchanges", libc::SYS_renameat2, [here, name, here, name, 2, 0]),
            ("chdir", libc::SYS_chdir, [name, 0, 0, 0, 0, 0]),
            ("chroot", libc::SYS_chroot, [name, 0, 0, 0, 0, 0]),
            ("open_by_handle_at", libc::SYS_open_by_handle_at, [here, name, 0, 0, 0, 0]),
            ("mknodat", libc::SYS_mknodat, [here, name, 0, 0, 0, 0]),
            ("execveat", libc::SYS_execveat, [here, name, 0, 0, 0, 0]),
            ("socket", libc::SYS_socket, [1, 1, 0, 0, 0, 0]),
            ("clone", libc::SYS_clone, [0; 6]),
        ] {
            assert_eq!(call_locked(&jailed(files), number, arguments), Answer::Killed(SIGSYS), "{files:?}: {what}");
        }
    }
}

/// A directory outside of the new root that was left open, or that somebody moves out of it: `..` leads on from there, the
/// root does not hold it. Landlock does.
fn chroot_descriptor() {
    if !is_root() {
        return;
    }
    let place = Place::new("chroot-descriptor");
    let outside = fs::File::open(place.path("outside")).unwrap();
    let moved = place.path("inside/moved");
    fs::create_dir(&moved).unwrap();
    let cwd = fs::File::open(&moved).unwrap();
    fs::rename(&moved, place.path("outside/moved")).unwrap();
    for policy in [crate::cases::session(FileAccess::ReadWrite), crate::cases::session(FileAccess::ReadOnly)] {
        let around = Surroundings { empty_root: Some(place.path("inside")), ..another_user() };
        let held = holds_locked(&policy, &around, || {
            let open = |directory: &fs::File, name| nix::fcntl::openat(directory, name, OFlag::O_RDONLY, Mode::empty());
            open(&outside, "file").is_err_and(denies)
                && open(&outside, "../outside/file").is_err_and(denies)
                && open(&cwd, "../file").is_err_and(denies)
                && open(&cwd, "../../outside/file").is_err_and(denies)
                && open(&cwd, "../../../../../../../etc/passwd").is_err_and(denies)
                && nix::fcntl::openat(AT_FDCWD, "/file", OFlag::O_RDONLY, Mode::empty()).is_ok()
        });
        assert_eq!(held, Ok(()), "{policy:?}");
    }
    fs::remove_dir(place.path("outside/moved")).unwrap();
    place.assert_outside_is_untouched();
}

fn without_directory() {
    let around = Surroundings { jail: None, ..another_user() };
    let held = holds_locked(&jailed(FileAccess::ReadWrite), &around, || {
        open(&"/etc/passwd".into(), OFlag::O_RDONLY).is_err_and(denies)
            && open(&"/tmp".into(), OFlag::O_RDONLY | OFlag::O_DIRECTORY).is_err_and(denies)
    });
    assert_eq!(held, Ok(()));
}

/// A kernel without Landlock, as far as this child can tell.
fn best_effort() {
    assert!(can_hold_a_jail());
    let ended = in_a_child(|| {
        let refused = std::iter::once((libc::SYS_landlock_create_ruleset, Vec::new())).collect();
        let filter = seccompiler::SeccompFilter::new(
            refused,
            seccompiler::SeccompAction::Allow,
            seccompiler::SeccompAction::Errno(libc::ENOSYS as u32),
            std::env::consts::ARCH.try_into().unwrap(),
        );
        let program: seccompiler::BpfProgram = filter.unwrap().try_into().unwrap();
        seccompiler::apply_filter(&program).unwrap();
        let around = |jail| Surroundings { best_effort: true, jail, ..Surroundings::default() };
        let jail = Arc::new(OwnedFd::from(fs::File::open("/tmp").unwrap()));
        match lock_down(&jailed(FileAccess::ReadOnly), &around(Some(jail))) {
            Err(SandboxError::NoJail) if !can_hold_a_jail() => 0,
            other => {
                eprintln!("{other:?}");
                1
            }
        }
    });
    assert_eq!(ended.unwrap(), Ended::Exited(0));
}
