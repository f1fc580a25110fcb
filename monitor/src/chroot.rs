//! ChrootDirectory: a new root that nobody but root can have prepared.
//!
//! Were a component of it writable by the user, a setuid program hard-linked into it would find the user's own libraries
//! and configuration (CVE-2009-2904).

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;

use thiserror::Error;

/// Why a directory does not become the root, in theirs' words.
#[derive(Debug, Error)]
pub(crate) enum ChrootError {
    /// It is not absolute.
    #[error("chroot path does not begin at root")]
    NotAbsolute,
    /// A component cannot be looked at.
    #[error("safely_chroot: stat(\"{0}\"): {1}")]
    Unreachable(String, io::Error),
    /// Somebody else than root could change a component.
    #[error("bad ownership or modes for chroot directory {0}")]
    BadOwnershipOrModes(String),
    /// A component is no directory.
    #[error("chroot path {0} is not a directory")]
    NotADirectory(String),
}

/// Looks at every component of `directory` from the root down, before any process is told to make it its root; and
/// where symbolic links are on the way, at every component of where they lead.
pub(crate) fn check(directory: &str) -> Result<(), ChrootError> {
    if !directory.starts_with('/') {
        return Err(ChrootError::NotAbsolute);
    }
    check_components(directory)?;
    let real =
        std::fs::canonicalize(directory).map_err(|error| ChrootError::Unreachable(directory.to_owned(), error))?;
    check_components(&real.to_string_lossy())
}

fn check_components(directory: &str) -> Result<(), ChrootError> {
    // `/`, `/srv/`, and the whole: components end where the next one begins.
    let ends = directory.match_indices('/').map(|(slash, _)| slash.saturating_add(1));
    for component in ends.filter_map(|end| directory.get(..end)).chain([directory]) {
        let word = if component == directory { "" } else { "component " };
        let shown = format!("{word}\"{component}\"");
        let facts =
            std::fs::metadata(component).map_err(|error| ChrootError::Unreachable(component.to_owned(), error))?;
        if !facts.is_dir() {
            return Err(ChrootError::NotADirectory(shown));
        }
        if !is_roots_alone(&facts) {
            return Err(ChrootError::BadOwnershipOrModes(shown));
        }
    }
    Ok(())
}

fn is_roots_alone(facts: &Metadata) -> bool {
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    facts.uid() == 0 && facts.mode() & WRITABLE_BY_OTHERS == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(directory: &str) -> String {
        check(directory).unwrap_err().to_string()
    }

    #[test]
    fn what_others_can_write_is_refused_and_named() {
        let under = std::env::temp_dir().join(format!("chroot-test-{}", std::process::id()));
        std::fs::create_dir(&under).unwrap();
        let refused = refusal(under.to_str().unwrap());
        std::fs::remove_dir(&under).unwrap();
        let parent = std::env::temp_dir();
        let parent = parent.to_str().unwrap().trim_end_matches('/');
        assert_eq!(refused, format!("bad ownership or modes for chroot directory component \"{parent}/\""));
        assert_eq!(refusal(parent), format!("bad ownership or modes for chroot directory \"{parent}\""));
    }

    #[test]
    fn links_are_judged_by_where_they_lead() {
        // Root's own link, in root's own directory, to where everybody can write.
        assert!(refusal("/proc/self/cwd/../../../../../../../../tmp").contains("chroot directory"));
    }

    #[test]
    fn what_is_no_absolute_directory_is_refused() {
        assert_eq!(refusal("srv/jail"), "chroot path does not begin at root");
        assert_eq!(refusal("/etc/passwd"), "chroot path \"/etc/passwd\" is not a directory");
        assert!(refusal("/nonexistent").starts_with("safely_chroot: stat(\"/nonexistent\"): "));
        assert!(check("/usr").is_ok());
    }
}
