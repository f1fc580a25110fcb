//! What this kernel has, and kernels that it is not.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// Makes `number` a call that the kernel does not have, for this thread and all that it starts from now on, for ever.
pub fn without_system_call(number: i64) {
    let missing = [(number, Vec::new())].into_iter().collect();
    let absent = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let architecture = std::env::consts::ARCH.try_into().expect("a known architecture");
    let filter = SeccompFilter::new(missing, SeccompAction::Allow, absent, architecture).expect("a filter");
    let program: BpfProgram = filter.try_into().expect("a program");
    seccompiler::apply_filter(&program).expect("a kernel with seccomp");
}

/// Whether there are tun(4) devices, for everybody, as udev leaves them (containers and small systems have no udev): prints
/// and records the test's name if not. Needs root.
#[must_use]
pub fn needs_tun(test: &str) -> bool {
    let device = Path::new("/dev/net/tun");
    let _ = fs::set_permissions(device, Permissions::from_mode(0o666));
    if !device.exists() {
        crate::skipped(test, "this kernel has no /dev/net/tun");
    }
    device.exists()
}
