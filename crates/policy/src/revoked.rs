//! RevokedKeys: keys and certificates that no file may let in.

use keys::Credential;
use keys::revocation::Revoked;
use settings::Effective;

use crate::{Refusal, Verdict, fingerprint_hash};

/// Whether no file revokes a credential: its key, its certificate or the authority that has signed that. Each file
/// comes with its name, and with what is in it or why that is not known; it is only taken from the iterator when the
/// ones before had nothing against the credential. A file that cannot be read or understood may revoke any key: none
/// is accepted then.
pub fn not_revoked(
    effective: &Effective,
    credential: &Credential,
    files: impl IntoIterator<Item = (String, Result<Vec<u8>, String>)>,
) -> Verdict {
    let key = || credential.shown(fingerprint_hash(effective));
    for (file, content) in files {
        let revoked = content.and_then(|content| Revoked::parse(&content).map_err(|error| error.to_string()));
        let refusal = match revoked {
            Ok(revoked) if revoked.revokes(credential) => Refusal::Revoked { key: key(), file },
            Ok(_) => continue,
            Err(error) => Refusal::RevocationUnknown { key: key(), file, error },
        };
        return Verdict::refused(Vec::new(), refusal);
    }
    Verdict::allowed(Vec::new(), ())
}
