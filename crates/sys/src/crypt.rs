//! crypt(3): passwords against what the shadow database keeps of them.

use std::ffi::{CStr, CString, c_char};
use std::io;
use std::sync::Mutex;

use zeroize::{Zeroize, Zeroizing};

use crate::library::Library;

/// Its names on Linux systems; the second one has no algorithms from before 1990.
const LIBCRYPT: [&CStr; 2] = [c"libcrypt.so.1", c"libcrypt.so.2"];

/// Longest hash in bytes, the final NUL included, that libxcrypt makes (CRYPT_OUTPUT_SIZE).
const LONGEST_HASH: usize = 384;

/// crypt(3) answers in memory of its own.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// crypt(3), loaded.
#[derive(Debug, Clone, Copy)]
pub struct Crypt {
    library: Library,
}

impl Crypt {
    /// Loads libcrypt.
    ///
    /// # Errors
    /// When the system has none.
    pub fn load() -> io::Result<Self> {
        let library = Library::load(&LIBCRYPT)?;
        library.address(c"crypt")?;
        Ok(Self { library })
    }

    /// The hash of `password` with the method, cost and salt of `setting`, which may be a whole hash. `None` when the
    /// system does not know the method, or the password holds a NUL byte.
    #[must_use]
    pub fn hash(&self, password: &[u8], setting: &str) -> Option<Zeroizing<String>> {
        let password = Zeroizing::new(CString::new(password).ok()?);
        let setting = Zeroizing::new(CString::new(setting).ok()?);
        let address = self.library.address(c"crypt").ok()?;
        // SAFETY: this is the type that POSIX gives crypt().
        let crypt = unsafe {
            std::mem::transmute::<
                *mut std::ffi::c_void,
                unsafe extern "C" fn(*const c_char, *const c_char) -> *mut c_char,
            >(address.as_ptr())
        };
        let _alone = ONE_AT_A_TIME.lock().ok()?;
        // SAFETY: both strings end in a NUL and live through the call; nobody else is in crypt().
        let hash = unsafe { crypt(password.as_ptr(), setting.as_ptr()) };
        if hash.is_null() {
            return None;
        }
        // SAFETY: not null, so a NUL-terminated string in crypt's own memory, which only the next call changes.
        let text = unsafe { CStr::from_ptr(hash) };
        let copy = Zeroizing::new(text.to_str().ok()?.to_owned());
        let length = copy.len().min(LONGEST_HASH);
        // SAFETY: `length` bytes in front of the NUL, in memory of crypt that only it and this function know.
        unsafe { std::slice::from_raw_parts_mut(hash.cast::<u8>(), length) }.zeroize();
        // Failure tokens: what no hash begins with.
        (!copy.starts_with('*')).then_some(copy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes_come_out() {
        let crypt = Crypt::load().unwrap();
        let sha512 =
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
        assert_eq!(crypt.hash(b"Hello world!", "$6$saltstring").unwrap().as_str(), sha512);
        assert_eq!(crypt.hash(b"Hello world!", sha512).unwrap().as_str(), sha512);
        assert_ne!(crypt.hash(b"Hello world", sha512).unwrap().as_str(), sha512);
        let yescrypt = crypt.hash(b"x", "$y$j9T$abcdefghijklmnop").unwrap();
        assert!(yescrypt.starts_with("$y$j9T$abcdefghijklmnop$"));
    }

    #[test]
    fn what_is_no_setting_makes_no_hash() {
        let crypt = Crypt::load().unwrap();
        for setting in ["", "*", "!", "x", "$nosuch$salt", "!$6$saltstring$"] {
            assert!(crypt.hash(b"x", setting).is_none(), "{setting}");
        }
        assert!(crypt.hash(b"a\0b", "$6$saltstring").is_none());
    }
}
