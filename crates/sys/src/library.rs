//! Shared libraries that are loaded when they are first needed: who does not use them neither needs them installed nor
//! pays for them in memory.

use std::ffi::{CStr, c_void};
use std::io;
use std::ptr::NonNull;

/// PAM. The listener makes sure that it is there; the monitor alone uses it.
pub const LIBPAM: &CStr = c"libpam.so.0";

/// A library in this process. It stays until the process ends: what was loaded may have left threads and handlers
/// behind that must not lose their code.
#[derive(Debug, Clone, Copy)]
pub struct Library(NonNull<c_void>);

// SAFETY: a handle of dlopen(3) may be used by any thread.
unsafe impl Send for Library {}
// SAFETY: as above; dlsym(3) is safe to call from several threads at once.
unsafe impl Sync for Library {}

impl Library {
    /// Loads the first of these libraries that is there. `names` are those of the run-time linker, such as
    /// `libpam.so.0`.
    ///
    /// # Errors
    /// `NotFound` with what the run-time linker says of the last one.
    pub fn load(names: &[&CStr]) -> io::Result<Self> {
        Self::open(names, libc::RTLD_LOCAL)
    }

    /// The same, for a library with modules of its own: they find its functions also if they were not linked with it.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_for_modules(names: &[&CStr]) -> io::Result<Self> {
        Self::open(names, libc::RTLD_GLOBAL)
    }

    fn open(names: &[&CStr], visible_to: i32) -> io::Result<Self> {
        let mut why = "no library was named".to_owned();
        for name in names {
            // SAFETY: the name ends in a NUL. Initialisers of the library run here: it is one of the system's own.
            let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | visible_to) };
            if let Some(handle) = NonNull::new(handle) {
                return Ok(Self(handle));
            }
            why = last_error();
        }
        Err(io::Error::new(io::ErrorKind::NotFound, why))
    }

    /// Where a function or a variable of this library is.
    ///
    /// # Errors
    /// `NotFound` when there is none of this name.
    pub fn address(&self, symbol: &CStr) -> io::Result<NonNull<c_void>> {
        // SAFETY: the handle came from dlopen(3) and is never closed; the name ends in a NUL.
        let address = unsafe { libc::dlsym(self.0.as_ptr(), symbol.as_ptr()) };
        NonNull::new(address).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, last_error()))
    }
}

/// Whether a library could be loaded. It is given up again: this process does not need it.
///
/// # Errors
/// As [`Library::load`].
pub fn is_there(name: &CStr) -> io::Result<()> {
    let Library(handle) = Library::load(&[name])?;
    // SAFETY: a handle of dlopen(3) that nobody else knows; no address of the library was asked for.
    unsafe { libc::dlclose(handle.as_ptr()) };
    Ok(())
}

fn last_error() -> String {
    // SAFETY: returns null, or a string that stays until the next call of this thread.
    let text = unsafe { libc::dlerror() };
    if text.is_null() {
        return "not found".to_owned();
    }
    // SAFETY: not null, and as above.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_symbols_are_found_or_said_to_be_missing() {
        let library = Library::load(&[c"libbulkhead-no-such.so.9", c"libc.so.6"]).unwrap();
        assert!(library.address(c"getpid").is_ok());
        assert_eq!(library.address(c"no_such_function").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(is_there(c"libc.so.6").is_ok() && is_there(c"libbulkhead-no-such.so.9").is_err());
        let missing = Library::load(&[c"libbulkhead-no-such.so.9"]).unwrap_err();
        assert!(missing.to_string().contains("libbulkhead-no-such.so.9"), "{missing}");
    }
}
