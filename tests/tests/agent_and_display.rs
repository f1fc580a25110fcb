//! `ssh -A` and `ssh -X`: commands here use the client's agent and its display, and nobody else does.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bulkhead_tests::{
    Scratch, Server, executable_of, make_key, needs_program, needs_root, public_half, run, wait_until,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// An agent with one key, for as long as a test lasts.
struct Agent {
    process: Child,
    socket: PathBuf,
}

impl Agent {
    fn start(scratch: &Scratch) -> Self {
        let socket = scratch.path("agent.socket");
        let process = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
        wait_until("the agent listens", || socket.exists());
        let key = make_key(scratch, "in_agent", &["-t", "ed25519"]);
        let added = run(Command::new("ssh-add").arg("-q").arg(key).env("SSH_AUTH_SOCK", &socket));
        assert!(added.status.success(), "{added:?}");
        Self { process, socket }
    }

    fn client(&self, server: &Server, options: &[&str], command: &str) -> Command {
        let mut client = Command::new("ssh");
        client.arg("-o").arg(format!("IdentityAgent={}", self.socket.display())).args(server.client_options());
        client.args(options).arg(server.login()).arg(command).env("SSH_AUTH_SOCK", &self.socket);
        client
    }

    fn ssh(&self, server: &Server, options: &[&str], command: &str) -> String {
        let output = run(&mut self.client(server, options, command));
        assert!(output.status.success(), "{output:?}\n{}", server.log());
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn sockets_in(folder: &Path) -> usize {
    fs::read_dir(folder)
        .map_or(0, |found| found.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_socket())).count())
}

#[test]
fn commands_use_the_clients_agent() {
    let server = Server::any("");
    let agent = Agent::start(&server.scratch);
    let listed = agent.ssh(&server, &["-A"], "ssh-add -l; stat -c '%a %U' $SSH_AUTH_SOCK; echo $SSH_AUTH_SOCK");
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].contains("in_agent (ED25519)"), "{listed}");
    assert_eq!(lines[1], format!("600 {}", server.account.name));
    let folder = server.account.home.join(".ssh/agent");
    assert!(Path::new(lines[2]).starts_with(&folder), "{listed}");
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(&folder).unwrap().uid(), server.account.uid);
    wait_until("the socket is removed", || sockets_in(&folder) == 0);
    assert_eq!(agent.ssh(&server, &[], "echo ${SSH_AUTH_SOCK-none}"), "none", "nobody has asked for it");
    server.wait_for_log("auth-agent@openssh.com");
}

#[test]
fn an_agent_that_is_not_to_be_forwarded() {
    for configuration in ["AllowAgentForwarding no", "DisableForwarding yes"] {
        let server = Server::any(configuration);
        let agent = Agent::start(&server.scratch);
        assert_eq!(agent.ssh(&server, &["-A"], "echo ${SSH_AUTH_SOCK-none}"), "none", "{configuration}");
    }
    let server = Server::any("");
    let agent = Agent::start(&server.scratch);
    let key = public_half(&server.scratch.path("login_key"));
    for (options, expected) in [
        ("no-agent-forwarding ", "none"),
        ("restrict ", "none"),
        ("restrict,agent-forwarding ", "there"),
        ("restrict,pty ", "none"),
    ] {
        fs::write(server.scratch.path("authorized_keys"), format!("{options}{key}")).unwrap();
        let shown = agent.ssh(&server, &["-A"], "echo ${SSH_AUTH_SOCK:+there}${SSH_AUTH_SOCK-none}");
        assert!(shown.starts_with(expected), "{options}: {shown}");
    }
}

#[test]
fn sessions_share_one_socket_and_it_goes_when_the_session_process_is_killed() {
    let server = Server::any("");
    let agent = Agent::start(&server.scratch);
    let control = format!("ControlPath={}", server.scratch.path("control").display());
    let master = ["-A", "-o", &control, "-o", "ControlMaster=yes"];
    let mut first = agent.client(&server, &master, "echo $SSH_AUTH_SOCK; exec sleep 1000");
    let mut first = first.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut shown = String::new();
    let mut output = std::io::BufReader::new(first.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut shown).unwrap();
    let second = agent.ssh(&server, &["-A", "-o", &control], "echo $SSH_AUTH_SOCK; ssh-add -l");
    assert_eq!(second.lines().next(), Some(shown.trim()));
    assert!(second.contains("in_agent"), "{second}");
    let folder = server.account.home.join(".ssh/agent");
    assert_eq!(sockets_in(&folder), 1);
    let is_session = |pid: &i32| executable_of(*pid).ends_with("sshd-session");
    let session = server.descendants().into_iter().find(is_session).expect("a session process");
    kill(Pid::from_raw(session), Signal::SIGKILL).unwrap();
    first.wait().unwrap();
    wait_until("the socket is removed", || sockets_in(&folder) == 0);
    server.wait_until_idle();
}

/// A display of the client, with a cookie that `xauth` knows.
struct Display {
    process: Child,
    number: u32,
    xauthority: PathBuf,
}

impl Display {
    fn start(scratch: &Scratch) -> Self {
        let xauthority = scratch.path("Xauthority");
        let chosen = scratch.path("display");
        let cookie = "0123456789abcdef0123456789abcdef";
        // The server reads its cookies before it has chosen its number.
        let add = |display: &str| {
            let mut add = Command::new("xauth");
            let added = run(add.arg("-f").arg(&xauthority).args(["add", display, "MIT-MAGIC-COOKIE-1", cookie]));
            assert!(added.status.success(), "{added:?}");
        };
        add(":0");
        let script = format!(
            "exec 3>{}; exec Xvfb -displayfd 3 -screen 0 64x64x8 -nolisten tcp -auth {}",
            chosen.display(),
            xauthority.display()
        );
        let process = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).spawn().unwrap();
        let number = || fs::read_to_string(&chosen).ok()?.trim().parse::<u32>().ok();
        wait_until("the display is there", || number().is_some());
        let number = number().unwrap();
        add(&format!(":{number}"));
        Self { process, number, xauthority }
    }

    fn ssh(&self, server: &Server, options: &[&str], command: &str) -> String {
        let mut client = server.client("ssh");
        client.args(options).arg(server.login()).arg(command);
        client.env("DISPLAY", format!(":{}", self.number)).env("XAUTHORITY", &self.xauthority);
        let output = run(&mut client);
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        text + &String::from_utf8_lossy(&output.stderr)
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn has_x(test: &str) -> bool {
    ["Xvfb", "xauth", "xdpyinfo"].iter().all(|program| needs_program(test, program))
}

#[test]
fn x_clients_reach_the_clients_display() {
    if !has_x("x_clients_reach_the_clients_display") {
        return;
    }
    let server = Server::any("X11Forwarding yes\nX11DisplayOffset 40");
    let display = Display::start(&server.scratch);
    let shown = display.ssh(&server, &["-Y"], "echo $DISPLAY; xdpyinfo | grep dimensions; xauth list $DISPLAY");
    assert!(shown.starts_with("localhost:4") && shown.contains("64x64 pixels"), "{shown}\n{}", server.log());
    assert!(shown.contains("MIT-MAGIC-COOKIE-1"), "{shown}");
    // A client asks for the display first, then for its terminal.
    let shown = display.ssh(&server, &["-Y", "-tt"], "tty; xdpyinfo | grep dimensions");
    assert!(shown.starts_with("/dev/pts/") && shown.contains("64x64 pixels"), "{shown}");
    // Without the cookie nobody is let in, and after the session nobody is there.
    let refused = display.ssh(&server, &["-Y"], "XAUTHORITY=/dev/null xdpyinfo 2>&1 | grep -c unable");
    assert!(refused.starts_with('1'), "{refused}");
    server.wait_for_log("x11");
    server.wait_until_idle();
}

#[test]
fn displays_that_are_not_to_be_forwarded() {
    if !has_x("displays_that_are_not_to_be_forwarded") {
        return;
    }
    let configurations =
        ["", "X11Forwarding yes\nDisableForwarding yes", "X11Forwarding yes\nXAuthLocation /nonexistent"];
    for configuration in configurations {
        let server = Server::any(configuration);
        let display = Display::start(&server.scratch);
        assert!(display.ssh(&server, &["-Y"], "echo ${DISPLAY-none}").contains("none"), "{configuration}");
    }
    let server = Server::any("X11Forwarding yes");
    let display = Display::start(&server.scratch);
    let key = public_half(&server.scratch.path("login_key"));
    for (options, expected) in [("no-x11-forwarding ", "none"), ("restrict,x11-forwarding ", "localhost:")] {
        fs::write(server.scratch.path("authorized_keys"), format!("{options}{key}")).unwrap();
        let shown = display.ssh(&server, &["-Y"], "echo ${DISPLAY-none}");
        assert!(shown.contains(expected), "{options}: {shown}");
    }
}

#[test]
fn the_file_that_runs_before_gets_the_cookie_instead_of_xauth() {
    const NAME: &str = "the_file_that_runs_before_gets_the_cookie_instead_of_xauth";
    if !needs_root(NAME) || !has_x(NAME) {
        return;
    }
    let server = Server::as_root("X11Forwarding yes");
    let display = Display::start(&server.scratch);
    server.account.home_file(".ssh/rc", "read protocol cookie; echo \"rc $protocol $DISPLAY\" >&2\n", 0o644);
    let shown = display.ssh(&server, &["-Y"], "true");
    assert!(shown.contains("rc MIT-MAGIC-COOKIE-1 localhost:"), "{shown}");
}

/// CVE-2016-3115: what a client sends as protocol or cookie becomes commands of xauth(1).
#[test]
fn cookies_cannot_carry_commands() {
    if !needs_program("cookies_cannot_carry_commands", "python3") || !has_x("cookies_cannot_carry_commands") {
        return;
    }
    let server = Server::any("X11Forwarding yes");
    let shown = with_paramiko(
        &server,
        "def asked(protocol, cookie):\n\
         \x20   channel = client.get_transport().open_session()\n\
         \x20   try: channel.request_x11(auth_protocol=protocol, auth_cookie=cookie, handler=lambda *_: None)\n\
         \x20   except paramiko.SSHException: return 'refused'\n\
         \x20   return 'taken'\n\
         print(asked('MIT-MAGIC-COOKIE-1', '0123abcd'), asked('MIT-MAGIC-COOKIE-1', '00\\nextract /tmp/x :0'),\n\
         \x20     asked('A\\nB', '00'), asked('MIT-MAGIC-COOKIE-1', '00 11'))\n",
    );
    assert_eq!(shown, "taken refused refused refused", "{}", server.log());
}

/// `single_connection` of RFC 4254 section 6.3.1
#[test]
fn a_display_for_one_client_takes_one() {
    if !needs_program("a_display_for_one_client_takes_one", "python3") || !has_x("a_display_for_one_client_takes_one") {
        return;
    }
    let server = Server::any("X11Forwarding yes");
    for (single, expected) in [("True", "gone"), ("False", "stays")] {
        let script = format!(
            "channel = client.get_transport().open_session()\n\
             channel.request_x11(auth_cookie='00', single_connection={single}, handler=lambda *_: None)\n\
             channel.exec_command(\"\"\"exec /usr/bin/python3 -c '\n\
             import os, socket, time\n\
             port = 6000 + int(os.environ[\"DISPLAY\"].split(\":\")[1].split(\".\")[0])\n\
             first = socket.create_connection((\"127.0.0.1\", port))\n\
             for attempt in range(50):\n\
             \x20   try: socket.create_connection((\"127.0.0.1\", port)).close()\n\
             \x20   except OSError: print(\"gone\"); break\n\
             \x20   time.sleep(0.02)\n\
             else: print(\"stays\")'\"\"\")\n\
             print(channel.makefile().read().decode().strip())\n"
        );
        assert_eq!(with_paramiko(&server, &script), expected, "{}", server.log());
    }
}

/// What a script prints that has a connected `client`.
fn with_paramiko(server: &Server, script: &str) -> String {
    let script = format!(
        "import paramiko\n\
         key = paramiko.Ed25519Key.from_private_key_file('{key}')\n\
         client = paramiko.SSHClient(); client.set_missing_host_key_policy(paramiko.AutoAddPolicy())\n\
         client.connect('127.0.0.1', {port}, '{user}', pkey=key, allow_agent=False, look_for_keys=False)\n\
         {script}",
        key = server.scratch.path("login_key").display(),
        port = server.port,
        user = server.account.name,
    );
    let output = run(Command::new("/usr/bin/python3").args(["-c", &script]));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
