//! A real `sshd` on a free port of 127.0.0.1, started as an administrator starts it.
#![allow(dead_code, reason = "each test file uses its part")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use bulkhead_tests::{Account, PATIENCE, Scratch, binaries, make_key, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};

/// A folder with a host key and a place for a configuration.
pub(crate) struct Site {
    pub(crate) scratch: Scratch,
}

impl Site {
    pub(crate) fn new() -> Self {
        let scratch = Scratch::new();
        make_key(&scratch, "host_key", &["-t", "ed25519"]);
        Self { scratch }
    }

    /// Writes the configuration: what every test needs, and `lines`.
    pub(crate) fn configure(&self, lines: &str) {
        let (key, pid_file) = (self.scratch.path("host_key"), self.scratch.path("pid"));
        let common =
            format!("HostKey {}\nPidFile {}\nUsePAM no\nPerSourcePenalties no\n", key.display(), pid_file.display());
        // In one step: a reload must not find half of it.
        let written = self.scratch.file("sshd_config.new", format!("{lines}\n{common}"));
        fs::rename(written, self.scratch.path("sshd_config")).expect("the configuration");
    }

    /// `sshd -f sshd_config`, with `arguments` before that.
    pub(crate) fn sshd(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binaries().join("sshd"));
        command.args(arguments).arg("-f").arg(self.scratch.path("sshd_config"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// The process that the pid file names.
    pub(crate) fn pid_in_file(&self) -> Option<i32> {
        fs::read_to_string(self.scratch.path("pid")).ok()?.trim().parse().ok()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path(name)
    }
}

/// A listener in the foreground that logs to standard error.
pub(crate) struct Foreground {
    child: Child,
    log: Receiver<String>,
}

impl Foreground {
    /// Starts it and waits until it listens on `port`.
    pub(crate) fn listening(site: &Site, port: u16) -> Self {
        let mut started = Self::start(site.sshd(&["-D", "-e"]));
        started.wait_for(&format!("Server listening on 127.0.0.1 port {port}."));
        started
    }

    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().expect("sshd is built");
        let stderr = child.stderr.take().expect("a pipe");
        let (sender, log) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, log }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a process id")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("the listener lives");
    }

    /// The next log line that contains `text`.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        while let Ok(line) = self.log.recv_timeout(PATIENCE) {
            if line.contains(text) {
                return line;
            }
            seen.push(line);
        }
        panic!("no line with {text:?} among {seen:#?}")
    }

    /// Its exit status, once it ends.
    pub(crate) fn ends_with(&mut self) -> i32 {
        self.child.wait().expect("the listener").code().expect("it exits")
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its address").port()
}

pub(crate) fn listen_lines(ports: &[u16]) -> String {
    ports.iter().map(|port| format!("ListenAddress 127.0.0.1:{port}\n")).collect()
}

pub(crate) fn connect(port: u16) -> std::io::Result<TcpStream> {
    let connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_read_timeout(Some(PATIENCE))?;
    Ok(connection)
}

/// Runs it to its end; its standard error as text.
pub(crate) fn run(command: &mut Command) -> (i32, String) {
    let Output { status, stderr, .. } = command.output().expect("sshd is built");
    (status.code().expect("it exits"), String::from_utf8_lossy(&stderr).into_owned())
}

/// Ends a daemon and waits until it is gone.
pub(crate) fn end_daemon(pid: i32) {
    let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    wait_until("the daemon is gone", || kill(Pid::from_raw(pid), None).is_err());
}

/// Makes the command run as an ordinary user: a fresh account when the tester is root. The folder has to be its own.
pub(crate) fn as_ordinary_user(site: &Site, command: &mut Command) -> Option<Account> {
    if !Uid::effective().is_root() {
        return None;
    }
    let account = Account::create();
    let owner = (Some(account.uid), Some(account.gid));
    for name in ["", "host_key"] {
        std::os::unix::fs::chown(site.path(name), owner.0, owner.1).expect("chown");
    }
    command.uid(account.uid).gid(account.gid).current_dir("/");
    Some(account)
}

/// Everything that comes until the other end closes.
pub(crate) fn read_all(mut connection: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = connection.set_read_timeout(Some(Duration::from_secs(30)));
    let _ = connection.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
