//! An exchange under way: tokens come and go until both sides know each other.

use std::ptr::{null, null_mut};

use crate::buffer::Made;
use crate::delegated::{Credential, Delegated};
use crate::established::Established;
use crate::functions::{
    CONTINUE_NEEDED, FLAG_DELEGATED, FLAG_INTEGRITY, Functions, Handle, RawBuffer, RawOid, functions, is_error,
};
use crate::name::Name;
use crate::{GssError, KERBEROS};

/// A server's side of an exchange.
#[derive(Debug)]
pub struct Accepting {
    functions: &'static Functions,
    credential: Credential,
    context: Context,
}

/// What a token came to.
#[derive(Debug)]
pub enum Stepped {
    /// More is to come.
    GoesOn(Accepting, Vec<u8>),
    /// The peer is known. A token that is not empty is to be sent first.
    Done(Established, Vec<u8>),
}

/// An exchange that has failed.
#[derive(Debug)]
pub struct Refused {
    /// Why, for the log.
    pub error: GssError,
    /// What to tell the peer in the mechanism's own language; empty when there is nothing to tell.
    pub token: Vec<u8>,
}

impl Accepting {
    /// Begins an exchange. `service` is the name that peers must use, such as `host@pc.example.org`; without one, every
    /// key of the key table will do.
    ///
    /// # Errors
    /// Without the library, or a key table with such a name.
    pub fn begin(service: Option<&str>) -> Result<Self, GssError> {
        let functions = functions()?;
        let name = service.map(|service| Name::of_service(functions, service)).transpose()?;
        let credential = Credential::to_accept(functions, name.as_ref())?;
        Ok(Self { functions, credential, context: Context { functions, handle: null_mut() } })
    }

    /// Takes a token of the peer.
    ///
    /// # Errors
    /// When the exchange has failed. There is no second try: the peer may begin another one.
    pub fn step(mut self, token: &[u8]) -> Result<Stepped, Refused> {
        let (input, mut output) = (RawBuffer::over(token), Made::empty(self.functions));
        let (mut minor, mut flags) = (0, 0);
        let (mut peer, mut delegated): (Handle, Handle) = (null_mut(), null_mut());
        let mut mechanism: *mut RawOid = null_mut();
        // SAFETY: the context is null at first and the library's own later; input and output outlive the call; there are no
        // channel bindings; what comes back is taken over below, in every case.
        let major = unsafe {
            (self.functions.accept_sec_context)(
                &raw mut minor,
                &raw mut self.context.handle,
                self.credential.handle(),
                &raw const input,
                null(),
                &raw mut peer,
                &raw mut mechanism,
                &raw mut output.raw,
                &raw mut flags,
                null_mut(),
                &raw mut delegated,
            )
        };
        let peer = Name::take(self.functions, peer);
        let delegated = Credential::take(self.functions, delegated);
        let token = output.bytes();
        if is_error(major) {
            return Err(Refused { error: GssError::of(self.functions, major, minor), token });
        }
        if major & CONTINUE_NEEDED != 0 {
            return Ok(Stepped::GoesOn(self, token));
        }
        // SAFETY: null, or one of the library's own object identifiers, which stay.
        if !unsafe { is_kerberos(mechanism) } {
            return Err(Refused { error: GssError::OtherMechanism, token: Vec::new() });
        }
        if flags & FLAG_INTEGRITY == 0 {
            return Err(Refused { error: GssError::NoIntegrity, token: Vec::new() });
        }
        let Some(peer) = peer else {
            let error = GssError::Failed("the peer has no name".to_owned());
            return Err(Refused { error, token: Vec::new() });
        };
        let delegated = delegated.filter(|_| flags & FLAG_DELEGATED != 0).map(Delegated::new);
        Ok(Stepped::Done(Established::new(self.functions, self.context, peer, delegated), token))
    }
}

/// # Safety
/// `mechanism` is null or leads to an object identifier.
unsafe fn is_kerberos(mechanism: *const RawOid) -> bool {
    // SAFETY: by contract.
    let Some(mechanism) = (unsafe { mechanism.as_ref() }) else { return false };
    let Ok(length) = usize::try_from(mechanism.length) else { return false };
    if mechanism.elements.is_null() {
        return false;
    }
    // SAFETY: an object identifier has `length` bytes.
    unsafe { std::slice::from_raw_parts(mechanism.elements.cast::<u8>(), length) == KERBEROS }
}

/// A security context; given back with its owner.
#[derive(Debug)]
pub(crate) struct Context {
    functions: &'static Functions,
    /// Null before the first token.
    pub(crate) handle: Handle,
}

// SAFETY: a context belongs to no thread; one value is used by one thread at a time.
unsafe impl Send for Context {}

impl Drop for Context {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the context is null or the library's own, and is given back once; no token is wanted.
        unsafe { (self.functions.delete_sec_context)(&raw mut minor, &raw mut self.handle, null_mut()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a key table nobody can be spoken to; without the library neither. Both are said.
    #[test]
    fn a_service_without_a_key_accepts_nobody() {
        let error = Accepting::begin(Some("host@no-such-host.invalid")).unwrap_err();
        assert!(!error.to_string().is_empty());
    }
}
