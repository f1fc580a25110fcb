//! What people do in a session: commands, terminals, environment, signals, several sessions at once.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;
use std::time::Instant;

use bulkhead_tests::{Server, executable_of, run, run_with_input, status_of, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn text(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn commands_give_back_their_status_and_their_signal() {
    let server = Server::any("");
    assert_eq!(server.ssh(&[], "exit 42").status.code(), Some(42));
    assert_eq!(server.ssh(&[], "true").status.code(), Some(0));
    // ssh itself answers 255 when the command died of a signal.
    assert_eq!(server.ssh(&[], "kill -TERM $$").status.code(), Some(255));
    let output = server.ssh(&[], "echo out; echo err >&2");
    assert_eq!((text(&output).as_str(), String::from_utf8_lossy(&output.stderr).as_ref()), ("out\n", "err\n"));
}

#[test]
fn bytes_pass_both_ways_unchanged_and_each_way_ends_on_its_own() {
    let server = Server::any("");
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let echoed = run_with_input(server.client("ssh").arg(server.login()).arg("cat"), &bytes);
    assert!(echoed.status.success(), "{:?}", echoed.status);
    assert!(echoed.stdout == bytes, "{} bytes came back for {}", echoed.stdout.len(), bytes.len());
    let late = run_with_input(server.client("ssh").arg(server.login()).arg("sort; echo after the end"), b"b\na\n");
    assert_eq!(text(&late), "a\nb\nafter the end\n");
    // A reader that goes away early (eow@openssh.com) does not leave the other end writing for ever.
    let head = server.ssh(&[], "yes | head -n 2");
    assert_eq!(text(&head), "y\ny\n");
    let unread = run_with_input(server.client("ssh").arg(server.login()).arg("head -c 5"), &bytes);
    assert_eq!(unread.stdout, &bytes[..5]);
}

#[test]
fn a_command_that_does_not_read_does_not_stop_its_output() {
    let server = Server::any("");
    let input = vec![b'x'; 8 << 20];
    let output =
        run_with_input(server.client("ssh").arg(server.login()).arg("head -c 9000000 /dev/zero | wc -c"), &input);
    assert_eq!(text(&output), "9000000\n");
}

#[test]
fn terminals_have_a_size_modes_and_an_owner() {
    let server = Server::any("");
    let script = "stty size; tty; stat -c '%U %a' $(tty); stty -a | grep -o 'erase = [^;]*'; echo $TERM";
    let mut client = std::process::Command::new("script");
    let ssh = format!(
        "stty rows 33 cols 111 erase ^H; TERM=vt220 ssh -F none {} -tt {} \"{}\"",
        server.client_options().join(" "),
        server.login(),
        script.replace('$', "\\$")
    );
    // At the end of its own input script(1) types a NUL, which the far terminal would echo into some line.
    client.args(["-qec", &ssh, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut client = client.spawn().expect("script(1)");
    let silent_typist = client.stdin.take();
    let output = client.wait_with_output().expect("script(1)");
    drop(silent_typist);
    let lines: Vec<String> = text(&output).lines().map(|line| line.trim().to_owned()).collect();
    assert!(lines.iter().any(|line| line.ends_with("33 111")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("/dev/pts/")), "{lines:?}");
    let owner = lines.iter().find(|line| line.starts_with(&server.account.name)).expect("the owner of the terminal");
    assert!(owner.ends_with(" 620") || owner.ends_with(" 600"), "{owner}");
    assert!(lines.iter().any(|line| line == "erase = ^H"), "{lines:?}");
    assert!(lines.iter().any(|line| line == "vt220"), "{lines:?}");
    assert!(server.ssh(&[], "tty").status.code() == Some(1), "no terminal without asking for one");
}

#[test]
fn a_hang_up_ends_what_runs_on_the_terminal() {
    let server = Server::any("");
    let mut client = server
        .client("ssh")
        .args(["-tt"])
        .arg(server.login())
        .arg("echo $$; exec sleep 1000")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(client.stdout.take().unwrap()), &mut line).unwrap();
    let pid: i32 = line.trim().parse().expect("the command's process id");
    client.kill().unwrap();
    client.wait().unwrap();
    wait_until("the command is gone", || !std::path::Path::new(&format!("/proc/{pid}")).exists());
    server.wait_until_idle();
}

/// A monitor that comes late finds the command ended, the process that serves the client gone, and what that one has said.
#[test]
fn what_a_session_process_says_last_is_heard() {
    let server = Server::any("");
    let mut client = server.client("ssh");
    client.args(["-tt", &server.login(), "echo up; exec sleep 1000"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut client = client.spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(client.stdout.take().unwrap()), &mut line).unwrap();
    assert_eq!(line, "up\r\n");
    let family = server.descendants();
    let named = |name: &str| *family.iter().find(|pid| executable_of(**pid).ends_with(name)).expect(name);
    wait_until("the command runs", || {
        server.descendants().into_iter().any(|pid| executable_of(pid).ends_with("sleep"))
    });
    let command = server.descendants().into_iter().find(|pid| executable_of(*pid).ends_with("sleep")).unwrap();
    let (monitor, session) = (named("sshd-monitor"), named("sshd-session"));
    kill(Pid::from_raw(monitor), Signal::SIGSTOP).unwrap();
    let is = |pid: i32, state: char| status_of(pid, "State").starts_with(state);
    wait_until("the monitor sleeps", || is(monitor, 'T'));
    client.kill().unwrap();
    client.wait().unwrap();
    wait_until("both have ended", || is(session, 'Z') && is(command, 'Z'));
    kill(Pid::from_raw(monitor), Signal::SIGCONT).unwrap();
    server.wait_until_idle();
    let account = server.wait_for_log("Session ended: command for ");
    assert!(account.contains("sent 4, received 0 bytes"), "{account}");
    server.wait_for_log("Connection closed by 127.0.0.1");
}

#[test]
fn twenty_logins_at_once_lose_nothing() {
    let server = Server::any("MaxStartups 100");
    let written: String = (100_000..130_000).map(|number| format!("{number}\n")).collect();
    std::thread::scope(|scope| {
        let login = |terminal: bool| {
            let (options, first): (&[&str], _) = if terminal { (&["-tt"], "stty -opost; ") } else { (&[], "") };
            let output = server.ssh(options, &format!("{first}exec seq 100000 129999"));
            assert!(output.status.success(), "{output:?}");
            assert!(output.stdout == written.as_bytes(), "{} of {} bytes", output.stdout.len(), written.len());
        };
        (0..20).for_each(|number| drop(scope.spawn(move || login(number % 2 == 0))));
    });
    server.wait_until_idle();
}

#[test]
fn clients_killed_in_the_middle_leave_nothing() {
    let server = Server::any("");
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", server.pid())).map(Iterator::count).ok();
    server.ssh_ok(&[], "true");
    server.wait_until_idle();
    let before = descriptors();
    for number in 0..10 {
        let options: &[&str] = if number % 2 == 0 { &["-tt"] } else { &["-T"] };
        let mut client = server.client("ssh");
        client.args(options).arg(server.login()).arg("yes").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut client = client.spawn().unwrap();
        let mut some = [0; 100_000];
        std::io::Read::read_exact(client.stdout.as_mut().unwrap(), &mut some).unwrap();
        client.kill().unwrap();
        client.wait().unwrap();
    }
    server.wait_until_idle();
    // The listener hears of an end a moment after the process has gone.
    wait_until("the listener has as many descriptors as before", || descriptors() == before);
    let user = server.account.uid.to_string();
    let commands = || text(&run(std::process::Command::new("pgrep").args(["-u", &user, "-x", "yes"])));
    wait_until("the commands have noticed", || commands().is_empty());
}

#[test]
fn only_accepted_variables_arrive() {
    let server = Server::any("AcceptEnv LC_* GIT_DIR\nSetEnv FROM_SERVER=yes");
    let options =
        ["-o", "SetEnv=LC_TEST=1", "-o", "SetEnv=LC_TEST=1 GIT_DIR=/g LD_PRELOAD=/evil.so BASH_ENV=/evil IFS=x"];
    let environment = server.ssh_ok(&options[2..], "env");
    let has = |line: &str| environment.lines().any(|existing| existing == line);
    assert!(has("LC_TEST=1") && has("GIT_DIR=/g") && has("FROM_SERVER=yes"), "{environment}");
    assert!(!environment.contains("LD_PRELOAD") && !environment.contains("BASH_ENV"), "{environment}");
    for name in ["USER", "LOGNAME"] {
        assert!(has(&format!("{name}={}", server.account.name)), "{name}: {environment}");
    }
    assert!(has(&format!("HOME={}", server.account.home.display())), "{environment}");
    let connection = environment.lines().find_map(|line| line.strip_prefix("SSH_CONNECTION=")).expect("SSH_CONNECTION");
    let fields: Vec<&str> = connection.split(' ').collect();
    assert_eq!((fields[0], fields[2], fields[3]), ("127.0.0.1", "127.0.0.1", server.port.to_string().as_str()));
}

#[test]
fn values_of_variables_are_any_bytes() {
    let server = Server::any("AcceptEnv LC_*");
    let mut client = server.client("ssh");
    client.env("LC_PLACE", OsStr::from_bytes(b"caf\xe9")).args(["-o", "SendEnv=LC_PLACE"]);
    let output = run(client.arg(server.login()).arg("printf %s \"$LC_PLACE\""));
    assert_eq!(output.stdout, b"caf\xe9", "{output:?}");
}

/// A client that only waits for answers would never be sent the rest of them: both streams share the channel's window.
#[test]
fn what_a_subsystem_says_on_standard_error_holds_nobody_up() {
    let server = Server::any("Subsystem noisy head -c 5000000 /dev/zero >&2; echo answer");
    let output = run(server.client("ssh").args(["-s", &server.login(), "noisy"]));
    assert_eq!((text(&output).as_str(), output.stderr.len()), ("answer\n", 0), "{:?}", output.status);
}

#[test]
fn a_subsystem_whose_name_is_no_text_is_one_that_is_not_there() {
    let server = Server::any("");
    let output = run(server.client("ssh").args(["-s", &server.login()]).arg(OsStr::from_bytes(b"\xff")));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(255), "{said}");
    assert!(said.contains("subsystem request failed"), "{said}");
    server.wait_for_log("failed, subsystem not found");
}

#[test]
fn fifty_commands_share_one_connection() {
    let server = Server::any("");
    let socket = server.scratch.path("control");
    let path = format!("ControlPath={}", socket.display());
    let mut master =
        server.client("ssh").args(["-o", "ControlMaster=yes", "-o", &path, "-N"]).arg(server.login()).spawn().unwrap();
    wait_until("the control socket is there", || socket.exists());
    for number in 0..50 {
        let output = server.ssh(&["-o", "ControlMaster=no", "-o", &path], &format!("echo {number}"));
        assert_eq!(text(&output), format!("{number}\n"), "{output:?}");
    }
    let accepted = server.log().matches("Accepted publickey").count();
    assert_eq!(accepted, 1, "all commands went over one login");
    run(server.client("ssh").args(["-o", &path, "-O", "exit"]).arg(server.login()));
    master.wait().unwrap();
    server.wait_until_idle();
}

#[test]
fn max_sessions_is_a_limit() {
    let server = Server::any("MaxSessions 2");
    let path = format!("ControlPath={}", server.scratch.path("control").display());
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut child = server
            .client("ssh")
            .args(["-o", "ControlMaster=auto", "-o", &path])
            .arg(server.login())
            .arg("echo up; cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
        assert_eq!(line, "up\n");
        held.push(child);
    }
    let third = server.ssh(&["-o", "ControlMaster=no", "-S", &path[12..]], "echo third");
    assert!(!third.status.success() || server.log().matches("Accepted publickey").count() > 1, "{third:?}");
    for mut child in held.into_iter().rev() {
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}

#[test]
fn a_background_process_does_not_hold_the_session() {
    let server = Server::any("");
    let before = Instant::now();
    assert_eq!(server.ssh_ok(&[], "sleep 600 >/dev/null 2>&1 & echo started"), "started\n");
    assert!(before.elapsed().as_secs() < 60);
    server.ssh_ok(&[], "pkill -x -u $(id -u) sleep || true");
}

/// Whoever typed `nohup … &` and `exit` wants to be back: as theirs, and unlike with pipes, it does not matter who holds the
/// terminal.
#[test]
fn a_background_process_on_the_terminal_does_not_hold_the_session() {
    let server = Server::any("");
    let background = "trap '' HUP; sleep 1000 & echo $!; seq 20000; exit 3";
    let output = server.ssh(&["-tt"], background);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let printed = text(&output).replace('\r', "");
    let (pid, rest) = printed.split_once('\n').expect("a process id");
    let numbers: String = (1..=20_000).map(|number| format!("{number}\n")).collect();
    assert!(rest == numbers, "{} of {} bytes", rest.len(), numbers.len());
    let pid = Pid::from_raw(pid.parse().expect("a process id"));
    kill(pid, Signal::SIGKILL).expect("it has outlived its session");
    server.wait_until_idle();
}

#[test]
fn login_shells_are_login_shells() {
    let server = Server::any("");
    let output = run_with_input(
        server.client("ssh").args(["-T"]).arg(server.login()),
        b"echo $0; shopt -q login_shell && echo login\n",
    );
    assert!(text(&output).contains("-bash\nlogin\n"), "{output:?}");
}
