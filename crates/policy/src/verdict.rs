//! What a decision is, and the steps that led to it.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A decision with its steps in the order in which they were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Verdict<Granted = ()> {
    /// What was granted, or the one thing that stands against it.
    pub outcome: Result<Granted, Refusal>,
    /// How it came to that: one sentence each by `Display`.
    pub steps: Vec<Step>,
}

impl<Granted> Verdict<Granted> {
    /// Whether it is a yes.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.outcome.is_ok()
    }

    pub(crate) fn refused(mut steps: Vec<Step>, refusal: Refusal) -> Self {
        steps.push(Step::Refused(refusal.clone()));
        Self { outcome: Err(refusal), steps }
    }
}

/// Why something is not allowed. `Display` is the text of the log line, as OpenSSH words it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// There is no such account. Logged by the look-up as `Invalid user …`, not from here.
    NoSuchAccount,
    /// RefuseConnection says so.
    ConnectionRefused,
    /// The account has expired.
    AccountExpired {
        /// The account.
        user: String,
    },
    /// The account is locked.
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
    /// The algorithm is not in PubkeyAcceptedAlgorithms.
    AlgorithmNotAccepted {
        /// The algorithm that was asked for.
        algorithm: String,
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
    KeyAlreadyUsed,
    /// No line of any file lets the key in.
    KeyNotListed,
    /// The signature did not prove a touch.
    PresenceMissing,
    /// The signature did not prove that its user was verified.
    UserVerificationMissing,
    /// Owner or mode of a path component.
    BadOwnershipOrModes {
        /// The component.
        path: PathBuf,
        /// Whether it is a directory.
        directory: bool,
    },
    /// A component that should be a regular file is something else.
    NotARegularFile {
        /// The component.
        path: PathBuf,
    },
    /// Two credentials force two different commands.
    TwoForcedCommands,
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

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchAccount => out.write_str("There is no such account"),
            Self::ConnectionRefused => out.write_str("administratively prohibited by RefuseConnection"),
            Self::AccountExpired { user } => write!(out, "Account {user} has expired"),
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
            Self::MethodDisabled { method } => write!(out, "Authentication method {method} is disabled"),
            Self::AlgorithmNotAccepted { algorithm } => {
                write!(out, "signature algorithm {algorithm} not in PubkeyAcceptedAlgorithms")
            }
            Self::AlgorithmOfAnotherType { algorithm, key_type } => {
                write!(out, "signature algorithm {algorithm} does not belong to key type {key_type}")
            }
            Self::RsaKeyTooShort { bits, required } => {
                write!(out, "refusing RSA key: {bits} bits, RequiredRSASize is {required}")
            }
            Self::KeyAlreadyUsed => out.write_str("refusing previously-used public key"),
            Self::KeyNotListed => out.write_str("key is in no file that may list it"),
            Self::PresenceMissing => out.write_str("refused: user presence (authenticator touch) requirement not met"),
            Self::UserVerificationMissing => out.write_str("refused: user verification requirement not met"),
            Self::BadOwnershipOrModes { path, directory } => {
                let what = if *directory { "directory" } else { "file" };
                write!(out, "Authentication refused: bad ownership or modes for {what} {}", path.display())
            }
            Self::NotARegularFile { path } => {
                write!(out, "Authentication refused: {} is not a regular file", path.display())
            }
            Self::TwoForcedCommands => out.write_str("two credentials force different commands"),
        }
    }
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

/// One step of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// The step that ended it.
    Refused(Refusal),
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(out, "{refusal}"),
        }
    }
}
