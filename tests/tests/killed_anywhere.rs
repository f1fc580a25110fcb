//! Whoever is killed, and whenever: no process, listener, connection, socket file, upload or login record stays behind.

use std::fs::{self, DirEntry};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use bulkhead_tests::{
    Account, Agent, As, LoginRecords, Server, executable_of, is_shown_by_who, needs_program, needs_root, needs_tun,
    processes_of, run, status_of, title_of, wait_until, wait_until_none,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Everything that a killed process could leave. Ports are chosen by the kernel: no two of them are alike at a time.
const CONFIGURATION: &str = "X11Forwarding yes\nX11DisplayOffset 70\nExposeAuthInfo yes\nPermitTunnel yes\n\
    # bulkhead_config\nSftpAtomicUploads yes\n";

/// Somebody who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Client,
    Monitor,
    /// `sshd-preauth` before the login, `sshd-session` after it.
    OnTheNetwork,
    Forward,
}

/// A connection in some state.
struct Moment {
    name: &'static str,
    /// What there is of it then, of [`traces`]; without it nothing would be shown.
    traces: &'static [&'static str],
    begin: fn(&Scene) -> Child,
}

/// A server with one client at a time.
struct Scene {
    server: Server,
    agent: Agent,
    /// Accepts connections and leaves them open.
    service: TcpListener,
    tunnel: u32,
    /// Of somebody else's who had the account's number before.
    before: Vec<String>,
}

const MOMENTS: &[Moment] = &[
    Moment { name: "before the login", traces: &["[net]"], begin: Scene::silent },
    Moment { name: "after the login", traces: &["@notty", "sshauth."], begin: |scene| scene.ssh(&["-N"], "") },
    Moment { name: "a command", traces: &["process cat"], begin: |scene| scene.ssh(&[], "exec cat") },
    Moment { name: "a terminal", traces: &["process sleep", "login"], begin: |scene| scene.ssh(&["-tt"], SLEEPS) },
    Moment {
        name: "two terminals' worth of processes",
        traces: &["process sleep", "process cat", "login"],
        begin: |scene| scene.ssh(&["-tt"], "sleep 1000 & cat | cat"),
    },
    Moment { name: "-R on a port", traces: &["listener"], begin: |scene| scene.ssh(&["-N", "-R", "0"], "") },
    Moment { name: "-R on a path", traces: &["socket"], begin: Scene::remote_path },
    Moment { name: "-L in use", traces: &["connection"], begin: Scene::direct },
    Moment { name: "an agent", traces: &["socket", "login"], begin: Scene::with_agent },
    Moment { name: "a display", traces: &["listener", "login"], begin: Scene::with_display },
    Moment { name: "an upload", traces: &["upload"], begin: Scene::upload },
    Moment { name: "a tunnel", traces: &["tunnel"], begin: Scene::with_tunnel },
];

const SLEEPS: &str = "exec sleep 1000";

impl Scene {
    fn new() -> Self {
        let server = Server::start(As::Root, Account::create(), CONFIGURATION);
        let agent = Agent::start(server.scratch.path("agent"));
        let service = TcpListener::bind("127.0.0.1:0").expect("a port");
        let tunnel = 2_000_000 + server.account.uid;
        if needs_tun("a tunnel, when somebody is killed") {
            ip(&format!("tuntap add dev tun{tunnel} mode tun user {}", server.account.name));
            ip(&format!("link set tun{tunnel} up"));
        }
        let mut scene = Self { server, agent, service, tunnel, before: Vec::new() };
        scene.before = scene.traces();
        scene
    }

    fn has_tunnel(&self) -> bool {
        Path::new(&format!("/sys/class/net/tun{}", self.tunnel)).exists()
    }

    fn ssh(&self, options: &[&str], command: &str) -> Child {
        let agent = format!("IdentityAgent={}", self.agent.socket.display());
        let mut client = self.server.client_with("ssh", &["-o", &agent]);
        client.args(options).arg(self.server.login()).args((!command.is_empty()).then_some(command));
        client.env("SSH_AUTH_SOCK", &self.agent.socket).env("DISPLAY", ":7");
        started(&mut client)
    }

    /// A client that says nothing at all.
    fn silent(&self) -> Child {
        let peer = OwnedFd::from(self.server.connect());
        Command::new("cat").stdin(peer).stdout(Stdio::null()).spawn().expect("cat")
    }

    fn remote_path(&self) -> Child {
        self.ssh(&["-N", "-R", &format!("{}/s:127.0.0.1:1", self.server.account.home.display())], "")
    }

    fn direct(&self) -> Child {
        let port = self.service.local_addr().expect("its address").port();
        self.ssh(&["-W", &format!("127.0.0.1:{port}")], "")
    }

    fn with_agent(&self) -> Child {
        self.ssh(&["-A", "-tt"], SLEEPS)
    }

    fn with_display(&self) -> Child {
        self.ssh(&["-Y", "-tt"], SLEEPS)
    }

    fn with_tunnel(&self) -> Child {
        self.ssh(&["-N", "-o", "Tunnel=point-to-point", "-w", &format!("any:{}", self.tunnel)], "")
    }

    /// As slow as it may be.
    fn upload(&self) -> Child {
        let big = self.server.scratch.file("big", vec![b'x'; 1 << 20]);
        let batch = self.server.scratch.file("batch", format!("put {} uploaded\n", big.display()));
        let mut client = self.server.client("sftp");
        started(client.args(["-l", "800", "-b"]).arg(batch).arg(self.server.login()))
    }

    /// What there is of the account, and of connections.
    fn traces(&self) -> Vec<String> {
        let Account { uid, ref home, .. } = self.server.account;
        let mut traces: Vec<String> = self.server.descendants().into_iter().map(title_of).collect();
        traces.retain(|title| !title.is_empty());
        traces.extend(processes_of(uid).into_iter().map(|pid| format!("process {}", status_of(pid, "Name"))));
        traces.extend(tcp_sockets_of(uid));
        traces.extend(files_below(home).into_iter().filter_map(|path| {
            let kind = fs::symlink_metadata(&path).ok()?.file_type();
            let name = path.file_name()?.to_string_lossy().into_owned();
            let is_upload = name == "uploaded" || name.starts_with(".upload-");
            let kind = if kind.is_socket() {
                "socket"
            } else if is_upload {
                "upload"
            } else {
                return None;
            };
            Some(format!("{kind} {}", path.display()))
        }));
        let of_everybody = fs::read_dir("/tmp").expect("/tmp").flatten();
        let is_its = |entry: &DirEntry| entry.metadata().is_ok_and(|found| found.uid() == uid);
        traces.extend(of_everybody.filter(is_its).map(|entry| format!("file {}", entry.path().display())));
        traces.extend(is_shown_by_who(&self.server.account).then(|| "login".to_owned()));
        // A device that somebody has opened has a carrier once it is up.
        let carrier = fs::read_to_string(format!("/sys/class/net/tun{}/carrier", self.tunnel)).unwrap_or_default();
        traces.extend((carrier.trim() == "1").then(|| "tunnel".to_owned()));
        traces.retain(|trace| !self.before.contains(trace));
        traces
    }

    fn victim(&self, victim: Victim, client: &Child) -> Option<i32> {
        let executables: &[&str] = match victim {
            Victim::Client => return i32::try_from(client.id()).ok(),
            Victim::Monitor => &["sshd-monitor"],
            Victim::OnTheNetwork => &["sshd-session", "sshd-preauth"],
            Victim::Forward => &["sshd-forward"],
        };
        self.server.descendants().into_iter().find(|pid| executables.contains(&executable_of(*pid).as_str()))
    }

    /// Brings a connection to a moment, kills somebody, and waits until everything is as it was.
    fn play(&self, moment: &Moment, victim: Victim) {
        let mut client = (moment.begin)(self);
        let is_there = |traces: &[String], wanted: &str| traces.iter().any(|trace| trace.contains(wanted));
        wait_until(moment.name, || {
            let traces = self.traces();
            moment.traces.iter().all(|wanted| is_there(&traces, wanted))
        });
        let pid = self.victim(victim, &client).expect("somebody to kill");
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it lives");
        // Whoever kills two at once is not told of the first.
        wait_until("its parent has heard of it", || victim == Victim::Client || executable_of(pid).is_empty());
        if matches!(victim, Victim::Client | Victim::Forward) {
            client.kill().expect("a client");
        }
        // It hears of the end by the connection alone: its input stays open.
        let _typing = client.stdin.take();
        client.wait().expect("its end");
        wait_until_none(&format!("{victim:?} was killed, {}", moment.name), || {
            let mut left = self.traces();
            left.retain(|trace| !stays(trace, victim));
            left
        });
        let _ = fs::remove_file(self.server.account.home.join("uploaded"));
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if self.has_tunnel() {
            ip(&format!("link delete tun{}", self.tunnel));
        }
    }
}

/// What nobody removes who lives (`docs/uploads.md`).
fn stays(trace: &str, killed: Victim) -> bool {
    match killed {
        Victim::OnTheNetwork => trace.contains(".upload-"),
        Victim::Monitor | Victim::Client | Victim::Forward => false,
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let below = |entry: DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files_below(&entry.path()),
        _ => vec![entry.path()],
    };
    entries.flat_map(below).collect()
}

fn started(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("a client")
}

fn ip(arguments: &str) {
    let done = run(Command::new("ip").args(arguments.split(' ')));
    assert!(done.status.success() || thread::panicking(), "ip {arguments}: {done:?}");
}

/// Sockets that the account listens or is connected with.
fn tcp_sockets_of(uid: u32) -> Vec<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let of_line = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let kind = match *fields.get(3)? {
            "0A" => "listener",
            "01" => "connection",
            _ => return None,
        };
        (fields.get(7)? == &uid.to_string()).then(|| format!("{kind} {}", fields[1]))
    };
    tables.iter().flat_map(|table| table.lines()).filter_map(of_line).collect()
}

#[test]
fn nothing_is_left_whoever_is_killed_and_whenever() {
    let name = "nothing_is_left_whoever_is_killed_and_whenever";
    if !needs_root(name) || !["who", "ip", "xauth"].iter().all(|program| needs_program(name, program)) {
        return;
    }
    let _records = LoginRecords::keep();
    thread::scope(|scope| {
        for victim in [Victim::Client, Victim::Monitor, Victim::OnTheNetwork, Victim::Forward] {
            scope.spawn(move || {
                let scene = Scene::new();
                let possible = |moment: &&Moment| {
                    let is = |trace| moment.traces.contains(&trace);
                    let opens_sockets = is("listener") || is("socket") || is("connection");
                    (scene.has_tunnel() || !is("tunnel")) && (opens_sockets || victim != Victim::Forward)
                };
                MOMENTS.iter().filter(possible).for_each(|moment| scene.play(moment, victim));
            });
        }
    });
}
