//! Can the host keys be loaded?

use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use keys::{KeyError, KeyType, PrivateKey};
use settings::{Effective, FilePath};
use zeroize::Zeroizing;

/// Largest key file in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// What the host key files come to.
#[derive(Default)]
pub(super) struct Checked {
    /// Keys that can be used.
    pub(super) usable: Vec<PrivateKey>,
    /// What is wrong with the others, each naming its file.
    pub(super) problems: Vec<String>,
    /// Whether there is a key of a type that theirs can use and we cannot yet.
    pub(super) not_supported_yet: bool,
}

/// Loads every host key. Default files need not be there.
pub(super) fn check(global: &Effective) -> Checked {
    let defaults = Effective::defaults().host_key;
    let mut checked = Checked::default();
    for file in global.host_key.iter().filter(|file| !file.is_empty()) {
        let is_default = global.host_key == defaults;
        match load(file) {
            Ok(key) => judge(&mut checked, file, key, global.required_rsa_size),
            Err(NotLoaded::Io(error)) if is_default && error.kind() == io::ErrorKind::NotFound => {}
            Err(NotLoaded::Key(KeyError::UnknownType)) => checked.not_supported_yet = true,
            Err(why) => checked.problems.push(format!("Unable to load host key {}: {why}", file.display())),
        }
    }
    checked
}

fn judge(checked: &mut Checked, file: &FilePath, key: PrivateKey, required_rsa_size: u32) {
    let bits = key.public().bits();
    if key.public().key_type() == KeyType::Rsa && bits < required_rsa_size {
        let problem = format!("{} has {bits} bits; RequiredRSASize asks for {required_rsa_size}", file.display());
        checked.problems.push(format!("Unable to load host key: {problem}"));
    } else {
        checked.usable.push(key);
    }
}

#[derive(Debug, thiserror::Error)]
enum NotLoaded {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("permissions 0{0:03o} are too open; others must not be able to read it (chmod 600)")]
    OthersCanRead(u32),
    #[error("{0}")]
    Key(#[from] KeyError),
}

fn load(path: &Path) -> Result<PrivateKey, NotLoaded> {
    let file = std::fs::File::open(path)?;
    let found = file.metadata()?;
    // Somebody else's file is for its owner to protect, as theirs.
    if found.uid() == nix::unistd::getuid().as_raw() && found.mode() & 0o077 != 0 {
        return Err(NotLoaded::OthersCanRead(found.mode() & 0o777));
    }
    let mut text = Zeroizing::new(Vec::new());
    file.take(LARGEST_FILE).read_to_end(&mut text)?;
    Ok(PrivateKey::parse_file(&text)?)
}
