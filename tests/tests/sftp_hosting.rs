//! SFTP for accounts that are confined to a directory: what goes wrong is said to whom it concerns.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use bulkhead_tests::{Server, needs_program, needs_root, run};

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
}
