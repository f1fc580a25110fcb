//! User certificates: whose signature they bear, for whom and when they are valid, and what they permit.

use keys::authorized_keys::principal_lines;
use keys::{Certificate, CertificateKind, PublicKey};
use settings::pattern::{check_address_list, matches_address_list};
use settings::text::from_path;

use super::certificate_step::{CertificateRefusal, CertificateStep};
use super::lines::{LineOf, line_unusable};
use super::{Demands, Lists, Scene, fingerprint_hash, shown_key};
use crate::{Restrictions, Step};

/// Which names a certificate must hold one of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Principals<'a> {
    /// The name of the account.
    TheUser,
    /// One of `principals="a,b"`. The list is taken apart at its commas, the names in the certificate are not
    /// (CVE-2026-35414).
    List(&'a str),
    /// One has been found on a list already.
    Found,
}

impl Scene<'_> {
    /// What TrustedUserCAKeys says about a certificate.
    pub(super) fn by_trusted_authority(
        &self,
        certificate: &Certificate,
        lists: &impl Lists,
        steps: &mut Vec<Step>,
    ) -> Option<(String, Demands)> {
        let file = from_path(self.effective.trusted_user_ca_keys.as_deref()?);
        let hash = fingerprint_hash(self.effective);
        let authority = shown_key(certificate.authority(), hash);
        steps.push(Step::FileTried { file: file.clone() });
        match lists.trusted_authorities(&file) {
            Err(error) => {
                steps.push(CertificateStep::AuthoritiesUnknown { file, error }.into());
                return None;
            }
            Ok(text) if lists_authority(&text, certificate.authority(), &file, steps) => {
                steps.push(
                    CertificateStep::AuthorityTrusted { authority: authority.clone(), file: file.clone() }.into(),
                );
            }
            Ok(_) => {
                steps.push(CertificateStep::AuthorityNotListed { authority, file }.into());
                return None;
            }
        }
        steps.push(CertificateStep::says(certificate).into());
        match self.certified_by_trusted(certificate, lists, steps) {
            Ok(demands) => {
                let (key_id, serial) = (certificate.key_id().to_owned(), certificate.serial());
                steps.push(CertificateStep::Accepted { key_id, serial, authority, file: file.clone() }.into());
                Some((file, demands))
            }
            Err(reason) => {
                steps.push(CertificateStep::refused(certificate, hash, None, reason).into());
                None
            }
        }
    }

    fn certified_by_trusted(
        &self,
        certificate: &Certificate,
        lists: &impl Lists,
        steps: &mut Vec<Step>,
    ) -> Result<Demands, CertificateRefusal> {
        let effective = self.effective;
        let listed =
            effective.authorized_principals_file.is_some() || effective.authorized_principals_command.is_some();
        let principal = if listed {
            Some(self.principal_in_lists(certificate, lists, steps).ok_or(CertificateRefusal::NoAuthorizedPrincipal)?)
        } else {
            None
        };
        let names = if principal.is_some() { Principals::Found } else { Principals::TheUser };
        self.certificate_holds(certificate, names)?;
        let demands = self.certificate_demands(certificate, "cert", steps)?;
        let Some(line) = principal else { return Ok(demands) };
        if !self.passes(&line.options, "principals", LineOf::Principal, steps) {
            return Err(CertificateRefusal::RefusedByPrincipalsOptions);
        }
        Demands::of_line(&line.options).and(demands).map_err(|_| CertificateRefusal::ForcedCommandsDiffer)
    }

    /// The first line with a name that the certificate holds.
    fn principal_in_lists(
        &self,
        certificate: &Certificate,
        lists: &impl Lists,
        steps: &mut Vec<Step>,
    ) -> Option<keys::authorized_keys::PrincipalLine> {
        for file in lists.principals(certificate) {
            steps.push(CertificateStep::PrincipalsTried { file: file.name.clone() }.into());
            for (number, line) in principal_lines(&file.text) {
                let place = format!("{}:{number}", file.name);
                match line {
                    Err(unusable) => steps.push(line_unusable(place, &unusable)),
                    Ok(line) if certificate.principals().contains(&line.principal) => {
                        steps.push(
                            CertificateStep::PrincipalMatches { place, principal: line.principal.clone() }.into(),
                        );
                        return Some(line);
                    }
                    Ok(_) => {}
                }
            }
        }
        None
    }

    /// Whether the certificate is a user's, valid now, and for one of the names.
    pub(super) fn certificate_holds(
        &self,
        certificate: &Certificate,
        names: Principals<'_>,
    ) -> Result<(), CertificateRefusal> {
        let principals = certificate.principals();
        let holds = |name: &str| principals.iter().any(|principal| principal == name);
        if let Principals::List(list) = names
            && !list.split(',').take_while(|name| !name.is_empty()).any(holds)
        {
            return Err(CertificateRefusal::NoAuthorizedPrincipal);
        }
        if certificate.kind() != CertificateKind::User {
            return Err(CertificateRefusal::NotForUsers);
        }
        let now = u64::try_from(self.now.seconds).unwrap_or(0);
        if now < certificate.valid_after() {
            return Err(CertificateRefusal::NotYetValid);
        }
        if now >= certificate.valid_before() {
            return Err(CertificateRefusal::Expired);
        }
        if principals.is_empty() {
            return Err(CertificateRefusal::NoPrincipals);
        }
        if matches!(names, Principals::TheUser) && !holds(&self.account.name) {
            return Err(CertificateRefusal::NotAPrincipal);
        }
        Ok(())
    }

    /// What the certificate's own options ask for.
    pub(super) fn certificate_demands(
        &self,
        certificate: &Certificate,
        place: &str,
        steps: &mut Vec<Step>,
    ) -> Result<Demands, CertificateRefusal> {
        let mut invalid = |error: String| {
            steps.push(CertificateStep::OptionsInvalid { error }.into());
            CertificateRefusal::InvalidOptions
        };
        if certificate.kind() != CertificateKind::User {
            return Err(CertificateRefusal::InvalidOptions);
        }
        let options = certificate.critical_options().map_err(|error| invalid(error.to_string()))?;
        if options.source_address.as_deref().is_some_and(|list| !is_sound(list)) {
            return Err(invalid("Certificate source-address contents invalid".to_owned()));
        }
        let extensions = certificate.extensions().map_err(|error| invalid(error.to_string()))?;
        let unknown = extensions.unknown.iter().cloned();
        steps.extend(unknown.map(|extension| CertificateStep::ExtensionUnknown { extension }.into()));
        let address = self.connection.address_text();
        if options.source_address.as_deref().is_some_and(|list| !is_within(&address, list)) {
            let (place, user) = (place.to_owned(), self.account.name.clone());
            steps.push(CertificateStep::NotFromPermittedSource { place, user, address }.into());
            return Err(CertificateRefusal::RefusedByOptions);
        }
        Ok(Demands {
            restrictions: Restrictions::of_certificate(&options, &extensions),
            no_touch_required: extensions.no_touch_required,
            verify_required: options.verify_required,
        })
    }
}

/// Addresses and networks only: a certificate has no wildcards and no exceptions.
fn is_sound(list: &str) -> bool {
    let is_numeric = |item: &str| {
        let address = item.split('/').next().unwrap_or_default();
        settings::pattern::numeric_address(address).is_some()
    };
    check_address_list(list).is_ok() && list.split(',').all(is_numeric)
}

fn is_within(address: &str, list: &str) -> bool {
    matches_address_list(address, list).is_ok_and(|found| found.is_hit())
}

/// A file of TrustedUserCAKeys holds a key a line, without options: a line with anything in front of its key would
/// not mean there what it means in `authorized_keys`, and is not used.
fn lists_authority(text: &[u8], authority: &PublicKey, file: &str, steps: &mut Vec<Step>) -> bool {
    keys::authorized_keys::lines(text).any(|(number, line)| {
        let reason = match line {
            Ok(line) if line.options == Default::default() => return line.key == *authority,
            Ok(_) => "options in front of the key of an authority have no meaning here".to_owned(),
            Err(unusable) => unusable.to_string(),
        };
        steps.push(Step::LineUnusable { place: format!("{file}:{number}"), reason, important: true });
        false
    })
}
