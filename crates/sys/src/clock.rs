//! Time that never goes backwards.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Time since some fixed moment (the boot), unmoved by anyone who sets the clock.
pub fn monotonic() -> Duration {
    // CLOCK_MONOTONIC exists on every kernel we run on; were it missing, time would stand still.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn time_passes() {
        let before = super::monotonic();
        assert!(before.as_nanos() > 0);
        assert!(super::monotonic() >= before);
    }
}
