//! ChrootDirectory: the facts about every component, which [`policy::chroot_components`] judges.

use std::io::ErrorKind::NotFound;
use std::os::unix::fs::MetadataExt;

use policy::{ComponentFacts, ComponentUnreachable, Verdict, chroot_components, components_of};

/// Looks at every component of `directory` from the root down, before any process is told to make it its root; and
/// where symbolic links are on the way, at every component of where they lead.
pub(crate) fn check(directory: &str) -> Verdict {
    let as_configured = check_components(directory);
    let real = std::fs::canonicalize(directory).map(|real| real.to_string_lossy().into_owned());
    match real {
        Ok(real) if as_configured.is_allowed() && real != directory => {
            let behind_links = check_components(&real);
            let steps = as_configured.steps.into_iter().chain(behind_links.steps).collect();
            Verdict { outcome: behind_links.outcome, steps }
        }
        _ => as_configured,
    }
}

fn check_components(directory: &str) -> Verdict {
    let facts: Vec<_> = components_of(directory).into_iter().map(facts_of).collect();
    chroot_components(directory, &facts)
}

fn facts_of(component: &str) -> Result<ComponentFacts, ComponentUnreachable> {
    let path = component.to_owned();
    match std::fs::metadata(component) {
        Ok(found) => Ok(ComponentFacts {
            path,
            is_directory: found.is_dir(),
            uid: found.uid(),
            owner: sys::identity::user_name(found.uid()).ok().flatten(),
            mode: found.mode(),
        }),
        Err(error) => {
            let is_missing = std::fs::symlink_metadata(component).is_err_and(|error| error.kind() == NotFound);
            Err(ComponentUnreachable { path, error: sys::errors::words(&error), is_missing })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_judged_by_where_they_lead() {
        // Root's own link, in root's own directory, to where everybody can write.
        assert!(!check("/proc/self/cwd/../../../../../../../../tmp").is_allowed());
        assert!(check("/usr").is_allowed());
    }
}
