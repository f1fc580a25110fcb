//! Pairs with `preauth/src/ask_monitor.rs::check_host`.

use std::time::{SystemTime, UNIX_EPOCH};

use ipc::phases::VouchingHost;
use keys::{Credential, LoginAlgorithm, PublicKey, SignatureProven};
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
    let parsed = policy::offered_host(&candidate.effective, &host.key.algorithm, &host.key.blob);
    let credential = match parsed.outcome {
        Ok(credential) => credential,
        Err(_) => {
            connection.log_steps(&parsed.steps);
            return CheckedHost::default();
        }
    };
    let allowed = may_vouch(connection, candidate, &credential, host, used_before);
    let signed = SignedByHost { session_id: exchange.session_id(), user: &candidate.claimed, host }.encode();
    let proven = LoginAlgorithm::from_name(&host.key.algorithm)
        .and_then(|algorithm| credential.key().verify(algorithm.signature, &signed, &host.signature).ok());
    CheckedHost { allowed, proven, shown: candidate.may_log_in().then(|| shown(candidate, &credential, host)) }
}

fn may_vouch(
    connection: &mut Connection,
    candidate: &Candidate,
    credential: &Credential,
    host: &VouchingHost,
    used_before: &[PublicKey],
) -> Option<HostAllowed> {
    let not_revoked = not_revoked(candidate, credential);
    if !not_revoked.is_allowed() {
        connection.log_steps(&not_revoked.steps);
        return None;
    }
    let files = TrustFiles::of(candidate);
    let offer = HostOffer {
        credential,
        algorithm: &host.key.algorithm,
        client_host: &host.host,
        client_user: &host.user,
        used_before,
    };
    let verdict = policy::hostbased(&candidate.effective, &candidate.facts, &candidate.from, now(), offer, &files);
    if candidate.may_log_in() {
        for complaint in files.into_complaints() {
            connection.log(&complaint);
        }
        connection.log_steps(&verdict.steps);
    }
    verdict.outcome.ok()
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn shown(candidate: &Candidate, credential: &Credential, host: &VouchingHost) -> String {
    let cut = |name: &str| name.chars().take(SHOWN).collect::<String>();
    format!(
        "{}, client user \"{}\", client host \"{}\"",
        policy::credential_in_attempts(&candidate.effective, credential),
        cut(&host.user),
        cut(&host.host)
    )
}
