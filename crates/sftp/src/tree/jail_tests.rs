//! What lies below a jail and nothing else, whatever the names and whoever moves things meanwhile.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// A folder with a `jail` in it, and beside it a `secret` that nobody in there may get at.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("bulkhead-jail-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().canonicalize().unwrap().join(name);
        fs::create_dir_all(path.join("jail")).unwrap();
        fs::create_dir(path.join("outside")).unwrap();
        fs::write(path.join("outside/secret"), "secret").unwrap();
        Self(path)
    }

    fn inside(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join("jail").join(name)
    }

    fn tree(&self) -> Tree {
        let root = fs::File::open(self.0.join("jail")).unwrap();
        Tree::new(Some(Jail::below(root.into(), self.0.join("jail"))), None, None)
    }

    /// What stands outside is as it was.
    #[track_caller]
    fn assert_untouched(&self) {
        let outside: Vec<_> = fs::read_dir(self.0.join("outside")).unwrap().map(|entry| entry.unwrap()).collect();
        assert_eq!(outside.len(), 1, "{outside:?}");
        let secret = self.0.join("outside/secret");
        assert_eq!(fs::read(&secret).unwrap(), b"secret");
        let facts = fs::metadata(&secret).unwrap();
        assert!(facts.mtime() > 1_000_000 && facts.permissions().mode() & 0o777 != 0o123 && facts.nlink() == 1);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What clients have closed even to its owner, who may not be root.
        let _ = std::process::Command::new("chmod").args(["-R", "u+rwX"]).arg(&self.0).status();
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Every operation that takes a name, tried on one that leads outside. What may work works inside.
fn try_everything(tree: &Tree, name: &[u8]) {
    let read = OFlag::O_RDONLY;
    let write = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC;
    for end in [AtTheEnd::Follow, AtTheEnd::StayOnLink] {
        let _ = tree.set_mode(name, 0o123, end);
        let _ = tree.set_times(name, (5, 5), end);
        let _ = tree.set_owner(name, (u32::MAX, u32::MAX), end);
    }
    if let Ok(file) = tree.open(name, read, 0) {
        let mut bytes = [0; 8];
        let got = nix::sys::uio::pread(&file, &mut bytes, 0).unwrap_or(0);
        assert_ne!(&bytes[..got], b"secret", "{}", String::from_utf8_lossy(name));
    }
    let _ = tree.truncate(name, 1);
    let _ = tree.open(name, write, 0o600);
    let _ = tree.make_hard_link(name, b"/stolen");
    let _ = tree.make_hard_link(b"/own", name);
    let _ = tree.rename(b"/own", name);
    let _ = tree.rename_if_free(name, b"/taken");
    let _ = tree.rename(name, b"/taken too");
    let _ = tree.make_symlink(b"x", name);
    let _ = tree.make_directory(name, 0o700);
    let _ = tree.remove_directory(name);
    let _ = tree.remove(name);
}

#[test]
fn names_and_links_that_lead_outside_do_not() {
    let place = Place::new();
    let tree = place.tree();
    let outside = place.0.join("outside");
    let outside = outside.to_str().unwrap();
    let links = [
        ("absolute", outside.to_owned()),
        ("relative", "../outside".to_owned()),
        ("far", format!("../../../../../../../../../../..{outside}")),
        ("to the secret", format!("{outside}/secret")),
        ("proc", format!("/proc/self/root{outside}")),
        ("cwd", "/proc/self/cwd".to_owned()),
    ];
    let mut names = vec![
        outside.to_owned(),
        format!("{outside}/secret"),
        "../outside/secret".to_owned(),
        "a/../../outside/secret".to_owned(),
        "/../../../outside/secret".to_owned(),
        format!("/proc/self/root{outside}/secret"),
        "/proc/self/fd/0".to_owned(),
        "..".to_owned(),
        "/".to_owned(),
    ];
    for (link, target) in &links {
        names.extend(["", "/", "/secret", "/../outside/secret"].map(|rest| format!("{link}{rest}")));
        symlink(target, place.inside(link)).unwrap();
    }
    for name in &names {
        fs::write(place.inside("own"), "own").unwrap();
        try_everything(&tree, name.as_bytes());
        place.assert_untouched();
        for (link, target) in &links {
            let _ = symlink(target, place.inside(link));
        }
    }
}

/// A process of the same user, outside of any jail, that exchanges directories for links as fast as it can.
#[test]
fn racing_links_lead_nowhere() {
    let place = Place::new();
    let tree = place.tree();
    fs::create_dir_all(place.inside("real/deep")).unwrap();
    fs::write(place.inside("real/secret"), "decoy!").unwrap();
    symlink(place.0.join("outside"), place.inside("link")).unwrap();
    fs::create_dir(place.0.join("moved out")).unwrap();
    let over = AtomicBool::new(false);
    let exchange = |one: PathBuf, other: PathBuf| {
        while !over.load(Ordering::Relaxed) {
            let _ = renameat2(AT_FDCWD, &one, AT_FDCWD, &other, RenameFlags::RENAME_EXCHANGE);
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| exchange(place.inside("real"), place.inside("link")));
        // A directory that leaves the jail while `..` is looked up in it (the classic way out of a chroot).
        scope.spawn(|| exchange(place.inside("real/deep"), place.0.join("moved out")));
        let until = Instant::now() + Duration::from_millis(1500);
        let mut served = 0_u32;
        while Instant::now() < until {
            for name in [&b"real/secret"[..], b"real/deep/../secret", b"real/deep/../../outside/secret", b"link/secret"]
            {
                let end = AtTheEnd::Follow;
                let read = tree.open(name, OFlag::O_RDONLY, 0).map(|file| {
                    let mut bytes = [0; 8];
                    let got = nix::sys::uio::pread(&file, &mut bytes, 0).unwrap();
                    bytes[..got].to_vec()
                });
                assert_ne!(read.as_deref(), Ok(&b"secret"[..]), "{}", String::from_utf8_lossy(name));
                served += u32::from(read.is_ok());
                let _ = (tree.set_mode(name, 0o123, end), tree.set_times(name, (5, 5), end));
                let _ = (tree.make_hard_link(name, b"stolen"), tree.make_directory(b"link/new", 0o700));
                let _ = (tree.rename(name, b"taken"), tree.rename(b"taken", b"real/secret"));
                let _ = tree.set_mode(b"real/secret", 0o644, end);
                let _ = tree.remove(b"stolen");
            }
        }
        over.store(true, Ordering::Relaxed);
        assert!(served > 0, "the honest name works now and then");
    });
    place.assert_untouched();
}

#[test]
fn the_jail_itself_stays() {
    let place = Place::new();
    let tree = place.tree();
    for name in [&b"/"[..], b".", b"..", b"/..", b"//"] {
        assert!(tree.remove_directory(name).is_err() && tree.rename(name, b"x").is_err(), "{name:?}");
        assert_eq!(
            tree.stat(name, AtTheEnd::StayOnLink).unwrap().st_ino,
            fs::metadata(place.inside("")).unwrap().ino()
        );
    }
    assert_eq!(tree.stat(b"", AtTheEnd::Follow), Err(Errno::ENOENT));
}

#[test]
fn ordinary_work_is_done() {
    let place = Place::new();
    let mut tree = place.tree();
    tree.make_directory(b"d", 0o755).unwrap();
    tree.start_at(b"/d").unwrap();
    drop(tree.open(b"file", OFlag::O_WRONLY | OFlag::O_CREAT, 0o640).unwrap());
    tree.truncate(b"file", 7).unwrap();
    tree.set_mode(b"../d/file", 0o600, AtTheEnd::Follow).unwrap();
    tree.set_times(b"file", (5, 77), AtTheEnd::StayOnLink).unwrap();
    tree.make_symlink(b"/d/file", b"link").unwrap();
    assert_eq!(tree.read_link(b"link").unwrap(), b"/d/file");
    assert_eq!(tree.read_link(b"file"), Err(Errno::EINVAL));
    let found = tree.stat(b"link", AtTheEnd::Follow).unwrap();
    assert_eq!((found.st_size, found.st_mode & 0o777, found.st_mtime), (7, 0o600, 77));
    assert_eq!(tree.set_mode(b"link", 0o600, AtTheEnd::StayOnLink), Err(Errno::EOPNOTSUPP));
    tree.make_hard_link(b"file", b"hard").unwrap();
    assert_eq!(tree.rename_if_free(b"file", b"/d/hard"), Err(Errno::EEXIST));
    tree.rename(b"/d/hard", b"/moved").unwrap();
    tree.remove(b"file").unwrap();
    tree.remove(b"link").unwrap();
    tree.make_directory(b"/d/inner/", 0o700).unwrap();
    tree.remove_directory(b"inner/").unwrap();
    tree.remove_directory(b"/d").unwrap();
    assert_eq!(fs::read_dir(place.inside("")).unwrap().count(), 1);
    assert!(tree.statvfs(b"/moved").is_ok() && tree.open_directory(b"/").is_ok());
}

/// Directories and links by their absolute names, as the jail shows them.
type Model = BTreeMap<Vec<String>, Option<String>>;

/// The model's answer: where `path` leads, if every component on the way is there. Forty links at most.
fn resolved(model: &Model, path: &str, follows_last: bool) -> Option<Vec<String>> {
    let mut at: Vec<String> = Vec::new();
    let mut left: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    let mut links = 0;
    while let Some(component) = left.pop() {
        match component.as_str() {
            "" | "." => continue,
            ".." => {
                at.pop();
                continue;
            }
            _ => at.push(component),
        }
        match model.get(&at)? {
            Some(target) if follows_last || left.iter().any(|rest| !rest.is_empty()) => {
                links += 1;
                if links > 40 {
                    return None;
                }
                at.pop();
                if target.starts_with('/') {
                    at.clear();
                }
                left.extend(target.split('/').rev().map(str::to_owned));
            }
            _ => {}
        }
    }
    Some(at)
}

fn model() -> impl Strategy<Value = Model> {
    let name = "[abc]";
    let directory = prop::collection::vec(name, 1..4);
    let target = prop_oneof!["(a|b|c|\\.\\.|\\.)(/(a|b|c|\\.\\.)){0,3}", "/(a|b|c|\\.\\.)(/(a|b|c|\\.\\.)){0,2}"];
    let link = (prop::collection::vec(name, 1..3), target);
    (prop::collection::vec(directory, 1..6), prop::collection::vec(link, 0..6)).prop_map(|(directories, links)| {
        let mut model = Model::new();
        for directory in directories {
            (1..=directory.len()).for_each(|depth| drop(model.insert(directory[..depth].to_vec(), None)));
        }
        for (link, target) in links {
            let parent_is_there = link.len() == 1 || model.get(&link[..link.len() - 1]) == Some(&None);
            if parent_is_there && !model.contains_key(&link) {
                model.insert(link, Some(target));
            }
        }
        model
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn names_lead_where_the_model_says(model in model(), path in "/?(a|b|c|\\.\\.|\\.)(/(a|b|c|\\.\\.|\\.)){0,5}") {
        let place = Place::new();
        for (name, target) in &model {
            let name = place.inside(name.join("/"));
            match target {
                None => fs::create_dir(name).unwrap(),
                Some(target) => symlink(target, name).unwrap(),
            }
        }
        let tree = place.tree();
        for (end, follows) in [(AtTheEnd::Follow, true), (AtTheEnd::StayOnLink, false)] {
            let found = tree.stat(path.as_bytes(), end).map(|found| found.st_ino).ok();
            let expected = resolved(&model, &path, follows).map(|name| {
                fs::symlink_metadata(place.inside(name.join("/"))).unwrap().ino()
            });
            prop_assert_eq!(found, expected, "{:?}", end);
        }
        let shown = crate::resolve::resolve(b"/", path.as_bytes(), |name| tree.read_link(name));
        if let Some(expected) = resolved(&model, &path, true) {
            prop_assert_eq!(shown, Ok(format!("/{}", expected.join("/")).into_bytes()));
        }
    }
}
