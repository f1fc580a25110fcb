//! Logging in with a public key: from the algorithm's name to what the login may do.

use keys::authorized_keys::{Line, Unusable, lines};
use keys::{FingerprintHash, KeyType, PublicKey, SignatureProven, algorithm_key_type};
use settings::Effective;
use settings::pattern::matches_host_or_address;
use settings::values::Method;

use crate::refusal::SignatureDemand;
use crate::{AccountFacts, ConnectionFacts, Grants, Now, Refusal, Restrictions, Step, Verdict, grants, root_login};

/// A file that may list the key. Only what [`crate::strict_modes`] lets pass belongs here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// Its name, for the log.
    pub name: String,
    /// What is in it.
    pub text: Vec<u8>,
}

/// A key that a line lets in, as soon as it has signed with the algorithm that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAllowed {
    key: PublicKey,
    algorithm: String,
    file: String,
    line: u32,
    restrictions: Restrictions,
    touch_required: bool,
    verify_required: bool,
}

impl KeyAllowed {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// `FILE:LINE` of the line that lets it in.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// Whether an algorithm may be used. Asked before the key blob is parsed: what the configuration does not accept
/// never reaches a parser. Names are compared exactly, one curve does not stand for another (CVE-2026-35387).
pub fn algorithm_accepted(effective: &Effective, algorithm: &str) -> Verdict<KeyType> {
    if !effective.pubkey_authentication {
        return Verdict::refused(Vec::new(), Refusal::MethodDisabled { method: "publickey".to_owned() });
    }
    let algorithm = algorithm.to_owned();
    let Some(key_type) = algorithm_key_type(&algorithm) else {
        return Verdict::refused(Vec::new(), Refusal::UnknownAlgorithm { algorithm });
    };
    if effective.pubkey_accepted_algorithms.contains(&algorithm) {
        Verdict::allowed(vec![Step::AlgorithmAccepted { algorithm }], key_type)
    } else {
        Verdict::refused(Vec::new(), Refusal::AlgorithmNotAccepted { algorithm })
    }
}

/// What a login request with a public key is about.
#[derive(Debug, Clone, Copy)]
pub struct KeyOffer<'a> {
    /// The key.
    pub key: &'a PublicKey,
    /// The algorithm it is to sign with.
    pub algorithm: &'a str,
    /// The keys that have already proven something in this login.
    pub used_before: &'a [PublicKey],
}

/// Whether a key would do, if it signed. `files` are tried in order and only taken from the iterator until one lets
/// the key in, so they can be opened one by one.
pub fn public_key(
    effective: &Effective,
    account: &AccountFacts,
    connection: &ConnectionFacts,
    now: Now<'_>,
    offer: KeyOffer<'_>,
    files: impl IntoIterator<Item = KeyFile>,
) -> Verdict<KeyAllowed> {
    let Verdict { outcome, mut steps } = algorithm_accepted(effective, offer.algorithm);
    let key_type = match outcome {
        Ok(key_type) => key_type,
        Err(refusal) => return Verdict { outcome: Err(refusal), steps },
    };
    if let Err(refusal) = key_itself(effective, key_type, offer) {
        return Verdict::refused(steps, refusal);
    }
    steps.push(Step::KeyUsable { key: describe(offer.key) });
    for file in files {
        steps.push(Step::FileTried { file: file.name.clone() });
        for (number, line) in lines(&file.text) {
            let place = format!("{}:{number}", file.name);
            match line {
                Err(unusable) => steps.push(line_unusable(place, &unusable)),
                Ok(line) if line.key == *offer.key => {
                    if line_lets_in(&line, &place, account, connection, now, &mut steps) {
                        steps.push(Step::KeyAccepted { key: describe(offer.key), place });
                        return Verdict::allowed(steps, key_allowed(effective, offer, file.name, &line));
                    }
                }
                Ok(_) => {}
            }
        }
    }
    Verdict::refused(steps, Refusal::KeyNotListed)
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
    if (proven.key(), proven.algorithm()) != (&allowed.key, allowed.algorithm.as_str()) {
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
            key: describe(&allowed.key),
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

pub(crate) fn key_itself(effective: &Effective, key_type: KeyType, offer: KeyOffer<'_>) -> Result<(), Refusal> {
    let found = offer.key.key_type();
    if found != key_type {
        let (algorithm, key_type) = (offer.algorithm.to_owned(), found.name().to_owned());
        return Err(Refusal::AlgorithmOfAnotherType { algorithm, key_type });
    }
    if offer.used_before.contains(offer.key) {
        return Err(Refusal::KeyAlreadyUsed { key_type: found.short_name().to_owned() });
    }
    let (bits, required) = (offer.key.bits(), effective.required_rsa_size);
    if found == KeyType::Rsa && bits < required {
        return Err(Refusal::RsaKeyTooShort { bits, required });
    }
    Ok(())
}

/// OpenSSH keeps quiet about lines that it cannot use: most are for other keys. That one was skipped unread is told.
fn line_unusable(place: String, unusable: &Unusable) -> Step {
    Step::LineUnusable { place, reason: unusable.to_string(), important: *unusable == Unusable::TooLong }
}

fn line_lets_in(
    line: &Line,
    place: &str,
    account: &AccountFacts,
    connection: &ConnectionFacts,
    now: Now<'_>,
    steps: &mut Vec<Step>,
) -> bool {
    let place = place.to_owned();
    let options = &line.options;
    if options.cert_authority {
        steps.push(Step::LineIsCertAuthority { place });
        return false;
    }
    let objection =
        if options.expiry_times.iter().any(|expiry| expiry.seconds(now.local_time).is_none_or(|end| end < now.seconds))
        {
            Some(Step::LineExpired { place: place.clone() })
        } else if options.principals.is_some() {
            Some(Step::PrincipalsWithoutAuthority { place: place.clone() })
        } else {
            let required = options.from.as_ref().filter(|from| !is_from(connection, from));
            required.map(|required| Step::NotFromPermittedHost {
                place: place.clone(),
                user: account.name.clone(),
                host: connection.host_or_address(),
                address: connection.address_text(),
                required: required.clone(),
            })
        };
    match objection {
        Some(objection) => {
            steps.extend([objection, Step::LineRefuses { place }]);
            false
        }
        None => true,
    }
}

fn is_from(connection: &ConnectionFacts, list: &str) -> bool {
    matches_host_or_address(connection.usable_host_name(), &connection.address_text(), list).is_hit()
}

fn key_allowed(effective: &Effective, offer: KeyOffer<'_>, file: String, line: &Line) -> KeyAllowed {
    let demanded = effective.pubkey_auth_options;
    KeyAllowed {
        key: offer.key.clone(),
        algorithm: offer.algorithm.to_owned(),
        file,
        line: line.number,
        restrictions: Restrictions::of_line(&line.options),
        touch_required: demanded.touch_required || !line.options.no_touch_required,
        verify_required: demanded.verify_required || line.options.verify_required,
    }
}

/// `ED25519 SHA256:…`
pub(crate) fn describe(key: &PublicKey) -> String {
    format!("{} {}", key.key_type().short_name(), key.fingerprint(FingerprintHash::Sha256))
}
