//! Tests of the whole process but its start: with a monitor of a test's own.

mod fake_monitor;
mod real_ssh;

pub(crate) use fake_monitor::FakeMonitor;

/// Runs a test's future in a runtime like the process's own.
pub(crate) fn in_runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().unwrap().block_on(future)
}
