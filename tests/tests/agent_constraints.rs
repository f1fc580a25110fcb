//! Keys that an agent uses on the way to certain hosts alone (`ssh-add -h`): the agent believes the host keys that servers
//! prove, and servers the host key that a signature names (`publickey-hostbound-v00@openssh.com`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bulkhead_tests::{Agent, Server, has_python_module, make_key, public_half, run};

/// Two servers that let the same key in, and an agent for it.
struct Hops {
    first: Server,
    second: Server,
    agent: Agent,
    key: PathBuf,
    /// The host keys of both.
    known_hosts: PathBuf,
}

impl Hops {
    fn new() -> Self {
        let (first, second) = (Server::any(""), Server::any(""));
        let key = make_key(&first.scratch, "constrained", &["-t", "ed25519"]);
        for server in [&first, &second] {
            let file = server.scratch.path("authorized_keys");
            let own = fs::read_to_string(&file).unwrap();
            fs::write(file, own + &public_half(&key)).unwrap();
        }
        let known = [&first, &second].map(|server| fs::read_to_string(server.scratch.path("known_hosts")).unwrap());
        let known_hosts = first.scratch.file("both", known.concat());
        let agent = Agent::start(first.scratch.path("agent"));
        Self { first, second, agent, key, known_hosts }
    }

    /// Has the agent hold the key for these ways alone.
    fn allow(&self, ways: &[String]) {
        let mut add = Command::new("ssh-add");
        add.env("SSH_AUTH_SOCK", &self.agent.socket).arg("-q").arg("-H").arg(&self.known_hosts);
        add.args(ways.iter().flat_map(|way| ["-h", way]));
        let dropped = run(Command::new("ssh-add").arg("-qD").env("SSH_AUTH_SOCK", &self.agent.socket));
        let added = run(add.arg(&self.key));
        assert!(dropped.status.success() && added.status.success(), "{added:?}");
    }

    /// `ssh` that has the agent's keys and no other; `more` are options of this one.
    fn arguments(&self, to: &Server) -> Vec<String> {
        let known_hosts = self.known_hosts.display();
        let options = format!(
            "-F none -o BatchMode=yes -o LogLevel=ERROR -o IdentityFile=none -o GlobalKnownHostsFile=/dev/null \
             -o UserKnownHostsFile={known_hosts} -p {}",
            to.port
        );
        options.split_whitespace().map(str::to_owned).chain([to.login()]).collect()
    }

    fn ssh(&self, options: &[&str], to: &Server, command: &str) -> Output {
        let mut ssh = Command::new("ssh");
        ssh.env("SSH_AUTH_SOCK", &self.agent.socket).args(options).args(self.arguments(to));
        run(ssh.arg(command).stdin(Stdio::null()))
    }

    /// From one server to the other, with the agent forwarded.
    fn through(&self, options: &[&str], from: &Server, to: &Server) -> Output {
        let inner = format!("ssh-add -l; ssh {} echo arrived", self.arguments(to).join(" "));
        self.ssh(&[&["-A"], options].concat(), from, &inner)
    }
}

fn name(server: &Server) -> String {
    format!("[127.0.0.1]:{}", server.port)
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_key_for_one_way_goes_that_way_alone() {
    let hops = Hops::new();
    let (first, second) = (&hops.first, &hops.second);
    let onward = format!("{}>{}@{}", name(first), second.account.name, name(second));
    hops.allow(&[name(first), onward]);
    let arrived = hops.through(&[], first, second);
    assert!(printed(&arrived).ends_with("arrived\n"), "{}", printed(&arrived));
    for server in [first, second] {
        server.wait_for_log("method publickey-hostbound-v00@openssh.com");
        server.wait_for_log("Accepted publickey for ");
    }

    // Not by another way, not to somewhere else, not on from where it leads.
    let direct = hops.ssh(&[], second, "echo arrived");
    let in_a_circle = hops.through(&[], first, first);
    for refused in [direct, in_a_circle] {
        let shown = printed(&refused);
        assert!(!shown.contains("arrived") && shown.contains("Permission denied (publickey"), "{shown}");
    }
    let own_key = format!("IdentityFile={}", second.scratch.path("login_key").display());
    let from_elsewhere = hops.through(&["-o", &own_key], second, first);
    let shown = printed(&from_elsewhere);
    assert!(shown.contains("The agent has no identities."), "{shown}");
    assert!(!shown.contains("arrived") && shown.contains("Permission denied (publickey"), "{shown}");
    assert_eq!(second.log().matches("Accepted publickey for ").count(), 2, "the way through, and with its own key");
}

#[test]
fn a_key_for_another_user_or_for_the_first_hop_alone_goes_no_further() {
    let hops = Hops::new();
    let (first, second) = (&hops.first, &hops.second);
    for ways in [vec![name(first)], vec![name(first), format!("{}>somebody@{}", name(first), name(second))]] {
        hops.allow(&ways);
        let shown = printed(&hops.through(&[], first, second));
        assert!(!shown.contains("arrived") && shown.contains("Permission denied (publickey"), "{ways:?}: {shown}");
        assert!(!second.log().contains("Accepted publickey for "), "{ways:?}");
    }
    // What is not constrained goes everywhere.
    hops.agent.holds_only(&hops.key);
    assert!(printed(&hops.through(&[], first, second)).ends_with("arrived\n"));
}

/// paramiko, with the host key in what is signed and sent: `sys.argv[5]`.
const HOSTBOUND: &str = r#"
import sys, paramiko, base64
from paramiko.message import Message
from paramiko.auth_handler import AuthHandler
port, user, key, scratch = int(sys.argv[1]), *sys.argv[2:5]
named = base64.b64decode(open(scratch + "/named.pub").read().split()[1])

class Hostbound(AuthHandler):
    def _parse_service_accept(self, message):
        transport = self.transport
        def request(message):
            message.add_byte(b"\x32")
            for text in (user, "ssh-connection", "publickey-hostbound-v00@openssh.com"): message.add_string(text)
            message.add_boolean(True)
            for part in ("ssh-ed25519", self.private_key.asbytes(), named): message.add_string(part)
        signed, sent = Message(), Message()
        signed.add_string(transport.session_id)
        request(signed); request(sent)
        sent.add_string(self.private_key.sign_ssh_data(signed.asbytes(), "ssh-ed25519"))
        transport._send_message(sent)
    _client_handler_table = dict(AuthHandler._client_handler_table)
    _client_handler_table[6] = _parse_service_accept

paramiko.transport.AuthHandler = Hostbound
transport = paramiko.Transport(("127.0.0.1", port), disabled_algorithms={"keys": ["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512", "ecdsa-sha2-nistp256"]})
transport.start_client(timeout=30)
try:
    transport.auth_publickey(user, paramiko.Ed25519Key.from_private_key_file(key))
    print("in" if transport.is_authenticated() else "not in")
except paramiko.SSHException as error:
    print(type(error).__name__)
"#;

#[test]
fn a_signature_for_another_host_is_refused() {
    if !has_python_module("a_signature_for_another_host_is_refused", "paramiko") {
        return;
    }
    let server = Server::any("");
    let other = make_key(&server.scratch, "other", &["-t", "ed25519"]);
    let login_as_if_to = |host_key: &Path| {
        server.scratch.file("named.pub", public_half(host_key));
        printed(&server.python(HOSTBOUND))
    };
    assert_eq!(login_as_if_to(&server.scratch.path("host_ed25519")), "in\n");
    assert_eq!(login_as_if_to(&other), "AuthenticationException\n");
    // A key of this host, but not the one that the key exchange was signed with.
    assert_eq!(login_as_if_to(&server.scratch.path("host_ecdsa")), "AuthenticationException\n");
    assert_eq!(server.log().matches("Accepted publickey for ").count(), 1);
}
