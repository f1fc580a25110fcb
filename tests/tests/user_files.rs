//! Files of the user's own that a session takes notice of: `~/.ssh/rc`, `~/.ssh/environment`, `.hushlogin`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use bulkhead_tests::{Server, needs_root, run, run_with_input};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A shell that takes no commands gives a user no commands by way of a file, either: theirs has the user's shell run it.
#[test]
fn an_rc_file_runs_through_the_users_shell() {
    if !needs_root("an_rc_file_runs_through_the_users_shell") {
        return;
    }
    let server = Server::as_root("");
    server.account.home_file(".ssh/rc", "echo rc\ntouch ~/rc-ran\n", 0o644);
    let mark = server.account.home.join("rc-ran");
    assert_eq!(server.ssh_ok(&[], "echo command"), "rc\ncommand\n");
    fs::remove_file(&mark).expect("it ran");
    // A menu, as restricted shells are: it takes no `-c`.
    let menu = server.scratch.file("menu", "#!/bin/sh\necho menu\n");
    fs::set_permissions(&menu, fs::Permissions::from_mode(0o755)).expect("its mode");
    let shell = menu.display().to_string();
    server.account.change("usermod", &["--shell", &shell]);
    let output = server.ssh(&[], "id");
    assert!(text(&output.stdout).ends_with("menu\n"), "{output:?}");
    assert!(!text(&output.stdout).contains("rc") && !mark.exists(), "{output:?}");
    server.account.change("usermod", &["--shell", "/usr/sbin/nologin"]);
    assert!(!server.ssh(&[], "id").status.success());
    assert!(!mark.exists());
}

#[test]
fn what_a_shell_login_reads_comes_in_theirs_order() {
    if !needs_root("what_a_shell_login_reads_comes_in_theirs_order") {
        return;
    }
    let server = Server::as_root("PrintMotd no\nPrintLastLog yes");
    let shell = || {
        let mut client = server.client("ssh");
        text(&run_with_input(client.arg("-tt").arg(server.login()), b"exit\n").stdout)
    };
    shell();
    server.account.home_file(".ssh/rc", "echo from rc\n", 0o644);
    let greeted = shell();
    let place = |part: &str| greeted.find(part).unwrap_or_else(|| panic!("no {part:?} in {greeted}"));
    assert!(place("Last login: ") < place("from rc"), "{greeted}");
    server.account.home_file(".hushlogin", "", 0o644);
    let hushed = shell();
    assert!(!hushed.contains("Last login: ") && hushed.contains("from rc"), "{hushed}");
}

#[test]
fn lines_of_an_environment_file_that_are_none_are_named() {
    if !needs_root("lines_of_an_environment_file_that_are_none_are_named") {
        return;
    }
    let server = Server::as_root("PermitUserEnvironment GOOD,PATH");
    server.account.home_file(".ssh/environment", "# x\nGOOD=1\n\nnonsense\nBAD=2\nGOOD=3\n", 0o600);
    let output = server.ssh(&[], "echo $GOOD:$BAD");
    assert_eq!(text(&output.stdout), "3:\n");
    let name = server.account.home.join(".ssh/environment");
    assert_eq!(text(&output.stderr), format!("Bad line 4 in {}\n", name.display()));
}

#[test]
fn values_of_an_environment_file_are_any_bytes() {
    if !needs_root("values_of_an_environment_file_are_any_bytes") {
        return;
    }
    let server = Server::as_root("PermitUserEnvironment yes");
    server.account.home_file(".ssh/environment", b"LATIN=caf\xe9\n", 0o600);
    let output = server.ssh(&[], "printf %s \"$LATIN\"");
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (b"caf\xe9".as_slice(), b"".as_slice()));
}

/// A terminal that a root process opens by mistake becomes its own: who has the other end could stop and end it.
#[test]
fn a_terminal_in_place_of_an_environment_file_does_not_become_the_monitors() {
    if !needs_root("a_terminal_in_place_of_an_environment_file_does_not_become_the_monitors") {
        return;
    }
    let server = Server::as_root("PermitUserEnvironment yes");
    let terminal = nix::pty::openpty(None, None).expect("a terminal");
    let name = nix::unistd::ttyname(&terminal.slave).expect("its name");
    chown(&name, Some(server.account.uid), Some(server.account.gid)).expect("theirs");
    server.account.home_file(".ssh/environment", "", 0o600);
    let file = server.account.home.join(".ssh/environment");
    fs::remove_file(&file).expect("removed");
    symlink(&name, &file).expect("linked");
    // proc_pid_stat(5): the seventh field is the controlling terminal; the command's parent is its monitor.
    let shown = server.ssh_ok(&[], "cut -d' ' -f2,7 /proc/$PPID/stat");
    assert_eq!(shown, "(sshd) 0\n");
}

/// A root directory with a shell in it.
fn chroot_with_a_shell(root: &Path) {
    let script = "set -e; mkdir -p \"$1\"/bin; cp /bin/sh /usr/bin/env \"$1\"/bin; \
                  for library in $(ldd /bin/sh /usr/bin/env | grep -o '/[^ ]*so[^ ]*' | sort -u); do \
                  mkdir -p \"$1$(dirname $library)\"; cp -L $library \"$1$library\"; done";
    let made = run(Command::new("sh").args(["-c", script, "sh"]).arg(root));
    assert!(made.status.success(), "{made:?}");
}

/// What confines a login confines where its files are looked for.
#[test]
fn the_environment_of_a_confined_login_is_a_file_inside() {
    if !needs_root("the_environment_of_a_confined_login_is_a_file_inside") {
        return;
    }
    let server = Server::as_root("PermitUserEnvironment yes\nChrootDirectory @SCRATCH@root");
    server.account.change("usermod", &["--shell", "/bin/sh"]);
    let root = server.scratch.path("root");
    chroot_with_a_shell(&root);
    server.account.home_file(".ssh/environment", "FROM=outside\n", 0o644);
    let printed = || server.ssh_ok(&[], "echo from $FROM");
    assert_eq!(printed(), "from\n", "the file outside is not there for the login");
    let inside = root.join(server.account.home.strip_prefix("/").expect("absolute")).join(".ssh");
    fs::create_dir_all(&inside).expect("a folder");
    chown(&inside, Some(server.account.uid), Some(server.account.gid)).expect("theirs");
    fs::write(inside.join("environment"), "FROM=inside\n").expect("written");
    assert_eq!(printed(), "from inside\n");
    // Nobody but root needs to see what is in the root directory, or to reach it from outside.
    fs::set_permissions(&root, fs::Permissions::from_mode(0o711)).expect("its mode");
    assert_eq!(printed(), "from inside\n");
    // A link ends inside, wherever it points.
    let secret = server.scratch.file("secret", "FROM=the host\n");
    fs::remove_file(inside.join("environment")).expect("removed");
    symlink(&secret, inside.join("environment")).expect("linked");
    assert_eq!(printed(), "from\n");
    // A pipe that nobody writes into holds nobody up.
    fs::remove_file(inside.join("environment")).expect("removed");
    nix::unistd::mkfifo(&inside.join("environment"), nix::sys::stat::Mode::from_bits_truncate(0o644)).expect("a pipe");
    assert_eq!(printed(), "from\n");
}

/// RFC 4335, as theirs answers on Linux: something must run on a terminal.
#[test]
fn a_break_needs_a_terminal_with_something_on_it() {
    if !bulkhead_tests::has_python_module("a_break_needs_a_terminal_with_something_on_it", "paramiko") {
        return;
    }
    let server = Server::as_ordinary_user("");
    let script = "import sys, threading, paramiko\n\
         from paramiko.message import Message\n\
         transport = paramiko.Transport(('127.0.0.1', int(sys.argv[1])))\n\
         transport.connect(username=sys.argv[2], pkey=paramiko.Ed25519Key.from_private_key_file(sys.argv[3]))\n\
         answers, heard, table = [], threading.Event(), dict(paramiko.Transport._channel_handler_table)\n\
         def hearing(number, answer):\n\
         \x20   usual = table[number]\n\
         \x20   def take(channel, message):\n\
         \x20       if not getattr(channel, 'breaks', False): return usual(channel, message)\n\
         \x20       answers.append(answer); heard.set()\n\
         \x20   table[number] = take\n\
         hearing(99, 'yes'); hearing(100, 'no')\n\
         transport._channel_handler_table = table\n\
         def asked(channel):\n\
         \x20   heard.clear(); channel.breaks = True\n\
         \x20   message = Message(); message.add_byte(bytes([98])); message.add_int(channel.remote_chanid)\n\
         \x20   message.add_string('break'); message.add_boolean(True); message.add_int(500)\n\
         \x20   transport._send_user_message(message)\n\
         \x20   assert heard.wait(30)\n\
         without = transport.open_session(); without.exec_command('exec cat')\n\
         asked(without)\n\
         early = transport.open_session(); early.get_pty(); asked(early)\n\
         running = transport.open_session(); running.get_pty(); running.exec_command('exec cat'); asked(running)\n\
         running.send('on\\n'); assert running.recv(1) == b'o'\n\
         print(*answers)\n\
         transport.close()\n";
    let output = server.python(script);
    assert_eq!(text(&output.stdout), "no no yes\n", "{output:?}");
}
