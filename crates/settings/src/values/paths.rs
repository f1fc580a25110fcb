//! Values that are paths.

use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::kind::Repeat;
use crate::text::{from_path, to_path};
use crate::{Arguments, Complaint, Kind};

/// The longest path after expansion, as theirs (PATH_MAX with its NUL).
const LONGEST: usize = 4096;

/// A path, byte by byte (serde's own encoding of paths refuses what is not UTF-8).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FilePath(pub PathBuf);

impl FilePath {
    /// The empty slot that a key file called `none` leaves; nothing is to be loaded from it.
    pub fn is_empty(&self) -> bool {
        self.0.as_os_str().is_empty()
    }
}

impl std::ops::Deref for FilePath {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for FilePath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Serialize for FilePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        from_path(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FilePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(to_path(&text)))
    }
}

/// One path made absolute, or `none`.
pub struct OptionalPath;

impl Kind for OptionalPath {
    type Value = Option<FilePath>;
    const WRITTEN: &'static str = "path|none";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Option<FilePath>, Complaint> {
        let word = arguments.required()?;
        if is_none(word) { Ok(None) } else { absolute(word).map(|path| Some(FilePath(to_path(&path)))) }
    }

    fn show(value: &Option<FilePath>, _from_match: bool) -> Vec<String> {
        vec![value.as_deref().map_or_else(none, from_path)]
    }
}

/// Paths of key files, one a line, made absolute. `none` leaves an empty slot, which `-T` shows as `(null)`: as theirs.
pub struct KeyPaths;

impl Kind for KeyPaths {
    type Value = Vec<FilePath>;
    const REPEAT: Repeat = Repeat::Accumulates;
    const WRITTEN: &'static str = "path";

    fn nothing() -> Option<Self::Value> {
        Some(Vec::new())
    }

    fn parse(arguments: &mut Arguments<'_>) -> Result<Vec<FilePath>, Complaint> {
        let word = arguments.required()?;
        let path = if is_none(word) { String::new() } else { absolute(word)? };
        Ok(vec![FilePath(to_path(&path))])
    }

    fn take_later(earlier: &mut Vec<FilePath>, later: &Vec<FilePath>) -> bool {
        earlier.extend_from_slice(later);
        true
    }

    fn show(value: &Vec<FilePath>, _from_match: bool) -> Vec<String> {
        value.iter().map(|path| if path.is_empty() { "(null)".to_owned() } else { from_path(path) }).collect()
    }
}

/// A path whose `~` is expanded and that may stay relative (to the user's home, at run time), or `none`.
pub struct ExpandedPath;

impl Kind for ExpandedPath {
    type Value = Option<String>;
    const WRITTEN: &'static str = "path|none";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Option<String>, Complaint> {
        let word = arguments.required()?;
        if is_none(word) { Ok(None) } else { expand_tilde(word).map(Some) }
    }

    fn show(value: &Option<String>, _from_match: bool) -> Vec<String> {
        vec![value.clone().unwrap_or_else(none)]
    }
}

/// A path that is kept as written until it is used, or `none`.
pub struct WrittenPath;

impl Kind for WrittenPath {
    type Value = Option<String>;
    const WRITTEN: &'static str = "path|none";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Option<String>, Complaint> {
        let word = arguments.required()?;
        Ok((!is_none(word)).then(|| word.to_owned()))
    }

    fn show(value: &Option<String>, _from_match: bool) -> Vec<String> {
        vec![value.clone().unwrap_or_else(none)]
    }
}

/// Several paths, `~` expanded, relative ones kept; `none` must stand alone and gives an empty list.
pub struct PathList;

impl Kind for PathList {
    type Value = Vec<String>;
    const WRITTEN: &'static str = "none|path...";

    fn nothing() -> Option<Self::Value> {
        Some(Vec::new())
    }

    fn parse(arguments: &mut Arguments<'_>) -> Result<Vec<String>, Complaint> {
        let first = arguments.next_word().ok_or_else(|| Complaint::fatal("missing argument"))?;
        let rest = arguments.rest();
        if is_none(first) && rest.is_empty() {
            return Ok(Vec::new());
        }
        std::iter::once(first)
            .chain(rest.iter().map(AsRef::as_ref))
            .map(|word| match word {
                "" => Err(Complaint::counted("empty path")),
                _ if is_none(word) => Err(Complaint::counted("\"none\" must be the only argument")),
                _ => expand_tilde(word),
            })
            .collect()
    }

    /// Theirs shows a cleared list only if a Match block cleared it.
    fn show(value: &Vec<String>, from_match: bool) -> Vec<String> {
        match value.as_slice() {
            [] if from_match => vec![none()],
            [] => Vec::new(),
            paths => vec![paths.join(" ")],
        }
    }
}

/// The socket of an agent that holds the host keys: a path, `SSH_AUTH_SOCK` (the environment variable), or `none`.
pub struct AgentPath;

impl Kind for AgentPath {
    type Value = Option<String>;
    const WRITTEN: &'static str = "path|SSH_AUTH_SOCK|none";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Option<String>, Complaint> {
        match arguments.required()? {
            word if is_none(word) => Ok(None),
            word @ "SSH_AUTH_SOCK" => Ok(Some(word.to_owned())),
            word => absolute(word).map(Some),
        }
    }

    fn show(value: &Option<String>, _from_match: bool) -> Vec<String> {
        vec![value.clone().unwrap_or_else(none)]
    }
}

/// The library for security keys: a path, `internal`, or `none`.
pub struct ProviderPath;

impl Kind for ProviderPath {
    type Value = Option<String>;
    const WRITTEN: &'static str = "path|internal|none";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Option<String>, Complaint> {
        match arguments.required()? {
            word if is_none(word) => Ok(None),
            word if word.eq_ignore_ascii_case("internal") => Ok(Some(word.to_owned())),
            word => absolute(word).map(Some),
        }
    }

    fn show(value: &Option<String>, _from_match: bool) -> Vec<String> {
        vec![value.clone().unwrap_or_else(none)]
    }
}

fn is_none(word: &str) -> bool {
    word.eq_ignore_ascii_case("none")
}

fn none() -> String {
    "none".to_owned()
}

/// The path with `~` expanded, absolute: relative ones are put behind the working directory of this moment.
///
/// # Errors
/// No such user, or no working directory.
pub fn absolute(word: &str) -> Result<String, Complaint> {
    let path = expand_tilde(word)?;
    if path.starts_with('/') {
        return Ok(path);
    }
    let directory = std::env::current_dir().map_err(|error| {
        Complaint::fatal(format!("\"{word}\" is relative, and the working directory is unknown: {error}"))
    })?;
    Ok(format!("{}/{path}", from_path(&directory)))
}

/// Expands `~` and `~user` at the start. A home directory without a final slash gets one; several slashes after the
/// name count as one.
pub fn expand_tilde(word: &str) -> Result<String, Complaint> {
    let Some(rest) = word.strip_prefix('~') else {
        return Ok(word.to_owned());
    };
    let (name, behind) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let home = home_of(name).ok_or_else(|| Complaint::FatalAnywhere(format!("\"{word}\": no such user")))?;
    let mut path = from_path(&home);
    if !path.ends_with('/') {
        path.push('/');
    }
    path.push_str(behind.trim_start_matches('/'));
    if path.len() >= LONGEST {
        return Err(Complaint::FatalAnywhere("path too long".to_owned()));
    }
    Ok(path)
}

fn home_of(name: &str) -> Option<PathBuf> {
    let user = if name.is_empty() { User::from_uid(Uid::current()) } else { User::from_name(name) };
    user.ok().flatten().map(|user| user.dir).filter(|home| home != Path::new(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::parse_plain;

    #[test]
    fn relative_paths_are_put_behind_the_working_directory() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(parse_plain("a/b", OptionalPath::parse), Ok(Some(FilePath(here.join("a/b")))));
        assert_eq!(parse_plain("//x//y/", OptionalPath::parse), Ok(Some(FilePath("//x//y/".into()))));
        assert_eq!(parse_plain("NONE", OptionalPath::parse), Ok(None));
    }

    #[test]
    fn tilde_is_expanded_at_the_start_only() {
        let home = from_path(&home_of("root").unwrap());
        assert_eq!(expand_tilde("~root//x"), Ok(format!("{}/x", home.trim_end_matches('/'))));
        assert_eq!(expand_tilde("a~root"), Ok("a~root".to_owned()));
        assert!(matches!(expand_tilde("~no such user/x"), Err(Complaint::FatalAnywhere(_))));
    }

    #[test]
    fn none_stands_alone_in_lists() {
        assert_eq!(parse_plain("None", PathList::parse), Ok(Vec::new()));
        for text in ["none a", "a none"] {
            assert!(matches!(parse_plain(text, PathList::parse), Err(Complaint::Counted(_))), "{text}");
        }
        assert_eq!(PathList::show(&Vec::new(), true), ["none"]);
        assert!(PathList::show(&Vec::new(), false).is_empty());
    }

    #[test]
    fn a_key_called_none_is_an_empty_slot() {
        let value = parse_plain("none", KeyPaths::parse).unwrap();
        assert!(value[0].is_empty());
        assert_eq!(KeyPaths::show(&value, false), ["(null)"]);
    }
}
