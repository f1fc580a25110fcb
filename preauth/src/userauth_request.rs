//! SSH_MSG_USERAUTH_REQUEST taken apart (RFC 4252 section 5).

use ipc::Secret;
use ipc::phases::{MAX_PASSWORD, OfferedKey, VouchingHost};
use wire::{Reader, WireError};

use crate::gssapi_exchange::KERBEROS;

/// `publickey` that also names our host key (OpenSSH's PROTOCOL, section 3.1).
pub(crate) const HOSTBOUND: &str = "publickey-hostbound-v00@openssh.com";

/// A request's fixed part and its method.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UserauthRequest<'a> {
    /// As sent: names that are not UTF-8 are shown with replacement characters, which no account has.
    pub(crate) user: String,
    /// The service to start after login.
    pub(crate) service: String,
    pub(crate) method: Method<'a>,
}

/// The methods that need more than a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Method<'a> {
    None,
    QueryKey {
        key: OfferedKey,
        host_key: Option<&'a [u8]>,
    },
    CheckSignature {
        key: OfferedKey,
        signature: &'a [u8],
        host_key: Option<&'a [u8]>,
    },
    Password(Secret),
    /// A new password in place of an expired one.
    ChangePassword,
    Host(VouchingHost),
    KeyboardInteractive {
        /// Submethods that the client would like.
        devices: String,
    },
    Gssapi {
        /// Whether Kerberos is among the client's mechanisms.
        kerberos: bool,
    },
    Other(String),
}

impl Method<'_> {
    /// As the client named it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::None => "none",
            Self::QueryKey { host_key: Some(_), .. } | Self::CheckSignature { host_key: Some(_), .. } => HOSTBOUND,
            Self::QueryKey { .. } | Self::CheckSignature { .. } => "publickey",
            Self::Password(_) | Self::ChangePassword => "password",
            Self::Host(_) => "hostbased",
            Self::KeyboardInteractive { .. } => "keyboard-interactive",
            Self::Gssapi { .. } => "gssapi-with-mic",
            Self::Other(name) => name,
        }
    }
}

impl<'a> UserauthRequest<'a> {
    /// Reads a packet's payload, the message number included.
    pub(crate) fn parse(payload: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(payload);
        reader.u8()?;
        let user = text(reader.string()?);
        let service = text(reader.string()?);
        let method = match reader.string()? {
            b"none" => Method::None,
            b"publickey" => key_method(reader, false)?,
            b"password" => password(reader)?,
            b"hostbased" => vouching_host(reader)?,
            b"keyboard-interactive" => keyboard_interactive(reader)?,
            b"gssapi-with-mic" => gssapi(reader)?,
            hostbound if hostbound == HOSTBOUND.as_bytes() => key_method(reader, true)?,
            other => Method::Other(text(other)),
        };
        Ok(Self { user, service, method })
    }
}

fn key_method(mut reader: Reader<'_>, hostbound: bool) -> Result<Method<'_>, WireError> {
    let signed = reader.boolean()?;
    let key = OfferedKey { algorithm: text(reader.string()?), blob: reader.string()?.to_vec() };
    let host_key = if hostbound { Some(reader.string()?) } else { None };
    let signature = if signed { Some(reader.string()?) } else { None };
    reader.finish()?;
    Ok(match signature {
        Some(signature) => Method::CheckSignature { key, signature, host_key },
        None => Method::QueryKey { key, host_key },
    })
}

/// RFC 4252 section 8. Too long a password is cut one byte behind the longest, so that it is still too long.
fn password(mut reader: Reader<'_>) -> Result<Method<'_>, WireError> {
    let changes = reader.boolean()?;
    let password = reader.string()?;
    if changes {
        reader.string()?;
    }
    reader.finish()?;
    let cut = password.get(..=MAX_PASSWORD).unwrap_or(password);
    Ok(if changes { Method::ChangePassword } else { Method::Password(Secret::new(cut)) })
}

/// RFC 4252 section 9. The signature covers names as they were sent, so one that is not UTF-8 is vouched for by nobody.
fn vouching_host(mut reader: Reader<'_>) -> Result<Method<'_>, WireError> {
    let key = OfferedKey { algorithm: text(reader.string()?), blob: reader.string()?.to_vec() };
    let (host, user) = (text(reader.string()?), text(reader.string()?));
    let signature = reader.string()?.to_vec();
    reader.finish()?;
    Ok(Method::Host(VouchingHost { key, host, user, signature }))
}

/// RFC 4256 section 3.1. The language tag is not looked at.
fn keyboard_interactive(mut reader: Reader<'_>) -> Result<Method<'_>, WireError> {
    reader.string()?;
    let devices = reader.string()?;
    reader.finish()?;
    let cut = devices.get(..MAX_DEVICES).unwrap_or(devices);
    Ok(Method::KeyboardInteractive { devices: text(cut) })
}

/// Responses of a client (RFC 4256 section 3.4), as many as there were prompts: any other number is an error before
/// anything is stored (CVE-2002-0639). `None` when the number is wrong.
pub(crate) fn responses(payload: &[u8], prompts: usize) -> Result<Option<Vec<Secret>>, WireError> {
    let mut reader = Reader::new(payload);
    reader.u8()?;
    if usize::try_from(reader.u32()?) != Ok(prompts) {
        return Ok(None);
    }
    let mut responses = Vec::with_capacity(prompts);
    for _ in 0..prompts {
        let response = reader.string()?;
        responses.push(Secret::new(response.get(..=MAX_PASSWORD).unwrap_or(response)));
    }
    reader.finish()?;
    Ok(Some(responses))
}

/// Longest list of submethods that is passed on, in bytes: there is one submethod, of three letters.
const MAX_DEVICES: usize = 256;

/// RFC 4462 section 3.2. None at all would mean that the mechanism is negotiated, which is not for SSH (RFC 4178).
fn gssapi(mut reader: Reader<'_>) -> Result<Method<'_>, WireError> {
    let mut kerberos = false;
    for _ in 0..reader.u32()? {
        kerberos |= reader.string()? == KERBEROS;
    }
    reader.finish()?;
    Ok(Method::Gssapi { kerberos })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wire::Write;
    use wire::msg::SSH_MSG_USERAUTH_REQUEST;

    fn request(method: &str) -> Vec<u8> {
        let mut payload = vec![SSH_MSG_USERAUTH_REQUEST];
        payload.put_string("alice");
        payload.put_string("ssh-connection");
        payload.put_string(method);
        payload
    }

    #[test]
    fn a_query_and_a_signature_differ_by_the_boolean() {
        let mut query = request("publickey");
        query.put_boolean(false);
        query.put_string("ssh-ed25519");
        query.put_string("blob");
        let key = OfferedKey { algorithm: "ssh-ed25519".to_owned(), blob: b"blob".to_vec() };
        let parsed = UserauthRequest::parse(&query).unwrap();
        assert_eq!(parsed.method, Method::QueryKey { key, host_key: None });
        query.put_string("a signature that a query must not carry");
        assert_eq!(UserauthRequest::parse(&query), Err(WireError::Trailing));
    }

    #[test]
    fn hostbound_names_the_host_key_before_the_signature() {
        let mut signed = request(HOSTBOUND);
        signed.put_boolean(true);
        signed.put_string("ssh-ed25519");
        signed.put_string("blob");
        signed.put_string("host key");
        signed.put_string("signature");
        let parsed = UserauthRequest::parse(&signed).unwrap();
        let Method::CheckSignature { signature, host_key, .. } = parsed.method else { panic!("{parsed:?}") };
        assert_eq!((signature, host_key), (&b"signature"[..], Some(&b"host key"[..])));
    }

    #[test]
    fn kerberos_is_looked_for_among_mechanisms() {
        let parse = |count: u32, mechanisms: &[&[u8]]| {
            let mut gssapi = request("gssapi-with-mic");
            gssapi.put_u32(count);
            mechanisms.iter().for_each(|mechanism| gssapi.put_string(mechanism));
            UserauthRequest::parse(&gssapi).map(|request| request.method == Method::Gssapi { kerberos: true })
        };
        let other = b"\x06\x06\x2b\x06\x01\x05\x05\x02";
        assert_eq!(parse(1, &[KERBEROS]), Ok(true));
        assert_eq!(parse(2, &[other, KERBEROS]), Ok(true));
        assert_eq!(parse(1, &[other]), Ok(false));
        assert_eq!(parse(1, &[KERBEROS.split_at(2).1]), Ok(false), "without tag and length it is no identifier");
        assert_eq!(parse(0, &[]), Ok(false));
        // Numbers that promise more than there is (CVE-2011-5000).
        assert!(parse(u32::MAX, &[KERBEROS]).is_err());
        assert!(parse(1, &[KERBEROS, KERBEROS]).is_err());
    }

    #[test]
    fn a_host_vouches_with_its_key_its_name_and_its_user() {
        let mut hostbased = request("hostbased");
        for field in ["ssh-ed25519", "blob", "pc.example.org.", "bob", "signature"] {
            hostbased.put_string(field);
        }
        let Method::Host(host) = UserauthRequest::parse(&hostbased).unwrap().method else { panic!() };
        assert_eq!((host.host.as_str(), host.user.as_str()), ("pc.example.org.", "bob"));
        assert_eq!((host.key.blob.as_slice(), host.signature.as_slice()), (&b"blob"[..], &b"signature"[..]));
        hostbased.put_string("more");
        assert_eq!(UserauthRequest::parse(&hostbased), Err(WireError::Trailing));
    }

    #[test]
    fn methods_with_anything_behind_their_name_are_other_methods() {
        let mut future = request("future");
        future.put_boolean(false);
        future.put_string("secret");
        assert_eq!(UserauthRequest::parse(&future).unwrap().method, Method::Other("future".to_owned()));
    }

    #[test]
    fn a_password_comes_alone_or_with_a_new_one() {
        let mut alone = request("password");
        alone.put_boolean(false);
        alone.put_string("secret");
        assert_eq!(UserauthRequest::parse(&alone).unwrap().method, Method::Password(Secret::new(b"secret")));
        alone.put_string("more");
        assert_eq!(UserauthRequest::parse(&alone), Err(WireError::Trailing));
        let mut change = request("password");
        change.put_boolean(true);
        change.put_string("old");
        assert!(UserauthRequest::parse(&change).is_err());
        change.put_string("new");
        assert_eq!(UserauthRequest::parse(&change).unwrap().method, Method::ChangePassword);
    }

    #[test]
    fn too_long_a_password_stays_too_long() {
        let mut long = request("password");
        long.put_boolean(false);
        long.put_string("x".repeat(30_000));
        let Method::Password(password) = UserauthRequest::parse(&long).unwrap().method else {
            panic!("another method")
        };
        assert_eq!(password.bytes().len(), MAX_PASSWORD + 1);
    }

    fn info_response(count: u32, responses: &[&str]) -> Vec<u8> {
        let mut payload = vec![wire::msg::SSH_MSG_USERAUTH_INFO_RESPONSE];
        payload.put_u32(count);
        responses.iter().for_each(|response| payload.put_string(response));
        payload
    }

    #[test]
    fn there_are_as_many_responses_as_prompts() {
        let two = info_response(2, &["a", "b"]);
        assert_eq!(responses(&two, 2), Ok(Some(vec![Secret::new(b"a"), Secret::new(b"b")])));
        for prompts in [0, 1, 3] {
            assert_eq!(responses(&two, prompts), Ok(None));
        }
        assert_eq!(responses(&info_response(u32::MAX, &["a"]), 1), Ok(None), "CVE-2002-0639");
        assert!(responses(&info_response(2, &["a"]), 2).is_err());
        assert_eq!(responses(&info_response(1, &["a", "b"]), 1), Err(WireError::Trailing));
    }

    #[test]
    fn a_dialogue_names_its_submethods() {
        let mut begin = request("keyboard-interactive");
        begin.put_string("");
        begin.put_string("pam,skey");
        let expected = Method::KeyboardInteractive { devices: "pam,skey".to_owned() };
        assert_eq!(UserauthRequest::parse(&begin).unwrap().method, expected);
    }

    proptest! {
        #[test]
        fn any_responses_are_read_without_panic(bytes: Vec<u8>, prompts in 0usize..40) {
            let _ = responses(&bytes, prompts);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = UserauthRequest::parse(&bytes);
        }
    }
}
