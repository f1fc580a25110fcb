//! Uploads: atomic ones, what is told about them, and what stays as it always was.
#![forbid(unsafe_code)]

mod raw_client;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use events::files::{ClientPath, Event};
use raw_client::{
    Attributes, FAILURE, InProcess, NO_SUCH_FILE, OK, PERMISSION_DENIED, RawClient, Scratch, body, open, options_in,
};
use sftp::Uploads;

const NEW: u32 = open::WRITE | open::CREATE | open::TRUNCATE;

const ALL: Uploads = Uploads { atomic: true, reported: true, digest: true };

fn client_with(uploads: Uploads, scratch: &Scratch) -> RawClient<InProcess> {
    let uid = nix::unistd::geteuid().as_raw();
    RawClient::new(InProcess::with_uploads(options_in(&scratch.0), 10, uid, uploads))
}

fn client(scratch: &Scratch) -> RawClient<InProcess> {
    client_with(ALL, scratch)
}

fn names(scratch: &Scratch) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(&scratch.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn shown(scratch: &Scratch, name: &str) -> ClientPath {
    ClientPath(fs::canonicalize(&scratch.0).unwrap().join(name).into_os_string().into_encoded_bytes())
}

#[test]
fn a_new_file_has_its_name_when_it_is_whole() {
    let scratch = Scratch::new();
    let mut client = client(&scratch);
    let handle = client.open_with("new", NEW, &Attributes::mode(0o640)).unwrap();
    assert_eq!(client.write(&handle, 0, b"half"), OK);
    assert_eq!(client.stat("new").unwrap_err(), NO_SUCH_FILE);
    let [temporary] = &names(&scratch)[..] else { panic!("{:?}", names(&scratch)) };
    assert!(temporary.starts_with(".upload-") && temporary.len() == 40, "{temporary}");
    assert_eq!(client.fstat(&handle).unwrap().size, Some(4));
    assert_eq!(client.write(&handle, 4, b" and half"), OK);
    assert_eq!(client.close(&handle), OK);
    assert_eq!(names(&scratch), ["new"]);
    assert_eq!(fs::read(scratch.path("new")).unwrap(), b"half and half");
    assert_eq!(fs::metadata(scratch.path("new")).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_file_is_replaced_in_one_step_and_keeps_its_mode() {
    let scratch = Scratch::new();
    fs::write(scratch.path("file"), "old").unwrap();
    fs::set_permissions(scratch.path("file"), PermissionsExt::from_mode(0o604)).unwrap();
    let mut client = client(&scratch);
    let handle = client.open("file", NEW).unwrap();
    assert_eq!(client.write(&handle, 0, b"new"), OK);
    assert_eq!(fs::read(scratch.path("file")).unwrap(), b"old", "who reads it reads something whole");
    assert_eq!(client.close(&handle), OK);
    assert_eq!(fs::read(scratch.path("file")).unwrap(), b"new");
    assert_eq!(fs::metadata(scratch.path("file")).unwrap().permissions().mode() & 0o777, 0o604);
    assert_eq!(names(&scratch), ["file"]);
}

#[test]
fn a_broken_connection_leaves_what_was_there() {
    let scratch = Scratch::new();
    fs::write(scratch.path("file"), "old").unwrap();
    let mut client = client(&scratch);
    for name in ["file", "new"] {
        let handle = client.open(name, NEW).unwrap();
        assert_eq!(client.write(&handle, 0, b"half"), OK);
    }
    client.link.finish();
    assert_eq!(names(&scratch), ["file"]);
    assert_eq!(fs::read(scratch.path("file")).unwrap(), b"old");
    for (change, name) in client.link.host.changes.iter().zip(["file", "new"]) {
        let Event::Uploaded { path, size: None, written: 4, complete: false, discarded: true, sha256: None, .. } =
            change
        else {
            panic!("{change:?}")
        };
        assert_eq!(*path, shown(&scratch, name));
    }
    assert_eq!(client.link.host.changes.len(), 2);
}

/// What a full disk does to a client that closes its file nevertheless, as they do.
#[test]
fn what_could_not_be_written_gets_no_name_and_is_not_told_to_be_complete() {
    const NO_OFFSET: u64 = u64::MAX;
    for atomic in [true, false] {
        let scratch = Scratch::new();
        fs::write(scratch.path("file"), "old").unwrap();
        let mut client = client_with(Uploads { atomic, ..ALL }, &scratch);
        for name in ["file", "new"] {
            let handle = client.open(name, NEW).unwrap();
            assert_eq!(client.write(&handle, 0, b"half"), OK);
            assert_ne!(client.write(&handle, NO_OFFSET, b" and half"), OK);
            assert_eq!(client.write(&handle, 4, b" and more"), OK);
            if atomic && name == "new" {
                assert_eq!(client.rename(name, "another"), FAILURE, "nor another name");
            }
            assert_eq!(client.close(&handle), if atomic { FAILURE } else { OK });
        }
        let (left, content) = if atomic { (&["file"][..], "old") } else { (&["file", "new"][..], "half and more") };
        assert_eq!(names(&scratch), left);
        assert_eq!(fs::read_to_string(scratch.path("file")).unwrap(), content);
        for change in &client.link.host.changes {
            let Event::Uploaded { complete: false, discarded, sha256: None, .. } = change else { panic!("{change:?}") };
            assert_eq!(*discarded, atomic);
        }
        assert_eq!(client.link.host.changes.len(), 2);
    }
}

#[test]
fn what_could_not_be_copied_from_gets_no_name() {
    let scratch = Scratch::new();
    fs::write(scratch.path("whole"), "old").unwrap();
    fs::write(scratch.path("source"), "new").unwrap();
    let mut client = client(&scratch);
    // A disk that fails cannot be had here; a file that was not opened for reading can.
    let source = client.open("source", open::WRITE).unwrap();
    let target = client.open("whole", NEW).unwrap();
    assert_eq!(client.write(&target, 0, b"head"), OK);
    let copy = body().string(&source).u64(0).u64(0).string(&target).u64(4);
    assert_ne!(client.status_extended("copy-data", copy), OK);
    assert_eq!(client.close(&target), FAILURE);
    assert_eq!(names(&scratch), ["source", "whole"]);
    assert_eq!(fs::read_to_string(scratch.path("whole")).unwrap(), "old");
}

#[test]
fn a_resumed_upload_goes_on_in_place() {
    let scratch = Scratch::new();
    fs::write(scratch.path("part"), "first ").unwrap();
    let mut client = client(&scratch);
    let handle = client.open("part", open::WRITE | open::CREATE).unwrap();
    assert_eq!(client.write(&handle, 6, b"second"), OK);
    assert_eq!(fs::read(scratch.path("part")).unwrap(), b"first second");
    client.link.finish();
    assert_eq!(fs::read(scratch.path("part")).unwrap(), b"first second", "what was there before stays");
    let [Event::Uploaded { size: Some(12), written: 6, complete: false, discarded: false, sha256: None, .. }] =
        &client.link.host.changes[..]
    else {
        panic!("{:?}", client.link.host.changes)
    };
}

#[test]
fn links_and_files_that_must_not_change_are_written_in_place_or_not_at_all() {
    let scratch = Scratch::new();
    fs::write(scratch.path("target"), "old").unwrap();
    symlink("target", scratch.path("link")).unwrap();
    fs::hard_link(scratch.path("target"), scratch.path("other")).unwrap();
    let mut client = client(&scratch);
    for name in ["link", "other"] {
        let inode = fs::metadata(scratch.path("target")).unwrap().ino();
        let handle = client.open(name, NEW).unwrap();
        assert_eq!(client.write(&handle, 0, name.as_bytes()), OK);
        assert_eq!(fs::read(scratch.path("target")).unwrap(), name.as_bytes());
        assert_eq!(client.close(&handle), OK);
        assert_eq!(fs::metadata(scratch.path("target")).unwrap().ino(), inode);
    }
    assert!(fs::symlink_metadata(scratch.path("link")).unwrap().is_symlink());
    assert_eq!(names(&scratch), ["link", "other", "target"]);
    fs::create_dir(scratch.path("folder")).unwrap();
    assert_eq!(client.open("folder", NEW).unwrap_err(), FAILURE);
    assert_eq!(client.open("missing/file", NEW).unwrap_err(), NO_SUCH_FILE);
    if !nix::unistd::geteuid().is_root() {
        // A rename could replace it: that would be more than its permissions allow.
        fs::write(scratch.path("closed"), "old").unwrap();
        fs::set_permissions(scratch.path("closed"), PermissionsExt::from_mode(0o444)).unwrap();
        assert_eq!(client.open("closed", NEW).unwrap_err(), PERMISSION_DENIED);
    }
}

#[test]
fn exclusive_files_never_replace_what_came_meanwhile() {
    let scratch = Scratch::new();
    fs::write(scratch.path("there"), "old").unwrap();
    let mut client = client(&scratch);
    let exclusive = open::WRITE | open::CREATE | open::EXCLUSIVE;
    assert_eq!(client.open("there", exclusive).unwrap_err(), FAILURE);
    let handle = client.open("mine", exclusive).unwrap();
    assert_eq!(client.write(&handle, 0, b"mine"), OK);
    fs::write(scratch.path("mine"), "somebody else's").unwrap();
    assert_eq!(client.close(&handle), FAILURE);
    assert_eq!(fs::read(scratch.path("mine")).unwrap(), b"somebody else's");
    assert_eq!(names(&scratch), ["mine", "there"]);
    assert!(matches!(&client.link.host.changes[..], [Event::Uploaded { complete: false, discarded: true, .. }]));
}

#[test]
fn what_happens_to_a_file_before_it_is_closed_happens_to_the_upload() {
    let scratch = Scratch::new();
    let mut client = client(&scratch);
    let handle = client.open("a", NEW).unwrap();
    assert_eq!(client.write(&handle, 0, b"renamed"), OK);
    assert_eq!(client.rename("./a", "b"), OK);
    assert_eq!(client.write(&handle, 7, b" early"), OK);
    assert_eq!(client.close(&handle), OK);
    assert_eq!(fs::read(scratch.path("b")).unwrap(), b"renamed early");

    let handle = client.open("c", NEW).unwrap();
    assert_eq!(client.setstat("c", &Attributes::mode(0o600)), OK);
    assert_eq!(client.close(&handle), OK);
    assert_eq!(fs::metadata(scratch.path("c")).unwrap().permissions().mode() & 0o777, 0o600);

    let handle = client.open("d", NEW).unwrap();
    assert_eq!(client.remove("d"), OK);
    assert_eq!(client.write(&handle, 0, b"into nothing"), OK);
    assert_eq!(client.close(&handle), OK);
    assert_eq!(client.remove("d"), NO_SUCH_FILE);

    let handle = client.open("e", NEW).unwrap();
    assert_eq!(client.status_extended("fsync@openssh.com", body().string(&handle)), OK);
    assert_eq!(client.close(&handle), OK);
    assert_eq!(names(&scratch), ["b", "c", "e"]);
}

/// sshfs closes a file after the program that wrote it has renamed it.
#[test]
fn what_is_renamed_before_it_is_closed_is_told_under_its_last_name() {
    for atomic in [true, false] {
        let scratch = Scratch::new();
        let mut client = client_with(Uploads { atomic, ..ALL }, &scratch);
        let handle = client.open("a", NEW).unwrap();
        let other = client.open("other", NEW).unwrap();
        assert_eq!(client.write(&handle, 0, b"text"), OK);
        assert_eq!(client.rename("./a", "b"), OK);
        assert_eq!(client.rename("b", "c"), OK);
        assert_eq!(client.rename("missing", "d"), NO_SUCH_FILE);
        assert_eq!(client.close(&handle), OK);
        assert_eq!(client.close(&other), OK);
        let uploaded = client.link.host.changes.iter().filter_map(|change| match change {
            Event::Uploaded { path, complete: true, .. } => Some(path.clone()),
            _ => None,
        });
        assert_eq!(uploaded.collect::<Vec<_>>(), [shown(&scratch, "c"), shown(&scratch, "other")]);
        assert_eq!(client.link.host.changes.len(), 4);
    }
}

#[test]
fn a_full_table_of_handles_leaves_no_temporary_file() {
    let scratch = Scratch::new();
    let mut client = client(&scratch);
    let handles: Vec<_> = (0..10).map(|number| client.open(number.to_string(), NEW).unwrap()).collect();
    assert_eq!(client.open("one too many", NEW).unwrap_err(), FAILURE);
    handles.iter().for_each(|handle| assert_eq!(client.close(handle), OK));
    assert_eq!(names(&scratch).len(), 10);
    assert!(names(&scratch).iter().all(|name| name.len() == 1));
}

#[test]
fn what_has_happened_is_told_with_a_sum_if_it_was_written_in_order() {
    let scratch = Scratch::new();
    let mut client = client_with(Uploads { atomic: false, ..ALL }, &scratch);
    let mut upload = |name: &str, pieces: &[(u64, &str)]| {
        let handle = client.open(name, NEW).unwrap();
        for (offset, piece) in pieces {
            assert_eq!(client.write(&handle, *offset, piece.as_bytes()), OK);
        }
        assert_eq!(client.close(&handle), OK);
    };
    upload("in order", &[(0, "one "), (4, "two")]);
    upload("empty", &[]);
    upload("backwards", &[(4, "two"), (0, "one ")]);
    upload("twice", &[(0, "one "), (0, "one ")]);
    let sums: Vec<Option<&str>> = client
        .link
        .host
        .changes
        .iter()
        .map(|change| match change {
            Event::Uploaded { sha256, complete: true, discarded: false, .. } => sha256.as_deref(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sums, [Some("one two"), Some(""), None, None]);
    client.link.host.changes.clear();

    let handle = client.open("in order", open::READ).unwrap();
    assert_eq!(client.close(&handle), OK);
    assert_eq!(client.rename("in order", "done"), OK);
    assert_eq!(client.remove("done"), OK);
    assert_eq!(client.remove("done"), NO_SUCH_FILE);
    assert_eq!(
        client.link.host.changes,
        [
            Event::Renamed { old: shown(&scratch, "in order"), new: shown(&scratch, "done") },
            Event::Removed { path: shown(&scratch, "done") }
        ]
    );
}

#[test]
fn nothing_is_told_and_nothing_renamed_where_nobody_asked_for_it() {
    let scratch = Scratch::new();
    let mut client = client_with(Uploads::default(), &scratch);
    let handle = client.open("file", NEW).unwrap();
    assert_eq!(names(&scratch), ["file"]);
    assert_eq!(client.close(&handle), OK);
    assert!(client.link.host.changes.is_empty());
}
