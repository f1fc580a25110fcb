//! RevokedKeys: every file counts, and one that is not understood counts against every key.

use keys::{Credential, PrivateKey, PublicKey};
use policy::{Refusal, not_revoked};

use crate::scene::{key_text, settings};

fn refused(key: &PublicKey, files: &[Result<String, &str>]) -> Option<&'static str> {
    let content = |file: &Result<String, &str>| file.clone().map(String::into_bytes).map_err(str::to_owned);
    let files = files.iter().map(|file| ("/revoked".to_owned(), content(file)));
    not_revoked(&settings(&[]), &Credential::Key(key.clone()), files).outcome.err().map(|refusal| match refusal {
        Refusal::Revoked { .. } => "revoked",
        Refusal::RevocationUnknown { .. } => "unknown",
        other => panic!("{other:?}"),
    })
}

#[test]
fn any_file_can_revoke_and_all_must_be_understood() {
    let [lost, kept] = [(); 2].map(|()| PrivateKey::generate_ed25519().unwrap().public().clone());
    let list = || Ok(format!("{}\n", key_text(&lost)));
    let (empty, nonsense, missing) = (|| Ok(String::new()), || Ok("no key".to_owned()), || Err("no such file"));
    assert_eq!(refused(&lost, &[]), None);
    assert_eq!(refused(&lost, &[empty(), list()]), Some("revoked"));
    assert_eq!(refused(&kept, &[empty(), list()]), None);
    for bad in [nonsense(), missing()] {
        assert_eq!(refused(&kept, &[list(), bad.clone()]), Some("unknown"));
        assert_eq!(refused(&kept, &[bad, list()]), Some("unknown"));
    }
}
