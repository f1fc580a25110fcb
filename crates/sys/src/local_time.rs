//! The wall clock as the administrator's log shows it.

use std::fmt;
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
    /// 0 (Sunday) to 6.
    pub weekday: u8,
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
        weekday: small(broken_down.tm_wday),
        hour: small(broken_down.tm_hour),
        minute: small(broken_down.tm_min),
        second: small(broken_down.tm_sec),
    }
}

/// `Sun Nov 22 20:03:47 2026`, as asctime(3) writes it.
impl fmt::Display for LocalTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let named = |names: &[&'static str], index: u8| names.get(usize::from(index)).copied().unwrap_or("???");
        let Self { year, month, day, weekday, hour, minute, second } = *self;
        let (weekday, month) = (named(&DAYS, weekday), named(&MONTHS, month));
        write!(out, "{weekday} {month} {day:2} {hour:02}:{minute:02}:{second:02} {year}")
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

    #[test]
    fn times_read_as_asctime_writes_them() {
        let shown = LocalTime { year: 2026, month: 10, day: 2, weekday: 1, hour: 7, minute: 3, second: 9 };
        assert_eq!(shown.to_string(), "Mon Nov  2 07:03:09 2026");
    }
}
