//! Settings as lines of text, an account, a connection, a key: what the tables are about.

use std::cell::RefCell;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use keys::authorized_keys::CivilTime;
use keys::{Certificate, Credential, PrivateKey, PublicKey};
use policy::{
    AccountFacts, ConnectionFacts, Grants, KeyAllowed, KeyFile, KeyOffer, Lists, Now, Refusal, ShellState, Step,
    Verdict, account_gates, grants, public_key, public_key_signed,
};
use settings::Effective;
use settings::keywords::{ItsFile, Layer, Meaning, meaning};

/// 2026-11-22 12:00 UTC
pub(crate) const NOON: i64 = 1_795_348_800;

/// `Keyword value` lines over the defaults.
pub(crate) fn settings(lines: &[&str]) -> Effective {
    let mut layer = Layer::default();
    for line in lines {
        let (keyword, value) = line.split_once(' ').unwrap();
        let known = [ItsFile::SshdConfig, ItsFile::Companion].map(|file| meaning(keyword, file));
        let keyword = known.into_iter().flatten().find_map(|meaning| match meaning {
            Meaning::Keyword(keyword, _) => Some(keyword),
            _ => None,
        });
        let keyword = keyword.unwrap_or_else(|| panic!("no keyword in {line:?}"));
        layer.take(&settings::Setting::parse_default(keyword.id, value));
    }
    layer.effective()
}

pub(crate) fn alice() -> AccountFacts {
    AccountFacts {
        name: "alice".to_owned(),
        uid: 1000,
        gid: 1000,
        groups: vec!["alice".to_owned(), "staff".to_owned()],
        home: "/home/alice".into(),
        shell: "/bin/sh".into(),
        shell_state: ShellState::Executable,
        locked: false,
    }
}

pub(crate) fn root() -> AccountFacts {
    AccountFacts {
        name: "root".to_owned(),
        uid: 0,
        gid: 0,
        groups: vec!["root".to_owned()],
        home: "/root".into(),
        ..alice()
    }
}

pub(crate) fn connection() -> ConnectionFacts {
    ConnectionFacts {
        address: Some([192, 0, 2, 7].into()),
        port: 50_000,
        host_name: None,
        routing_domain: String::new(),
        local_address: Some([192, 0, 2, 1].into()),
        local_port: 22,
    }
}

/// One hour east of Greenwich; on the last Sunday of March 02:30 does not exist.
pub(crate) fn local_time(written: &CivilTime) -> Option<i64> {
    let skipped = (written.year, written.month, written.day, written.hour) == (2027, 3, 28, 2);
    (!skipped).then(|| written.seconds_if_utc() - 3600)
}

pub(crate) fn now() -> Now<'static> {
    Now { seconds: NOON, local_time: &local_time }
}

/// Lists that need no file system, and which of them were asked for.
#[derive(Default)]
pub(crate) struct InMemory {
    pub(crate) key_files: Vec<KeyFile>,
    pub(crate) authorities: Option<String>,
    pub(crate) principals: Vec<KeyFile>,
    pub(crate) printed_keys: Option<KeyFile>,
    pub(crate) asked: RefCell<Vec<String>>,
}

impl InMemory {
    /// One file of keys.
    pub(crate) fn keys(text: impl Into<Vec<u8>>) -> Self {
        Self { key_files: vec![file("/keys", text)], ..Self::default() }
    }

    fn ask<'a>(&'a self, files: &'a [KeyFile]) -> impl Iterator<Item = KeyFile> {
        files.iter().map(|file| {
            self.asked.borrow_mut().push(file.name.clone());
            file.clone()
        })
    }
}

pub(crate) fn file(name: &str, text: impl Into<Vec<u8>>) -> KeyFile {
    KeyFile { name: name.to_owned(), text: text.into() }
}

impl Lists for InMemory {
    fn key_files(&self) -> impl Iterator<Item = KeyFile> {
        self.ask(&self.key_files)
    }

    fn trusted_authorities(&self, file: &str) -> Result<Vec<u8>, String> {
        self.asked.borrow_mut().push(file.to_owned());
        self.authorities.clone().map(String::into_bytes).ok_or_else(|| "no such file".to_owned())
    }

    fn principals(&self, _certificate: &Certificate) -> impl Iterator<Item = KeyFile> {
        self.ask(&self.principals)
    }

    fn printed_keys(&self) -> Option<KeyFile> {
        self.printed_keys.as_ref().inspect(|file| self.asked.borrow_mut().push(file.name.clone())).cloned()
    }
}

/// What alice gets who offers a credential for the first time.
pub(crate) fn offer(
    effective: &Effective,
    credential: &Credential,
    algorithm: &str,
    lists: &InMemory,
) -> Verdict<KeyAllowed> {
    let offer = KeyOffer { credential, algorithm, used_before: &[] };
    public_key(effective, &alice(), &connection(), now(), offer, lists)
}

/// A login with an ed25519 key whose line stands alone in a file.
pub(crate) struct KeyLogin {
    pub(crate) private: PrivateKey,
    pub(crate) account: AccountFacts,
    pub(crate) connection: ConnectionFacts,
}

/// How far a login came.
#[derive(Debug, PartialEq)]
pub(crate) enum Came {
    ToTheGates(Refusal),
    ToTheQuery(Refusal),
    ToTheSignature(Refusal),
    In(Box<Grants>),
}

impl KeyLogin {
    pub(crate) fn of(account: AccountFacts) -> Self {
        Self { private: PrivateKey::generate_ed25519().unwrap(), account, connection: connection() }
    }

    pub(crate) fn key(&self) -> &PublicKey {
        self.private.public()
    }

    pub(crate) fn credential(&self) -> Credential {
        Credential::Key(self.key().clone())
    }

    /// The line of the key behind some options.
    pub(crate) fn line(&self, options: &str) -> String {
        format!("{options} {} someone@somewhere\n", key_text(self.key())).trim_start().to_owned()
    }

    /// Everything that a login with this file goes through, and the steps of it.
    pub(crate) fn try_file(&self, effective: &Effective, file: &str) -> (Came, Vec<Step>) {
        let gates = account_gates(effective, &self.account.name, Some(&self.account), &self.connection);
        let mut steps = gates.steps;
        if let Err(refusal) = gates.outcome {
            return (Came::ToTheGates(refusal), steps);
        }
        let lists = InMemory::keys(file);
        let offer = KeyOffer { credential: &self.credential(), algorithm: "ssh-ed25519", used_before: &[] };
        let query = public_key(effective, &self.account, &self.connection, now(), offer, &lists);
        steps.extend(query.steps);
        let allowed = match query.outcome {
            Ok(allowed) => allowed,
            Err(refusal) => return (Came::ToTheQuery(refusal), steps),
        };
        let signature = self.private.sign("ssh-ed25519", b"request").unwrap();
        let proven = self.key().verify("ssh-ed25519", b"request", &signature).unwrap();
        let signed = public_key_signed(effective, &self.account, &self.connection, &allowed, &proven);
        steps.extend(signed.steps);
        match signed.outcome {
            Ok(restrictions) => (Came::In(Box::new(grants(effective, &restrictions))), steps),
            Err(refusal) => (Came::ToTheSignature(refusal), steps),
        }
    }

    pub(crate) fn try_options(&self, effective: &Effective, options: &str) -> Came {
        self.try_file(effective, &self.line(options)).0
    }

    /// What a login with this line may do.
    pub(crate) fn granted(&self, effective: &Effective, options: &str) -> Grants {
        match self.try_options(effective, options) {
            Came::In(grants) => *grants,
            other => panic!("{options}: {other:?}"),
        }
    }
}

pub(crate) fn ecdsa_key() -> PublicKey {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    PublicKey::parse(&strings(&[b"ecdsa-sha2-nistp256", b"nistp256", pair.public_key().as_ref()])).unwrap()
}

/// SSH strings one after the other.
pub(crate) fn strings(fields: &[&[u8]]) -> Vec<u8> {
    let with_length = |field: &&[u8]| [&u32::try_from(field.len()).unwrap().to_be_bytes()[..], field].concat();
    fields.iter().flat_map(with_length).collect()
}

pub(crate) fn key_text(key: &PublicKey) -> String {
    format!("{} {}", key.key_type().name(), base64(key.blob()))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = (number >> (18 - 6 * place)) & 63;
            text.push(if place > chunk.len() { '=' } else { char::from(DIGITS[digit as usize]) });
        }
    }
    text
}
