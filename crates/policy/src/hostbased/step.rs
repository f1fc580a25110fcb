//! The steps of a host-based login, and reasons against it.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Refusal, Step, Weight};

/// One step. Where OpenSSH logs the same fact, `Display` is its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostbasedStep {
    /// The algorithm is accepted.
    AlgorithmAccepted {
        /// Its name.
        algorithm: String,
    },
    /// The client knows its host by another name than we do.
    NameDiffers {
        /// What it sends.
        sent: String,
        /// Its address.
        address: String,
        /// The name of that address, which counts.
        resolved: String,
    },
    /// The account is root's.
    SystemFilesNotForRoot,
    /// IgnoreRhosts
    FileIgnored {
        /// Its name.
        file: String,
    },
    /// StrictModes: others could have written a file of trusted hosts.
    FileUnsound {
        /// The account.
        user: String,
        /// The file.
        file: PathBuf,
    },
    /// StrictModes: others could have written a file of known hosts.
    KnownHostsUnsound {
        /// The account.
        user: String,
        /// The file.
        file: PathBuf,
    },
    /// A line of trusted hosts that cannot be used.
    LineUnusable {
        /// `FILE:LINE`
        place: String,
        /// Why.
        reason: String,
    },
    /// A line refuses the user on this host.
    LineRefuses {
        /// `FILE:LINE`
        place: String,
    },
    /// A line trusts the user on this host.
    LineTrusts {
        /// `FILE:LINE`
        place: String,
    },
    /// A line of known hosts that cannot be used.
    KnownHostUnusable {
        /// `FILE:LINE`
        place: String,
        /// Why.
        reason: String,
    },
    /// A line holds the key for the host.
    KeyFound {
        /// The client's host.
        host: String,
        /// `FILE:LINE`
        place: String,
    },
    /// The key is the host's.
    KeyAccepted {
        /// Its type, as `ED25519`.
        key_type: String,
        /// Its fingerprint.
        fingerprint: String,
        /// The client's user.
        user: String,
        /// The client's host.
        host: String,
    },
    /// The certificate is the host's, and an authority for it has signed it.
    CertificateAccepted {
        /// What the authority calls it.
        key_id: String,
        /// Type and fingerprint of the authority.
        authority: String,
        /// The client's user.
        user: String,
        /// The client's host.
        host: String,
    },
}

/// Why a host does not vouch for its user here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostbasedRefusal {
    /// The algorithm is not in HostbasedAcceptedAlgorithms.
    AlgorithmNotAccepted {
        /// Its name.
        algorithm: String,
    },
    /// No file trusts the user on this host.
    NotTrusted {
        /// The client's user.
        user: String,
        /// The client's host.
        host: String,
        /// Its address.
        address: String,
    },
    /// The account has no home directory.
    NoHome {
        /// The account.
        user: String,
        /// Where it should be.
        home: PathBuf,
    },
    /// StrictModes: others could have put files into the home directory.
    UnsoundHome {
        /// The account.
        user: String,
    },
    /// A line revokes the host's key.
    KeyRevoked {
        /// The client's host.
        host: String,
    },
    /// The certificate is none for this host now.
    Certificate {
        /// What the authority calls it.
        key_id: String,
        /// The number that the authority gave it.
        serial: u64,
        /// Type and fingerprint of the authority.
        authority: String,
        /// Why, in theirs' words.
        reason: String,
    },
    /// No line of any file holds the key, or its authority, for this host.
    KeyNotKnown {
        /// The client's host.
        host: String,
    },
}

impl From<HostbasedStep> for Step {
    fn from(step: HostbasedStep) -> Self {
        Self::Hostbased(step)
    }
}

impl From<HostbasedRefusal> for Refusal {
    fn from(refusal: HostbasedRefusal) -> Self {
        Self::Hostbased(refusal)
    }
}

impl HostbasedStep {
    pub(crate) fn weight(&self) -> Weight {
        match self {
            Self::NameDiffers { .. } | Self::FileUnsound { .. } | Self::KnownHostsUnsound { .. } => Weight::Info,
            Self::KeyAccepted { .. } | Self::CertificateAccepted { .. } => Weight::Verbose,
            _ => Weight::Debug,
        }
    }
}

impl HostbasedRefusal {
    pub(crate) fn weight(&self) -> Weight {
        match self {
            Self::KeyRevoked { .. } | Self::Certificate { .. } => Weight::Error,
            Self::NotTrusted { .. } | Self::KeyNotKnown { .. } => Weight::Debug,
            _ => Weight::Info,
        }
    }
}

impl fmt::Display for HostbasedStep {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlgorithmAccepted { algorithm } => write!(out, "HostbasedAcceptedAlgorithms holds {algorithm}"),
            Self::NameDiffers { sent, address, resolved } => {
                write!(out, "userauth_hostbased mismatch: client sends {sent}, but we resolve {address} to {resolved}")
            }
            Self::SystemFilesNotForRoot => out.write_str("root user, ignoring system hosts files"),
            Self::FileIgnored { file } => write!(out, "Server has been configured to ignore {file}."),
            Self::FileUnsound { user, file } => {
                write!(out, "Rhosts authentication refused for {user}: bad modes for {}", file.display())
            }
            Self::KnownHostsUnsound { user, file } => {
                write!(out, "Authentication refused for {user}: bad owner or modes for {}", file.display())
            }
            Self::LineUnusable { place, reason } => write!(out, "{place}: {reason}"),
            Self::KnownHostUnusable { place, reason } => write!(out, "{place}: {reason}"),
            Self::LineRefuses { place } => write!(out, "Matched negative entry in {place}."),
            Self::LineTrusts { place } => write!(out, "Accepted by {place}."),
            Self::KeyFound { host, place } => write!(out, "key for {host} found at {place}"),
            Self::KeyAccepted { key_type, fingerprint, user, host } => {
                write!(out, "Accepted {key_type} public key {fingerprint} from {user}@{host}")
            }
            Self::CertificateAccepted { key_id, authority, user, host } => {
                let (key_type, fingerprint) = authority.split_once(' ').unwrap_or((authority, ""));
                write!(
                    out,
                    "Accepted certificate ID \"{key_id}\" signed by {key_type} CA {fingerprint} from {user}@{host}"
                )
            }
        }
    }
}

impl fmt::Display for HostbasedRefusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlgorithmNotAccepted { algorithm } => {
                write!(out, "signature algorithm {algorithm} not in HostbasedAcceptedAlgorithms")
            }
            Self::NotTrusted { user, host, address } => {
                write!(out, "no file trusts user \"{user}\" host \"{host}\" addr \"{address}\"")
            }
            Self::NoHome { user, home } => {
                write!(out, "Rhosts authentication refused for {user}: no home directory {}", home.display())
            }
            Self::UnsoundHome { user } => {
                write!(out, "Rhosts authentication refused for {user}: bad ownership or modes for home directory.")
            }
            Self::KeyRevoked { host } => write!(out, "WARNING: revoked key for {host} attempted authentication"),
            Self::Certificate { key_id, serial, authority, reason } => {
                let (key_type, fingerprint) = authority.split_once(' ').unwrap_or((authority, ""));
                write!(
                    out,
                    "Refusing certificate ID \"{key_id}\" serial={serial} signed by {key_type} CA {fingerprint}: {reason}"
                )
            }
            Self::KeyNotKnown { host } => write!(out, "key for host {host} not found"),
        }
    }
}
