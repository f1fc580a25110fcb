//! Tests of the whole process but its start: with a monitor of a test's own.

// A transport outside a locked-down process exists in debug builds alone.
#[cfg(debug_assertions)]
mod fake_monitor;
#[cfg(debug_assertions)]
mod real_ssh;

/// Runs a test's future in a runtime like the process's own.
pub(crate) fn in_runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().unwrap().block_on(future)
}
