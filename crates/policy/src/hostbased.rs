//! Logging in because the client's host vouches for its user (RFC 4252 section 9): from the algorithm's name to what the
//! login may do.
//!
//! Two things must come together: a file of this host or of the account trusts the client's user on the client's host
//! ([`hosts_file`]), and the request is signed with that host's key, which is known or certified ([`known_host`]).

mod host_certificate;
mod hosts_file;
mod known_host;
mod step;

use std::path::PathBuf;

use keys::{Credential, LoginAlgorithm, PublicKey, SignatureProven};
use settings::Effective;
use settings::values::Method;

pub use hosts_file::NetgroupMember;
pub use step::{HostbasedRefusal, HostbasedStep};

use crate::public_key::{credential_itself, parse_credential};
use crate::{AccountFacts, ConnectionFacts, KeyOffer, PathFacts, Refusal, Restrictions, Step, Verdict, root_login};

/// A file that says which hosts, or which keys of hosts, are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whose it is.
    pub owner: TrustOwner,
}

/// Whose a [`TrustFile`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustOwner {
    /// The administrator's: to be read with root's rights, and believed.
    System,
    /// The account's: to be read with its rights, and believed as StrictModes allows.
    Account,
}

/// A [`TrustFile`] as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustText {
    /// Of the file that was opened.
    pub facts: PathFacts,
    /// What is in it.
    pub text: Vec<u8>,
}

/// What the decision has to ask for on its way: most files are never looked at.
pub trait TrustSources {
    /// Reads a file with the rights of its owner; `None` when it cannot be read or is no regular file.
    fn read(&self, file: &TrustFile) -> Option<TrustText>;
    /// The account's home directory; `None` when there is none.
    fn home(&self) -> Option<PathFacts>;
    /// Whether a netgroup (netgroup(5)) has a member.
    fn netgroup_has(&self, netgroup: &str, member: NetgroupMember<'_>) -> bool;
}

/// What a host-based login request says.
#[derive(Debug, Clone, Copy)]
pub struct HostOffer<'a> {
    /// The host's key, or the certificate around it.
    pub credential: &'a Credential,
    /// The algorithm it is to sign with.
    pub algorithm: &'a str,
    /// The client's host, as the client names it.
    pub client_host: &'a str,
    /// The user on that host.
    pub client_user: &'a str,
    /// The keys that have already proven something in this login.
    pub used_before: &'a [PublicKey],
}

/// A host that may vouch for its user, as soon as it has signed with the algorithm that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostAllowed {
    key: PublicKey,
    signature_algorithm: &'static str,
}

impl HostAllowed {
    /// The host's key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }
}

/// Whether a host may sign with an algorithm. Asked before the key blob is parsed, as for users' keys.
pub fn host_algorithm_accepted(effective: &Effective, algorithm: &str) -> Verdict<LoginAlgorithm> {
    if !effective.hostbased_authentication {
        return Verdict::refused(Vec::new(), Refusal::MethodDisabled { method: "hostbased".to_owned() });
    }
    let known = LoginAlgorithm::from_name(algorithm);
    let algorithm = algorithm.to_owned();
    let Some(known) = known else {
        return Verdict::refused(Vec::new(), Refusal::UnknownAlgorithm { algorithm });
    };
    if effective.hostbased_accepted_algorithms.contains(&algorithm) {
        Verdict::allowed(vec![HostbasedStep::AlgorithmAccepted { algorithm }.into()], known)
    } else {
        Verdict::refused(Vec::new(), HostbasedRefusal::AlgorithmNotAccepted { algorithm }.into())
    }
}

/// The key or certificate of a host-based login request, if its algorithm is accepted and it is one at all.
pub fn offered_host(effective: &Effective, algorithm: &str, blob: &[u8]) -> Verdict<Credential> {
    let Verdict { outcome, steps } = host_algorithm_accepted(effective, algorithm);
    match outcome {
        Err(refusal) => Verdict { outcome: Err(refusal), steps },
        Ok(wanted) => match parse_credential(effective, wanted, blob) {
            Ok(credential) => Verdict::allowed(steps, credential),
            Err(refusal) => Verdict::refused(steps, refusal),
        },
    }
}

/// Whether a host would do, if it signed. `now` is in seconds since 1970.
pub fn hostbased(
    effective: &Effective,
    account: &AccountFacts,
    connection: &ConnectionFacts,
    now: u64,
    offer: HostOffer<'_>,
    sources: &dyn TrustSources,
) -> Verdict<HostAllowed> {
    let Verdict { outcome, mut steps } = host_algorithm_accepted(effective, offer.algorithm);
    let decided = outcome.and_then(|algorithm| {
        let HostOffer { credential, algorithm: name, used_before, .. } = offer;
        credential_itself(effective, algorithm, KeyOffer { credential, algorithm: name, used_before })?;
        let host = ClientHost::of(effective, connection, offer.client_host, &mut steps);
        let asking = Asking { effective, account, host: &host, client_user: offer.client_user, now, sources };
        hosts_file::trusted(&asking, &mut steps)?;
        known_host::is_known(&asking, credential, &mut steps)?;
        Ok(HostAllowed { key: credential.key().clone(), signature_algorithm: algorithm.signature })
    });
    match decided {
        Ok(allowed) => Verdict::allowed(steps, allowed),
        Err(refusal) => Verdict::refused(steps, refusal),
    }
}

/// The verdict on a host that has signed, and PermitRootLogin. Nothing restricts such a login but the settings.
pub fn hostbased_signed(
    effective: &Effective,
    account: &AccountFacts,
    connection: &ConnectionFacts,
    allowed: &HostAllowed,
    proven: &SignatureProven,
) -> Verdict<Restrictions> {
    if (proven.key(), proven.algorithm()) != (&allowed.key, allowed.signature_algorithm) {
        return Verdict::refused(Vec::new(), Refusal::SignatureOfAnother);
    }
    let restrictions = Restrictions::none();
    let root = root_login(effective, account, connection, Method::Hostbased, &restrictions);
    Verdict { outcome: root.outcome.map(|()| restrictions), steps: root.steps }
}

/// Who the client's host is taken for.
#[derive(Debug, PartialEq, Eq)]
struct ClientHost {
    /// Its name, or its address where no name is to be had. In lower case.
    name: String,
    /// Its address; the name again when the client's word is all that counts.
    address: String,
}

impl ClientHost {
    /// What the client says is believed with HostbasedUsesNameFromPacketOnly alone. Otherwise it is only compared: a
    /// client knows itself by many names.
    fn of(effective: &Effective, connection: &ConnectionFacts, sent: &str, steps: &mut Vec<Step>) -> Self {
        let sent = sent.strip_suffix('.').unwrap_or(sent);
        if effective.hostbased_uses_name_from_packet_only {
            let name = sent.to_ascii_lowercase();
            return Self { address: name.clone(), name };
        }
        let (name, address) = (connection.host_or_address().to_ascii_lowercase(), connection.address_text());
        if !name.eq_ignore_ascii_case(sent) {
            let (sent, resolved) = (sent.to_owned(), name.clone());
            steps.push(HostbasedStep::NameDiffers { sent, address: address.clone(), resolved }.into());
        }
        Self { name, address }
    }
}

/// Everything that the two halves of the decision look at.
struct Asking<'a> {
    effective: &'a Effective,
    account: &'a AccountFacts,
    host: &'a ClientHost,
    client_user: &'a str,
    /// Seconds since 1970.
    now: u64,
    sources: &'a dyn TrustSources,
}

impl Asking<'_> {
    /// Whether nobody but root and the account can have written this; always when StrictModes is off.
    fn is_sound(&self, facts: &PathFacts) -> bool {
        let owned = facts.uid == 0 || facts.uid == self.account.uid;
        !self.effective.strict_modes || (owned && facts.mode & 0o022 == 0)
    }
}
