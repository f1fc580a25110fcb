//! What can go wrong between two of our own processes.

use std::io;

use thiserror::Error;

/// Any of these ends the child and its connection: processes of one build that misunderstand each other are broken
/// or hostile.
#[derive(Debug, Error)]
pub enum IpcError {
    /// The other process has gone.
    #[error("the other process has gone")]
    PeerGone,
    /// The system refused.
    #[error("cannot use the link: {0}")]
    Io(#[from] io::Error),
    /// A frame of another phase came.
    #[error("a message of phase {came} came in phase {expected}")]
    WrongPhase {
        /// Number of the phase that the frame names.
        came: u8,
        /// Number of the phase that the link is in.
        expected: u8,
    },
    /// The bytes are no message of this phase.
    #[error("a message cannot be decoded")]
    Undecodable,
    /// Bytes were left behind a message.
    #[error("a message has trailing bytes")]
    Trailing,
    /// A message is larger than a frame may be.
    #[error("a message of {0} bytes is too large")]
    TooLarge(usize),
    /// The number of descriptors is not the one that the message declares.
    #[error("a message came with {came} descriptors instead of {expected}")]
    WrongDescriptors {
        /// How many came.
        came: usize,
        /// How many belong to it.
        expected: usize,
    },
    /// The other process belongs to another build.
    #[error("the other process is of build {0}, this one is of build {build}", build = crate::BUILD_ID)]
    OtherBuild(String),
}
