//! What editors that work on another host do to one connection: a dynamic forwarding, a Unix-domain socket of a program that
//! they have started there, many short channels, commands that talk without end, bursts, and new keys in between.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

use bulkhead_tests::traffic::{bytes, connect_path, echo_service, free_port, there_and_back, through_socks};
use bulkhead_tests::{Server, executable_of, run, wait_until};

/// The program on the host: it sends back what it gets on a socket in the home, and says when it is there.
const PROGRAM: &str = r#"
import socket, sys, threading
listener = socket.socket(socket.AF_UNIX); listener.bind(sys.argv[1]); listener.listen(128)
print("ready", flush=True)
def serve(peer):
    while data := peer.recv(65536): peer.sendall(data)
    peer.close()
while True: threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
"#;

/// An ordinary tester's servers share a home.
fn socket_in_home(server: &Server) -> PathBuf {
    server.account.home.join(format!("editor-{}.sock", server.port))
}

/// A master connection with its forwardings.
struct Editor<'a> {
    server: &'a Server,
    master: Child,
    control: PathBuf,
    proxy: u16,
    local: PathBuf,
    /// Where the master tells what it does.
    told: PathBuf,
}

impl<'a> Editor<'a> {
    fn connect(server: &'a Server) -> Self {
        let path = |name: &str| server.scratch.path(name);
        let (control, local, told, proxy) = (path("control"), path("local.sock"), path("told"), free_port());
        let remote = socket_in_home(server);
        let forward = format!("{}:{}", local.display(), remote.display());
        let mut master = server.client_with("ssh", &["-v", "-o", "LogLevel=DEBUG1"]);
        master.args(["-M", "-N", "-D", &proxy.to_string(), "-L", &forward, "-S"]).arg(&control).arg(server.login());
        let master = master.stderr(fs::File::create(&told).unwrap()).spawn().expect("ssh");
        wait_until("the control socket is there", || control.exists());
        Self { server, master, control, proxy, local, told }
    }

    /// A command over the same connection.
    fn command(&self, command: &str) -> Command {
        let mut client = self.server.client("ssh");
        client.arg("-S").arg(&self.control).arg(self.server.login()).arg(command);
        client
    }

    fn start_program(&self) -> Child {
        let program = format!("exec /usr/bin/python3 -c '{PROGRAM}' {}", socket_in_home(self.server).display());
        let mut program = self.command(&program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("ssh");
        let mut line = String::new();
        BufReader::new(program.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        program
    }

    fn rekeyed(&self) -> usize {
        fs::read_to_string(&self.told).unwrap_or_default().matches("SSH2_MSG_NEWKEYS sent").count()
    }
}

impl Drop for Editor<'_> {
    fn drop(&mut self) {
        // The program has made it, and is killed.
        let _ = fs::remove_file(socket_in_home(self.server));
        let _ = self.master.kill();
        let _ = self.master.wait();
    }
}

/// A command that sends back what it gets is asked one question after the other.
fn converses(mut command: Child, rounds: u32) {
    let (mut asks, mut answers): (_, ChildStdout) = (command.stdin.take().unwrap(), command.stdout.take().unwrap());
    for round in 0..rounds {
        let asked = bytes(1000 + round * 37);
        asks.write_all(&asked).expect("asked");
        let mut answered = vec![0; asked.len()];
        answers.read_exact(&mut answered).expect("answered");
        assert!(answered == asked, "round {round}");
    }
    drop(asks);
    assert!(command.wait().unwrap().success());
}

/// Much at once, both ways at the same time.
fn bursts(editor: &Editor<'_>, megabytes: u32) {
    let sent = bytes(megabytes << 20);
    let came = bulkhead_tests::run_with_input(&mut editor.command("exec cat"), &sent);
    assert!(came.status.success() && came.stdout == sent, "{} of {} bytes", came.stdout.len(), sent.len());
}

fn descriptors(server: &Server) -> Vec<(String, usize)> {
    let count = |pid: i32| fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    let parts = ["sshd-monitor", "sshd-session", "sshd-forward"];
    let family = server.descendants().into_iter().map(|pid| (executable_of(pid), count(pid)));
    family.filter(|(name, _)| parts.contains(&name.as_str())).collect()
}

#[test]
fn an_editors_connection_loses_nothing_and_leaves_nothing() {
    let server = Server::any("MaxSessions 50\nRekeyLimit 4M");
    let service = echo_service();
    let editor = Editor::connect(&server);
    let mut program = editor.start_program();
    let short = |number: u32| {
        there_and_back(through_socks(editor.proxy, "localhost", service).expect("granted"), &bytes(number * 211));
        there_and_back(connect_path(&editor.local), &bytes(number * 307));
    };
    short(10);
    let before = descriptors(&server);
    assert_eq!(before.len(), 3, "{before:?}");
    thread::scope(|scope| {
        for _ in 0..4 {
            let command = editor.command("exec cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("ssh");
            scope.spawn(move || converses(command, 300));
        }
        for _ in 0..6 {
            scope.spawn(|| (0..40).for_each(short));
        }
        scope.spawn(|| bursts(&editor, 24));
        scope.spawn(|| {
            (0..20).for_each(|n| assert_eq!(run(&mut editor.command(&format!("exit {n}"))).status.code(), Some(n)))
        });
    });
    assert!(editor.rekeyed() > 5, "{} times", editor.rekeyed());
    // The connection is as it was.
    wait_until("no more descriptors than before", || {
        let now = descriptors(&server);
        // Fewer, if the first short ones had not ended when they were counted.
        now.len() == before.len() && now.iter().zip(&before).all(|(now, then)| now.0 == then.0 && now.1 <= then.1)
    });
    short(3);
    drop(program.stdin.take());
    program.kill().unwrap();
    program.wait().unwrap();
    drop(editor);
    server.wait_until_idle();
    assert_eq!(server.log().matches("Accepted publickey for").count(), 1);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[test]
fn an_editor_that_may_not_forward_still_runs_commands() {
    for (configuration, path_refused, port_refused) in [
        ("DisableForwarding yes", true, true),
        ("AllowStreamLocalForwarding no", true, false),
        ("AllowTcpForwarding no", true, true),
    ] {
        let server = Server::any(configuration);
        let service = echo_service();
        let editor = Editor::connect(&server);
        let mut program = editor.start_program();
        let socket = socket_in_home(&server);
        assert!(fs::symlink_metadata(&socket).unwrap().file_type().is_socket());

        let by_port = through_socks(editor.proxy, "localhost", service);
        let mut by_path = connect_path(&editor.local);
        let answered = by_path.write_all(b"x").is_ok() && by_path.read_exact(&mut [0]).is_ok();
        assert_eq!((by_port.is_none(), !answered), (port_refused, path_refused), "{configuration}");
        for (refused, line) in
            [(port_refused, "refused local port forward: "), (path_refused, "refused streamlocal port forward: ")]
        {
            if refused {
                server.wait_for_log(line);
            } else {
                assert!(!server.log().contains(line), "{configuration}: {line}");
            }
        }
        bursts(&editor, 1);
        program.kill().unwrap();
        program.wait().unwrap();
        drop(editor);
        server.wait_until_idle();
    }
}
