//! Hosts that vouch for their users: asyncssh as the client, and OpenSSH's with its ssh-keysign.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use bulkhead_tests::{Account, As, Scratch, Server, make_key, needs_root, public_half, run, skipped};

/// The client's host keys, in a folder that outlives the servers.
struct Hosts {
    scratch: Scratch,
}

/// One attempt: which key, which host and user it claims to be, and whether the user's name is another one than what
/// the host has signed.
struct Attempt<'a> {
    key: &'a str,
    host: &'a str,
    user: &'a str,
    forged: bool,
}

const fn attempt<'a>(key: &'a str, host: &'a str, user: &'a str) -> Attempt<'a> {
    Attempt { key, host, user, forged: false }
}

const CLIENT: &str = r"
import asyncio, asyncssh, sys
from asyncssh.connection import SSHConnection
from asyncssh.packet import String
port, account = int(sys.argv[1]), sys.argv[2]
send = SSHConnection.send_userauth_request
def forging(name):
    async def forged(self, method, *args, key=None, trivial=True):
        if key is None:
            return await send(self, method, *args, trivial=trivial)
        packet = self._get_userauth_request_packet(method, args)
        signature = key.sign(String(self._session_id) + packet)
        packet = self._get_userauth_request_packet(method, args[:-1] + (String(name),)) + String(signature)
        self.send_userauth_packet(50, packet[1:], trivial=trivial)
    return forged
async def one(key, host, user, forged):
    SSHConnection.send_userauth_request = forging(user) if forged else send
    try:
        async with asyncssh.connect('127.0.0.1', port, username=account, known_hosts=None, config=None,
                agent_path=None, client_keys=[], preferred_auth=['hostbased'],
                client_host_keys=[(key, key + '-cert.pub') if 'certified' in key else key],
                client_host=host, client_username='somebody' if forged else user) as connection:
            return (await connection.run('echo in')).stdout.strip()
    except asyncssh.PermissionDenied:
        return 'out'
async def main():
    words = sys.argv[3:]
    for at in range(0, len(words), 4):
        key, host, user, forged = words[at:at + 4]
        print(await one(key, host, user, forged == 'true'))
asyncio.run(main())
";

impl Hosts {
    fn new() -> Self {
        let scratch = Scratch::new();
        make_key(&scratch, "pc", &["-t", "ed25519"]);
        make_key(&scratch, "other", &["-t", "ed25519"]);
        make_key(&scratch, "rsa", &["-t", "rsa", "-b", "2048"]);
        for (name, names) in [("certified", "ca.example.org"), ("certified-for-another", "other.example.org")] {
            make_key(&scratch, name, &["-t", "ed25519"]);
            let mut certify = Command::new("ssh-keygen");
            certify.arg("-q").arg("-s").arg(scratch.path("other")).args(["-h", "-I", "a host", "-n", names]);
            let output = run(certify.arg(scratch.path(format!("{name}.pub"))));
            assert!(output.status.success(), "{output:?}");
        }
        Self { scratch }
    }

    fn key(&self, name: &str) -> PathBuf {
        self.scratch.path(name)
    }

    /// A line of known_hosts.
    fn known(&self, names: &str, key: &str) -> String {
        format!("{names} {}", public_half(&self.key(key)))
    }

    /// Whether each attempt got in.
    fn try_all(&self, server: &Server, attempts: &[Attempt<'_>]) -> Vec<bool> {
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-W", "ignore", "-c", CLIENT, &server.port.to_string(), &server.account.name]);
        for attempt in attempts {
            command.arg(self.key(attempt.key)).args([attempt.host, attempt.user, &attempt.forged.to_string()]);
        }
        let output = run(&mut command);
        let lines = String::from_utf8_lossy(&output.stdout);
        let results: Vec<bool> = lines.lines().map(|line| line == "in").collect();
        assert_eq!(results.len(), attempts.len(), "{output:?}");
        results
    }

    fn is_in(&self, server: &Server, attempt: Attempt<'_>) -> bool {
        self.try_all(server, &[attempt]) == [true]
    }
}

const ON: &str = "HostbasedAuthentication yes\nPubkeyAuthentication no\nPasswordAuthentication no\nMaxAuthTries 20\n";

fn has_asyncssh(test: &str) -> bool {
    let output = run(Command::new("/usr/bin/python3").args(["-W", "ignore", "-c", "import asyncssh"]));
    if !output.status.success() {
        skipped(test, "python3-asyncssh is not installed");
    }
    output.status.success()
}

#[test]
fn a_trusted_and_known_host_vouches_for_its_users() {
    if !needs_root("a_trusted_and_known_host_vouches_for_its_users")
        || !has_asyncssh("a_trusted_and_known_host_vouches_for_its_users")
    {
        return;
    }
    let hosts = Hosts::new();
    let account = Account::create();
    account.home_file(
        ".shosts",
        "pc.example.org bob\nrsa.example.org bob\nrevoked.example.org bob\nca.example.org bob\npc.example.org somebody\n-pc.example.org eve\n",
        0o600,
    );
    let known = [
        hosts.known("pc.example.org", "pc"),
        hosts.known("rsa.example.org", "rsa"),
        hosts.known("untrusted.example.org", "pc"),
        hosts.known("@cert-authority *.example.org", "other"),
        hosts.known("revoked.example.org", "pc"),
        hosts.known("@revoked revoked.example.org", "pc"),
    ];
    account.home_file(".ssh/known_hosts", known.concat(), 0o644);
    let server = Server::start(As::Root, account, &format!("{ON}IgnoreRhosts no\nHostbasedUsesNameFromPacketOnly yes"));
    let attempts = [
        (attempt("pc", "pc.example.org", "bob"), true),
        (attempt("pc", "PC.example.org.", "bob"), true),
        (attempt("rsa", "rsa.example.org", "bob"), true),
        (attempt("certified", "ca.example.org", "bob"), true),
        (attempt("certified-for-another", "ca.example.org", "bob"), false),
        (attempt("other", "ca.example.org", "bob"), false),
        // A host with another key, and a key of another host.
        (attempt("other", "pc.example.org", "bob"), false),
        (attempt("pc", "rsa.example.org", "bob"), false),
        // Trust and knowledge are both needed.
        (attempt("pc", "untrusted.example.org", "bob"), false),
        (attempt("pc", "nobody-knows.example.org", "bob"), false),
        (attempt("pc", "revoked.example.org", "bob"), false),
        (attempt("pc", "pc.example.org", "eve"), false),
        (attempt("pc", "pc.example.org", &server.account.name), false),
        (attempt("pc", "", "bob"), false),
        // The host has signed for somebody, and for nobody else.
        (Attempt { forged: true, ..attempt("pc", "pc.example.org", "somebody") }, true),
        (Attempt { forged: true, ..attempt("pc", "pc.example.org", "bob") }, false),
    ];
    let (attempts, expected): (Vec<_>, Vec<_>) = attempts.into_iter().unzip();
    assert_eq!(hosts.try_all(&server, &attempts), expected);
    let user = &server.account.name;
    let accepted = server.wait_for_log(&format!("Accepted hostbased for {user} from 127.0.0.1 port "));
    let fingerprint = run(Command::new("ssh-keygen").arg("-lf").arg(hosts.key("pc.pub"))).stdout;
    let fingerprint = String::from_utf8_lossy(&fingerprint).split(' ').nth(1).unwrap().to_owned();
    let shown = format!(" ssh2: ED25519 {fingerprint}, client user \"bob\", client host \"pc.example.org\"");
    assert!(accepted.ends_with(&shown), "{accepted}");
    server.wait_for_log(&format!("Accepted ED25519 public key {fingerprint} from bob@pc.example.org"));
    server.wait_for_log("client user \"bob\", client host \"ca.example.org\"");
    server.wait_for_log("Accepted certificate ID \"a host\" signed by ED25519 CA SHA256:");
    server.wait_for_log("Certificate invalid: name is not a listed principal");
    server.wait_for_log("WARNING: revoked key for revoked.example.org attempted authentication");
    server.wait_for_log(&format!("Failed hostbased for {user} from 127.0.0.1 port "));
}

#[test]
fn files_that_others_can_write_and_ignored_files_vouch_for_nobody() {
    let name = "files_that_others_can_write_and_ignored_files_vouch_for_nobody";
    if !needs_root(name) || !has_asyncssh(name) {
        return;
    }
    let hosts = Hosts::new();
    let from_packet = "HostbasedUsesNameFromPacketOnly yes\n";
    let server = Server::as_root(&format!("{ON}{from_packet}IgnoreRhosts no"));
    let account = &server.account;
    let (shosts, known) = (account.home.join(".shosts"), account.home.join(".ssh/known_hosts"));
    account.home_file(".shosts", "pc.example.org bob", 0o600);
    account.home_file(".ssh/known_hosts", hosts.known("pc.example.org", "pc"), 0o600);
    let bob = || attempt("pc", "pc.example.org", "bob");
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    assert!(hosts.is_in(&server, bob()));
    for (path, sound, unsound) in [(&shosts, 0o600, 0o620), (&known, 0o600, 0o602), (&account.home, 0o755, 0o777)] {
        mode(path, unsound);
        assert!(!hosts.is_in(&server, bob()), "{}", path.display());
        mode(path, sound);
    }
    assert!(hosts.is_in(&server, bob()));
    // What the account itself may not read is not read for it.
    std::os::unix::fs::chown(&shosts, Some(0), Some(0)).unwrap();
    assert!(!hosts.is_in(&server, bob()));
    std::os::unix::fs::chown(&shosts, Some(account.uid), Some(account.gid)).unwrap();
    for (lines, expected) in [
        ("IgnoreRhosts shosts-only", true),
        ("IgnoreRhosts yes", false),
        ("IgnoreRhosts no\nIgnoreUserKnownHosts yes", false),
        ("IgnoreRhosts no\nHostbasedAcceptedAlgorithms rsa-sha2-256", false),
        ("IgnoreRhosts no\nRevokedKeys @SCRATCH@revoked", false),
    ] {
        server.scratch.file("revoked", public_half(&hosts.key("pc")));
        server.configure(&format!("{ON}{from_packet}{lines}"));
        reload(&server);
        assert_eq!(hosts.is_in(&server, bob()), expected, "{lines}");
    }
}

fn reload(server: &Server) {
    let count = |text: &str| server.log().matches(text).count();
    let before = count("Server listening on");
    server.signal(nix::sys::signal::Signal::SIGHUP);
    bulkhead_tests::wait_until("the server has read its configuration again", || count("Server listening on") > before);
}

/// Without a name from the packet it is the address that is looked up; invalid users fail like any other, and a host is
/// one of several methods.
#[test]
fn the_name_is_looked_up_and_other_methods_can_follow() {
    let name = "the_name_is_looked_up_and_other_methods_can_follow";
    if !needs_root(name) || !has_asyncssh(name) {
        return;
    }
    let hosts = Hosts::new();
    for (dns, resolved) in [("yes", "localhost"), ("no", "127.0.0.1")] {
        let server = Server::as_root(&format!("{ON}IgnoreRhosts no\nUseDNS {dns}"));
        let trust = |names: &str| {
            server.account.home_file(".shosts", format!("{names} bob\n"), 0o600);
            server.account.home_file(".ssh/known_hosts", hosts.known(names, "pc"), 0o600);
        };
        trust(resolved);
        assert!(hosts.is_in(&server, attempt("pc", "elsewhere", "bob")), "UseDNS {dns}");
        server.wait_for_log(&format!(
            "userauth_hostbased mismatch: client sends elsewhere, but we resolve 127.0.0.1 to {resolved}"
        ));
        trust("elsewhere");
        assert!(!hosts.is_in(&server, attempt("pc", "elsewhere", "bob")), "UseDNS {dns}");
    }
    let methods = "HostbasedAuthentication yes\nPasswordAuthentication no\nIgnoreRhosts no\n\
                   AuthenticationMethods hostbased,publickey\n";
    let server = Server::as_root(methods);
    server.account.home_file(".shosts", "127.0.0.1 bob\n", 0o600);
    server.account.home_file(".ssh/known_hosts", hosts.known("127.0.0.1", "pc"), 0o600);
    assert!(!hosts.is_in(&server, attempt("pc", "pc", "bob")), "the key is still to come");
    server.wait_for_log(&format!("Partial hostbased for {} from 127.0.0.1", server.account.name));
    assert!(!server.ssh(&[], "true").status.success(), "the host comes first");
}

/// A file under /etc that is put back afterwards. Tests that use one hold the lock.
struct Replaced {
    path: PathBuf,
    before: Option<Vec<u8>>,
}

impl Replaced {
    fn with(path: &str, content: &str) -> Self {
        let path = PathBuf::from(path);
        let before = fs::read(&path).ok();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        Self { path, before }
    }
}

impl Drop for Replaced {
    fn drop(&mut self) {
        let _ = match &self.before {
            Some(before) => fs::write(&self.path, before),
            None => fs::remove_file(&self.path),
        };
    }
}

/// OpenSSH's client has its setuid helper sign with the keys of this very machine, and takes no other files for it than
/// those under /etc/ssh.
#[test]
fn opensshs_client_has_its_host_vouch() {
    let name = "opensshs_client_has_its_host_vouch";
    if !needs_root(name) {
        return;
    }
    if settings_are_elsewhere() || !Path::new("/usr/lib/openssh/ssh-keysign").is_file() {
        return skipped(name, "ssh-keysign or /etc/ssh is not where it is looked for");
    }
    let key = PathBuf::from("/etc/ssh/ssh_host_ed25519_key");
    if !key.is_file() {
        return skipped(name, "this machine has no host key");
    }
    let lock = fs::File::create("/run/lock/bulkhead-tests-etc-ssh").expect("a lock file");
    lock.lock().expect("the lock");
    let _client = Replaced::with("/etc/ssh/ssh_config.d/bulkhead-test.conf", "EnableSSHKeysign yes\n");
    let known = format!("localhost,127.0.0.1 {}", public_half(&key));
    let _known = Replaced::with("/etc/ssh/ssh_known_hosts", &known);
    let trusted = "localhost root\n";
    let equiv = Replaced::with("/etc/ssh/shosts.equiv", trusted);
    let server = Server::as_root(&format!("{ON}UseDNS yes"));
    let options = ["-o", "HostbasedAuthentication=yes", "-o", "PreferredAuthentications=hostbased"];
    assert_eq!(server.ssh_ok(&options, "echo in"), "in\n");
    let user = &server.account.name;
    let accepted = server.wait_for_log(&format!("Accepted hostbased for {user} from 127.0.0.1 port "));
    assert!(accepted.ends_with("client user \"root\", client host \"localhost.\""), "{accepted}");
    // The administrator's files never let root in.
    let root = run(server.client("ssh").args(options).args(["root@127.0.0.1", "echo in"]));
    assert!(!root.status.success(), "{root:?}");
    drop(equiv);
    assert!(!server.ssh(&options, "echo in").status.success());
    let _equiv = Replaced::with("/etc/ssh/shosts.equiv", "-localhost root\nlocalhost root\n");
    assert!(!server.ssh(&options, "echo in").status.success());
    let _hosts = Replaced::with("/etc/hosts.equiv", trusted);
    assert_eq!(server.ssh_ok(&options, "echo in"), "in\n");
}

fn settings_are_elsewhere() -> bool {
    std::env::var_os("BULKHEAD_SYSCONFDIR").is_some_and(|folder| folder != "/etc/ssh")
}
