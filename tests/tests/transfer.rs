//! Files over `sftp`, `scp` and `rsync`, and rekeying while they are under way.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use bulkhead_tests::{Server, run};

fn checksum(path: &Path) -> String {
    let output = run(Command::new("sha256sum").arg(path));
    String::from_utf8_lossy(&output.stdout).split_whitespace().next().unwrap_or_default().to_owned()
}

fn tree_checksum(folder: &Path) -> String {
    let script = "cd \"$1\" && find . -type f | sort | xargs sha256sum | sha256sum";
    let output = run(Command::new("sh").args(["-c", script, "sh"]).arg(folder));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Bytes that do not compress and do not repeat.
fn noise(path: &Path, megabytes: usize) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut file = std::io::BufWriter::new(fs::File::create(path).unwrap());
    for _ in 0..megabytes << 17 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        file.write_all(&state.to_le_bytes()).unwrap();
    }
}

/// A folder on the server's side that the account can write.
fn inbox(server: &Server) -> std::path::PathBuf {
    let folder = server.scratch.path("inbox");
    fs::create_dir_all(&folder).unwrap();
    if nix::unistd::Uid::effective().is_root() {
        std::os::unix::fs::chown(&folder, Some(server.account.uid), Some(server.account.gid)).unwrap();
    }
    folder
}

#[test]
fn a_large_file_survives_the_round_trip() {
    let server = Server::any("");
    let inbox = inbox(&server);
    let original = server.scratch.path("original");
    noise(&original, 1024);
    let sum = checksum(&original);
    let there = inbox.join("there");
    let back = server.scratch.path("back");
    let batch = format!("put {} {}\nget {} {}\n", original.display(), there.display(), there.display(), back.display());
    let output = server.sftp(&[], &batch);
    assert!(output.status.success(), "{output:?}");
    assert_eq!((checksum(&there), checksum(&back)), (sum.clone(), sum));
}

#[test]
fn two_thousand_small_files_survive_the_round_trip() {
    let server = Server::any("");
    let inbox = inbox(&server);
    let original = server.scratch.path("tree");
    for folder in 0..20 {
        let folder = original.join(format!("folder {folder}"));
        fs::create_dir_all(&folder).unwrap();
        for file in 0..100 {
            fs::write(folder.join(format!("ä file {file}")), vec![file as u8; file * 83]).unwrap();
        }
    }
    let sum = tree_checksum(&original);
    for (program, option) in [("scp", "-rq"), ("scp", "-rqO")] {
        let there = inbox.join(format!("by{option}"));
        let back = server.scratch.path(format!("back{option}"));
        let remote = format!("{}:{}", server.login(), there.display());
        let sent = run(server.client(program).arg(option).arg(&original).arg(&remote));
        assert!(sent.status.success(), "{option}: {sent:?}");
        let fetched = run(server.client(program).arg(option).arg(&remote).arg(&back));
        assert!(fetched.status.success(), "{option}: {fetched:?}");
        assert_eq!((tree_checksum(&there), tree_checksum(&back)), (sum.clone(), sum.clone()), "{option}");
    }
}

#[test]
fn sftp_does_what_people_do_with_it() {
    let server = Server::any("");
    let inbox = inbox(&server);
    let local = server.scratch.file("local", "0123456789");
    let path = inbox.display();
    let batch = format!(
        "cd {path}\nput {} a\nmkdir d\nrename a d/b\nsymlink b d/link\nln d/b d/hard\nls -la d\nchmod 600 d/b\ndf {path}\n",
        local.display()
    );
    let output = server.sftp(&[], &batch);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fs::read(inbox.join("d/b")).unwrap(), b"0123456789");
    assert_eq!(fs::read_link(inbox.join("d/link")).unwrap(), Path::new("b"));
    let listing = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(listing.contains(&server.account.name), "names instead of numbers: {listing}");
    // Resume in both directions.
    fs::write(inbox.join("part"), "01234").unwrap();
    if nix::unistd::Uid::effective().is_root() {
        std::os::unix::fs::chown(inbox.join("part"), Some(server.account.uid), None).unwrap();
    }
    let part = server.scratch.file("part-here", "0123");
    let batch = format!(
        "reput {} {path}/part\nreget {path}/d/b {}\nrm {path}/d/hard\nrm {path}/d/link\nrm {path}/d/b\nrmdir {path}/d\n",
        local.display(),
        part.display()
    );
    let output = server.sftp(&[], &batch);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fs::read(inbox.join("part")).unwrap(), b"0123456789");
    assert_eq!(fs::read(part).unwrap(), b"0123456789");
    assert!(!inbox.join("d").exists());
    let refused = server.sftp(&[], "put /etc/hostname /proc/no\n");
    assert!(!refused.status.success(), "{refused:?}");
}

#[test]
fn the_external_sftp_server_does_it_too() {
    let server = bulkhead_tests::binaries().join("sftp-server");
    let server = Server::any(&format!("Subsystem sftp {}", server.display()));
    let inbox = inbox(&server);
    let local = server.scratch.file("local", "0123456789");
    let output =
        server.sftp(&[], &format!("put {} {}/x\nls -l {}\n", local.display(), inbox.display(), inbox.display()));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fs::read(inbox.join("x")).unwrap(), b"0123456789");
}

#[test]
fn keys_are_renewed_while_data_flows_both_ways() {
    let server = Server::any("");
    let original = server.scratch.path("original");
    // A client needs up to 0.1 s of its own for each key exchange, and there are 64 to the megabyte with the second.
    for (limit, megabytes) in [("RekeyLimit=1M", 24), ("RekeyLimit=16K", 1)] {
        noise(&original, megabytes);
        let script = format!(
            "ssh -F none {} -o {limit} {} cat < {} | cmp - {}",
            server.client_options().join(" "),
            server.login(),
            original.display(),
            original.display()
        );
        let output = run(Command::new("sh").args(["-c", &script]));
        assert!(output.status.success(), "{limit}: {output:?}");
    }
}

#[test]
fn the_server_renews_keys_too() {
    let server = Server::any("RekeyLimit 1M");
    let original = server.scratch.path("original");
    noise(&original, 24);
    for cipher in ["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr"] {
        let script = format!(
            "ssh -F none {} -v -o LogLevel=DEBUG1 -c {cipher} {} cat < {} 2>{} | cmp - {}",
            server.client_options().join(" "),
            server.login(),
            original.display(),
            server.scratch.path("client.log").display(),
            original.display()
        );
        let output = run(Command::new("bash").args(["-o", "pipefail", "-c", &script]));
        let log = fs::read_to_string(server.scratch.path("client.log")).unwrap();
        assert!(output.status.success(), "{cipher}: {output:?}\n{log}");
        let renewals = log.matches("SSH2_MSG_NEWKEYS sent").count();
        assert!(renewals > 5, "{cipher}: only {renewals} key exchanges\n{log}");
    }
}

#[test]
fn rsync_runs_over_it() {
    if !bulkhead_tests::needs_program("rsync_runs_over_it", "rsync") {
        return;
    }
    let server = Server::any("");
    let inbox = inbox(&server);
    let original = server.scratch.path("original");
    noise(&original, 8);
    let shell = format!("ssh -F none {}", server.client_options().join(" "));
    let remote = format!("{}:{}/copy", server.login(), inbox.display());
    let output = run(Command::new("rsync").args(["-e", &shell]).arg(&original).arg(&remote));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(checksum(&inbox.join("copy")), checksum(&original));
    // Back, where most of it is there already.
    let back = server.scratch.path("back");
    let mut older = fs::read(&original).unwrap();
    older.truncate(7 << 20);
    older[1000] ^= 1;
    fs::write(&back, older).unwrap();
    let output = run(Command::new("rsync").args(["--stats", "-e", &shell]).arg(&remote).arg(&back));
    let shown = String::from_utf8_lossy(&output.stdout).replace(',', "");
    let received = shown.lines().find_map(|line| line.strip_prefix("Total bytes received: ")?.parse::<u64>().ok());
    assert!(output.status.success() && received.is_some_and(|bytes| bytes < 2 << 20), "{output:?}");
    assert_eq!(checksum(&back), checksum(&original));
}
