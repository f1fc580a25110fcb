//! Host certificates: whether one is a host's, valid now, and for the client's host. Whose signature it must bear,
//! [`super::known_host`] looks up.

use keys::{Certificate, CertificateKind};
use settings::pattern::matches_pattern;

use super::{Asking, HostbasedRefusal};
use crate::Refusal;
use crate::public_key::{fingerprint_hash, shown_key};

pub(super) fn holds(asking: &Asking<'_>, certificate: &Certificate) -> Result<(), Refusal> {
    let Some(reason) = objection(asking, certificate) else { return Ok(()) };
    Err(HostbasedRefusal::Certificate {
        key_id: certificate.key_id().to_owned(),
        serial: certificate.serial(),
        authority: shown_key(certificate.authority(), fingerprint_hash(asking.effective)),
        reason: reason.to_owned(),
    }
    .into())
}

/// What stands against it, in theirs' words. Names of hosts may hold wildcards, unlike those of users.
fn objection(asking: &Asking<'_>, certificate: &Certificate) -> Option<&'static str> {
    let principals = certificate.principals();
    if certificate.kind() != CertificateKind::Host {
        Some("Certificate invalid: not a host certificate")
    } else if asking.now < certificate.valid_after() {
        Some("Certificate invalid: not yet valid")
    } else if asking.now >= certificate.valid_before() {
        Some("Certificate invalid: expired")
    } else if principals.is_empty() {
        Some("Certificate lacks principal list")
    } else if !principals.iter().any(|pattern| matches_pattern(&asking.host.name, pattern)) {
        Some("Certificate invalid: name is not a listed principal")
    } else if certificate.has_critical_options() {
        Some("Certificate contains unsupported critical options")
    } else {
        None
    }
}
