//! `expiry-time="YYYYMMDD[HHMM[SS]][Z]"`

/// A moment as a calendar and a clock on the wall show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CivilTime {
    /// 1970 and later
    pub year: u16,
    /// 1 to 12
    pub month: u8,
    /// 1 to 31
    pub day: u8,
    /// 0 to 23
    pub hour: u8,
    /// 0 to 59
    pub minute: u8,
    /// 0 to 59
    pub second: u8,
}

/// When a key expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiryTime {
    /// The moment as written.
    pub written: CivilTime,
    /// Whether it was written with a `Z`; the server's zone otherwise.
    pub utc: bool,
}

impl ExpiryTime {
    /// Reads the option's value. Days that no calendar has make the whole line unusable rather than mean another day.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (digits, utc) = match strip_zone(text) {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let two = |from: usize| digits.get(from..from.saturating_add(2)).map_or(Some(0), |field| field.parse().ok());
        let written = CivilTime {
            year: digits.get(..4)?.parse().ok()?,
            month: two(4)?,
            day: two(6)?,
            hour: two(8)?,
            minute: two(10)?,
            second: two(12)?,
        };
        written.exists().then_some(Self { written, utc })
    }

    /// Seconds since 1970 in UTC. `local_time` turns a time on the server's wall clock into them; it answers `None`
    /// for times that do not exist there, and then nobody knows when the key expires.
    #[must_use]
    pub fn seconds(&self, local_time: impl FnOnce(&CivilTime) -> Option<i64>) -> Option<i64> {
        if self.utc { Some(self.written.seconds_if_utc()) } else { local_time(&self.written) }
    }
}

/// The text without `Z` or `UTC` behind it, in any case.
fn strip_zone(text: &str) -> Option<&str> {
    ["Z", "UTC"].into_iter().find_map(|zone| {
        let (digits, end) = text.split_at_checked(text.len().checked_sub(zone.len())?)?;
        end.eq_ignore_ascii_case(zone).then_some(digits)
    })
}

impl std::fmt::Display for CivilTime {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { year, month, day, hour, minute, second } = self;
        write!(out, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

impl CivilTime {
    /// What clocks in UTC show so many seconds after the start of 1970; `None` after the year 9999.
    #[must_use]
    pub fn in_utc(seconds: u64) -> Option<Self> {
        let (mut days, second) = (seconds.checked_div(86_400)?, u32::try_from(seconds.checked_rem(86_400)?).ok()?);
        let (mut year, mut month) = (1970_u16, 1_u8);
        while let Some(later) = days.checked_sub(if is_leap(year) { 366 } else { 365 }) {
            (days, year) = (later, year.checked_add(1).filter(|year| *year <= 9999)?);
        }
        while let Some(later) = days.checked_sub(days_in_month(year, month).into()) {
            (days, month) = (later, month.checked_add(1)?);
        }
        let part = |divisor: u32, most: u32| {
            let part = second.checked_div(divisor)?.checked_rem(most)?;
            u8::try_from(part).ok()
        };
        let day = u8::try_from(days.checked_add(1)?).ok()?;
        Some(Self { year, month, day, hour: part(3600, 24)?, minute: part(60, 60)?, second: part(1, 60)? })
    }

    /// Seconds from the start of 1970 if this is the time in UTC.
    #[must_use]
    pub fn seconds_if_utc(&self) -> i64 {
        let clock = i64::from(self.hour)
            .saturating_mul(3600)
            .saturating_add(i64::from(self.minute).saturating_mul(60))
            .saturating_add(i64::from(self.second));
        self.days_since_1970().saturating_mul(86_400).saturating_add(clock)
    }

    /// Seconds from the start of 1970 if a clock on the wall shows this time, where `wall_clock` tells what it shows at
    /// a moment. Of two moments it is the earlier one; `None` for times that the clock skips.
    #[must_use]
    pub fn seconds_where(&self, wall_clock: impl Fn(i64) -> CivilTime) -> Option<i64> {
        const DAY: i64 = 86_400;
        let wanted = self.seconds_if_utc();
        let ahead_of_utc = |moment: i64| wall_clock(moment).seconds_if_utc().saturating_sub(moment);
        // No zone changes its clock twice within two days: one of the two neighbouring days has the right offset.
        [wanted.saturating_sub(DAY), wanted.saturating_add(DAY)]
            .map(|neighbour| wanted.saturating_sub(ahead_of_utc(neighbour)))
            .into_iter()
            .filter(|moment| wall_clock(*moment) == *self)
            .min()
    }

    fn exists(&self) -> bool {
        self.year >= 1970
            && (1..=12).contains(&self.month)
            && (1..=days_in_month(self.year, self.month)).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second < 60
    }

    fn days_since_1970(&self) -> i64 {
        let in_whole_years: i64 = (1970..self.year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
        let in_whole_months: i64 = (1..self.month).map(|month| i64::from(days_in_month(self.year, month))).sum();
        in_whole_years.saturating_add(in_whole_months).saturating_add(i64::from(self.day)).saturating_sub(1)
    }
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_written_form() {
        let utc = |text| ExpiryTime::parse(text).map(|expiry| expiry.seconds(|_| panic!("in UTC")).unwrap());
        assert_eq!(utc("19700101Z"), Some(0));
        assert_eq!(utc("20000229Z"), Some(951_782_400));
        assert_eq!(utc("203801190314Z"), Some(2_147_483_640));
        assert_eq!(utc("20380119031407z"), Some(2_147_483_647));
        assert_eq!(utc("20380119031407UTC"), Some(2_147_483_647));
        let local = ExpiryTime::parse("20261122").unwrap();
        assert!(!local.utc);
        assert_eq!(local.seconds(|written| Some(written.seconds_if_utc() - 3600)), Some(1_795_305_600 - 3600));
        assert_eq!(local.seconds(|_| None), None);
    }

    fn utc(moment: i64) -> CivilTime {
        CivilTime::in_utc(u64::try_from(moment).unwrap()).unwrap()
    }

    #[test]
    fn clocks_in_utc() {
        for (seconds, shown) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (978_307_199, "2000-12-31 23:59:59"),
            (2_147_483_647, "2038-01-19 03:14:07"),
            (253_402_300_799, "9999-12-31 23:59:59"),
        ] {
            let time = CivilTime::in_utc(seconds).unwrap();
            assert_eq!(time.to_string(), shown);
            assert_eq!(u64::try_from(time.seconds_if_utc()).unwrap(), seconds);
        }
        assert_eq!(CivilTime::in_utc(253_402_300_800), None);
        assert_eq!(CivilTime::in_utc(u64::MAX), None);
    }

    /// A clock that is one hour ahead of UTC, two in summer: from 01:00 UTC on 28 March to 01:00 UTC on 31 October.
    fn central_european_2027(moment: i64) -> CivilTime {
        let is_summer = (1_806_195_600..1_824_944_400).contains(&moment);
        utc(moment + if is_summer { 7200 } else { 3600 })
    }

    #[test]
    fn wall_clocks_skip_and_repeat_hours() {
        let seconds =
            |text| ExpiryTime::parse(text).unwrap().seconds(|written| written.seconds_where(central_european_2027));
        assert_eq!(seconds("20270101"), Some(1_798_761_600 - 3600));
        assert_eq!(seconds("20270701"), Some(1_814_400_000 - 7200));
        assert_eq!(seconds("20270328015959"), Some(1_806_195_599));
        assert_eq!(seconds("202703280230"), None, "skipped");
        assert_eq!(seconds("202703280300"), Some(1_806_195_600));
        assert_eq!(seconds("202710310230"), Some(1_824_944_400 - 1800), "the earlier of two");
        assert_eq!(seconds("202710310330"), Some(1_824_944_400 + 5400));
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "Z",
            "2026",
            "20261301",
            "20261100",
            "20261131",
            "20250229",
            "21000229",
            "2026112224",
            "202611222400",
            "202611222360",
            "20261122235960",
            "19691231",
            "20261122+1",
            " 20261122",
            "20261122ZZ",
            "２０２６１１２２",
        ] {
            assert_eq!(ExpiryTime::parse(text), None, "{text:?}");
        }
    }
}
