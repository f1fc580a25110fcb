//! SSH's binary encoding (RFC 4251 section 5) and the message numbers of RFC 4250 section 4.1.
//!
//! A [`Reader`] never allocates and never panics: every length is compared with what is there before it is used.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

mod mpint;
pub mod msg;
mod reader;
mod writer;

pub use mpint::{minimal_positive, positive_magnitude};
pub use reader::{NameList, Reader, WireError};
pub use writer::Write;
