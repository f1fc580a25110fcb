//! `-i` and `-d`: one connection, which somebody else has accepted or which is the first to come.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Output, Stdio};

use bulkhead_tests::{Account, PATIENCE, binaries, make_key, public_half, wait_until};
use common::{Foreground, Site, connect, run};
use nix::unistd::Uid;

/// A site with a login key, and the account that it belongs to.
fn site_with_login() -> (Site, Account) {
    let (site, account) = (Site::new(), Account::own());
    let key = make_key(&site.scratch, "login_key", &["-t", "ed25519"]);
    site.scratch.file("authorized_keys", public_half(&key));
    let authorized_keys = site.path("authorized_keys");
    site.configure(&format!("AuthorizedKeysFile {}\nLogLevel VERBOSE", authorized_keys.display()));
    (site, account)
}

/// Logs in through `sshd -i` as a ProxyCommand; ssh gives it two pipes or a pair of sockets that have no address.
fn log_in_through(arguments: &str, site: &Site, account: &Account) -> Output {
    let (sshd, configuration) = (binaries().join("sshd"), site.path("sshd_config"));
    let proxy = format!("cat | {} -i {arguments} -f {} | cat", sshd.display(), configuration.display());
    Command::new("ssh")
        .args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"])
        .args(["-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"])
        .args(["-o", &format!("ProxyCommand={proxy}"), "-i"])
        .arg(site.path("login_key"))
        .arg(format!("{}@nowhere", account.name))
        .arg("echo \"$SSH_CONNECTION\"; exit 7")
        .output()
        .unwrap()
}

#[test]
fn a_client_can_start_it_as_its_proxy_command() {
    let (site, account) = site_with_login();
    let log = site.path("log");
    let output = log_in_through(&format!("-E {}", log.display()), &site, &account);
    let said = fs::read_to_string(&log).unwrap_or_default();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("Environment:"), "{output:?}");
    assert_eq!(output.status.code(), Some(7), "{output:?}\n{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "UNKNOWN 65535 UNKNOWN 65535\n");
    assert!(said.contains("Connection from UNKNOWN port 65535 on UNKNOWN port 65535"), "{said}");
    assert!(said.contains(&format!("Accepted publickey for {} from UNKNOWN port 65535 ssh2", account.name)), "{said}");
}

/// Without `-d` standard error may be the client's connection, and the log goes elsewhere.
#[test]
fn what_inetd_starts_to_debug_tells_the_course_of_a_login_on_standard_error() {
    let (site, account) = site_with_login();
    let output = log_in_through("-d", &site, &account);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("debug1: SSH2_MSG_KEXINIT sent [preauth]"), "{said}");
    assert!(said.contains(&format!("Accepted publickey for {} from UNKNOWN port 65535 ssh2", account.name)), "{said}");
}

/// A client of this site, with the port where somebody serves it.
fn client(site: &Site, account: &Account, port: u16) -> Command {
    let mut client = Command::new("ssh");
    client.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"]);
    client.args(["-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]);
    client.args(["-p", &port.to_string(), "-i"]).arg(site.path("login_key")).stdin(Stdio::null());
    client.arg(format!("{}@127.0.0.1", account.name));
    client
}

#[test]
fn an_inetd_starts_one_for_each_connection() {
    if !bulkhead_tests::needs_program("an_inetd_starts_one_for_each_connection", "systemd-socket-activate") {
        return;
    }
    let (site, account) = site_with_login();
    let (port, log) = (common::free_port(), site.path("log").display().to_string());
    let mut inetd = Command::new("systemd-socket-activate");
    inetd.args(["--inetd", "-a", "-l", &format!("127.0.0.1:{port}"), "--"]);
    let sshd = site.sshd(&["-i", "-E", &log]);
    inetd.arg(sshd.get_program()).args(sshd.get_args()).stdin(Stdio::null());
    let mut inetd = Foreground::start({
        inetd.stderr(Stdio::piped());
        inetd
    });
    inetd.wait_for("Listening on");
    for word in ["one", "two"] {
        let output =
            client(&site, &account, port).arg(format!("echo {word} \"$SSH_CONNECTION\"; exit 3")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(3), "{output:?} {}", fs::read_to_string(&log).unwrap_or_default());
        assert!(said.starts_with(&format!("{word} 127.0.0.1 ")) && said.ends_with(&format!(" {port}\n")), "{said}");
    }
}

#[test]
fn one_that_debugs_serves_one_login_and_tells_its_course() {
    let (site, account) = site_with_login();
    let port = common::free_port();
    let lines =
        format!("{}\nAuthorizedKeysFile {}", common::listen_lines(&[port]), site.path("authorized_keys").display());
    site.configure(&lines);
    let mut sshd = Foreground::start(site.sshd(&["-d"]));
    sshd.wait_for("debug1: sshd version OpenSSH_10.5, Bulkhead ");
    sshd.wait_for(&format!("Server listening on 127.0.0.1 port {port}."));
    let output =
        client(&site, &account, port).args(["-c", "aes256-ctr", "-m", "hmac-sha2-256", "exit 5"]).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(shown.contains(&format!("Environment:\n  USER={}\n  LOGNAME=", account.name)), "{shown}");
    assert!(shown.contains("\n  SSH_CONNECTION=127.0.0.1 "), "{shown}");
    sshd.wait_for("debug1: Remote protocol version 2.0, remote software version OpenSSH_");
    let cipher = "debug1: kex: server->client cipher: aes256-ctr MAC: hmac-sha2-256 compression: none [preauth]";
    sshd.wait_for(cipher);
    let request = format!("debug1: userauth-request for user {} service ssh-connection method none", account.name);
    sshd.wait_for(&request);
    sshd.wait_for("debug1: server_input_channel_req: channel 0 request exec reply 1");
    assert_eq!(sshd.ends_with(), 0);
    assert!(connect(port).is_err(), "nobody listens any more");
}

#[test]
fn a_socket_on_the_standard_descriptors_keeps_its_addresses() {
    let (site, _) = site_with_login();
    let inetd = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = inetd.local_addr().unwrap().port();
    let mut client = connect(port).unwrap();
    let accepted = OwnedFd::from(inetd.accept().unwrap().0);
    let log = site.path("log");
    let mut command = site.sshd(&["-i", "-E", &log.display().to_string()]);
    command.stdin(Stdio::from(accepted.try_clone().unwrap()));
    command.stderr(Stdio::from(accepted.try_clone().unwrap())).stdout(Stdio::from(accepted));
    let mut sshd = command.spawn().unwrap();
    drop(command);
    let mut banner = [0; 16];
    client.read_exact(&mut banner).unwrap();
    assert_eq!(&banner, b"SSH-2.0-Bulkhead");
    client.write_all(b"SSH-2.0-x\r\n").unwrap();
    let from = client.local_addr().unwrap().port();
    drop(client);
    sshd.wait().unwrap();
    let said = fs::read_to_string(&log).unwrap();
    assert!(
        said.contains(&format!("Connection from 127.0.0.1 port {from} on 127.0.0.1 port {port} rdomain \"\"")),
        "{said}"
    );
}

#[test]
fn a_client_that_leaves_ends_it() {
    let (site, _) = site_with_login();
    let (status, said) = run(&mut site.sshd(&["-i", "-e"]));
    assert_eq!(status, 255, "{said}");
    assert!(said.contains("UNKNOWN port 65535"), "{said}");
}

#[test]
fn what_inetd_starts_leaves_no_listener_behind() {
    if !Uid::effective().is_root() {
        bulkhead_tests::skipped("what_inetd_starts_leaves_no_listener_behind", "needs root");
        return;
    }
    let (site, _) = site_with_login();
    let mut sshd = site.sshd(&["-i", "-e"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let pid = i32::try_from(sshd.id()).unwrap();
    wait_until("its monitor is there", || !bulkhead_tests::descendants_of(pid).is_empty());
    let family = bulkhead_tests::descendants_of(pid);
    assert_eq!(site.pid_in_file(), None, "there is no pid file");
    drop(sshd.stdin.take());
    let _ = PATIENCE;
    sshd.wait().unwrap();
    wait_until("all of it is gone", || {
        family.iter().all(|pid| !std::path::Path::new(&format!("/proc/{pid}/exe")).exists())
    });
}
