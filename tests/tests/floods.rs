//! Brute force and floods of connections, bounded and from loopback, and somebody who wants to log in meanwhile.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use bulkhead_tests::{
    Server, TURNED_AWAY, answer_to, attacks_py, connect_from, has_python_module, is_served, needs_root, run_with_input,
    title_of, try_connect_from, wait_until,
};

/// How many connections without a login the title of the listener shows.
fn startups(server: &Server) -> u32 {
    let title = title_of(server.pid());
    let count = title.split("[listener] ").nth(1).and_then(|count| count.split(' ').next());
    count.and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// Connections from ever new addresses until it is dropped: each says nothing and stays as long as it may.
struct Flood {
    stop: Arc<AtomicBool>,
    opened: Arc<AtomicU32>,
    threads: Vec<JoinHandle<()>>,
}

/// Connections that each attacker holds at a time.
const HELD: usize = 20;

impl Flood {
    fn of(attackers: u8, port: u16) -> Self {
        let (stop, opened) = (Arc::<AtomicBool>::default(), Arc::<AtomicU32>::default());
        let attack = |attacker: u8| {
            let (stop, opened) = (Arc::clone(&stop), Arc::clone(&opened));
            std::thread::spawn(move || {
                let mut held: VecDeque<TcpStream> = VecDeque::new();
                for host in (1..=254).cycle() {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    held.extend(try_connect_from(port, &format!("127.0.{}.{host}", attacker + 1)).ok());
                    opened.fetch_add(1, Ordering::Relaxed);
                    if held.len() > HELD {
                        held.pop_front();
                    }
                    // Bounded: the machine has other things to do.
                    std::thread::sleep(std::time::Duration::from_millis(2));
                }
            })
        };
        let threads = (0..attackers).map(attack).collect();
        Self { stop, opened, threads }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

#[test]
fn an_exempt_address_gets_in_while_a_flood_holds_every_place() {
    let server = Server::any("MaxStartups 5:30:20\nPerSourcePenalties yes\nPerSourcePenaltyExemptList 127.0.0.1");
    let flood = Flood::of(4, server.port);
    wait_until("every place is taken", || startups(&server) >= 20);
    // Anybody else is turned away: the flood is one.
    wait_until("somebody else is turned away", || {
        answer_to(connect_from(&server, "127.0.100.1"), b"nonsense\r\n") == TURNED_AWAY
    });
    let mut slowest = 0;
    for _ in 0..10 {
        let began = Instant::now();
        assert_eq!(server.ssh_ok(&[], "echo in"), "in\n");
        slowest = slowest.max(began.elapsed().as_millis());
        assert!(startups(&server) <= 20, "MaxStartups holds all the same");
    }
    let opened = flood.opened.load(Ordering::Relaxed);
    assert!(opened > 100, "{opened} connections are no flood");
    println!("10 logins during {opened} connections, the slowest after {slowest} ms");
    drop(flood);
    // Places were given up by connections of the flood, and the log says so.
    server.wait_for_log("Maxstartups");
    server.wait_until_idle();
}

#[test]
fn a_flood_of_exempt_addresses_still_ends_at_max_startups() {
    let server = Server::any("MaxStartups 3\nPerSourcePenaltyExemptList 127.0.0.0/24");
    let held: Vec<TcpStream> = (2..5).map(|host| connect_from(&server, &format!("127.0.0.{host}"))).collect();
    wait_until("every place is taken", || startups(&server) == 3);
    assert_eq!(answer_to(connect_from(&server, "127.0.0.9"), b""), TURNED_AWAY);
    drop(held);
}

#[test]
fn guessing_passwords_ends_soon_and_hurts_nobody_else() {
    let test = "guessing_passwords_ends_soon_and_hurts_nobody_else";
    if !needs_root(test) || !has_python_module(test, "paramiko") {
        return;
    }
    let server = Server::as_root("PerSourcePenalties yes\nPerSourcePenaltyExemptList 127.0.0.1");
    server.account.set_password("the right one");
    let (port, name) = (server.port.to_string(), server.account.name.as_str());
    let guess = "127.0.0.2\ttoo many wrong passwords\n";
    let began = Instant::now();
    // Four times five seconds are more than `min`, fifteen.
    for _ in 0..4 {
        let output = run_with_input(&mut attacks_py(&[&port, name, name]), guess.as_bytes());
        assert!(output.status.success(), "{output:?}");
        server.ssh_ok(&[], "true");
    }
    wait_until("the guesser is refused", || !is_served(&server, "127.0.0.2"));
    assert!(began.elapsed().as_secs() < 15, "or the first penalties were over already");
    server.wait_for_log(": activating ipv4 penalty of ");
    let guesses = server.log().matches("Failed password for ").count();
    assert!((12..=24).contains(&guesses), "{guesses} guesses");
    let output = run_with_input(&mut attacks_py(&[&port, name, name]), guess.as_bytes());
    assert!(output.status.success(), "{output:?}");
    assert_eq!(server.log().matches("Failed password for ").count(), guesses, "not one more");
    server.ssh_ok(&[], "true");
    assert!(is_served(&server, "127.0.0.3"), "nor is another stranger concerned");
}
