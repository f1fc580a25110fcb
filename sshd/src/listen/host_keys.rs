//! Private host keys from their files.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use events::Level;
use events::listener::Event;
use keys::{FingerprintHash, KeyError, KeyType, PrivateKey, PublicKey};
use settings::Effective;
use settings::values::Choice as _;
use zeroize::Zeroizing;

use super::serving::words;

/// Largest key file in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// The keys that can be used, and what is to be said about all of them.
#[derive(Debug, Default)]
pub(crate) struct HostKeys {
    /// In the order of the configuration.
    pub(crate) usable: Vec<PrivateKey>,
    /// Complaints about the others.
    pub(crate) said: Vec<Event>,
    /// Files with keys that theirs can use and we cannot yet. No error: hosts have such keys beside others.
    pub(crate) not_supported: Vec<PathBuf>,
}

/// Reads all host keys. Files that cannot be used are said and skipped; the default files need not be there.
pub(crate) fn load(global: &Effective) -> HostKeys {
    let defaults = Effective::defaults().host_key;
    let hash = FingerprintHash::from_name(global.fingerprint_hash.word()).unwrap_or(FingerprintHash::Sha256);
    let mut keys = HostKeys::default();
    for file in global.host_key.iter().filter(|file| !file.is_empty()) {
        match load_one(file, global.required_rsa_size) {
            Ok(key) => {
                keys.said.push(debug_line(keys.usable.len(), &key, hash));
                if public_half(file).is_some_and(|public| public != *key.public()) {
                    let text = format!("Public key for {} does not match private key", file.display());
                    keys.said.push(Event::Said { level: Level::Error, text });
                }
                keys.usable.push(key);
            }
            Err(Unusable::Missing) if defaults.contains(file) => {}
            Err(Unusable::NotSupported) => {
                let text = format!("host key {} is of a type or size that is not supported yet", file.display());
                keys.said.push(Event::Said { level: Level::Debug1, text });
                keys.not_supported.push(file.to_path_buf());
            }
            Err(why) => why.say(file, &mut keys.said),
        }
    }
    keys
}

enum Unusable {
    Missing,
    OthersCanRead { mode: u32 },
    Broken(String),
    NotSupported,
}

fn load_one(path: &Path, required_rsa_size: u32) -> Result<PrivateKey, Unusable> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Unusable::Missing,
        _ => Unusable::Broken(words(&error)),
    })?;
    let broken = |error: io::Error| Unusable::Broken(words(&error));
    let found = file.metadata().map_err(broken)?;
    // Somebody else's file is for its owner to protect (a key that root shares with a test account, as theirs).
    if found.uid() == nix::unistd::getuid().as_raw() && found.mode() & 0o077 != 0 {
        return Err(Unusable::OthersCanRead { mode: found.mode() & 0o777 });
    }
    let mut text = Zeroizing::new(Vec::new());
    file.take(LARGEST_FILE).read_to_end(&mut text).map_err(broken)?;
    let key = PrivateKey::parse_file(&text).map_err(|why| match why {
        KeyError::UnknownType => Unusable::NotSupported,
        KeyError::BadKey(_) if is_small_rsa(path, required_rsa_size) => Unusable::NotSupported,
        why => Unusable::Broken(why.to_string()),
    })?;
    let bits = key.public().bits();
    if key.public().key_type() == KeyType::Rsa && bits < required_rsa_size {
        return Err(Unusable::Broken(format!("{bits} bits are fewer than RequiredRSASize {required_rsa_size}")));
    }
    Ok(key)
}

/// RSA keys below this cannot sign here, though theirs allows them from 1024 bits on.
const SMALLEST_RSA: u32 = 2048;

fn is_small_rsa(path: &Path, required_rsa_size: u32) -> bool {
    public_half(path).is_some_and(|public| {
        public.key_type() == KeyType::Rsa && (required_rsa_size..SMALLEST_RSA).contains(&public.bits())
    })
}

/// The key in `FILE.pub`, if it is there and can be read.
fn public_half(path: &Path) -> Option<PublicKey> {
    let mut file = path.as_os_str().to_owned();
    file.push(".pub");
    let mut text = String::new();
    File::open(file).ok()?.take(LARGEST_FILE).read_to_string(&mut text).ok()?;
    PublicKey::parse(&STANDARD.decode(text.split_ascii_whitespace().nth(1)?).ok()?).ok()
}

fn debug_line(index: usize, key: &PrivateKey, hash: FingerprintHash) -> Event {
    let public = key.public();
    let fingerprint = public.fingerprint(hash);
    let text = format!("private host key #{index}: {} {fingerprint}", public.key_type().name());
    Event::Said { level: Level::Debug1, text }
}

impl Unusable {
    fn say(&self, path: &Path, said: &mut Vec<Event>) {
        let file = path.display().to_string();
        let mut error = |text: String| said.push(Event::Said { level: Level::Error, text });
        if let Self::OthersCanRead { mode } = self {
            // Lines that administrators know by sight, and that runbooks tell them to look for.
            let rule = "@".repeat(59);
            error(rule.clone());
            error(format!("@{:^57}@", "WARNING: UNPROTECTED PRIVATE KEY FILE!"));
            error(rule);
            error(format!("Permissions 0{mode:03o} for '{file}' are too open."));
            error("It is required that your private key files are NOT accessible by others.".to_owned());
            error("This private key will be ignored.".to_owned());
        }
        let why = match self {
            Self::Missing | Self::NotSupported => None,
            Self::OthersCanRead { .. } => Some("bad permissions".to_owned()),
            Self::Broken(why) => Some(why.clone()),
        };
        if let Some(why) = why {
            said.push(Event::UnusableHostKey { file: file.clone(), why });
        }
        said.push(Event::Said { level: Level::Error, text: format!("Unable to load host key: {file}") });
    }
}
