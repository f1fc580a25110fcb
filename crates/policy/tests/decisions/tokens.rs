//! Which keyword knows which tokens, and what they become.

use std::path::{Path, PathBuf};

use keys::{Credential, FingerprintHash};
use policy::{
    TokenError, Tokens, accepts_client_variable, authorized_keys_files, authorized_principals_files, chroot_directory,
};

use crate::authority::{Authority, CertificateParts};
use crate::scene::{KeyLogin, alice, connection, settings};

fn every_set() -> [(&'static str, Tokens); 5] {
    let (authority, hash) = (Authority::new(), FingerprintHash::Sha256);
    let certificate = authority.certify(&CertificateParts::for_alice());
    [
        ("%huU", Tokens::for_path(&alice())),
        ("%u", Tokens::for_command_user(&alice())),
        ("%duU", Tokens::for_start_directory(&alice())),
        ("%CDfhktuU", Tokens::for_keys_command(&alice(), &connection(), &KeyLogin::of(alice()).credential(), hash)),
        ("%CDFfhiKksTtuU", Tokens::for_principals_command(&alice(), &connection(), &certificate, hash)),
    ]
}

#[test]
fn each_keyword_has_its_own_set() {
    for (known, tokens) in every_set() {
        for token in ' '..='~' {
            let expanded = tokens.expand(&format!("<%{token}>"));
            match known.contains(token) {
                true => assert!(expanded.is_ok(), "{known} %{token}"),
                false => assert_eq!(expanded, Err(TokenError::Unknown(token)), "{known}"),
            }
        }
        assert_eq!(tokens.expand("x%"), Err(TokenError::Unfinished));
        assert_eq!(tokens.expand("100%%"), Ok("100%".to_owned()));
    }
}

#[test]
fn what_tokens_become() {
    let [(_, path), _, (_, start), ..] = every_set();
    assert_eq!(path.expand("%h/%u-%U").unwrap(), "/home/alice/alice-1000");
    assert_eq!(start.expand("%d/%u").unwrap(), "/home/alice/alice");
    let login = KeyLogin::of(alice());
    let command =
        |hash| Tokens::for_keys_command(&alice(), &connection(), &login.credential(), hash).expand("%t %k %f %C|%D|");
    for hash in [FingerprintHash::Sha256, FingerprintHash::Md5] {
        let (key, fingerprint) = (login.key().base64(), login.key().fingerprint(hash));
        let expected = format!("ssh-ed25519 {key} {fingerprint} 192.0.2.1 22 192.0.2.7 50000||");
        assert_eq!(command(hash).unwrap(), expected);
    }
}

#[test]
fn what_tokens_tell_of_a_certificate() {
    let authority = Authority::new();
    let certificate = authority.certify(&CertificateParts { serial: 77, ..CertificateParts::for_alice() });
    let (key, signer) = (certificate.key(), authority.private.public());
    let hash = FingerprintHash::Sha256;
    let tokens = Tokens::for_principals_command(&alice(), &connection(), &certificate, hash);
    assert_eq!(tokens.expand("%t|%T|%i|%s").unwrap(), "ssh-ed25519-cert-v01@openssh.com|ssh-ed25519|an id|77");
    assert_eq!(tokens.expand("%f %F").unwrap(), format!("{} {}", key.fingerprint(hash), signer.fingerprint(hash)));
    let whole = Credential::Certificate(Box::new(certificate.clone()));
    assert_eq!(tokens.expand("%k %K").unwrap(), format!("{} {}", whole.base64(), signer.base64()));
}

/// A home directory with a percent sign in it is not expanded once more.
#[test]
fn values_are_not_expanded_again() {
    let mut account = alice();
    account.home = "/home/%u%h%x".into();
    assert_eq!(Tokens::for_path(&account).expand("%h").unwrap(), "/home/%u%h%x");
}

#[test]
fn files_of_keys() {
    let files = |line: &str| authorized_keys_files(&settings(&[line]), &alice());
    assert_eq!(
        authorized_keys_files(&settings(&[]), &alice()).unwrap(),
        [Path::new("/home/alice/.ssh/authorized_keys"), Path::new("/home/alice/.ssh/authorized_keys2")]
    );
    assert_eq!(
        files("AuthorizedKeysFile /etc/keys/%u keys %h/k").unwrap(),
        [Path::new("/etc/keys/alice"), Path::new("/home/alice/keys"), Path::new("/home/alice/k")]
    );
    assert_eq!(files("AuthorizedKeysFile none").unwrap(), Vec::<PathBuf>::new());
    assert_eq!(files("AuthorizedKeysFile /k/%f"), Err(TokenError::Unknown('f')));
}

#[test]
fn files_of_principals() {
    let file = |line: &str| authorized_principals_files(&settings(&[line]), &alice());
    assert_eq!(authorized_principals_files(&settings(&[]), &alice()), Ok(None));
    assert_eq!(file("AuthorizedPrincipalsFile none"), Ok(None));
    assert_eq!(file("AuthorizedPrincipalsFile /p/%u-%U"), Ok(Some("/p/alice-1000".into())));
    assert_eq!(file("AuthorizedPrincipalsFile p/%u"), Ok(Some("/home/alice/p/alice".into())));
    assert_eq!(file("AuthorizedPrincipalsFile /p/%i"), Err(TokenError::Unknown('i')));
}

#[test]
fn roots_of_logins() {
    let root = |line: &str| chroot_directory(&settings(&[line]), &alice());
    assert_eq!(chroot_directory(&settings(&[]), &alice()), Ok(None));
    assert_eq!(root("ChrootDirectory none"), Ok(None));
    assert_eq!(root("ChrootDirectory /jail/%u"), Ok(Some("/jail/alice".into())));
    assert_eq!(root("ChrootDirectory /jail/%x"), Err(TokenError::Unknown('x')));
}

#[test]
fn variables_of_the_client() {
    let accepts = |lines: &[&str], name: &str| accepts_client_variable(&settings(lines), name);
    assert!(!accepts(&[], "LANG"));
    let lines = ["AcceptEnv LANG LC_*", "AcceptEnv X?"];
    for (name, accepted) in [
        ("LANG", true),
        ("LC_ALL", true),
        ("LC_", true),
        ("XY", true),
        ("LANGUAGE", false),
        ("lang", false),
        ("X", false),
        ("XYZ", false),
        ("MYLC_ALL", false),
        ("", false),
        ("LC_A=B", false),
        ("LC_\0", false),
        ("LD_PRELOAD", false),
    ] {
        assert_eq!(accepts(&lines, name), accepted, "{name:?}");
    }
    assert!(!accepts(&["AcceptEnv *"], "") && !accepts(&["AcceptEnv *"], "A=B"));
}
