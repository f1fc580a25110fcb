//! Servers that log to a syslog of the test's own: with the identity, the process id and the levels that a machine's
//! log would show.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bulkhead_tests::{Scratch, descendants_of, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Gives the server a `/dev` in which the log is the test's, in a mount namespace of its own.
const WITH_OWN_LOG: &str = r#"
    mkdir "$1/dev" && mount --rbind /dev "$1/dev" && mount -t tmpfs tmpfs /dev || exit 1
    for name in "$1"/dev/*; do [ "${name##*/}" = log ] || ln -s "$name" /dev/; done
    ln -s "$1/log" /dev/log
    shift; exec "$@"
"#;

/// A server that runs until it is dropped, and its log.
pub(crate) struct Logged {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    collecting: Option<JoinHandle<()>>,
}

impl Logged {
    /// Starts `sshd -D -f configuration` and waits until it listens on `port` of 127.0.0.1.
    pub(crate) fn start(sshd: &Path, scratch: &Scratch, configuration: &Path, port: u16) -> Self {
        let socket = scratch.path("log");
        let log = UnixDatagram::bind(&socket).expect("a socket");
        fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o666)).expect("its mode");
        log.set_read_timeout(Some(Duration::from_millis(50))).expect("a time limit");
        let child = Command::new("unshare")
            .args(["--mount", "sh", "-c", WITH_OWN_LOG, "sh"])
            .arg(scratch.path(""))
            .arg(sshd)
            .args(["-D", "-f"])
            .arg(configuration)
            .stdin(Stdio::null())
            .spawn()
            .expect("unshare is installed");
        let (lines, stop) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let collecting = {
            let (lines, stop) = (Arc::clone(&lines), Arc::clone(&stop));
            std::thread::spawn(move || collect(&log, &lines, &stop))
        };
        let started = Self { child, lines, stop, collecting: Some(collecting) };
        let listens = format!("Server listening on 127.0.0.1 port {port}.");
        wait_until("the server listens", || {
            started.lines.lock().expect("the log").iter().any(|l| l.contains(&listens))
        });
        started
    }

    /// Waits until no connection is left.
    pub(crate) fn wait_until_idle(&self) {
        let listener = i32::try_from(self.child.id()).expect("a process id");
        wait_until("all connections have ended", || descendants_of(listener).is_empty());
    }

    /// Ends the server; its log, as a file of syslogd shows it.
    pub(crate) fn into_log(mut self) -> String {
        self.end();
        self.lines.lock().expect("the log").join("\n") + "\n"
    }

    fn end(&mut self) {
        let listener = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        for pid in descendants_of(listener.as_raw()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = kill(listener, Signal::SIGTERM);
        let _ = self.child.wait();
        self.stop.store(true, Ordering::Relaxed);
        if let Some(collecting) = self.collecting.take() {
            let _ = collecting.join();
        }
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            eprintln!("---- a log ----\n{}\n----", self.lines.lock().expect("the log").join("\n"));
        }
    }
}

/// `<38>Nov 22 20:13:59 sshd[123]: text` becomes a line with the name of a host. The last datagrams are read after the
/// end: they are in the socket by then.
fn collect(log: &UnixDatagram, lines: &Mutex<Vec<String>>, stop: &AtomicBool) {
    const TIME_STAMP: usize = "Nov 22 20:13:59".len();
    let mut datagram = [0; 8192];
    loop {
        let stopped = stop.load(Ordering::Relaxed);
        while let Ok(length) = log.recv(&mut datagram) {
            let text = String::from_utf8_lossy(&datagram[..length]).trim_end_matches(['\0', '\n']).to_owned();
            let (_, text) = text.split_once('>').expect("a priority");
            let (stamp, message) = text.split_at(TIME_STAMP);
            lines.lock().expect("the log").push(format!("{stamp} host{message}"));
        }
        if stopped {
            return;
        }
    }
}
