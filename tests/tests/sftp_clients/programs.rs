//! Programs: OpenSSH's `sftp` and `scp`, `psftp`, `lftp`, `rclone`, `curl`, `sshfs`.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use bulkhead_tests::{needs_program, needs_root, run, skipped, wait_until};

use crate::site::{MANY, Site, UNICODE, shell, text, well};

#[test]
fn openssh_sftp() {
    let site = Site::new();
    let (inbox, longest) = (site.inbox("").display().to_string(), Site::longest());
    let local = |name: &str| site.local(name);
    let batch = format!(
        "cd {inbox}\nput {data} up\nget up {back}\nreput {data} half\nreget half {half}\nput {data} \"{UNICODE}\"\n\
         get \"{UNICODE}\" {unicode}\nput {data} {longest}\nput {data} new\nrename new old\nsymlink up link\nls -1 many\n",
        data = local("data"),
        back = local("back"),
        half = local("half"),
        unicode = local("unicode"),
    );
    let listed = well(&site.server.sftp(&["-R", "64", "-B", "2048"], &batch)).matches("many/entry ").count();
    site.assert_there(&["up", "half", "old", UNICODE, &longest]);
    site.assert_back(&["back", "half", "unicode"]);
    site.assert_linked();
    assert_eq!(listed, MANY);
}

#[test]
fn openssh_scp() {
    let site = Site::new();
    let to = |name: &str| format!("{}:{}", site.server.login(), site.inbox(name).display());
    for (mode, name) in [("-s", "up"), ("-O", "old")] {
        well(&run(site.server.client("scp").arg(mode).arg(site.local("data")).arg(to(name))));
        well(&run(site.server.client("scp").arg(mode).arg(to(name)).arg(site.local(name))));
        site.assert_there(&[name]);
        site.assert_back(&[name]);
    }
    let refused = run(site
        .server
        .client("scp")
        .arg("-s")
        .arg(site.local("data"))
        .arg(format!("{}:/proc/x", site.server.login())));
    assert!(!refused.status.success(), "{}", text(&refused));
}

#[test]
fn psftp() {
    if !needs_program("psftp", "psftp") {
        return;
    }
    let site = Site::new();
    let longest = Site::longest();
    let batch = format!(
        "cd {inbox}\nput {data} up\nget up {back}\nreput {data} half\nreget half {half}\nput {data} {longest}\nmv up moved\n\
         put {data} up\nls many\nquit\n",
        inbox = site.inbox("").display(),
        data = site.local("data"),
        back = site.local("back"),
        half = site.local("half"),
    );
    let said = well(&site.server.psftp(&batch));
    site.assert_there(&["up", "moved", "half", &longest]);
    site.assert_back(&["back", "half"]);
    assert_eq!(said.matches("entry ").count(), MANY);
}

/// A connect program for clients that use OpenSSH's `ssh`.
fn ssh_command(site: &Site) -> String {
    format!("ssh -F none -a -x {}", site.server.client_options().join(" "))
}

#[test]
fn lftp() {
    if !needs_program("lftp", "lftp") {
        return;
    }
    let site = Site::new();
    let (longest, inbox) = (Site::longest(), site.inbox("").display().to_string());
    let script = format!(
        "set net:max-retries 1; set net:timeout 20; set sftp:connect-program '{ssh}'; set cmd:fail-exit yes;\n\
         open sftp://{user}:@127.0.0.1:{port}; cd {inbox};\n\
         put {data} -o up; get up -o {back}; put -c {data} -o half; get -c half -o {half};\n\
         put {data} -o {longest}; put {data} -o new; mv new moved; ln -s up link; cls -1 many;",
        ssh = ssh_command(&site),
        user = site.server.account.name,
        port = site.server.port,
        data = site.local("data"),
        back = site.local("back"),
        half = site.local("half"),
    );
    let home = site.server.scratch.path("");
    let output = run(Command::new("lftp").env("HOME", home).env("LC_ALL", "C.UTF-8").args(["--norc", "-c", &script]));
    assert_eq!(well(&output).matches("entry ").count(), MANY);
    site.assert_there(&["up", "moved", "half", &longest]);
    site.assert_back(&["back", "half"]);
    site.assert_linked();
    // A whole tree, links included.
    let tree = site.server.scratch.path("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join(UNICODE), "x").unwrap();
    std::os::unix::fs::symlink(UNICODE, tree.join("to it")).unwrap();
    let script = script.split("put ").next().unwrap().to_owned() + &format!("mirror -R {} tree;", tree.display());
    let home = site.server.scratch.path("");
    well(&run(Command::new("lftp").env("HOME", home).env("LC_ALL", "C.UTF-8").args(["--norc", "-c", &script])));
    assert_eq!(fs::read(site.inbox("tree").join(UNICODE)).unwrap(), b"x");
    assert_eq!(fs::read_link(site.inbox("tree/to it")).unwrap(), Path::new(UNICODE));
}

#[test]
fn rclone() {
    if !needs_program("rclone", "rclone") {
        return;
    }
    let site = Site::new();
    let longest = Site::longest();
    let rclone = |arguments: &[&str]| {
        let mut command = Command::new("rclone");
        command.env("HOME", site.server.scratch.path("")).env("RCLONE_CONFIG", "/dev/null");
        command.env("RCLONE_SFTP_HOST", "127.0.0.1").env("RCLONE_SFTP_PORT", site.server.port.to_string());
        command.env("RCLONE_SFTP_USER", &site.server.account.name).env("RCLONE_SFTP_KEY_FILE", site.local("login_key"));
        command.env("RCLONE_SFTP_DISABLE_HASHCHECK", "true").args(["--retries", "1"]).args(arguments);
        well(&run(&mut command))
    };
    let there = |name: &str| format!(":sftp:{}", site.inbox(name).display());
    for name in ["up", "old", UNICODE, &longest] {
        rclone(&["copyto", &site.local("data"), &there(name)]);
    }
    rclone(&["copyto", &there(UNICODE), &site.local("back")]);
    rclone(&["moveto", &there("up"), &there("half")]);
    site.assert_there(&["half", "old", UNICODE, &longest]);
    site.assert_back(&["back"]);
    assert_eq!(rclone(&["lsf", &there("many")]).matches("entry ").count(), MANY);
}

#[test]
fn curl() {
    if !needs_program("curl", "curl") || !text(&run(Command::new("curl").arg("-V"))).contains(" sftp ") {
        return skipped("curl", "curl has no sftp");
    }
    let site = Site::new();
    let (url, longest) =
        (format!("sftp://127.0.0.1:{}{}", site.server.port, site.inbox("").display()), Site::longest());
    let curl = |arguments: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["-q", "-sS", "--insecure", "--user", &format!("{}:", site.server.account.name), "--key"]);
        command.arg(site.local("login_key")).arg("--pubkey").arg(site.local("login_key.pub")).args(arguments);
        run(&mut command)
    };
    let data = site.local("data");
    for name in ["up", &longest, "na%C3%AFve"] {
        well(&curl(&["-T", &data, &format!("{url}{name}")]));
    }
    well(&curl(&["-o", &site.local("back"), &format!("{url}up")]));
    well(&curl(&["-C", "-", "-o", &site.local("half"), &format!("{url}up")]));
    fs::write(site.local("rest"), &site.data[40_000..]).unwrap();
    well(&curl(&["--append", "-T", &site.local("rest"), &format!("{url}half")]));
    let link = format!("symlink {} {}", site.inbox("up").display(), site.inbox("link").display());
    let rename = format!("rename {} {}", site.inbox("naïve").display(), site.inbox("moved").display());
    well(&curl(&["-I", "-Q", &link, "-Q", &rename, &format!("{url}up")]));
    site.assert_there(&["up", "half", "moved", &longest]);
    site.assert_back(&["back", "half"]);
    site.assert_linked();
    assert_eq!(well(&curl(&["--list-only", &format!("{url}many/")])).matches("entry ").count(), MANY);
    let refused = curl(&["-T", &data, &format!("sftp://127.0.0.1:{}/proc/x", site.server.port)]);
    assert!(!refused.status.success());
}

/// A mounted folder; let go of with its owner.
struct Mounted<'s>(&'s Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("fusermount3").arg("-uz").arg(self.0).status();
    }
}

#[test]
fn sshfs() {
    if !needs_root("sshfs") || !needs_program("sshfs", "sshfs") || !Path::new("/dev/fuse").exists() {
        return skipped("sshfs", "no sshfs or no /dev/fuse");
    }
    let site = Site::new();
    let folder = site.server.scratch.path("mounted");
    fs::create_dir(&folder).unwrap();
    let _mounted = Mounted(&folder);
    let remote = format!("{}:{}", site.server.login(), site.inbox("").display());
    let options = format!("ssh_command={}", ssh_command(&site));
    well(&run(Command::new("sshfs").arg(remote).arg(&folder).args([
        "-o",
        &options,
        "-p",
        &site.server.port.to_string(),
    ])));
    let here = |name: &str| folder.join(name);
    for name in ["up", UNICODE, &Site::longest(), "new"] {
        fs::write(here(name), &site.data).unwrap();
    }
    assert_eq!(fs::read(here("up")).unwrap(), site.data);
    let mut half = fs::OpenOptions::new().append(true).open(here("half")).unwrap();
    half.write_all(&site.data[40_000..]).unwrap();
    half.sync_all().unwrap();
    drop(half);
    fs::rename(here("new"), here("old")).unwrap();
    std::os::unix::fs::symlink("up", here("link")).unwrap();
    assert_eq!(fs::read_dir(here("many")).unwrap().count(), MANY);
    // Behind 4 GiB, with a hole before it.
    let far = fs::File::create(here("far")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&far, &site.data, 5 << 30).unwrap();
    drop(far);
    site.assert_there(&["up", UNICODE, &Site::longest(), "half", "old"]);
    site.assert_linked();
    let facts = fs::metadata(site.inbox("far")).unwrap();
    assert!(facts.len() == (5 << 30) + 150_000 && std::os::unix::fs::MetadataExt::blocks(&facts) < 1000, "{facts:?}");
    let back = shell(&format!("tail -c 150000 '{}' | cmp - '{}'", here("far").display(), site.local("data")));
    well(&back);
    let gone = fs::remove_file(here("far"));
    assert!(gone.is_ok() && !site.inbox("far").exists());
    wait_until("nothing of it is left", || !site.inbox("far").exists());
}
