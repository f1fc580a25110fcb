//! Patterns of file names, as Include and AuthorizedKeysFile take them: `*`, `?`, `[...]` and backslash; no braces, no tilde.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

/// Existing files that `pattern` matches, in byte order. A leading dot must be matched by a dot.
pub fn matching_files(pattern: &[u8]) -> Vec<PathBuf> {
    let mut found: Vec<Vec<u8>> = vec![Vec::new()];
    for (place, component) in pattern.split(|&byte| byte == b'/').enumerate() {
        let mut next = Vec::new();
        for base in found {
            let mut prefix = base;
            if place > 0 {
                prefix.push(b'/');
            }
            if component.iter().any(|byte| b"*?[".contains(byte)) {
                next.extend(entries(&prefix, component));
            } else {
                prefix.extend(unescaped(component));
                next.push(prefix);
            }
        }
        found = next;
    }
    found.retain(|path| exists(path));
    found.sort();
    found.into_iter().map(|path| PathBuf::from(std::ffi::OsString::from_vec(path))).collect()
}

fn exists(path: &[u8]) -> bool {
    // Dangling links count, as for glob(3).
    std::fs::symlink_metadata(OsStr::from_bytes(path)).is_ok()
}

fn entries(directory: &[u8], pattern: &[u8]) -> Vec<Vec<u8>> {
    let path = if directory.is_empty() { OsStr::new(".") } else { OsStr::from_bytes(directory) };
    let Ok(listing) = std::fs::read_dir(path) else { return Vec::new() };
    listing
        .flatten()
        .map(|entry| entry.file_name().into_vec())
        .filter(|name| (name.first() != Some(&b'.') || pattern.first() == Some(&b'.')) && matches(name, pattern))
        .map(|name| [directory, &name].concat())
        .collect()
}

fn unescaped(component: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(component.len());
    let mut bytes = component.iter();
    while let Some(&byte) = bytes.next() {
        plain.push(if byte == b'\\' { bytes.next().copied().unwrap_or(byte) } else { byte });
    }
    plain
}

fn matches(name: &[u8], pattern: &[u8]) -> bool {
    let (mut at, mut next) = (0, 0);
    let mut last_star = None;
    while at < name.len() {
        if pattern.get(next) == Some(&b'*') {
            last_star = Some((next + 1, at));
            next += 1;
            continue;
        }
        match one(name[at], &pattern[next..]) {
            Some(used) => {
                at += 1;
                next += used;
            }
            None => match last_star {
                Some((behind_star, swallowed)) => {
                    last_star = Some((behind_star, swallowed + 1));
                    at = swallowed + 1;
                    next = behind_star;
                }
                None => return false,
            },
        }
    }
    pattern[next..].iter().all(|&byte| byte == b'*')
}

/// Whether `byte` matches the first element of `pattern`, and how long that element is.
fn one(byte: u8, pattern: &[u8]) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', escaped, ..] => (byte == *escaped).then_some(2),
        [b'[', rest @ ..] => match class(byte, rest) {
            Some((hit, length)) => hit.then_some(length + 1),
            None => (byte == b'[').then_some(1),
        },
        [plain, ..] => (byte == *plain).then_some(1),
        [] => None,
    }
}

/// A class behind its `[`: whether it holds `byte`, and its length with the `]`. `None` if it is never closed.
fn class(byte: u8, pattern: &[u8]) -> Option<(bool, usize)> {
    let negated = matches!(pattern.first(), Some(b'!' | b'^'));
    let start = usize::from(negated);
    let mut at = start;
    let mut hit = false;
    while at == start || pattern.get(at) != Some(&b']') {
        let low = *pattern.get(at)?;
        match (pattern.get(at + 1), pattern.get(at + 2)) {
            (Some(b'-'), Some(&high)) if high != b']' => {
                hit |= (low..=high).contains(&byte);
                at += 3;
            }
            _ => {
                hit |= low == byte;
                at += 1;
            }
        }
    }
    Some((hit != negated, at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, pattern) in
            [("a.conf", "*.conf"), ("10-x", "[0-9]?-x"), ("a*", "a\\*"), ("b", "[!a]"), ("[", "["), ("]", "[]]")]
        {
            assert!(matches(name.as_bytes(), pattern.as_bytes()), "{name} {pattern}");
        }
        for (name, pattern) in [("a.conf~", "*.conf"), ("x", "[0-9]"), ("ab", "a\\*"), ("a{b,c}", "a[bc]")] {
            assert!(!matches(name.as_bytes(), pattern.as_bytes()), "{name} {pattern}");
        }
    }

    #[test]
    fn no_match_is_nothing() {
        assert!(matching_files(b"/no/such/dir/*.conf").is_empty());
        assert_eq!(matching_files(b"/et[c]"), [PathBuf::from("/etc")]);
    }
}
