//! Which keyword knows which tokens, and what they become.

use std::path::{Path, PathBuf};

use policy::{OfferedKeyText, TokenError, Tokens, accepts_client_variable, authorized_keys_files, chroot_directory};

use crate::scene::{alice, connection, settings};

fn every_set() -> [(&'static str, Tokens); 4] {
    let key = OfferedKeyText { key_type: "ssh-ed25519", base64: "AAAA", fingerprint: "SHA256:x" };
    [
        ("%huU", Tokens::for_path(&alice())),
        ("%u", Tokens::for_command_user(&alice())),
        ("%duU", Tokens::for_start_directory(&alice())),
        ("%CDfhktuU", Tokens::for_keys_command(&alice(), &connection(), key)),
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
    let [(_, path), _, (_, start), (_, command)] = every_set();
    assert_eq!(path.expand("%h/%u-%U").unwrap(), "/home/alice/alice-1000");
    assert_eq!(start.expand("%d/%u").unwrap(), "/home/alice/alice");
    assert_eq!(command.expand("%t %k %f %C|%D|").unwrap(), "ssh-ed25519 AAAA SHA256:x 192.0.2.1 22 192.0.2.7 50000||");
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
