//! What the login could do once it is in.

use policy::{ForwardingGrant, Grants, TunnelLimit};

use super::report::Report;
use crate::candidate::Candidate;
use crate::chroot;
use crate::journal::Journal;
use crate::login_places::LoginPlaces;

/// Says what is granted, and whether the login's root directory can be used.
pub(super) fn session(report: &mut Report, candidate: &Candidate, grants: Option<&Grants>) {
    places(report, candidate);
    root_directory(report, candidate);
    jail(report, candidate);
    if let Some(grants) = grants {
        granted(report, grants);
    }
}

fn places(report: &mut Report, candidate: &Candidate) {
    if candidate.effective.max_sessions_per_user.is_none() {
        return;
    }
    report.section("MaxSessionsPerUser");
    let taken = LoginPlaces::of(candidate.identity.uid).and_then(|places| places.taken()).ok();
    let verdict = policy::another_login(&candidate.effective, taken);
    report.log_steps(&verdict.steps);
    if let Err(refusal) = verdict.outcome {
        report.refuse(refusal.to_string());
    }
}

fn root_directory(report: &mut Report, candidate: &Candidate) {
    report.section("ChrootDirectory");
    let directory = match policy::chroot_directory(&candidate.effective, &candidate.facts) {
        Ok(None) => return,
        Ok(Some(directory)) => directory,
        Err(error) => {
            report.say(error.to_string());
            return report.refuse(format!("ChrootDirectory: {error}"));
        }
    };
    let verdict = chroot::check(&directory.to_string_lossy());
    report.log_steps(&verdict.steps);
    match verdict.outcome {
        Ok(()) => report.say(format!("{} and every directory above it are root's alone", directory.display())),
        Err(refusal) => report.refuse(refusal.to_string()),
    }
}

fn jail(report: &mut Report, candidate: &Candidate) {
    report.section("SftpJail");
    let verdict = policy::sftp_jail(&candidate.effective, &candidate.facts);
    report.log_steps(&verdict.steps);
    let directory = match verdict.outcome {
        Ok(None) => return,
        Ok(Some(directory)) => directory,
        Err(refusal) => return report.refuse(refusal.to_string()),
    };
    let chroot = policy::chroot_directory(&candidate.effective, &candidate.facts).ok().flatten();
    let above = chroot.unwrap_or_else(|| "/".into());
    let opened = crate::jail::open_directory(&above, &directory, &candidate.identity);
    report.log_steps(&opened.steps);
    match opened.outcome {
        Ok(_) => report.say(format!("{} can be opened", directory.display())),
        Err(refusal) => report.refuse(refusal.to_string()),
    }
}

fn granted(report: &mut Report, grants: &Grants) {
    report.section("granted");
    match &grants.forced_command {
        Some(forced) => report.say(format!("forced command ({}): {}", forced.by, forced.command)),
        None => report.say("no forced command"),
    }
    let yes_or_no = |granted: bool| if granted { "yes" } else { "no" };
    for (what, granted) in [
        ("terminal", grants.terminal),
        ("~/.ssh/rc", grants.user_rc),
        ("agent forwarding", grants.agent_forwarding),
        ("X11 forwarding", grants.x11_forwarding),
        ("layer 3 tunnel", grants.tunnel.point_to_point),
        ("layer 2 tunnel", grants.tunnel.ethernet),
    ] {
        report.say(format!("{what}: {}", yes_or_no(granted)));
    }
    if let TunnelLimit::Only(device) = grants.tunnel.device {
        report.say(format!("tunnel only on device {device}"));
    }
    report.say(format!("TCP forwarding: {}", directions(grants.tcp_forwarding)));
    report.say(format!("Unix socket forwarding: {}", directions(grants.stream_local_forwarding)));
    for (what, lists) in [("PermitOpen", &grants.permit_open), ("PermitListen", &grants.permit_listen)] {
        for list in lists {
            let addresses: Vec<_> = list.iter().map(ToString::to_string).collect();
            report
                .say(format!("{what}: {}", if addresses.is_empty() { "none".to_owned() } else { addresses.join(" ") }));
        }
    }
    for (name, value) in &grants.environment {
        report.say(format!("environment of the key: {name}={value}"));
    }
    for arguments in &grants.internal_sftp {
        report.say(format!("internal-sftp {arguments}"));
    }
}

fn directions(grant: ForwardingGrant) -> &'static str {
    match (grant.local, grant.remote) {
        (true, true) => "local and remote",
        (true, false) => "local",
        (false, true) => "remote",
        (false, false) => "no",
    }
}
