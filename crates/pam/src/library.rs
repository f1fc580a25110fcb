//! libpam's functions and numbers (pam(3), `security/_pam_types.h`).

use std::ffi::{c_char, c_int, c_void};
use std::io;

use sys::library::{LIBPAM, Library};

/// `pam_handle_t`, which only the library looks into.
pub(crate) type Handle = c_void;

/// `struct pam_message`
#[repr(C)]
pub(crate) struct PamMessage {
    pub(crate) style: c_int,
    pub(crate) text: *const c_char,
}

/// `struct pam_response`
#[repr(C)]
pub(crate) struct PamResponse {
    pub(crate) text: *mut c_char,
    /// Not used; 0.
    pub(crate) code: c_int,
}

/// `struct pam_conv`. Linux-PAM hands `messages` over as an array of pointers to messages; Solaris means a pointer to
/// an array of them by the same type (CVE-2003-0787).
#[repr(C)]
pub(crate) struct PamConv {
    pub(crate) conversation: unsafe extern "C" fn(
        count: c_int,
        messages: *mut *const PamMessage,
        responses: *mut *mut PamResponse,
        data: *mut c_void,
    ) -> c_int,
    pub(crate) data: *mut c_void,
}

/// Return codes.
pub(crate) mod code {
    use std::ffi::c_int;

    pub(crate) const SUCCESS: c_int = 0;
    pub(crate) const SYSTEM_ERR: c_int = 4;
    pub(crate) const MAXTRIES: c_int = 11;
    pub(crate) const NEW_AUTHTOK_REQD: c_int = 12;
    pub(crate) const CONV_ERR: c_int = 19;
}

/// Items of a transaction.
pub(crate) mod item {
    use std::ffi::c_int;

    pub(crate) const USER: c_int = 2;
    pub(crate) const TTY: c_int = 3;
    pub(crate) const RHOST: c_int = 4;
    pub(crate) const CONV: c_int = 5;
}

/// Flags.
pub(crate) mod flag {
    use std::ffi::c_int;

    pub(crate) const NONE: c_int = 0;
    pub(crate) const SILENT: c_int = 0x8000;
    pub(crate) const DISALLOW_NULL_AUTHTOK: c_int = 0x1;
    pub(crate) const ESTABLISH_CRED: c_int = 0x2;
    pub(crate) const DELETE_CRED: c_int = 0x4;
    pub(crate) const CHANGE_EXPIRED_AUTHTOK: c_int = 0x20;
}

/// Styles of messages.
pub(crate) mod style {
    use std::ffi::c_int;

    pub(crate) const PROMPT_ECHO_OFF: c_int = 1;
    pub(crate) const PROMPT_ECHO_ON: c_int = 2;
    pub(crate) const ERROR_MSG: c_int = 3;
    pub(crate) const TEXT_INFO: c_int = 4;
}

/// `PAM_MAX_NUM_MSG`
pub(crate) const MOST_MESSAGES: c_int = 32;

/// A function of a transaction and its flags: `pam_authenticate` and its like.
pub(crate) type WithFlags = unsafe extern "C" fn(*mut Handle, c_int) -> c_int;

/// Declares [`Pam`] and how its functions are found.
macro_rules! functions {
    ($($field:ident = $symbol:literal: $type:ty;)+) => {
        /// The library, loaded, with every function that is used.
        #[derive(Debug, Clone, Copy)]
        pub struct Pam { $(pub(crate) $field: $type),+ }

        impl Pam {
            /// Loads libpam. Its modules are loaded when a transaction starts.
            ///
            /// # Errors
            /// `NotFound` when this host has no libpam, or none that has all functions.
            pub fn load() -> io::Result<Self> {
                let library = Library::load_for_modules(&[LIBPAM])?;
                Ok(Self { $($field: {
                    let address = library.address($symbol)?.as_ptr();
                    // SAFETY: the function of this name has this type in Linux-PAM (its page of section 3).
                    unsafe { std::mem::transmute::<*mut c_void, $type>(address) }
                }),+ })
            }
        }
    };
}

functions! {
    start = c"pam_start":
        unsafe extern "C" fn(*const c_char, *const c_char, *const PamConv, *mut *mut Handle) -> c_int;
    end = c"pam_end": WithFlags;
    set_item = c"pam_set_item": unsafe extern "C" fn(*mut Handle, c_int, *const c_void) -> c_int;
    get_item = c"pam_get_item": unsafe extern "C" fn(*const Handle, c_int, *mut *const c_void) -> c_int;
    strerror = c"pam_strerror": unsafe extern "C" fn(*mut Handle, c_int) -> *const c_char;
    putenv = c"pam_putenv": unsafe extern "C" fn(*mut Handle, *const c_char) -> c_int;
    getenvlist = c"pam_getenvlist": unsafe extern "C" fn(*mut Handle) -> *mut *mut c_char;
    authenticate = c"pam_authenticate": WithFlags;
    acct_mgmt = c"pam_acct_mgmt": WithFlags;
    chauthtok = c"pam_chauthtok": WithFlags;
    setcred = c"pam_setcred": WithFlags;
    open_session = c"pam_open_session": WithFlags;
    close_session = c"pam_close_session": WithFlags;
}
