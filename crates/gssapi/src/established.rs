//! An exchange that is complete: the peer is known, and messages can be verified.

use std::ffi::CString;
use std::ptr::null_mut;

use crate::GssError;
use crate::accepting::Context;
use crate::delegated::Delegated;
use crate::functions::{Functions, RawBuffer};
use crate::name::Name;

/// A peer who has proven a Kerberos name. Nothing ties that to this connection until a MIC over something of this
/// connection was verified.
#[derive(Debug)]
pub struct Established {
    functions: &'static Functions,
    context: Context,
    peer: Name,
    delegated: Option<Delegated>,
}

impl Established {
    pub(crate) fn new(
        functions: &'static Functions,
        context: Context,
        peer: Name,
        delegated: Option<Delegated>,
    ) -> Self {
        Self { functions, context, peer, delegated }
    }

    /// The peer's principal, such as `alice@EXAMPLE.ORG`.
    ///
    /// # Errors
    /// When it cannot be shown.
    pub fn principal(&self) -> Result<String, GssError> {
        self.peer.text()
    }

    /// Checks that the peer has made `mic` over `message` in this exchange.
    ///
    /// # Errors
    /// When it has not.
    pub fn verify_mic(&self, message: &[u8], mic: &[u8]) -> Result<(), GssError> {
        let (message, mic, mut minor) = (RawBuffer::over(message), RawBuffer::over(mic), 0);
        // SAFETY: the context is established; both buffers outlive the call; the quality is not asked for.
        let major = unsafe {
            (self.functions.verify_mic)(
                &raw mut minor,
                self.context.handle,
                &raw const message,
                &raw const mic,
                null_mut(),
            )
        };
        // Not only errors: a MIC that was seen before is none.
        if major == 0 { Ok(()) } else { Err(GssError::of(self.functions, major, minor)) }
    }

    /// Whether the peer may be the account `user` here: `~/.k5login` lists the principal, or without such a file the
    /// principal is of that name in a realm of this host (`krb5_kuserok`).
    #[must_use]
    pub fn may_be(&self, user: &str) -> bool {
        let Ok(user) = CString::new(user) else { return false };
        // SAFETY: the name is the library's own; the text ends in a NUL and outlives the call.
        unsafe { (self.functions.userok)(self.peer.handle(), user.as_ptr()) == 1 }
    }

    /// What the peer has delegated, if anything.
    #[must_use]
    pub fn into_delegated(self) -> Option<Delegated> {
        self.delegated
    }
}
