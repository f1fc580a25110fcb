//! ChrootDirectory: a new root that nobody but root can have prepared.
//!
//! Were a component of it writable by the user, a setuid program hard-linked into it would find the user's own libraries
//! and configuration (CVE-2009-2904).

use serde::{Deserialize, Serialize};

use crate::{Refusal, Step, Verdict};

/// What the file system says about one component of a directory that is to become a root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentFacts {
    /// As [`components_of`] spells it: with a `/` at its end unless it is the last one.
    pub path: String,
    /// Whether it is a directory, symbolic links followed.
    pub is_directory: bool,
    /// Its owner.
    pub uid: u32,
    /// The owner's name, if there is one.
    pub owner: Option<String>,
    /// Its permission bits, e.g. 0o755.
    pub mode: u32,
}

/// A component that cannot be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentUnreachable {
    /// As [`components_of`] spells it.
    pub path: String,
    /// What the system says.
    pub error: String,
    /// Whether nothing of this name is there, so that a directory could be made.
    pub is_missing: bool,
}

/// The components of an absolute directory from the root down: `/`, `/srv/`, `/srv/files`. None of a relative one.
#[must_use]
pub fn components_of(directory: &str) -> Vec<&str> {
    if !directory.starts_with('/') {
        return Vec::new();
    }
    let ends = directory.match_indices('/').map(|(slash, _)| slash + 1).filter(|end| *end < directory.len());
    ends.filter_map(|end| directory.get(..end)).chain([directory]).collect()
}

/// Whether `directory` may become a login's root: it is absolute, and every component belongs to root and can be
/// written by nobody else. `components` are the facts of [`components_of`] it; where symbolic links are on the way,
/// this is asked again about where they lead.
///
/// Every component that is wrong is a step with the command that repairs it; the refusal names the first, as theirs.
pub fn chroot_components(directory: &str, components: &[Result<ComponentFacts, ComponentUnreachable>]) -> Verdict {
    let mut steps = Vec::new();
    if !directory.starts_with('/') || components.is_empty() {
        return Verdict::refused(steps, Refusal::ChrootNotAbsolute);
    }
    let mut first_refusal = None;
    for component in components {
        let component = match component {
            Ok(component) => component,
            Err(missing) => {
                let ComponentUnreachable { path, error, is_missing } = missing.clone();
                if is_missing {
                    let (path, command) = (path.clone(), makes(directory));
                    steps.push(Step::ChrootComponentMissing { path, command });
                }
                return Verdict::refused(steps, first_refusal.unwrap_or(Refusal::ChrootUnreachable { path, error }));
            }
        };
        let refusal = component.refusal(component.path == directory);
        steps.push(match (&refusal, component.repair()) {
            (Some(_), Some(command)) => Step::ChrootComponentUnsound { component: component.clone(), command },
            (Some(_), None) => Step::ChrootComponentNoDirectory { path: component.path.clone() },
            (None, _) => Step::ComponentSound {
                path: component.path.clone().into(),
                uid: component.uid,
                mode: component.mode & 0o7777,
            },
        });
        first_refusal = first_refusal.or(refusal);
    }
    match first_refusal {
        Some(refusal) => Verdict::refused(steps, refusal),
        None => Verdict::allowed(steps, ()),
    }
}

impl ComponentFacts {
    fn refusal(&self, is_last: bool) -> Option<Refusal> {
        let path = self.path.clone();
        if !self.is_directory {
            return Some(Refusal::ChrootNotADirectory { path, is_last });
        }
        self.repair().map(|_| Refusal::ChrootComponentUnsound { path, is_last })
    }

    /// The command that makes this directory fit to be part of a root; `None` when it is already, or is none.
    #[must_use]
    pub fn repair(&self) -> Option<String> {
        const WRITABLE_BY_OTHERS: u32 = 0o022;
        let path = for_a_shell(if self.path == "/" { "/" } else { self.path.trim_end_matches('/') });
        let owner = (self.uid != 0).then(|| format!("chown root {path}"));
        let mode = (self.mode & WRITABLE_BY_OTHERS != 0).then(|| format!("chmod go-w {path}"));
        let commands: Vec<String> = owner.into_iter().chain(mode).collect();
        (self.is_directory && !commands.is_empty()).then(|| commands.join(" && "))
    }

    /// `belongs to alice (uid 1000) and has mode 0775`
    #[must_use]
    pub fn owner_and_mode(&self) -> String {
        let owner = match &self.owner {
            Some(name) => format!("{name} (uid {})", self.uid),
            None => format!("uid {}", self.uid),
        };
        format!("belongs to {owner} and has mode {:04o}", self.mode & 0o7777)
    }
}

/// The command that makes a directory that is not there, and those above it: they are root's, with mode 0755.
fn makes(directory: &str) -> String {
    format!("install -d -o root -g root -m 755 {}", for_a_shell(directory))
}

/// One word for a shell, whatever it holds. Without a backslash, which the log would double.
fn for_a_shell(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-+@%,:=".contains(character);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r#"'"'"'"#)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_end_where_the_next_one_begins() {
        assert_eq!(components_of("/"), ["/"]);
        assert_eq!(components_of("/srv/files"), ["/", "/srv/", "/srv/files"]);
        assert_eq!(components_of("/srv/files/"), ["/", "/srv/", "/srv/files/"]);
        assert!(components_of("srv").is_empty());
    }

    #[test]
    fn commands_are_safe_to_paste() {
        let component = |path: &str| ComponentFacts {
            path: path.to_owned(),
            is_directory: true,
            uid: 7,
            owner: None,
            mode: 0o40777,
        };
        assert_eq!(component("/srv/").repair().unwrap(), "chown root /srv && chmod go-w /srv");
        let command = component("/it's; rm -rf /").repair().unwrap();
        assert_eq!(command.matches(r#"'/it'"'"'s; rm -rf '"#).count(), 2, "{command}");
        assert!(!command.contains('\\'), "the log would double it: {command}");
    }
}
