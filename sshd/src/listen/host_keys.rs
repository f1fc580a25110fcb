//! Host keys and their certificates from their files, or the public halves of those that an agent holds.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use events::Level;
use events::listener::Event;
use keys::{
    Certificate, CertificateKind, Credential, FingerprintHash, HostKey, KeyError, KeyType, PrivateKey, PublicKey,
    Signer,
};
use settings::Effective;
use settings::algorithms::CA_SIGNATURES;
use settings::text::to_path;
use settings::values::Choice as _;
use sys::errors::words;
use zeroize::Zeroizing;

/// Largest key file in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// The keys that can be used, and what is to be said about all of them.
#[derive(Debug, Default)]
pub(crate) struct HostKeys {
    /// In the order of the configuration.
    pub(crate) usable: Vec<HostKey>,
    /// Complaints about the others, and about certificates.
    pub(crate) said: Vec<Event>,
    /// Files with keys that theirs can use and we cannot yet. No error: hosts have such keys beside others.
    pub(crate) not_supported: Vec<PathBuf>,
}

/// Reads all host keys and their certificates. Files that cannot be used are said and skipped; the default files need
/// not be there.
pub(crate) fn load(global: &Effective) -> HostKeys {
    let defaults = Effective::defaults().host_key;
    let mut keys = HostKeys::default();
    let agent = agent(global, &mut keys.said);
    for file in global.host_key.iter().filter(|file| !file.is_empty()) {
        match load_one(file, global.required_rsa_size) {
            Ok(key) => {
                if public_half(file).is_some_and(|public| public != *key.public()) {
                    keys.say(Level::Error, format!("Public key for {} does not match private key", file.display()));
                }
                keys.add("private", HostKey::new(Signer::Private(key)), global);
            }
            Err(why) => match agent.as_ref().zip(public_in(file).or_else(|| public_half(file))) {
                Some((socket, public)) => {
                    keys.say(Level::Debug1, format!("will rely on agent for hostkey {}", file.display()));
                    keys.add("agent", HostKey::new(Signer::Agent { public, socket: socket.clone() }), global);
                }
                None => keys.cannot_load(file, &why, defaults.contains(file)),
            },
        }
    }
    for file in global.host_certificate.iter().filter(|file| !file.is_empty()) {
        keys.certify(file);
    }
    keys
}

impl HostKeys {
    fn say(&mut self, level: Level, text: String) {
        self.said.push(Event::Said { level, text });
    }

    fn add(&mut self, who: &str, key: HostKey, global: &Effective) {
        let hash = FingerprintHash::from_name(global.fingerprint_hash.word()).unwrap_or(FingerprintHash::Sha256);
        let (index, public) = (self.usable.len(), key.public());
        let (name, fingerprint) = (public.key_type().name(), public.fingerprint(hash));
        self.say(Level::Debug1, format!("{who} host key #{index}: {name} {fingerprint}"));
        self.usable.push(key);
    }

    fn cannot_load(&mut self, file: &Path, why: &Unusable, is_default: bool) {
        match why {
            Unusable::Missing if is_default => {}
            Unusable::NotSupported => {
                let text = format!("host key {} is of a type or size that is not supported", file.display());
                self.say(Level::Debug1, text);
                self.not_supported.push(file.to_path_buf());
            }
            why => why.say(file, &mut self.said),
        }
    }

    /// Gives a certificate to the key that it is for. Unlike theirs, a user's certificate is not taken: clients would
    /// refuse the host.
    fn certify(&mut self, file: &Path) {
        let shown = file.display();
        let certificate = match certificate_in(file) {
            Ok(certificate) => certificate,
            Err(NoCertificate::Unreadable(why)) => {
                return self.say(Level::Error, format!("Could not load host certificate \"{shown}\": {why}"));
            }
            Err(NoCertificate::PlainKey) => {
                return self.say(Level::Error, format!("Certificate file is not a certificate: {shown}"));
            }
        };
        if certificate.kind() != CertificateKind::Host {
            return self.say(Level::Error, format!("Certificate file holds the certificate of a user: {shown}"));
        }
        match self.usable.iter_mut().position(|key| key.certify(&certificate)) {
            Some(index) => {
                let name = Credential::Certificate(Box::new(certificate)).short_name();
                self.say(Level::Debug1, format!("host certificate: #{index} {name}"));
            }
            None => self.say(Level::Error, format!("No matching private key for certificate: {shown}")),
        }
    }
}

/// The socket of HostKeyAgent, if an agent answers there.
fn agent(global: &Effective, said: &mut Vec<Event>) -> Option<String> {
    let configured = global.host_key_agent.as_deref()?;
    let socket = match configured {
        "SSH_AUTH_SOCK" => std::env::var(configured).ok(),
        path => Some(path.to_owned()),
    };
    let refused = match &socket {
        Some(socket) => UnixStream::connect(to_path(socket)).err().map(|error| words(&error)),
        None => Some("SSH_AUTH_SOCK is not set".to_owned()),
    };
    match refused {
        Some(why) => {
            let text = format!("Could not connect to agent \"{configured}\": {why}");
            said.push(Event::Said { level: Level::Error, text });
            None
        }
        None => socket,
    }
}

/// Why a file is no certificate.
enum NoCertificate {
    /// It cannot be read or understood.
    Unreadable(String),
    /// It is a key without a certificate around it.
    PlainKey,
}

/// The certificate in a file like `TYPE BASE64 COMMENT`. Which algorithm its authority has signed with is for clients to
/// judge.
fn certificate_in(path: &Path) -> Result<Certificate, NoCertificate> {
    let unreadable = |why: &dyn std::fmt::Display| NoCertificate::Unreadable(why.to_string());
    let blob = blob_in(path).map_err(|error| unreadable(&words(&error)))?;
    let blob = blob.ok_or_else(|| unreadable(&"invalid format"))?;
    let any: Vec<String> = CA_SIGNATURES.all.iter().map(|name| (*name).to_owned()).collect();
    match Certificate::parse(&blob, &any) {
        Ok(certificate) => Ok(certificate),
        Err(_) if PublicKey::parse(&blob).is_ok() => Err(NoCertificate::PlainKey),
        Err(why) => Err(unreadable(&why)),
    }
}

/// Whether a file holds the certificate of a user.
pub(crate) fn is_user_certificate(path: &Path) -> bool {
    certificate_in(path).is_ok_and(|certificate| certificate.kind() == CertificateKind::User)
}

/// The blob in a file like `TYPE BASE64 COMMENT`, if it looks like one.
fn blob_in(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut text = String::new();
    File::open(path)?.take(LARGEST_FILE).read_to_string(&mut text)?;
    Ok(text.split_ascii_whitespace().nth(1).and_then(|base64| STANDARD.decode(base64).ok()))
}

/// The public key in a file of its own.
fn public_in(path: &Path) -> Option<PublicKey> {
    PublicKey::parse(&blob_in(path).ok()??).ok()
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
    public_in(Path::new(&file))
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
