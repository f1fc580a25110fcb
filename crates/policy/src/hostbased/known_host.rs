//! Whether a key is the one of the client's host, or was certified by an authority for it: ssh_known_hosts and
//! `~/.ssh/known_hosts`.

use keys::known_hosts::{Hosts, KnownHost, Marker, UnusableHost, known_hosts};
use keys::{Credential, PublicKey};
use settings::paths::in_sysconfdir;
use settings::pattern::matches_host_list;

use super::{Asking, HostbasedRefusal, HostbasedStep, TrustFile, TrustOwner, host_certificate};
use crate::public_key::{fingerprint_hash, shown_key};
use crate::{Refusal, Step};

/// File names; a second generation is asked only when no file of the first knows any key of the host.
const GENERATIONS: [(&str, &str); 2] =
    [("ssh_known_hosts", ".ssh/known_hosts"), ("ssh_known_hosts2", ".ssh/known_hosts2")];

/// What files say about a key.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    /// `FILE:LINE` of a line with this key, or with the authority.
    At(String),
    /// Other keys of this host, or for it, are there.
    OtherKeys,
    Nothing,
}

pub(super) fn is_known(asking: &Asking<'_>, credential: &Credential, steps: &mut Vec<Step>) -> Result<(), Refusal> {
    if let Some(certificate) = credential.certificate() {
        host_certificate::holds(asking, certificate)?;
    }
    let mut known = Known::Nothing;
    for (of_system, of_account) in GENERATIONS {
        known = in_generation(asking, credential, of_system, of_account, steps)?;
        if known != Known::Nothing {
            break;
        }
    }
    let (user, host) = (asking.client_user.to_owned(), asking.host.name.clone());
    match known {
        Known::At(place) => {
            steps.push(HostbasedStep::KeyFound { host: host.clone(), place }.into());
            steps.push(accepted(asking, credential, user, host).into());
            Ok(())
        }
        Known::OtherKeys | Known::Nothing => Err(HostbasedRefusal::KeyNotKnown { host }.into()),
    }
}

fn accepted(asking: &Asking<'_>, credential: &Credential, user: String, host: String) -> HostbasedStep {
    let hash = fingerprint_hash(asking.effective);
    match credential {
        Credential::Key(key) => {
            let (key_type, fingerprint) = (key.key_type().short_name().to_owned(), key.fingerprint(hash));
            HostbasedStep::KeyAccepted { key_type, fingerprint, user, host }
        }
        Credential::Certificate(certificate) => HostbasedStep::CertificateAccepted {
            key_id: certificate.key_id().to_owned(),
            authority: shown_key(certificate.authority(), hash),
            user,
            host,
        },
    }
}

/// All files of a generation are read: any line of them can revoke the key or its authority.
fn in_generation(
    asking: &Asking<'_>,
    credential: &Credential,
    of_system: &str,
    of_account: &str,
    steps: &mut Vec<Step>,
) -> Result<Known, Refusal> {
    let mut files = vec![TrustFile { path: in_sysconfdir(of_system).into(), owner: TrustOwner::System }];
    if !asking.effective.ignore_user_known_hosts {
        files.push(TrustFile { path: asking.account.home.join(of_account), owner: TrustOwner::Account });
    }
    let authority = credential.certificate().map(|certificate| certificate.authority());
    let (marker, wanted) = match authority {
        Some(authority) => (Marker::CertAuthority, authority),
        None => (Marker::HostKey, credential.key()),
    };
    let is_meant = |revoked: &PublicKey| revoked == credential.key() || Some(revoked) == authority;
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
                Ok(Some((Marker::Revoked, listed))) if is_meant(&listed) => {
                    return Err(HostbasedRefusal::KeyRevoked { host: asking.host.name.clone() }.into());
                }
                Ok(Some((found, listed))) if found == marker => match known {
                    Known::At(_) => {}
                    _ if listed == *wanted => known = Known::At(place()),
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
