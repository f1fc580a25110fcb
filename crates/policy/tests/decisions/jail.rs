//! SftpJail: where it holds, and what it leaves of a login.

use std::path::PathBuf;

use policy::{Refusal, Restrictions, grants, sftp_jail};

use crate::scene::{alice, settings};

#[test]
fn it_holds_where_internal_sftp_is_forced() {
    let outcome = |lines: &[&str]| sftp_jail(&settings(lines), &alice()).outcome;
    assert_eq!(outcome(&["ForceCommand internal-sftp"]), Ok(None));
    let jail = "SftpJail /srv/%u/%%";
    let named = Ok(Some(PathBuf::from("/srv/alice/%")));
    assert_eq!(outcome(&[jail, "ForceCommand internal-sftp"]), named);
    assert_eq!(outcome(&[jail, "ForceCommand internal-sftp -R -u 0027"]), named);
    assert_eq!(outcome(&["SftpJail none", "ForceCommand /bin/sh"]), Ok(None));
    for forced in
        [&["ForceCommand /bin/sh"][..], &["ForceCommand internal-sftpd"], &["Subsystem sftp internal-sftp"], &[]]
    {
        let lines: Vec<&str> = forced.iter().copied().chain([jail]).collect();
        assert_eq!(outcome(&lines), Err(Refusal::JailWithoutForcedSftp), "{lines:?}");
    }
}

#[test]
fn nothing_is_forwarded_out_of_it() {
    let lines =
        ["ForceCommand internal-sftp", "AllowTcpForwarding yes", "AllowAgentForwarding yes", "X11Forwarding yes"];
    let open = grants(&settings(&lines), &Restrictions::none());
    assert!(open.tcp_forwarding.local && open.stream_local_forwarding.remote && open.agent_forwarding);
    let jailed = grants(&settings(&[&lines[..], &["SftpJail %h", "PermitTunnel yes"]].concat()), &Restrictions::none());
    assert!(!jailed.tcp_forwarding.local && !jailed.tcp_forwarding.remote);
    assert!(!jailed.stream_local_forwarding.local && !jailed.stream_local_forwarding.remote);
    assert!(
        !jailed.agent_forwarding && !jailed.x11_forwarding && !jailed.tunnel.point_to_point && !jailed.tunnel.ethernet
    );
}
