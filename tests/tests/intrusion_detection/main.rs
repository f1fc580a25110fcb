//! Programs that watch the log for attacks see ours as they see Debian's OpenSSH: fail2ban with its own sshd filter in
//! every mode, and sshguard's parser. Both servers go through the same real attacks in the same test.

mod syslog;

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use bulkhead_tests::{
    Account, Scratch, attacks_py, binaries, has_python_module, make_key, needs_program, needs_root, public_half, run,
    run_with_input, skipped,
};
use syslog::Logged;

const OPENSSH: &str = "/usr/sbin/sshd";
const SSHGUARD: &str = "/usr/libexec/sshguard/sshg-parser";
const MODES: [&str; 4] = ["normal", "ddos", "extra", "aggressive"];

/// What both servers get.
const CONFIGURATION: &str = "\
    ListenAddress 127.0.0.1\nUsePAM no\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\nMaxStartups 500\n\
    PermitRootLogin no\nDenyUsers daemon\nDenyGroups mail\nSubsystem sftp internal-sftp\n";

/// Everything that both servers share.
struct Scene {
    scratch: Scratch,
    account: Account,
    locked: Account,
}

impl Scene {
    /// None when something is missing that the test needs.
    fn set(test: &str) -> Option<Self> {
        if !needs_root(test) || !needs_program(test, "fail2ban-regex") || !needs_program(test, "unshare") {
            return None;
        }
        for file in [OPENSSH, SSHGUARD] {
            if !Path::new(file).exists() {
                skipped(test, &format!("{file} is not installed"));
                return None;
            }
        }
        if !has_python_module(test, "paramiko") {
            return None;
        }
        let (account, locked) = (Account::create(), Account::create());
        account.set_password("the right one");
        locked.set_password("the right one");
        locked.change("usermod", &["--lock"]);
        let scratch = Scratch::new();
        let key = make_key(&scratch, "login_key", &["-t", "ed25519"]);
        make_key(&scratch, "other_key", &["-t", "ed25519"]);
        scratch.file("authorized_keys", public_half(&key));
        make_key(&scratch, "host_key", &["-t", "ed25519"]);
        make_key(&scratch, "host_rsa", &["-t", "rsa", "-b", "2048"]);
        // OpenSSH's own; a machine that has never started it has none.
        let _ = std::fs::create_dir("/run/sshd");
        Some(Self { scratch, account, locked })
    }

    /// Starts a server.
    fn server(&self, sshd: &Path, lines: &str) -> (Logged, Scratch, u16) {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let scratch = Scratch::new();
        let path = |name: &str| self.scratch.path(name).display().to_string();
        let text = format!(
            "{lines}\n{CONFIGURATION}Port {port}\nHostKey {}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n",
            path("host_key"),
            path("host_rsa"),
            path("authorized_keys")
        );
        let configuration = scratch.file("sshd_config", text);
        (Logged::start(sshd, &scratch, &configuration, port), scratch, port)
    }

    /// Runs attacks on a server; its log.
    fn log_of(&self, sshd: &Path, lines: &str, attacks: &str) -> String {
        let (server, _scratch, port) = self.server(sshd, lines);
        let port = port.to_string();
        let output =
            run_with_input(&mut attacks_py(&[&port, &self.account.name, &self.locked.name]), attacks.as_bytes());
        assert!(output.status.success(), "{output:?}");
        server.wait_until_idle();
        server.into_log()
    }
}

fn all_attacks() -> Vec<String> {
    let output = run(&mut attacks_py(&["0", "", "", "list"]));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

/// Whoever the watchers take for an attacker, by watcher.
fn attackers(scratch: &Scratch, log: &str) -> BTreeMap<String, BTreeSet<String>> {
    let file = scratch.file("watched.log", log);
    let mut found = BTreeMap::new();
    for mode in MODES {
        let mut fail2ban = Command::new("fail2ban-regex");
        let output = run(fail2ban.args(["--usedns", "no", "-o", "ip"]).arg(&file).arg(format!("sshd[mode={mode}]")));
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("text");
        found.insert(format!("fail2ban {mode}"), text.lines().map(str::to_owned).collect());
    }
    let output = run_with_input(&mut Command::new(SSHGUARD), log.as_bytes());
    let text = String::from_utf8(output.stdout).expect("text");
    let address = |line: &str| line.split(' ').nth(1).map(str::to_owned);
    found.insert("sshguard".to_owned(), text.lines().filter_map(address).collect());
    found
}

/// The same attacks on both servers: whoever a watcher sees of OpenSSH's, it sees of ours.
fn compare(scene: &Scene, attacks: &[String], lines: &str) {
    let address = |index: usize| format!("127.0.0.{}", index + 2);
    let input: String =
        attacks.iter().enumerate().map(|(index, attack)| format!("{}\t{attack}\n", address(index))).collect();
    let ours = scene.log_of(&binaries().join("sshd"), &format!("{lines}\nPerSourcePenalties no"), &input);
    let theirs = scene.log_of(Path::new(OPENSSH), lines, &input);
    let (seen, expected) = (attackers(&scene.scratch, &ours), attackers(&scene.scratch, &theirs));
    let mut overlooked = Vec::new();
    for (watcher, addresses) in &expected {
        assert!(addresses.len() >= attacks.len() / 4, "{watcher} sees next to nothing of OpenSSH:\n{theirs}");
        for (index, attack) in attacks.iter().enumerate() {
            if addresses.contains(&address(index)) && !seen[watcher].contains(&address(index)) {
                overlooked.push(format!("{watcher}: {} {attack}", address(index)));
            }
        }
    }
    assert!(overlooked.is_empty(), "{lines}\n{overlooked:#?}\n---- ours\n{ours}\n---- theirs\n{theirs}");
}

#[test]
fn every_attack_that_openssh_shows_is_shown() {
    let test = "every_attack_that_openssh_shows_is_shown";
    let Some(scene) = Scene::set(test) else { return };
    for level in ["LogLevel INFO", "LogLevel VERBOSE"] {
        compare(&scene, &all_attacks(), level);
    }
}

/// With PAM its modules write lines of their own; both servers use the service `sshd`.
#[test]
fn so_is_every_attack_where_pam_decides() {
    let test = "so_is_every_attack_where_pam_decides";
    let Some(scene) = Scene::set(test) else { return };
    if !Path::new("/etc/pam.d/sshd").exists() {
        return skipped(test, "there is no /etc/pam.d/sshd");
    }
    let mut attacks = all_attacks();
    // Each failure takes PAM two seconds.
    attacks.retain(|attack| {
        let guesses = ["password", "answer", "user"].iter().any(|word| attack.contains(word));
        guesses && !attack.contains("too many")
    });
    assert!(attacks.len() > 10, "{attacks:?}");
    compare(&scene, &attacks, "UsePAM yes\nKbdInteractiveAuthentication yes");
}

/// Names that want to be read as something else. The addresses in them belong to documentation: nobody attacks from
/// there.
const HOSTILE_NAMES: [&str; 20] = [
    "x from 203.0.113.1 port 22 ssh2",
    "root from 203.0.113.2",
    "x from 203.0.113.3 port 22 ssh2: RSA SHA256:x",
    "invalid user x from 203.0.113.4 port 22",
    "x\nFailed password for root from 203.0.113.5 port 22 ssh2",
    "x\rsshd[1]: Invalid user x from 203.0.113.6 port 22",
    "x 203.0.113.7 port 22 [preauth]",
    "203.0.113.8",
    "x from 203.0.113.9 not allowed because not listed in AllowUsers",
    "x from ::ffff:203.0.113.10 port 22",
    "\u{1b}[2K x from 203.0.113.11",
    "'; from 203.0.113.12 port 22 #",
    "authentication failure for root from 203.0.113.13",
    "x 203.0.113.14 port 22: Too many authentication failures [preauth]",
    " from 203.0.113.15",
    "x from 203.0.113.16 port 22 ssh2\u{2028}y",
    "x: from 203.0.113.17 port 22",
    "x for y from 203.0.113.18",
    "root on 203.0.113.19 from 203.0.113.19 via z",
    "x user=y rhost=203.0.113.20",
];

#[test]
fn no_address_is_taken_from_a_hostile_name() {
    let test = "no_address_is_taken_from_a_hostile_name";
    let Some(scene) = Scene::set(test) else { return };
    let hexadecimal = |name: &str| name.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let address = |index: usize| format!("127.0.2.{}", index + 1);
    let line = |(index, name): (usize, &&str)| format!("{}\tname\t{}\n", address(index), hexadecimal(name));
    let input: String = HOSTILE_NAMES.iter().enumerate().map(line).collect();
    let log = scene.log_of(&binaries().join("sshd"), "LogLevel VERBOSE\nPerSourcePenalties no", &input);
    for (watcher, addresses) in attackers(&scene.scratch, &log) {
        let forged: Vec<_> = addresses.iter().filter(|address| !address.starts_with("127.0.2.")).collect();
        assert!(forged.is_empty(), "{watcher} sees {forged:?}:\n{log}");
        let hidden = (0..HOSTILE_NAMES.len()).filter(|index| !addresses.contains(&address(*index)));
        let hidden: Vec<&str> = hidden.map(|index| HOSTILE_NAMES[index]).collect();
        assert!(hidden.is_empty(), "{watcher} does not see who is called {hidden:?}:\n{log}");
    }
}

#[test]
fn nothing_harmless_counts() {
    let test = "nothing_harmless_counts";
    let Some(scene) = Scene::set(test) else { return };
    for level in ["INFO", "VERBOSE"] {
        let (server, _scratch, port) = scene.server(&binaries().join("sshd"), &format!("LogLevel {level}"));
        let visitor = Visitor { scene: &scene, port };
        visitor.visits();
        // An agent with a key too many. With VERBOSE sshguard counts the wrong one, of OpenSSH's log too.
        if level == "INFO" {
            let keys = [visitor.key("other_key"), visitor.key("login_key")];
            let options = ["-o", keys[0].as_str(), "-o", keys[1].as_str()];
            assert!(visitor.runs("ssh", 9, &options, &["true"]).status.success());
        }
        server.wait_until_idle();
        let log = server.into_log();
        assert!(log.matches("Accepted publickey for ").count() >= 7, "{log}");
        for (watcher, addresses) in attackers(&scene.scratch, &log) {
            assert!(addresses.is_empty(), "{watcher} counts {addresses:?}:\n{log}");
        }
    }
}

/// Somebody who may come in, each time from another address.
struct Visitor<'a> {
    scene: &'a Scene,
    port: u16,
}

impl Visitor<'_> {
    fn key(&self, name: &str) -> String {
        format!("IdentityFile={}", self.scene.scratch.path(name).display())
    }

    fn runs(&self, program: &str, from: u8, options: &[&str], command: &[&str]) -> Output {
        let mut client = Command::new(program);
        client.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]);
        client.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]);
        client.args(["-o", &format!("Port={}", self.port), "-o", &format!("BindAddress=127.0.1.{from}")]);
        client.args(options).arg(format!("{}@127.0.0.1", self.scene.account.name)).args(command);
        run(&mut client)
    }

    fn visits(&self) {
        let right = self.key("login_key");
        let key = ["-o", right.as_str()];
        let with = |more: &[&'static str]| [&key[..], more].concat();
        assert!(self.runs("ssh", 1, &key, &["true"]).status.success());
        assert_eq!(self.runs("ssh", 2, &key, &["exit 7"]).status.code(), Some(7));
        assert!(self.runs("sftp", 3, &with(&["-b", "/dev/null"]), &[]).status.success());
        let says = "echo Failed password for root from 203.0.113.1 port 22 ssh2";
        assert!(self.runs("ssh", 4, &with(&["-tt"]), &[says]).status.success());
        // Forwarding, whether it is allowed or not.
        let _ = self.runs("ssh", 5, &with(&["-W", "127.0.0.1:9"]), &[]);
        let _ = self.runs("ssh", 6, &with(&["-R", "127.0.0.1:0:127.0.0.1:9"]), &["true"]);
        // Ends everything of the account, the session's own process too.
        let _ = self.runs("ssh", 7, &key, &["kill -9 -1"]);
    }
}
