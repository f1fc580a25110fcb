//! Ansible and mosh: what administrators run over ssh without looking.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bulkhead_tests::{Account, As, Server, needs_program, needs_root, processes_of, run, status_of, wait_until};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// Ansible with this server as its only host.
struct Playbook<'a> {
    server: &'a Server,
    folder: PathBuf,
}

/// Runs commands, with input and with a status, and moves files both ways.
const PLAYBOOK: &str = r#"
- hosts: all
  gather_facts: no
  tasks:
    - command: id -un
      register: who
    - assert: { that: "who.stdout == '@USER@'" }
    - shell: "cat; exit 3"
      args: { stdin: "fed" }
      register: fed
      failed_when: fed.rc != 3 or fed.stdout != 'fed'
    - copy: { src: "@FOLDER@/sent", dest: "@KEPT@", mode: "0640" }
    - fetch: { src: "@KEPT@", dest: "@FOLDER@/back", flat: yes }
"#;

impl<'a> Playbook<'a> {
    fn of(server: &'a Server) -> Self {
        let (user, folder) = (&server.account.name, server.scratch.path("ansible"));
        fs::create_dir(&folder).unwrap();
        let playbook = Self { server, folder };
        let options: Vec<_> = server.client_options().into_iter().filter(|option| option != "-o").collect();
        let options: String = options.iter().map(|option| option.replacen('=', " ", 1) + "\n").collect();
        playbook.write("ssh_config", &options);
        playbook.write("hosts", &format!("target ansible_host=127.0.0.1 ansible_port={} ansible_user={user} ansible_python_interpreter=/usr/bin/python3\n", server.port));
        let folder = playbook.folder.display().to_string();
        let kept = playbook.in_home("kept").display().to_string();
        playbook
            .write("play.yml", &PLAYBOOK.replace("@USER@", user).replace("@KEPT@", &kept).replace("@FOLDER@", &folder));
        playbook.write("ansible.cfg", "[defaults]\n");
        playbook.write("sent", &(0..60_000).map(|number| format!("{number}\n")).collect::<String>());
        playbook
    }

    /// An ordinary tester's servers share a home.
    fn in_home(&self, name: &str) -> PathBuf {
        self.server.account.home.join(format!(".{name}-{}", self.server.port))
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.folder.join(name), content).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// With a master connection of its own, in whose place `ControlPersist` leaves nothing at the end.
    fn play(&self, pipelining: bool, transfer: &str) -> Output {
        let options = format!("-F {} -o ControlMaster=auto -o ControlPersist=30", self.path("ssh_config"));
        let mut ansible = Command::new("ansible-playbook");
        ansible
            .env("HOME", &self.folder)
            .env("ANSIBLE_CONFIG", self.path("ansible.cfg"))
            .env("ANSIBLE_LOCALHOST_WARNING", "0");
        ansible.env("ANSIBLE_REMOTE_TEMP", self.in_home("ansible"));
        ansible.env("ANSIBLE_PIPELINING", if pipelining { "True" } else { "False" });
        ansible.env("ANSIBLE_SSH_TRANSFER_METHOD", transfer).env("ANSIBLE_SSH_ARGS", options);
        ansible.env("ANSIBLE_SSH_CONTROL_PATH_DIR", self.folder.join("cp")).current_dir(&self.folder);
        let output = run(ansible.args(["-i", &self.path("hosts"), &self.path("play.yml")]).stdin(Stdio::null()));
        self.end_masters();
        let _ = fs::remove_dir_all(self.in_home("ansible"));
        let _ = fs::remove_file(self.in_home("kept"));
        output
    }

    fn end_masters(&self) {
        for socket in fs::read_dir(self.folder.join("cp")).into_iter().flatten().flatten() {
            let mut exit = self.server.client("ssh");
            run(exit.arg("-S").arg(socket.path()).args(["-O", "exit"]).arg(self.server.login()));
        }
    }

    fn came_back_whole(&self) -> bool {
        fs::read(self.folder.join("back")).is_ok_and(|back| back == fs::read(self.folder.join("sent")).unwrap())
    }
}

#[test]
fn ansible_runs_a_playbook_over_one_connection() {
    if !needs_program("ansible_runs_a_playbook_over_one_connection", "ansible-playbook") {
        return;
    }
    std::thread::scope(|scope| {
        for (pipelining, transfer) in [(true, "sftp"), (false, "scp"), (false, "piped")] {
            scope.spawn(move || {
                let server = Server::any("");
                let playbook = Playbook::of(&server);
                let output = playbook.play(pipelining, transfer);
                assert!(output.status.success() && playbook.came_back_whole(), "{transfer}: {output:?}");
                assert_eq!(server.log().matches("Accepted publickey for").count(), 1, "ControlPersist");
                server.wait_until_idle();
            });
        }
    });
}

#[test]
fn ansible_is_told_of_hosts_that_it_may_not_log_in_to() {
    let name = "ansible_is_told_of_hosts_that_it_may_not_log_in_to";
    if !needs_program(name, "ansible-playbook") {
        return;
    }
    let server = Server::any("AllowUsers nobody-else");
    // With pipelining it may find ssh gone before it has written, and tell that in place of what ssh has said.
    let refused = Playbook::of(&server).play(false, "sftp");
    let shown = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    assert!(shown.contains("UNREACHABLE!") && shown.contains("Permission denied ("), "{refused:?}");
    server.wait_for_log("not allowed because not listed in AllowUsers");
}

/// Gives mosh(1) a terminal of a size, types one line after the other, and prints what it shows.
const TYPIST: &str = r#"
import fcntl, os, pty, select, struct, sys, termios, time
pid, terminal = pty.fork()
if pid == 0:
    # Nothing is drawn on a terminal without a size.
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.environ.update(TERM="xterm", LC_ALL="C.UTF-8", LANG="C.UTF-8")
    os.execvp("mosh", ["mosh"] + sys.argv[2:])
shown = b""
deadline = time.time() + 50
def until(text):
    global shown
    while text not in shown:
        if not select.select([terminal], [], [], max(0, deadline - time.time()))[0]: break
        try: shown += os.read(terminal, 65536)
        except OSError: break
    sys.stdout.buffer.write(shown); sys.stdout.flush()
    found = text in shown
    shown = shown.partition(text)[2]
    return found
if until(b"$ "):
    os.write(terminal, b"echo \xe2\x82\xac$((40+2)) $(id -un)\r")
    assert until("\u20ac42 ".encode())
    # There is nothing to read before the connection that has brought it here is over.
    os.write(terminal, b"read word <" + sys.argv[1].encode() + b"; echo $word $((1+1))\r")
    assert until(b"still 2")
    os.write(terminal, b"exit\r")
until(b"there is no such text")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

fn mosh(server: &Server, pipe: &Path) -> Output {
    let ssh = format!("ssh -F none {}", server.client_options().join(" "));
    let mut typist = Command::new("/usr/bin/python3");
    typist.args(["-c", TYPIST]).arg(pipe).arg(format!("--ssh={ssh}"));
    run(typist.args(["--family=inet", "--no-init", &server.login()]).stdin(Stdio::null()))
}

fn mosh_is_possible(test: &str) -> bool {
    needs_root(test) && needs_program(test, "mosh") && needs_program(test, "mosh-server")
}

#[test]
fn mosh_goes_on_after_its_ssh_connection() {
    if !mosh_is_possible("mosh_goes_on_after_its_ssh_connection") {
        return;
    }
    let server = Server::start(As::Root, Account::create(), "AcceptEnv LANG LC_*");
    let pipe = server.account.home.join("pipe");
    mkfifo(&pipe, Mode::from_bits_truncate(0o644)).unwrap();
    let uid = server.account.uid;
    let is_there = || processes_of(uid).into_iter().any(|pid| status_of(pid, "Name") == "mosh-server");
    let output = std::thread::scope(|scope| {
        let session = scope.spawn(|| mosh(&server, &pipe));
        server.wait_for_log("Starting session: command on pts/");
        // Without any process of ours, the terminal of ssh's session included.
        server.wait_for_log("Disconnected from user ");
        server.wait_until_idle();
        let mut reader = Err(ErrorKind::NotFound.into());
        wait_until("its shell reads", || {
            reader = OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&pipe);
            reader.is_ok() || session.is_finished()
        });
        reader.and_then(|mut reader| reader.write_all(b"still\n")).unwrap();
        session.join().unwrap()
    });
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shown}\n{output:?}");
    assert!(shown.contains(&format!("42 {}", server.account.name)), "{shown}");
    wait_until("its server has ended", || !is_there());
}

#[test]
fn mosh_does_not_start_where_another_command_is_forced() {
    if !mosh_is_possible("mosh_does_not_start_where_another_command_is_forced") {
        return;
    }
    let server = Server::start(As::Root, Account::create(), "ForceCommand echo this alone");
    let output = mosh(&server, &server.account.home.join("pipe"));
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success() && shown.contains("this alone"), "{shown}");
    assert!(shown.contains("Did not find mosh server startup message"), "{shown}");
    server.wait_until_idle();
    assert_eq!(processes_of(server.account.uid), Vec::<i32>::new());
}
