//! Moments as the protocol and people write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sys::local_time::{LocalTime, local_time};

/// Seconds since 1970, now.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The host's local time at so many seconds since 1970; what is older is shown as 1970.
pub(crate) fn local(seconds: i64) -> LocalTime {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    local_time(UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH))
}

/// `YYYYMMDD-HH:MM:SS` in local time
pub(crate) fn for_the_log(seconds: i64) -> String {
    let LocalTime { year, month, day, hour, minute, second, .. } = local(seconds);
    let month = month.saturating_add(1);
    format!("{year:04}{month:02}{day:02}-{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_theirs_writes_them() {
        let written = for_the_log(1_700_000_025);
        assert!(["20231114-", "20231115-"].iter().any(|day| written.starts_with(day)), "{written}");
        assert!(written.ends_with(":45") && written.len() == 17, "{written}");
        let _ = for_the_log(i64::MIN);
        let _ = for_the_log(i64::MAX);
    }
}
