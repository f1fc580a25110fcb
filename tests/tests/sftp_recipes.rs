//! The recipes of docs/sftp-hosting.md, taken from there: what they allow works, what they do not allow is refused.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use bulkhead_tests::{Account, As, Server, needs_root, project, run, run_with_input};

/// A recipe on a running server, with names of this test in place of the document's.
struct Hosted {
    server: Server,
    bob: Account,
    groups: Vec<String>,
}

/// The text between the fences of one kind, in one chapter.
fn block<'a>(chapter: &'a str, kind: &str) -> Option<&'a str> {
    let (_, behind) = chapter.split_once(&format!("```{kind}\n"))?;
    Some(behind.split_once("```").expect("a fence ends").0)
}

impl Hosted {
    fn recipe(number: u32) -> Self {
        let document = fs::read_to_string(project().join("docs/sftp-hosting.md")).unwrap();
        let chapter = document.split("\n## ").find(|chapter| chapter.starts_with(&format!("{number}. "))).unwrap();
        let (alice, bob) = (Account::create(), Account::create());
        let commands = block(chapter, "sh").expect("commands");
        let documented = commands.lines().filter_map(|line| line.strip_prefix("groupadd "));
        let names: Vec<(String, String)> = documented
            .enumerate()
            .map(|(place, group)| (group.to_owned(), format!("{}g{place}", alice.name)))
            .collect();
        let with_names = |text: &str| {
            let text =
                text.replace("alice", &alice.name).replace("bob", &bob.name).replace("192.0.2.0/24", "127.0.0.2");
            names.iter().fold(text, |text, (documented, real)| text.replace(documented.as_str(), real))
        };
        let here = |text: &str| with_names(text).replace("/srv/sftp", "@SCRATCH@srv");
        let configuration = here(block(chapter, "sshd_config").expect("a configuration"));
        let companion = block(chapter, "bulkhead_config").map(here).unwrap_or_default();
        let commands = with_names(commands);
        let server = Server::start_with_companion(As::Root, alice, &configuration, &companion);
        let commands = commands.replace("/srv/sftp", &server.scratch.path("srv").display().to_string());
        let prepared = run(Command::new("flock").args(["/run/lock/bulkhead-tests-accounts", "sh", "-euc", &commands]));
        assert!(prepared.status.success(), "{commands}\n{prepared:?}");
        let tested = server.test_configuration();
        assert!(tested.status.success() && !text(&tested).contains("warning"), "{}", text(&tested));
        Self { server, bob, groups: names.into_iter().map(|(_, real)| real).collect() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.server.scratch.path("srv").join(name)
    }

    fn alice(&self) -> &str {
        &self.server.account.name
    }

    fn sftp(&self, user: &str, options: &[&str], batch: &str) -> Output {
        let mut command = self.server.client("sftp");
        command.args(options).args(["-b", "-"]).arg(format!("{user}@127.0.0.1"));
        run_with_input(&mut command, batch.as_bytes())
    }

    #[track_caller]
    fn works(&self, user: &str, batch: &str) -> String {
        let output = self.sftp(user, &[], batch);
        assert!(output.status.success(), "{batch}: {}", text(&output));
        text(&output)
    }

    #[track_caller]
    fn refused(&self, user: &str, command: &str, why: &str) {
        let output = self.sftp(user, &[], &format!("{command}\n"));
        assert!(!output.status.success() && text(&output).contains(why), "{command}: {}", text(&output));
    }

    /// A file to upload.
    fn local(&self, content: &str) -> String {
        self.server.scratch.file("local", content).display().to_string()
    }

    #[track_caller]
    fn has_no_commands(&self, user: &str) {
        let ssh = |arguments: &[&str]| run(self.server.client("ssh").arg(format!("{user}@127.0.0.1")).args(arguments));
        for arguments in [&["id"][..], &[]] {
            let output = ssh(arguments);
            assert!(!output.status.success(), "{}", text(&output));
            assert_eq!(text(&output), "This service allows sftp connections only.\n");
        }
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        for group in &self.groups {
            let _ = Command::new("flock").args(["/run/lock/bulkhead-tests-accounts", "groupdel", "-f", group]).status();
        }
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).replace('\r', "")
}

#[test]
fn a_root_of_their_own_for_every_customer() {
    if !needs_root("a_root_of_their_own_for_every_customer") {
        return;
    }
    let hosted = Hosted::recipe(1);
    let alice = hosted.alice();
    let local = hosted.local("0123456789");
    let said = hosted.works(alice, &format!("pwd\nput {local} up\nls -l\ncd /\nls\n"));
    assert!(said.contains("Remote working directory: /files"), "{said}");
    assert!(said.contains(alice), "names, though the root has no /etc/passwd: {said}");
    assert_eq!(fs::read(hosted.path(&format!("{alice}/files/up"))).unwrap(), b"0123456789");
    hosted.refused(alice, &format!("put {local} /up"), "Permission denied");
    hosted.refused(alice, "ls /../../etc", "not found");
    hosted.refused(alice, "get /etc/passwd", "not found");
    hosted.refused(alice, "rmdir /files", "Permission denied");
    hosted.has_no_commands(alice);
    hosted.server.wait_for_log(&format!("Changed root directory to \"{}\"", hosted.path(alice).display()));
}

#[test]
fn one_tree_for_all() {
    if !needs_root("one_tree_for_all") {
        return;
    }
    let hosted = Hosted::recipe(2);
    let (alice, bob) = (hosted.alice(), &hosted.bob.name);
    let local = hosted.local("of alice");
    assert!(hosted.works(alice, &format!("pwd\nput {local} up\n")).contains(&format!("directory: /{alice}\n")));
    assert!(hosted.works(bob, "pwd\n").contains(&format!("directory: /{bob}\n")));
    assert!(hosted.works(bob, "ls /\n").contains(alice));
    hosted.refused(bob, &format!("ls /{alice}"), "Permission denied");
    hosted.refused(bob, &format!("get /{alice}/up"), "not found");
    hosted.refused(bob, &format!("put {local} /{alice}/up"), "Permission denied");
    hosted.has_no_commands(bob);
}

#[test]
fn a_tree_that_a_group_shares() {
    if !needs_root("a_tree_that_a_group_shares") {
        return;
    }
    let hosted = Hosted::recipe(3);
    let (alice, bob) = (hosted.alice(), &hosted.bob.name);
    let local = hosted.local("begun by alice");
    fs::set_permissions(&local, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    hosted.works(alice, &format!("put {local} draft\nmkdir chapters\nput {local} chapters/one\n"));
    let found = |name: &str| {
        let facts =
            fs::metadata(hosted.path(&format!("project/{name}").replace("project", &hosted.groups[0]))).unwrap();
        (facts.mode() & 0o7777, facts.gid())
    };
    let group = nix::unistd::Group::from_name(&hosted.groups[0]).unwrap().unwrap().gid.as_raw();
    assert_eq!(
        [found("draft"), found("chapters"), found("chapters/one")],
        [(0o660, group), (0o2770, group), (0o660, group)]
    );
    hosted.local("finished by bob");
    hosted
        .works(bob, &format!("put {local} draft\nrename chapters/one chapters/two\nrm chapters/two\nrmdir chapters\n"));
    assert_eq!(fs::read(hosted.path(&hosted.groups[0]).join("draft")).unwrap(), b"finished by bob");
    hosted.refused(alice, "mkdir /elsewhere", "Permission denied");
    hosted.has_no_commands(alice);
}

#[test]
fn an_archive_to_read_and_staff_who_fill_it() {
    if !needs_root("an_archive_to_read_and_staff_who_fill_it") {
        return;
    }
    let hosted = Hosted::recipe(4);
    let (alice, bob) = (hosted.alice(), &hosted.bob.name);
    let local = hosted.local("a document");
    let said = hosted.works(bob, &format!("pwd\nput {local} document\n"));
    assert!(said.contains("/archive\n"), "{said}");
    assert_eq!(fs::metadata(hosted.path("archive/document")).unwrap().mode() & 0o777, 0o640);
    let back = hosted.server.scratch.path("back");
    hosted.works(alice, &format!("get /archive/document {}\n", back.display()));
    assert_eq!(fs::read(back).unwrap(), b"a document");
    for attempt in ["rm /archive/document", "mkdir /x", "chmod 600 /archive/document", &format!("put {local} /x")] {
        hosted.refused(alice, attempt, "Permission denied");
    }
    hosted.has_no_commands(alice);
    let shell = run(hosted.server.client("ssh").arg(format!("{bob}@127.0.0.1")).arg("echo a shell"));
    assert_eq!(text(&shell), "a shell\n");
}

#[test]
fn uploads_from_known_addresses() {
    if !needs_root("uploads_from_known_addresses") {
        return;
    }
    let hosted = Hosted::recipe(5);
    let alice = hosted.alice();
    let local = hosted.local("0123456789");
    let known = ["-o", "BindAddress=127.0.0.2"];
    let upload = hosted.sftp(alice, &known, &format!("put {local} up\n"));
    assert!(upload.status.success(), "{}", text(&upload));
    let away = hosted.sftp(alice, &known, "ls /etc\n");
    assert!(!away.status.success(), "the root holds from there, too: {}", text(&away));
    let back = hosted.server.scratch.path("back");
    hosted.works(alice, &format!("pwd\nget up {}\n", back.display()));
    assert_eq!(fs::read(back).unwrap(), b"0123456789");
    hosted.refused(alice, &format!("put {local} again"), "Permission denied");
    hosted.refused(alice, "rm up", "Permission denied");
    hosted.has_no_commands(alice);
}

#[test]
fn a_directory_that_the_customer_owns() {
    if !needs_root("a_directory_that_the_customer_owns") {
        return;
    }
    let hosted = Hosted::recipe(6);
    let alice = hosted.alice();
    let local = hosted.local("0123456789");
    let said =
        hosted.works(alice, &format!("pwd\nput {local} /up\nmkdir /d\nsymlink /up d/link\nget d/link {local}\n"));
    assert!(said.contains("Remote working directory: /\n"), "{said}");
    assert_eq!(fs::read(hosted.path(alice).join("up")).unwrap(), b"0123456789");
    hosted.refused(alice, "get /etc/passwd", "not found");
    hosted.refused(alice, "ls ../../etc", "not found");
    hosted.works(alice, "symlink /etc/passwd out\n");
    hosted.refused(alice, "get out", "No such file");
    hosted.has_no_commands(alice);
    // Who is not in the group is not jailed.
    assert!(hosted.works(&hosted.bob.name, "pwd\n").contains(&hosted.bob.home.display().to_string()));
}
