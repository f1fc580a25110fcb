//! Starting one of our own programs by descriptor, with a link to it.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use ipc::start::LINK;
use sys::process::{Child, Program};

/// Variables of our own environment that our programs get: the time zone of the log, and what commands of an unprivileged
/// server inherit.
const KEPT_VARIABLES: [&str; 2] = ["TZ", "XDG_RUNTIME_DIR"];

/// Starts `executable` as `sshd: TITLE`. Its standard error is ours unless `descriptors` names another.
pub(crate) fn start_child(
    executable: BorrowedFd<'_>,
    title: &str,
    descriptors: &[(BorrowedFd<'_>, RawFd)],
) -> io::Result<(Child, OwnedFd)> {
    let (ours, theirs) = sys::fd::seqpacket_pair()?;
    let stderr = io::stderr();
    let mut given = vec![(theirs.as_fd(), LINK)];
    given.extend_from_slice(descriptors);
    if !descriptors.iter().any(|(_, number)| *number == 2) {
        given.push((stderr.as_fd(), 2));
    }
    let program = Program {
        executable,
        argv: vec![CString::new(title)?],
        environment: environment(),
        descriptors: given,
        new_session: true,
    };
    let child = sys::process::start(&program)?;
    Ok((child, ours))
}

fn environment() -> Vec<CString> {
    let keep = |name: &&str| std::env::var(name).ok().and_then(|value| CString::new(format!("{name}={value}")).ok());
    KEPT_VARIABLES.iter().filter_map(keep).collect()
}
