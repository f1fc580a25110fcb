//! Credentials: the server's own, and what a peer has delegated.

use std::ffi::{CString, c_int};
use std::ptr::{NonNull, null_mut};

use crate::GssError;
use crate::functions::{
    Functions, Handle, INDEFINITE, RawOidSet, RawPair, RawPairs, USAGE_ACCEPT, USAGE_INITIATE, is_error, kerberos,
};
use crate::name::Name;

/// A credential; given back with its owner.
#[derive(Debug)]
pub(crate) struct Credential {
    functions: &'static Functions,
    handle: NonNull<std::ffi::c_void>,
}

// SAFETY: a credential belongs to no thread; one value is used by one thread at a time.
unsafe impl Send for Credential {}

impl Credential {
    /// The server's own, from its key table: to be spoken to with Kerberos and nothing else, as `name` or, without one,
    /// as any name that the table holds.
    pub(crate) fn to_accept(functions: &'static Functions, name: Option<&Name>) -> Result<Self, GssError> {
        let mut mechanism = kerberos();
        let mechanisms = RawOidSet { count: 1, elements: &raw mut mechanism };
        let (mut minor, mut handle) = (0, null_mut());
        // SAFETY: all pointers lead to values that outlive the call, or are null where the library allows it; it copies
        // what it needs.
        let major = unsafe {
            (functions.acquire_cred)(
                &raw mut minor,
                name.map_or(null_mut(), Name::handle),
                INDEFINITE,
                &raw const mechanisms,
                USAGE_ACCEPT,
                &raw mut handle,
                null_mut(),
                null_mut(),
            )
        };
        let credential = Self::take(functions, handle);
        credential.filter(|_| !is_error(major)).ok_or_else(|| GssError::of(functions, major, minor))
    }

    /// Takes over a credential that the library has made; `None` if it has not.
    pub(crate) fn take(functions: &'static Functions, handle: Handle) -> Option<Self> {
        Some(Self { functions, handle: NonNull::new(handle)? })
    }

    pub(crate) fn handle(&self) -> Handle {
        self.handle.as_ptr()
    }
}

impl Drop for Credential {
    fn drop(&mut self) {
        let (mut minor, mut handle) = (0, self.handle());
        // SAFETY: the credential came from the library and is given back once.
        unsafe { (self.functions.release_cred)(&raw mut minor, &raw mut handle) };
    }
}

/// What a peer has delegated to this host: with it, their processes here are them elsewhere.
#[derive(Debug)]
pub struct Delegated(Credential);

impl Delegated {
    pub(crate) fn new(credential: Credential) -> Self {
        Self(credential)
    }

    /// Writes it into a credential cache such as `FILE:/tmp/krb5cc_1000_x`, in place of what is there; to be called with
    /// the rights of the cache's owner.
    ///
    /// # Errors
    /// When the cache cannot be written.
    pub fn store_into(&self, cache: &str) -> Result<(), GssError> {
        let functions = self.0.functions;
        let cache = CString::new(cache).map_err(|_| GssError::Failed("a cache's name holds a NUL".to_owned()))?;
        let pair = RawPair { key: c"ccache".as_ptr(), value: cache.as_ptr() };
        let place = RawPairs { count: 1, elements: &raw const pair };
        let (overwrite, make_default): (u32, u32) = (1, 0);
        let (mechanism, mut minor, mut usage): (_, _, c_int) = (kerberos(), 0, 0);
        // SAFETY: all pointers lead to values that outlive the call, or are null where the library allows it.
        let major = unsafe {
            (functions.store_cred_into)(
                &raw mut minor,
                self.0.handle(),
                USAGE_INITIATE,
                &raw const mechanism,
                overwrite,
                make_default,
                &raw const place,
                null_mut(),
                &raw mut usage,
            )
        };
        if is_error(major) { Err(GssError::of(functions, major, minor)) } else { Ok(()) }
    }
}
