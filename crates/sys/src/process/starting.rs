//! Starting a program by descriptor.
//!
//! The child is made with `clone(CLONE_VM | CLONE_VFORK)`, as glibc's posix_spawn(3) does it: no page tables are copied, and
//! the time does not grow with the parent's memory. While the child lives in our memory, these hold:
//! - this thread sleeps in the kernel until the child has called execveat(2) or `_exit(2)`, so nothing races with it here;
//!   the child runs on a stack of its own;
//! - every signal is blocked in the child until its handlers (a table of its own: no `CLONE_SIGHAND`) are the default ones,
//!   so no handler of ours ever runs in it;
//! - [`become_the_program`] allocates nothing, takes no lock, cannot panic, and writes only to the [`Recipe`];
//! - the descriptor table is its own (no `CLONE_FILES`); when this thread goes on, it holds nothing but the executable and
//!   what the program gets.
//!
//! Other threads, if there are any, go on undisturbed: the child touches nothing of theirs.

use std::ffi::{CString, c_char, c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow};

use super::{Child, null_terminated};
use crate::fd::open_devnull;
use crate::title;

/// A program to start, complete: nothing else of this process reaches the new one.
#[derive(Debug)]
pub struct Program<'a> {
    /// The executable file, opened (`O_PATH` or for reading): what was checked is what runs. Not a `#!` script.
    pub executable: BorrowedFd<'a>,
    /// Its arguments; the first is its name. One that is a title (`sshd: …`) gets room for longer ones: see [`crate::title`].
    pub argv: Vec<CString>,
    /// Its environment, `NAME=value` each.
    pub environment: Vec<CString>,
    /// Descriptors it gets, and the number of each in it. 0, 1 and 2 are `/dev/null` when not given.
    pub descriptors: Vec<(BorrowedFd<'a>, RawFd)>,
    /// Whether it leads a session of its own (setsid(2)).
    pub new_session: bool,
}

/// The highest number that a descriptor may get in a started program.
const HIGHEST_TARGET: RawFd = 63;

/// The child's stack until its exec: it calls a dozen system calls. The lowest page is a guard.
const STACK_SIZE: usize = 64 * 1024;
const GUARD_SIZE: usize = 4096;

/// The last signal number (`_NSIG` on Linux).
const LAST_SIGNAL: c_int = 64;

/// The kernel's signal set, in bytes.
const SIGNAL_SET_SIZE: usize = 8;

/// Starts `program` as a child: with its descriptors and no others, no signal blocked or ignored.
///
/// # Errors
/// When it could not be started; a failed execve(2) is told here, with its own error. `InvalidInput` for a number twice, or
/// one outside 0 to 63.
pub fn start(program: &Program<'_>) -> io::Result<Child> {
    let null = open_devnull()?;
    let moves = moves_of(program, &null)?;
    let mut lifted = vec![-1; moves.len()];
    let room = room_for_titles(program);
    let argv = null_terminated(&program.argv);
    let mut environment = null_terminated(&program.environment);
    if let Some(room) = &room {
        environment.insert(0, room.as_ptr());
    }
    let mut recipe = Recipe {
        executable: program.executable.as_raw_fd(),
        argv: argv.as_ptr(),
        environment: environment.as_ptr(),
        moves: moves.as_ptr(),
        lifted: lifted.as_mut_ptr(),
        how_many: moves.len(),
        above_targets: moves.iter().map(|&(_, target)| target + 1).max().unwrap_or(0),
        new_session: program.new_session,
        failed: 0,
    };
    let child = clone_to(&mut recipe)?;
    // SAFETY: `recipe` is alive; the child, which wrote through another pointer, no longer shares our memory.
    let failed = unsafe { ptr::read_volatile(&raw const recipe.failed) };
    if failed != 0 {
        child.wait()?;
        return Err(io::Error::from_raw_os_error(failed));
    }
    Ok(child)
}

/// Titles are written over arguments and environment, and our helpers have next to none.
fn room_for_titles(program: &Program<'_>) -> Option<CString> {
    let room = title::room();
    let shows_titles = program.argv.first()?.to_bytes().starts_with(b"sshd: ");
    (shows_titles && !program.environment.contains(&room)).then_some(room)
}

/// `(descriptor here, number there)`, with `/dev/null` where 0, 1 or 2 was left open: a program that finds one of these
/// closed writes its messages into whatever it opens first.
fn moves_of(program: &Program<'_>, null: &OwnedFd) -> io::Result<Vec<(RawFd, RawFd)>> {
    let mut moves: Vec<(RawFd, RawFd)> = Vec::with_capacity(program.descriptors.len() + 3);
    for (descriptor, target) in &program.descriptors {
        if !(0..=HIGHEST_TARGET).contains(target) || moves.iter().any(|(_, taken)| taken == target) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        moves.push((descriptor.as_raw_fd(), *target));
    }
    for standard in 0..=2 {
        if !moves.iter().any(|&(_, taken)| taken == standard) {
            moves.push((null.as_raw_fd(), standard));
        }
    }
    Ok(moves)
}

/// All that the child reads, laid out before it exists; and the one thing it writes.
struct Recipe {
    executable: RawFd,
    argv: *const *const c_char,
    environment: *const *const c_char,
    /// `how_many` pairs: descriptor here, number there.
    moves: *const (RawFd, RawFd),
    /// Room for `how_many` numbers.
    lifted: *mut RawFd,
    how_many: usize,
    /// The first number above all targets.
    above_targets: RawFd,
    new_session: bool,
    /// The errno of what failed; 0 while nothing has.
    failed: c_int,
}

fn clone_to(recipe: &mut Recipe) -> io::Result<Child> {
    let stack = Stack::new()?;
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let mut pidfd: RawFd = -1;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    // SAFETY: as the head of this file argues: the child gets a stack of its own and pointers that outlive its stay, because
    // CLONE_VFORK keeps this thread asleep until it has left our memory.
    let pid = unsafe {
        libc::clone(become_the_program, stack.top(), flags, ptr::from_mut(recipe).cast::<c_void>(), &raw mut pidfd)
    };
    // Before anything else can return: the mask must come back.
    let outcome = Errno::result(pid);
    before.thread_set_mask()?;
    let pid = outcome?;
    // SAFETY: clone succeeded with CLONE_PIDFD, so this is a fresh descriptor that only we own.
    Ok(Child::new(pid, unsafe { OwnedFd::from_raw_fd(pidfd) }))
}

/// The child, from its first instruction to its exec.
extern "C" fn become_the_program(recipe: *mut c_void) -> c_int {
    let recipe = recipe.cast::<Recipe>();
    // SAFETY: `clone_to` passes a valid Recipe, and its owner sleeps until we are gone. Only async-signal-safe calls follow.
    unsafe {
        let errno = follow(&*recipe);
        ptr::write_volatile(&raw mut (*recipe).failed, errno);
        libc::_exit(127)
    }
}

/// Returns the errno of the step that failed; does not return otherwise.
///
/// # Safety
/// To be called in a child that shares our memory under the rules at the head of this file; the pointers of `recipe` hold
/// what its fields say.
unsafe fn follow(recipe: &Recipe) -> c_int {
    // SAFETY: each call is async-signal-safe and works on numbers or on pointers of `recipe`, which are valid by contract.
    unsafe {
        if recipe.new_session && libc::setsid() < 0 {
            return *libc::__errno_location();
        }
        // By number and not by sigaction(3), which hides the two signals of glibc: those may have been inherited ignored.
        // CLONE_CLEAR_SIGHAND would leave what is ignored ignored; all these calls together take 4 µs.
        let default_action = [0_u64; 4];
        for signal in 1..=LAST_SIGNAL {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default_action.as_ptr(),
                ptr::null_mut::<c_void>(),
                SIGNAL_SET_SIZE,
            );
        }
        // First everything is lifted out of the way, then put in its place: a source may stand where a target shall be.
        let executable = libc::fcntl(recipe.executable, libc::F_DUPFD_CLOEXEC, recipe.above_targets);
        if executable < 0 {
            return *libc::__errno_location();
        }
        for at in 0..recipe.how_many {
            let number = libc::fcntl((*recipe.moves.add(at)).0, libc::F_DUPFD_CLOEXEC, recipe.above_targets);
            if number < 0 {
                return *libc::__errno_location();
            }
            *recipe.lifted.add(at) = number;
        }
        close_range(0, recipe.above_targets.saturating_sub(1));
        for at in 0..recipe.how_many {
            // dup2 leaves close-on-exec off: these are what the program gets.
            if libc::dup2(*recipe.lifted.add(at), (*recipe.moves.add(at)).1) < 0 {
                return *libc::__errno_location();
            }
        }
        // Closed here and not by the exec: the kernel lets our parent go on before an exec closes anything, and a socket
        // that the parent then closes must have nobody left who holds it. Only the executable stays until the exec.
        if close_range(recipe.above_targets, executable.saturating_sub(1)) < 0
            || close_range(executable.saturating_add(1), RawFd::MAX) < 0
        {
            return *libc::__errno_location();
        }
        let mut none = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
        libc::syscall(
            libc::SYS_execveat,
            executable,
            c"".as_ptr(),
            recipe.argv,
            recipe.environment,
            libc::AT_EMPTY_PATH,
        );
        *libc::__errno_location()
    }
}

/// Closes every descriptor from `first` to `last`; none when there are none between them.
///
/// # Safety
/// Nobody may use the descriptors any more.
unsafe fn close_range(first: RawFd, last: RawFd) -> libc::c_long {
    if first > last {
        return 0;
    }
    // SAFETY: numbers only; async-signal-safe, as `follow` needs it.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }
}

/// Memory for the child's stack, with a guard page below.
struct Stack(*mut c_void);

impl Stack {
    fn new() -> io::Result<Stack> {
        // SAFETY: a fresh anonymous mapping; no existing memory is touched.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                STACK_SIZE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let stack = Stack(base);
        // SAFETY: the lowest page of the mapping just made, which nobody uses yet.
        Errno::result(unsafe { libc::mprotect(base, GUARD_SIZE, libc::PROT_NONE) })?;
        Ok(stack)
    }

    /// The end of the mapping: stacks grow down. Page-aligned, hence aligned as the ABI wants it.
    fn top(&self) -> *mut c_void {
        self.0.wrapping_byte_add(STACK_SIZE)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping of `new`; the child has left it (CLONE_VFORK) before clone returned here.
        unsafe { libc::munmap(self.0, STACK_SIZE) };
    }
}
