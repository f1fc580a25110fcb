//! What the listener says about the penalties of a source (PerSourcePenalties of sshd_config(5)).

use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

use crate::Level;

/// What a source is penalised for: the classes of PerSourcePenalties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Offence {
    /// A process of ours crashed.
    Crash,
    /// A failed attempt to log in.
    FailedAuthentication,
    /// A connection that never tried.
    NoAuthentication,
    /// An attempt as a user who cannot log in.
    InvalidUser,
    /// RefuseConnection
    RefusedConnection,
    /// LoginGraceTime was over.
    GraceExceeded,
}

impl Offence {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Crash => "penalty: caused crash",
            Self::FailedAuthentication => "penalty: failed authentication",
            Self::NoAuthentication => "penalty: connections without attempting authentication",
            Self::InvalidUser => "penalty: attempted authentication by invalid user",
            Self::RefusedConnection => "penalty: connection prohibited by RefuseConnection",
            Self::GraceExceeded => "penalty: exceeded LoginGraceTime",
        }
    }
}

/// An address and how many of its leading bits are penalised with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PenalisedSource {
    /// The address that offended.
    pub address: IpAddr,
    /// PerSourceNetBlockSize
    pub bits: u8,
}

impl PenalisedSource {
    fn family(&self) -> &'static str {
        if self.address.is_ipv4() { "ipv4" } else { "ipv6" }
    }
}

impl fmt::Display for PenalisedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// What has become of the penalties of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Penalty {
    /// The source.
    pub source: PenalisedSource,
    /// The latest offence.
    pub offence: Offence,
    /// How long its penalties last from now on.
    pub milliseconds: u64,
    /// What has happened to them.
    pub change: PenaltyChange,
}

/// See [`Penalty::change`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum PenaltyChange {
    /// The first one, and reason enough to refuse the source.
    NewAndActive,
    /// The first one; it only adds up until there is enough.
    NewAndDeferred,
    /// They have added up to enough: the source is refused from now on.
    Activated,
    /// They have grown, and the source is refused as before.
    GrewActive,
    /// They have grown, and there is not enough yet.
    GrewDeferred,
    /// There is none: the table is full, and `overflow:deny-all` keeps those that are in it.
    TableFull,
}

impl Penalty {
    pub(crate) fn level(&self) -> Level {
        match self.change {
            PenaltyChange::NewAndActive | PenaltyChange::Activated => Level::Info,
            PenaltyChange::NewAndDeferred | PenaltyChange::TableFull => Level::Verbose,
            PenaltyChange::GrewActive | PenaltyChange::GrewDeferred => Level::Debug1,
        }
    }

    pub(crate) fn text(&self) -> String {
        let Self { source, offence, milliseconds, change } = self;
        let (family, offence) = (source.family(), offence.words());
        let seconds = format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
        let what = match change {
            PenaltyChange::NewAndActive => {
                format!("{family}: new {source} active penalty of {seconds} seconds for {offence}")
            }
            PenaltyChange::NewAndDeferred => {
                format!("{family}: new {source} deferred penalty of {seconds} seconds for {offence}")
            }
            PenaltyChange::Activated => {
                format!("{source}: activating {family} penalty of {seconds} seconds for {offence}")
            }
            PenaltyChange::GrewActive | PenaltyChange::GrewDeferred => {
                let active = if *change == PenaltyChange::GrewActive { "active" } else { "inactive" };
                let seconds = milliseconds / 1000;
                format!("{active} penalty for {family} {source} already exists, {seconds} seconds remaining")
            }
            PenaltyChange::TableFull => format!("{family} penalty table full, cannot penalise {source} for {offence}"),
        };
        // The function of theirs that administrators look for in the log.
        format!("srclimit_penalise: {what}")
    }
}
