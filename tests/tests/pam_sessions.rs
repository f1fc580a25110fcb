//! PAM's part in sessions, for every method and every kind of command (CVE-2001-1459), and what commands learn of a login.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Output;

use bulkhead_tests::{PamService, Scratch, Server, executable_of, needs_root, public_half, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Every credential is enough.
const OPEN: &str = "auth required pam_permit.so\naccount required pam_permit.so\n";

fn server(test: &str, stack: &str, configuration: &str) -> Option<(Server, PamService)> {
    if !needs_root(test) {
        return None;
    }
    let service = PamService::new(&format!("{OPEN}{stack}"));
    let configuration = format!("UsePAM yes\nPAMServiceName {}\n{configuration}", service.name);
    Some((Server::as_root(&configuration), service))
}

/// A program for pam_exec that writes its environment to the end of a file.
fn witness(scratch: &Scratch) -> (PathBuf, PathBuf) {
    let file = scratch.path("witnessed");
    let script = scratch.file("witness", format!("#!/bin/sh\n{{ env | sort; echo; }} >>{}\n", file.display()));
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    (script, file)
}

fn text(path: &std::path::Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn modules_see_who_comes_from_where_and_how() {
    let scratch = Scratch::new();
    let (script, file) = witness(&scratch);
    let exec = format!("required pam_exec.so quiet {}", script.display());
    let service = format!("account {exec}\nsession {exec}\n");
    let Some((server, _service)) = server("modules_see_who_comes_from_where_and_how", &service, "") else { return };
    assert_eq!(server.ssh_ok(&[], "echo in"), "in\n");
    wait_until("the session is closed", || text(&file).contains("PAM_TYPE=close_session\n"));
    let seen = text(&file);
    let kinds: Vec<&str> = seen.lines().filter_map(|line| line.strip_prefix("PAM_TYPE=")).collect();
    assert_eq!(kinds, ["account", "open_session", "close_session"]);
    let key = public_half(&server.scratch.path("login_key"));
    let key = key.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let port = server.port;
    for block in seen.split("\n\n").filter(|block| !block.is_empty()) {
        for line in [
            format!("PAM_USER={}", server.account.name),
            "PAM_RHOST=127.0.0.1".to_owned(),
            "PAM_TTY=ssh".to_owned(),
            format!("SSH_AUTH_INFO_0=publickey {key}"),
        ] {
            assert!(block.lines().any(|seen| seen == line), "{line} in {block}");
        }
        assert!(
            block
                .lines()
                .any(|line| line.starts_with("SSH_CONNECTION=127.0.0.1 ")
                    && line.ends_with(&format!(" 127.0.0.1 {port}"))),
            "{block}"
        );
    }
}

/// A key and no terminal: limits and variables hold, and what is for modules stays with them.
#[test]
fn limits_and_variables_reach_commands_without_a_terminal() {
    let scratch = Scratch::new();
    let limits = scratch.file("limits", "* - nofile 777\n");
    let variables = scratch.file("variables", "FROM_PAM=yes\nXDG_RUNTIME_DIR=/run/user/of-pam\nMAIL=/of/pam\n");
    let stack = format!(
        "session required pam_limits.so conf={}\nsession required pam_env.so envfile={} conffile=/dev/null\n",
        limits.display(),
        variables.display()
    );
    let Some((server, _service)) = server("limits_and_variables_reach_commands", &stack, "") else { return };
    assert_eq!(server.ssh_ok(&[], "ulimit -Hn; ulimit -n"), "777\n777\n");
    let environment = server.ssh_ok(&[], "env");
    for line in ["FROM_PAM=yes", "XDG_RUNTIME_DIR=/run/user/of-pam", "MAIL=/of/pam"] {
        assert!(environment.lines().any(|seen| seen == line), "{line} in {environment}");
    }
    assert!(!environment.contains("SSH_AUTH_INFO"), "{environment}");
    assert_eq!(environment.matches("SSH_CONNECTION=").count(), 1);
    let batch = server.sftp(&[], "pwd\n");
    assert!(stdout(&batch).contains("Remote working directory"), "{batch:?}");
}

#[test]
fn a_session_that_pam_does_not_open() {
    let stack = "session required pam_deny.so\n";
    let Some((server, _service)) = server("a_session_that_pam_does_not_open", stack, "") else { return };
    let output = server.ssh(&[], "echo in");
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(254), ""), "{output:?}");
    server.wait_for_log("PAM: pam_open_session(): ");
    assert!(!server.sftp(&[], "pwd\n").status.success());
}

/// What modules tell is for whoever looks at a terminal; commands get no text that they do not expect.
#[test]
fn modules_messages_reach_the_user() {
    let scratch = Scratch::new();
    let told = scratch.file("told", "The tide comes at noon.\n");
    let login = scratch.file("login", "The ferry waits for nobody.\n");
    let stack = format!(
        "account optional pam_echo.so file={}\nsession optional pam_echo.so file={}\nsession required pam_permit.so\n",
        login.display(),
        told.display()
    );
    let Some((server, _service)) = server("modules_messages_reach_the_user", &stack, "PrintMotd no") else { return };
    let mut command = server.client_with("ssh", &["-oLogLevel=INFO"]);
    let command = bulkhead_tests::run(command.args([&server.login(), "echo in"]));
    assert_eq!(stdout(&command), "in\n");
    assert!(String::from_utf8_lossy(&command.stderr).contains("The ferry waits for nobody."), "a banner: {command:?}");
    let mut shell = server.client("ssh");
    shell.args(["-tt", &server.login()]);
    let shell = bulkhead_tests::run_with_input(&mut shell, b"exit\n");
    assert!(stdout(&shell).contains("The tide comes at noon."), "{shell:?}");
}

/// A monitor that is told to end closes the session and removes its file.
#[test]
fn a_session_is_closed_whoever_ends_it() {
    let scratch = Scratch::new();
    let (script, file) = witness(&scratch);
    let stack = format!("session required pam_exec.so quiet {}\n", script.display());
    let test = "a_session_is_closed_whoever_ends_it";
    let Some((server, _service)) = server(test, &stack, "ExposeAuthInfo yes") else { return };
    let mut client =
        server.client("ssh").arg(server.login()).arg("echo $SSH_USER_AUTH >began; sleep 60").spawn().unwrap();
    let began = server.account.home.join("began");
    wait_until("the command runs", || text(&began).ends_with('\n'));
    let exposed = PathBuf::from(text(&began).trim_end());
    assert!(exposed.exists());
    let monitor = server.descendants().into_iter().find(|pid| executable_of(*pid) == "sshd-monitor");
    kill(Pid::from_raw(monitor.expect("a monitor")), Signal::SIGTERM).unwrap();
    assert!(!client.wait().unwrap().success());
    wait_until("the session is closed", || text(&file).contains("PAM_TYPE=close_session\n"));
    wait_until("the file is gone", || !exposed.exists());
}

#[test]
fn how_somebody_logged_in_is_exposed_to_them_alone() {
    let test = "how_somebody_logged_in_is_exposed_to_them_alone";
    let configuration = "ExposeAuthInfo yes\nAuthenticationMethods publickey,password";
    let Some((server, _service)) = server(test, "session required pam_permit.so\n", configuration) else { return };
    let options = ["-oPubkeyAuthentication=yes"];
    let command = "stat -c '%a %U %n' $SSH_USER_AUTH; cat $SSH_USER_AUTH";
    let output = server.ssh_answering(&["anything"], &options, command);
    let key = public_half(&server.scratch.path("login_key"));
    let key = key.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let said = stdout(&output);
    let (facts, content) = said.split_once('\n').unwrap_or_else(|| panic!("{output:?}"));
    let name = facts.strip_prefix(&format!("600 {} ", server.account.name)).unwrap_or_else(|| panic!("{said}"));
    assert!(name.starts_with("/tmp/sshauth."), "{name}");
    assert_eq!(content, format!("publickey {key}\npassword\n"));
    wait_until("the file is gone", || !PathBuf::from(name).exists());
    server.configure("AuthenticationMethods publickey");
    server.signal(Signal::SIGHUP);
    server.wait_for_log("Received SIGHUP");
    wait_until("nothing is exposed", || {
        let output = server.ssh(&[], "echo [$SSH_USER_AUTH]");
        stdout(&output) == "[]\n"
    });
}

/// Every source names the same variable; with each that is left out, the next one wins.
#[test]
fn the_environment_s_sources_in_their_order() {
    let test = "the_environment_s_sources_in_their_order";
    let scratch = Scratch::new();
    let variables = scratch.file("variables", "A=pam\nB=pam\n");
    let stack = format!("session required pam_env.so envfile={} conffile=/dev/null\n", variables.display());
    let configuration = "AcceptEnv A B C D E\nPermitUserEnvironment yes\nSetEnv A=admin";
    let Some((server, _service)) = server(test, &stack, configuration) else { return };
    server.account.home_file(".ssh/environment", "# mine\n\n  A=file\nB=file\nC=file\nno variable\n=x\n", 0o600);
    let key = public_half(&server.scratch.path("login_key"));
    let options = ["A=key", "B=key", "C=key", "D=key"].map(|variable| format!("environment=\"{variable}\""));
    server.scratch.file("authorized_keys", format!("{} {key}", options.join(",")));
    let all = ["A", "B", "C", "D", "E"].map(|name| format!("-oSetEnv={name}=client"));
    // OpenSSH's client takes one SetEnv line.
    let one =
        format!("-oSetEnv={}", all.iter().map(|option| &option["-oSetEnv=".len()..]).collect::<Vec<_>>().join(" "));
    let seen = server.ssh_ok(&[&one], "echo $A $B $C $D $E");
    assert_eq!(seen, "admin pam file key client\n");

    server.configure("AcceptEnv A\nPermitUserEnvironment C*,X");
    server.signal(Signal::SIGHUP);
    server.wait_for_log("Received SIGHUP");
    wait_until("only C is permitted", || {
        server.ssh_ok(&[&one], "echo [$A] [$B] [$C] [$D]") == "[client] [] [file] []\n"
    });
    server.configure("PermitUserEnvironment no");
    server.signal(Signal::SIGHUP);
    wait_until("nothing is permitted", || server.ssh_ok(&[&one], "echo [$A] [$B] [$C] [$D]") == "[] [] [] []\n");
}

/// Files of the user are read with the user's own rights.
#[test]
fn an_environment_file_leads_nowhere_else() {
    let test = "an_environment_file_leads_nowhere_else";
    let scratch = Scratch::new();
    let Some((server, _service)) = server(test, "session required pam_permit.so\n", "PermitUserEnvironment yes") else {
        return;
    };
    let secret = scratch.file("secret", "SECRET=stolen\n");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(std::fs::metadata(&secret).unwrap().uid(), 0);
    let file = server.account.home_file(".ssh/environment", "", 0o600);
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&secret, &file).unwrap();
    assert_eq!(server.ssh_ok(&[], "echo [$SECRET]"), "[]\n");
}

/// pam_group and its like add groups with credentials: the user's processes have them.
#[test]
fn groups_that_modules_add_are_the_user_s() {
    let test = "groups_that_modules_add_are_the_user_s";
    let stack = "auth required pam_group.so\nsession required pam_permit.so\n";
    let configuration = std::path::Path::new("/etc/security/group.conf");
    let Some((server, service)) = server(test, stack, "") else { return };
    let _whole = bulkhead_tests::Borrowed::file(configuration, &format!("{};*;*;Al0000-2400;games\n", service.name));
    let groups = |output: Output| stdout(&output).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let by_password = server.ssh_answering(&["x"], &["-oPreferredAuthentications=password"], "id -Gn");
    assert!(groups(by_password).contains(&"games".to_owned()));
    assert!(groups(server.ssh(&[], "id -Gn")).contains(&server.account.name));
}
