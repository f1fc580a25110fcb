//! ModuliFile: the groups that a group exchange (RFC 4419) chooses from; moduli(5) is its format.
//!
//! The file is read anew for each exchange, as theirs does: groups can be renewed without a reload. The process that
//! does the exchange may open nothing, so it asks for a group here; when there is none, it takes a numbered one.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use events::Level;
use events::monitor::Event;
use ipc::phases::{ModpGroup, PrimeSizes};

/// Largest file that is read, in bytes: seven times the one that theirs comes with.
const LARGEST_FILE: u64 = 4 * 1024 * 1024;

/// The type of a safe prime (a Sophie Germain prime times two, plus one).
const SAFE_PRIME: &str = "2";
/// The bit of a test that found the number to be no prime.
const TEST_FOUND_COMPOSITE: u32 = 1;

/// A group for these sizes, and what the log should know.
pub(crate) fn choose_group(file: Option<&Path>, sizes: &PrimeSizes) -> (Option<ModpGroup>, Vec<Event>) {
    let Some(file) = file else { return (None, Vec::new()) };
    let text = match read(file) {
        Ok(text) => text,
        Err(error) => {
            let why = sys::errors::words(&error);
            let text = format!("WARNING: could not open {} ({why}), using fixed modulus", file.display());
            return (None, vec![said(Level::Info, text)]);
        }
    };
    let (group, complaint) = choose_from(&text, sizes, random_below);
    let complaint = complaint.map(|why| said(Level::Error, format!("{} {why}", file.display())));
    let missing =
        group.is_none().then(|| said(Level::Info, format!("WARNING: no suitable primes in {}", file.display())));
    (group, complaint.into_iter().chain(missing).collect())
}

fn read(file: &Path) -> io::Result<String> {
    if fs::metadata(file)?.len() > LARGEST_FILE {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut text = String::new();
    File::open(file)?.take(LARGEST_FILE).read_to_string(&mut text)?;
    Ok(text)
}

/// One of the file's groups whose size is the best: the smallest that is not below the wanted one, else the largest.
/// Which of these is drawn by `draw`, given their number. Brings what is wrong with the first line that is no group.
fn choose_from(text: &str, sizes: &PrimeSizes, draw: impl Fn(usize) -> usize) -> (Option<ModpGroup>, Option<String>) {
    let mut complaint = None;
    let mut candidates: Vec<Line<'_>> = Vec::new();
    for (number, line) in (1_u32..).zip(text.lines()) {
        match Line::parse(line) {
            Ok(Some(line)) if (sizes.minimum..=sizes.maximum).contains(&line.bits) => {
                let best = candidates.first().map(|best| best.bits);
                if best.is_none_or(|best| is_better(line.bits, best, sizes.wanted)) {
                    candidates.clear();
                }
                if candidates.first().is_none_or(|best| best.bits == line.bits) {
                    candidates.push(line);
                }
            }
            Ok(_) => {}
            Err(why) => complaint = complaint.or_else(|| Some(format!("line {number}: {why}"))),
        }
    }
    // A modulus is looked at only when it is to be used; one that is bad leaves the others.
    while !candidates.is_empty() {
        let drawn = draw(candidates.len()).min(candidates.len().saturating_sub(1));
        match candidates.swap_remove(drawn).group() {
            Ok(group) => return (Some(group), complaint),
            Err(why) => complaint = complaint.or(Some(why)),
        }
    }
    (None, complaint)
}

fn is_better(bits: u32, best: u32, wanted: u32) -> bool {
    if best < wanted { bits > best } else { (wanted..best).contains(&bits) }
}

/// A line that stands for a group which may be used.
struct Line<'a> {
    bits: u32,
    generator: &'a str,
    modulus: &'a str,
}

impl<'a> Line<'a> {
    /// Time, type, tests, trials, size, generator, modulus. `None` for comments, and for what is no safe prime or has
    /// not been tested.
    fn parse(line: &'a str) -> Result<Option<Self>, String> {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_time, kind, tests, trials, size, generator, modulus] = fields[..] else {
            return Err(format!("{} fields instead of 7", fields.len()));
        };
        let number =
            |what: &str, text: &str| text.parse::<u32>().map_err(|_| format!("{what} \"{text}\" is no number"));
        let (tests, trials, size) = (number("tests", tests)?, number("trials", trials)?, number("size", size)?);
        let is_tested = tests & TEST_FOUND_COMPOSITE == 0 && tests != 0 && trials > 0;
        // The size is that of the highest bit's place.
        let bits = size.saturating_add(1);
        Ok((kind == SAFE_PRIME && is_tested).then_some(Self { bits, generator, modulus }))
    }

    fn group(&self) -> Result<ModpGroup, String> {
        let number = |what: &str, digits| bytes_of_hex(digits).ok_or_else(|| format!("{what} is not hexadecimal"));
        let (prime, generator) = (number("a modulus", self.modulus)?, number("a generator", self.generator)?);
        let bits = bits_of(&prime);
        if bits != self.bits {
            return Err(format!("a modulus of {bits} bits is said to have {}", self.bits));
        }
        Ok(ModpGroup { prime, generator })
    }
}

fn bytes_of_hex(digits: &str) -> Option<Vec<u8>> {
    let even = if digits.len().is_multiple_of(2) { digits.to_owned() } else { format!("0{digits}") };
    let (pairs, []) = even.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(*high)?.checked_mul(16)?.saturating_add(digit(*low)?))).collect()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn bits_of(magnitude: &[u8]) -> u32 {
    let mut rest = magnitude;
    while let [0, shorter @ ..] = rest {
        rest = shorter;
    }
    let unused = rest.first().map_or(0, |first| first.leading_zeros());
    u32::try_from(rest.len()).unwrap_or(u32::MAX).saturating_mul(8).saturating_sub(unused)
}

/// All of the file's groups are as good as each other: that the first ones come a little more often does not matter.
fn random_below(count: usize) -> usize {
    let mut bytes = [0; 8];
    // Without random bytes the exchange that follows cannot be made either.
    let _ = sys::random::random_bytes(&mut bytes);
    usize::from_ne_bytes(bytes).checked_rem(count).unwrap_or(0)
}

fn said(level: Level, text: String) -> Event {
    Event::Said { level, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// A line whose modulus is a number of this many bits that ends in `mark`.
    fn line(bits: usize, mark: &str) -> String {
        format!("20260101000000 2 6 100 {} 2 8{:0>width$}\n", bits - 1, mark, width = bits / 4 - 1)
    }

    /// The last byte of the modulus that is chosen from these lines.
    fn chosen(text: &str, minimum: u32, wanted: u32, maximum: u32) -> Option<u8> {
        let (group, complaint) = choose_from(text, &PrimeSizes { minimum, wanted, maximum }, |_| 0);
        assert_eq!(complaint, None);
        group.map(|group| *group.prime.last().unwrap())
    }

    #[test]
    fn the_smallest_that_is_large_enough_else_the_largest() {
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let lines = [line(2048, "A1"), line(3072, "B1"), line(4096, "C1")];
            let text: String = order.map(|place| lines[place].clone()).concat();
            assert_eq!(chosen(&text, 2048, 2048, 8192), Some(0xa1));
            assert_eq!(chosen(&text, 2048, 2049, 8192), Some(0xb1));
            assert_eq!(chosen(&text, 2048, 4096, 8192), Some(0xc1));
            assert_eq!(chosen(&text, 2048, 8192, 8192), Some(0xc1), "none is large enough");
            assert_eq!(chosen(&text, 2048, 4096, 3500), Some(0xb1), "the largest that is allowed");
            assert_eq!(chosen(&text, 3073, 3073, 4000), None);
        }
    }

    #[test]
    fn each_of_the_best_is_drawn() {
        let text = line(2048, "A1") + &line(2048, "A2") + &line(2048, "A3") + &line(4096, "C1");
        let sizes = PrimeSizes { minimum: 2048, wanted: 2048, maximum: 8192 };
        let drawn: HashSet<u8> =
            (0..200).map(|_| *choose_from(&text, &sizes, random_below).0.unwrap().prime.last().unwrap()).collect();
        assert_eq!(drawn, HashSet::from([0xa1, 0xa2, 0xa3]));
    }

    #[test]
    fn what_is_no_tested_safe_prime_is_passed_over() {
        let good = line(2048, "A1");
        for bad in [good.replace(" 2 6 ", " 4 6 "), good.replace(" 2 6 ", " 2 7 "), good.replace(" 2 6 ", " 2 0 ")] {
            assert_eq!(chosen(&bad, 2048, 2048, 8192), None, "{bad}");
        }
        assert_eq!(chosen(&good.replace(" 100 ", " 0 "), 2048, 2048, 8192), None);
        assert_eq!(chosen(&format!("# a comment\n\n{good}"), 2048, 2048, 8192), Some(0xa1));
    }

    #[test]
    fn bad_lines_are_named_and_leave_the_others() {
        let sizes = PrimeSizes { minimum: 2048, wanted: 2048, maximum: 8192 };
        let good = line(2048, "A1");
        for (bad, why) in [
            ("2 6\n".to_owned(), "line 1: 2 fields instead of 7"),
            (good.replace(" 2047 ", " x "), "line 1: size \"x\" is no number"),
            (good.replace("A1", "G1"), "a modulus is not hexadecimal"),
            (line(2056, "A1").replace(" 2055 ", " 2047 "), "a modulus of 2056 bits is said to have 2048"),
        ] {
            let (group, complaint) = choose_from(&(bad + &good), &sizes, |_| 0);
            assert_eq!((group.unwrap().prime.len(), complaint.as_deref()), (256, Some(why)));
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_said() {
        let sizes = PrimeSizes { minimum: 2048, wanted: 2048, maximum: 8192 };
        let (group, said) = choose_group(Some(Path::new("/nonexistent/moduli")), &sizes);
        let [Event::Said { text, .. }] = &said[..] else { panic!("{said:?}") };
        assert!(group.is_none());
        let expected = "WARNING: could not open /nonexistent/moduli (No such file or directory), using fixed modulus";
        assert_eq!(text, expected);
        assert_eq!(choose_group(None, &sizes), (None, Vec::new()));
    }
}
