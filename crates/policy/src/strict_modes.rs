//! StrictModes: who else could have written this file?

use std::path::Path;

use crate::{PathFacts, PathKind, Refusal, Step, Verdict};

/// Whether nobody but root and the account can have put something into a file: the file and every directory from it
/// up to the account's home, or to `/` when it lies elsewhere, belong to one of the two and are not writable by group
/// or others.
///
/// `components` are the facts of the canonical path (symbolic links resolved): the file as it was opened, then its
/// directories upwards. `home` is canonical too; `None` when it does not exist.
pub fn strict_modes(components: &[PathFacts], uid: u32, home: Option<&Path>) -> Verdict {
    let mut steps = Vec::new();
    let Some((file, directories)) = components.split_first() else {
        return Verdict::refused(steps, Refusal::PathNotFollowed { path: "/".into() });
    };
    if file.kind != PathKind::File {
        return Verdict::refused(steps, Refusal::NotARegularFile { path: file.path.clone() });
    }
    if let Err(refusal) = sound(file, uid, &mut steps) {
        return Verdict::refused(steps, refusal);
    }
    let mut below = &file.path;
    for directory in directories {
        // Facts about something else than the next directory up would prove nothing.
        if below.parent() != Some(&*directory.path) {
            break;
        }
        if let Err(refusal) = sound(directory, uid, &mut steps) {
            return Verdict::refused(steps, refusal);
        }
        if home == Some(&*directory.path) || directory.path == Path::new("/") {
            return Verdict::allowed(steps, ());
        }
        below = &directory.path;
    }
    Verdict::refused(steps, Refusal::PathNotFollowed { path: below.clone() })
}

fn sound(component: &PathFacts, uid: u32, steps: &mut Vec<Step>) -> Result<(), Refusal> {
    let PathFacts { path, kind, uid: owner, mode } = component.clone();
    let owned = owner == 0 || owner == uid;
    if owned && mode & 0o022 == 0 {
        steps.push(Step::ComponentSound { path, uid: owner, mode });
        return Ok(());
    }
    steps.push(Step::ComponentUnsound { path: path.clone(), uid: owner, mode });
    Err(Refusal::BadOwnershipOrModes { path, directory: kind == PathKind::Directory })
}
