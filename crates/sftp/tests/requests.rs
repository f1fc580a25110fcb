//! Each request by itself: what it does and what it answers.
#![forbid(unsafe_code)]

mod raw_client;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use raw_client::{
    Attributes, BAD_MESSAGE, EOF, FAILURE, NO_SUCH_FILE, OK, Reply, Scratch, UNSUPPORTED, body, client_in, open,
};

#[test]
fn a_file_is_written_read_and_described() {
    let scratch = Scratch::new();
    let mut client = client_in(&scratch.0);
    let handle =
        client.open_with("new", open::WRITE | open::CREATE | open::TRUNCATE, &Attributes::mode(0o600)).unwrap();
    assert_eq!(client.write(&handle, 0, b"hello world"), OK);
    assert_eq!(client.write(&handle, 6, b"there"), OK);
    assert_eq!(client.read(&handle, 0, 5), Err(NO_SUCH_FILE), "not opened for reading: EBADF");
    assert_eq!(client.close(&handle), OK);
    assert_eq!(client.close(&handle), NO_SUCH_FILE, "stale");
    assert_eq!(fs::read(scratch.path("new")).unwrap(), b"hello there");

    let handle = client.open("new", open::READ).unwrap();
    assert_eq!(client.read(&handle, 6, 100).unwrap(), b"there");
    assert_eq!(client.read(&handle, 0, 0).unwrap(), b"");
    assert_eq!(client.read(&handle, 11, 1), Err(EOF));
    assert_eq!(client.read(&handle, 1 << 63, 1), Err(BAD_MESSAGE), "further than the system can count");
    let attributes = client.fstat(&handle).unwrap();
    assert_eq!((attributes.size, attributes.mode), (Some(11), Some(0o100_600)));
    assert_eq!(attributes, client.stat("new").unwrap());
    let there = fs::metadata(scratch.path("new")).unwrap();
    assert_eq!(attributes.times, Some((there.atime() as u32, there.mtime() as u32)));
    assert_eq!(attributes.owner, Some((there.uid(), there.gid())));
}

#[test]
fn appending_ignores_the_offset() {
    let scratch = Scratch::new();
    fs::write(scratch.path("log"), "one\n").unwrap();
    let mut client = client_in(&scratch.0);
    let handle = client.open("log", open::WRITE | open::APPEND).unwrap();
    assert_eq!(client.write(&handle, 0, b"two\n"), OK);
    assert_eq!(client.write(&handle, 1, b"three\n"), OK);
    assert_eq!(fs::read_to_string(scratch.path("log")).unwrap(), "one\ntwo\nthree\n");
}

#[test]
fn every_flag_of_open() {
    let scratch = Scratch::new();
    fs::write(scratch.path("there"), "content").unwrap();
    let mut client = client_in(&scratch.0);
    assert_eq!(client.open("missing", open::READ), Err(NO_SUCH_FILE));
    assert_eq!(client.open("there", open::WRITE | open::CREATE | open::EXCLUSIVE), Err(FAILURE));
    assert_eq!(client.open(".", open::WRITE), Err(FAILURE), "a directory");
    assert_eq!(client.open("there/x", open::READ), Err(NO_SUCH_FILE), "below a file");
    let handle = client.open("there", open::READ | open::WRITE).unwrap();
    assert_eq!(client.write(&handle, 0, b"C"), OK);
    assert_eq!(client.read(&handle, 0, 9).unwrap(), b"Content");
    client.open("there", open::WRITE | open::TRUNCATE).unwrap();
    assert_eq!(client.read(&handle, 0, 9), Err(EOF), "emptied");
}

#[test]
fn a_fifo_does_not_hold_the_session_up() {
    let scratch = Scratch::new();
    nix::unistd::mkfifo(&scratch.path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut client = client_in(&scratch.0);
    assert_eq!(client.open("fifo", open::WRITE), Err(FAILURE), "nobody reads it");
    let handle = client.open("fifo", open::READ).unwrap();
    assert_eq!(client.read(&handle, 0, 1), Err(FAILURE), "no offsets there");
}

#[test]
fn offsets_beyond_four_gibibytes_and_holes() {
    let scratch = Scratch::new();
    let mut client = client_in(&scratch.0);
    let handle = client.open("sparse", open::READ | open::WRITE | open::CREATE).unwrap();
    let far = 5 * (1u64 << 30) + 3;
    assert_eq!(client.write(&handle, far, b"end"), OK);
    assert_eq!(client.read(&handle, far - 2, 100).unwrap(), b"\0\0end");
    let metadata = fs::metadata(scratch.path("sparse")).unwrap();
    assert_eq!(client.fstat(&handle).unwrap().size, Some(far + 3));
    assert!(metadata.blocks() < 1000, "the hole takes no room");
}

#[test]
fn the_largest_read_and_write() {
    let scratch = Scratch::new();
    let mut client = client_in(&scratch.0);
    let bytes: Vec<u8> = (0..261_120u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let handle = client.open("large", open::READ | open::WRITE | open::CREATE).unwrap();
    assert_eq!(client.write(&handle, 0, &bytes), OK);
    assert_eq!(client.write(&handle, 261_120, b"more"), OK);
    assert_eq!(client.read(&handle, 0, u32::MAX).unwrap(), bytes, "as much as limits@ says, no more");
}

#[test]
fn attributes_are_set_by_name_and_by_handle() {
    let scratch = Scratch::new();
    fs::write(scratch.path("file"), "0123456789").unwrap();
    let mut client = client_in(&scratch.0);
    let wanted =
        Attributes { size: Some(4), mode: Some(0o640), times: Some((1_000_000_000, 1_234_567_890)), owner: None };
    assert_eq!(client.setstat("file", &wanted), OK);
    let got = client.stat("file").unwrap();
    assert_eq!((got.size, got.mode, got.times), (Some(4), Some(0o100_640), Some((1_000_000_000, 1_234_567_890))));
    let handle = client.open("file", open::WRITE).unwrap();
    let wanted = Attributes { size: Some(6), mode: Some(0o2755), times: Some((5, 6)), owner: got.owner };
    assert_eq!(client.status(10, body().string(&handle).attributes(&wanted)), OK);
    let got = client.stat("file").unwrap();
    assert_eq!((got.size, got.times), (Some(6), Some((5, 6))));
    assert_eq!(client.setstat("missing", &Attributes::mode(0o600)), NO_SUCH_FILE);
    assert_eq!(client.setstat(".", &Attributes { size: Some(0), ..Attributes::default() }), FAILURE);
    let lines = client.link.lines();
    for line in ["set \"file\" size 4", "set \"file\" mode 0640", "set \"file\" mode 2755"] {
        assert!(lines.iter().any(|logged| logged == line), "{line}: {lines:?}");
    }
    assert!(lines.iter().any(|line| line.starts_with("set \"file\" modtime 200902")), "{lines:?}");
}

#[test]
fn directories_are_made_listed_and_removed() {
    let scratch = Scratch::new();
    let mut client = client_in(&scratch.0);
    assert_eq!(client.mkdir("sub", &Attributes::mode(0o750)), OK);
    assert_eq!(client.mkdir("sub", &Attributes::default()), FAILURE);
    assert_eq!(client.stat("sub").unwrap().mode, Some(0o040_750));
    fs::write(scratch.path("sub/file"), "x").unwrap();
    std::os::unix::fs::symlink("nowhere", scratch.path("sub/link")).unwrap();
    let (mut names, answers) = client.list("sub");
    names.sort_by(|left, right| left.name.cmp(&right.name));
    let seen: Vec<&[u8]> = names.iter().map(|name| &name.name[..]).collect();
    assert_eq!((seen, answers), (vec![&b"."[..], b"..", b"file", b"link"], 1));
    assert_eq!(names[3].attributes.mode.unwrap() & 0o170_000, 0o120_000, "the link itself");
    assert!(names[2].long_name.starts_with("-rw-"), "{}", names[2].long_name);
    assert!(names[2].long_name.ends_with(" file"), "{}", names[2].long_name);
    assert_eq!(client.link.host.names_asked_for, 2, "names are remembered");
    assert_eq!(client.rmdir("sub"), FAILURE, "not empty");
    assert_eq!(client.rmdir("sub/file"), NO_SUCH_FILE);
    assert_eq!(client.opendir("sub/file"), Err(NO_SUCH_FILE));
    assert_eq!((client.remove("sub/file"), client.remove("sub/link"), client.rmdir("sub")), (OK, OK, OK));
    assert_eq!(client.remove("sub"), NO_SUCH_FILE);
}

#[test]
fn a_directory_of_ten_thousand_names_of_every_length() {
    let scratch = Scratch::new();
    let mut expected: Vec<Vec<u8>> = vec![b".".to_vec(), b"..".to_vec()];
    for number in 0..10_000 {
        let mut name = format!("{number:05}-ärger-").into_bytes();
        name.resize(if number % 3 == 0 { 255 } else { name.len() }, b'x');
        fs::write(scratch.0.join(std::str::from_utf8(&name).unwrap()), "").unwrap();
        expected.push(name);
    }
    let mut client = client_in(&scratch.0);
    let (names, answers) = client.list(".");
    let mut names: Vec<Vec<u8>> = names.into_iter().map(|name| name.name).collect();
    names.sort();
    expected.sort();
    assert!(names == expected, "each name once");
    assert_eq!(answers, 101, "100 names an answer");
}

#[test]
fn rename_never_replaces_and_posix_rename_does() {
    let scratch = Scratch::new();
    fs::write(scratch.path("a"), "a").unwrap();
    fs::write(scratch.path("b"), "b").unwrap();
    fs::create_dir(scratch.path("dir")).unwrap();
    let mut client = client_in(&scratch.0);
    assert_eq!(client.rename("a", "b"), FAILURE);
    assert_eq!(client.rename("a", "a"), FAILURE);
    assert_eq!(client.rename("dir", "b"), FAILURE);
    assert_eq!(client.rename("missing", "c"), NO_SUCH_FILE);
    assert_eq!(fs::read(scratch.path("b")).unwrap(), b"b");
    assert_eq!((client.rename("a", "c"), client.rename("dir", "folder")), (OK, OK));
    assert!(!scratch.path("a").exists() && scratch.path("folder").is_dir());
    assert_eq!(client.status_extended("posix-rename@openssh.com", body().string("c").string("b")), OK);
    assert_eq!(fs::read(scratch.path("b")).unwrap(), b"a");
}

#[test]
fn links_have_their_arguments_in_openssh_order() {
    let scratch = Scratch::new();
    fs::write(scratch.path("target"), "t").unwrap();
    let mut client = client_in(&scratch.0);
    assert_eq!(client.status(20, body().string("target").string("link")), OK);
    assert_eq!(fs::read_link(scratch.path("link")).unwrap().as_os_str(), "target");
    assert_eq!(client.readlink("link").unwrap(), "target");
    assert_eq!(client.readlink("target"), Err(BAD_MESSAGE));
    assert_eq!(client.status(20, body().string("x").string("link")), FAILURE, "something is there");
    assert_eq!(client.lstat("link").unwrap().mode.unwrap() & 0o170_000, 0o120_000);
    assert_eq!(client.stat("link").unwrap().mode.unwrap() & 0o170_000, 0o100_000);
    assert_eq!(client.status_extended("hardlink@openssh.com", body().string("target").string("hard")), OK);
    assert_eq!(fs::metadata(scratch.path("hard")).unwrap().nlink(), 2);
}

#[test]
fn real_paths_and_expanded_paths() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("sub")).unwrap();
    std::os::unix::fs::symlink("sub", scratch.path("link")).unwrap();
    let here = scratch.0.to_str().unwrap().to_owned();
    let mut client = client_in(&scratch.0);
    assert_eq!(client.realpath("").unwrap(), here);
    assert_eq!(client.realpath("link/../new").unwrap(), format!("{here}/new"));
    assert_eq!(client.realpath("link/new").unwrap(), format!("{here}/sub/new"));
    assert_eq!(client.realpath("missing/new"), Err(NO_SUCH_FILE));
    let mut expand = |path: &str| client.ask_extended("expand-path@openssh.com", body().string(path));
    assert_eq!(expand("~").one_name().unwrap(), here, "the start directory, as with -d in theirs");
    assert_eq!(expand("~/link").one_name().unwrap(), format!("{here}/sub"));
    assert_eq!(expand("link").one_name().unwrap(), format!("{here}/sub"));
    assert_eq!(expand("~nobody-at-all/x"), Reply::Status { code: NO_SUCH_FILE, text: "no such user".into() });
    let mut home = |user: &str| client.ask_extended("home-directory", body().string(user)).one_name();
    assert_eq!(home("").as_deref(), Ok("/home/ann"));
    assert_eq!(home("bob").as_deref(), Ok("/home/bob"));
    assert_eq!(home("nobody-at-all"), Err(FAILURE));
}

#[test]
fn file_systems_and_limits_are_described() {
    let scratch = Scratch::new();
    fs::write(scratch.path("file"), "x").unwrap();
    let mut client = client_in(&scratch.0);
    let handle = client.open("file", open::READ).unwrap();
    let by_path = client.ask_extended("statvfs@openssh.com", body().string("file")).extended().unwrap();
    let by_handle = client.ask_extended("fstatvfs@openssh.com", body().string(&handle)).extended().unwrap();
    assert_eq!(by_path.len(), 88);
    assert_eq!(by_path[..24], by_handle[..24], "sizes of blocks and their number");
    let theirs = nix::sys::statvfs::statvfs(&scratch.0).unwrap();
    assert_eq!(by_path[..8], theirs.block_size().to_be_bytes());
    assert_eq!(by_path[80..], theirs.name_max().to_be_bytes());
    assert_eq!(client.status_extended("statvfs@openssh.com", body().string("missing")), NO_SUCH_FILE);
    let limits = client.ask_extended("limits@openssh.com", body()).extended().unwrap();
    let expected: Vec<u8> = [262_144u64, 261_120, 261_120, 1000].iter().flat_map(|limit| limit.to_be_bytes()).collect();
    assert_eq!(limits, expected);
}

#[test]
fn names_of_users_and_groups() {
    let scratch = Scratch::new();
    let mut client = client_in(&scratch.0);
    let ids = |ids: &[u32]| ids.iter().flat_map(|id| id.to_be_bytes()).collect::<Vec<u8>>();
    let answer = client
        .ask_extended("users-groups-by-id@openssh.com", body().string(ids(&[7, 4321])).string(ids(&[8])))
        .extended()
        .unwrap();
    let users = body().string("user7").string("").0;
    let groups = body().string("group8").0;
    assert_eq!(answer, body().string(users).string(groups).0);
    let odd = client.status_extended("users-groups-by-id@openssh.com", body().string([0, 0, 0]).string(""));
    assert_eq!(odd, BAD_MESSAGE);
    client.link.host.names_asked_for = 0;
    let everybody = ids(&(0..30_000).collect::<Vec<_>>());
    let too_many =
        client.status_extended("users-groups-by-id@openssh.com", body().string(&everybody).string(&everybody));
    assert_eq!((too_many, client.link.host.names_asked_for), (FAILURE, 0));
    let all = ids(&(10_000..14_096).collect::<Vec<_>>());
    assert!(client.ask_extended("users-groups-by-id@openssh.com", body().string(&all).string(&all)).extended().is_ok());
}

#[test]
fn lsetstat_changes_the_link_itself() {
    let scratch = Scratch::new();
    fs::write(scratch.path("file"), "x").unwrap();
    std::os::unix::fs::symlink("file", scratch.path("link")).unwrap();
    let mut client = client_in(&scratch.0);
    let mut set = |path: &str, wanted: Attributes| {
        client.status_extended("lsetstat@openssh.com", body().string(path).attributes(&wanted))
    };
    let times = Attributes { times: Some((1, 2)), ..Attributes::default() };
    assert_eq!(set("link", times), OK);
    assert_eq!(set("link", Attributes::mode(0o600)), FAILURE, "links have no mode");
    assert_eq!(set("link", Attributes { size: Some(0), ..Attributes::default() }), BAD_MESSAGE);
    assert_eq!(set("file", Attributes::mode(0o604)), OK);
    assert_eq!(set("missing", Attributes::mode(0o604)), NO_SUCH_FILE);
    assert_eq!(fs::symlink_metadata(scratch.path("link")).unwrap().mtime(), 2);
    let file = fs::metadata(scratch.path("file")).unwrap();
    assert!(file.mtime() > 2);
    assert_eq!(file.permissions().mode() & 0o777, 0o604);
}

#[test]
fn data_is_copied_on_the_server() {
    let scratch = Scratch::new();
    let bytes: Vec<u8> = (0..20_000_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(scratch.path("from"), &bytes).unwrap();
    let mut client = client_in(&scratch.0);
    let from = client.open("from", open::READ).unwrap();
    let to = client.open("to", open::READ | open::WRITE | open::CREATE).unwrap();
    let mut copy = |from: &[u8], offset: u64, length: u64, to: &[u8], at: u64| {
        client.status_extended("copy-data", body().string(from).u64(offset).u64(length).string(to).u64(at))
    };
    assert_eq!(copy(&from, 0, 0, &to, 0), OK, "in several turns");
    assert!(fs::read(scratch.path("to")).unwrap() == bytes);
    assert_eq!(copy(&from, 5, 10, &to, 20_000_000), OK);
    assert_eq!(fs::read(scratch.path("to")).unwrap()[20_000_000..], bytes[5..15]);
    assert_eq!(copy(&from, 19_999_999, 10, &to, 0), EOF, "less than was asked for");
    assert_eq!(copy(&from, 30_000_000, 0, &to, 0), OK, "nothing is left there");
    assert_eq!(copy(&from, 0, 0, b"12345678", 0), NO_SUCH_FILE);
    assert_eq!(copy(&from, u64::MAX, 0, &to, 0), BAD_MESSAGE);
    fs::hard_link(scratch.path("from"), scratch.path("also-from")).unwrap();
    let also = client.open("also-from", open::READ | open::WRITE).unwrap();
    let same = body().string(&from).u64(0).u64(0).string(&also).u64(20_000_000);
    assert_eq!(client.status_extended("copy-data", same), FAILURE, "one inode: it would never end");
}

#[test]
fn other_requests_wait_while_a_copy_is_under_way() {
    let scratch = Scratch::new();
    fs::File::create(scratch.path("from")).unwrap().set_len(64 << 20).unwrap();
    let mut client = client_in(&scratch.0);
    let from = client.open("from", open::READ).unwrap();
    let to = client.open("to", open::WRITE | open::CREATE).unwrap();
    let whole = body().string("copy-data").string(&from).u64(0).u64(0).string(&to).u64(0);
    let copy = client.send(200, whole);
    let stat = client.send(17, body().string("to"));
    assert_eq!(client.link.serve(1 << 16), Ok(sftp::Progress::Busy), "other channels get their turn");
    assert_eq!(client.receive(), (copy, Reply::Status { code: OK, text: "Success".into() }));
    let (id, described) = client.receive();
    assert_eq!((id, described.attributes().unwrap().size), (stat, Some(64 << 20)));
}

#[test]
fn synced_handles_only() {
    let scratch = Scratch::new();
    let mut client = client_in(&scratch.0);
    let file = client.open("file", open::WRITE | open::CREATE).unwrap();
    let directory = client.opendir(".").unwrap();
    assert_eq!(client.status_extended("fsync@openssh.com", body().string(&file)), OK);
    assert_eq!(client.status_extended("fsync@openssh.com", body().string(&directory)), NO_SUCH_FILE);
    assert_eq!(client.status_extended("fsync@openssh.com", body().string("nonsense")), NO_SUCH_FILE);
}

#[test]
fn handles_of_the_wrong_kind_are_refused() {
    let scratch = Scratch::new();
    let mut client = client_in(&scratch.0);
    let file = client.open("file", open::WRITE | open::CREATE).unwrap();
    let directory = client.opendir(".").unwrap();
    assert_eq!(client.read(&directory, 0, 1), Err(FAILURE));
    assert_eq!(client.write(&directory, 0, b"x"), FAILURE);
    assert_eq!(client.fstat(&directory), Err(FAILURE));
    assert_eq!(client.status(12, body().string(&file)), FAILURE);
    assert_eq!(client.status(12, body().string("")), FAILURE);
    assert_eq!((client.close(&directory), client.close(&file)), (OK, OK));
}

#[test]
fn unknown_requests_are_answered() {
    let scratch = Scratch::new();
    let mut client = client_in(&scratch.0);
    assert_eq!(client.status(99, body()), UNSUPPORTED);
    assert_eq!(client.status_extended("nothing@example.org", body()), UNSUPPORTED);
    assert_eq!(client.status(3, body().string("no flags")), BAD_MESSAGE);
    assert_eq!(client.status(13, body().string("a\0b")), BAD_MESSAGE);
    let names: Vec<String> = client.extensions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    assert_eq!(
        names,
        [
            "posix-rename@openssh.com 1",
            "statvfs@openssh.com 2",
            "fstatvfs@openssh.com 2",
            "hardlink@openssh.com 1",
            "fsync@openssh.com 1",
            "lsetstat@openssh.com 1",
            "limits@openssh.com 1",
            "expand-path@openssh.com 1",
            "copy-data 1",
            "home-directory 1",
            "users-groups-by-id@openssh.com 1",
        ]
    );
}

#[test]
fn texts_that_clients_show() {
    let scratch = Scratch::new();
    let mut client = client_in(&scratch.0);
    let mut said = |number, body| match client.ask(number, body) {
        Reply::Status { text, .. } => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(said(13, body().string("missing")), "No such file");
    assert_eq!(said(15, body().string(".")), "Bad message");
    assert_eq!(said(13, body().string(".")), "Failure");
    assert_eq!(said(99, body()), "Operation unsupported");
    assert_eq!(said(14, body().string("d").u32(0)), "Success");
}
