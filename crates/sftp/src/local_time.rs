//! The host's time zone, for dates in long names and log lines. The C library would read /etc/localtime when it is
//! first asked for a date, and then it is out of reach behind a chroot or a sandbox.

use std::path::{Path, PathBuf};

use crate::time_zone::TimeZone;

/// A time zone, read once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalTime {
    /// `None`: UTC
    zone: Option<TimeZone>,
}

/// A moment as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CivilTime {
    pub(crate) year: i64,
    /// 1 to 12
    pub(crate) month: u8,
    /// 1 to 31
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
}

impl LocalTime {
    /// UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self::default()
    }

    /// What `TZ` or /etc/localtime say; UTC when they say nothing that can be read. To be called before chroot and
    /// lock-down.
    #[must_use]
    pub fn of_this_host() -> Self {
        let named = std::env::var("TZ").ok().map(|zone| zone.trim_start_matches(':').to_owned());
        let file = match named.as_deref() {
            None => PathBuf::from("/etc/localtime"),
            Some("") => return Self::utc(),
            Some(name) if name.split('/').any(|component| component == "..") => return Self::utc(),
            // An absolute name replaces the directory.
            Some(name) => Path::new("/usr/share/zoneinfo").join(name),
        };
        let zone = std::fs::read(file).ok().and_then(|content| TimeZone::from_file(&content));
        Self { zone: zone.or_else(|| TimeZone::from_rule(named?.as_bytes())) }
    }

    /// Local time at so many seconds since 1970.
    pub(crate) fn at(&self, time: i64) -> CivilTime {
        let offset = self.zone.as_ref().map_or(0, |zone| zone.offset_at(time));
        civil(time.saturating_add(offset))
    }

    /// `YYYYMMDD-HH:MM:SS`
    pub(crate) fn for_the_log(&self, time: i64) -> String {
        let CivilTime { year, month, day, hour, minute, second } = self.at(time);
        format!("{year:04}{month:02}{day:02}-{hour:02}:{minute:02}:{second:02}")
    }
}

const SECONDS_A_DAY: i64 = 86_400;

fn civil(time: i64) -> CivilTime {
    let (year, month, day) = date_of(time.div_euclid(SECONDS_A_DAY));
    let second_of_day = time.rem_euclid(SECONDS_A_DAY);
    let part = |unit: i64, modulus: i64| u8::try_from(second_of_day.div_euclid(unit).rem_euclid(modulus)).unwrap_or(0);
    CivilTime { year, month, day, hour: part(3600, 24), minute: part(60, 60), second: part(1, 60) }
}

/// Year, month and day of the Gregorian calendar, from days since 1970-01-01. Counts in years that begin in March, so
/// that the leap day is the last of its year.
pub(crate) fn date_of(days: i64) -> (i64, u8, u8) {
    const DAYS_IN_400_YEARS: i64 = 146_097;
    const DAYS_FROM_0000_03_01_TO_1970: i64 = 719_468;
    let days = days.saturating_add(DAYS_FROM_0000_03_01_TO_1970);
    let cycle = days.div_euclid(DAYS_IN_400_YEARS);
    let day_of_cycle = days.rem_euclid(DAYS_IN_400_YEARS);
    // Leap days so far, taken out: what is left is whole years of 365 days.
    let leap_days = day_of_cycle
        .div_euclid(1460)
        .saturating_sub(day_of_cycle.div_euclid(36_524))
        .saturating_add(day_of_cycle.div_euclid(146_096));
    let year_of_cycle = day_of_cycle.saturating_sub(leap_days).div_euclid(365);
    let day_of_year = day_of_cycle.saturating_sub(first_day_of(year_of_cycle));
    let month_from_march = day_of_year.saturating_mul(5).saturating_add(2).div_euclid(153);
    let day = day_of_year.saturating_sub(first_day_of_month(month_from_march)).saturating_add(1);
    let month =
        if month_from_march < 10 { month_from_march.saturating_add(3) } else { month_from_march.saturating_sub(9) };
    let year = cycle.saturating_mul(400).saturating_add(year_of_cycle).saturating_add(i64::from(month <= 2));
    (year, u8::try_from(month).unwrap_or(1), u8::try_from(day).unwrap_or(1))
}

/// Days since 1970-01-01 of a date: the reverse.
pub(crate) fn days_of(year: i64, month: u8, day: u8) -> i64 {
    let month = i64::from(month);
    let year = year.saturating_sub(i64::from(month <= 2));
    let month_from_march = if month > 2 { month.saturating_sub(3) } else { month.saturating_add(9) };
    let day_of_cycle = first_day_of(year.rem_euclid(400))
        .saturating_add(first_day_of_month(month_from_march))
        .saturating_add(i64::from(day).saturating_sub(1));
    year.div_euclid(400).saturating_mul(146_097).saturating_add(day_of_cycle).saturating_sub(719_468)
}

/// Days of a cycle of 400 years before one of its years, which begins in March.
fn first_day_of(year_of_cycle: i64) -> i64 {
    year_of_cycle
        .saturating_mul(365)
        .saturating_add(year_of_cycle.div_euclid(4))
        .saturating_sub(year_of_cycle.div_euclid(100))
}

/// Days of a year before one of its months, counted from March: 31, 30, 31, 30, 31 and again.
fn first_day_of_month(month_from_march: i64) -> i64 {
    month_from_march.saturating_mul(153).saturating_add(2).div_euclid(5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments() {
        let said = |time| LocalTime::utc().for_the_log(time);
        assert_eq!(said(0), "19700101-00:00:00");
        assert_eq!(said(951_782_399), "20000228-23:59:59");
        assert_eq!(said(951_782_400), "20000229-00:00:00");
        assert_eq!(said(1_800_000_000), "20270115-08:00:00");
        assert_eq!(said(-1), "19691231-23:59:59");
    }

    proptest! {
        #[test]
        fn dates_and_days_are_each_others_reverse(days in -1_000_000i64..1_000_000) {
            let (year, month, day) = date_of(days);
            prop_assert_eq!(days_of(year, month, day), days);
            prop_assert!((1..=12).contains(&month) && (1..=31).contains(&day));
            let (_, next_month, next_day) = date_of(days + 1);
            prop_assert!(next_day == day + 1 && next_month == month || next_day == 1 && next_month == month % 12 + 1);
        }

        #[test]
        fn any_time_has_a_date(time: i64) {
            let _ = LocalTime::utc().for_the_log(time);
        }
    }
}
