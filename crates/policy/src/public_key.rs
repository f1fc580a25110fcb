//! Logging in with a public key: from the algorithm's name to what the login may do.

mod certificate;
mod certificate_step;
mod lines;

pub use certificate_step::{CertificateRefusal, CertificateStep};

use keys::{Certificate, Credential, FingerprintHash, KeyError, KeyType, LoginAlgorithm, PublicKey, SignatureProven};
use settings::Effective;
use settings::values::{Choice as _, Method};

use crate::refusal::SignatureDemand;
use crate::{AccountFacts, ConnectionFacts, Grants, Now, Refusal, Restrictions, Step, Verdict, grants, root_login};

/// A file that may list the key or a principal. Only what [`crate::strict_modes`] lets pass belongs here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// Its name, for the log.
    pub name: String,
    /// What is in it.
    pub text: Vec<u8>,
}

/// Where keys, authorities and principals are listed. Each list is only asked for when those before it have no answer:
/// files are opened one by one, and programs run last.
pub trait Lists {
    /// AuthorizedKeysFile.
    fn key_files(&self) -> impl Iterator<Item = KeyFile>;

    /// What is in the file of TrustedUserCAKeys, or why that is not known.
    fn trusted_authorities(&self, file: &str) -> Result<Vec<u8>, String>;

    /// AuthorizedPrincipalsFile, then what AuthorizedPrincipalsCommand prints.
    fn principals(&self, certificate: &Certificate) -> impl Iterator<Item = KeyFile>;

    /// What AuthorizedKeysCommand prints.
    fn printed_keys(&self) -> Option<KeyFile>;
}

/// A key that some list lets in, as soon as it has signed with the algorithm that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAllowed {
    credential: Credential,
    /// As in log lines.
    shown: String,
    signature_algorithm: &'static str,
    place: String,
    restrictions: Restrictions,
    touch_required: bool,
    verify_required: bool,
}

impl KeyAllowed {
    /// The key; of a certificate, the one that is certified.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        self.credential.key()
    }

    /// The key as it was offered, with its certificate.
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Which line lets it in, and the names of what its options leave or ask for.
    #[must_use]
    pub fn options_in_words(&self) -> String {
        format!("{}: {}", self.place, self.restrictions.key_options())
    }

    /// `FILE:LINE` of the line that lets it in, or the file of the authority that has certified it.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }
}

/// What a list asks of a login with the key. Together they ask for all that any of them asks for.
#[derive(Debug, Clone)]
struct Demands {
    restrictions: Restrictions,
    no_touch_required: bool,
    verify_required: bool,
}

/// Whether an algorithm may be used. Asked before the key blob is parsed: what the configuration does not accept
/// never reaches a parser. Names are compared exactly, one curve does not stand for another (CVE-2026-35387).
pub fn algorithm_accepted(effective: &Effective, algorithm: &str) -> Verdict<LoginAlgorithm> {
    if !effective.pubkey_authentication {
        return Verdict::refused(Vec::new(), Refusal::MethodDisabled { method: "publickey".to_owned() });
    }
    let name = algorithm.to_owned();
    let Some(algorithm) = LoginAlgorithm::from_name(algorithm) else {
        return Verdict::refused(Vec::new(), Refusal::UnknownAlgorithm { algorithm: name });
    };
    if effective.pubkey_accepted_algorithms.contains(&name) {
        Verdict::allowed(vec![Step::AlgorithmAccepted { algorithm: name }], algorithm)
    } else {
        Verdict::refused(Vec::new(), Refusal::AlgorithmNotAccepted { algorithm: name })
    }
}

/// The key or certificate of a login request, if its algorithm is accepted and it is one at all. The algorithm of a
/// certificate's signature must be one of CASignatureAlgorithms; that is asked before the authority's key is parsed.
pub fn offered_credential(effective: &Effective, algorithm: &str, blob: &[u8]) -> Verdict<Credential> {
    let Verdict { outcome, steps } = algorithm_accepted(effective, algorithm);
    let wanted = match outcome {
        Ok(wanted) => wanted,
        Err(refusal) => return Verdict { outcome: Err(refusal), steps },
    };
    match parse_credential(effective, wanted, blob) {
        Ok(credential) => Verdict::allowed(steps, credential),
        Err(refusal) => Verdict::refused(steps, refusal),
    }
}

/// A key or certificate whose algorithm has been accepted.
pub(crate) fn parse_credential(
    effective: &Effective,
    wanted: LoginAlgorithm,
    blob: &[u8],
) -> Result<Credential, Refusal> {
    let parsed = if wanted.certified {
        let certificate = Certificate::parse(blob, &effective.ca_signature_algorithms);
        certificate.map(|certificate| Credential::Certificate(Box::new(certificate)))
    } else {
        PublicKey::parse(blob).map(Credential::Key)
    };
    parsed.map_err(|error| match error {
        KeyError::AuthorityAlgorithm(algorithm) => Refusal::AuthorityAlgorithmNotAccepted { algorithm },
        error => Refusal::NoKey { error: error.to_string() },
    })
}

/// What a login request with a public key is about.
#[derive(Debug, Clone, Copy)]
pub struct KeyOffer<'a> {
    /// The key, or the certificate around it.
    pub credential: &'a Credential,
    /// The algorithm it is to sign with.
    pub algorithm: &'a str,
    /// The keys that have already proven something in this login.
    pub used_before: &'a [PublicKey],
}

/// The facts that lists are looked at with.
#[derive(Clone, Copy)]
struct Scene<'a> {
    effective: &'a Effective,
    account: &'a AccountFacts,
    connection: &'a ConnectionFacts,
    now: Now<'a>,
}

/// Whether a key would do, if it signed. Lists are asked in theirs' order: files of keys, trusted authorities, the
/// program that prints keys.
pub fn public_key(
    effective: &Effective,
    account: &AccountFacts,
    connection: &ConnectionFacts,
    now: Now<'_>,
    offer: KeyOffer<'_>,
    lists: &impl Lists,
) -> Verdict<KeyAllowed> {
    let Verdict { outcome, mut steps } = algorithm_accepted(effective, offer.algorithm);
    let algorithm = match outcome {
        Ok(algorithm) => algorithm,
        Err(refusal) => return Verdict { outcome: Err(refusal), steps },
    };
    if let Err(refusal) = credential_itself(effective, algorithm, offer) {
        return Verdict::refused(steps, refusal);
    }
    let scene = Scene { effective, account, connection, now };
    let hash = fingerprint_hash(effective);
    steps.push(Step::KeyUsable { key: offer.credential.shown(hash) });
    let found = scene
        .in_files(offer.credential, lists.key_files(), &mut steps)
        .or_else(|| {
            let certificate = offer.credential.certificate()?;
            scene.by_trusted_authority(certificate, lists, &mut steps)
        })
        .or_else(|| scene.in_files(offer.credential, lists.printed_keys(), &mut steps));
    let Some((place, demands)) = found else {
        return Verdict::refused(steps, Refusal::KeyNotListed);
    };
    let configured = effective.pubkey_auth_options;
    let allowed = KeyAllowed {
        credential: offer.credential.clone(),
        shown: offer.credential.shown(hash),
        signature_algorithm: algorithm.signature,
        place,
        restrictions: demands.restrictions,
        touch_required: configured.touch_required || !demands.no_touch_required,
        verify_required: configured.verify_required || demands.verify_required,
    };
    Verdict::allowed(steps, allowed)
}

/// The verdict on a key that has signed: what the signature had to prove beyond the key, and PermitRootLogin.
/// Only from here on does anybody learn what the login may do.
pub fn public_key_signed(
    effective: &Effective,
    account: &AccountFacts,
    connection: &ConnectionFacts,
    allowed: &KeyAllowed,
    proven: &SignatureProven,
) -> Verdict<Restrictions> {
    if (proven.key(), proven.algorithm()) != (allowed.key(), allowed.signature_algorithm) {
        return Verdict::refused(Vec::new(), Refusal::SignatureOfAnother);
    }
    let missing = if allowed.touch_required && !proven.presence() {
        Some(SignatureDemand::Presence)
    } else if allowed.verify_required && !proven.user_verified() {
        Some(SignatureDemand::UserVerification)
    } else {
        None
    };
    if let Some(demand) = missing {
        let refusal = Refusal::SignatureDemand {
            demand,
            key: allowed.shown.clone(),
            user: account.name.clone(),
            address: connection.address_text(),
            port: connection.port,
        };
        return Verdict::refused(Vec::new(), refusal);
    }
    let root = root_login(effective, account, connection, Method::PublicKey, &allowed.restrictions);
    Verdict { outcome: root.outcome.map(|()| allowed.restrictions.clone()), steps: root.steps }
}

/// What a signature would lead to that proves everything that the key must prove: [`public_key_signed`] without one.
/// Nobody can be let in with the answer: what a login may do is taken from a proven signature alone.
pub fn public_key_if_signed(
    effective: &Effective,
    account: &AccountFacts,
    connection: &ConnectionFacts,
    allowed: &KeyAllowed,
) -> Verdict<Grants> {
    let root = root_login(effective, account, connection, Method::PublicKey, &allowed.restrictions);
    Verdict { outcome: root.outcome.map(|()| grants(effective, &allowed.restrictions)), steps: root.steps }
}

/// FingerprintHash
#[must_use]
pub fn fingerprint_hash(effective: &Effective) -> FingerprintHash {
    FingerprintHash::from_name(effective.fingerprint_hash.word()).unwrap_or(FingerprintHash::Sha256)
}

/// A credential as the lines about attempts show it: `ED25519 SHA256:…`, or
/// `ED25519-CERT SHA256:… ID id (serial 7) CA ED25519 SHA256:…`.
#[must_use]
pub fn credential_in_attempts(effective: &Effective, credential: &Credential) -> String {
    let hash = fingerprint_hash(effective);
    let shown = credential.shown(hash);
    match credential.certificate() {
        None => shown,
        Some(certificate) => format!(
            "{shown} ID {} (serial {}) CA {}",
            certificate.key_id(),
            certificate.serial(),
            shown_key(certificate.authority(), hash)
        ),
    }
}

/// Whether nothing about a key or certificate itself stands against it.
pub(crate) fn credential_itself(
    effective: &Effective,
    algorithm: LoginAlgorithm,
    offer: KeyOffer<'_>,
) -> Result<(), Refusal> {
    let credential = offer.credential;
    let certificate = credential.certificate();
    if (credential.key().key_type(), certificate.is_some()) != (algorithm.key_type, algorithm.certified) {
        let (algorithm, key_type) = (offer.algorithm.to_owned(), credential.type_name());
        return Err(Refusal::AlgorithmOfAnotherType { algorithm, key_type });
    }
    // A certificate around a key that was used is no second key.
    if offer.used_before.contains(credential.key()) {
        return Err(Refusal::KeyAlreadyUsed { key_type: credential.short_name() });
    }
    // What was parsed under other settings proves nothing under these.
    if let Some(certificate) = certificate
        && !effective.ca_signature_algorithms.iter().any(|accepted| accepted == certificate.signature_algorithm())
    {
        let algorithm = certificate.signature_algorithm().to_owned();
        return Err(Refusal::AuthorityAlgorithmNotAccepted { algorithm });
    }
    let required = effective.required_rsa_size;
    let keys = [Some(credential.key()), certificate.map(Certificate::authority)];
    let short = keys.into_iter().flatten().find(|key| key.key_type() == KeyType::Rsa && key.bits() < required);
    short.map_or(Ok(()), |key| Err(Refusal::RsaKeyTooShort { bits: key.bits(), required }))
}

/// `ED25519 SHA256:…`
pub(crate) fn shown_key(key: &PublicKey, hash: FingerprintHash) -> String {
    format!("{} {}", key.key_type().short_name(), key.fingerprint(hash))
}
