//! SftpJail: SFTP below a directory that the user owns.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Output;

use bulkhead_tests::{Account, As, Server, has_python_module, needs_root, run};

/// A server whose logins are jailed in `files` in their home.
fn jailed(who: As, account: Account, sftp: &str) -> Server {
    let configuration = format!("ForceCommand internal-sftp {sftp}\n");
    Server::start_with_companion(who, account, &configuration, "SftpJail %h/files\n")
}

fn with_files() -> Account {
    let account = Account::create();
    account.home_file("files/inside", "inside", 0o644);
    account.home_file("secret", "secret", 0o644);
    account
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn the_jail_is_all_there_is_and_its_owner_works_in_it() {
    if !needs_root("the_jail_is_all_there_is_and_its_owner_works_in_it") {
        return;
    }
    for who in [As::Root, As::OrdinaryUser] {
        let server = jailed(who, with_files(), "");
        let local = server.scratch.file("local", "0123456789");
        let home = server.account.home.join("files");
        let batch = format!(
            "pwd\nls\nput {} a\nmkdir d\nrename a d/b\nln d/b hard\nsymlink d/b link\nchmod 640 d/b\nls -l link\n\
             get link {}\ndf\nrm hard\nput -p {} d/c\nput -f {} f\ncp f copy\nls -lan\nchmod -h 600 copy\nln -s f soft\n",
            local.display(),
            server.scratch.path("back").display(),
            local.display(),
            local.display()
        );
        let output = server.sftp(&[], &batch);
        let said = text(&output);
        assert!(output.status.success(), "{who:?}: {said}");
        assert!(said.contains("Remote working directory: /\n") && said.contains("inside"), "{who:?}: {said}");
        assert_eq!(fs::read(server.scratch.path("back")).unwrap(), b"0123456789");
        assert_eq!(fs::read(home.join("d/b")).unwrap(), b"0123456789");
        assert_eq!(fs::read_link(home.join("link")).unwrap(), Path::new("d/b"));
        assert!(!home.join("hard").exists() && home.join("d/c").exists());
        assert_eq!(fs::read(home.join("copy")).unwrap(), b"0123456789");
        assert!(!server.ssh(&[], "id").status.success(), "{who:?}");
        server.wait_for_log("internal-sftp is forced, so it may be kept in SftpJail");
    }
}

#[test]
fn nothing_leads_out() {
    if !needs_root("nothing_leads_out") {
        return;
    }
    let server = jailed(As::Root, with_files(), "");
    let (home, local) = (server.account.home.clone(), server.scratch.file("local", "replaced"));
    for (link, target) in
        [("absolute", home.as_path()), ("relative", Path::new("..")), ("proc", Path::new("/proc/self/root"))]
    {
        symlink(target, home.join("files").join(link)).unwrap();
    }
    let names = [
        "../secret".to_owned(),
        home.join("secret").display().to_string(),
        "absolute/secret".to_owned(),
        "relative/secret".to_owned(),
        format!("proc{}/secret", home.display()),
    ];
    let (local, stolen) = (local.display(), server.scratch.path("stolen"));
    for name in names {
        let stolen = stolen.display();
        let new = name.replace("secret", "new");
        for attempt in [
            format!("get {name} {stolen}"),
            format!("chmod 777 {name}"),
            format!("rename {name} taken"),
            format!("ln {name} linked"),
            format!("rm {name}"),
        ] {
            let output = server.sftp(&[], &format!("{attempt}\n"));
            assert!(!output.status.success(), "{attempt}: {}", text(&output));
        }
        // What seems to lead outside leads to the same name inside, or nowhere.
        let _ = server.sftp(&[], &format!("put {local} {new}\n"));
        let _ = server.sftp(&[], &format!("mkdir {new}\n"));
    }
    assert_eq!(fs::read(home.join("secret")).unwrap(), b"secret");
    assert!(!home.join("new").exists() && !stolen.exists());
    let shown = text(&server.sftp(&[], "cd relative\npwd\ncd /..\npwd\n"));
    assert_eq!(shown.matches("Remote working directory: /\n").count(), 2, "{shown}");
    let forwarded = server.ssh(&["-W", &format!("127.0.0.1:{}", server.port)], "");
    assert!(!forwarded.status.success() && !text(&forwarded).contains("SSH-2.0"), "{}", text(&forwarded));
}

#[test]
fn read_only_is_read_only() {
    if !needs_root("read_only_is_read_only") {
        return;
    }
    let server = jailed(As::Root, with_files(), "-R");
    let back = server.scratch.path("back");
    assert!(server.sftp(&[], &format!("get inside {}\n", back.display())).status.success());
    for attempt in ["rm inside", "mkdir d", "put /etc/hostname x", "chmod 600 inside", "rename inside x"] {
        let output = server.sftp(&[], &format!("{attempt}\n"));
        assert!(text(&output).contains("Permission denied"), "{attempt}: {}", text(&output));
    }
}

#[test]
fn a_jail_inside_a_chroot_and_a_start_directory_in_it() {
    if !needs_root("a_jail_inside_a_chroot_and_a_start_directory_in_it") {
        return;
    }
    let configuration = "Match all\n ChrootDirectory @SCRATCH@root\n ForceCommand internal-sftp -d /deep\n";
    let server = Server::start_with_companion(As::Root, Account::create(), configuration, "SftpJail /%u\n");
    let files = server.scratch.path("root").join(&server.account.name);
    fs::create_dir_all(files.join("deep")).unwrap();
    std::os::unix::fs::chown(&files, Some(server.account.uid), None).unwrap();
    let output = server.sftp(&[], "pwd\ncd ..\nmkdir mine\nls\n");
    let said = text(&output);
    assert!(output.status.success() && said.contains("Remote working directory: /deep\n"), "{said}");
    assert!(files.join("mine").is_dir());
}

#[test]
fn without_forced_sftp_there_is_no_login_and_no_good_configuration() {
    if !needs_root("without_forced_sftp_there_is_no_login_and_no_good_configuration") {
        return;
    }
    let account = with_files();
    // For this user another command is forced before; that no line can tell for sure.
    let configuration = format!(
        "Match User {}\n ForceCommand /bin/echo hello\nMatch User *\n ForceCommand internal-sftp\n",
        account.name
    );
    let server = Server::start_with_companion(As::Root, account, &configuration, "Match User *\n SftpJail %h/files\n");
    let output = server.ssh(&[], "x");
    assert!(!output.status.success() && !text(&output).contains("hello"), "{}", text(&output));
    assert!(text(&output).contains("cannot be used"), "{}", text(&output));
    server.wait_for_log("SftpJail does not hold: sshd_config does not force internal-sftp");
    let here = "Match User *\n SftpJail /no/such/%u\n";
    fs::write(server.scratch.path("bulkhead_config"), here).unwrap();
    let sshd = bulkhead_tests::binaries().join("sshd");
    let strict = run(std::process::Command::new(sshd)
        .arg("-t")
        .arg("--strict")
        .arg("-f")
        .arg(server.scratch.path("sshd_config")));
    assert!(text(&strict).contains("SftpJail /no/such: No such file or directory"), "{}", text(&strict));
    fs::write(server.scratch.path("bulkhead_config"), "Match Group x\n SftpJail /srv\n").unwrap();
    let tested = server.test_configuration();
    assert_eq!(tested.status.code(), Some(255), "{}", text(&tested));
    assert!(
        text(&tested).contains("bulkhead_config line 2: SftpJail: sshd_config does not force"),
        "{}",
        text(&tested)
    );
}

#[test]
fn a_jail_that_the_user_could_choose_is_refused() {
    if !needs_root("a_jail_that_the_user_could_choose_is_refused") {
        return;
    }
    let server = jailed(As::Root, with_files(), "");
    let home = &server.account.home;
    fs::rename(home.join("files"), home.join("moved")).unwrap();
    symlink("/etc", home.join("files")).unwrap();
    std::os::unix::fs::lchown(home.join("files"), Some(server.account.uid), None).unwrap();
    let output = server.sftp(&[], "ls\n");
    assert!(!output.status.success() && text(&output).contains("cannot be used"), "{}", text(&output));
    server.wait_for_log("the symbolic link files belongs to uid");
    fs::remove_file(home.join("files")).unwrap();
    assert!(!server.sftp(&[], "ls\n").status.success());
    server.wait_for_log("/files: No such file or directory");
    fs::rename(home.join("moved"), home.join("files")).unwrap();
    assert!(server.sftp(&[], "ls\n").status.success());
}

/// A kernel without openat2, or without Landlock, as far as the server and all its children can tell.
#[test]
fn a_kernel_that_cannot_hold_a_jail_serves_nobody() {
    if !needs_root("a_kernel_that_cannot_hold_a_jail_serves_nobody") {
        return;
    }
    for (call, said) in [
        (libc::SYS_openat2, "SftpJail: this needs openat2(2), which this kernel does not have"),
        (libc::SYS_landlock_create_ruleset, "SftpJail: this needs a kernel with Landlock"),
    ] {
        std::thread::spawn(move || {
            // The filter stays with this thread and what it starts.
            bulkhead_tests::without_system_call(call);
            let companion = "SandboxBestEffort yes\nSftpJail %h/files\n";
            let server =
                Server::start_with_companion(As::Root, with_files(), "ForceCommand internal-sftp\n", companion);
            let output = server.sftp(&[], "ls\n");
            assert!(!output.status.success() && text(&output).contains("cannot be used"), "{}", text(&output));
            server.wait_for_log(said);
        })
        .join()
        .unwrap();
    }
}

#[test]
fn other_homes_are_not_named() {
    let test = "other_homes_are_not_named";
    if !needs_root(test) || !has_python_module(test, "paramiko") {
        return;
    }
    let server = jailed(As::Root, with_files(), "");
    let script = r"
import sys, paramiko
from paramiko.sftp import CMD_EXTENDED, CMD_EXTENDED_REPLY, CMD_NAME
t = paramiko.Transport(('127.0.0.1', int(sys.argv[1])))
t.connect(username=sys.argv[2], pkey=paramiko.Ed25519Key.from_private_key_file(sys.argv[3]))
sftp = paramiko.SFTPClient.from_transport(t)
def name(*words):
    try:
        kind, message = sftp._request(CMD_EXTENDED, *words)
        message.get_int(); return message.get_text()
    except IOError as error:
        return str(error)
print(name('expand-path@openssh.com', '~'), name('home-directory', ''), name('home-directory', 'root'))
print(name('expand-path@openssh.com', '~root'))
t.close()
";
    let output = server.python(script);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "/ / Failure\n[Errno 2] no such user\n", "{output:?}");
}

/// What else the companion file can ask for works in a jail, under the calls that are left there.
#[test]
fn whole_uploads_and_their_sums_work_in_a_jail() {
    if !needs_root("whole_uploads_and_their_sums_work_in_a_jail") {
        return;
    }
    let companion = "SftpAtomicUploads yes\nSftpEventSpool @SCRATCH@spool\nSftpUploadSha256 yes\nSftpMaxOpenFiles 9\nSftpUploadRate 50M\n\
                     SftpJail %h/files\n";
    let server = Server::start_with_companion(As::Root, with_files(), "ForceCommand internal-sftp\n", companion);
    server.account.home_file("files/half", "01234", 0o644);
    fs::create_dir(server.scratch.path("spool")).unwrap();
    let local = server.scratch.file("local", "0123456789");
    let local = local.display();
    let output = server
        .sftp(&[], &format!("put {local} new\nput {local} inside\nreput {local} half\nput -f {local} d\nls -la\n"));
    assert!(output.status.success(), "{}", text(&output));
    let files = server.account.home.join("files");
    for name in ["new", "inside", "half", "d"] {
        assert_eq!(fs::read(files.join(name)).unwrap(), b"0123456789", "{name}");
    }
    assert_eq!(fs::read_dir(files).unwrap().count(), 4, "nothing temporary is left");
    assert!(!server.log().contains("sandbox violation"), "{}", server.log());
    let told: String = fs::read_dir(server.scratch.path("spool"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    // The sum of 0123456789, and the file by its name on this host.
    assert!(told.contains("84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"), "{told}");
    assert!(told.contains("/files"), "{told}");
}
