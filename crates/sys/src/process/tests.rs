//! Programs started for real: what reaches them, what does not, and how their end is told.

use std::fs::File;
use std::io::Read;
use std::os::fd::RawFd;

use nix::sys::signal::{SigHandler, SigSet};

use super::*;
use crate::fd::pipe;

fn text(text: &str) -> CString {
    CString::new(text).unwrap()
}

fn shell_program<'a>(shell: &'a File, script: &str, descriptors: Vec<(BorrowedFd<'a>, RawFd)>) -> Program<'a> {
    Program {
        executable: shell.as_fd(),
        argv: ["sh", "-c", script].map(text).into(),
        environment: vec![text("PATH=/usr/bin:/bin"), text("ONLY=this")],
        descriptors,
        new_session: false,
    }
}

fn shell() -> File {
    File::open("/bin/sh").unwrap()
}

/// What a script writes to its standard output, and how it ended.
fn run(script: &str, change: impl FnOnce(&mut Program<'_>)) -> (String, Ended) {
    let shell = shell();
    let (reader, writer) = pipe(65536).unwrap();
    let mut program = shell_program(&shell, script, vec![(writer.as_fd(), 1)]);
    change(&mut program);
    let child = start(&program).unwrap();
    drop(program);
    drop(writer);
    let mut output = String::new();
    File::from(reader).read_to_string(&mut output).unwrap();
    (output, child.wait().unwrap())
}

#[test]
fn argv_environment_and_exit_status_arrive() {
    let (output, ended) = run("echo \"$0 $ONLY $1\"; env | wc -l; exit 7", |program| {
        program.argv.extend(["name", "one"].map(text));
    });
    let mut lines = output.lines();
    assert_eq!(lines.next(), Some("name this one"));
    // PATH, ONLY, and what sh itself adds (PWD, and in some OLDPWD or _).
    assert!(lines.next().unwrap().trim().parse::<u32>().unwrap() <= 5);
    assert_eq!(ended, Ended::Exited(7));
}

#[test]
fn a_helper_has_room_for_titles_and_no_other_program_gets_any() {
    let bytes_of_environment = |name: &str| {
        let (output, _) = run("wc -c </proc/$$/environ", |program| program.argv[0] = text(name));
        output.trim().parse::<usize>().unwrap()
    };
    let room = crate::title::room().as_bytes_with_nul().len();
    assert_eq!(bytes_of_environment("sshd: [net]") - bytes_of_environment("sh"), room);
}

#[test]
fn only_the_given_descriptors_arrive_and_0_to_2_are_never_closed() {
    let null = crate::fd::open_devnull().unwrap();
    let _inheritable = nix::unistd::dup(&null).unwrap();
    // Built-ins alone: a substitution or a listing would open descriptors of its own.
    let script = "n=0; while [ $n -lt 64 ]; do [ -L /proc/$$/fd/$n ] && echo $n; n=$((n+1)); done; \
                  exec readlink /proc/self/fd/0 /proc/self/fd/2";
    let (output, ended) = run(script, |program| {
        let (writer, _) = program.descriptors[0];
        program.descriptors.push((writer, 5));
    });
    assert_eq!(ended, Ended::Exited(0));
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines, ["0", "1", "2", "5", "/dev/null", "/dev/null"], "{output}");
}

#[test]
fn what_was_not_given_has_gone_when_the_start_returns() {
    // The kernel wakes the parent of a vfork before it closes what is marked close-on-exec: a port would stay taken a
    // moment longer than its socket here. Many descriptors make that moment last.
    let shell = shell();
    let port_is_free_each_time = || {
        (0..300).all(|_| {
            let listening = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let at = listening.local_addr().unwrap();
            let copies: Vec<_> = (0..100).map(|_| listening.try_clone().unwrap()).collect();
            let child = start(&shell_program(&shell, "exit", vec![])).unwrap();
            drop((listening, copies));
            let again = std::net::TcpListener::bind(at);
            child.wait().unwrap();
            again.is_ok()
        })
    };
    // In a child, whose sockets no other test's children have.
    // SAFETY: the child has one thread; glibc makes malloc usable in it; it ends by _exit.
    match unsafe { nix::unistd::fork() }.unwrap() {
        nix::unistd::ForkResult::Parent { child } => {
            let ended = nix::sys::wait::waitpid(child, None).unwrap();
            assert_eq!(ended, nix::sys::wait::WaitStatus::Exited(child, 0));
        }
        // SAFETY: ends the forked process without the harness's exit handlers.
        nix::unistd::ForkResult::Child => unsafe { libc::_exit(if port_is_free_each_time() { 0 } else { 1 }) },
    }
}

#[test]
fn sources_may_stand_where_targets_shall_be() {
    // Each of two descriptors gets the number of the other.
    let (reader, writer) = pipe(65536).unwrap();
    let (other_reader, other_writer) = pipe(65536).unwrap();
    let shell = shell();
    let number = other_writer.as_raw_fd();
    if number > 63 || writer.as_raw_fd() > 63 {
        return;
    }
    let script = format!("echo one >/proc/self/fd/{}; echo two >/proc/self/fd/{number}", writer.as_raw_fd());
    let descriptors = vec![(writer.as_fd(), number), (other_writer.as_fd(), writer.as_raw_fd())];
    let child = start(&shell_program(&shell, &script, descriptors)).unwrap();
    drop((writer, other_writer));
    let (mut first, mut second) = (String::new(), String::new());
    File::from(reader).read_to_string(&mut first).unwrap();
    File::from(other_reader).read_to_string(&mut second).unwrap();
    assert_eq!((first.as_str(), second.as_str()), ("two\n", "one\n"));
    assert_eq!(child.wait().unwrap(), Ended::Exited(0));
}

#[test]
fn no_signal_stays_blocked_or_ignored() {
    // SAFETY: SIG_IGN runs no code.
    unsafe { nix::sys::signal::signal(Signal::SIGUSR1, SigHandler::SigIgn) }.unwrap();
    let before = SigSet::all().thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_SETMASK).unwrap();
    let (output, _) = run("grep -E '^Sig(Blk|Ign)' /proc/self/status", |_| {});
    let after = SigSet::thread_get_mask().unwrap();
    before.thread_set_mask().unwrap();
    assert_eq!(output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    assert!(after.contains(Signal::SIGUSR2), "the caller's own mask must come back as it was");
}

#[test]
fn an_exec_that_fails_is_an_error_and_leaves_no_zombie() {
    let directory: OwnedFd = File::open("/").unwrap().into();
    let text_file: OwnedFd = File::open("/etc/passwd").unwrap().into();
    let no_program = nix::sys::memfd::memfd_create("x", nix::sys::memfd::MFdFlags::MFD_CLOEXEC).unwrap();
    crate::fd::write(no_program.as_fd(), b"\x7fELF?").unwrap();
    let failures = [(&directory, libc::EACCES), (&text_file, libc::EACCES), (&no_program, libc::ENOEXEC)];
    // In a child, which has no children but those.
    let all_as_told = || {
        failures.iter().all(|(executable, errno)| {
            let program = Program {
                executable: executable.as_fd(),
                argv: vec![text("x")],
                environment: vec![],
                descriptors: vec![],
                new_session: false,
            };
            start(&program).is_err_and(|error| error.raw_os_error() == Some(*errno))
        }) && nix::sys::wait::waitpid(None, Some(nix::sys::wait::WaitPidFlag::WNOHANG)) == Err(Errno::ECHILD)
    };
    // SAFETY: the child has one thread; glibc makes malloc usable in it; it ends by _exit.
    match unsafe { nix::unistd::fork() }.unwrap() {
        nix::unistd::ForkResult::Parent { child } => {
            let ended = nix::sys::wait::waitpid(child, None).unwrap();
            assert_eq!(ended, nix::sys::wait::WaitStatus::Exited(child, 0));
        }
        // SAFETY: ends the forked process without the harness's exit handlers.
        nix::unistd::ForkResult::Child => unsafe { libc::_exit(if all_as_told() { 0 } else { 1 }) },
    }
}

#[test]
fn a_number_twice_or_out_of_range_is_refused() {
    let shell = shell();
    for targets in [[4, 4], [-1, 4], [4, 64]] {
        let descriptors = targets.map(|target| (shell.as_fd(), target)).into();
        let refused = start(&shell_program(&shell, "true", descriptors)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    }
}

#[test]
fn a_new_session_is_led_and_its_group_can_be_signalled() {
    let shell = shell();
    let (reader, writer) = pipe(4096).unwrap();
    let mut program = shell_program(&shell, "sleep 1000 & echo $$; wait", vec![(writer.as_fd(), 1)]);
    program.new_session = true;
    let child = start(&program).unwrap();
    drop(program);
    drop(writer);
    let mut first = [0; 32];
    let length = crate::fd::read(reader.as_fd(), &mut first).unwrap();
    assert_eq!(String::from_utf8_lossy(&first[..length]).trim(), child.pid().to_string());
    assert_eq!(nix::unistd::getsid(Some(Pid::from_raw(child.pid()))).unwrap().as_raw(), child.pid());
    assert_eq!(child.try_wait().unwrap(), None);
    child.signal_group(Signal::SIGTERM).unwrap();
    assert!(matches!(child.wait().unwrap(), Ended::Signalled { signal: libc::SIGTERM, .. }));
    // The sleeping grandchild held the pipe's other end; that it is at its end shows that the signal reached it, too.
    assert_eq!(crate::fd::read(reader.as_fd(), &mut first).unwrap(), 0);
}

#[test]
fn the_pidfd_becomes_readable_at_the_end_and_a_reaped_child_is_no_longer_signalled() {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let shell = shell();
    let child = start(&shell_program(&shell, "kill -ABRT $$", vec![])).unwrap();
    poll(&mut [PollFd::new(child.pidfd(), PollFlags::POLLIN)], PollTimeout::NONE).unwrap();
    assert!(matches!(child.try_wait().unwrap(), Some(Ended::Signalled { signal: libc::SIGABRT, .. })));
    for outcome in [child.signal(Signal::SIGKILL), child.signal_group(Signal::SIGKILL)] {
        assert_eq!(outcome.unwrap_err().raw_os_error(), Some(libc::ESRCH));
    }
    assert_eq!(child.wait().unwrap_err().raw_os_error(), Some(libc::ECHILD));
}

#[test]
fn exec_reports_what_is_not_there() {
    let error = exec(c"/nonexistent/program", &[text("x")], &[]);
    assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
}

#[test]
fn daemonising_a_threaded_process_is_refused() {
    let (keep, wait) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || wait.recv().is_err());
    assert_eq!(daemonise().unwrap_err().kind(), io::ErrorKind::InvalidInput);
    drop(keep);
    assert!(thread.join().unwrap());
}

#[test]
fn the_foreground_learns_what_became_of_the_daemon() {
    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::{ForkResult, fork};
    for listens in [true, false] {
        // SAFETY: the child has one thread; glibc makes malloc usable in it; it ends by _exit.
        match unsafe { fork() }.unwrap() {
            ForkResult::Parent { child } => {
                let expected = if listens { 0 } else { 42 };
                assert_eq!(waitpid(child, None).unwrap(), WaitStatus::Exited(child, expected));
            }
            ForkResult::Child => {
                let status = match daemonise() {
                    Ok(Daemonised::Foreground { exit_status }) => exit_status,
                    Ok(Daemonised::Background(background)) if listens => {
                        i32::from(background.now_listening(true).is_err())
                    }
                    Ok(Daemonised::Background(_)) => 42,
                    Err(_) => 99,
                };
                // SAFETY: ends the forked process without the harness's exit handlers.
                unsafe { libc::_exit(status) }
            }
        }
    }
}

/// Not a test of right and wrong: run with `--ignored --nocapture` to see what a start costs here.
#[test]
#[ignore = "measures"]
fn the_cost_of_a_start() {
    let executable = File::open("/bin/true").unwrap();
    let ballast = vec![1_u8; 64 << 20];
    for round in 0..3 {
        let begin = crate::clock::monotonic();
        for _ in 0..200 {
            let child = start(&shell_program(&executable, "", vec![])).unwrap();
            child.wait().unwrap();
        }
        let ours = (crate::clock::monotonic() - begin) / 200;
        let begin = crate::clock::monotonic();
        for _ in 0..200 {
            // SAFETY: the child calls nothing but execve and _exit.
            match unsafe { nix::unistd::fork() }.unwrap() {
                nix::unistd::ForkResult::Parent { child } => drop(nix::sys::wait::waitpid(child, None).unwrap()),
                nix::unistd::ForkResult::Child => {
                    exec(c"/bin/true", &[], &[]);
                    // SAFETY: ends the forked process.
                    unsafe { libc::_exit(1) }
                }
            }
        }
        let forked = (crate::clock::monotonic() - begin) / 200;
        println!("round {round}: start {ours:?}, fork and exec {forked:?} ({} MiB of ballast)", ballast.len() >> 20);
    }
}
