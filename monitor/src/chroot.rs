//! ChrootDirectory: a new root that nobody but root can have prepared.
//!
//! Were a component of it writable by the user, a setuid program hard-linked into it would find the user's own libraries
//! and configuration (CVE-2009-2904).

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use thiserror::Error;

/// Why a directory does not become the root.
#[derive(Debug, Error)]
pub(crate) enum ChrootError {
    /// It is not absolute, or goes back up.
    #[error("chroot path does not begin at root")]
    NotAbsolute,
    /// A component cannot be looked at.
    #[error("stat(\"{component}\"): {error}")]
    Unreachable { component: String, error: io::Error },
    /// Somebody else than root could change a component.
    #[error("bad ownership or modes for chroot directory component \"{0}\"")]
    BadOwnershipOrModes(String),
    /// A component is no directory.
    #[error("chroot path \"{0}\" is not a directory")]
    NotADirectory(String),
}

/// Looks at every component of `directory` from the root down, before any process is told to make it its root.
pub(crate) fn check(directory: &str) -> Result<(), ChrootError> {
    let directory = Path::new(directory);
    if !directory.is_absolute() {
        return Err(ChrootError::NotAbsolute);
    }
    components(directory).iter().try_for_each(|component| check_component(component))
}

/// `/`, `/srv/`, `/srv/jail`: every directory on the way, itself included.
fn components(directory: &Path) -> Vec<PathBuf> {
    let mut so_far = PathBuf::new();
    let mut list = Vec::new();
    for component in directory.components() {
        match component {
            Component::CurDir => continue,
            other => so_far.push(other),
        }
        list.push(so_far.clone());
    }
    list
}

fn check_component(component: &Path) -> Result<(), ChrootError> {
    let shown = || component.display().to_string();
    let facts = std::fs::metadata(component).map_err(|error| ChrootError::Unreachable { component: shown(), error })?;
    if !facts.is_dir() {
        return Err(ChrootError::NotADirectory(shown()));
    }
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    if facts.uid() != 0 || facts.mode() & WRITABLE_BY_OTHERS != 0 {
        return Err(ChrootError::BadOwnershipOrModes(shown()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::DirBuilderExt;

    #[test]
    fn every_component_is_looked_at() {
        let list = components(Path::new("/srv/./jail/../jail"));
        let list: Vec<_> = list.iter().map(|path| path.display().to_string()).collect();
        assert_eq!(list, ["/", "/srv", "/srv/jail", "/srv/jail/..", "/srv/jail/../jail"]);
    }

    #[test]
    fn directories_that_others_can_write_are_refused() {
        let writable = std::env::temp_dir();
        let error = check_component(&writable).unwrap_err();
        assert!(matches!(error, ChrootError::BadOwnershipOrModes(_)), "{error}");
        let own = std::env::temp_dir().join(format!("chroot-test-{}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o777).create(&own).unwrap();
        std::fs::set_permissions(&own, std::os::unix::fs::PermissionsExt::from_mode(0o775)).unwrap();
        let verdict = check_component(&own);
        std::fs::remove_dir(&own).unwrap();
        assert!(matches!(verdict, Err(ChrootError::BadOwnershipOrModes(_))), "{verdict:?}");
    }

    #[test]
    fn relative_directories_are_refused() {
        assert!(matches!(check("srv/jail"), Err(ChrootError::NotAbsolute)));
    }
}
