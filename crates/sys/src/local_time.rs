//! The wall clock as the administrator's log shows it.

use std::time::{SystemTime, UNIX_EPOCH};

/// A moment in the time zone of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// As in 2026.
    pub year: i32,
    /// 0 to 11.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60.
    pub second: u8,
}

/// What the clock on the wall shows at `moment`. The first call reads the time zone from a file; later ones make no
/// system call, so a process that is going to be locked down asks once before. A moment that the C library cannot break down is the epoch.
#[must_use]
pub fn local_time(moment: SystemTime) -> LocalTime {
    let seconds = moment.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let seconds = libc::time_t::try_from(seconds).unwrap_or(0);
    let mut broken_down = std::mem::MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are valid for the call; localtime_r(3) keeps neither. An all-zero `tm` is a valid value
    // (its one pointer may be null), so it can be read whether or not the call succeeded.
    let broken_down = unsafe {
        libc::localtime_r(&raw const seconds, broken_down.as_mut_ptr());
        broken_down.assume_init()
    };
    let small = |value: libc::c_int| u8::try_from(value).unwrap_or(0);
    LocalTime {
        year: broken_down.tm_year.saturating_add(1900),
        month: small(broken_down.tm_mon),
        day: small(broken_down.tm_mday).max(1),
        hour: small(broken_down.tm_hour),
        minute: small(broken_down.tm_min),
        second: small(broken_down.tm_sec),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn seconds_and_minutes_do_not_depend_on_most_time_zones() {
        let moment = UNIX_EPOCH + Duration::from_secs(1_700_000_025);
        let shown = local_time(moment);
        assert_eq!(shown.second, 45);
        assert_eq!(shown.year, 2023);
        assert_eq!(shown.month, 10);
        assert!((14..=15).contains(&shown.day));
    }
}
