//! SIGHUP: a good configuration is followed, a bad one changes nothing, and nobody is turned away meanwhile.

mod common;

use std::fs;
use std::os::unix::process::CommandExt;

use bulkhead_tests::{make_key, title_of, wait_until};
use common::{Foreground, Site, connect, free_port, listen_lines, run};
use nix::sys::signal::Signal;

#[test]
fn ports_are_added_and_removed() {
    let (site, first, second) = (Site::new(), free_port(), free_port());
    site.configure(&listen_lines(&[first]));
    let mut sshd = Foreground::listening(&site, first);
    let title = title_of(sshd.pid());

    site.configure(&listen_lines(&[first, second]));
    sshd.signal(Signal::SIGHUP);
    sshd.wait_for("Received SIGHUP; restarting.");
    sshd.wait_for(&format!("Server listening on 127.0.0.1 port {second}."));
    connect(first).unwrap();
    connect(second).unwrap();

    site.configure(&listen_lines(&[second]));
    sshd.signal(Signal::SIGHUP);
    sshd.wait_for(&format!("Server no longer listening on 127.0.0.1 port {first}."));
    wait_until("the port is closed", || connect(first).is_err());
    connect(second).unwrap();

    wait_until("all connections have ended", || title_of(sshd.pid()) == title);
    assert_eq!(site.pid_in_file(), Some(sshd.pid()));
}

#[test]
fn a_bad_configuration_changes_nothing_and_its_line_is_named() {
    let (site, port, other) = (Site::new(), free_port(), free_port());
    site.configure(&listen_lines(&[port]));
    let mut sshd = Foreground::listening(&site, port);
    site.configure(&format!("{}MaxStartups many", listen_lines(&[other])));
    sshd.signal(Signal::SIGHUP);
    let line = sshd.wait_for("The configuration stays as it was");
    assert!(line.contains("sshd_config line 2"), "{line}");
    connect(port).unwrap();
    assert!(connect(other).is_err());

    site.configure(&listen_lines(&[other]));
    sshd.signal(Signal::SIGHUP);
    sshd.wait_for(&format!("Server listening on 127.0.0.1 port {other}."));
    connect(other).unwrap();
}

#[test]
fn host_keys_are_reloaded_and_a_reload_without_any_is_refused() {
    let (site, port) = (Site::new(), free_port());
    let lines = format!("{}LogLevel DEBUG1", listen_lines(&[port]));
    site.configure(&lines);
    let mut sshd = Foreground::listening(&site, port);
    fs::remove_file(site.path("host_key")).unwrap();
    sshd.signal(Signal::SIGHUP);
    let line = sshd.wait_for("The configuration stays as it was");
    assert!(line.contains("no hostkeys available"), "{line}");
    connect(port).unwrap();

    fs::remove_file(site.path("host_key.pub")).unwrap();
    make_key(&site.scratch, "host_key", &["-t", "ecdsa"]);
    sshd.signal(Signal::SIGHUP);
    sshd.wait_for("private host key #0: ecdsa-sha2-nistp256 SHA256:");
}

#[test]
fn a_reload_that_was_asked_for_reports_how_it_went() {
    let (site, port, other) = (Site::new(), free_port(), free_port());
    site.configure(&listen_lines(&[port]));
    let (status, said) = run(&mut site.sshd(&["--reload"]));
    assert_eq!(status, 255);
    assert!(said.contains("is the server running?"), "{said}");

    let mut sshd = Foreground::listening(&site, port);
    site.configure(&listen_lines(&[port, other]));
    assert_eq!(run(&mut site.sshd(&["--reload"])), (0, String::new()));
    connect(other).expect("it listens when the command returns");
    sshd.wait_for("Received SIGHUP; restarting.");

    site.configure("Port 22x");
    let (status, said) = run(&mut site.sshd(&["--reload"]));
    assert_eq!(status, 255);
    assert!(said.contains("sshd_config line 1"), "{said}");

    site.configure(&listen_lines(&[port]));
    fs::remove_file(site.path("host_key")).unwrap();
    let (status, said) = run(&mut site.sshd(&["--reload"]));
    assert_eq!(status, 255);
    assert!(said.contains("the configuration stays as it was") && said.contains("no hostkeys available"), "{said}");
    connect(other).unwrap();
}

#[test]
fn relative_paths_mean_the_same_at_every_reload() {
    let (site, port, other) = (Site::new(), free_port(), free_port());
    site.configure(&format!("HostKey host_key\n{}", listen_lines(&[port])));
    let mut command = std::process::Command::new(site.sshd(&[]).get_program());
    command.args(["-D", "-e", "-f", "sshd_config"]).current_dir(site.path("")).stderr(std::process::Stdio::piped());
    let mut sshd = Foreground::start(command);
    sshd.wait_for(&format!("Server listening on 127.0.0.1 port {port}."));
    assert_eq!(fs::read_link(format!("/proc/{}/cwd", sshd.pid())).unwrap(), std::path::Path::new("/"));
    site.configure(&format!("HostKey host_key\n{}", listen_lines(&[other])));
    sshd.signal(Signal::SIGHUP);
    sshd.wait_for(&format!("Server listening on 127.0.0.1 port {other}."));
    connect(other).unwrap();
}

#[test]
fn nobody_else_can_ask_for_a_reload() {
    if !bulkhead_tests::needs_root("nobody_else_can_ask_for_a_reload") {
        return;
    }
    let (site, port) = (Site::new(), free_port());
    site.configure(&listen_lines(&[port]));
    let _sshd = Foreground::listening(&site, port);
    let mut command = site.sshd(&["--reload"]);
    command.uid(65534).gid(65534);
    let (status, said) = run(&mut command);
    assert_eq!(status, 255);
    assert!(said.contains("does not answer"), "{said}");
    connect(port).unwrap();
}

#[test]
fn nothing_left_to_listen_on_is_refused() {
    let (site, port) = (Site::new(), free_port());
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    site.configure(&listen_lines(&[port]));
    let mut sshd = Foreground::listening(&site, port);
    site.configure(&listen_lines(&[busy.local_addr().unwrap().port()]));
    sshd.signal(Signal::SIGHUP);
    let line = sshd.wait_for("The configuration stays as it was");
    assert!(line.contains("Cannot bind any address."), "{line}");
    connect(port).unwrap();
}

#[test]
fn a_wildcard_can_take_the_place_of_an_address() {
    let (site, port) = (Site::new(), free_port());
    site.configure(&listen_lines(&[port]));
    let mut sshd = Foreground::listening(&site, port);
    for address in ["0.0.0.0", "127.0.0.1"] {
        site.configure(&format!("ListenAddress {address}:{port}"));
        sshd.signal(Signal::SIGHUP);
        sshd.wait_for(&format!("Server listening on {address} port {port}."));
        connect(port).unwrap();
    }
}

#[test]
fn an_address_that_cannot_be_exchanged_is_taken_again() {
    let (site, port) = (Site::new(), free_port());
    // Keeps the wildcard from being listened on, which shows only when our own address has been given up.
    let _other = std::net::TcpListener::bind(("127.0.0.2", port)).unwrap();
    site.configure(&listen_lines(&[port]));
    let mut sshd = Foreground::listening(&site, port);
    site.configure(&format!("ListenAddress 0.0.0.0:{port}"));
    sshd.signal(Signal::SIGHUP);
    let line = sshd.wait_for("The configuration stays as it was");
    assert!(line.contains(&format!("Bind to port {port} on 0.0.0.0 failed")), "{line}");
    connect(port).unwrap();
}

#[test]
fn the_log_goes_on_in_a_new_file_and_the_pid_file_moves() {
    let (site, port) = (Site::new(), free_port());
    site.configure(&listen_lines(&[port]));
    let log = site.path("log");
    let mut sshd = Foreground::start(site.sshd(&["-D", "-E", &log.display().to_string()]));
    wait_until("it listens", || site.pid_in_file().is_some());
    fs::rename(&log, site.path("log.1")).unwrap();
    site.configure(&format!("PidFile {}\n{}", site.path("other_pid").display(), listen_lines(&[port])));
    sshd.signal(Signal::SIGHUP);
    wait_until("the pid file has moved", || site.path("other_pid").exists() && !site.path("pid").exists());
    sshd.signal(Signal::SIGTERM);
    sshd.ends_with();
    let (old, new) = (fs::read_to_string(site.path("log.1")).unwrap(), fs::read_to_string(&log).unwrap());
    assert!(old.ends_with("Received SIGHUP; restarting.\r\n"), "{old}");
    assert!(new.starts_with("Server listening on ") && new.ends_with("Received signal 15; terminating.\r\n"), "{new}");
}

#[test]
fn no_connection_is_refused_while_reloads_go_on() {
    let (site, port, other) = (Site::new(), free_port(), free_port());
    let good = [listen_lines(&[port]), listen_lines(&[port, other])];
    site.configure(&good[0]);
    let sshd = Foreground::listening(&site, port);
    for round in 0..50_usize {
        let bad = round % 2 == 1;
        site.configure(if bad { "MaxStartups many" } else { &good[round / 2 % 2] });
        sshd.signal(Signal::SIGHUP);
        for _ in 0..4 {
            connect(port).expect("the port that all good configurations have");
        }
    }
}
