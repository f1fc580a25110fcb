//! Absolute names without `.`, `..` and symbolic links, as REALPATH answers them.

use std::collections::VecDeque;

use nix::errno::Errno;

/// Bytes of the longest name that the system takes, with its final NUL.
const LONGEST_PATH: usize = 4096;
/// Symbolic links that one name may lead through.
const MOST_LINKS: u32 = 40;

/// The absolute name of `path`. Relative names start at `start`, which is absolute and resolved. `read_link` tells
/// what a symbolic link says and EINVAL for anything else. The last component need not exist: that is how a client
/// learns the full name of what it is about to create.
pub(crate) fn resolve(
    start: &[u8],
    path: &[u8],
    mut read_link: impl FnMut(&[u8]) -> Result<Vec<u8>, Errno>,
) -> Result<Vec<u8>, Errno> {
    let mut resolved = if path.starts_with(b"/") { b"/".to_vec() } else { start.to_vec() };
    let mut left: VecDeque<Vec<u8>> = components(path)?.collect();
    let mut links = 0u32;
    while let Some(component) = left.pop_front() {
        if component == b".." {
            strip_last(&mut resolved);
            continue;
        }
        append(&mut resolved, &component)?;
        let target = match read_link(&resolved) {
            Ok(target) => target,
            Err(Errno::EINVAL) => continue,
            Err(Errno::ENOENT) if left.is_empty() => break,
            Err(error) => return Err(error),
        };
        links = links.saturating_add(1);
        if links > MOST_LINKS {
            return Err(Errno::ELOOP);
        }
        strip_last(&mut resolved);
        if target.starts_with(b"/") {
            resolved.truncate(1);
        }
        let rest = std::mem::take(&mut left);
        left = components(&target)?.chain(rest).collect();
    }
    Ok(resolved)
}

/// `path` behind `start`, which is absolute, unless it is absolute itself. Nothing is resolved.
pub(crate) fn join(start: &[u8], path: &[u8]) -> Vec<u8> {
    if path.starts_with(b"/") { path.to_vec() } else { [start, b"/", path].concat() }
}

/// What stands between slashes, without what means nothing.
fn components(path: &[u8]) -> Result<impl Iterator<Item = Vec<u8>>, Errno> {
    if path.len() >= LONGEST_PATH {
        return Err(Errno::ENAMETOOLONG);
    }
    let named = path.split(|byte| *byte == b'/').filter(|component| !matches!(*component, b"" | b"."));
    Ok(named.map(<[u8]>::to_vec))
}

fn append(resolved: &mut Vec<u8>, component: &[u8]) -> Result<(), Errno> {
    if !resolved.ends_with(b"/") {
        resolved.push(b'/');
    }
    resolved.extend_from_slice(component);
    if resolved.len() >= LONGEST_PATH { Err(Errno::ENAMETOOLONG) } else { Ok(()) }
}

/// `/a/b` becomes `/a`; `/` stays.
fn strip_last(resolved: &mut Vec<u8>) {
    let parent = resolved.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    resolved.truncate(parent.max(1));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::{Path, PathBuf};

    fn with_links(links: &[(&str, &str)], start: &str, path: &str) -> Result<String, Errno> {
        let read_link = |name: &[u8]| {
            let found = links.iter().find(|(link, _)| link.as_bytes() == name);
            found.map(|(_, target)| target.as_bytes().to_vec()).ok_or(Errno::EINVAL)
        };
        resolve(start.as_bytes(), path.as_bytes(), read_link).map(|name| String::from_utf8(name).unwrap())
    }

    #[test]
    fn names_are_made_absolute() {
        let none = |path| with_links(&[], "/home/ann", path).unwrap();
        assert_eq!(none(""), "/home/ann");
        assert_eq!(none("."), "/home/ann");
        assert_eq!(none("a//b/./c/"), "/home/ann/a/b/c");
        assert_eq!(none("../../../.."), "/");
        assert_eq!(none("/x/../y"), "/y");
        assert_eq!(with_links(&[], "/", "..").unwrap(), "/");
    }

    #[test]
    fn links_are_followed() {
        let links = [("/s/rel", "../t/x"), ("/s/abs", "/t"), ("/loop", "loop")];
        assert_eq!(with_links(&links, "/s", "rel/y").unwrap(), "/t/x/y");
        assert_eq!(with_links(&links, "/s", "abs/../z").unwrap(), "/z", "the parent of where the link leads");
        assert_eq!(with_links(&links, "/", "loop"), Err(Errno::ELOOP));
    }

    #[test]
    fn only_the_last_component_may_be_missing() {
        let nothing_there = |_: &[u8]| Err(Errno::ENOENT);
        assert_eq!(resolve(b"/", b"new", nothing_there), Ok(b"/new".to_vec()));
        assert_eq!(resolve(b"/", b"new/", nothing_there), Ok(b"/new".to_vec()));
        assert_eq!(resolve(b"/", b"new/file", nothing_there), Err(Errno::ENOENT));
        assert_eq!(resolve(b"/", &[b'x'; 5000], nothing_there), Err(Errno::ENAMETOOLONG));
    }

    /// A few directories and links with few names, so that paths often hit them.
    fn small_tree() -> impl Strategy<Value = (Vec<String>, Vec<(String, String)>)> {
        let name = "(a|b|c)";
        let directory = prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"));
        let target = prop_oneof!["(a|b|c|\\.\\.|\\.)(/(a|b|c|\\.\\.)){0,2}", "/(a|b|c)(/(a|b|c))?"];
        let link = (prop::collection::vec(name, 1..3).prop_map(|names| names.join("/")), target);
        (prop::collection::vec(directory, 1..6), prop::collection::vec(link, 0..5))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
        /// The model is the system itself: realpath(3) as `std` offers it.
        #[test]
        fn agrees_with_the_system((directories, links) in small_tree(), path in "(a|b|c|\\.\\.|\\.|)(/(a|b|c|\\.\\.|\\.|)){0,5}") {
            let root = fresh_directory();
            for directory in &directories {
                let _ = std::fs::create_dir_all(root.join(directory));
            }
            for (link, target) in &links {
                let target = target.strip_prefix('/').map_or(PathBuf::from(target), |inside| root.join(inside));
                let _ = std::os::unix::fs::symlink(target, root.join(link));
            }
            let ours = resolve(root.as_os_str().as_encoded_bytes(), path.as_bytes(), |name| {
                use std::os::unix::ffi::OsStringExt;
                nix::fcntl::readlink(name).map(OsStringExt::into_vec)
            });
            let joined = root.join(path.trim_start_matches('/'));
            if !path.starts_with('/') {
                match std::fs::canonicalize(&joined) {
                    Ok(theirs) => prop_assert_eq!(ours.as_deref(), Ok(theirs.as_os_str().as_encoded_bytes())),
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => prop_assert!(ours.is_err(), "{:?}", ours),
                    Err(_) => if let Ok(name) = ours {
                        use std::os::unix::ffi::OsStrExt;
                        let name = Path::new(std::ffi::OsStr::from_bytes(&name));
                        prop_assert!(std::fs::canonicalize(name.parent().unwrap()).is_ok_and(|parent| Some(&*parent) == name.parent()));
                    },
                }
            }
            std::fs::remove_dir_all(&root).unwrap();
        }
    }

    fn fresh_directory() -> PathBuf {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("sftp-resolve-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        directory.canonicalize().unwrap()
    }
}
