//! SFTP for accounts that are confined to a directory: what goes wrong is said to whom it concerns.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use bulkhead_tests::{
    Account, As, Server, has_python_module, needs_program, needs_root, run, run_with_input, wait_until,
};

/// A server whose logins are confined to `jail` in its scratch folder, which has this mode.
fn confined(mode: u32) -> Server {
    let server = Server::as_root("Match all\n ChrootDirectory @SCRATCH@jail\n ForceCommand internal-sftp\n");
    let jail = server.scratch.path("jail");
    fs::create_dir(&jail).unwrap();
    fs::set_permissions(&jail, fs::Permissions::from_mode(mode)).unwrap();
    server
}

#[test]
fn a_bad_chroot_is_explained_to_the_client_and_to_the_log() {
    if !needs_root("a_bad_chroot_is_explained_to_the_client_and_to_the_log") {
        return;
    }
    let server = confined(0o775);
    let output = server.sftp(&[], "pwd\n");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(told.contains("the directory that you are to be confined to cannot be used"), "{told}");
    assert!(!told.contains("jail"), "how the server is laid out is not for clients: {told}");
    let jail = server.scratch.path("jail").display().to_string();
    let line = server.wait_for_log("belongs to root (uid 0) and has mode 0775");
    assert!(line.ends_with(&format!(": chmod go-w {jail}")), "{line}");
    server.wait_for_log(&format!("bad ownership or modes for chroot directory \"{jail}\""));
    // The command of the log repairs it.
    let command = line.split_once("0775: ").expect("a command").1;
    assert!(run(std::process::Command::new("sh").args(["-c", command])).status.success());
    let output = server.sftp(&[], "pwd\n");
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("Remote working directory: /"), "{output:?}");
}

#[test]
fn psftp_shows_it_too_and_a_missing_root_is_as_readable() {
    let name = "psftp_shows_it_too_and_a_missing_root_is_as_readable";
    if !needs_root(name) || !needs_program(name, "psftp") {
        return;
    }
    let server = confined(0o775);
    fs::remove_dir(server.scratch.path("jail")).unwrap();
    let output = server.psftp("pwd\n");
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(told.contains("the directory that you are to be confined to cannot be used"), "{told}");
    server.wait_for_log("safely_chroot: stat(");
    let line = server.wait_for_log("is not there");
    let command = line.split_once("is not there: ").expect("a command").1;
    assert!(run(std::process::Command::new("sh").args(["-c", command])).status.success(), "{command}");
    assert!(server.sftp(&[], "pwd\n").status.success());
}

#[test]
fn wrong_options_of_internal_sftp_are_told_to_the_administrator() {
    let server = Server::any("ForceCommand internal-sftp -R -u 999\n");
    assert!(!server.sftp(&[], "pwd\n").status.success());
    server.wait_for_log("internal-sftp: Invalid umask \"999\"");
    server.configure("ForceCommand internal-sftp -R -u 077\n");
    server.signal(nix::sys::signal::Signal::SIGHUP);
    wait_until("the good configuration is in force", || server.sftp(&[], "pwd\n").status.success());
}

/// `LogLevel` is not for `internal-sftp`, nor `-l` for the rest.
#[test]
fn internal_sftp_has_a_log_level_of_its_own() {
    let server = Server::any("Subsystem sftp internal-sftp -l VERBOSE\nMatch all\n LogLevel ERROR\n");
    assert!(server.sftp(&[], "pwd\n").status.success());
    server.wait_for_log("session closed for local user");
    let log = server.log();
    assert!(log.contains("realpath \".\"") && !log.contains("Accepted publickey"), "{log}");
    let server = Server::any("Subsystem sftp internal-sftp\n");
    assert!(server.sftp(&[], "pwd\n").status.success());
    server.wait_for_log("Close session: user");
    let log = server.log();
    assert!(log.contains("Accepted publickey") && !log.contains("realpath") && !log.contains("local user"), "{log}");
}

/// A world of a customer: `jail` is root's, `jail/files` the account's; outside lies what others must not get.
fn customer() -> Server {
    let configuration = "Match all\n ChrootDirectory @SCRATCH@jail\n ForceCommand internal-sftp -d /files/start\n";
    let server = Server::start(As::Root, Account::create(), configuration);
    let jail = server.scratch.path("jail");
    fs::create_dir_all(jail.join("files/start")).unwrap();
    fs::create_dir(server.scratch.path("outside")).unwrap();
    fs::write(server.scratch.path("outside/secret"), "secret").unwrap();
    for path in [jail.join("files"), jail.join("files/start"), server.scratch.path("outside")] {
        std::os::unix::fs::chown(path, Some(server.account.uid), Some(server.account.gid)).unwrap();
    }
    server
}

#[test]
fn no_name_link_or_node_leads_out_of_a_chroot() {
    if !needs_root("no_name_link_or_node_leads_out_of_a_chroot") {
        return;
    }
    let server = customer();
    let (files, outside) = (server.scratch.path("jail/files"), server.scratch.path("outside"));
    let outside = outside.display();
    symlink(format!("{outside}/secret"), files.join("absolute")).unwrap();
    symlink("../../outside/secret", files.join("relative")).unwrap();
    symlink("/proc/self/root", files.join("proc")).unwrap();
    for name in [
        format!("{outside}/secret"),
        "/../outside/secret".to_owned(),
        "../../../outside/secret".to_owned(),
        "/files/absolute".to_owned(),
        "/files/relative".to_owned(),
        format!("/files/proc{outside}/secret"),
        "/proc/self/mem".to_owned(),
        "/dev/null".to_owned(),
    ] {
        let stolen = server.scratch.path("stolen");
        for attempt in
            [format!("get {name} {}", stolen.display()), format!("ln {name} /files/linked"), format!("rm {name}x")]
        {
            assert!(!server.sftp(&[], &format!("{attempt}\n")).status.success(), "{attempt}");
        }
        assert!(!stolen.exists(), "{name}");
    }
    assert_eq!(fs::read(server.scratch.path("outside/secret")).unwrap(), b"secret");
}

/// Somebody with a process outside moves the directory that the session stands in out of its root: `..` leads on from
/// there, to the real root, as far as the kernel's root directory is concerned.
#[test]
fn a_directory_that_is_moved_out_of_a_chroot_takes_nobody_with_it() {
    let test = "a_directory_that_is_moved_out_of_a_chroot_takes_nobody_with_it";
    if !needs_root(test) || !has_python_module(test, "paramiko") {
        return;
    }
    let server = customer();
    let script = r"
import sys, os, paramiko
port, user, key, scratch = int(sys.argv[1]), *sys.argv[2:5]
t = paramiko.Transport(('127.0.0.1', port)); t.connect(username=user, pkey=paramiko.Ed25519Key.from_private_key_file(key))
sftp = paramiko.SFTPClient.from_transport(t)
sftp.open('inside', 'w').close()
os.rename(scratch + 'jail/files/start', scratch + 'outside/start')
reached = []
for name in ['../secret', '../../../../../etc/passwd', 'inside']:
    for mode in ['r', 'w', 'a', 'r+']:
        try: sftp.open(name, mode); reached.append((name, mode))
        except IOError: pass
for what, call in [('list', lambda: sftp.listdir('..')), ('mkdir', lambda: sftp.mkdir('../new')),
                   ('remove', lambda: sftp.remove('../secret')), ('rename', lambda: sftp.rename('../secret', '/files/stolen'))]:
    try: call(); reached.append(what)
    except IOError: pass
print(reached)
os.rename(scratch + 'outside/start', scratch + 'jail/files/start')
sftp.open('inside', 'r').close()
t.close()
";
    let output = server.python(script);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "[]\n", "{output:?}");
    assert_eq!(fs::read(server.scratch.path("outside/secret")).unwrap(), b"secret");
}

#[test]
fn the_memory_of_the_process_that_serves_is_no_file() {
    let server = Server::any("");
    for attempt in ["put /etc/hostname /proc/self/mem", "get /proc/self/mem /dev/null"] {
        let output = server.sftp(&[], &format!("{attempt}\n"));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains("ermission denied"), "{attempt}: {told}");
    }
}

/// A setuid program in a directory that its user prepared (CVE-2009-2904): nothing of it is ever executed.
#[test]
fn nothing_in_a_jail_is_executed() {
    if !needs_root("nothing_in_a_jail_is_executed") {
        return;
    }
    let configuration = "ForceCommand internal-sftp\n";
    let server = Server::start_with_companion(As::Root, Account::create(), configuration, "SftpJail %h\n");
    let program = server.account.home.join("program");
    fs::copy("/usr/bin/touch", &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    let trace = server.account.home.join("trace");
    for command in [format!("{} {}", program.display(), trace.display()), "/program /trace".to_owned()] {
        let output = server.ssh(&[], &command);
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), "This service allows sftp connections only.");
    }
    let shell = run_with_input(server.client("ssh").arg(server.login()), b"/program /trace\n");
    assert!(!shell.status.success() && !trace.exists(), "{shell:?}");
}

/// What a dry run says is what a login gets.
#[test]
fn the_dry_run_shows_every_component_and_the_jail() {
    if !needs_root("the_dry_run_shows_every_component_and_the_jail") {
        return;
    }
    let server = confined(0o775);
    let jail = server.scratch.path("jail");
    let explain = || {
        let question = format!("user={},addr=127.0.0.1", server.account.name);
        let sshd = bulkhead_tests::binaries().join("sshd");
        let config = server.scratch.path("sshd_config");
        let output = run(std::process::Command::new(sshd).arg("-f").arg(config).args(["--explain", &question]));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let told = explain();
    assert!(told.contains(&format!("bad ownership or modes for chroot directory \"{}\"", jail.display())), "{told}");
    assert!(told.contains(&format!("and has mode 0775: chmod go-w {}", jail.display())), "{told}");
    fs::set_permissions(&jail, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(server.scratch.path("bulkhead_config"), "Match all\n SftpJail /files\n").unwrap();
    assert!(explain().contains("SftpJail: /files: No such file or directory"), "{}", explain());
    fs::create_dir(jail.join("files")).unwrap();
    let told = explain();
    assert!(told.contains("/files can be opened") && told.contains("are root's alone"), "{told}");
}
