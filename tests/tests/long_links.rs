//! Uploads over a link that is long and wide, beside OpenSSH's server at the end of the same link.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bulkhead_tests::{Server, needs_program, needs_root, project, run, skipped, wait_until};

const THEIRS: &str = "/usr/sbin/sshd";

/// Two tun devices, ours with a network namespace at its far end; gone with its owner.
struct LongLink {
    delay: Child,
    namespace: String,
}

/// This host's address on the link, and the other end's. (RFC 2544: addresses for measurements.)
const HERE: &str = "198.18.77.1";
const THERE: &str = "198.18.77.2";

impl LongLink {
    /// `None` when the system has no tun devices or no namespaces.
    fn start(round_trip: Duration) -> Option<Self> {
        let namespace = format!("bht{}", std::process::id());
        let (here, there) = (format!("bhth{}", std::process::id()), format!("bhtt{}", std::process::id()));
        let mut delay = Command::new("python3")
            .arg(project().join("tests/src/long_link.py"))
            .args([&here, &there, &(round_trip / 2).as_secs_f64().to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(delay.stdout.take()?).read_line(&mut line).ok()?;
        let link = Self { delay, namespace };
        let ip = |arguments: String| run(Command::new("ip").args(arguments.split(' '))).status.success();
        let name = &link.namespace;
        let up = line == "ready\n"
            && ip(format!("netns add {name}"))
            && ip(format!("link set {there} netns {name}"))
            && ip(format!("address add {HERE} peer {THERE} dev {here}"))
            && ip(format!("link set {here} mtu 9000 txqueuelen 10000 up"))
            && ip(format!("-n {name} address add {THERE} peer {HERE} dev {there}"))
            && ip(format!("-n {name} link set {there} mtu 9000 txqueuelen 10000 up"));
        // Whoever has to do with such links is set up for them.
        let wide = ["netns", "exec", name, "sysctl", "-qw", "net.ipv4.tcp_wmem=4096 16384 67108864"];
        (up && run(Command::new("ip").args(wide)).status.success()).then_some(link)
    }

    /// Seconds for so many bytes from the far end to a login on this port.
    fn upload(&self, server: &Server, port: u16, bytes: usize) -> f64 {
        let mut client = Command::new("ip");
        client.args(["netns", "exec", &self.namespace, "ssh", "-F", "none", "-p", &port.to_string()]);
        client.args(["-o", &format!("HostName={HERE}"), "-o", &format!("HostKeyAlias=[127.0.0.1]:{}", server.port)]);
        client.args(server.client_options()).args([&server.login(), "echo go; cat > /dev/null"]);
        let mut client = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("ssh");
        let mut line = String::new();
        BufReader::new(client.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        assert_eq!(line, "go\n");
        let begin = Instant::now();
        client.stdin.take().expect("its input").write_all(&vec![7; bytes]).expect("sent");
        assert!(client.wait().expect("an end").success());
        begin.elapsed().as_secs_f64()
    }
}

/// Debian's server with the same keys, ended with its owner.
struct Theirs(Child);

impl Theirs {
    fn start(server: &Server, port: u16) -> Self {
        let path = |name: &str| server.scratch.path(name).display().to_string();
        let configuration = format!(
            "ListenAddress {HERE}\nPort {port}\nPidFile none\nHostKey {}\nAuthorizedKeysFile {}\nUsePAM no\n",
            path("host_ed25519"),
            path("authorized_keys"),
        );
        let file = server.scratch.file("theirs_config", configuration);
        let _ = fs::create_dir("/run/sshd");
        let mut command = Command::new(THEIRS);
        command.args(["-D", "-e", "-f"]).arg(file).stdin(Stdio::null()).stderr(Stdio::null());
        let theirs = Self(command.spawn().expect("their sshd"));
        wait_until("their server listens", || std::net::TcpStream::connect((HERE, port)).is_ok());
        theirs
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn windows_grow_with_the_link() {
    const NAME: &str = "windows_grow_with_the_link";
    if !needs_root(NAME) || !needs_program(NAME, "python3") || !needs_program(NAME, "ip") {
        return;
    }
    if !Path::new(THEIRS).is_file() {
        return skipped(NAME, "OpenSSH's server is not installed");
    }
    for (milliseconds, megabytes, most) in [(200, 24, 0.8), (50, 40, 1.0)] {
        let Some(link) = LongLink::start(Duration::from_millis(milliseconds)) else {
            return skipped(NAME, "no tun devices or no network namespaces");
        };
        let ours = Server::as_root(&format!("ListenAddress {HERE}"));
        let port = free_port();
        let _theirs = Theirs::start(&ours, port);
        let bytes = megabytes << 20;
        let (our_time, their_time) = (link.upload(&ours, ours.port, bytes), link.upload(&ours, port, bytes));
        println!("{milliseconds} ms, {megabytes} MiB: {our_time:.2} s, theirs {their_time:.2} s");
        assert!(our_time < their_time * most, "{milliseconds} ms: {our_time:.2} s, theirs {their_time:.2} s");
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port()
}

impl Drop for LongLink {
    fn drop(&mut self) {
        let _ = self.delay.kill();
        let _ = self.delay.wait();
        run(Command::new("ip").args(["netns", "delete", &self.namespace]));
    }
}
