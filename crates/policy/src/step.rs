//! The steps of a decision, each a sentence.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{CertificateStep, ComponentFacts, HostbasedStep, Refusal, Weight};

/// One step of a decision. Where OpenSSH logs the same fact, `Display` is its text. No step tells what another key's
/// line forces or restricts, and none tells values (CVE-2012-0814).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// The account exists.
    AccountFound {
        /// Its name.
        user: String,
        /// Its number.
        uid: u32,
    },
    /// The account is not locked, or PAM will tell.
    LockLeftToPam,
    /// The account is not locked.
    NotLocked,
    /// By shadow(5) a password must be changed.
    PasswordExpired {
        /// The account.
        user: String,
        /// Why.
        because: String,
    },
    /// A password may still be used.
    PasswordFresh {
        /// For how long, in days.
        days_left: i64,
    },
    /// The shell can be executed.
    ShellUsable {
        /// The shell.
        shell: PathBuf,
    },
    /// The shell was not looked at: it will be looked for under ChrootDirectory.
    ShellInsideChroot {
        /// ChrootDirectory as configured.
        directory: String,
    },
    /// A list of accounts did not object.
    ListPassed {
        /// Its keyword.
        keyword: AccountListKeyword,
        /// The pattern that decided; `None` for a Deny list where none matched.
        pattern: Option<String>,
    },
    /// A list of accounts objects.
    ListObjects {
        /// Its keyword.
        keyword: AccountListKeyword,
        /// The pattern that decided; `None` for an Allow list where none matched.
        pattern: Option<String>,
    },
    /// The algorithm is accepted.
    AlgorithmAccepted {
        /// Its name.
        algorithm: String,
    },
    /// Nothing about the key itself stands against it.
    KeyUsable {
        /// Type and fingerprint.
        key: String,
    },
    /// A file is looked through for the key.
    FileTried {
        /// The file.
        file: String,
    },
    /// A line cannot be used.
    LineUnusable {
        /// `FILE:LINE`
        place: String,
        /// Why.
        reason: String,
        /// Whether an administrator should see it without asking.
        important: bool,
    },
    /// A line is about the key, or about the authority that has certified it. Whether it lets the key in follows.
    LineMatches {
        /// `FILE:LINE`
        place: String,
        /// What stands on it: type and fingerprint.
        key: String,
        /// Names of what its options leave or ask for.
        options: String,
    },
    /// A line holds the key as a certification authority: no key to log in with.
    LineIsCertAuthority {
        /// `FILE:LINE`
        place: String,
    },
    /// A line with the key has expired, or when it does cannot be told.
    LineExpired {
        /// `FILE:LINE`
        place: String,
    },
    /// `principals=` without `cert-authority` makes no sense, so it must not let anybody in.
    PrincipalsWithoutAuthority {
        /// `FILE:LINE`
        place: String,
    },
    /// `from=` of a line with the key does not hold.
    NotFromPermittedHost {
        /// `FILE:LINE`
        place: String,
        /// The account.
        user: String,
        /// The peer's name or address.
        host: String,
        /// The peer's address.
        address: String,
        /// The option's value.
        required: String,
    },
    /// A line with the key holds it off.
    LineRefuses {
        /// `FILE:LINE`
        place: String,
    },
    /// A line lets the key in.
    KeyAccepted {
        /// Type and fingerprint.
        key: String,
        /// `FILE:LINE`
        place: String,
    },
    /// A line holds the authority of the certificate as a key to log in with only.
    LineIsNoCertAuthority {
        /// `FILE:LINE`
        place: String,
    },
    /// `cert-authority` where no authority can be.
    CertAuthorityMisplaced {
        /// What the option stands in front of.
        place: String,
    },
    /// A step about a certificate.
    Certificate(CertificateStep),
    /// PermitRootLogin does not stand against it.
    RootAllowed {
        /// Its value.
        setting: String,
    },
    /// Owner and mode of a path component are as they should be.
    ComponentSound {
        /// The component.
        path: PathBuf,
        /// Its owner.
        uid: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// Owner or mode of a path component are not as they should be.
    ComponentUnsound {
        /// The component.
        path: PathBuf,
        /// Its owner.
        uid: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// A principal may be the account.
    PrincipalAuthorized {
        /// The account.
        user: String,
        /// As Kerberos writes it.
        principal: String,
    },
    /// A step of a host-based login.
    Hostbased(HostbasedStep),
    /// A component of ChrootDirectory that others than root could change.
    ChrootComponentUnsound {
        /// The component.
        component: ComponentFacts,
        /// What repairs it.
        command: String,
    },
    /// A component of ChrootDirectory that is not there.
    ChrootComponentMissing {
        /// The component.
        path: String,
        /// What makes it, and what is missing below it.
        command: String,
    },
    /// A component of ChrootDirectory that is no directory.
    ChrootComponentNoDirectory {
        /// The component.
        path: String,
    },
    /// A symbolic link on the way to SftpJail is one that may be followed.
    JailLinkTrusted {
        /// Its last component.
        link: String,
        /// Its owner.
        uid: u32,
    },
    /// SftpJail, its tokens replaced.
    JailNamed {
        /// The directory.
        directory: PathBuf,
    },
    /// MaxSessionsPerUser leaves room for this login.
    LoginsCounted {
        /// How often the user is logged in already.
        open: u32,
        /// How often at most.
        limit: u32,
    },
    /// The step that ended it.
    Refused(Refusal),
}

/// The keywords that hold lists of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the keyword of sshd_config(5) itself")]
pub enum AccountListKeyword {
    DenyUsers,
    AllowUsers,
    DenyGroups,
    AllowGroups,
}

impl Step {
    /// At which level the log writes it.
    #[must_use]
    pub fn weight(&self) -> Weight {
        match self {
            Self::Refused(refusal) => refusal.weight(),
            Self::PrincipalAuthorized { .. } => Weight::Info,
            Self::Hostbased(step) => step.weight(),
            Self::ChrootComponentUnsound { .. }
            | Self::ChrootComponentMissing { .. }
            | Self::ChrootComponentNoDirectory { .. } => Weight::Error,
            Self::Certificate(step) => step.weight(),
            Self::LineRefuses { .. } | Self::LineUnusable { important: true, .. } => Weight::Error,
            Self::NotFromPermittedHost { .. } | Self::PasswordExpired { .. } => Weight::Info,
            Self::KeyAccepted { .. } => Weight::Verbose,
            Self::RootAllowed { setting } if setting == "forced-commands-only" => Weight::Info,
            _ => Weight::Debug,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccountFound { user, uid } => write!(out, "account {user} has uid {uid}"),
            Self::LockLeftToPam => out.write_str("whether the account is locked is left to PAM"),
            Self::NotLocked => out.write_str("account is not locked"),
            Self::PasswordExpired { user, because } => write!(out, "User {user} password has expired ({because})"),
            Self::PasswordFresh { days_left } => write!(out, "the password ends in {days_left} days"),
            Self::ShellUsable { shell } => write!(out, "shell {} is executable", shell.display()),
            Self::ShellInsideChroot { directory } => {
                write!(out, "shell is not checked: ChrootDirectory is {directory}")
            }
            Self::ListPassed { keyword, pattern: Some(pattern) } => write!(out, "{keyword:?} {pattern} matches"),
            Self::ListPassed { keyword, pattern: None } => write!(out, "{keyword:?} does not match"),
            Self::ListObjects { keyword, pattern: Some(pattern) } => write!(out, "{keyword:?} {pattern} matches"),
            Self::ListObjects { keyword, pattern: None } => write!(out, "no pattern of {keyword:?} matches"),
            Self::AlgorithmAccepted { algorithm } => write!(out, "PubkeyAcceptedAlgorithms holds {algorithm}"),
            Self::KeyUsable { key } => write!(out, "looking for key {key}"),
            Self::FileTried { file } => write!(out, "trying public key file {file}"),
            Self::LineUnusable { place, reason, .. } => write!(out, "{place}: {reason}"),
            Self::LineMatches { place, key, options } => {
                write!(out, "{place}: matching key found: {key} ({options})")
            }
            Self::LineIsCertAuthority { place } => write!(out, "{place}: the key is there as a cert-authority only"),
            Self::LineExpired { place } => write!(out, "{place}: entry expired"),
            Self::PrincipalsWithoutAuthority { place } => write!(out, "{place}: principals on non-CA key"),
            Self::NotFromPermittedHost { place, user, host, address, required } => write!(
                out,
                "{place}: Authentication tried for {user} with correct key but not from a permitted host \
                 (host={host}, ip={address}, required={required})."
            ),
            Self::LineRefuses { place } => write!(out, "Refused by key options at {place}"),
            Self::KeyAccepted { key, place } => write!(out, "Accepted key {key} found at {place}"),
            Self::LineIsNoCertAuthority { place } => {
                write!(out, "{place}: the authority is there without cert-authority")
            }
            Self::CertAuthorityMisplaced { place } => write!(out, "{place}: cert-authority flag invalid here"),
            Self::Certificate(step) => write!(out, "{step}"),
            Self::RootAllowed { setting } if setting == "forced-commands-only" => {
                out.write_str("Root login accepted for forced command.")
            }
            Self::RootAllowed { setting } => write!(out, "PermitRootLogin {setting} lets root in this way"),
            Self::ComponentSound { path, uid, mode } => {
                write!(out, "{} belongs to uid {uid} and has mode {mode:04o}", path.display())
            }
            Self::ComponentUnsound { path, uid, mode } => {
                write!(out, "{} belongs to uid {uid} and has mode {mode:04o}: unsafe", path.display())
            }
            Self::PrincipalAuthorized { user, principal } => {
                write!(out, "Authorized to {user}, krb5 principal {principal} (krb5_kuserok)")
            }
            Self::Hostbased(step) => write!(out, "{step}"),
            Self::ChrootComponentUnsound { component, command } => {
                let shown = component.path.trim_end_matches('/');
                let shown = if shown.is_empty() { "/" } else { shown };
                write!(out, "ChrootDirectory: {shown} {}: {command}", component.owner_and_mode())
            }
            Self::ChrootComponentMissing { path, command } => {
                write!(out, "ChrootDirectory: {} is not there: {command}", path.trim_end_matches('/'))
            }
            Self::ChrootComponentNoDirectory { path } => write!(out, "ChrootDirectory: {path} is not a directory"),
            Self::JailLinkTrusted { link, uid } => {
                write!(out, "SftpJail: the symbolic link {link} belongs to uid {uid} and is followed")
            }
            Self::JailNamed { directory } => {
                write!(out, "internal-sftp is forced, so it may be kept in SftpJail {}", directory.display())
            }
            Self::LoginsCounted { open, limit } => write!(out, "MaxSessionsPerUser is {limit}, in use are {open}"),
            Self::Refused(refusal) => write!(out, "{refusal}"),
        }
    }
}
