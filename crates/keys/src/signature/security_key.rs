//! Signatures by FIDO authenticators (OpenSSH's PROTOCOL.u2f): they sign a report of theirs, not the message itself.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wire::Reader;

use super::{AuthenticatorReport, ecdsa};
use crate::KeyError;
use crate::curve::Curve;

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const ATTESTED_CREDENTIAL_INCLUDED: u8 = 0x40;
const EXTENSIONS_INCLUDED: u8 = 0x80;

/// What the authenticator reports beside the signature.
pub(super) struct Report {
    flags: u8,
    counter: u32,
}

pub(super) fn read_report(reader: &mut Reader<'_>) -> Result<Report, KeyError> {
    Ok(Report { flags: reader.u8()?, counter: reader.u32()? })
}

impl Report {
    /// The bytes that the authenticator signed for `message`.
    pub(super) fn signed_by_authenticator(&self, application: &[u8], extensions: &[u8], message: &[u8]) -> Vec<u8> {
        let mut signed = digest(&SHA256, application).as_ref().to_vec();
        signed.push(self.flags);
        signed.extend_from_slice(&self.counter.to_be_bytes());
        signed.extend_from_slice(extensions);
        signed.extend_from_slice(digest(&SHA256, message).as_ref());
        signed
    }

    /// To be called after the signature was found right.
    pub(super) fn of_verified(&self) -> AuthenticatorReport {
        AuthenticatorReport {
            presence: self.flags & USER_PRESENT != 0,
            user_verified: self.flags & USER_VERIFIED != 0,
            counter: Some(self.counter),
        }
    }
}

/// Both forms that a P-256 key in an authenticator signs in. `rest` stands behind the signature proper.
pub(super) fn verify_ecdsa(
    algorithm: &str,
    point: &[u8],
    application: &[u8],
    message: &[u8],
    signature: &[u8],
    mut rest: Reader<'_>,
) -> Result<AuthenticatorReport, KeyError> {
    let report = read_report(&mut rest)?;
    let signed = if algorithm.starts_with("webauthn-") {
        let (origin, client_data, extensions) = (rest.string()?, rest.string()?, rest.string()?);
        check_client_data(&report, origin, client_data, extensions, message)?;
        report.signed_by_authenticator(application, extensions, client_data)
    } else {
        report.signed_by_authenticator(application, &[], message)
    };
    rest.finish()?;
    ecdsa::verify(Curve::P256, point, &signed, signature)?;
    Ok(report.of_verified())
}

/// A browser signs JSON of its own making that starts with our message as the challenge, then the origin.
/// Its start is compared byte by byte: no JSON of a peer is ever parsed.
fn check_client_data(
    report: &Report,
    origin: &[u8],
    client_data: &[u8],
    extensions: &[u8],
    message: &[u8],
) -> Result<(), KeyError> {
    let extensions_claimed = report.flags & EXTENSIONS_INCLUDED != 0;
    if origin.iter().any(|byte| matches!(byte, b'"' | 0))
        || report.flags & ATTESTED_CREDENTIAL_INCLUDED != 0
        || extensions_claimed == extensions.is_empty()
    {
        return Err(KeyError::BadSignature("webauthn fields contradict each other"));
    }
    let mut expected = br#"{"type":"webauthn.get","challenge":""#.to_vec();
    expected.extend_from_slice(URL_SAFE_NO_PAD.encode(message).as_bytes());
    expected.extend_from_slice(br#"","origin":""#);
    expected.extend_from_slice(origin);
    expected.push(b'"');
    if client_data.starts_with(&expected) {
        Ok(())
    } else {
        Err(KeyError::BadSignature("webauthn client data does not start with the challenge"))
    }
}
