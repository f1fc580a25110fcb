//! How the listener starts, is known, refuses to start, and ends.

mod common;

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;

use bulkhead_tests::{PATIENCE, needs_root, status_of, title_of, wait_until};
use common::{Foreground, Site, as_ordinary_user, connect, end_daemon, free_port, listen_lines, run};
use nix::sys::signal::Signal;

#[test]
fn in_the_foreground_it_says_where_it_listens_and_has_a_pid_file_while_it_lives() {
    let (site, port) = (Site::new(), free_port());
    site.configure(&listen_lines(&[port]));
    let mut sshd = Foreground::listening(&site, port);
    connect(port).unwrap();
    wait_until("the pid file is there", || site.pid_in_file() == Some(sshd.pid()));
    assert_eq!(status_of(sshd.pid(), "Name"), "sshd");
    let title = title_of(sshd.pid());
    assert!(
        title.starts_with("sshd: ") && title.contains("sshd -D -e -f ") && title.contains(" [listener] "),
        "{title}"
    );
    assert!(title.ends_with(" of 10-100 startups"), "{title}");

    sshd.signal(Signal::SIGTERM);
    sshd.wait_for("Received signal 15; terminating.");
    assert_eq!(sshd.ends_with(), 0);
    assert_eq!(site.pid_in_file(), None);
    assert!(connect(port).is_err());
}

#[test]
fn an_interrupted_listener_ends_with_status_255() {
    let (site, port) = (Site::new(), free_port());
    site.configure(&listen_lines(&[port]));
    for (signal, number) in [(Signal::SIGINT, 2), (Signal::SIGQUIT, 3)] {
        let mut sshd = Foreground::listening(&site, port);
        wait_until("the pid file is there", || site.pid_in_file().is_some());
        sshd.signal(signal);
        sshd.wait_for(&format!("Received signal {number}; terminating."));
        assert_eq!(sshd.ends_with(), 255);
        assert_eq!(site.pid_in_file(), None);
    }
}

#[test]
fn the_command_of_a_daemon_returns_when_it_listens() {
    let (site, port) = (Site::new(), free_port());
    site.configure(&listen_lines(&[port]));
    let (status, said) = run(&mut site.sshd(&[]));
    let connected = connect(port);
    let pid = site.pid_in_file();
    let session = pid.map(|pid| nix::unistd::getsid(Some(nix::unistd::Pid::from_raw(pid))));
    if let Some(pid) = pid {
        end_daemon(pid);
    }
    assert_eq!((status, said.as_str()), (0, ""));
    connected.unwrap();
    assert_eq!(session.unwrap().unwrap().as_raw(), pid.unwrap(), "it has left the session of the command");
    assert_eq!(site.pid_in_file(), None);
}

#[test]
fn a_busy_port_is_the_end_when_there_is_no_other() {
    let site = Site::new();
    let busy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = busy.local_addr().unwrap().port();
    site.configure(&listen_lines(&[port]));
    for arguments in [&["-D", "-e"][..], &[]] {
        let (status, said) = run(&mut site.sshd(arguments));
        assert_eq!(status, 255, "{said}");
        assert!(
            said.contains(&format!("Bind to port {port} on 127.0.0.1 failed: Address already in use.\r\n")),
            "{said}"
        );
        assert!(said.contains("Cannot bind any address.\r\n"), "{said}");
        assert_eq!(site.pid_in_file(), None);
    }
}

#[test]
fn a_busy_port_is_said_when_there_is_another() {
    let (site, port) = (Site::new(), free_port());
    let busy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let busy_port = busy.local_addr().unwrap().port();
    site.configure(&listen_lines(&[busy_port, port]));
    let mut sshd = Foreground::start(site.sshd(&["-D", "-e"]));
    sshd.wait_for(&format!("Bind to port {busy_port} on 127.0.0.1 failed"));
    sshd.wait_for(&format!("Server listening on 127.0.0.1 port {port}."));
}

#[test]
fn without_a_usable_host_key_it_does_not_start() {
    let site = Site::new();
    site.configure(&listen_lines(&[free_port()]));
    let key = site.path("host_key");

    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let (status, said) = run(&mut site.sshd(&["-D", "-e"]));
    assert_eq!(status, 1);
    let key_name = key.display();
    let expected = format!(
        "{rule}\r\n@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\r\n{rule}\r\n\
         Permissions 0644 for '{key_name}' are too open.\r\n\
         It is required that your private key files are NOT accessible by others.\r\n\
         This private key will be ignored.\r\n\
         Unable to load host key \"{key_name}\": bad permissions\r\n\
         Unable to load host key: {key_name}\r\n\
         sshd: no hostkeys available -- exiting.\r\n",
        rule = "@".repeat(59)
    );
    assert_eq!(said, expected);

    fs::remove_file(&key).unwrap();
    let (status, said) = run(&mut site.sshd(&[]));
    assert_eq!(status, 1);
    assert_eq!(said, format!("Unable to load host key: {key_name}\r\nsshd: no hostkeys available -- exiting.\r\n"));
}

#[test]
fn a_bad_configuration_is_the_end_with_status_255() {
    let site = Site::new();
    site.configure("Port 22x");
    let (status, said) = run(&mut site.sshd(&["-D", "-e"]));
    assert_eq!(status, 255, "{said}");
    assert!(said.contains("sshd_config line 1"), "{said}");
}

#[test]
fn an_ordinary_user_can_run_it() {
    let (site, port) = (Site::new(), free_port());
    site.configure(&format!("{}PidFile /nonexistent/pid", listen_lines(&[port])));
    let mut command = site.sshd(&["-D", "-e"]);
    let account = as_ordinary_user(&site, &mut command);
    let mut sshd = Foreground::start(command);
    sshd.wait_for("Couldn't create pid file \"/nonexistent/pid\": No such file or directory");
    sshd.wait_for(&format!("Server listening on 127.0.0.1 port {port}."));
    connect(port).unwrap();
    if let Some(account) = &account {
        assert!(status_of(sshd.pid(), "Uid").starts_with(&account.uid.to_string()));
    }
    sshd.signal(Signal::SIGTERM);
    assert_eq!(sshd.ends_with(), 0);
}

#[test]
fn the_log_goes_to_a_file() {
    let (site, port) = (Site::new(), free_port());
    site.configure(&listen_lines(&[port]));
    let log = site.path("log");
    fs::write(&log, "before\n").unwrap();
    let (status, _) = run(&mut site.sshd(&["-E", &log.display().to_string()]));
    let text = fs::read_to_string(&log).unwrap();
    end_daemon(site.pid_in_file().unwrap());
    assert_eq!(status, 0);
    let (status, said) = run(&mut site.sshd(&["-D", "-E", "/nonexistent/log"]));
    assert_eq!((status, said.as_str()), (1, "Couldn't open logfile /nonexistent/log: No such file or directory\r\n"));
    assert!(text.starts_with(&format!("before\nServer listening on 127.0.0.1 port {port}.\r\n")), "{text}");
}

#[test]
fn an_ordinary_configuration_is_not_commented_on_in_the_log() {
    let (site, port) = (Site::new(), free_port());
    let hardened = "PasswordAuthentication no\nKbdInteractiveAuthentication no\nX11Forwarding no\nPrintMotd no\n\
                    AllowTcpForwarding no\nAcceptEnv LANG LC_*\nSubsystem sftp internal-sftp\n";
    site.configure(&format!("{hardened}{}", listen_lines(&[port])));
    let log = site.path("log");
    let mut sshd = Foreground::start(site.sshd(&["-D", "-E", &log.display().to_string()]));
    wait_until("it listens", || fs::read_to_string(&log).is_ok_and(|text| text.contains("Server listening")));
    sshd.signal(Signal::SIGTERM);
    sshd.ends_with();
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.starts_with("Server listening on "), "{text}");
}

#[test]
fn an_installed_tree_works_wherever_it_lies() {
    let (site, port) = (Site::new(), free_port());
    site.configure(&listen_lines(&[port]));
    for (program, folder) in [
        ("sshd", "usr/sbin"),
        ("sshd-monitor", "usr/libexec/bulkhead"),
        ("sshd-preauth", "usr/libexec/bulkhead"),
        ("sshd-session", "usr/libexec/bulkhead"),
        ("sshd-launch", "usr/libexec/bulkhead"),
        ("sshd-forward", "usr/libexec/bulkhead"),
    ] {
        fs::create_dir_all(site.path(folder)).unwrap();
        fs::copy(bulkhead_tests::binaries().join(program), site.path(folder).join(program)).unwrap();
    }
    let usual = site.sshd(&["-D", "-e"]);
    let mut command = std::process::Command::new(site.path("usr/sbin/sshd"));
    command.args(usual.get_args()).stderr(std::process::Stdio::piped());
    let mut sshd = Foreground::start(command);
    sshd.wait_for(&format!("Server listening on 127.0.0.1 port {port}."));
    let mut greeting = [0; 8];
    std::io::Read::read_exact(&mut connect(port).unwrap(), &mut greeting).unwrap();
    assert_eq!(&greeting, b"SSH-2.0-");
}

#[test]
fn a_pipe_that_was_left_open_is_not_held() {
    let (site, port) = (Site::new(), free_port());
    site.configure(&listen_lines(&[port]));
    let sshd = site.sshd(&[]);
    let mut shell = std::process::Command::new("bash");
    // What ssh, make and test runners do: they wait until everybody has closed the pipe.
    shell.args(["-c", "\"$@\" 7>&1", "bash"]).arg(sshd.get_program()).args(sshd.get_args());
    let output = shell.output().unwrap();
    let pid = site.pid_in_file();
    if let Some(pid) = pid {
        end_daemon(pid);
    }
    assert!(output.status.success() && pid.is_some(), "{output:?}");
}

#[test]
fn a_service_manager_is_told_when_connections_are_accepted() {
    let (site, port) = (Site::new(), free_port());
    site.configure(&listen_lines(&[port]));
    let manager = UnixDatagram::bind(site.path("notify")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = site.sshd(&["-D", "-e"]);
    command.env("NOTIFY_SOCKET", site.path("notify"));
    let sshd = Foreground::start(command);
    let next = || {
        let mut message = [0; 500];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    assert!(next().starts_with("READY=1\n"));
    connect(port).unwrap();
    sshd.signal(Signal::SIGHUP);
    assert!(next().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert!(next().starts_with("READY=1\n"));
    sshd.signal(Signal::SIGTERM);
    assert_eq!(next(), "STOPPING=1");
}

#[test]
fn sockets_of_a_service_manager_replace_the_configured_ones() {
    let (site, configured) = (Site::new(), free_port());
    site.configure(&listen_lines(&[configured]));
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    nix::fcntl::fcntl(&socket, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    let sshd = site.sshd(&["-D", "-e"]);
    let mut shell = std::process::Command::new("bash");
    let script = format!("exec 3<&{}; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"", socket.as_raw_fd());
    shell.args(["-c", &script, "bash"]).arg(sshd.get_program()).args(sshd.get_args());
    shell.stderr(std::process::Stdio::piped());
    let mut sshd = Foreground::start(shell);
    sshd.wait_for("The service manager has opened the sockets");
    sshd.wait_for(&format!("Server listening on 127.0.0.1 port {port}."));
    assert!(connect(configured).is_err());
    connect(port).unwrap();
    sshd.signal(Signal::SIGHUP);
    sshd.wait_for(&format!("Server listening on 127.0.0.1 port {port}."));
    connect(port).unwrap();
}

#[test]
fn debugging_says_what_audit_tools_look_for() {
    let (site, port) = (Site::new(), free_port());
    site.configure(&listen_lines(&[port]));
    let mut sshd = Foreground::start(site.sshd(&["-dd"]));
    let line = sshd.wait_for("sshd version");
    assert!(line.starts_with("debug1: sshd version OpenSSH_10.5, Bulkhead"), "{line}");
    let line = sshd.wait_for("load_server_config");
    let file = site.path("sshd_config");
    assert!(line.contains(&format!("debug2: load_server_config: filename {}", file.display())), "{line}");
    sshd.wait_for(&format!("Server listening on 127.0.0.1 port {port}."));
    drop(connect(port).unwrap());
    // One connection, then the end.
    sshd.ends_with();
    assert!(connect(port).is_err());
}

#[test]
fn an_idle_listener_costs_little_memory() {
    if !needs_root("an_idle_listener_costs_little_memory") {
        return;
    }
    let (site, port) = (Site::new(), free_port());
    site.configure(&listen_lines(&[port]));
    let sshd = Foreground::listening(&site, port);
    wait_until("it has started", || site.pid_in_file().is_some());
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", sshd.pid())).unwrap();
    let anonymous = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
    let kilobytes: u64 = anonymous.trim().trim_end_matches(" kB").parse().unwrap();
    // 360 kB were measured.
    assert!(kilobytes < 1024, "{kilobytes} kB");
}
