//! An authority that certifies whatever a test wants certified.

use keys::{Certificate, Credential, PrivateKey, PublicKey};

use crate::scene::{NOON, strings};

/// What CASignatureAlgorithms allows by default.
fn accepted() -> Vec<String> {
    crate::scene::settings(&[]).ca_signature_algorithms.clone()
}

/// A key that signs certificates, and a key that it certifies.
pub(crate) struct Authority {
    pub(crate) private: PrivateKey,
    pub(crate) login: PrivateKey,
}

/// What a certificate says.
#[derive(Debug, Clone)]
pub(crate) struct CertificateParts {
    pub(crate) serial: u64,
    /// 1 for users, 2 for hosts.
    pub(crate) kind: u32,
    pub(crate) principals: Vec<String>,
    pub(crate) valid_after: u64,
    pub(crate) valid_before: u64,
    pub(crate) critical: Vec<(String, Vec<u8>)>,
    pub(crate) extensions: Vec<String>,
}

pub(crate) const EXTENSIONS: [&str; 6] = [
    "permit-X11-forwarding",
    "permit-agent-forwarding",
    "permit-port-forwarding",
    "permit-pty",
    "permit-user-rc",
    "no-touch-required",
];

impl CertificateParts {
    /// A certificate as `ssh-keygen -s` makes it for alice, valid at noon.
    pub(crate) fn for_alice() -> Self {
        let noon = u64::try_from(NOON).unwrap();
        Self {
            serial: 0,
            kind: 1,
            principals: vec!["alice".to_owned()],
            valid_after: noon - 60,
            valid_before: noon + 60,
            critical: Vec::new(),
            extensions: EXTENSIONS[..5].iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    /// With a critical option whose value is a text.
    pub(crate) fn critical(mut self, name: &str, value: &str) -> Self {
        let data = if value.is_empty() { Vec::new() } else { strings(&[value.as_bytes()]) };
        self.critical.push((name.to_owned(), data));
        self
    }
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = || PrivateKey::generate_ed25519().unwrap();
        Self { private: key(), login: key() }
    }

    /// Certifies the login key.
    pub(crate) fn certify(&self, parts: &CertificateParts) -> Certificate {
        let whole = self.certify_key(self.login.public(), parts);
        Certificate::parse(&whole, &accepted()).unwrap()
    }

    pub(crate) fn credential(&self, parts: &CertificateParts) -> Credential {
        Credential::Certificate(Box::new(self.certify(parts)))
    }

    /// The blob of a certificate for any key.
    pub(crate) fn certify_key(&self, key: &PublicKey, parts: &CertificateParts) -> Vec<u8> {
        let name = key.key_type().certificate_name();
        let mut whole = strings(&[name.as_bytes(), b"nonce"]);
        whole.extend(&key.blob()[4 + key.key_type().name().len()..]);
        whole.extend(parts.serial.to_be_bytes());
        whole.extend(parts.kind.to_be_bytes());
        let names: Vec<&[u8]> = parts.principals.iter().map(|name| name.as_bytes()).collect();
        whole.extend(strings(&[b"an id", &strings(&names)]));
        whole.extend(parts.valid_after.to_be_bytes());
        whole.extend(parts.valid_before.to_be_bytes());
        let critical: Vec<u8> =
            parts.critical.iter().flat_map(|(name, data)| strings(&[name.as_bytes(), data])).collect();
        let extensions: Vec<u8> = parts.extensions.iter().flat_map(|name| strings(&[name.as_bytes(), b""])).collect();
        whole.extend(strings(&[&critical, &extensions, b"", self.private.public().blob()]));
        let signature = self.private.sign("ssh-ed25519", &whole).unwrap();
        whole.extend(strings(&[&signature]));
        whole
    }
}
