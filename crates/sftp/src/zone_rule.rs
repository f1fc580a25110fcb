//! The rule of a time zone as POSIX writes it in `TZ`, such as `CET-1CEST,M3.5.0,M10.5.0/3`.

use crate::local_time::{date_of, days_of};

/// Offsets in seconds east of UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ZoneRule {
    standard: i64,
    summer: Option<Summer>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Summer {
    offset: i64,
    begins: Change,
    ends: Change,
}

/// A day of each year, and when on it the clocks change.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    day: Day,
    /// Seconds after midnight, local time before the change; may be negative or more than a day.
    seconds: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Day {
    /// `Jn`: 1 to 365, 29 February is never counted.
    Julian(i64),
    /// `n`: 0 to 365
    OfYear(i64),
    /// `Mm.w.d`: week 5 is the last; day 0 is Sunday.
    OfMonth { month: u8, week: i64, weekday: i64 },
}

const SECONDS_A_DAY: i64 = 86_400;

impl ZoneRule {
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let mut left = Left(text);
        left.name()?;
        let standard = left.time()?.checked_neg()?;
        if left.0.is_empty() {
            return Some(Self { standard, summer: None });
        }
        left.name()?;
        let offset = match left.0.first() {
            Some(b',') => standard.checked_add(3600)?,
            _ => left.time()?.checked_neg()?,
        };
        left.byte(b',')?;
        let begins = left.change()?;
        left.byte(b',')?;
        let ends = left.change()?;
        left.0.is_empty().then_some(Self { standard, summer: Some(Summer { offset, begins, ends }) })
    }

    pub(crate) fn offset_at(&self, time: i64) -> i64 {
        let Some(summer) = &self.summer else { return self.standard };
        let (year, _, _) = date_of(time.saturating_add(self.standard).div_euclid(SECONDS_A_DAY));
        let begins = summer.begins.in_year(year).saturating_sub(self.standard);
        let ends = summer.ends.in_year(year).saturating_sub(summer.offset);
        let is_summer = if begins < ends { (begins..ends).contains(&time) } else { !(ends..begins).contains(&time) };
        if is_summer { summer.offset } else { self.standard }
    }
}

impl Change {
    /// Seconds since 1970 as if local time were UTC.
    fn in_year(&self, year: i64) -> i64 {
        let first = days_of(year, 1, 1);
        let day = match self.day {
            Day::Julian(number) => {
                let leap_day_passed = number >= 60 && days_of(year, 3, 1).saturating_sub(first) == 60;
                first.saturating_add(number).saturating_sub(1).saturating_add(i64::from(leap_day_passed))
            }
            Day::OfYear(number) => first.saturating_add(number),
            Day::OfMonth { month, week, weekday } => day_of_week_in(year, month, week, weekday),
        };
        day.saturating_mul(SECONDS_A_DAY).saturating_add(self.seconds)
    }
}

fn day_of_week_in(year: i64, month: u8, week: i64, weekday: i64) -> i64 {
    let first = days_of(year, month, 1);
    let next_month =
        if month == 12 { days_of(year.saturating_add(1), 1, 1) } else { days_of(year, month.saturating_add(1), 1) };
    // 1970-01-01 was a Thursday.
    let weekday_of_first = first.saturating_add(4).rem_euclid(7);
    let to_weekday = weekday.saturating_sub(weekday_of_first).rem_euclid(7);
    let day = first.saturating_add(to_weekday).saturating_add(week.saturating_sub(1).saturating_mul(7));
    if day < next_month { day } else { day.saturating_sub(7) }
}

/// What is not read yet.
struct Left<'a>(&'a [u8]);

impl Left<'_> {
    fn byte(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    /// `CET` or `<+03>`; only its end matters.
    fn name(&mut self) -> Option<()> {
        let length = match self.0.first()? {
            b'<' => self.0.iter().position(|byte| *byte == b'>')?.checked_add(1)?,
            _ => self.0.iter().take_while(|byte| byte.is_ascii_alphabetic()).count(),
        };
        self.0 = self.0.get(length..)?;
        (length >= 3).then_some(())
    }

    fn number(&mut self) -> Option<i64> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        if digits > 4 { None } else { std::str::from_utf8(number).ok()?.parse().ok() }
    }

    /// `[+-]h[:m[:s]]` in seconds
    fn time(&mut self) -> Option<i64> {
        let negative = self.byte(b'-').is_some();
        if !negative {
            let _ = self.byte(b'+');
        }
        let mut seconds = self.number()?.checked_mul(3600)?;
        for unit in [60, 1] {
            if self.byte(b':').is_none() {
                break;
            }
            seconds = seconds.checked_add(self.number()?.checked_mul(unit)?)?;
        }
        if negative { seconds.checked_neg() } else { Some(seconds) }
    }

    fn change(&mut self) -> Option<Change> {
        let day = self.day()?;
        let seconds = if self.byte(b'/').is_some() { self.time()? } else { 2 * 3600 };
        Some(Change { day, seconds })
    }

    fn day(&mut self) -> Option<Day> {
        if self.byte(b'J').is_some() {
            return Some(Day::Julian(self.number()?));
        }
        if self.byte(b'M').is_none() {
            return Some(Day::OfYear(self.number()?));
        }
        let month = u8::try_from(self.number()?).ok().filter(|month| (1..=12).contains(month))?;
        self.byte(b'.')?;
        let week = self.number()?;
        self.byte(b'.')?;
        Some(Day::OfMonth { month, week, weekday: self.number()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn offset(rule: &str, time: i64) -> i64 {
        ZoneRule::read(rule.as_bytes()).unwrap_or_else(|| panic!("{rule}")).offset_at(time)
    }

    #[test]
    fn summer_begins_and_ends_to_the_second() {
        let berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
        // 2027-03-28 01:00 UTC and 2027-10-31 01:00 UTC
        for (time, hours) in [(1_806_195_599, 1), (1_806_195_600, 2), (1_824_944_399, 2), (1_824_944_400, 1)] {
            assert_eq!(offset(berlin, time), hours * 3600, "{time}");
        }
    }

    #[test]
    fn south_of_the_equator_and_other_forms() {
        assert_eq!(offset("AEST-10AEDT,M10.1.0,M4.1.0/3", 1_800_000_000), 39_600, "January is summer");
        assert_eq!(offset("<+0330>-3:30", 0), 12_600);
        assert_eq!(offset("EST5EDT,J60,J300", 1_800_000_000), -18_000);
        assert_eq!(ZoneRule::read(b"CET-1CEST,M13.1.0,M1.1.0"), None);
        assert_eq!(ZoneRule::read(b"Europe/Berlin"), None);
    }

    proptest! {
        #[test]
        fn any_rule_is_read_without_panic(text in "[A-Z]{3}-?[0-9]{1,4}[A-Z]{3},[JM0-9./]{0,9},[JM0-9./]{0,9}", time: i64) {
            if let Some(rule) = ZoneRule::read(text.as_bytes()) {
                let _ = rule.offset_at(time);
            }
        }
    }
}
