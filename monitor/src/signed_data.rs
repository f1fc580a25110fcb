//! What a login signature covers (RFC 4252 sections 7 and 9), put together from this process's own facts.

use ipc::phases::{OfferedKey, VouchingHost};
use wire::Write;
use wire::msg::SSH_MSG_USERAUTH_REQUEST;

/// The service that every login is for.
const SERVICE: &str = "ssh-connection";

/// The parts that differ from login to login.
pub(crate) struct SignedData<'a> {
    /// H of the first key exchange.
    pub(crate) session_id: &'a [u8],
    /// As the client wrote it.
    pub(crate) user: &'a str,
    pub(crate) offered: &'a OfferedKey,
    /// `publickey-hostbound-v00@openssh.com`: the host key of the first exchange (OpenSSH's PROTOCOL, section 3.1).
    pub(crate) host_key: Option<&'a [u8]>,
}

impl SignedData<'_> {
    /// The bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let method = if self.host_key.is_some() { "publickey-hostbound-v00@openssh.com" } else { "publickey" };
        let mut bytes = request(self.session_id, self.user, method);
        bytes.put_boolean(true);
        bytes.put_string(&self.offered.algorithm);
        bytes.put_string(&self.offered.blob);
        if let Some(host_key) = self.host_key {
            bytes.put_string(host_key);
        }
        bytes
    }
}

/// The same for `hostbased`.
pub(crate) struct SignedByHost<'a> {
    /// H of the first key exchange.
    pub(crate) session_id: &'a [u8],
    /// As the client wrote it: the user here.
    pub(crate) user: &'a str,
    pub(crate) host: &'a VouchingHost,
}

impl SignedByHost<'_> {
    /// The bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = request(self.session_id, self.user, "hostbased");
        bytes.put_string(&self.host.key.algorithm);
        bytes.put_string(&self.host.key.blob);
        bytes.put_string(&self.host.host);
        bytes.put_string(&self.host.user);
        bytes
    }
}

/// What every one of them begins with: the session, and the request up to its method.
pub(crate) fn request(session_id: &[u8], user: &str, method: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.put_string(session_id);
    bytes.put_u8(SSH_MSG_USERAUTH_REQUEST);
    bytes.put_string(user);
    bytes.put_string(SERVICE);
    bytes.put_string(method);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(user: &str, host_key: Option<&[u8]>) -> Vec<u8> {
        let offered = OfferedKey { algorithm: "ssh-ed25519".to_owned(), blob: b"B".to_vec() };
        SignedData { session_id: b"S", user, offered: &offered, host_key }.encode()
    }

    #[test]
    fn the_fields_stand_as_in_rfc_4252_section_7() {
        let expected = b"\0\0\0\x01S\x32\0\0\0\x01u\0\0\0\x0essh-connection\0\0\0\x09publickey\x01\
            \0\0\0\x0bssh-ed25519\0\0\0\x01B";
        assert_eq!(encoded("u", None), expected);
    }

    #[test]
    fn the_fields_of_a_host_stand_as_in_rfc_4252_section_9() {
        let key = OfferedKey { algorithm: "a".to_owned(), blob: b"B".to_vec() };
        let host =
            VouchingHost { key, host: "h.".to_owned(), user: "c".to_owned(), signature: b"not covered".to_vec() };
        let expected = b"\0\0\0\x01S\x32\0\0\0\x01u\0\0\0\x0essh-connection\0\0\0\x09hostbased\
            \0\0\0\x01a\0\0\0\x01B\0\0\0\x02h.\0\0\0\x01c";
        assert_eq!(SignedByHost { session_id: b"S", user: "u", host: &host }.encode(), expected);
    }

    #[test]
    fn hostbound_signatures_cover_the_host_key_and_another_name() {
        let hostbound = encoded("u", Some(b"H"));
        assert!(hostbound.ends_with(b"\0\0\0\x01B\0\0\0\x01H"));
        assert!(hostbound.windows(35).any(|part| part == b"publickey-hostbound-v00@openssh.com"));
    }
}
