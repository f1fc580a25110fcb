//! Names in the library's own form.

use std::ptr::{NonNull, null_mut};

use crate::GssError;
use crate::buffer::Made;
use crate::functions::{Functions, Handle, RawBuffer, is_error, oid};

/// `GSS_C_NT_HOSTBASED_SERVICE`: 1.2.840.113554.1.2.1.4
const HOSTBASED_SERVICE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x01, 0x04];

/// A name; given back with its owner.
#[derive(Debug)]
pub(crate) struct Name {
    functions: &'static Functions,
    handle: NonNull<std::ffi::c_void>,
}

// SAFETY: a name belongs to no thread; one value is used by one thread at a time.
unsafe impl Send for Name {}

impl Name {
    /// Takes over a name that the library has made; `None` if it has not.
    pub(crate) fn take(functions: &'static Functions, handle: Handle) -> Option<Self> {
        Some(Self { functions, handle: NonNull::new(handle)? })
    }

    /// The name of a service on a host, such as `host@pc.example.org`.
    pub(crate) fn of_service(functions: &'static Functions, service: &str) -> Result<Self, GssError> {
        let (text, kind) = (RawBuffer::over(service.as_bytes()), oid(HOSTBASED_SERVICE));
        let (mut minor, mut handle) = (0, null_mut());
        // SAFETY: all pointers lead to values that outlive the call; the library copies what it needs.
        let major =
            unsafe { (functions.import_name)(&raw mut minor, &raw const text, &raw const kind, &raw mut handle) };
        let name = Self::take(functions, handle);
        name.filter(|_| !is_error(major)).ok_or_else(|| GssError::of(functions, major, minor))
    }

    pub(crate) fn handle(&self) -> Handle {
        self.handle.as_ptr()
    }

    /// As people write it: `alice@EXAMPLE.ORG`.
    pub(crate) fn text(&self) -> Result<String, GssError> {
        let (mut minor, mut text) = (0, Made::empty(self.functions));
        // SAFETY: the name is the library's own; `text` is empty and is given back by its owner; the type is not asked for.
        let major =
            unsafe { (self.functions.display_name)(&raw mut minor, self.handle(), &raw mut text.raw, null_mut()) };
        if is_error(major) { Err(GssError::of(self.functions, major, minor)) } else { Ok(text.text()) }
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let (mut minor, mut handle) = (0, self.handle());
        // SAFETY: the name came from the library and is given back once.
        unsafe { (self.functions.release_name)(&raw mut minor, &raw mut handle) };
    }
}
