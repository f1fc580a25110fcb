//! The line about a file that `ls -l` would print: clients show it as it is.

use nix::sys::stat::FileStat;
use sys::local_time::LocalTime;

use crate::dates;
use crate::queue::ByteQueue;

/// Appends `drwxr-xr-x    5 markus   markus       1024 Jan 13 18:39 .ssh`, the parts as wide as theirs makes them.
/// `now` in seconds since 1970.
pub(crate) fn write(output: &mut ByteQueue, name: &[u8], stat: &FileStat, owner: Owner<'_>, now: i64) {
    output.extend(&mode_letters(stat.st_mode));
    output.extend(b"  ");
    put_number(output, stat.st_nlink, 3);
    output.extend(b" ");
    put_padded(output, owner.user, 8);
    output.extend(b" ");
    put_padded(output, owner.group, 8);
    output.extend(b" ");
    put_number(output, stat.st_size.unsigned_abs(), 8);
    output.extend(b" ");
    put_date(output, stat.st_mtime, now);
    output.extend(b" ");
    output.extend(name);
}

/// Names of those whom a file belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner<'a> {
    pub(crate) user: &'a str,
    pub(crate) group: &'a str,
}

/// Seconds: what is older, or lies in the future, shows its year instead of the time of day.
const HALF_A_YEAR: i64 = 365 * 24 * 60 * 60 / 2;

fn put_date(output: &mut ByteQueue, time: i64, now: i64) {
    let LocalTime { year, month, day, hour, minute, .. } = dates::local(time);
    output.extend(month_name(month));
    output.extend(b" ");
    put_number(output, u64::from(day), 2);
    output.extend(b" ");
    if now.saturating_sub(HALF_A_YEAR) < time && time <= now {
        output.extend(&two_digits(hour));
        output.extend(b":");
        output.extend(&two_digits(minute));
    } else {
        put_number(output, u64::from(year.unsigned_abs()), 5);
    }
}

fn month_name(month: u8) -> &'static [u8] {
    const NAMES: [&[u8]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    NAMES.get(usize::from(month)).copied().unwrap_or(b"???")
}

fn two_digits(number: u8) -> [u8; 2] {
    let tens = number.checked_div(10).unwrap_or(0);
    let ones = number.checked_rem(10).unwrap_or(0);
    [b'0'.saturating_add(tens), b'0'.saturating_add(ones)]
}

/// Right-aligned decimal digits.
fn put_number(output: &mut ByteQueue, number: u64, width: usize) {
    let mut digits = [b' '; 20];
    let mut left = number;
    let mut used = 0usize;
    for place in digits.iter_mut().rev() {
        let digit = u8::try_from(left.checked_rem(10).unwrap_or(0)).unwrap_or(0);
        *place = b'0'.saturating_add(digit);
        used = used.saturating_add(1);
        left = left.checked_div(10).unwrap_or(0);
        if left == 0 {
            break;
        }
    }
    let from = digits.len().saturating_sub(used.max(width));
    output.extend(digits.get(from..).unwrap_or_default());
}

/// `width` is at most 8.
fn put_padded(output: &mut ByteQueue, text: &str, width: usize) {
    const SPACES: &[u8] = &[b' '; 8];
    output.extend(text.as_bytes());
    output.extend(SPACES.get(..width.saturating_sub(text.len())).unwrap_or(SPACES));
}

/// As strmode(3).
fn mode_letters(mode: u32) -> [u8; 10] {
    let kind = match mode & 0o170_000 {
        0o040_000 => b'd',
        0o020_000 => b'c',
        0o060_000 => b'b',
        0o100_000 => b'-',
        0o120_000 => b'l',
        0o140_000 => b's',
        0o010_000 => b'p',
        _ => b'?',
    };
    let letter = |bit: u32, letter: u8| if mode & bit != 0 { letter } else { b'-' };
    // An execute bit shares its place with set-id or sticky.
    let execute = |bit: u32, special: u32, both: u8, special_alone: u8| match (mode & bit != 0, mode & special != 0) {
        (true, true) => both,
        (false, true) => special_alone,
        (true, false) => b'x',
        (false, false) => b'-',
    };
    [
        kind,
        letter(0o400, b'r'),
        letter(0o200, b'w'),
        execute(0o100, 0o4000, b's', b'S'),
        letter(0o040, b'r'),
        letter(0o020, b'w'),
        execute(0o010, 0o2000, b's', b'S'),
        letter(0o004, b'r'),
        letter(0o002, b'w'),
        execute(0o001, 0o1000, b't', b'T'),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(mode: u32, links: u64, bytes: i64, time: i64, user: &str) -> String {
        let mut stat = nix::sys::stat::stat("/").unwrap();
        (stat.st_mode, stat.st_nlink, stat.st_size, stat.st_mtime) = (mode, links, bytes, time);
        let mut output = ByteQueue::new();
        write(&mut output, b".ssh", &stat, Owner { user, group: "staff" }, 1_800_000_000);
        String::from_utf8(output.pending().to_vec()).unwrap()
    }

    #[test]
    fn as_ls_shows_them() {
        let directory = line(0o040_755, 5, 1024, 1_799_999_000, "markus");
        assert!(directory.starts_with("drwxr-xr-x    5 markus   staff        1024 Jan 15 "), "{directory}");
        assert_eq!(directory.rfind(':').map(|colon| directory.len() - colon), Some(8), "time of day: {directory}");
        assert_eq!(
            line(0o104_751, 1, 123_456_789_012, 1_000_000_000, "a-long-user-name"),
            "-rwsr-x--x    1 a-long-user-name staff    123456789012 Sep  9  2001 .ssh"
        );
        let from_the_future = line(0o041_666, 1234, 0, 1_800_000_001, "u");
        assert_eq!(from_the_future, "drw-rw-rwT  1234 u        staff           0 Jan 15  2027 .ssh");
    }
}
