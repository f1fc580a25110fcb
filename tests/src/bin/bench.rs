//! `make bench`: what a login, a gibibyte and an idle session cost the server, against the system's OpenSSH: the same
//! client, the same keys, the same configuration, the same run, interleaved. Cost is CPU time of the server's whole process
//! tree, the user's commands included. Absolute figures belong to this machine; the ratios are what counts.
//!
//! `bench [login] [cat] [sftp] [memory] [rounds=N] [logins=N] [mebibytes=N]`
#![forbid(unsafe_code)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use bulkhead_tests::{Account, PATIENCE, Scratch, descendants_of, make_key, public_half, run_with_input, wait_until};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::time::TimeVal;
use nix::unistd::{Pid, Uid};

/// The comparison; only started by hand, never as a service.
const THEIRS: &str = "/usr/sbin/sshd";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "supervise") {
        return supervise(&arguments[1..]);
    }
    if !Path::new(THEIRS).exists() {
        eprintln!("{THEIRS} is not installed: there is nothing to compare with");
        return ExitCode::FAILURE;
    }
    let plan = Plan::from(&arguments);
    let place = Place::new();
    println!("{:<34} {:>12} {:>12} {:>7}", "", "Bulkhead", "OpenSSH", "ratio");
    if plan.login {
        place.compare("CPU per login, ms", plan.rounds, |server| place.logins(server, plan.logins));
    }
    if plan.cat {
        for cipher in ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"] {
            let short = cipher.split('@').next().unwrap_or(cipher);
            let row = format!("CPU s/GiB to client, {short}");
            place.compare(&row, plan.rounds, |server| place.cat_from(server, cipher, plan.mebibytes));
            let row = format!("CPU s/GiB to server, {short}");
            place.compare(&row, plan.rounds, |server| place.cat_to(server, cipher, plan.mebibytes));
        }
    }
    if plan.sftp {
        place.compare("CPU s/GiB sftp get", plan.rounds, |server| place.sftp(server, "get", plan.mebibytes));
        place.compare("CPU s/GiB sftp put", plan.rounds, |server| place.sftp(server, "put", plan.mebibytes));
    }
    if plan.memory && !Uid::effective().is_root() {
        eprintln!("memory: needs root, because the processes hide theirs from everybody else");
    } else if plan.memory {
        place.compare("private kB of an idle session", 1, |server| place.idle_memory(server));
    }
    ExitCode::SUCCESS
}

struct Plan {
    login: bool,
    cat: bool,
    sftp: bool,
    memory: bool,
    rounds: usize,
    logins: usize,
    mebibytes: usize,
}

impl Plan {
    fn from(arguments: &[String]) -> Self {
        let said = |name: &str| arguments.iter().any(|argument| argument == name);
        let number = |name: &str, default: usize| {
            let found = arguments.iter().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='));
            found.and_then(|text| text.parse().ok()).unwrap_or(default)
        };
        let all = !["login", "cat", "sftp", "memory"].iter().any(|name| said(name));
        Self {
            login: all || said("login"),
            cat: all || said("cat"),
            sftp: all || said("sftp"),
            memory: all || said("memory"),
            rounds: number("rounds", 3),
            logins: number("logins", 40),
            mebibytes: number("mebibytes", 1024),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Server {
    Ours,
    Theirs,
}

/// Keys, files and an account for both servers.
struct Place {
    scratch: Scratch,
    account: Account,
    input: PathBuf,
}

/// A server under a supervisor that adds up what its process tree used.
struct Running {
    supervisor: Child,
    port: u16,
}

impl Place {
    fn new() -> Self {
        let scratch = Scratch::new();
        let account = if Uid::effective().is_root() { Account::create() } else { Account::own() };
        let login = make_key(&scratch, "login_key", &["-t", "ed25519"]);
        make_key(&scratch, "host_key", &["-t", "ed25519"]);
        scratch.file("authorized_keys", public_half(&login));
        let input = scratch.path("input");
        Self { scratch, account, input }
    }

    /// Runs one measurement `rounds` times for both, in turns, and prints the best of each and their ratio.
    fn compare(&self, what: &str, rounds: usize, measure: impl Fn(Server) -> f64) {
        let mut best = [f64::INFINITY; 2];
        for _ in 0..rounds {
            for (place, server) in [(0, Server::Ours), (1, Server::Theirs)] {
                best[place] = best[place].min(measure(server));
            }
        }
        println!("{what:<34} {:>12.3} {:>12.3} {:>7.2}", best[0], best[1], best[0] / best[1]);
    }

    /// Milliseconds of CPU for one login that runs `true`.
    fn logins(&self, server: Server, count: usize) -> f64 {
        let running = self.start(server, "");
        for _ in 0..count {
            self.client(&running, "ssh", &[], "true", None);
        }
        running.stop().as_secs_f64() * 1000.0 / count as f64
    }

    /// Seconds of CPU for one GiB from the server.
    fn cat_from(&self, server: Server, cipher: &str, mebibytes: usize) -> f64 {
        self.fill(mebibytes);
        let running = self.start(server, "");
        self.client(&running, "ssh", &["-c", cipher], &format!("cat {}", self.input.display()), None);
        running.stop().as_secs_f64() * 1024.0 / mebibytes as f64
    }

    /// Seconds of CPU for one GiB to the server.
    fn cat_to(&self, server: Server, cipher: &str, mebibytes: usize) -> f64 {
        self.fill(mebibytes);
        let running = self.start(server, "");
        self.client(&running, "ssh", &["-c", cipher], "cat >/dev/null", Some(&self.input));
        running.stop().as_secs_f64() * 1024.0 / mebibytes as f64
    }

    /// Seconds of CPU for one GiB over `sftp`.
    fn sftp(&self, server: Server, direction: &str, mebibytes: usize) -> f64 {
        self.fill(mebibytes);
        let running = self.start(server, "");
        let there = format!("/tmp/bulkhead-bench-{}", std::process::id());
        let batch = match direction {
            "get" => format!("get {} /dev/null\n", self.input.display()),
            _ => format!("put {} {there}\nrm {there}\n", self.input.display()),
        };
        let mut command = self.command(&running, "sftp", &["-b", "-"]);
        let output = run_with_input(command.arg(self.target()), batch.as_bytes());
        assert!(output.status.success(), "{output:?}");
        running.stop().as_secs_f64() * 1024.0 / mebibytes as f64
    }

    /// Private kilobytes of the processes of one idle session, from five at once: what sessions share is not counted.
    fn idle_memory(&self, server: Server) -> f64 {
        let running = self.start(server, "");
        let clients: Vec<Child> = (0..5)
            .map(|_| {
                let mut command = self.command(&running, "ssh", &[]);
                // It ends with its input, and so with the client.
                command
                    .arg(self.target())
                    .arg("exec cat")
                    .stdin(Stdio::piped())
                    .stdout(Stdio::null())
                    .spawn()
                    .expect("ssh")
            })
            .collect();
        let listener = running.server();
        let commands = || descendants_of(listener).into_iter().filter(|pid| name_of(*pid) == "cat").count();
        wait_until("five sessions are idle", || commands() == 5);
        // Only what is left when the login's own work is over.
        std::thread::sleep(Duration::from_millis(500));
        let family = descendants_of(listener);
        let private: u64 = family.into_iter().filter(|pid| name_of(*pid) != "cat").map(private_kilobytes).sum();
        for mut client in clients {
            let _ = client.kill();
            let _ = client.wait();
        }
        running.stop();
        private as f64 / 5.0
    }

    fn fill(&self, mebibytes: usize) {
        let bytes = (mebibytes as u64) << 20;
        if fs::metadata(&self.input).is_ok_and(|there| there.len() == bytes) {
            return;
        }
        let mut block = vec![0_u8; 1 << 20];
        for (position, byte) in block.iter_mut().enumerate() {
            *byte = (position.wrapping_mul(2_654_435_761) >> 11) as u8;
        }
        let mut file = File::create(&self.input).expect("a file to send");
        for _ in 0..mebibytes {
            std::io::Write::write_all(&mut file, &block).expect("room for it");
        }
    }

    fn start(&self, server: Server, more: &str) -> Running {
        let probe = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = probe.local_addr().expect("its address").port();
        drop(probe);
        let path = |name: &str| self.scratch.path(name).display().to_string();
        let configuration = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100\nStrictModes no\n\
             Subsystem sftp internal-sftp\n{more}\n",
            path("host_key"),
            path("authorized_keys"),
        );
        self.scratch.file("sshd_config", configuration);
        let _ = fs::create_dir("/run/sshd");
        let program = match server {
            Server::Ours => env::current_exe().expect("this program").with_file_name("sshd"),
            Server::Theirs => PathBuf::from(THEIRS),
        };
        let mut supervisor = Command::new(env::current_exe().expect("this program"));
        supervisor.arg("supervise").arg(program).args(["-D", "-e", "-f"]).arg(path("sshd_config"));
        let supervisor = supervisor.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the supervisor");
        let deadline = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "the server does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Running { supervisor, port }
    }

    fn command(&self, running: &Running, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]);
        command.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]);
        command.args(["-o", &format!("Port={}", running.port), "-i"]).arg(self.scratch.path("login_key"));
        command.args(arguments);
        command
    }

    fn client(&self, running: &Running, program: &str, arguments: &[&str], what: &str, input: Option<&Path>) {
        let input = input.map_or_else(Stdio::null, |path| File::open(path).expect("the input").into());
        let mut command = self.command(running, program, arguments);
        let status = command.arg(self.target()).arg(what).stdin(input).stdout(Stdio::null()).status().expect("ssh");
        assert!(status.success(), "{what}: {status:?}");
    }

    fn target(&self) -> String {
        format!("{}@127.0.0.1", self.account.name)
    }
}

impl Running {
    /// The server's process id.
    fn server(&self) -> i32 {
        descendants_of(i32::try_from(self.supervisor.id()).expect("a process id"))[0]
    }

    /// Ends the server and says how much CPU time its process tree has used.
    fn stop(mut self) -> Duration {
        let pid = i32::try_from(self.supervisor.id()).expect("a process id");
        let server = self.server();
        wait_until("all connections have ended", || descendants_of(server).is_empty());
        kill(Pid::from_raw(pid), Signal::SIGTERM).expect("the supervisor lives");
        let mut text = String::new();
        let mut output = self.supervisor.stdout.take().expect("a pipe");
        std::io::Read::read_to_string(&mut output, &mut text).expect("its report");
        let _ = self.supervisor.wait();
        Duration::from_micros(text.trim().parse().expect("microseconds"))
    }
}

/// Starts a server as the parent of everything it leaves behind, ends it on SIGTERM, prints the microseconds of all.
fn supervise(arguments: &[String]) -> ExitCode {
    nix::sys::prctl::set_child_subreaper(true).expect("a subreaper");
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    let (program, rest) = arguments.split_first().expect("a program");
    let mut child = Command::new(program).args(rest).stdout(Stdio::null()).spawn().expect("the server");
    // Blocked only now: the server must not inherit it.
    signals.thread_block().expect("a signal mask");
    let _ = signals.wait();
    let _ = kill(Pid::from_raw(i32::try_from(child.id()).expect("a process id")), Signal::SIGTERM);
    let _ = child.wait();
    while nix::sys::wait::wait().is_ok() {}
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the usage");
    println!("{}", micros(used.user_time()) + micros(used.system_time()));
    ExitCode::SUCCESS
}

fn micros(time: TimeVal) -> i64 {
    time.tv_sec() * 1_000_000 + time.tv_usec()
}

fn name_of(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

fn private_kilobytes(pid: i32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let private = rollup.lines().filter(|line| line.starts_with("Private_"));
    private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
}
