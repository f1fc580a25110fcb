//! The steps of a login with a certificate, and reasons against it.

use std::fmt;

use keys::authorized_keys::CivilTime;
use keys::{Certificate, CertificateKind, FingerprintHash};
use serde::{Deserialize, Serialize};

use crate::{Step, Weight};

/// One step. Where OpenSSH logs the same fact, `Display` is its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CertificateStep {
    /// The file of TrustedUserCAKeys cannot be read: it trusts nobody.
    AuthoritiesUnknown {
        /// The file.
        file: String,
        /// What is wrong with it.
        error: String,
    },
    /// A file lists the authority of the certificate.
    AuthorityTrusted {
        /// Type and fingerprint.
        authority: String,
        /// The file.
        file: String,
    },
    /// A file does not list the authority of the certificate.
    AuthorityNotListed {
        /// Type and fingerprint.
        authority: String,
        /// The file.
        file: String,
    },
    /// A list is looked through for one of the certificate's names.
    PrincipalsTried {
        /// The file.
        file: String,
    },
    /// A line of the list is one of the certificate's names.
    PrincipalMatches {
        /// `FILE:LINE`
        place: String,
        /// The name.
        principal: String,
    },
    /// What the certificate says of itself, before any of it is judged.
    Says {
        /// Whether it is for users.
        for_users: bool,
        /// The first second at which it is valid, since 1970 in UTC.
        valid_after: u64,
        /// The first second at which it no longer is.
        valid_before: u64,
        /// Its names.
        principals: Vec<String>,
    },
    /// An extension that is not known: it permits nothing.
    ExtensionUnknown {
        /// Its name.
        extension: String,
    },
    /// An option of the certificate makes it unusable.
    OptionsInvalid {
        /// Which, and why.
        error: String,
    },
    /// `source-address` of the certificate does not hold.
    NotFromPermittedSource {
        /// `cert`, or `FILE:LINE` of the authority's line.
        place: String,
        /// The account.
        user: String,
        /// The peer's address.
        address: String,
    },
    /// A certificate of a trusted authority is refused.
    Refused {
        /// Its key id.
        key_id: String,
        /// Its serial number.
        serial: u64,
        /// The authority's type.
        authority: String,
        /// The authority's fingerprint.
        fingerprint: String,
        /// `FILE:LINE` of the authority's line; none when it is one of TrustedUserCAKeys.
        via: Option<String>,
        /// Why.
        reason: CertificateRefusal,
    },
    /// A certificate is accepted for its authority in TrustedUserCAKeys.
    Accepted {
        /// Its key id.
        key_id: String,
        /// Its serial number.
        serial: u64,
        /// Type and fingerprint of its authority.
        authority: String,
        /// The file.
        file: String,
    },
    /// A certificate is accepted for its authority's line in a file of keys.
    AcceptedByLine {
        /// Its key id.
        key_id: String,
        /// Its serial number.
        serial: u64,
        /// Type and fingerprint of its authority.
        authority: String,
        /// `FILE:LINE`
        place: String,
    },
}

/// Why a certificate is refused, though its authority is trusted. `Display` is theirs' text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CertificateRefusal {
    /// It is for hosts.
    NotForUsers,
    /// It will be valid later.
    NotYetValid,
    /// It was valid earlier.
    Expired,
    /// It names nobody; once that meant everybody (OpenSSH 10.3; CVE-2024-7594 elsewhere).
    NoPrincipals,
    /// The user is not among its principals.
    NotAPrincipal,
    /// None of its principals is on the list of those who may log in as the user.
    NoAuthorizedPrincipal,
    /// A critical option that is unknown or broken, or a broken extension.
    InvalidOptions,
    /// Its own options keep this login away.
    RefusedByOptions,
    /// The options of the principal's line keep this login away.
    RefusedByPrincipalsOptions,
    /// The certificate forces one command and the line another.
    ForcedCommandsDiffer,
}

impl CertificateStep {
    pub(super) fn says(certificate: &Certificate) -> Self {
        Self::Says {
            for_users: certificate.kind() == CertificateKind::User,
            valid_after: certificate.valid_after(),
            valid_before: certificate.valid_before(),
            principals: certificate.principals().to_vec(),
        }
    }

    pub(super) fn refused(
        certificate: &Certificate,
        hash: FingerprintHash,
        via: Option<String>,
        reason: CertificateRefusal,
    ) -> Self {
        let authority = certificate.authority();
        Self::Refused {
            key_id: certificate.key_id().to_owned(),
            serial: certificate.serial(),
            authority: authority.key_type().short_name().to_owned(),
            fingerprint: authority.fingerprint(hash),
            via,
            reason,
        }
    }

    /// At which level the log writes it.
    #[must_use]
    pub fn weight(&self) -> Weight {
        match self {
            Self::AuthoritiesUnknown { .. } | Self::OptionsInvalid { .. } | Self::Refused { .. } => Weight::Error,
            Self::NotFromPermittedSource { .. } | Self::ExtensionUnknown { .. } => Weight::Info,
            Self::Accepted { .. } | Self::AcceptedByLine { .. } => Weight::Verbose,
            _ => Weight::Debug,
        }
    }
}

impl From<CertificateStep> for Step {
    fn from(step: CertificateStep) -> Self {
        Self::Certificate(step)
    }
}

impl fmt::Display for CertificateStep {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AuthoritiesUnknown { file, error } => write!(out, "Cannot read TrustedUserCAKeys {file}: {error}"),
            Self::AuthorityTrusted { authority, file } => write!(out, "CA {authority} is listed in {file}"),
            Self::AuthorityNotListed { authority, file } => write!(out, "CA {authority} is not listed in {file}"),
            Self::PrincipalsTried { file } => write!(out, "trying authorized principals file {file}"),
            Self::PrincipalMatches { place, principal } => write!(out, "{place}: matched principal \"{principal}\""),
            Self::Says { for_users, valid_after, valid_before, principals } => {
                let kind = if *for_users { "users" } else { "hosts" };
                let (from, until) = (moment(*valid_after), moment(*valid_before));
                write!(out, "the certificate is for {kind}, valid from {from} until before {until}, for {principals:?}")
            }
            Self::ExtensionUnknown { extension } => {
                write!(out, "Certificate extension \"{extension}\" is not supported")
            }
            Self::OptionsInvalid { error } => out.write_str(error),
            Self::NotFromPermittedSource { place, user, address } => write!(
                out,
                "{place}: Authentication tried for {user} with valid certificate but not from a permitted source \
                 address ({address})."
            ),
            Self::Refused { key_id, serial, authority, fingerprint, via, reason } => {
                let via = via.as_ref().map(|via| format!(" via {via}")).unwrap_or_default();
                write!(
                    out,
                    "Refusing certificate ID \"{key_id}\" serial={serial} signed by {authority} CA {fingerprint}{via}: \
                     {reason}"
                )
            }
            Self::Accepted { key_id, serial, authority, file } => {
                let authority = authority.replacen(' ', " CA ", 1);
                write!(out, "Accepted certificate ID \"{key_id}\" (serial {serial}) signed by {authority} via {file}")
            }
            Self::AcceptedByLine { key_id, serial, authority, place } => write!(
                out,
                "Accepted certificate ID \"{key_id}\" (serial {serial}) signed by CA {authority} found at {place}"
            ),
        }
    }
}

/// The two ends of time have names, as ssh-keygen shows them.
fn moment(seconds: u64) -> String {
    match (seconds, CivilTime::in_utc(seconds)) {
        (0, _) => "always".to_owned(),
        (_, Some(time)) => format!("{time} UTC"),
        (_, None) => "forever".to_owned(),
    }
}

impl fmt::Display for CertificateRefusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NotForUsers => "Certificate invalid: not a user certificate",
            Self::NotYetValid => "Certificate invalid: not yet valid",
            Self::Expired => "Certificate invalid: expired",
            Self::NoPrincipals => "Certificate lacks principal list",
            Self::NotAPrincipal => "Certificate invalid: name is not a listed principal",
            Self::NoAuthorizedPrincipal => "Certificate does not contain an authorized principal",
            Self::InvalidOptions => "Invalid certificate options",
            Self::RefusedByOptions => "Refused by certificate options",
            Self::RefusedByPrincipalsOptions => "Refused by certificate principals options",
            Self::ForcedCommandsDiffer => "forced command options do not match",
        })
    }
}
