//! Libraries: paramiko, asyncssh, JSch.

use std::fs;
use std::path::Path;
use std::process::Command;

use bulkhead_tests::{has_python_module, make_key, needs_program, public_half, run, skipped};

use crate::site::{MANY, Site, UNICODE, well};

/// What both Python scripts begin with: the arguments, and names.
fn script(site: &Site, body: &str) -> String {
    let inbox = site.inbox("").display().to_string();
    format!(
        "import sys\nport, user, key, scratch = int(sys.argv[1]), *sys.argv[2:5]\ninbox = {inbox:?}\n\
         unicode, longest, many = {UNICODE:?}, 'n' * 255, {MANY}\ndata = open(scratch + 'data', 'rb').read()\n{body}"
    )
}

#[test]
fn paramiko() {
    if !has_python_module("paramiko", "paramiko") {
        return;
    }
    let site = Site::new();
    let body = r"
import paramiko, io
t = paramiko.Transport(('127.0.0.1', port)); t.connect(username=user, pkey=paramiko.Ed25519Key.from_private_key_file(key))
sftp = paramiko.SFTPClient.from_transport(t); sftp.chdir(inbox)
for name in ['up', unicode, longest, 'new']: sftp.putfo(io.BytesIO(data), name)
sftp.get(unicode, scratch + 'back')
with sftp.open('half', 'ab') as f: f.write(data[40000:])
sftp.posix_rename('new', 'old'); sftp.symlink('up', 'link')
assert sftp.readlink('link') == 'up' and len(sftp.listdir('many')) == many
with sftp.open('far', 'wb') as f:
    f.set_pipelined(True); f.seek(5 << 30)
    for place in range(0, len(data), 2000): f.write(data[place:place + 2000])
with sftp.open('far', 'rb') as f:
    f.seek(5 << 30); assert f.read() == data and f.stat().st_size == (5 << 30) + len(data)
try: sftp.open('/proc/x', 'wb'); assert False
except IOError as error: assert error.errno == 2 or 'Permission' in str(error) or 'No such' in str(error), error
t.close()
";
    well(&site.server.python(&script(&site, body)));
    site.assert_there(&["up", UNICODE, &Site::longest(), "half", "old"]);
    site.assert_back(&["back"]);
    site.assert_linked();
    let blocks = std::os::unix::fs::MetadataExt::blocks(&fs::metadata(site.inbox("far")).unwrap());
    assert!(blocks < 1000, "a hole takes no room: {blocks}");
}

#[test]
fn asyncssh() {
    if !has_python_module("asyncssh", "asyncssh") {
        return;
    }
    let site = Site::new();
    let body = r"
import asyncio, asyncssh
async def main():
    async with asyncssh.connect('127.0.0.1', port, username=user, client_keys=[key], known_hosts=None, agent_path=None, config=None) as c:
        async with c.start_sftp_client() as sftp:
            await sftp.chdir(inbox)
            for name in ['up', unicode, longest, 'new']: await sftp.put(scratch + 'data', name)
            await sftp.get(unicode, scratch + 'back')
            async with sftp.open('half', 'ab') as f: await f.write(data[40000:])
            await sftp.posix_rename('new', 'old'); await sftp.symlink(inbox + 'up', inbox + 'link')
            assert await sftp.readlink(inbox + 'link') == inbox + 'up'
            assert len(await sftp.listdir('many')) == many + 2
            async with sftp.open('up', 'rb') as f:
                pieces = await asyncio.gather(*[f.read(2000, place * 2000) for place in range(64)])
                assert b''.join(pieces) == data[:128000]
asyncio.run(main())
";
    well(&site.server.python(&script(&site, body)));
    site.assert_there(&["up", UNICODE, &Site::longest(), "half", "old"]);
    site.assert_back(&["back"]);
    site.assert_linked();
}

const JSCH: &str = "/usr/share/java/jsch.jar";

const PROGRAM: &str = r#"
import com.jcraft.jsch.*;
class Transfer {
    public static void main(String[] given) throws Exception {
        JSch jsch = new JSch();
        jsch.addIdentity(given[2]);
        Session session = jsch.getSession(given[1], "127.0.0.1", Integer.parseInt(given[0]));
        session.setConfig("StrictHostKeyChecking", "no");
        session.setConfig("server_host_key", "ecdsa-sha2-nistp256");
        session.connect();
        ChannelSftp sftp = (ChannelSftp) session.openChannel("sftp");
        sftp.connect();
        sftp.cd(given[4]);
        String data = given[3] + "data";
        sftp.put(data, "up");
        sftp.get("up", given[3] + "back");
        sftp.put(data, "half", ChannelSftp.RESUME);
        sftp.put(data, "new");
        sftp.rename("new", "na\u00efve");
        sftp.symlink("up", "link");
        if (!sftp.readlink("link").endsWith("up")) throw new Exception(sftp.readlink("link"));
        int many = sftp.ls("many").size();
        if (many != Integer.parseInt(given[5]) + 2) throw new Exception("" + many);
        session.disconnect();
    }
}
"#;

#[test]
fn jsch() {
    if !needs_program("jsch", "javac") {
        return;
    }
    if !Path::new(JSCH).exists() {
        return skipped("jsch", "libjsch-java is not installed");
    }
    let site = Site::new();
    // Its last release knows neither Ed25519 nor OpenSSH's own key files.
    let key = make_key(&site.server.scratch, "ecdsa_key", &["-t", "ecdsa", "-m", "PEM"]);
    site.server.scratch.file("authorized_keys", public_half(&key));
    let program = site.server.scratch.file("Transfer.java", PROGRAM);
    let (port, many) = (site.server.port.to_string(), MANY.to_string());
    let mut java = Command::new("java");
    java.args(["-XX:TieredStopAtLevel=1", "-cp", JSCH]).arg(program).args([&port, &site.server.account.name]);
    well(&run(java.arg(key).arg(site.local("")).arg(site.inbox("")).arg(many)));
    site.assert_there(&["up", "half", "naïve"]);
    site.assert_back(&["back"]);
    site.assert_linked();
}
