//! A session as a whole: framing, order, backpressure, restrictions, its end.
#![forbid(unsafe_code)]

mod raw_client;

use std::fs;

use raw_client::{
    Attributes, FAILURE, InProcess, Link, NO_SUCH_FILE, OK, PERMISSION_DENIED, RawClient, Reply, Scratch, body,
    client_in, open, options_in, packet,
};
use sftp::{Asked, Options, Progress, SftpError};

/// Options as an administrator writes them, in `scratch`.
fn client_with(arguments: &[&str], scratch: &Scratch) -> RawClient<InProcess> {
    match Options::parse(arguments) {
        Ok(Asked::Serve(given)) => {
            let fixed = options_in(&scratch.0);
            let options = Options { start_directory: fixed.start_directory, log_level: fixed.log_level, ..given };
            RawClient::new(InProcess::start(options, 1000))
        }
        other => panic!("{arguments:?}: {other:?}"),
    }
}

#[test]
fn requests_may_come_in_any_pieces() {
    let scratch = Scratch::new();
    let mut client = client_in(&scratch.0);
    let whole = packet(16, &body().u32(77).string(".").0);
    for byte in &whole[..whole.len() - 1] {
        client.link.send(&[*byte]);
        assert_eq!(client.link.serve(1 << 16), Ok(Progress::NeedsInput));
    }
    client.link.send(&whole[whole.len() - 1..]);
    client.link.send(&whole);
    for _ in 0..2 {
        assert_eq!(client.receive().0, 77);
    }
}

#[test]
fn many_requests_at_once_are_answered_in_order_and_within_the_limit() {
    let scratch = Scratch::new();
    let content: Vec<u8> = (0..2_000_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(scratch.path("file"), &content).unwrap();
    let mut client = client_in(&scratch.0);
    let handle = client.open("file", open::READ).unwrap();
    let asked: Vec<u32> =
        (0..64u64).map(|number| client.send(5, body().string(&handle).u64(number * 32_768).u32(32_768))).collect();
    let mut turns = 0;
    while client.link.serve(100_000) == Ok(Progress::OutputFull) {
        turns += 1;
    }
    assert!(turns > 10, "backpressure was felt {turns} times");
    let mut received = Vec::new();
    for id in asked {
        let (answered, reply) = client.receive();
        assert_eq!(answered, id);
        match reply {
            Reply::Data(bytes) => received.extend(bytes),
            end => assert_eq!((end.status(), received.len()), (raw_client::EOF, content.len())),
        }
    }
    assert!(received == content);
}

#[test]
fn no_more_input_is_taken_than_may_wait() {
    let scratch = Scratch::new();
    let mut link = InProcess::start(options_in(&scratch.0), 10);
    let server = link.server.as_mut().unwrap();
    assert_eq!(server.feed(&vec![0; 1 << 20]), sftp::LARGEST_PACKET + 4);
    assert_eq!((server.input_room(), server.input_space().len(), server.feed(b"x")), (0, 0, 0));
}

#[test]
fn what_cannot_be_answered_ends_the_session() {
    let init = packet(1, &[0, 0, 0, 3]);
    let too_long = (256 * 1024 + 1u32).to_be_bytes().to_vec();
    for (bytes, error) in [
        (too_long.clone(), SftpError::PacketTooLong(262_145)),
        (vec![0xff; 4], SftpError::PacketTooLong(u32::MAX)),
        (vec![0; 4], SftpError::PacketTooShort),
        (packet(1, &[0, 0, 3]), SftpError::PacketTooShort),
        (packet(17, &body().u32(1).string("x").0), SftpError::BeforeInit(17)),
        (packet(200, &body().u32(1).string("limits@openssh.com").0), SftpError::BeforeInit(200)),
        ([init.clone(), packet(5, &[1, 2, 3])].concat(), SftpError::PacketTooShort),
        ([init, too_long].concat(), SftpError::PacketTooLong(262_145)),
    ] {
        let scratch = Scratch::new();
        let mut link = InProcess::start(options_in(&scratch.0), 10);
        link.send(&bytes);
        assert_eq!(link.serve(1 << 16), Err(error), "{bytes:?}");
        assert_eq!(link.lines().last().unwrap(), "bad message from 192.0.2.7 local user ann");
    }
}

#[test]
fn the_handle_table_is_bounded() {
    let scratch = Scratch::new();
    fs::write(scratch.path("file"), "x").unwrap();
    let mut client = RawClient::new(InProcess::start(options_in(&scratch.0), 3));
    let handles: Vec<_> = (0..3).map(|_| client.open("file", open::READ).unwrap()).collect();
    assert_eq!(client.open("file", open::READ), Err(FAILURE));
    assert_eq!(client.opendir("."), Err(FAILURE));
    assert_eq!(client.close(&handles[1]), OK);
    let again = client.open("file", open::READ).unwrap();
    assert_ne!(again, handles[1]);
    assert_eq!(client.read(&handles[1], 0, 1), Err(FAILURE), "stale, although its slot is in use");
    assert_eq!(client.read(&again, 0, 1).unwrap(), b"x");
}

#[test]
fn read_only_refuses_everything_that_changes() {
    let scratch = Scratch::new();
    fs::write(scratch.path("file"), "content").unwrap();
    fs::create_dir(scratch.path("dir")).unwrap();
    let mut client = client_with(&["-R"], &scratch);
    let handle = client.open("file", open::READ).unwrap();
    for flags in [
        open::WRITE,
        open::READ | open::WRITE,
        open::READ | open::CREATE, // CVE-2017-15906
        open::CREATE | open::EXCLUSIVE,
        open::READ | open::TRUNCATE,
        open::WRITE | open::APPEND,
    ] {
        assert_eq!(client.open("file", flags), Err(PERMISSION_DENIED), "{flags:#x}");
        assert_eq!(client.open("new", flags), Err(PERMISSION_DENIED), "{flags:#x}");
    }
    let none = Attributes::default();
    let mode = Attributes::mode(0o777);
    let refused = [
        client.write(&handle, 0, b"x"),
        client.setstat("file", &mode),
        client.status(10, body().string(&handle).attributes(&mode)),
        client.remove("file"),
        client.mkdir("new", &none),
        client.rmdir("dir"),
        client.rename("file", "new"),
        client.status(20, body().string("file").string("new")),
        client.status_extended("posix-rename@openssh.com", body().string("file").string("new")),
        client.status_extended("hardlink@openssh.com", body().string("file").string("new")),
        client.status_extended("fsync@openssh.com", body().string(&handle)),
        client.status_extended("lsetstat@openssh.com", body().string("file").attributes(&mode)),
        client.status_extended("copy-data", body().string(&handle).u64(0).u64(0).string(&handle).u64(0)),
    ];
    assert_eq!(refused, [PERMISSION_DENIED; 13]);
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 2, "nothing was created");
    assert_eq!(client.read(&handle, 0, 100).unwrap(), b"content");
    assert_eq!(client.list(".").0.len(), 4);
    assert!(client.realpath("file").is_ok());
    let offered: Vec<&str> = client.extensions.iter().map(|(name, _)| &name[..]).collect();
    assert!(offered.contains(&"limits@openssh.com") && !offered.contains(&"copy-data"), "{offered:?}");
    assert!(client.link.lines().contains(&"Refusing open request in read-only mode".to_owned()));
    assert!(client.link.lines().contains(&"Refusing remove request in read-only mode".to_owned()));
}

#[test]
fn requests_are_denied_and_allowed_by_name() {
    let scratch = Scratch::new();
    fs::write(scratch.path("file"), "content").unwrap();
    let mut client = client_with(&["-P", "remove,posix-rename"], &scratch);
    assert_eq!(client.remove("file"), PERMISSION_DENIED);
    assert_eq!(
        client.status_extended("posix-rename@openssh.com", body().string("file").string("x")),
        PERMISSION_DENIED
    );
    assert!(!client.extensions.iter().any(|(name, _)| name == "posix-rename@openssh.com"));
    assert_eq!(client.rename("file", "other"), OK);
    assert!(client.link.lines().contains(&"Refusing denylisted remove request".to_owned()));

    let mut client = client_with(&["-p", "open,close,read,stat", "-P", "read"], &scratch);
    let handle = client.open("other", open::READ).unwrap();
    assert_eq!(client.read(&handle, 0, 1), Err(PERMISSION_DENIED), "denied counts more than allowed");
    assert_eq!(client.stat("other").unwrap().size, Some(7));
    assert_eq!(client.lstat("other"), Err(PERMISSION_DENIED));
    assert_eq!(client.extensions, [], "none is allowed");
    assert!(client.link.lines().contains(&"Refusing non-allowlisted lstat request".to_owned()));
}

#[test]
fn misspelt_restrictions_are_told_to_the_administrator() {
    let scratch = Scratch::new();
    let client = client_with(&["-P", "remove,unlink"], &scratch);
    assert!(client.link.lines().iter().any(|line| line.contains("\"unlink\"")), "{:?}", client.link.lines());
}

#[test]
fn the_start_directory_may_hold_tokens() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("ann-1000-%")).unwrap();
    let directory = format!("{}/%u-%U-%%", scratch.0.display());
    let start = |directory: &str| {
        let options = Options { start_directory: Some(directory.into()), ..options_in(&scratch.0) };
        RawClient::new(InProcess::start(options, 10))
    };
    let mut client = start(&directory);
    assert_eq!(client.realpath(".").unwrap(), format!("{}/ann-1000-%", scratch.0.display()));
    client.open("here", open::WRITE | open::CREATE).unwrap();
    assert!(scratch.path("ann-1000-%/here").exists());
    assert_eq!(client.stat("../ann-1000-%").map(|_| ()), Ok(()));

    let mut client = start("~nobody-at-all/x");
    assert_eq!(client.realpath(".").unwrap(), std::env::current_dir().unwrap().to_str().unwrap());
    assert!(client.link.lines().iter().any(|line| line.starts_with("chdir to \"~nobody-at-all/x\" failed")));
}

#[test]
fn what_a_client_leaves_open_is_closed_and_told() {
    let scratch = Scratch::new();
    let mut client = client_in(&scratch.0);
    let handle = client.open("upload", open::WRITE | open::CREATE).unwrap();
    assert_eq!(client.write(&handle, 0, b"half"), OK);
    client.opendir(".").unwrap();
    client.send(6, body().string(&handle).u64(4).string("never served"));
    client.link.finish();
    let lines = client.link.lines();
    assert_eq!(lines.first().unwrap(), "session opened for local user ann from [192.0.2.7]");
    assert_eq!(
        lines[lines.len() - 3..],
        [
            "forced close \"upload\" bytes read 0 written 4",
            "forced closedir \".\"",
            "session closed for local user ann from [192.0.2.7]",
        ]
    );
    assert_eq!(fs::read(scratch.path("upload")).unwrap(), b"half", "what was acknowledged is there");
}

#[test]
fn the_log_of_an_upload_reads_as_theirs() {
    let scratch = Scratch::new();
    let mut client = client_in(&scratch.0);
    let handle = client.open_with("up", open::WRITE | open::CREATE | open::TRUNCATE, &Attributes::mode(0o644)).unwrap();
    client.write(&handle, 0, b"12345");
    client.close(&handle);
    assert_eq!(client.remove("missing"), NO_SUCH_FILE);
    assert_eq!(
        client.link.lines()[1..],
        [
            "received client version 3",
            "open \"up\" flags WRITE,CREATE,TRUNCATE mode 0644",
            "close \"up\" bytes read 0 written 5",
            "remove name \"missing\"",
            "sent status No such file",
        ]
    );
}

#[test]
fn an_idle_session_gives_its_memory_back() {
    let scratch = Scratch::new();
    let mut client = client_in(&scratch.0);
    client.realpath(".").unwrap();
    client.link.server.as_mut().unwrap().release_memory();
    assert_eq!(client.realpath(".").unwrap(), scratch.0.to_str().unwrap());
}
