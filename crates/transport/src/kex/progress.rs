//! How far a key exchange has come: plain values, so that it may be handed over at any point.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{ExchangedGroup, PrimeSizes};
use crate::{ciphers::DirectionKeys, negotiate::Agreed, secret::Secret};

/// The stage of the present key exchange.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) enum Exchange {
    /// No key exchange is under way.
    #[default]
    None,
    /// Our KEXINIT is out; the peer may still send what it wanted to say before it sees ours.
    OurKexinitSent {
        /// I_S
        ours: Vec<u8>,
    },
    /// Both KEXINITs are there; the client's wishes for a group come next.
    AwaitingGroupRequest(Box<Negotiation>),
    /// The group is being chosen.
    AwaitingGroup(Box<GroupWanted>),
    /// The client's public value comes next.
    AwaitingPublicValue {
        negotiation: Box<Negotiation>,
        /// Of a group exchange.
        exchanged_group: Option<Box<ExchangedGroup>>,
    },
    /// Our public value is made; the host key's signature is missing.
    AwaitingSignature(Box<ToBeSigned>),
    /// Our NEWKEYS is out, the peer's is missing.
    AwaitingNewKeys {
        agreed: Box<Agreed>,
        /// For what the peer sends after its NEWKEYS.
        incoming: Box<DirectionKeys>,
    },
}

/// Both KEXINITs, and what they come to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Negotiation {
    /// I_S
    pub(crate) ours: Vec<u8>,
    /// I_C
    pub(crate) theirs: Vec<u8>,
    pub(crate) agreed: Box<Agreed>,
}

/// A group exchange that waits for its group.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GroupWanted {
    pub(crate) negotiation: Box<Negotiation>,
    /// As the client sent them.
    pub(crate) sizes: PrimeSizes,
    /// Within the range that is served.
    pub(crate) served: PrimeSizes,
    /// Whether the owner has been asked; asked again after a hand-over.
    #[serde(skip)]
    pub(crate) asked: bool,
}

/// A key exchange that waits for its signature.
#[derive(Debug, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct ToBeSigned {
    #[zeroize(skip)]
    pub(crate) agreed: Box<Agreed>,
    /// Of SSH_MSG_KEX_ECDH_REPLY, or of its like.
    pub(crate) reply_number: u8,
    pub(crate) server_value: Vec<u8>,
    pub(crate) shared_secret: Secret,
    pub(crate) exchange_hash: Vec<u8>,
    /// Whether the owner has been asked; asked again after a hand-over.
    #[serde(skip)]
    pub(crate) asked: bool,
}

impl Exchange {
    /// Whether packets of the layers above must wait: from our KEXINIT to our NEWKEYS (RFC 4253 section 7.1).
    pub(crate) fn holds_output_back(&self) -> bool {
        match self {
            Self::None | Self::AwaitingNewKeys { .. } => false,
            Self::OurKexinitSent { .. }
            | Self::AwaitingGroupRequest(_)
            | Self::AwaitingGroup(_)
            | Self::AwaitingPublicValue { .. }
            | Self::AwaitingSignature(_) => true,
        }
    }

    /// Whether the owner has to do something before the next packet may be opened.
    pub(crate) fn waits_for_the_owner(&self) -> bool {
        matches!(self, Self::AwaitingGroup(_) | Self::AwaitingSignature(_))
    }

    /// Whether a message of the key exchange method may come.
    pub(crate) fn waits_for_the_method(&self) -> bool {
        matches!(self, Self::AwaitingGroupRequest(_) | Self::AwaitingPublicValue { .. })
    }

    /// Whether the peer has sent its KEXINIT and may send nothing but the key exchange until its NEWKEYS.
    pub(crate) fn binds_the_peer(&self) -> bool {
        match self {
            Self::None | Self::OurKexinitSent { .. } => false,
            Self::AwaitingGroupRequest(_)
            | Self::AwaitingGroup(_)
            | Self::AwaitingPublicValue { .. }
            | Self::AwaitingSignature(_)
            | Self::AwaitingNewKeys { .. } => true,
        }
    }

    /// The stage in words.
    pub(crate) fn in_words(&self) -> &'static str {
        match self {
            Self::None => "outside a key exchange",
            Self::OurKexinitSent { .. } => "before KEXINIT",
            Self::AwaitingGroupRequest(_) => "instead of a request for a group",
            Self::AwaitingGroup(_) => "while a group is being chosen",
            Self::AwaitingPublicValue { .. } => "instead of the client's public value",
            Self::AwaitingSignature(_) => "while the exchange is being signed",
            Self::AwaitingNewKeys { .. } => "instead of NEWKEYS",
        }
    }
}
