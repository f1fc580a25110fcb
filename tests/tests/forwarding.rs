//! `ssh -L`, `-R`, `-D`, `-W` and `-J`, over TCP and Unix-domain sockets, allowed and refused.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::process::{Child, Stdio};
use std::thread;

use bulkhead_tests::traffic::{
    bytes, connect, connect_path, echo, echo_service, free_port, there_and_back, through_socks,
};
use bulkhead_tests::{Server, descendants_of, executable_of, needs_program, needs_root, run, title_of, wait_until};

/// A client that only forwards, until it is dropped.
struct Forwarding(Child);

impl Forwarding {
    fn start(server: &Server, options: &[&str]) -> Self {
        let mut command = server.client("ssh");
        command.args(["-N", "-o", "ExitOnForwardFailure=yes"]).args(options).arg(server.login());
        Self(command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("ssh"))
    }

    /// The first line on standard error that holds `text`.
    fn says(&mut self, text: &str) -> String {
        let mut errors = BufReader::new(self.0.stderr.take().expect("its errors"));
        let mut line = String::new();
        while errors.read_line(&mut line).expect("a line") > 0 {
            if line.contains(text) {
                let found = line.trim().to_owned();
                // The client must not find its standard error closed.
                self.0.stderr = Some(errors.into_inner());
                return found;
            }
            line.clear();
        }
        panic!("never: {text}");
    }

    /// Waits for a client that does not stay.
    fn fails(mut self) -> String {
        let mut errors = String::new();
        let mut stderr = self.0.stderr.take().expect("its errors");
        stderr.read_to_string(&mut errors).expect("errors");
        assert!(!self.0.wait().expect("an end").success(), "{errors}");
        errors
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_alive(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    stream.write_all(b"ping").is_ok() && stream.read_exact(&mut [0; 4]).is_ok()
}

#[test]
fn local_forwardings_carry_both_halves() {
    let server = Server::any("");
    let (service, local, by_name) = (echo_service(), free_port(), free_port());
    let forwards = [format!("{local}:127.0.0.1:{service}"), format!("{by_name}:localhost:{service}")];
    let client = Forwarding::start(&server, &["-L", &forwards[0], "-L", &forwards[1]]);
    there_and_back(connect(local), &bytes(3_000_000));
    there_and_back(connect(by_name), b"short");
    // Several at once, each on its own.
    let many: Vec<TcpStream> = (0..50).map(|_| connect(local)).collect();
    thread::scope(|scope| many.into_iter().for_each(|one| drop(scope.spawn(|| there_and_back(one, &bytes(50_000))))));
    let line = server.wait_for_log("Forwarding ended: direct-tcpip to ");
    assert!(line.contains(&format!("to 127.0.0.1:{service} for user {}", server.account.name)), "{line}");
    assert!(line.contains("sent 3000000, received 3000000 bytes in "), "{line}");
    drop(client);
    server.wait_until_idle();
}

#[test]
fn dynamic_direct_and_jumping() {
    let server = Server::any("");
    let (service, socks) = (echo_service(), free_port());
    let _client = Forwarding::start(&server, &["-D", &socks.to_string()]);
    there_and_back(through_socks(socks, "localhost", service).expect("granted"), &bytes(300_000));

    let mut direct = server.client("ssh");
    direct.args(["-W", &format!("localhost:{service}")]).arg(server.login());
    let output = bulkhead_tests::run_with_input(&mut direct, b"through standard input");
    assert_eq!(output.stdout, b"through standard input", "{output:?}");

    // Through itself: the second connection comes out of the first.
    let settings = server.client_options().into_iter().filter(|option| option != "-o");
    let config: String = settings.map(|setting| setting.replacen('=', " ", 1) + "\n").collect();
    let file = server.scratch.file("jump_config", config);
    let mut jump = std::process::Command::new("ssh");
    jump.arg("-F").arg(file).args(["-J", &server.login(), &server.login(), "echo inside"]);
    let output = run(jump.stdin(Stdio::null()));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "inside\n", "{output:?}");
    assert!(server.log().matches("Accepted publickey").count() >= 4);
}

#[test]
fn remote_forwardings_reach_the_client() {
    let server = Server::any("");
    let (service, remote) = (echo_service(), free_port());
    let fixed = format!("{remote}:127.0.0.1:{service}");
    let chosen = format!("0:127.0.0.1:{service}");
    let mut client = Forwarding::start(&server, &["-v", "-R", &fixed, "-R", &chosen]);
    let line = client.says("Allocated port ");
    let allocated: u16 = line.split(' ').nth(2).and_then(|port| port.parse().ok()).expect("a port");
    for port in [remote, allocated] {
        there_and_back(connect(port), &bytes(1_000_000));
        // Loopback of both families, and nothing else.
        assert_eq!(TcpStream::connect(("::1", port)).is_ok(), TcpListener::bind("[::1]:0").is_ok());
        assert!(TcpStream::connect(("127.0.0.2", port)).is_err());
    }
    server.wait_for_log("Forwarding ended: forwarded-tcpip to localhost:");
    // A second one of the same port is refused, and says so.
    let errors = Forwarding::start(&server, &["-R", &fixed]).fails();
    assert!(errors.contains("remote port forwarding failed for listen port"), "{errors}");
    server.wait_for_log(&format!("channel_setup_fwd_listener_tcpip: cannot listen to port: {remote}"));
    drop(client);
    server.wait_until_idle();
    assert!(TcpStream::connect(("127.0.0.1", remote)).is_err(), "nobody listens any more");
}

#[test]
fn gateway_ports_in_its_three_values() {
    for (value, asked, others) in [
        ("no", "", false),
        ("no", "0.0.0.0", false),
        ("no", "127.0.0.2", false),
        ("clientspecified", "*", true),
        ("clientspecified", "localhost", false),
        ("clientspecified", "127.0.0.1", false),
        ("clientspecified", "127.0.0.2", true),
        ("yes", "localhost", true),
    ] {
        let server = Server::any(&format!("GatewayPorts {value}"));
        let (service, remote) = (echo_service(), free_port());
        let _client = Forwarding::start(&server, &["-R", &format!("{asked}:{remote}:127.0.0.1:{service}")]);
        let address = if asked == "127.0.0.2" && others { "127.0.0.2" } else { "127.0.0.1" };
        wait_until("it listens", || TcpStream::connect((address, remote)).is_ok());
        assert_eq!(TcpStream::connect(("127.0.0.2", remote)).is_ok(), others, "GatewayPorts {value}, {asked}");
    }
}

#[test]
fn cancelled_forwardings_stop_listening() {
    let server = Server::any("");
    let (service, remote) = (echo_service(), free_port());
    let socket = server.scratch.path("control");
    let path = format!("ControlPath={}", socket.display());
    let mut master =
        server.client("ssh").args(["-o", "ControlMaster=yes", "-o", &path, "-N"]).arg(server.login()).spawn().unwrap();
    wait_until("the control socket is there", || socket.exists());
    let control = |what: &str, forward: &str| {
        let mut command = server.client("ssh");
        run(command.args(["-o", &path, "-O", what, "-R", forward]).arg(server.login()))
    };
    let forward = format!("{remote}:127.0.0.1:{service}");
    assert!(control("forward", &forward).status.success());
    let mut connected = connect(remote);
    // Once it carries something, the client has taken it.
    connected.write_all(b"a").unwrap();
    connected.read_exact(&mut [0]).unwrap();
    assert!(control("cancel", &forward).status.success());
    // The client does not wait for an answer.
    wait_until("nobody listens", || TcpStream::connect(("127.0.0.1", remote)).is_err());
    // Who was connected stays so.
    connected.write_all(b"still").unwrap();
    connected.read_exact(&mut [0; 5]).unwrap();
    assert!(control("forward", &forward).status.success(), "and it can be asked for again");
    assert!(is_alive(remote));
    master.kill().unwrap();
    master.wait().unwrap();
    server.wait_until_idle();
}

#[test]
fn unix_sockets_both_ways() {
    let server = Server::any("");
    let home = &server.account.home;
    let service = home.join("service.sock");
    let listener = UnixListener::bind(&service).unwrap();
    fs::set_permissions(&service, fs::Permissions::from_mode(0o666)).unwrap();
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || echo(&connection, &connection));
        }
    });
    let (local, remote) = (server.scratch.path("local.sock"), home.join("remote.sock"));
    let forwards =
        [format!("{}:{}", local.display(), service.display()), format!("{}:{}", remote.display(), service.display())];
    let client = Forwarding::start(&server, &["-L", &forwards[0], "-R", &forwards[1]]);
    for path in [&local, &remote] {
        let mut stream = connect_path(path);
        stream.write_all(b"hello").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut came = String::new();
        stream.read_to_string(&mut came).unwrap();
        assert_eq!(came, "hello", "{}", path.display());
    }
    let made = fs::metadata(&remote).unwrap();
    assert_eq!((made.uid(), made.mode() & 0o777), (server.account.uid, 0o600), "StreamLocalBindMask 0177");
    server.wait_for_log("Forwarding ended: forwarded-streamlocal@openssh.com to ");
    drop(client);
    server.wait_until_idle();
    wait_until("the socket's file is gone", || !remote.exists());
    fs::remove_file(service).unwrap();
}

#[test]
fn files_in_the_way_and_masks() {
    let server = Server::any("StreamLocalBindMask 0111\nStreamLocalBindUnlink yes");
    let remote = server.account.home.join("taken.sock");
    drop(UnixListener::bind(&remote).unwrap());
    let forward = format!("{}:127.0.0.1:{}", remote.display(), echo_service());
    let client = Forwarding::start(&server, &["-R", &forward]);
    drop(connect_path(&remote));
    assert_eq!(fs::metadata(&remote).unwrap().mode() & 0o777, 0o666);
    drop(client);
    server.wait_until_idle();
    wait_until("the socket's file is gone", || !remote.exists());

    let server = Server::any("");
    let remote = server.account.home.join("taken.sock");
    drop(UnixListener::bind(&remote).unwrap());
    let forward = format!("{}:127.0.0.1:{}", remote.display(), echo_service());
    Forwarding::start(&server, &["-R", &forward]).fails();
    server.wait_for_log(&format!("cannot bind to path {}: Address already in use", remote.display()));
    assert!(remote.exists(), "it is somebody else's");
    fs::remove_file(remote).unwrap();
}

#[test]
fn sockets_are_opened_with_the_rights_of_the_user() {
    if !needs_root("sockets_are_opened_with_the_rights_of_the_user") {
        return;
    }
    let server = Server::as_root("");
    // CVE-2016-10010: no socket where the user may not make a file, and no way to one that they may not reach.
    let forbidden = server.scratch.path("forbidden");
    fs::create_dir(&forbidden).unwrap();
    fs::set_permissions(&forbidden, fs::Permissions::from_mode(0o700)).unwrap();
    let socket = forbidden.join("s");
    Forwarding::start(&server, &["-R", &format!("{}:127.0.0.1:1", socket.display())]).fails();
    server.wait_for_log(&format!("cannot bind to path {}: Permission denied", socket.display()));
    let _listener = UnixListener::bind(&socket).unwrap();
    let local = server.scratch.path("l");
    let _client = Forwarding::start(&server, &["-L", &format!("{}:{}", local.display(), socket.display())]);
    drop(connect_path(&local));
    server.wait_for_log(&format!("connect to {} port -2 failed: Permission denied", socket.display()));
    // Ports of the system are root's. (Some systems let everybody have them.)
    let first = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    if first.trim() == "1024" {
        Forwarding::start(&server, &["-R", "877:127.0.0.1:1"]).fails();
        server.wait_for_log("bind [127.0.0.1]:877: Permission denied");
    }
}

#[test]
fn what_is_not_permitted_is_refused_with_theirs_words() {
    let service = echo_service();
    let (to, remote) = (format!("127.0.0.1:{service}"), free_port());
    let elsewhere = "AllowTcpForwarding yes\nPermitOpen 127.0.0.1:1\nPermitListen 127.0.0.1:1";
    for (configuration, options, log_local, log_remote) in [
        ("AllowTcpForwarding no", "", "refused local port forward: originator ", None),
        ("DisableForwarding yes", "port-forwarding", "refused local port forward: originator ", None),
        ("", "restrict", "refused local port forward: originator ", None),
        ("", "no-port-forwarding", "refused local port forward: originator ", None),
        (elsewhere, "", " to connect to host 127.0.0.1 port ", Some("host localhost port ")),
        (
            "",
            "permitopen=\"127.0.0.1:1\",permitlisten=\"1\"",
            " to connect to host 127.0.0.1 port ",
            Some("host localhost port "),
        ),
        (
            "PermitOpen none\nPermitListen none",
            "",
            "Received request from 127.0.0.1 port ",
            Some("but the request was"),
        ),
    ] {
        let server = Server::any(configuration);
        restrict_key(&server, options);
        let refused = run(server.client("ssh").args(["-v", "-W", &to]).arg(server.login()));
        let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(errors.contains("administratively prohibited: open failed"), "{configuration} {options}: {errors}");
        server.wait_for_log(log_local);
        let errors = Forwarding::start(&server, &["-v", "-R", &format!("{remote}:{to}")]).fails();
        assert!(errors.contains("remote port forwarding failed for listen port"), "{errors}");
        match log_remote {
            Some(text) => {
                assert!(errors.contains("Remote: port forwarding refused"), "{errors}");
                let line = server.wait_for_log("to remote forward to ");
                assert!(line.contains(text) && line.contains("but the request was denied."), "{line}");
            }
            None => assert!(errors.contains("Remote: Server has disabled port forwarding."), "{errors}"),
        }
        // A session without the grant to listen cannot even accept; with none at all nobody opens sockets for it.
        assert!(!server.log().contains("Forwarding ended"), "{}", server.log());
    }
}

/// Puts options in front of the account's only key.
fn restrict_key(server: &Server, options: &str) {
    let file = server.scratch.path("authorized_keys");
    let key = fs::read_to_string(&file).unwrap();
    if !options.is_empty() {
        fs::write(&file, format!("{options} {key}")).unwrap();
    }
}

#[test]
fn one_direction_can_be_allowed_alone() {
    let (service, remote) = (echo_service(), free_port());
    let to = format!("127.0.0.1:{service}");
    for (value, local_works) in [("local", true), ("remote", false)] {
        let server = Server::any(&format!("AllowTcpForwarding {value}\nAllowStreamLocalForwarding no"));
        let output =
            bulkhead_tests::run_with_input(server.client("ssh").args(["-W", &to]).arg(server.login()), b"through");
        assert_eq!(output.stdout == b"through", local_works, "{value}: {output:?}");
        let client = Forwarding::start(&server, &["-R", &format!("{remote}:{to}")]);
        if local_works {
            client.fails();
        } else {
            wait_until("it listens", || is_alive(remote));
        }
        let path = server.account.home.join("no.sock");
        let errors = Forwarding::start(&server, &["-v", "-R", &format!("{}:{to}", path.display())]).fails();
        assert!(errors.contains("Server has disabled streamlocal forwarding."), "{errors}");
        assert!(!path.exists());
    }
}

/// As with theirs, AllowTcpForwarding is about Unix-domain sockets, too: who has turned it off has kept everybody away from
/// the sockets of this host.
#[test]
fn without_tcp_forwarding_no_socket_is_forwarded() {
    let server = Server::any("AllowTcpForwarding no");
    let (service, local) = (server.account.home.join("service.sock"), free_port());
    let listener = UnixListener::bind(&service).unwrap();
    fs::set_permissions(&service, fs::Permissions::from_mode(0o666)).unwrap();
    let client = Forwarding::start(&server, &["-L", &format!("{local}:{}", service.display())]);
    assert_eq!(connect(local).read(&mut [0]).unwrap_or(0), 0, "closed");
    server.wait_for_log("refused streamlocal port forward: originator ");
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "nobody has come");
    drop(client);
    let path = server.account.home.join("no.sock");
    let errors = Forwarding::start(&server, &["-v", "-R", &format!("{}:127.0.0.1:1", path.display())]).fails();
    assert!(errors.contains("Server has disabled streamlocal forwarding."), "{errors}");
    assert!(!path.exists());
}

#[test]
fn the_stricter_wins_and_what_all_permit_works() {
    let (service, other) = (echo_service(), echo_service());
    let server = Server::any(&format!("PermitOpen 127.0.0.1:{service} localhost:{service}\nPermitListen localhost:*"));
    restrict_key(
        &server,
        &format!("restrict,port-forwarding,permitopen=\"127.0.0.1:{service}\",permitopen=\"*:{other}\""),
    );
    let reaches = |to: String| {
        let output =
            bulkhead_tests::run_with_input(server.client("ssh").args(["-W", &to]).arg(server.login()), b"through");
        output.stdout == b"through"
    };
    assert!(reaches(format!("127.0.0.1:{service}")));
    assert!(!reaches(format!("localhost:{service}")), "the key does not permit it");
    assert!(!reaches(format!("127.0.0.1:{other}")), "the configuration does not permit it");
    // A path has no port: no entry permits it.
    let listener = server.account.home.join("s");
    let _listening = UnixListener::bind(&listener).unwrap();
    let local = server.scratch.path("l");
    let client = Forwarding::start(&server, &["-L", &format!("{}:{}", local.display(), listener.display())]);
    drop(connect_path(&local));
    server.wait_for_log("Received request to connect to path ");
    drop(client);
    let remote = free_port();
    let _client = Forwarding::start(&server, &["-R", &format!("{remote}:127.0.0.1:{service}")]);
    wait_until("it listens", || is_alive(remote));
    fs::remove_file(listener).unwrap();
}

/// An administrator finds the address that somebody has, also where another address of the same request is free.
#[test]
fn addresses_that_cannot_be_listened_on_are_told() {
    let server = Server::any("");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port();
    let asking = Forwarding::start(&server, &["-R", &format!("{port}:127.0.0.1:9")]);
    server.wait_for_log(&format!("bind [127.0.0.1]:{port}: Address already in use"));
    drop((asking, taken));
    let free = server.ssh(&["-oExitOnForwardFailure=yes", "-R", &format!("{port}:127.0.0.1:9")], "true");
    assert!(free.status.success(), "{free:?}");
    assert_eq!(server.log().matches(&format!("bind [127.0.0.1]:{port}: ")).count(), 1);
}

/// A name is no address that somebody has: theirs' line about the port is not for it.
#[test]
fn names_that_cannot_be_listened_on_are_told() {
    let server = Server::any("GatewayPorts clientspecified");
    let errors = Forwarding::start(&server, &["-R", "no-such-host.invalid:0:127.0.0.1:9"]).fails();
    assert!(errors.contains("remote port forwarding failed for listen port"), "{errors}");
    server.wait_for_log("channel_setup_fwd_listener_tcpip: getaddrinfo(no-such-host.invalid): ");
    server.wait_until_idle();
    assert!(!server.log().contains("cannot listen to port"), "{}", server.log());
}

#[test]
fn a_client_learns_that_its_address_is_not_the_one_that_is_listened_on() {
    let server = Server::any("GatewayPorts yes");
    let mut client = Forwarding::start(&server, &["-v", "-R", &format!("localhost:{}:127.0.0.1:9", free_port())]);
    let line = client.says("listen ");
    assert_eq!(line, "debug1: Remote: Forwarding listen address \"localhost\" overridden by server GatewayPorts");
}

#[test]
fn what_the_client_cannot_reach_is_told() {
    let server = Server::any("");
    let remote = free_port();
    let _client = Forwarding::start(&server, &["-R", &format!("{remote}:127.0.0.1:1")]);
    wait_until("it listens", || TcpStream::connect(("127.0.0.1", remote)).is_ok());
    server.wait_for_log("channel 0: open failed: connect failed: Connection refused");
}

#[test]
fn what_cannot_be_reached_says_why() {
    let server = Server::any("");
    for (to, client_reads, log) in [
        (format!("127.0.0.1:{}", free_port()), "connect failed: Connection refused", "connect_to 127.0.0.1 port "),
        ("no-such-host.invalid:80".to_owned(), "connect failed: ", "connect_to no-such-host.invalid: unknown host ("),
    ] {
        let output = run(server.client("ssh").args(["-v", "-W", &to]).arg(server.login()));
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(errors.contains(client_reads), "{to}: {errors}");
        server.wait_for_log(log);
    }
}

#[test]
fn killing_any_process_leaves_no_listener_and_no_file() {
    let server = Server::any("");
    for victim in ["sshd-session", "sshd-monitor", "ssh"] {
        let (service, remote) = (echo_service(), free_port());
        let path = server.account.home.join(format!("{victim}.sock"));
        let forwards = [format!("{remote}:127.0.0.1:{service}"), format!("{}:127.0.0.1:{service}", path.display())];
        let mut client = Forwarding::start(&server, &["-R", &forwards[0], "-R", &forwards[1]]);
        wait_until("it listens", || is_alive(remote));
        let _open = connect_path(&path);
        let helper = server.descendants().into_iter().find(|pid| executable_of(*pid) == "sshd-forward");
        let helper = helper.expect("somebody opens sockets");
        assert_eq!(title_of(helper), format!("sshd: {} [forward]", server.account.name));
        if victim == "ssh" {
            client.0.kill().unwrap();
        } else {
            let pid = descendants_of(server.pid()).into_iter().find(|pid| executable_of(*pid) == victim).unwrap();
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
        }
        wait_until("nothing listens", || TcpStream::connect(("127.0.0.1", remote)).is_err());
        wait_until("the socket's file is gone", || !path.exists());
        wait_until("the helper has ended", || executable_of(helper).is_empty());
        drop(client);
        server.wait_until_idle();
    }
}

#[test]
fn a_helper_that_is_killed_is_replaced() {
    let server = Server::any("");
    let (service, local) = (echo_service(), free_port());
    let _client = Forwarding::start(&server, &["-L", &format!("{local}:127.0.0.1:{service}")]);
    let mut before = connect(local);
    before.write_all(b"a").unwrap();
    before.read_exact(&mut [0]).unwrap();
    let helper =
        || server.descendants().into_iter().find(|pid| executable_of(*pid) == "sshd-forward").expect("sshd-forward");
    let first = helper();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(first), nix::sys::signal::Signal::SIGKILL).unwrap();
    server.wait_for_log("sshd-forward has ended unasked");
    assert!(is_alive(local));
    assert_ne!(helper(), first);
    before.write_all(b"b").unwrap();
    before.read_exact(&mut [0]).unwrap();
}

#[test]
fn programs_work_over_a_forwarding() {
    for program in ["git", "rsync"] {
        if !needs_program("programs_work_over_a_forwarding", program) {
            return;
        }
    }
    let server = Server::any("");
    let folder = server.scratch.path("tree");
    fs::create_dir(&folder).unwrap();
    for number in 0..20_u32 {
        fs::write(folder.join(number.to_string()), bytes(number * 10_000)).unwrap();
    }
    // A whole second login inside of the first one's channel.
    let options = server.client_options().join(" ");
    let outer = format!("ssh -F none {options} -W 127.0.0.1:{} {}", server.port, server.login());
    let shell = format!("ssh -F none {options} -o ProxyCommand='{outer}'");
    // A place of the account's, but not its home, which may be the tester's own.
    let theirs = server.scratch.path("theirs");
    fs::create_dir(&theirs).unwrap();
    std::os::unix::fs::chown(&theirs, Some(server.account.uid), Some(server.account.gid)).unwrap();
    let target = theirs.join("copied");
    let mut rsync = std::process::Command::new("rsync");
    rsync.args(["-a", "-e", &shell]).arg(format!("{}/", folder.display()));
    let output = run(rsync.arg(format!("{}:{}", server.login(), target.display())));
    assert!(output.status.success(), "{output:?}");
    assert!(fs::read(target.join("19")).unwrap() == bytes(190_000));

    let repository = theirs.join("r.git");
    server.ssh_ok(&[], &format!("git init -q --bare {}", repository.display()));
    let work = server.scratch.path("work");
    let git = |arguments: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.env("GIT_SSH_COMMAND", &shell).args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
        let output = run(git.args(arguments));
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    };
    let (url, work) = (format!("ssh://{}{}", server.login(), repository.display()), work.display().to_string());
    git(&["clone", "-q", &url, &work]);
    git(&["-C", &work, "commit", "-q", "--allow-empty", "-m", "one"]);
    git(&["-C", &work, "push", "-q", "origin", "HEAD"]);
}
