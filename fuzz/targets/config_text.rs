//! A whole configuration file, in every reading, and what is made of the settings afterwards.
#![no_main]

use std::io::{Seek, Write};
use std::os::fd::AsRawFd;

use config::{LoadRequest, Loaded, Reading, Spelling};
use settings::MatchFacts;

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    if reaches_outside(text) {
        return;
    }
    let mut file = std::fs::File::from(tempfile());
    file.write_all(text).and_then(|()| file.rewind()).expect("a file in memory");
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    for reading in [Reading::Strict, Reading::ForDump, Reading::AsTheirs] {
        let request = LoadRequest { file: Some(path.clone().into()), reading, ..LoadRequest::default() };
        match config::load(&request) {
            Ok(loaded) => use_all(&loaded),
            Err(failure) => failure.messages.iter().for_each(|message| drop(message.escaped())),
        }
    }
});

fn tempfile() -> std::os::fd::OwnedFd {
    nix::sys::memfd::memfd_create(c"sshd_config", nix::sys::memfd::MFdFlags::MFD_CLOEXEC).expect("a file in memory")
}

/// Whether reading it would read other files or ask the resolver: what is to be found out is in the text alone.
fn reaches_outside(text: &[u8]) -> bool {
    let lower = text.to_ascii_lowercase();
    let says = |word: &[u8]| lower.windows(word.len()).any(|window| window == word);
    (says(b"include") && text.iter().any(|byte| matches!(byte, b'/' | b'~'))) || says(b"listenaddress")
}

fn use_all(loaded: &Loaded) {
    let settings = &loaded.settings;
    let facts = MatchFacts {
        user: Some("somebody".to_owned()),
        groups: Some(vec!["users".to_owned()]),
        host: Some("host.example.org".to_owned()),
        address: Some("192.0.2.7".to_owned()),
        local_address: Some("192.0.2.1".to_owned()),
        local_port: Some(22),
        ..MatchFacts::default()
    };
    let effective = settings.resolve(&facts);
    let _ = (effective.for_preauth(), effective.for_session());
    let _ = config::dump(settings, &facts, Spelling::Mixed);
    let _ = config::dump_json(settings, &facts);
    let _ = config::why(settings, &facts, &[]);
    let bytes = postcard::to_stdvec(settings).expect("settings are sent to other processes");
    let again: settings::Settings = postcard::from_bytes(&bytes).expect("and read there");
    assert_eq!(again.resolve(&facts), effective);
}
