//! Whether a key is the one of the client's host: ssh_known_hosts and `~/.ssh/known_hosts`.

use keys::PublicKey;
use keys::known_hosts::{Hosts, KnownHost, Marker, UnusableHost, known_hosts};
use settings::paths::in_sysconfdir;
use settings::pattern::matches_host_list;

use super::{Asking, HostbasedRefusal, HostbasedStep, TrustFile, TrustOwner, describe_for_log};
use crate::{Refusal, Step};

/// File names; a second generation is asked only when no file of the first knows any key of the host.
const GENERATIONS: [(&str, &str); 2] =
    [("ssh_known_hosts", ".ssh/known_hosts"), ("ssh_known_hosts2", ".ssh/known_hosts2")];

/// What files say about a key.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    /// `FILE:LINE` of a line with this key.
    At(String),
    /// Other keys of this host are there.
    OtherKeys,
    Nothing,
}

pub(super) fn is_known(asking: &Asking<'_>, key: &PublicKey, steps: &mut Vec<Step>) -> Result<(), Refusal> {
    let mut known = Known::Nothing;
    for (of_system, of_account) in GENERATIONS {
        known = in_generation(asking, key, of_system, of_account, steps)?;
        if known != Known::Nothing {
            break;
        }
    }
    let (user, host) = (asking.client_user.to_owned(), asking.host.name.clone());
    match known {
        Known::At(place) => {
            steps.push(HostbasedStep::KeyFound { host: host.clone(), place }.into());
            steps.push(HostbasedStep::KeyAccepted { key: describe_for_log(key), user, host }.into());
            Ok(())
        }
        Known::OtherKeys | Known::Nothing => Err(HostbasedRefusal::KeyNotKnown { host }.into()),
    }
}

/// All files of a generation are read: any line of them can revoke the key.
fn in_generation(
    asking: &Asking<'_>,
    key: &PublicKey,
    of_system: &str,
    of_account: &str,
    steps: &mut Vec<Step>,
) -> Result<Known, Refusal> {
    let mut files = vec![TrustFile { path: in_sysconfdir(of_system).into(), owner: TrustOwner::System }];
    if !asking.effective.ignore_user_known_hosts {
        files.push(TrustFile { path: asking.account.home.join(of_account), owner: TrustOwner::Account });
    }
    let mut known = Known::Nothing;
    for file in files {
        let Some(read) = asking.sources.read(&file) else { continue };
        if file.owner == TrustOwner::Account && !asking.is_sound(&read.facts) {
            let user = asking.account.name.clone();
            steps.push(HostbasedStep::KnownHostsUnsound { user, file: file.path }.into());
            continue;
        }
        for (number, line) in known_hosts(&read.text) {
            let place = || format!("{}:{number}", file.path.display());
            match line.and_then(|line| about_host(&line, &asking.host.name)) {
                Err(unusable) => {
                    steps.push(HostbasedStep::KnownHostUnusable { place: place(), reason: unusable.to_string() }.into())
                }
                Ok(Some((Marker::Revoked, listed))) if listed == *key => {
                    return Err(HostbasedRefusal::KeyRevoked { host: asking.host.name.clone() }.into());
                }
                Ok(Some((Marker::HostKey, listed))) => match known {
                    Known::At(_) => {}
                    _ if listed == *key => known = Known::At(place()),
                    _ => known = Known::OtherKeys,
                },
                Ok(_) => {}
            }
        }
    }
    Ok(known)
}

/// The marker and the key of a line about this host; `None` when it is about others.
fn about_host(line: &KnownHost<'_>, name: &str) -> Result<Option<(Marker, PublicKey)>, UnusableHost> {
    let is_about = match line.hosts() {
        Hosts::Patterns(list) => matches_host_list(name, list).is_hit(),
        hashed @ Hosts::Hashed(_) => hashed.is_hash_of(name),
    };
    if !is_about {
        return Ok(None);
    }
    Ok(Some((line.marker, line.key()?)))
}
