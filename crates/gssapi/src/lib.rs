//! The Kerberos mechanism of GSS-API (RFC 2743, RFC 4121) for a server: who is at the other end, may they be this user,
//! and what have they delegated.
//!
//! MIT's `libgssapi_krb5.so.2` is loaded when it is first needed: hosts without Kerberos do without it, and connections
//! that do not ask for it never have it in memory. An exchange is [`Accepting`] until it is [`Established`]; only then can
//! anything be asked about the peer. Every call may take as long as the library likes (look-ups, files of a home
//! directory), so callers with a time limit call from a thread of their own.

mod accepting;
mod buffer;
mod delegated;
mod error;
mod established;
mod functions;
mod name;

pub use accepting::{Accepting, Refused, Stepped};
pub use delegated::Delegated;
pub use error::GssError;
pub use established::Established;

/// The Kerberos mechanism (RFC 4121 section 7.1): 1.2.840.113554.1.2.2 in DER, without tag and length.
pub const KERBEROS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];
