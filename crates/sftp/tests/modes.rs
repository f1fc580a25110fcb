//! Modes of what is created. A test of its own process: the umask belongs to all threads.
#![forbid(unsafe_code)]

mod raw_client;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use raw_client::{Attributes, InProcess, OK, RawClient, Scratch, open, options_in};
use sftp::{Asked, Options};

fn client_with(arguments: &[&str], scratch: &Scratch) -> RawClient<InProcess> {
    match Options::parse(arguments) {
        Ok(Asked::Serve(given)) => {
            let options = Options { start_directory: options_in(&scratch.0).start_directory, ..given };
            RawClient::new(InProcess::start(options, 1000))
        }
        other => panic!("{arguments:?}: {other:?}"),
    }
}

#[test]
fn modes_of_new_files() {
    let mode = |scratch: &Scratch, name: &str| fs::metadata(scratch.path(name)).unwrap().permissions().mode() & 0o7777;
    let create = |arguments: &[&str]| {
        let scratch = Scratch::new();
        let mut client = client_with(arguments, &scratch);
        client.open_with("file", open::WRITE | open::CREATE, &Attributes::mode(0o666)).unwrap();
        assert_eq!(client.mkdir("dir", &Attributes::mode(0o777)), OK);
        (mode(&scratch, "file"), mode(&scratch, "dir"))
    };
    assert_eq!(create(&["-u", "027"]), (0o640, 0o750));
    assert_eq!(create(&["-u", "0"]), (0o666, 0o777));
    assert_eq!(create(&["-m", "660", "-u", "077"]), (0o660, 0o700), "-m for files, -u for directories");
    let before = create(&[]);
    create(&["-u", "0777"]);
    assert_eq!(create(&[]), before, "the mask of the process is what it was");
}
