//! The armour around key files: `-----BEGIN …-----`, base64, `-----END …-----`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::KeyError;

/// The largest key file: as OpenSSH's.
const LARGEST_FILE: usize = 1024 * 1024;

pub(super) struct Pem<'a> {
    /// What stands behind `BEGIN`.
    pub(super) label: &'a str,
    pub(super) content: Zeroizing<Vec<u8>>,
}

/// Text in front of `BEGIN` and behind `END` is passed over.
pub(super) fn decode(text: &[u8]) -> Result<Pem<'_>, KeyError> {
    if text.len() > LARGEST_FILE {
        return Err(KeyError::BadFile("too large"));
    }
    let text = std::str::from_utf8(text).map_err(|_| KeyError::BadFile("not a text"))?;
    let mut lines = text.lines().map(str::trim_end);
    let label = lines
        .find_map(|line| line.strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .ok_or(KeyError::BadFile("no BEGIN line"))?;
    let mut base64 = Zeroizing::new(String::with_capacity(text.len()));
    for line in lines {
        if line.strip_prefix("-----END ").and_then(|rest| rest.strip_suffix("-----")) == Some(label) {
            let content = STANDARD.decode(base64.as_bytes()).map_err(|_| KeyError::BadFile("broken base64"))?;
            return Ok(Pem { label, content: Zeroizing::new(content) });
        }
        // RFC 1421 headers: only files with a passphrase have them.
        if line.starts_with("Proc-Type:") && line.contains("ENCRYPTED") {
            return Err(KeyError::Encrypted);
        }
        base64.push_str(line);
    }
    Err(KeyError::BadFile("no END line"))
}
