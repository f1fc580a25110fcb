//! UsePAM: passwords, dialogues and accounts by the system's modules.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use bulkhead_tests::{
    PamService, Scratch, Server, executable_of, needs_program, needs_root, run, title_of, wait_until,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const PASSWORD: &str = "correct horse battery";

/// Modules of an ordinary system, without the time that they let pass after a failure.
const UNIX: &str = "auth required pam_unix.so nodelay\naccount required pam_unix.so\n\
                    password required pam_unix.so\nsession required pam_permit.so\n";

/// Everything but authentication is content.
const CONTENT: &str =
    "account required pam_permit.so\npassword required pam_permit.so\nsession required pam_permit.so\n";

/// A server with PAM whose account has [`PASSWORD`], and its service; none without root.
fn server(test: &str, stack: &str, configuration: &str) -> Option<(Server, PamService)> {
    if !needs_root(test) {
        return None;
    }
    let service = PamService::new(stack);
    let server = Server::as_root(&format!("UsePAM yes\nPAMServiceName {}\n{configuration}", service.name));
    server.account.set_password(PASSWORD);
    Some((server, service))
}

/// `tests/src/pam_module.c`, built; none without a compiler.
fn module(test: &str, scratch: &Scratch) -> Option<PathBuf> {
    needs_program(test, "cc").then(|| bulkhead_tests::pam_module(scratch))
}

fn by_password(server: &Server, password: &str) -> Output {
    server.ssh_answering(&[password], &["-oPreferredAuthentications=password"], "echo in")
}

fn by_dialogue(server: &Server, answers: &[&str]) -> Output {
    server.ssh_answering(answers, &["-oPreferredAuthentications=keyboard-interactive"], "echo in")
}

fn is_in(output: &Output) -> bool {
    assert_eq!(output.status.success(), output.stdout == b"in\n", "{output:?}");
    output.status.success()
}

#[test]
fn passwords_by_both_methods() {
    let Some((server, _service)) = server("passwords_by_both_methods", UNIX, "") else { return };
    let name = server.account.name.clone();
    for log_in in [by_password, |server: &Server, password: &str| by_dialogue(server, &[password])] {
        assert!(is_in(&log_in(&server, PASSWORD)));
        assert!(!is_in(&log_in(&server, "wrong")) && !is_in(&log_in(&server, "")));
    }
    for line in [
        format!("Accepted password for {name} from 127.0.0.1 port "),
        format!("Failed password for {name} from 127.0.0.1 port "),
        format!("Accepted keyboard-interactive/pam for {name} from 127.0.0.1 port "),
        format!("Failed keyboard-interactive/pam for {name} from 127.0.0.1 port "),
        format!("Postponed keyboard-interactive for {name} from 127.0.0.1 port "),
        format!("PAM: Authentication failure for {name} from 127.0.0.1"),
    ] {
        server.wait_for_log(&line);
    }
    assert!(server.wait_for_log("Postponed").ends_with(" ssh2 [preauth]"));
    assert!(!server.log().contains("horse"), "a password in the log");
}

#[test]
fn a_turn_with_several_prompts() {
    let test = "a_turn_with_several_prompts";
    let scratch = Scratch::new();
    let Some(module) = module(test, &scratch) else { return };
    let stack = format!("auth required {} ask\nauth required pam_unix.so nodelay\n{CONTENT}", module.display());
    let Some((server, _service)) = server(test, &stack, "") else { return };
    let options = ["-oPreferredAuthentications=keyboard-interactive", "-oLogLevel=INFO"];
    let output = server.ssh_answering(&["1", "2", PASSWORD], &options, "echo in");
    assert!(is_in(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Two answers, please"), "{output:?}");
    let prompts = server.prompts();
    let places = ["One: ", "Two: ", "Password: "].map(|prompt| prompts.find(prompt).expect(prompt));
    assert!(places.is_sorted(), "{prompts}");
    server.wait_for_log("Postponed keyboard-interactive/pam for ");
    assert!(!is_in(&by_dialogue(&server, &["1", "3", PASSWORD])), "the second answer is wrong");
    assert!(!is_in(&by_dialogue(&server, &["1", "2", "wrong"])));
    // A password is no answer to a question whose answer may be seen.
    assert!(!is_in(&by_password(&server, PASSWORD)));
}

#[test]
fn a_module_that_means_another_user_lets_nobody_in() {
    let test = "a_module_that_means_another_user_lets_nobody_in";
    let scratch = Scratch::new();
    let Some(module) = module(test, &scratch) else { return };
    let module = module.display();
    for stack in [
        format!("auth required {module} become=root\n{CONTENT}"),
        format!("auth required pam_permit.so\naccount required {module} become=root\nsession required pam_permit.so\n"),
    ] {
        let Some((server, _service)) = server(test, &stack, "PermitRootLogin yes") else { return };
        assert!(!is_in(&by_password(&server, PASSWORD)) && !is_in(&by_dialogue(&server, &["x"])), "{stack}");
        assert!(!server.log().contains("Accepted "));
    }
}

#[test]
fn a_module_that_has_had_enough() {
    let test = "a_module_that_has_had_enough";
    let scratch = Scratch::new();
    let Some(module) = module(test, &scratch) else { return };
    let stack = format!("auth required {} again=1 maxtries\n{CONTENT}", module.display());
    let Some((server, _service)) = server(test, &stack, "") else { return };
    let output = server.ssh_answering(&["x"; 6], &["-oNumberOfPasswordPrompts=3"], "echo in");
    assert!(!is_in(&output));
    assert_eq!(server.prompts().lines().count(), 1, "one question, then no method that asks: {}", server.prompts());
    assert!(String::from_utf8_lossy(&output.stderr).contains("(publickey)."), "{output:?}");
}

/// Who cannot log in is asked the same, and no answer helps, even if the modules are content with any.
#[test]
fn nobody_gets_in_who_may_not() {
    let stack = format!("auth required pam_permit.so\n{CONTENT}");
    let Some((server, _service)) =
        server("nobody_gets_in_who_may_not", &stack, "DenyUsers daemon\nPermitRootLogin prohibit-password")
    else {
        return;
    };
    assert!(is_in(&by_password(&server, "anything")));
    for user in ["root", "daemon", "bht-nobody"] {
        for method in ["password", "keyboard-interactive"] {
            let method = format!("-oPreferredAuthentications={method}");
            let output = server.ssh_answering(&["anything"], &[&method, "-l", user], "echo in");
            assert!(!is_in(&output), "{user} by {method}");
        }
    }
    server.wait_for_log("PAM: User account has expired for illegal user bht-nobody from 127.0.0.1");
    assert!(!server.log().contains("Accepted keyboard"), "{}", server.log());
}

/// Prompts and answers are the same for accounts that exist and others (CVE-2007-2768).
#[test]
fn unknown_users_are_asked_the_same() {
    let Some((server, _service)) = server("unknown_users_are_asked_the_same", UNIX, "PermitRootLogin no") else {
        return;
    };
    let asked = |user: &str| {
        let options = ["-oPreferredAuthentications=keyboard-interactive,password", "-l", user];
        let output = server.ssh_answering(&["x"; 4], &options, "echo in");
        assert!(!is_in(&output));
        let said = String::from_utf8_lossy(&output.stderr).replace(user, "USER");
        (server.prompts().replace(user, "USER"), said)
    };
    let known = asked(&server.account.name);
    assert!(known.0.contains("assword:"), "{known:?}");
    for user in ["bht-nobody", "root", "daemon"] {
        assert_eq!(asked(user), known, "{user}");
    }
    server.wait_for_log(
        "PAM: User not known to the underlying authentication module for illegal user bht-nobody from 127.0.0.1",
    );
    server.wait_for_log("Failed keyboard-interactive/pam for invalid user bht-nobody from 127.0.0.1 port ");
    server.wait_for_log("Failed password for invalid user bht-nobody from 127.0.0.1 port ");
}

#[test]
fn accounts_that_pam_refuses_stay_out_with_any_credential() {
    let stack = "auth required pam_unix.so nodelay\naccount required pam_deny.so\nsession required pam_permit.so\n";
    let Some((server, _service)) = server("accounts_that_pam_refuses", stack, "") else { return };
    let by_key = server.ssh(&[], "echo in");
    assert!(!is_in(&by_key));
    let name = &server.account.name;
    let line = server.wait_for_log(&format!("Access denied for user {name} by PAM account configuration"));
    assert!(line.ends_with(" [preauth]"), "{line}");
    server.wait_for_log(&format!("Failed publickey for {name} "));
    assert!(!is_in(&by_password(&server, PASSWORD)) && !is_in(&by_dialogue(&server, &[PASSWORD])));
    assert!(!server.log().contains("Accepted publickey") && !server.log().contains("Accepted password"));
}

#[test]
fn locked_accounts_are_left_to_pam() {
    let Some((server, _service)) = server("locked_accounts_are_left_to_pam", UNIX, "") else { return };
    server.account.change("usermod", &["--lock"]);
    assert!(is_in(&server.ssh(&[], "echo in")), "the key lets in");
    assert!(!is_in(&by_password(&server, PASSWORD)));
    server.account.change("usermod", &["--expiredate", "1"]);
    assert!(!is_in(&server.ssh(&[], "echo in")), "pam_unix knows that the account has ended");
    server.wait_for_log("by PAM account configuration");
}

#[test]
fn empty_passwords_need_permission() {
    let test = "empty_passwords_need_permission";
    let Some((server, _service)) = server(test, &UNIX.replace("nodelay", "nodelay nullok"), "") else { return };
    server.account.change("passwd", &["--delete"]);
    assert!(!is_in(&by_password(&server, "")) && !is_in(&by_dialogue(&server, &[""])));
    drop(server);
    let stack = UNIX.replace("nodelay", "nodelay nullok");
    let Some((server, _service)) = super_permissive(test, &stack) else { return };
    server.account.change("passwd", &["--delete"]);
    assert!(is_in(&by_password(&server, "")));
    server.wait_for_log(&format!("Accepted none for {}", server.account.name));
}

fn super_permissive(test: &str, stack: &str) -> Option<(Server, PamService)> {
    server(test, stack, "PermitEmptyPasswords yes")
}

/// The stack asks for a new password in the same dialogue; by `password` nobody can be asked.
#[test]
fn an_expired_password_is_changed_in_the_dialogue() {
    let test = "an_expired_password_is_changed_in_the_dialogue";
    let Some((server, _service)) = server(test, UNIX, "") else { return };
    server.account.change("chage", &["--lastday", "0"]);
    let forced = by_password(&server, PASSWORD);
    assert_eq!(forced.status.code(), Some(1), "{forced:?}");
    let said = String::from_utf8_lossy(&forced.stderr).into_owned();
    assert!(said.contains("WARNING: Your password has expired.\n"), "{said}");
    assert!(said.contains("Password change required but no TTY available.\n"), "{said}");
    assert!(forced.stdout.is_empty());
    let new = "quite another Passw0rd 17";
    assert!(!is_in(&by_dialogue(&server, &[PASSWORD, PASSWORD, new, "a mistyped one"])));
    assert!(is_in(&by_dialogue(&server, &[PASSWORD, PASSWORD, new, new])), "{}", server.prompts());
    assert!(is_in(&by_password(&server, new)) && !is_in(&by_password(&server, PASSWORD)));
}

#[test]
fn devices_are_named_whole_and_used_once() {
    let test = "devices_are_named_whole_and_used_once";
    if !bulkhead_tests::has_python_module(test, "paramiko") {
        return;
    }
    let Some((server, _service)) = server(test, UNIX, "MaxAuthTries 3") else { return };
    // Prints how often it was asked for each list of submethods.
    let client = r"
import sys, paramiko
port, user, password = int(sys.argv[1]), sys.argv[2], sys.argv[3]
for devices in sys.argv[4:]:
    asked = 0
    def answer(title, instructions, prompts):
        global asked
        asked += len(prompts)
        return [password for _ in prompts]
    t = paramiko.Transport(('127.0.0.1', port)); t.start_client(timeout=30)
    try:
        t.auth_interactive(user, answer, submethods=devices); outcome = 'in'
    except paramiko.SSHException:
        outcome = 'out'
    print(devices, asked, outcome); t.close()
";
    let devices = |password: &str, lists: &[&str]| {
        let mut client = Command::new("/usr/bin/python3");
        client.args(["-c", client_source(), &server.port.to_string(), &server.account.name, password]).args(lists);
        let output = run(&mut client);
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    fn client_source() -> &'static str {
        CLIENT.get().expect("set")
    }
    static CLIENT: std::sync::OnceLock<&'static str> = std::sync::OnceLock::new();
    let _ = CLIENT.set(client);
    assert_eq!(devices(PASSWORD, &["", "pam", "skey,pam"]), " 1 in\npam 1 in\nskey,pam 1 in\n");
    assert_eq!(devices(PASSWORD, &["pa", "pamx", "skey"]), "pa 0 out\npamx 0 out\nskey 0 out\n");
    // CVE-2015-5600: each name gave one more attempt.
    let many = vec!["pam"; 100].join(",");
    assert_eq!(devices("wrong", &[&many]), format!("{many} 1 out\n"));
}

#[test]
fn methods_can_ask_for_the_device() {
    let test = "methods_can_ask_for_the_device";
    let Some((right, _service)) = server(test, UNIX, "AuthenticationMethods keyboard-interactive:pam") else { return };
    assert!(is_in(&by_dialogue(&right, &[PASSWORD])) && !is_in(&by_password(&right, PASSWORD)));
    let Some((other, _service)) = server(test, UNIX, "AuthenticationMethods keyboard-interactive:pam2") else { return };
    assert!(!is_in(&by_dialogue(&other, &[PASSWORD])));
    assert_eq!(other.prompts(), "");
    let both = "AuthenticationMethods publickey,keyboard-interactive";
    let Some((both, _service)) = server(test, UNIX, both) else { return };
    assert!(!is_in(&both.ssh(&[], "echo in")), "the key alone");
    let output = both.ssh_answering(&[PASSWORD], &["-oPubkeyAuthentication=yes"], "echo in");
    assert!(is_in(&output), "{output:?}");
}

/// A client that tries something else in the middle of a dialogue: the dialogue counts, and the other attempt is
/// looked at.
#[test]
fn a_dialogue_can_be_abandoned() {
    let test = "a_dialogue_can_be_abandoned";
    if !bulkhead_tests::has_python_module(test, "paramiko") {
        return;
    }
    let Some((server, _service)) = server(test, UNIX, "MaxAuthTries 4") else { return };
    let client = r"
import sys, paramiko
port, user, password, times = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
t = paramiko.Transport(('127.0.0.1', port)); t.start_client(timeout=30)
def request(method, *fields):
    m = paramiko.Message()
    m.add_byte(bytes([50])); m.add_string(user); m.add_string('ssh-connection'); m.add_string(method)
    for field in fields:
        m.add_boolean(field) if isinstance(field, bool) else m.add_string(field)
    t._send_message(m)
def answer(title, instructions, prompts):
    for _ in range(times):
        request('keyboard-interactive', '', '')
    request('password', False, password)
    return [password for _ in prompts]
try:
    t.auth_interactive(user, answer); print('in', t.is_authenticated())
except paramiko.SSHException as e:
    print('out')
";
    let outcome = |password: &str, times: &str| {
        let mut python = Command::new("/usr/bin/python3");
        python.args(["-c", client, &server.port.to_string(), &server.account.name, password, times]);
        String::from_utf8_lossy(&run(&mut python).stdout).into_owned()
    };
    assert_eq!(outcome(PASSWORD, "0"), "in True\n");
    server.wait_for_log("Failed keyboard-interactive/pam for ");
    assert_eq!(outcome("wrong", "0"), "out\n");
    assert_eq!(outcome(PASSWORD, "20"), "out\n", "abandoned dialogues count towards MaxAuthTries");
    server.wait_for_log("maximum authentication attempts exceeded for ");
}

/// A module that hangs holds nobody's time but LoginGraceTime's, and no process stays behind.
#[test]
fn a_hanging_module_ends_with_the_grace_time() {
    let scratch = Scratch::new();
    let script = scratch.file("slow", "#!/bin/sh\nexec sleep 60\n");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let hang = |phase: &str| {
        let other = if phase == "auth" { "account required pam_permit.so" } else { "auth required pam_permit.so" };
        let stack = format!("{other}\n{phase} required pam_exec.so quiet {}\n", script.display());
        let Some((server, _service)) = server("a_hanging_module", &stack, "LoginGraceTime 1") else { return };
        let began = Instant::now();
        assert!(!is_in(&by_password(&server, PASSWORD)));
        assert!(began.elapsed() < Duration::from_secs(20), "{phase}: {:?}", began.elapsed());
        server.wait_for_log("Timeout before authentication for connection from 127.0.0.1 to 127.0.0.1");
        wait_until("the monitor has gone", || !server.descendants().iter().any(|pid| is_monitor(*pid)));
    };
    std::thread::scope(|scope| ["auth", "account"].map(|phase| scope.spawn(move || hang(phase))).map(drop));
}

fn is_monitor(pid: i32) -> bool {
    executable_of(pid) == "sshd-monitor"
}

/// The process on the network dies while a module works: the connection is over at once.
#[test]
fn a_hanging_module_ends_with_the_process_on_the_network() {
    let scratch = Scratch::new();
    let script = scratch.file("slow", format!("#!/bin/sh\ntouch {}\nexec sleep 60\n", scratch.path("begun").display()));
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let stack = format!("auth required pam_exec.so quiet {}\n{CONTENT}", script.display());
    let Some((server, _service)) = server("a_hanging_module_ends_with_the_process", &stack, "") else { return };
    std::thread::scope(|scope| {
        let client = scope.spawn(|| by_password(&server, PASSWORD));
        wait_until("the module works", || scratch.path("begun").exists());
        let on_network = server.descendants().into_iter().find(|pid| title_of(*pid).ends_with(" [net]"));
        kill(Pid::from_raw(on_network.expect("a process before login")), Signal::SIGKILL).unwrap();
        wait_until("the monitor has gone", || !server.descendants().iter().any(|pid| is_monitor(*pid)));
        assert!(!is_in(&client.join().unwrap()));
    });
}

/// A server of one's own: what needs root in a module fails, the rest holds.
#[test]
fn a_server_that_an_ordinary_user_started() {
    if !needs_root("a_server_that_an_ordinary_user_started") {
        return;
    }
    for (account, expected) in [("pam_permit.so", true), ("pam_deny.so", false)] {
        let service = PamService::new(&format!(
            "auth required pam_permit.so\naccount required {account}\nsession required pam_permit.so\n"
        ));
        let configuration = format!("UsePAM yes\nPAMServiceName {}", service.name);
        let server = Server::as_ordinary_user(&configuration);
        assert_eq!(is_in(&server.ssh(&[], "echo in")), expected, "{account}");
        assert_eq!(is_in(&by_password(&server, "anything")), expected, "{account}");
    }
}

#[test]
fn without_the_library_nothing_starts() {
    let test = "without_the_library_nothing_starts";
    if !needs_root(test) || !needs_program(test, "unshare") {
        return;
    }
    let server = Server::as_root("UsePAM no");
    let configuration = server
        .scratch
        .file("with_pam", format!("UsePAM yes\nHostKey {}\n", server.scratch.path("host_ed25519").display()));
    let sshd = bulkhead_tests::binaries().join("sshd");
    let test_it = |hide: &str| {
        let script = format!("{hide}exec {} -t -f {}", sshd.display(), configuration.display());
        run(Command::new("unshare").args(["--mount", "sh", "-c", &script]))
    };
    assert!(test_it("").status.success());
    let hide = "for f in $(ldconfig -p | sed -n 's/.*libpam.so.0 .*=> //p'); do mount --bind /dev/null $f; done; ";
    let output = test_it(hide);
    assert_eq!(output.status.code(), Some(255), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("UsePAM is yes, and PAM cannot be used: ") && said.contains("libpam.so.0"), "{said}");
}
