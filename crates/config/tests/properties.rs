//! What holds for every configuration: nothing panics or hangs, and what `-T` prints means what was read.

use std::path::PathBuf;

use config::{LoadRequest, Loaded, Reading, Spelling, dump, load};
use proptest::prelude::*;
use settings::keywords::{ItsFile, KEYWORDS, WITHDRAWN};
use settings::{MatchFacts, Settings};

/// A file that is gone with its owner.
struct Written(PathBuf);

impl Written {
    fn new(content: &[u8]) -> Self {
        let name = format!("bulkhead-properties-{}-{:?}", std::process::id(), std::thread::current().id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).unwrap();
        Self(path)
    }

    fn load(&self, reading: Reading) -> Option<Loaded> {
        load(&LoadRequest { file: Some(self.0.clone()), reading, ..LoadRequest::default() }).ok()
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn printed(settings: &Settings) -> Vec<u8> {
    dump(settings, &MatchFacts::default(), Spelling::Mixed)
}

/// Values that are valid for some keyword and that theirs prints so that they can be read again.
const FAITHFUL: [&str; 40] = [
    "yes",
    "no",
    "none",
    "any",
    "1",
    "22",
    "0177",
    "2m",
    "1h30m",
    "1G 1h",
    "10:30:100",
    "24:64",
    "inet",
    "local",
    "ef cs1",
    "prohibit-password",
    "forced-commands-only",
    "shosts-only",
    "clientspecified",
    "delayed",
    "SHA512",
    "VERBOSE",
    "LOCAL3",
    "host:22 [::1]:443",
    "8080 localhost:*",
    "LANG,LC_*",
    "A=1",
    "fred bob@192.0.2.0/24",
    "publickey,password publickey",
    "session=5m *=1h",
    "sftp internal-sftp -l INFO",
    "touch-required",
    "crash:1.5 max:1h overflow:deny-all",
    "192.0.2.0/24,2001:db8::/32",
    "/etc/x",
    "/etc/%u .ssh/keys",
    "aes128-ctr,aes256-ctr",
    "+ssh-rsa",
    "^rsa-sha2-512",
    "-*nist*",
];

fn line() -> impl Strategy<Value = String> {
    let keyword =
        prop::sample::select(KEYWORDS.iter().filter(|row| row.file == ItsFile::SshdConfig).collect::<Vec<_>>());
    (keyword, prop::sample::select(&FAITHFUL[..]))
        .prop_map(|(keyword, value)| format!("{} {value}\n", keyword.name))
        .prop_filter("cannot be read again", |line| is_faithful(line))
}

/// What theirs prints so that it cannot be read again, or that would ask the network for names.
fn is_faithful(line: &str) -> bool {
    let none_is_not_printed = ["HostKey none\n", "HostCertificate none\n", "AuthorizedKeysFile none\n"].contains(&line);
    let service_class_by_number = line.starts_with("IPQoS ") && line.contains(|c: char| c.is_ascii_digit());
    // One line each, of which the first wins.
    let assignments = line.starts_with("SetEnv ") && line.split(' ').count() > 2;
    !none_is_not_printed && !assignments && !service_class_by_number && !line.starts_with("ListenAddress ")
}

/// Lines that are nearly right, and bytes that are not.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let names: Vec<&str> = KEYWORDS.iter().map(|row| row.name).chain(WITHDRAWN.iter().map(|row| row.name)).collect();
    let word = prop_oneof![
        prop::sample::select(names).prop_map(str::to_owned),
        prop::sample::select(&FAITHFUL[..]).prop_map(str::to_owned),
        prop::sample::select(vec![
            "Match", "User", "all", "Address", "=", "\"", "'", "#", "\\", "!", ",", ":", "@", "%", "~", "*"
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,6}",
    ];
    let separator = prop::sample::select(vec![" ", "\n", "\t", "=", "", "\r\n", "\0", "\u{c}"]);
    let text = prop::collection::vec((word, separator), 0..40).prop_map(|words| {
        words.into_iter().flat_map(|(word, separator)| [word, separator.to_owned()]).collect::<String>()
    });
    prop_oneof![text.prop_map(String::into_bytes), prop::collection::vec(any::<u8>(), 0..200)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(content in soup()) {
        let file = Written::new(&content);
        for reading in [Reading::Strict, Reading::ForDump, Reading::AsTheirs] {
            if let Some(loaded) = file.load(reading) {
                let facts = MatchFacts { user: Some("fred".to_owned()), ..MatchFacts::default() };
                config::why(&loaded.settings, &facts, &[]);
                config::dump_json(&loaded.settings, &facts);
            }
        }
    }

    #[test]
    fn what_is_printed_means_what_was_read(lines in prop::collection::vec(line(), 1..12)) {
        // Most combinations of keyword and value are not valid: keep the lines that are, one by one.
        let valid = |line: &String| Written::new(line.as_bytes()).load(Reading::Strict).is_some();
        let text: String = lines.into_iter().filter(valid).collect();
        let Some(loaded) = Written::new(text.as_bytes()).load(Reading::Strict) else { return Ok(()) };
        let first = printed(&loaded.settings);
        let again = Written::new(&first).load(Reading::Strict);
        let again = again.map(|loaded| printed(&loaded.settings)).unwrap_or_default();
        let changed: Vec<&[u8]> = first
            .split(|&byte| byte == b'\n')
            .zip(again.split(|&byte| byte == b'\n'))
            .find(|(first, again)| first != again)
            .map(|(first, again)| vec![first, again])
            .unwrap_or_default();
        prop_assert!(first == again, "{text}: {}", String::from_utf8_lossy(&changed.join(&b"\n became "[..])));
    }

    #[test]
    fn settings_survive_the_way_to_the_monitor(content in soup()) {
        if let Some(loaded) = Written::new(&content).load(Reading::ForDump) {
            let bytes = postcard::to_stdvec(&loaded.settings).unwrap();
            let arrived: Settings = postcard::from_bytes(&bytes).unwrap();
            prop_assert_eq!(arrived, loaded.settings);
        }
    }
}
