//! `ssh -w`: a tun(4) device on each side, and packets between them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use bulkhead_tests::{Account, As, Server, needs_program, needs_root, needs_tun, public_half, run, wait_until};

fn ip(arguments: &str) -> bool {
    run(Command::new("ip").args(arguments.split(' '))).status.success()
}

fn exists(device: &str) -> bool {
    Path::new("/sys/class/net").join(device).exists()
}

/// Devices with names that nobody else uses, and a network namespace for the client's.
struct Network {
    theirs: u32,
    ours: u32,
    namespace: String,
}

impl Network {
    /// The server's device belongs to the account.
    fn with_device_of(account: &Account, mode: &str) -> Self {
        static COUNTED: AtomicU32 = AtomicU32::new(0);
        let ours = 1000 + std::process::id() % 100_000 * 10 + COUNTED.fetch_add(2, Ordering::Relaxed) % 10;
        let network = Self { ours, theirs: ours + 1, namespace: format!("bht-{ours}") };
        let made = ip(&format!("tuntap add dev {} mode {mode} user {}", network.device(mode), account.name));
        assert!(made && ip(&format!("netns add {}", network.namespace)));
        network
    }

    fn device(&self, mode: &str) -> String {
        format!("{mode}{}", self.ours)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for mode in ["tun", "tap"] {
            ip(&format!("link delete {mode}{}", self.ours));
        }
        ip(&format!("netns delete {}", self.namespace));
    }
}

/// `ssh -w`, for as long as a test wants.
struct Tunnel(Child);

impl Tunnel {
    fn open(server: &Server, network: &Network, mode: &str) -> Self {
        let kind = if mode == "tun" { "Tunnel=point-to-point" } else { "Tunnel=ethernet" };
        let mut client = server.client("ssh");
        client.args(["-o", kind, "-o", &format!("TunnelDevice={}:{}", network.theirs, network.ours)]);
        client.args([&server.login(), "echo ${SSH_TUNNEL-none}; exec sleep 1000"]);
        client.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        Self(client.spawn().unwrap())
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn possible(test: &str) -> bool {
    needs_root(test) && needs_program(test, "ip") && needs_program(test, "ping") && needs_tun(test)
}

#[test]
fn a_tunnel_carries_pings() {
    if !possible("a_tunnel_carries_pings") {
        return;
    }
    for (mode, net) in [("tun", 1), ("tap", 2)] {
        let server = Server::start(As::Root, Account::create(), "PermitTunnel yes");
        let network = Network::with_device_of(&server.account, mode);
        let _tunnel = Tunnel::open(&server, &network, mode);
        let client_device = format!("{mode}{}", network.theirs);
        wait_until("the client has its device", || exists(&client_device));
        server.wait_for_log("Tunnel forwarding using interface");
        let (ours, theirs) = (format!("10.213.{net}.1"), format!("10.213.{net}.2"));
        let namespace = &network.namespace;
        for command in [
            format!("link set {client_device} netns {namespace}"),
            format!("-n {namespace} addr add {theirs}/30 dev {client_device}"),
            format!("-n {namespace} link set {client_device} up"),
            format!("addr add {ours}/30 dev {}", network.device(mode)),
            format!("link set {} up", network.device(mode)),
        ] {
            assert!(ip(&command), "ip {command}");
        }
        let ping = |size: &str| {
            run(Command::new("ip")
                .args(["netns", "exec", namespace, "ping", "-c", "3", "-i", "0.2", "-W", "5", "-s", size])
                .arg(&ours))
        };
        for size in ["56", "1400"] {
            let pinged = ping(size);
            assert!(
                pinged.status.success(),
                "{mode} {size}: {pinged:?}\n{}\n{}",
                String::from_utf8_lossy(
                    &run(Command::new("ip").args(["-s", "link", "show", &network.device(mode)])).stdout
                ),
                server.log()
            );
        }
    }
}

#[test]
fn tunnels_that_are_not_permitted() {
    if !possible("tunnels_that_are_not_permitted") {
        return;
    }
    let account = Account::create();
    let network = Network::with_device_of(&account, "tun");
    let server = Server::start(As::Root, account, "Match Address 127.0.0.1\n PermitTunnel ethernet");
    let refused = |options: &str| {
        let key = public_half(&server.scratch.path("login_key"));
        fs::write(server.scratch.path("authorized_keys"), format!("{options}{key}")).unwrap();
        // A client with a tunnel does not end with its command: it is asked for its first words only.
        let mut tunnel = Tunnel::open(&server, &network, "tun");
        let mut shown = String::new();
        BufReader::new(tunnel.0.stdout.take().unwrap()).read_line(&mut shown).unwrap();
        drop(tunnel);
        wait_until("the client has no device left", || !exists(&format!("tun{}", network.theirs)));
        let shown = shown.trim();
        assert!(shown == "none" || shown == format!("tun{}", network.ours), "{shown}");
        shown == "none"
    };
    assert!(refused(""), "the other layer");
    let reconfigured = |text: &str| {
        server.configure(text);
        let config = server.scratch.path("sshd_config");
        let sshd = bulkhead_tests::binaries().join("sshd");
        assert!(run(Command::new(sshd).arg("-f").arg(config).arg("--reload")).status.success());
    };
    reconfigured("PermitTunnel yes\nDisableForwarding yes");
    assert!(refused(""), "CVE-2026-59999");
    reconfigured("PermitTunnel yes");
    assert!(refused("restrict "), "a key that is restricted");
    assert!(refused(&format!("tunnel=\"{}\" ", network.ours + 5)), "a key for another device");
    assert!(!refused(&format!("tunnel=\"{}\" ", network.ours)), "the key's own device");
    assert!(!refused(""));
    ip(&format!("link delete tun{}", network.ours));
    assert!(refused(""), "a device that nobody has made for this user: {}", server.log());
}
