//! Ten thousand channels of every kind that are opened, used and closed on one connection leave nothing.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::thread;

use bulkhead_tests::traffic::{echo, echo_service};
use bulkhead_tests::{Server, executable_of, has_python_module, needs_root, status_of, wait_until};

/// Five hundred channels in each of twenty rounds, ten and more of them at a time: what they cost is waited for together,
/// which is why this does not take minutes. (With a hundred at a time as many threads of sshd-forward would leave their stacks
/// to the C library, in some round or other.) After the second round and after the last one it waits for a line.
const CHURN: &str = r#"
def opened(kind, numbers, *more):
    for number in numbers: opens(kind, 2**21, 32768, number, *more)
    theirs = {}
    while len(theirs) < len(numbers):
        kind, rest = until(91, 92)
        assert kind == 91, rest
        theirs[int.from_bytes(rest[:4], "big")] = rest[4:8]
    return theirs

def close(theirs):
    for other in theirs.values(): send(97, other)
    for _ in theirs: until(97)

def used(theirs):
    said = b"x" * 100
    for other in theirs.values():
        send(94, other, string(said))
        send(96, other)
    heard, open_ones = {number: b"" for number in theirs}, set(theirs)
    while open_ones:
        kind, rest = until(94, 97)
        number = int.from_bytes(rest[:4], "big")
        if kind == 94: heard[number] += rest[8:]
        else:
            open_ones.remove(number)
            send(97, theirs[number])
    assert all(words == said for words in heard.values()), heard

def round():
    for _ in range(20):
        used(opened("direct-tcpip", range(10), direct("127.0.0.1", service)))
        used(opened("direct-streamlocal@openssh.com", range(10), string(path), string(""), u32(0)))
    close(opened("session", range(75)))
    sessions = opened("session", range(25))
    for other in sessions.values(): send(98, other, string("exec"), b"\0", string("exec cat"))
    used(sessions)

for number in range(1, 21):
    round()
    if number in (2, 20):
        print(number * 500, flush=True)
        sys.stdin.readline()
"#;

/// What a leak of 50 bytes a channel would exceed: less than any record of a channel, its queue or its socket takes. What
/// an allocator keeps back of a busy moment is there after the first thousand already.
const MOST_GROWTH_KIB: u64 = 9000 * 50 / 1024;

/// One of the processes of the connection.
#[derive(Debug)]
struct Part {
    executable: String,
    descriptors: usize,
    threads: String,
}

impl Part {
    fn is_no_more_than(&self, then: &Self) -> bool {
        self.executable == then.executable && self.descriptors <= then.descriptors && self.threads == then.threads
    }
}

fn parts(server: &Server) -> Vec<Part> {
    let part = |pid: i32| Part {
        executable: executable_of(pid),
        descriptors: fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count),
        threads: status_of(pid, "Threads"),
    };
    server.descendants().into_iter().map(part).collect()
}

/// Private memory of each process in KiB.
fn memory(server: &Server) -> Vec<u64> {
    let of = |pid: i32| status_of(pid, "RssAnon").replace(" kB", "").parse().unwrap_or(0);
    server.descendants().into_iter().map(of).collect()
}

#[test]
fn ten_thousand_channels_leave_nothing() {
    // Nobody else may look into processes that have locked themselves down.
    let name = "ten_thousand_channels_leave_nothing";
    if !needs_root(name) || !has_python_module(name, "paramiko") {
        return;
    }
    let server = Server::as_root("MaxSessions 100\nLogLevel INFO");
    let path = server.account.home.join("churn.sock");
    let listener = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || echo(&connection, &connection));
        }
    });
    let script = format!("path = \"{}\"\n{CHURN}", path.display());
    let mut peer = server.raw_peer(echo_service(), &script);
    let mut peer = peer.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(peer.stdout.take().unwrap());
    let mut after = |channels: &str| {
        let mut line = String::new();
        told.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), channels);
        // Each process is alone with its descriptors again when the last close has been dealt with.
        wait_until("sshd-forward has one thread, and no command is left", || {
            parts(&server).iter().all(|part| part.executable.starts_with("sshd-") && part.threads == "1")
        });
    };
    after("1000");
    let (before, memory_before) = (parts(&server), memory(&server));
    assert_eq!(before.len(), 3, "{before:?}");
    peer.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    after("10000");
    wait_until("every descriptor of theirs is closed", || {
        let now = parts(&server);
        // Fewer, if the first thousand's last had not been closed when they were counted.
        now.len() == before.len() && now.iter().zip(&before).all(|(now, then)| now.is_no_more_than(then))
    });
    for ((part, now), then) in before.iter().zip(memory(&server)).zip(memory_before) {
        let grown = now.saturating_sub(then);
        assert!(grown <= MOST_GROWTH_KIB, "{}: {then} KiB, and {grown} more after 9,000 channels", part.executable);
    }
    drop(peer.stdin.take());
    assert!(peer.wait().unwrap().success());
    server.wait_until_idle();
    assert_eq!(server.log().matches("Session ended: ").count(), 500);
    assert_eq!(server.log().matches("Forwarding ended: direct-").count(), 8000);
    fs::remove_file(path).unwrap();
}
