//! The one harness of the end-to-end tests: a configuration as text, accounts, keys, a server on a free port of
//! 127.0.0.1, real clients, and everybody's log when a test fails.
//!
//! Tests that need root say so with [`needs_root`]; without it they are skipped by name (`make test` lists them).

mod agent;
mod attacks;
mod clients;
pub mod kerberos;
mod kernel;
mod login_records;
mod processes;
mod server_log;
pub mod traffic;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User};

pub use agent::Agent;
pub use attacks::{TURNED_AWAY, answer_to, attacks_py, connect_from, is_served, try_connect_from};
pub use clients::has_python_module;
pub use kernel::{needs_tun, without_system_call};
pub use login_records::{LoginRecords, is_shown_by_who};
pub use processes::{descendants_of, executable_of, processes_of, status_of, title_of};

use server_log::Log;
use traffic::free_port;

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Whether this test may run: prints and records its name if not.
#[must_use]
pub fn needs_root(test: &str) -> bool {
    let root = Uid::effective().is_root();
    if !root {
        skipped(test, "needs root");
    }
    root
}

/// Whether a client is installed: prints and records the test's name if not.
#[must_use]
pub fn needs_program(test: &str, program: &str) -> bool {
    let found =
        env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()));
    if !found {
        skipped(test, &format!("{program} is not installed"));
    }
    found
}

/// Records that a test did not run. `make test` prints the list.
pub fn skipped(test: &str, why: &str) {
    eprintln!("SKIPPED {test}: {why}");
    let list = target_folder().join("skipped-tests");
    if let Ok(mut file) = fs::OpenOptions::new().create(true).append(true).open(list) {
        let _ = writeln!(file, "{test}: {why}");
    }
}

/// The folder with the programs under test: `BULKHEAD_BIN`, else where cargo puts a debug build.
#[must_use]
pub fn binaries() -> PathBuf {
    let folder = env::var_os("BULKHEAD_BIN").map_or_else(|| target_folder().join("debug"), PathBuf::from);
    for program in
        ["sshd", "sshd-monitor", "sshd-preauth", "sshd-session", "sshd-launch", "sshd-forward", "sftp-server"]
    {
        assert!(folder.join(program).is_file(), "{program} is not built: run `cargo build --workspace` first");
    }
    folder
}

/// The project's root.
#[must_use]
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is a folder of the project").to_owned()
}

/// Cargo's target folder.
#[must_use]
pub fn target_folder() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| project().join("target"), PathBuf::from)
}

/// Answers the questions of `ssh` with the lines of a file, one after the other.
const ASKPASS: &str = "#!/bin/sh
printf '%s\\n' \"$1\" >>\"$PROMPTS\"
head -n 1 \"$ANSWERS\"
sed -i 1d \"$ANSWERS\"
";

static SERIAL: AtomicU32 = AtomicU32::new(0);

/// A folder that is removed with its owner. Only root and the tester can write on the way to it, so StrictModes is
/// content, and everybody can pass through it.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// An empty folder.
    #[must_use]
    pub fn new() -> Self {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let base = if Uid::effective().is_root() { PathBuf::from("/var/lib") } else { target_folder() };
        let path = base.join(format!("bulkhead-test-{}-{serial}", std::process::id()));
        fs::create_dir(&path).expect("a scratch folder");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
        Self(path)
    }

    /// A path inside.
    #[must_use]
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file inside and returns its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("a scratch file");
        path
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An account made for one test (as root), or the tester's own.
#[derive(Debug)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its home directory.
    pub home: PathBuf,
    /// Its user id.
    pub uid: u32,
    /// Its group id.
    pub gid: u32,
    made_here: bool,
}

impl Account {
    /// Makes an account; needs root.
    #[must_use]
    pub fn create() -> Self {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("bht{}x{serial}", std::process::id());
        let home = PathBuf::from(format!("/home/{name}"));
        // Without a password of this form useradd leaves the account locked, and locked accounts stay out.
        let home_text = home.to_string_lossy();
        let arguments = ["--create-home", "--password", "*", "--home-dir", &home_text, "--shell", "/bin/bash", &name];
        account_tool("useradd", &arguments);
        let user = User::from_name(&name).expect("the account database").expect("the account that was made");
        Self { name, home, uid: user.uid.as_raw(), gid: user.gid.as_raw(), made_here: true }
    }

    /// Whoever runs the tests.
    #[must_use]
    pub fn own() -> Self {
        let user = User::from_uid(Uid::effective()).expect("the account database").expect("the tester's account");
        Self { name: user.name, home: user.dir, uid: user.uid.as_raw(), gid: user.gid.as_raw(), made_here: false }
    }

    /// A file in the home directory that belongs to the account; not in a tester's own home, where something of that name
    /// may be.
    pub fn home_file(&self, name: &str, content: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        assert!(self.made_here, "{name} in a home directory that is no test's");
        let path = self.home.join(name);
        let folder = path.parent().expect("a file has a folder");
        if !folder.exists() {
            fs::create_dir_all(folder).expect("a folder in the home");
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("its mode");
            self.give(folder);
        }
        fs::write(&path, content).expect("a file in the home");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
        self.give(&path);
        path
    }

    /// Gives the account this password; needs root. Its hash takes as little time as there is: modules of PAM make none
    /// for names that nobody has, and the delay of failures hides only what takes less time than itself.
    pub fn set_password(&self, password: &str) {
        let cheap = ["--crypt-method", "SHA512", "--sha-rounds", "1000"];
        account_tool_with_input("chpasswd", &cheap, &format!("{}:{password}\n", self.name));
    }

    /// Gives the account another name; does nothing when it has it already. Needs root.
    pub fn rename(&mut self, name: &str) {
        if self.name != name {
            account_tool("usermod", &["--login", name, &self.name]);
            name.clone_into(&mut self.name);
        }
    }

    /// Changes the account with usermod(8) or chage(1); needs root.
    pub fn change(&self, program: &str, arguments: &[&str]) {
        account_tool(program, &[arguments, &[self.name.as_str()]].concat());
    }

    fn give(&self, path: &Path) {
        if Uid::effective().is_root() {
            std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid)).expect("chown");
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if self.made_here {
            // Whatever a failed test left running must not keep the account alive.
            let _ = Command::new("pkill").args(["-KILL", "-u", &self.uid.to_string()]).status();
            account_tool("userdel", &["--force", "--remove", &self.name]);
        }
    }
}

/// The account tools refuse to work while another one holds the password file.
fn account_tool(program: &str, arguments: &[&str]) {
    account_tool_with_input(program, arguments, "");
}

fn account_tool_with_input(program: &str, arguments: &[&str], input: &str) {
    let lock = fs::File::create("/run/lock/bulkhead-tests-accounts").expect("a lock file");
    lock.lock().expect("the account lock");
    let output = run_with_input(Command::new(program).args(arguments), input.as_bytes());
    let missing_mail = output.status.code() == Some(12);
    assert!(output.status.success() || missing_mail || thread::panicking(), "{program} {arguments:?}: {output:?}");
}

/// A PAM service that exists for one test. Needs root.
#[derive(Debug)]
pub struct PamService {
    /// For PAMServiceName.
    pub name: String,
}

impl PamService {
    /// Writes `/etc/pam.d/bulkhead-test-…` with these lines.
    #[must_use]
    pub fn new(stack: &str) -> Self {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let service = Self { name: format!("bulkhead-test-{}-{serial}", std::process::id()) };
        fs::write(service.path(), stack).expect("a PAM service");
        service
    }

    fn path(&self) -> PathBuf {
        Path::new("/etc/pam.d").join(&self.name)
    }
}

impl Drop for PamService {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path());
    }
}

/// The PAM module of `tests/src/pam_module.c`, built; needs a C compiler.
#[must_use]
pub fn pam_module(scratch: &Scratch) -> PathBuf {
    let module = scratch.path("module.so");
    let source = project().join("tests/src/pam_module.c");
    let output = run(Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&module).arg(source));
    assert!(output.status.success(), "{output:?}");
    module
}

/// A file of the system that is other than it was for one test. Needs root.
#[derive(Debug)]
pub struct Borrowed {
    path: PathBuf,
    before: Option<Vec<u8>>,
}

impl Borrowed {
    /// Writes other content; what was there comes back with the end of this value.
    #[must_use]
    pub fn file(path: &Path, content: &str) -> Self {
        let before = fs::read(path).ok();
        fs::write(path, content).expect("a file of the system");
        Self { path: path.to_owned(), before }
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let _ = match &self.before {
            Some(before) => fs::write(&self.path, before),
            None => fs::remove_file(&self.path),
        };
    }
}

/// Makes a key pair with `ssh-keygen`; returns the private file.
pub fn make_key(scratch: &Scratch, name: &str, arguments: &[&str]) -> PathBuf {
    let path = scratch.path(name);
    let output = Command::new("ssh-keygen")
        .args(["-q", "-N", "", "-C", name, "-f"])
        .arg(&path)
        .args(arguments)
        .output()
        .expect("ssh-keygen is installed");
    assert!(output.status.success(), "ssh-keygen {arguments:?}: {output:?}");
    path
}

/// The public half of a key made by [`make_key`].
#[must_use]
pub fn public_half(private: &Path) -> String {
    fs::read_to_string(private.with_extension("pub")).expect("a public key file")
}

/// How a server is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// Root: all processes change identity.
    Root,
    /// The account under test: nobody changes identity.
    OrdinaryUser,
}

/// A running server with one login key that its account's owner holds.
pub struct Server {
    /// Where it listens.
    pub port: u16,
    /// Files of this server: configuration, keys.
    pub scratch: Scratch,
    /// The account that may log in.
    pub account: Account,
    child: Child,
    log: Arc<Log>,
}

impl Server {
    /// A server as root with a fresh account. `configuration` is put in front of the harness's own lines, so it wins;
    /// what follows a line `# bulkhead_config` in it goes into the companion file.
    #[must_use]
    pub fn as_root(configuration: &str) -> Self {
        Self::start(As::Root, Account::create(), configuration)
    }

    /// A server run by an ordinary user: a fresh account when the tester is root, else the tester.
    #[must_use]
    pub fn as_ordinary_user(configuration: &str) -> Self {
        let account = if Uid::effective().is_root() { Account::create() } else { Account::own() };
        Self::start(As::OrdinaryUser, account, configuration)
    }

    /// Root where possible, else the tester.
    #[must_use]
    pub fn any(configuration: &str) -> Self {
        if Uid::effective().is_root() { Self::as_root(configuration) } else { Self::as_ordinary_user(configuration) }
    }

    /// Starts a server and waits until it listens.
    #[must_use]
    pub fn start(who: As, account: Account, configuration: &str) -> Self {
        Self::start_with(who, account, configuration, &[])
    }

    /// The same, with variables in its environment.
    #[must_use]
    pub fn start_with(who: As, account: Account, configuration: &str, environment: &[(&str, &str)]) -> Self {
        Self::start_in(Scratch::new(), who, account, configuration, environment)
    }

    /// The same, with a `bulkhead_config` beside its configuration.
    #[must_use]
    pub fn start_with_companion(who: As, account: Account, configuration: &str, companion: &str) -> Self {
        let scratch = Scratch::new();
        scratch.file("bulkhead_config", companion.replace("@SCRATCH@", &scratch.path("").display().to_string()));
        Self::start_in(scratch, who, account, configuration, &[])
    }

    /// As root, in a mount namespace of its own in which a shell script runs first; `$1` is the scratch folder.
    #[must_use]
    pub fn as_root_after(script: &str, configuration: &str) -> Self {
        let scratch = Scratch::new();
        scratch.file(MOUNTS, format!("set -e\n{script}\nshift\nexec \"$@\"\n"));
        Self::start_in(scratch, As::Root, Account::create(), configuration, &[])
    }

    fn start_in(
        scratch: Scratch,
        who: As,
        account: Account,
        configuration: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        let login_key = make_key(&scratch, "login_key", &["-t", "ed25519"]);
        scratch.file("authorized_keys", public_half(&login_key));
        let host_key = make_key(&scratch, "host_ed25519", &["-t", "ed25519"]);
        make_key(&scratch, "host_ecdsa", &["-t", "ecdsa"]);
        make_key(&scratch, "host_rsa", &["-t", "rsa", "-b", "2048"]);
        for name in ["host_ed25519", "host_ecdsa", "host_rsa"] {
            if who == As::OrdinaryUser {
                account.give(&scratch.path(name));
            }
        }
        let known = public_half(&host_key);
        for attempt in 0.. {
            let port = free_port();
            write_configuration(configuration, port, &scratch);
            scratch.file("known_hosts", known_hosts(&scratch, port, &known));
            let (mut child, log) = spawn(who, &account, &scratch, environment);
            let listens = format!("Server listening on 127.0.0.1 port {port}.");
            if log.find_while_lives(&listens, &mut child).is_some() {
                return Self { port, scratch, account, child, log };
            }
            let _ = child.kill();
            let _ = child.wait();
            let lines = log.lines().join("\n");
            assert!(attempt < 3 && lines.contains("in use"), "the server does not start:\n{lines}");
        }
        unreachable!("the loop returns or panics")
    }

    /// The listener's process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a process id")
    }

    /// Process ids of everything the listener has started, directly or not, parents first.
    #[must_use]
    pub fn descendants(&self) -> Vec<i32> {
        descendants_of(self.pid())
    }

    /// `user@host` for clients.
    #[must_use]
    pub fn login(&self) -> String {
        format!("{}@127.0.0.1", self.account.name)
    }

    /// Options that make OpenSSH's clients use this server, its key and nothing of the tester's own.
    #[must_use]
    pub fn client_options(&self) -> Vec<String> {
        let path = |name: &str| self.scratch.path(name).display().to_string();
        [
            "BatchMode=yes".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            "IdentityAgent=none".to_owned(),
            "LogLevel=ERROR".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            "GlobalKnownHostsFile=/dev/null".to_owned(),
            format!("UserKnownHostsFile={}", path("known_hosts")),
            format!("IdentityFile={}", path("login_key")),
            format!("Port={}", self.port),
        ]
        .into_iter()
        .flat_map(|option| ["-o".to_owned(), option])
        .collect()
    }

    /// An OpenSSH client (`ssh`, `sftp` or `scp`) with this server's options; arguments follow.
    #[must_use]
    pub fn client(&self, program: &str) -> Command {
        self.client_with(program, &[])
    }

    /// The same; these options win over the harness's own.
    #[must_use]
    pub fn client_with(&self, program: &str, options: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(["-F", "none"]).args(options).args(self.client_options()).stdin(Stdio::null());
        command
    }

    /// Runs `ssh OPTIONS… user@host COMMAND`.
    pub fn ssh(&self, options: &[&str], command: &str) -> Output {
        run(self.client("ssh").args(options).arg(self.login()).arg(command))
    }

    /// Runs `ssh` as somebody who types these answers, one for each prompt, and has no key. What the client was asked is
    /// found in [`Server::prompts`].
    pub fn ssh_answering(&self, answers: &[&str], options: &[&str], command: &str) -> Output {
        run(self.answering_client(answers, options).arg(command))
    }

    /// The client of [`Server::ssh_answering`], up to the command.
    #[must_use]
    pub fn answering_client(&self, answers: &[&str], options: &[&str]) -> Command {
        let askpass = self.scratch.file("askpass", ASKPASS);
        fs::set_permissions(&askpass, fs::Permissions::from_mode(0o755)).expect("its mode");
        self.scratch.file("answers", answers.iter().map(|answer| format!("{answer}\n")).collect::<String>());
        self.scratch.file("prompts", "");
        let typing = ["-oBatchMode=no", "-oPubkeyAuthentication=no", "-oNumberOfPasswordPrompts=1"];
        let mut client = self.client_with("ssh", &[options, &typing].concat());
        client.env("SSH_ASKPASS", &askpass).env("SSH_ASKPASS_REQUIRE", "force");
        client.env("ANSWERS", self.scratch.path("answers")).env("PROMPTS", self.scratch.path("prompts"));
        client.arg(self.login());
        client
    }

    /// What the last client of [`Server::ssh_answering`] was asked, in its words.
    #[must_use]
    pub fn prompts(&self) -> String {
        fs::read_to_string(self.scratch.path("prompts")).unwrap_or_default()
    }

    /// Runs a command that must succeed, and returns what it printed.
    pub fn ssh_ok(&self, options: &[&str], command: &str) -> String {
        let output = self.ssh(options, command);
        assert!(output.status.success(), "ssh {options:?} {command:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Feeds a batch to `sftp`; returns its output.
    pub fn sftp(&self, options: &[&str], batch: &str) -> Output {
        let mut command = self.client("sftp");
        command.args(options).args(["-b", "-"]).arg(self.login());
        run_with_input(&mut command, batch.as_bytes())
    }

    /// A raw connection.
    #[must_use]
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        stream
    }

    /// Waits for a log line that contains `text`, and returns it.
    pub fn wait_for_log(&self, text: &str) -> String {
        self.log.find(text).unwrap_or_else(|| panic!("no log line contains {text:?}"))
    }

    /// All log lines that have been written so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lines().join("\n")
    }

    /// Sends a signal to the listener.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("the listener lives");
    }

    /// Rewrites the configuration (the harness's own lines are added again).
    pub fn configure(&self, configuration: &str) {
        write_configuration(configuration, self.port, &self.scratch);
    }

    /// `sshd -t` of the configuration as it stands now.
    pub fn test_configuration(&self) -> Output {
        run(Command::new(binaries().join("sshd")).arg("-tf").arg(self.scratch.path("sshd_config")))
    }

    /// Waits until no descendant of the listener is left.
    pub fn wait_until_idle(&self) {
        wait_until("all connections have ended", || self.descendants().is_empty());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let family = self.descendants();
        let _ = kill(Pid::from_raw(self.pid()), Signal::SIGTERM);
        let _ = self.child.wait();
        for pid in family {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        if thread::panicking() {
            eprintln!("---- the server's log ----\n{}\n----", self.log());
        }
    }
}

/// Waits for something that has no event of its own, and fails the test if it does not come.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until nothing of a kind is left; says what is, if it stays.
pub fn wait_until_none(of_what: &str, mut left: impl FnMut() -> Vec<String>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = left();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{of_what}: still {left:#?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a client to its end; kills it when it takes longer than [`PATIENCE`].
pub fn run(command: &mut Command) -> Output {
    run_with_input(command, &[])
}

/// The same, with something to read.
pub fn run_with_input(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let writer = child.stdin.take().map(|mut stdin| {
        let input = input.to_vec();
        thread::spawn(move || drop(stdin.write_all(&input)))
    });
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let deadline = Instant::now() + PATIENCE * 5;
    let status = loop {
        if let Some(status) = child.try_wait().expect("the client") {
            break status;
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("{command:?} hangs");
        }
        thread::sleep(Duration::from_millis(5));
    };
    if let Some(writer) = writer {
        let _ = writer.join();
    }
    Output { status, stdout: stdout.join().expect("its output"), stderr: stderr.join().expect("its errors") }
}

fn collect(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.read_to_end(&mut bytes);
        }
        bytes
    })
}

/// What follows this line in a test's configuration belongs into `bulkhead_config`.
const COMPANION: &str = "# bulkhead_config\n";

fn write_configuration(configuration: &str, port: u16, scratch: &Scratch) {
    let (configuration, companion) = configuration.split_once(COMPANION).unwrap_or((configuration, ""));
    scratch.file("sshd_config", full_configuration(configuration, port, scratch));
    if !companion.is_empty() {
        scratch.file("bulkhead_config", companion.replace("@SCRATCH@", &scratch.path("").display().to_string()));
    }
}

/// Without penalties, unless a test asks for them: all tests come from 127.0.0.1.
fn full_configuration(configuration: &str, port: u16, scratch: &Scratch) -> String {
    let path = |name: &str| scratch.path(name).display().to_string();
    let configuration = configuration.replace("@SCRATCH@", &path(""));
    // Match blocks stay last: what follows them would belong to them.
    let (global, blocks) = match configuration.find("Match ") {
        Some(start) => configuration.split_at(start),
        None => (configuration.as_str(), ""),
    };
    format!(
        "{global}\nListenAddress 127.0.0.1\nPort {port}\nPidFile {}\nHostKey {}\nHostKey {}\nHostKey {}\n\
         AuthorizedKeysFile {}\nSubsystem sftp internal-sftp\nLogLevel DEBUG1\nUsePAM no\n\
         PerSourcePenalties no\n{blocks}\n",
        path("sshd.pid"),
        path("host_ed25519"),
        path("host_ecdsa"),
        path("host_rsa"),
        path("authorized_keys"),
    )
}

fn known_hosts(scratch: &Scratch, port: u16, ed25519: &str) -> String {
    let keys = ["host_ecdsa", "host_rsa"].map(|name| public_half(&scratch.path(name)));
    [ed25519, &keys[0], &keys[1]].iter().map(|key| format!("[127.0.0.1]:{port} {}\n", key.trim_end())).collect()
}

/// The script of [`Server::as_root_after`].
const MOUNTS: &str = "mounts.sh";

fn spawn(who: As, account: &Account, scratch: &Scratch, environment: &[(&str, &str)]) -> (Child, Arc<Log>) {
    let mut command = Command::new(binaries().join("sshd"));
    if scratch.path(MOUNTS).exists() {
        command = Command::new("unshare");
        command.args(["--mount", "sh"]).arg(scratch.path(MOUNTS)).arg(scratch.path("")).arg(binaries().join("sshd"));
    }
    command.args(["-D", "-e", "-f"]).arg(scratch.path("sshd_config")).envs(environment.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    if who == As::OrdinaryUser && Uid::effective().is_root() {
        command.uid(account.uid).gid(account.gid);
        command.current_dir("/");
    }
    let mut child = command.spawn().expect("sshd is built");
    let log = Log::of(child.stderr.take().expect("a pipe"));
    (child, log)
}
