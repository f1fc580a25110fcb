//! A large configuration must not take longer here than with the system's `sshd`, measured in the same run. (Alone in its
//! file: other tests' children would be counted too.)

use std::path::Path;
use std::process::{Command, Stdio};

use bulkhead_tests::{Scratch, binaries, make_key, skipped};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// 2,000 lines with 200 Match blocks.
fn large_configuration() -> String {
    let mut text = "Port 22\nPermitRootLogin no\nCiphers aes128-ctr,aes256-ctr\nAllowUsers a b c d\n".to_owned();
    for block in 1..=199 {
        text.push_str(&format!(
            "Match User u{block},v{block}* Address 192.0.2.0/24,10.{block}.0.0/16\n  X11Forwarding no\n  AllowTcpForwarding no\n  \
             Banner /x/{block}\n  ForceCommand internal-sftp -d %u\n  MaxSessions {block}\n  AcceptEnv LANG LC_*\n  \
             PubkeyAcceptedAlgorithms +ssh-rsa\n  AuthorizedKeysFile /etc/keys/%u .ssh/authorized_keys\n  PermitTTY no\n"
        ));
    }
    text.push_str("Match all\n  X11Forwarding yes\n# the end\n# of the file\n# is here\n# now\n");
    text
}

/// Milliseconds of CPU of one run.
fn cost(sshd: &Path, arguments: &[&str]) -> Option<f64> {
    let spent = || {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
        (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1000.0
    };
    let before = spent();
    let status = Command::new(sshd).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    status.success().then(|| spent() - before)
}

#[test]
fn a_large_configuration_is_read_as_fast_as_theirs() {
    let scratch = Scratch::new();
    let key = make_key(&scratch, "host_key", &["-t", "ed25519"]);
    let text = large_configuration();
    assert_eq!((text.lines().count(), text.matches("Match ").count()), (2000, 200));
    let file = scratch.file("sshd_config", text);
    let connection = "user=u199,host=x,addr=192.0.2.3";
    let arguments = ["-T", "-f", file.to_str().unwrap(), "-h", key.to_str().unwrap(), "-C", connection];
    let (our_sshd, their_sshd) = (binaries().join("sshd"), Path::new("/usr/sbin/sshd"));
    let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
    // The best of many in turns, and of more while the machine is too busy to tell.
    for run in 0..200 {
        let Some(cost_of_theirs) = cost(their_sshd, &arguments) else {
            return skipped(
                "a_large_configuration_is_read_as_fast_as_theirs",
                "no other sshd that tests configurations",
            );
        };
        theirs = theirs.min(cost_of_theirs);
        ours = ours.min(cost(&our_sshd, &arguments).expect("ours must read what theirs reads"));
        if run >= 30 && ours <= theirs {
            return;
        }
    }
    panic!("ours {ours} ms, theirs {theirs} ms");
}
