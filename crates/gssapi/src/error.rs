//! What goes wrong, in the library's words.

use std::ffi::c_int;

use thiserror::Error;

use crate::buffer::Made;
use crate::functions::{Functions, Number, kerberos};

/// `GSS_C_GSS_CODE`
const OF_GSSAPI: c_int = 1;
/// `GSS_C_MECH_CODE`
const OF_MECHANISM: c_int = 2;

/// A status can stand for several sentences; nobody needs more of them.
const MOST_SENTENCES: usize = 4;

/// Why something could not be done. Texts may hold what a peer has sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GssError {
    /// The library is not installed, or is another one.
    #[error("the Kerberos library cannot be loaded: {0}")]
    NoLibrary(String),
    /// The library says no.
    #[error("{0}")]
    Failed(String),
    /// The peer spoke another mechanism than Kerberos.
    #[error("the exchange was not made with Kerberos")]
    OtherMechanism,
    /// What was agreed on cannot protect messages, so nothing ties the exchange to this connection.
    #[error("the exchange does not protect messages")]
    NoIntegrity,
}

impl GssError {
    /// What two statuses of one call mean.
    pub(crate) fn of(functions: &'static Functions, major: Number, minor: Number) -> Self {
        let mut sentences = sentences(functions, major, OF_GSSAPI);
        sentences.extend(sentences_of_mechanism(functions, minor));
        Self::Failed(sentences.join(": "))
    }
}

fn sentences_of_mechanism(functions: &'static Functions, minor: Number) -> Vec<String> {
    if minor == 0 { Vec::new() } else { sentences(functions, minor, OF_MECHANISM) }
}

fn sentences(functions: &'static Functions, status: Number, kind: c_int) -> Vec<String> {
    let mechanism = kerberos();
    let (mut position, mut sentences) = (0, Vec::new());
    while sentences.len() < MOST_SENTENCES {
        let (mut minor, mut text) = (0, Made::empty(functions));
        // SAFETY: all pointers lead to values that outlive the call; `text` is empty and is given back by its owner.
        let major = unsafe {
            (functions.display_status)(
                &raw mut minor,
                status,
                kind,
                &raw const mechanism,
                &raw mut position,
                &raw mut text.raw,
            )
        };
        if major != 0 {
            break;
        }
        sentences.push(text.text());
        if position == 0 {
            break;
        }
    }
    sentences
}
