//! Pairs with `preauth/src/ask_monitor.rs::check_host`.

use events::Level;
use events::monitor::Event;
use ipc::phases::VouchingHost;
use keys::{Credential, PublicKey, SignatureProven};
use policy::{HostAllowed, HostOffer};

use crate::candidate::Candidate;
use crate::connection::Connection;
use crate::key_exchange::SignedExchange;
use crate::revoked_keys::not_revoked;
use crate::signed_data::SignedByHost;
use crate::trust_files::TrustFiles;

/// As much of a client's names as the log shows, as theirs.
const SHOWN: usize = 100;

/// A host with its signature.
#[derive(Default)]
pub(crate) struct CheckedHost {
    /// That the host may vouch for this user here.
    pub(crate) allowed: Option<HostAllowed>,
    /// That the signature is its key's, over what this connection demands.
    pub(crate) proven: Option<SignatureProven>,
    /// Key and names for the log, once there is something to show.
    pub(crate) shown: Option<String>,
}

/// Looks the host up and verifies its signature, also for users that cannot log in: the work tells nothing. The log
/// keeps quiet about those, as theirs.
pub(crate) fn check_host(
    connection: &mut Connection,
    candidate: &Candidate,
    exchange: &SignedExchange,
    host: &VouchingHost,
    used_before: &[PublicKey],
) -> CheckedHost {
    let accepted = policy::host_algorithm_accepted(&candidate.effective, &host.key.algorithm);
    if !accepted.is_allowed() {
        connection.log_steps(&accepted.steps);
        return CheckedHost::default();
    }
    let key = match PublicKey::parse(&host.key.blob) {
        Ok(key) => key,
        Err(error) => {
            connection.log(&Event::Said { level: Level::Error, text: format!("parse key: {error}") });
            return CheckedHost::default();
        }
    };
    let allowed = may_vouch(connection, candidate, &key, host, used_before);
    let signed = SignedByHost { session_id: exchange.session_id(), user: &candidate.claimed, host }.encode();
    let proven = key.verify(&host.key.algorithm, &signed, &host.signature).ok();
    CheckedHost { allowed, proven, shown: candidate.may_log_in().then(|| shown(candidate, &key, host)) }
}

fn may_vouch(
    connection: &mut Connection,
    candidate: &Candidate,
    key: &PublicKey,
    host: &VouchingHost,
    used_before: &[PublicKey],
) -> Option<HostAllowed> {
    let not_revoked = not_revoked(candidate, &Credential::Key(key.clone()));
    if !not_revoked.is_allowed() {
        connection.log_steps(&not_revoked.steps);
        return None;
    }
    let files = TrustFiles::of(candidate);
    let offer = HostOffer {
        key,
        algorithm: &host.key.algorithm,
        client_host: &host.host,
        client_user: &host.user,
        used_before,
    };
    let verdict = policy::hostbased(&candidate.effective, &candidate.facts, &candidate.from, offer, &files);
    if candidate.may_log_in() {
        for complaint in files.into_complaints() {
            connection.log(&complaint);
        }
        connection.log_steps(&verdict.steps);
    }
    verdict.outcome.ok()
}

fn shown(candidate: &Candidate, key: &PublicKey, host: &VouchingHost) -> String {
    let fingerprint = key.fingerprint(policy::fingerprint_hash(&candidate.effective));
    let cut = |name: &str| name.chars().take(SHOWN).collect::<String>();
    format!(
        "{} {fingerprint}, client user \"{}\", client host \"{}\"",
        key.key_type().short_name(),
        cut(&host.user),
        cut(&host.host)
    )
}
