//! Kernels that this one is not.

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
