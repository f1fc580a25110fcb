//! The lines of `authorized_keys` that are about a key, or about the authority that has certified it.

use keys::authorized_keys::{Line, Options, Unusable, lines};
use keys::{Credential, FingerprintHash};
use settings::pattern::matches_host_or_address;

use super::certificate::Principals;
use super::certificate_step::{CertificateRefusal, CertificateStep};
use super::{Demands, KeyFile, Scene, shown_key};
use crate::{ConnectionFacts, Restrictions, Step};

impl Scene<'_> {
    /// The first line that lets the credential in: where it stands, and what it asks for.
    pub(super) fn in_files(
        &self,
        credential: &Credential,
        files: impl IntoIterator<Item = KeyFile>,
        steps: &mut Vec<Step>,
    ) -> Option<(String, Demands)> {
        for file in files {
            steps.push(Step::FileTried { file: file.name.clone() });
            for (number, line) in lines(&file.text) {
                let place = format!("{}:{number}", file.name);
                let demands = match line {
                    Err(unusable) => {
                        steps.push(line_unusable(place, &unusable));
                        continue;
                    }
                    Ok(line) => self.on_line(credential, &line, &place, steps),
                };
                if let Some(demands) = demands {
                    return Some((place, demands));
                }
            }
        }
        None
    }

    fn on_line(&self, credential: &Credential, line: &Line, place: &str, steps: &mut Vec<Step>) -> Option<Demands> {
        let authority = credential.certificate().map(keys::Certificate::authority);
        if line.key == *authority.unwrap_or(credential.key()) {
            let key = shown_key(&line.key, FingerprintHash::Sha256);
            let options = Restrictions::of_line(&line.options).key_options();
            steps.push(Step::LineMatches { place: place.to_owned(), key, options });
        }
        match credential {
            Credential::Key(key) if line.key == *key => self.key_on_line(line, place, steps),
            Credential::Certificate(certificate) if line.key == *certificate.authority() => {
                if !line.options.cert_authority {
                    steps.push(Step::LineIsNoCertAuthority { place: place.to_owned() });
                    return None;
                }
                if !self.passes(&line.options, place, LineOf::Authority, steps) {
                    steps.push(Step::LineRefuses { place: place.to_owned() });
                    return None;
                }
                steps.push(CertificateStep::says(certificate).into());
                // As theirs: what a line accepts is always shown by its SHA-256.
                let authority = shown_key(certificate.authority(), FingerprintHash::Sha256);
                match self.certificate_by_line(certificate, &line.options, place, steps) {
                    Ok(demands) => {
                        let (key_id, serial) = (certificate.key_id().to_owned(), certificate.serial());
                        let place = place.to_owned();
                        steps.push(CertificateStep::AcceptedByLine { key_id, serial, authority, place }.into());
                        Some(demands)
                    }
                    Err(reason) => {
                        let via = Some(place.to_owned());
                        steps.push(CertificateStep::refused(certificate, FingerprintHash::Sha256, via, reason).into());
                        None
                    }
                }
            }
            _ => None,
        }
    }

    fn key_on_line(&self, line: &Line, place: &str, steps: &mut Vec<Step>) -> Option<Demands> {
        let place = place.to_owned();
        if line.options.cert_authority {
            steps.push(Step::LineIsCertAuthority { place });
            return None;
        }
        if !self.passes(&line.options, &place, LineOf::Key, steps) {
            steps.push(Step::LineRefuses { place });
            return None;
        }
        steps.push(Step::KeyAccepted { key: shown_key(&line.key, FingerprintHash::Sha256), place });
        Some(Demands::of_line(&line.options))
    }

    fn certificate_by_line(
        &self,
        certificate: &keys::Certificate,
        options: &Options,
        place: &str,
        steps: &mut Vec<Step>,
    ) -> Result<Demands, CertificateRefusal> {
        let demands = self.certificate_demands(certificate, place, steps)?;
        let demands = Demands::of_line(options).and(demands).map_err(|_| CertificateRefusal::ForcedCommandsDiffer)?;
        let principals = match &options.principals {
            Some(list) => Principals::List(list),
            None => Principals::TheUser,
        };
        self.certificate_holds(certificate, principals)?;
        Ok(demands)
    }

    /// Whether nothing in a line's options stands against this login. What does is told.
    pub(super) fn passes(&self, options: &Options, place: &str, kind: LineOf, steps: &mut Vec<Step>) -> bool {
        let place = place.to_owned();
        let has_expired = |end: Option<i64>| end.is_none_or(|end| end < self.now.seconds);
        let objection = if options.expiry_times.iter().any(|expiry| has_expired(expiry.seconds(self.now.local_time))) {
            Step::LineExpired { place }
        } else if options.principals.is_some() && !options.cert_authority {
            Step::PrincipalsWithoutAuthority { place }
        } else if options.cert_authority && kind != LineOf::Authority {
            Step::CertAuthorityMisplaced { place }
        } else if let Some(required) = options.from.as_ref().filter(|from| !is_from(self.connection, from)) {
            Step::NotFromPermittedHost {
                place,
                user: self.account.name.clone(),
                host: self.connection.host_or_address(),
                address: self.connection.address_text(),
                required: required.clone(),
            }
        } else {
            return true;
        };
        steps.push(objection);
        false
    }
}

/// What a line with options is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineOf {
    /// A key to log in with.
    Key,
    /// An authority.
    Authority,
    /// A principal.
    Principal,
}

impl Demands {
    pub(super) fn of_line(options: &Options) -> Self {
        Self {
            restrictions: Restrictions::of_line(options),
            no_touch_required: options.no_touch_required,
            verify_required: options.verify_required,
        }
    }

    /// What both ask for.
    pub(super) fn and(self, other: Self) -> Result<Self, crate::TwoForcedCommands> {
        Ok(Self {
            restrictions: self.restrictions.restrict_by(other.restrictions)?,
            no_touch_required: self.no_touch_required && other.no_touch_required,
            verify_required: self.verify_required || other.verify_required,
        })
    }
}

/// OpenSSH keeps quiet about lines that it cannot use: most are for other keys. That one was skipped unread is told.
pub(super) fn line_unusable(place: String, unusable: &Unusable) -> Step {
    Step::LineUnusable { place, reason: unusable.to_string(), important: *unusable == Unusable::TooLong }
}

fn is_from(connection: &ConnectionFacts, list: &str) -> bool {
    matches_host_or_address(connection.usable_host_name(), &connection.address_text(), list).is_hit()
}
