//! RevokedKeys: keys that no file may let in.

use keys::PublicKey;
use keys::revocation::Revoked;

use crate::public_key::describe;
use crate::{Refusal, Verdict};

/// Whether no file revokes a key. Each file comes with its name, and with what is in it or why that is not known; it is
/// only taken from the iterator when the ones before had nothing against the key. A file that cannot be read or
/// understood may revoke any key: none is accepted then.
pub fn not_revoked(key: &PublicKey, files: impl IntoIterator<Item = (String, Result<Vec<u8>, String>)>) -> Verdict {
    for (file, content) in files {
        let revoked = content.and_then(|content| Revoked::parse(&content).map_err(|error| error.to_string()));
        let refusal = match revoked {
            Ok(revoked) if revoked.holds(key) => Refusal::Revoked { key: describe(key), file },
            Ok(_) => continue,
            Err(error) => Refusal::RevocationUnknown { key: describe(key), file, error },
        };
        return Verdict::refused(Vec::new(), refusal);
    }
    Verdict::allowed(Vec::new(), ())
}
