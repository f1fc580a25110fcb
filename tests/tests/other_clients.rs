//! Clients that are not OpenSSH's.

use std::process::Command;

use bulkhead_tests::{Server, has_python_module, needs_program, run};

#[test]
fn paramiko_runs_a_command_and_transfers_a_file() {
    if !has_python_module("paramiko_runs_a_command_and_transfers_a_file", "paramiko") {
        return;
    }
    let server = Server::any("");
    let script = r"
import sys, paramiko, io
port, user, key, scratch = int(sys.argv[1]), *sys.argv[2:5]
client = paramiko.SSHClient()
client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
client.connect('127.0.0.1', port, user, key_filename=key, allow_agent=False, look_for_keys=False)
stdin, stdout, stderr = client.exec_command('cat; echo err >&2; exit 3')
stdin.write(b'x' * 300000); stdin.channel.shutdown_write()
assert stdout.read() == b'x' * 300000
assert stderr.read() == b'err\n' and stdout.channel.recv_exit_status() == 3
sftp = client.open_sftp()
sftp.putfo(io.BytesIO(b'y' * 500000), '/tmp/bulkhead-paramiko-' + user)
assert sftp.stat('/tmp/bulkhead-paramiko-' + user).st_size == 500000
back = io.BytesIO(); sftp.getfo('/tmp/bulkhead-paramiko-' + user, back)
assert back.getvalue() == b'y' * 500000
sftp.remove('/tmp/bulkhead-paramiko-' + user)
client.get_transport().renegotiate_keys()
_, stdout, _ = client.exec_command('echo again'); assert stdout.read() == b'again\n'
print('done')
";
    let output = server.python(script);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n", "{output:?}");
}

#[test]
fn asyncssh_runs_many_commands_at_once() {
    if !has_python_module("asyncssh_runs_many_commands_at_once", "asyncssh") {
        return;
    }
    let server = Server::any("MaxSessions 20");
    let script = r"
import sys, asyncio, asyncssh
port, user, key, scratch = int(sys.argv[1]), *sys.argv[2:5]
async def main():
    async with asyncssh.connect('127.0.0.1', port, username=user, client_keys=[key], known_hosts=None, agent_path=None, config=None) as c:
        results = await asyncio.gather(*[c.run(f'echo {n}; exit {n}') for n in range(10)])
        assert [r.stdout for r in results] == [f'{n}\n' for n in range(10)]
        assert [r.exit_status for r in results] == list(range(10))
        process = await c.create_process('cat >/dev/null; kill -KILL $$')
        process.stdin.write_eof(); done = await process.wait()
        assert done.exit_signal[0] == 'KILL', done.exit_signal
        sleeper = await c.create_process('exec sleep 1000')
        sleeper.send_signal('TERM'); done = await sleeper.wait()
        assert done.exit_signal[0] == 'TERM', done.exit_signal
        async with c.start_sftp_client() as sftp:
            assert '.' in await sftp.listdir('/')
asyncio.run(main()); print('done')
";
    let output = server.python(script);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n", "{output:?}");
}

#[test]
fn plink_and_psftp_log_in() {
    if !needs_program("plink_and_psftp_log_in", "plink") {
        return;
    }
    let server = Server::any("");
    let mut plink = server.putty("plink");
    let output = run(plink.arg("-no-antispoof").arg(server.login()).arg("echo from plink"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "from plink\n", "{output:?}");
    let output = server.psftp("cd /\nls\nquit\n");
    assert!(String::from_utf8_lossy(&output.stdout).contains("etc"), "{output:?}");
}

#[test]
fn dbclient_logs_in() {
    if !needs_program("dbclient_logs_in", "dropbearconvert") {
        return;
    }
    let server = Server::any("");
    let key = server.scratch.path("dropbear_key");
    let convert = Command::new("dropbearconvert")
        .args(["openssh", "dropbear"])
        .arg(server.scratch.path("login_key"))
        .arg(&key)
        .output();
    assert!(convert.as_ref().is_ok_and(|output| output.status.success()), "{convert:?}");
    let port = server.port.to_string();
    let output = run(Command::new("dbclient")
        .env("HOME", server.scratch.path(""))
        .args(["-y", "-y", "-p", &port, "-i"])
        .arg(&key)
        .arg(server.login())
        .arg("echo from dropbear"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "from dropbear\n", "{output:?}");
}
