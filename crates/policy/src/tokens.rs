//! `%h`, `%u` and the others: each keyword has its own set (sshd_config(5), TOKENS).

use std::path::PathBuf;

use keys::{Certificate, Credential, FingerprintHash};
use settings::Effective;
use settings::text::{from_path, to_path};
use thiserror::Error;

use crate::{AccountFacts, ConnectionFacts};

/// The tokens of one keyword with their values; `%%` is in every set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens(Vec<(char, String)>);

/// A token that the keyword does not have. Nothing is done with the text then: a wrong file or command is no
/// substitute for the right one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenError {
    /// `%` and this.
    #[error("unknown key %{0}")]
    Unknown(char),
    /// `%` at the very end.
    #[error("% at the end of the text")]
    Unfinished,
}

impl Tokens {
    /// For AuthorizedKeysFile, AuthorizedPrincipalsFile and ChrootDirectory: `%h %u %U`
    #[must_use]
    pub fn for_path(account: &AccountFacts) -> Self {
        Self::new([('h', from_path(&account.home)), ('u', account.name.clone()), ('U', account.uid.to_string())])
    }

    /// For AuthorizedKeysCommandUser and AuthorizedPrincipalsCommandUser: `%u`
    #[must_use]
    pub fn for_command_user(account: &AccountFacts) -> Self {
        Self::new([('u', account.name.clone())])
    }

    /// For the start directory of a forced `internal-sftp -d`: `%d %u %U`
    #[must_use]
    pub fn for_start_directory(account: &AccountFacts) -> Self {
        Self::new([('d', from_path(&account.home)), ('u', account.name.clone()), ('U', account.uid.to_string())])
    }

    /// For each argument of AuthorizedKeysCommand: `%C %D %f %h %k %t %u %U`. Of a certificate, `%k` is all of it and
    /// `%f` the fingerprint of its key.
    #[must_use]
    pub fn for_keys_command(
        account: &AccountFacts,
        connection: &ConnectionFacts,
        credential: &Credential,
        hash: FingerprintHash,
    ) -> Self {
        let local = connection.local_address.map_or_else(|| "UNKNOWN".to_owned(), |address| address.to_string());
        // Our end first, as OpenSSH does; its manual has it the other way round.
        let ends = format!("{local} {} {} {}", connection.local_port, connection.address_text(), connection.port);
        let mut tokens = Self::for_path(account);
        tokens.0.extend([
            ('C', ends),
            ('D', connection.routing_domain.clone()),
            ('f', credential.key().fingerprint(hash)),
            ('k', credential.base64()),
            ('t', credential.type_name()),
        ]);
        tokens
    }

    /// For each argument of AuthorizedPrincipalsCommand: as above, and of the certificate and its authority
    /// `%F %i %K %s %T`.
    #[must_use]
    pub fn for_principals_command(
        account: &AccountFacts,
        connection: &ConnectionFacts,
        certificate: &Certificate,
        hash: FingerprintHash,
    ) -> Self {
        let credential = Credential::Certificate(Box::new(certificate.clone()));
        let authority = certificate.authority();
        let mut tokens = Self::for_keys_command(account, connection, &credential, hash);
        tokens.0.extend([
            ('F', authority.fingerprint(hash)),
            ('i', certificate.key_id().to_owned()),
            ('K', authority.base64()),
            ('s', certificate.serial().to_string()),
            ('T', authority.key_type().name().to_owned()),
        ]);
        tokens
    }

    /// `text` with every token replaced by its value. Values are not looked at again.
    ///
    /// # Errors
    /// A token that is not in the set.
    pub fn expand(&self, text: &str) -> Result<String, TokenError> {
        let mut expanded = String::with_capacity(text.len());
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if character != '%' {
                expanded.push(character);
                continue;
            }
            let token = characters.next().ok_or(TokenError::Unfinished)?;
            let known = self.0.iter().find(|(known, _)| *known == token);
            expanded.push_str(known.map(|(_, value)| value.as_str()).ok_or(TokenError::Unknown(token))?);
        }
        Ok(expanded)
    }

    fn new<const N: usize>(tokens: [(char, String); N]) -> Self {
        Self(tokens.into_iter().chain([('%', "%".to_owned())]).collect())
    }
}

/// The files (or shell patterns of files) where an account's keys are listed. Relative ones lie in its home.
///
/// # Errors
/// A token that AuthorizedKeysFile does not have.
pub fn authorized_keys_files(effective: &Effective, account: &AccountFacts) -> Result<Vec<PathBuf>, TokenError> {
    let tokens = Tokens::for_path(account);
    let files = effective.authorized_keys_file.iter();
    files.map(|file| tokens.expand(file).map(|path| account.home.join(to_path(&path)))).collect()
}

/// The file (or shell pattern of files) that names the principals of an account. A relative one lies in its home.
///
/// # Errors
/// A token that AuthorizedPrincipalsFile does not have.
pub fn authorized_principals_files(
    effective: &Effective,
    account: &AccountFacts,
) -> Result<Option<PathBuf>, TokenError> {
    let tokens = Tokens::for_path(account);
    let file = effective.authorized_principals_file.as_deref();
    file.map(|file| tokens.expand(file).map(|path| account.home.join(to_path(&path)))).transpose()
}

/// The directory that becomes this login's root, if ChrootDirectory says so.
///
/// # Errors
/// A token that ChrootDirectory does not have: the login must fail, it must not go on outside.
pub fn chroot_directory(effective: &Effective, account: &AccountFacts) -> Result<Option<PathBuf>, TokenError> {
    let configured = effective.chroot_directory.as_deref();
    configured.map(|path| Tokens::for_path(account).expand(path).map(|path| to_path(&path))).transpose()
}
