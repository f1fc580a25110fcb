//! SFTP requests, one behind the other, on real files in a directory of their own.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bulkhead_fuzz::chunks;
use sftp::{ByteQueue, Client, Options, Progress, Server, SftpEvent, Surroundings};

struct Nobody;

impl Surroundings for Nobody {
    fn log(&mut self, event: SftpEvent) {
        let _ = format!("{event:?}");
    }

    fn user_name(&mut self, uid: u32) -> Option<String> {
        (uid == 0).then(|| "root".to_owned())
    }

    fn group_name(&mut self, _gid: u32) -> Option<String> {
        None
    }

    fn home_of(&mut self, _user: &str) -> Option<PathBuf> {
        None
    }
}

/// Turns of a copy on the server that one input may have: each writes up to 8 MiB.
const MOST_TURNS: usize = 3;
const LARGEST_OUTPUT: usize = 4 * 1024 * 1024;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let jailed = bytes.first().is_some_and(|first| first & 2 != 0);
    // Nothing outside of the directory can be named without a slash, or from inside a jail.
    let harmless = |byte: &u8| if *byte == b'/' && !jailed { b'_' } else { *byte };
    let bytes: Vec<u8> = bytes.iter().map(harmless).collect();
    let place = fresh_directory();
    let root = || std::fs::File::open(place).expect("the directory was made just now").into();
    let client = Client {
        user: "somebody".to_owned(),
        uid: 0,
        uploads: sftp::Uploads::default(),
        home: place.to_owned(),
        jail: jailed.then(|| sftp::Jail::below(root(), place.to_owned())),
        address: "192.0.2.7".to_owned(),
        open_handles: sftp::HandleLimit::new(5),
        input_limit: 0,
    };
    let start_directory = (!jailed).then(|| place.as_os_str().as_encoded_bytes().to_vec());
    let options = Options { start_directory, read_only: bytes.first().is_some_and(|first| first & 1 != 0), ..Options::default() };
    let mut server = Server::start(options, client, &mut Nobody);
    let mut output = ByteQueue::new();
    serve(&mut server, &[0, 0, 0, 5, 1, 0, 0, 0, 3], &mut output);
    for (what, chunk) in chunks(bytes.get(1..).unwrap_or_default()) {
        let framed = u32::try_from(chunk.len()).unwrap_or(0).to_be_bytes();
        let framed = [if what == 255 { &[][..] } else { &framed[..] }, chunk].concat();
        if !serve(&mut server, &framed, &mut output) {
            break;
        }
    }
    server.finish(&mut Nobody);
});

/// False when the session is over.
fn serve(server: &mut Server, bytes: &[u8], output: &mut ByteQueue) -> bool {
    assert_eq!(server.feed(bytes), bytes.len());
    for _ in 0..MOST_TURNS {
        match server.serve(&mut Nobody, output, LARGEST_OUTPUT) {
            Ok(Progress::NeedsInput) => return true,
            Ok(Progress::OutputFull) => output.consumed(output.len()),
            Ok(Progress::Busy | Progress::Paused) => {}
            Err(_) => return false,
        }
        assert!(output.len() <= LARGEST_OUTPUT + sftp::LARGEST_PACKET + 4);
        output.consumed(output.len());
    }
    false
}

fn fresh_directory() -> &'static Path {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    let outer = PLACE.get_or_init(|| std::env::temp_dir().join(format!("bulkhead-fuzz-sftp-{}", std::process::id())));
    static INNER: OnceLock<PathBuf> = OnceLock::new();
    let inner = INNER.get_or_init(|| outer.join("files"));
    // What the last input has left; it may have taken rights away.
    let _ = fs::remove_dir_all(outer);
    fs::create_dir_all(inner.join("d")).expect("a directory to work in");
    fs::write(inner.join("f"), b"a file").expect("a file to work on");
    inner
}
