//! Logins with Kerberos tickets, against Debian's KDC and with OpenSSH's client.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use bulkhead_tests::kerberos::{Kdc, REALM};
use bulkhead_tests::{Account, As, Server, has_python_module, needs_root, run, wait_until};

/// Nothing but tickets lets anybody in.
const TICKETS: &str = "PubkeyAuthentication no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n";

/// The client names the server by its address.
const ANY_NAME: &str = "# bulkhead_config\nGSSAPIAuthentication yes\nGSSAPIStrictAcceptorCheck no\n";

fn is_possible(test: &str) -> bool {
    needs_root(test) && Kdc::is_possible(test)
}

/// A server that has a key for its address, and an account whose owner and another user are in the realm.
fn server_in(kdc: &Kdc, configuration: &str) -> Server {
    server_with_key(kdc, "host/127.0.0.1", configuration)
}

fn server_with_key(kdc: &Kdc, service: &str, configuration: &str) -> Server {
    let account = Account::create();
    kdc.add_users(&[&account.name]);
    let table = kdc.key_table(&format!("table-{}", account.name), &[service]);
    let environment = kdc.environment_of_server(&table);
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Server::start_with(As::Root, account, configuration, &environment)
}

/// Runs a command as whoever the tickets name.
fn ssh(kdc: &Kdc, server: &Server, tickets: &str, options: &[&str], command: &str) -> Output {
    ssh_to(kdc, server, tickets, options, &server.login(), command)
}

fn ssh_to(kdc: &Kdc, server: &Server, tickets: &str, options: &[&str], login: &str, command: &str) -> Output {
    let mut client = server.client("ssh");
    client.env("KRB5_CONFIG", kdc.configuration()).env("KRB5CCNAME", tickets).env_remove("SSH_AUTH_SOCK");
    client.args(["-o", "GSSAPIAuthentication=yes"]).args(options).args([login, command]);
    run(&mut client)
}

fn is_in(output: &Output) -> bool {
    output.status.success()
}

#[test]
fn tickets_let_in_those_they_name() {
    if !is_possible("tickets_let_in_those_they_name") {
        return;
    }
    let kdc = Kdc::start();
    kdc.add_users(&["stranger"]);
    let server = server_in(&kdc, &format!("{TICKETS}MaxAuthTries 3\n{ANY_NAME}"));
    let user = server.account.name.clone();
    let (own, strangers) = (kdc.tickets(&user, &[]), kdc.tickets("stranger", &[]));
    let none = "FILE:/nonexistent/tickets";

    let output = ssh(&kdc, &server, &own, &[], "echo in; echo $KRB5CCNAME");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "in\n\n", "{output:?}");
    let accepted = server.wait_for_log(&format!("Accepted gssapi-with-mic for {user} from 127.0.0.1 port "));
    assert!(accepted.ends_with(&format!(" ssh2: {user}@{REALM}")), "{accepted}");
    server.wait_for_log(&format!("Authorized to {user}, krb5 principal {user}@{REALM} (krb5_kuserok)"));

    assert!(!is_in(&ssh(&kdc, &server, &strangers, &[], "echo in")));
    server.wait_for_log(&format!("Failed gssapi-with-mic for {user} from 127.0.0.1 port "));
    assert!(!is_in(&ssh(&kdc, &server, none, &[], "echo in")));

    // The account says itself who may be it: then its own name does no longer follow from itself.
    server.account.home_file(".k5login", format!("stranger@{REALM}\n"), 0o600);
    assert!(is_in(&ssh(&kdc, &server, &strangers, &[], "echo in")));
    assert!(!is_in(&ssh(&kdc, &server, &own, &[], "echo in")));
    // As long as nobody else can have written that.
    std::os::unix::fs::chown(server.account.home.join(".k5login"), Some(12345), None).unwrap();
    assert!(!is_in(&ssh(&kdc, &server, &strangers, &[], "echo in")));
    fs::remove_file(server.account.home.join(".k5login")).unwrap();
    assert!(is_in(&ssh(&kdc, &server, &own, &[], "echo in")));

    // Nobody who does not exist, although the ticket is of that name.
    assert!(!is_in(&ssh_to(&kdc, &server, &strangers, &[], "stranger@127.0.0.1", "echo in")));
    server.wait_for_log("Failed gssapi-with-mic for invalid user stranger from 127.0.0.1 port ");
    // And root as little as anybody.
    assert!(!is_in(&ssh_to(&kdc, &server, &own, &[], "root@127.0.0.1", "echo in")));
}

#[test]
fn it_is_off_unless_the_companion_file_says_otherwise() {
    if !is_possible("it_is_off_unless_the_companion_file_says_otherwise") {
        return;
    }
    let kdc = Kdc::start();
    for (configuration, expected) in [
        ("# bulkhead_config\nGSSAPIStrictAcceptorCheck no\n".to_owned(), false),
        (format!("GSSAPIAuthentication yes\n{}", "# bulkhead_config\nGSSAPIStrictAcceptorCheck no\n"), false),
        (format!("{ANY_NAME}Match User nobody\n GSSAPIAuthentication no\n"), true),
        (format!("{ANY_NAME}Match User bht*\n GSSAPIAuthentication no\n"), false),
        // Methods that are named are all there is.
        (format!("AuthenticationMethods publickey\n{ANY_NAME}"), false),
        // A key for another name than this host's.
        ("# bulkhead_config\nGSSAPIAuthentication yes\n".to_owned(), false),
    ] {
        let server = server_in(&kdc, &format!("PasswordAuthentication no\n{configuration}"));
        let tickets = kdc.tickets(&server.account.name, &[]);
        let output = ssh(&kdc, &server, &tickets, &["-o", "PubkeyAuthentication=no"], "echo in");
        assert_eq!(is_in(&output), expected, "{configuration}: {output:?}");
    }
}

/// The default: tickets must be for this host by its own name.
#[test]
fn a_strict_acceptor_has_one_name() {
    if !is_possible("a_strict_acceptor_has_one_name") {
        return;
    }
    let kdc = Kdc::start();
    let host = nix::unistd::gethostname().unwrap().into_string().unwrap();
    let strict = format!("{TICKETS}# bulkhead_config\nGSSAPIAuthentication yes\n");
    let server = server_with_key(&kdc, &format!("host/{host}"), &strict);
    let tickets = kdc.tickets(&server.account.name, &[]);
    let tunnel =
        format!("ProxyCommand=bash -c 'exec 3<>/dev/tcp/127.0.0.1/{}; cat <&3 & cat >&3; kill $!'", server.port);
    let options = ["-o", &tunnel, "-o", &format!("HostKeyAlias=[127.0.0.1]:{}", server.port)];
    let login = format!("{}@{host}", server.account.name);
    let output = ssh_to(&kdc, &server, &tickets, &options, &login, "echo in");
    assert!(is_in(&output), "{output:?}");
}

#[test]
fn delegated_tickets_are_the_sessions_and_end_with_it() {
    if !is_possible("delegated_tickets_are_the_sessions_and_end_with_it") {
        return;
    }
    let kdc = Kdc::start();
    let show = "echo $KRB5CCNAME; stat -c '%U %a' ${KRB5CCNAME#FILE:}; klist -s && klist | grep -c krbtgt";
    let delegate = ["-o", "GSSAPIDelegateCredentials=yes"];
    for (lines, kept, stays) in [
        ("", true, false),
        ("GSSAPICleanupCredentials no\n", true, true),
        ("GSSAPIDelegateCredentials no\n", false, false),
    ] {
        let server = server_in(&kdc, &format!("{TICKETS}{ANY_NAME}{lines}"));
        let user = &server.account.name;
        let tickets = kdc.tickets(user, &["-f"]);
        let output = ssh(&kdc, &server, &tickets, &delegate, show);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let told: Vec<&str> = text.lines().collect();
        if !kept {
            assert_eq!(told.first(), Some(&""), "{lines}: {output:?}");
            continue;
        }
        let uid = server.account.uid;
        assert!(told[0].starts_with(&format!("FILE:/tmp/krb5cc_{uid}_")), "{output:?}");
        assert_eq!(told[1..], [&format!("{user} 600"), "1"], "{output:?}");
        let file = Path::new(told[0].strip_prefix("FILE:").unwrap());
        server.wait_until_idle();
        assert_eq!(file.exists(), stays, "{lines}");
        let _ = fs::remove_file(file);
    }
}

/// Tickets of a login that failed went to whoever logged in by other means afterwards.
#[test]
fn cve_2005_2798_tickets_are_for_those_who_logged_in_with_them() {
    if !is_possible("cve_2005_2798_tickets_are_for_those_who_logged_in_with_them") {
        return;
    }
    let kdc = Kdc::start();
    kdc.add_users(&["stranger"]);
    let server = server_in(&kdc, ANY_NAME);
    let tickets = kdc.tickets("stranger", &["-f"]);
    let options = ["-o", "GSSAPIDelegateCredentials=yes", "-o", "PreferredAuthentications=gssapi-with-mic,publickey"];
    let output = ssh(&kdc, &server, &tickets, &options, "echo \"<$KRB5CCNAME>\"");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "<>\n", "{output:?}");
    server.wait_for_log(&format!("Failed gssapi-with-mic for {} ", server.account.name));
    server.wait_for_log(&format!("Accepted publickey for {} ", server.account.name));
    let caches = format!("krb5cc_{}_", server.account.uid);
    let left = fs::read_dir("/tmp").unwrap().flatten();
    assert_eq!(left.filter(|entry| entry.file_name().to_string_lossy().starts_with(&caches)).count(), 0);
    wait_until("the connection has ended", || server.descendants().is_empty());
}

/// A home can hold something that never ends; LoginGraceTime holds all the same.
#[test]
fn a_library_that_waits_for_ever_costs_the_grace_time_and_no_more() {
    if !is_possible("a_library_that_waits_for_ever_costs_the_grace_time_and_no_more") {
        return;
    }
    let kdc = Kdc::start();
    let server = server_in(&kdc, &format!("{TICKETS}LoginGraceTime 2\n{ANY_NAME}"));
    let pipe = server.account.home.join(".k5login");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let tickets = kdc.tickets(&server.account.name, &[]);
    let started = std::time::Instant::now();
    assert!(!is_in(&ssh(&kdc, &server, &tickets, &[], "echo in")));
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
    server.wait_for_log("Timeout before authentication for connection from 127.0.0.1");
    server.wait_until_idle();
}

/// What a client does instead of finishing an exchange; `sys.argv`: port, account, trick.
const HOSTILE: &str = r"
import asyncio, asyncssh, os, sys
from asyncssh.auth import _ClientGSSMICAuth as Auth
from asyncssh.packet import String, UInt32
TOKEN, COMPLETE, MIC = 61, 63, 66
port, account, trick = int(sys.argv[1]), sys.argv[2], sys.argv[3]
seen = []
def noted(handler):
    def note(self, pkttype, pktid, packet):
        seen.append(pkttype)
        return handler(self, pkttype, pktid, packet)
    return note
Auth._packet_handlers = {number: noted(handler) for number, handler in Auth._packet_handlers.items()}
def without_mic(self):
    self.send_packet(COMPLETE)
    self._conn.try_next_auth()
def mic_of_another_request(self):
    data = self._conn.get_userauth_request_data(b'publickey')
    self.send_packet(MIC, String(self._gss.sign(data)), trivial=False)
def mic_of_nothing(self):
    self.send_packet(MIC, String(bytes(28)), trivial=False)
def garbage(self, pkttype, pktid, packet):
    packet.get_string()
    self.send_packet(TOKEN, String(os.urandom(1000)))
def early_mic(self, pkttype, pktid, packet):
    packet.get_string()
    self.send_packet(MIC, String(bytes(28)), trivial=False)
    self.send_packet(TOKEN, String(b''))
count = 0
def again(self, pkttype, pktid, packet):
    global count
    count += 1
    packet.get_string()
    mechs = b''.join(String(mech) for mech in self._gss.mechs)
    asyncio.ensure_future(self.send_request(UInt32(len(self._gss.mechs)), mechs))
if trick in ('without_mic', 'mic_of_another_request', 'mic_of_nothing'):
    Auth._finish = globals()[trick]
elif trick != 'none':
    Auth._packet_handlers = {**Auth._packet_handlers, 60: globals()[trick]}
async def main():
    try:
        async with asyncssh.connect('127.0.0.1', port, username=account, known_hosts=None, config=None, agent_path=None,
                client_keys=[], preferred_auth=['gssapi-with-mic'], gss_host='127.0.0.1', gss_kex=False) as connection:
            print((await connection.run('echo in')).stdout.strip())
    except asyncssh.DisconnectError as error:
        print('out', count, error.reason, seen if trick == 'none' else '')
asyncio.run(asyncio.wait_for(main(), 30))
";

/// The whole exchange takes place for users who do not exist, and fails where it fails for those who do.
#[test]
fn cve_2018_15919_an_exchange_says_nothing_about_the_user() {
    let test = "cve_2018_15919_an_exchange_says_nothing_about_the_user";
    if !is_possible(test) || !has_python_module(test, "asyncssh") || !has_python_module(test, "gssapi") {
        return;
    }
    let kdc = Kdc::start();
    kdc.add_users(&["stranger"]);
    let server = server_in(&kdc, &format!("{TICKETS}{ANY_NAME}"));
    let tickets = kdc.tickets("stranger", &[]);
    let [of_account, of_nobody, of_itself] = [server.account.name.as_str(), "nosuchuser", "stranger"]
        .map(|user| hostile(&kdc, &server, &tickets, user, "none"));
    assert!(of_account.starts_with("out ") && of_account.contains("[60, 61]"), "{of_account}");
    assert_eq!(of_nobody, of_account.replace(&server.account.name, "nosuchuser"));
    assert_eq!(of_itself, of_account.replace(&server.account.name, "stranger"));
}

fn hostile(kdc: &Kdc, server: &Server, tickets: &str, user: &str, trick: &str) -> String {
    let output = run(Command::new("/usr/bin/python3")
        .args(["-W", "ignore", "-c", HOSTILE, &server.port.to_string(), user, trick])
        .env("KRB5_CONFIG", kdc.configuration())
        .env("KRB5CCNAME", tickets));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("in") || text.starts_with("out"), "{trick}: {output:?}");
    text
}

#[test]
fn an_exchange_without_its_proof_lets_nobody_in() {
    let test = "an_exchange_without_its_proof_lets_nobody_in";
    if !is_possible(test) || !has_python_module(test, "asyncssh") || !has_python_module(test, "gssapi") {
        return;
    }
    let kdc = Kdc::start();
    let server = server_in(&kdc, &format!("{TICKETS}MaxAuthTries 4\n{ANY_NAME}"));
    let tickets = kdc.tickets(&server.account.name, &[]);
    let tried = |trick: &str| hostile(&kdc, &server, &tickets, &server.account.name, trick);
    assert_eq!(tried("none"), "in\n");
    for trick in ["without_mic", "mic_of_another_request", "mic_of_nothing", "garbage", "early_mic"] {
        assert!(tried(trick).starts_with("out "), "{trick}");
    }
    server.wait_for_log("GSSAPI MIC check failed");
    // Exchanges that are given up half-way count (CVE-2026-60000).
    let given_up = tried("again");
    assert!(given_up.starts_with("out 4 Too many authentication failures"), "{given_up}");
    server.wait_for_log(&format!("maximum authentication attempts exceeded for {} ", server.account.name));
    assert_eq!(tried("none"), "in\n");
    server.wait_until_idle();
    assert_eq!(server.log().matches("sshd-preauth: ").count(), 0, "no process of ours misbehaves on a client's behalf");
}
