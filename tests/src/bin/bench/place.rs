//! Keys, a configuration and an account for both servers, and clients that use them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, fs};

use bulkhead_tests::{Account, PATIENCE, Scratch, make_key, public_half};
use nix::unistd::Uid;

use crate::server::{Running, Server, THEIRS};

pub(crate) struct Place {
    pub(crate) scratch: Scratch,
    pub(crate) account: Account,
}

impl Place {
    pub(crate) fn new() -> Self {
        let scratch = Scratch::new();
        let account = if Uid::effective().is_root() { Account::create() } else { Account::own() };
        let login = make_key(&scratch, "login_key", &["-t", "ed25519"]);
        make_key(&scratch, "host_key", &["-t", "ed25519"]);
        scratch.file("authorized_keys", public_half(&login));
        Self { scratch, account }
    }

    /// Starts a server under a supervisor and waits until it listens.
    pub(crate) fn start(&self, server: Server) -> Running {
        let probe = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = probe.local_addr().expect("its address").port();
        drop(probe);
        let path = |name: &str| self.scratch.path(name).display().to_string();
        let configuration = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100\nStrictModes no\n\
             Subsystem sftp internal-sftp\n",
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
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Running { supervisor, port }
    }

    /// A client that needs nothing but its target.
    pub(crate) fn command(&self, running: &Running, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]);
        command.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]);
        command.args(["-o", &format!("Port={}", running.port), "-i"]).arg(self.scratch.path("login_key"));
        command.args(arguments);
        command
    }

    pub(crate) fn target(&self) -> String {
        format!("{}@127.0.0.1", self.account.name)
    }
}

/// Makes `path` a file of so many bytes that no compression would shrink to nothing, unless it is one already.
pub(crate) fn fill(path: &Path, bytes: usize) {
    if fs::metadata(path).is_ok_and(|there| there.len() == bytes as u64) {
        return;
    }
    let mut block = vec![0_u8; bytes.min(1 << 20)];
    for (position, byte) in block.iter_mut().enumerate() {
        *byte = (position.wrapping_mul(2_654_435_761) >> 11) as u8;
    }
    let mut file = fs::File::create(path).expect("a file to send");
    let mut left = bytes;
    while left > 0 {
        let length = left.min(block.len());
        std::io::Write::write_all(&mut file, &block[..length]).expect("room for it");
        left -= length;
    }
}
