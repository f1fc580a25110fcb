//! Reasons why not.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{HostbasedRefusal, Weight};

/// Why something is not allowed. `Display` is the text of the log line, as OpenSSH words it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// There is no such account.
    NoSuchAccount {
        /// What was asked for.
        user: String,
        /// The peer's address.
        address: String,
        /// The peer's port.
        port: u16,
    },
    /// RefuseConnection: the connection is to end at once.
    ConnectionRefused {
        /// The account does not exist, or its gates are closed.
        invalid: bool,
        /// What was asked for.
        user: String,
        /// The peer's address.
        address: String,
        /// The peer's port.
        port: u16,
    },
    /// The account is locked or has expired.
    AccountLocked {
        /// The account.
        user: String,
    },
    /// Its shell does not exist.
    ShellMissing {
        /// The account.
        user: String,
        /// Its shell.
        shell: PathBuf,
    },
    /// Its shell is nothing that can be executed.
    ShellNotExecutable {
        /// The account.
        user: String,
        /// Its shell.
        shell: PathBuf,
    },
    /// One of the four lists of accounts.
    AccountList {
        /// The account.
        user: String,
        /// Where it comes from.
        from: String,
        /// Which list, and how.
        because: ListRefusal,
    },
    /// PermitRootLogin.
    RootLogin {
        /// The peer's address.
        address: String,
        /// The peer's port.
        port: u16,
    },
    /// The method is switched off.
    MethodDisabled {
        /// The method.
        method: String,
    },
    /// An algorithm of no key type that is known.
    UnknownAlgorithm {
        /// The algorithm that was asked for.
        algorithm: String,
    },
    /// The algorithm is not in PubkeyAcceptedAlgorithms.
    AlgorithmNotAccepted {
        /// The algorithm that was asked for.
        algorithm: String,
    },
    /// The algorithm that a certificate is signed with is not in CASignatureAlgorithms.
    AuthorityAlgorithmNotAccepted {
        /// The algorithm.
        algorithm: String,
    },
    /// What was offered is no key and no certificate that can be used.
    NoKey {
        /// Why.
        error: String,
    },
    /// The algorithm is none of the key's type.
    AlgorithmOfAnotherType {
        /// The algorithm that was asked for.
        algorithm: String,
        /// The key's type.
        key_type: String,
    },
    /// RequiredRSASize.
    RsaKeyTooShort {
        /// The key's size in bits.
        bits: u32,
        /// What is required.
        required: u32,
    },
    /// The same key has already been used in this login (`publickey,publickey`).
    KeyAlreadyUsed {
        /// The key's type.
        key_type: String,
    },
    /// A file of RevokedKeys holds the key.
    Revoked {
        /// Type and fingerprint.
        key: String,
        /// The file.
        file: String,
    },
    /// A file of RevokedKeys cannot be read or understood: it may hold the key.
    RevocationUnknown {
        /// Type and fingerprint.
        key: String,
        /// The file.
        file: String,
        /// What is wrong with it.
        error: String,
    },
    /// No line of any file lets the key in.
    KeyNotListed,
    /// What was verified is the signature of another key or algorithm than the one that was let in.
    SignatureOfAnother,
    /// The signature did not prove what the key must prove.
    SignatureDemand {
        /// What is missing.
        demand: SignatureDemand,
        /// Type and fingerprint.
        key: String,
        /// Who wanted to log in.
        user: String,
        /// The peer's address.
        address: String,
        /// The peer's port.
        port: u16,
    },
    /// Owner or mode of a path component.
    BadOwnershipOrModes {
        /// The component.
        path: PathBuf,
        /// Whether it is a directory.
        directory: bool,
    },
    /// What should be a regular file is something else.
    NotARegularFile {
        /// The component.
        path: PathBuf,
    },
    /// Neither `~/.k5login` nor the principal's own name makes it the account.
    PrincipalNotAuthorized {
        /// The account.
        user: String,
        /// As Kerberos writes it.
        principal: String,
    },
    /// A host does not vouch for its user here.
    Hostbased(HostbasedRefusal),
    /// ChrootDirectory is a relative path.
    ChrootNotAbsolute,
    /// A component of ChrootDirectory cannot be looked at.
    ChrootUnreachable {
        /// The component.
        path: String,
        /// What the system says.
        error: String,
    },
    /// A component of ChrootDirectory is no directory.
    ChrootNotADirectory {
        /// The component.
        path: String,
        /// Whether it is the directory itself.
        is_last: bool,
    },
    /// A component of ChrootDirectory could be changed by others than root.
    ChrootComponentUnsound {
        /// The component.
        path: String,
        /// Whether it is the directory itself.
        is_last: bool,
    },
    /// SftpJail where ForceCommand is not internal-sftp.
    JailWithoutForcedSftp,
    /// A symbolic link on the way to SftpJail belongs to somebody who could choose another directory.
    JailLinkUntrusted {
        /// Its last component.
        link: String,
        /// Its owner.
        uid: u32,
    },
    /// SftpJail names nothing that can be used.
    JailUnusable {
        /// Why.
        why: String,
    },
    /// MaxSessionsPerUser is used up.
    TooManyLogins {
        /// MaxSessionsPerUser
        limit: u32,
    },
    /// It cannot be found out how often the user is logged in.
    LoginsNotCounted,
    /// Nobody looked at the directories all the way up.
    PathNotFollowed {
        /// The last component that was looked at.
        path: PathBuf,
    },
}

/// Which list of accounts refused, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListRefusal {
    /// A DenyUsers pattern matched.
    DenyUsers,
    /// No AllowUsers pattern matched.
    AllowUsers,
    /// Group lists are configured, and the account is in no group that has a name.
    NoGroup,
    /// A DenyGroups pattern matched.
    DenyGroups,
    /// No AllowGroups pattern matched.
    AllowGroups,
}

/// What a FIDO authenticator must report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignatureDemand {
    /// Somebody touched it.
    Presence,
    /// It verified its user.
    UserVerification,
}

impl Refusal {
    /// At which level the log writes it.
    #[must_use]
    pub fn weight(&self) -> Weight {
        match self {
            Self::JailWithoutForcedSftp
            | Self::JailUnusable { .. }
            | Self::JailLinkUntrusted { .. }
            | Self::ChrootNotAbsolute
            | Self::ChrootUnreachable { .. }
            | Self::ChrootNotADirectory { .. }
            | Self::ChrootComponentUnsound { .. } => Weight::Fatal,
            Self::SignatureOfAnother
            | Self::SignatureDemand { .. }
            | Self::AlgorithmOfAnotherType { .. }
            | Self::NoKey { .. }
            | Self::Revoked { .. }
            | Self::RevocationUnknown { .. } => Weight::Error,
            Self::UnknownAlgorithm { .. } => Weight::Verbose,
            Self::Hostbased(refusal) => refusal.weight(),
            Self::KeyNotListed | Self::MethodDisabled { .. } => Weight::Debug,
            _ => Weight::Info,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchAccount { user, address, port } => {
                write!(out, "Invalid user {user} from {address} port {port}")
            }
            Self::ConnectionRefused { invalid, user, address, port } => {
                let invalid = if *invalid { "invalid user " } else { "" };
                write!(out, "administratively prohibited connection for {invalid}{user} from {address} port {port}")
            }
            Self::AccountLocked { user } => write!(out, "User {user} not allowed because account is locked"),
            Self::ShellMissing { user, shell } => {
                write!(out, "User {user} not allowed because shell {} does not exist", shell.display())
            }
            Self::ShellNotExecutable { user, shell } => {
                write!(out, "User {user} not allowed because shell {} is not executable", shell.display())
            }
            Self::AccountList { user, from, because } => {
                write!(out, "User {user} from {from} not allowed because {because}")
            }
            Self::RootLogin { address, port } => write!(out, "ROOT LOGIN REFUSED FROM {address} port {port}"),
            Self::MethodDisabled { method } => write!(out, "method {method} not enabled"),
            Self::UnknownAlgorithm { algorithm } => write!(out, "unsupported public key algorithm: {algorithm}"),
            Self::AlgorithmNotAccepted { algorithm } => {
                write!(out, "signature algorithm {algorithm} not in PubkeyAcceptedAlgorithms")
            }
            Self::AuthorityAlgorithmNotAccepted { algorithm } => {
                write!(out, "certificate signature algorithm {algorithm}: signature algorithm not supported")
            }
            Self::NoKey { error } => write!(out, "parse key: {error}"),
            Self::AlgorithmOfAnotherType { algorithm, key_type } => {
                write!(out, "key type mismatch for decoded key (received {key_type}, expected {algorithm})")
            }
            Self::RsaKeyTooShort { bits, required } => {
                write!(out, "refusing RSA key: Invalid key length: {bits} bits, RequiredRSASize is {required}")
            }
            Self::KeyAlreadyUsed { key_type } => write!(out, "refusing previously-used {key_type} key"),
            Self::Revoked { key, file } => write!(out, "Authentication key {key} revoked by file {file}"),
            Self::RevocationUnknown { key, file, error } => {
                write!(out, "Error checking authentication key {key} in revoked keys file {file}: {error}")
            }
            Self::KeyNotListed => out.write_str("no line of any file lets this key in"),
            Self::SignatureOfAnother => out.write_str("signature was made by another key or algorithm"),
            Self::SignatureDemand { demand, key, user, address, port } => {
                write!(out, "public key {key} signature for {user} from {address} port {port} rejected: {demand}")
            }
            Self::BadOwnershipOrModes { path, directory } => {
                let what = if *directory { "directory" } else { "file" };
                write!(out, "Authentication refused: bad ownership or modes for {what} {}", path.display())
            }
            Self::NotARegularFile { path } => {
                write!(out, "Authentication refused: {} is not a regular file", path.display())
            }
            Self::PrincipalNotAuthorized { user, principal } => {
                write!(out, "krb5 principal {principal} is not authorized to {user}")
            }
            Self::Hostbased(refusal) => write!(out, "{refusal}"),
            Self::ChrootNotAbsolute => out.write_str("chroot path does not begin at root"),
            Self::ChrootUnreachable { path, error } => write!(out, "safely_chroot: stat(\"{path}\"): {error}"),
            Self::ChrootNotADirectory { path, is_last } => {
                write!(out, "chroot path {}\"{path}\" is not a directory", component(*is_last))
            }
            Self::ChrootComponentUnsound { path, is_last } => {
                write!(out, "bad ownership or modes for chroot directory {}\"{path}\"", component(*is_last))
            }
            Self::JailWithoutForcedSftp => out.write_str(
                "SftpJail does not hold: sshd_config does not force internal-sftp for this login (ForceCommand internal-sftp)",
            ),
            Self::JailLinkUntrusted { link, uid } => write!(
                out,
                "SftpJail: the symbolic link {link} belongs to uid {uid}, who could choose another directory: \
                 give it to root (chown -h root), or name the directory itself"
            ),
            Self::JailUnusable { why } => write!(out, "SftpJail: {why}"),
            Self::TooManyLogins { limit } => write!(out, "MaxSessionsPerUser: no further session beside {limit}"),
            Self::LoginsNotCounted => out.write_str("MaxSessionsPerUser: no session, for they cannot be counted"),
            Self::PathNotFollowed { path } => {
                write!(out, "Authentication refused: the directories above {} could not be checked", path.display())
            }
        }
    }
}

fn component(is_last: bool) -> &'static str {
    if is_last { "" } else { "component " }
}

impl fmt::Display for ListRefusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::DenyUsers => "listed in DenyUsers",
            Self::AllowUsers => "not listed in AllowUsers",
            Self::NoGroup => "not in any group",
            Self::DenyGroups => "a group is listed in DenyGroups",
            Self::AllowGroups => "none of user's groups are listed in AllowGroups",
        })
    }
}

impl fmt::Display for SignatureDemand {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Presence => "user presence (authenticator touch) requirement not met",
            Self::UserVerification => "user verification requirement not met",
        })
    }
}
