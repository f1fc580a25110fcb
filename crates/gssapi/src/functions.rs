//! The functions of the library, as gssapi.h and gssapi_ext.h declare them.

use std::ffi::{c_char, c_int, c_void};
use std::ptr::{NonNull, null_mut};
use std::sync::OnceLock;

use sys::library::Library;

use crate::GssError;

/// MIT's; Heimdal's has another name and is not known to work.
const NAMES: [&std::ffi::CStr; 1] = [c"libgssapi_krb5.so.2"];

/// `OM_uint32`: a status or flags.
pub(crate) type Number = u32;

/// `gss_ctx_id_t`, `gss_cred_id_t` and `gss_name_t`: only the library looks behind them; null is none.
pub(crate) type Handle = *mut c_void;

/// `gss_buffer_desc`
#[repr(C)]
#[derive(Debug)]
pub(crate) struct RawBuffer {
    pub(crate) length: usize,
    pub(crate) value: *mut c_void,
}

/// `gss_OID_desc`
#[repr(C)]
#[derive(Debug)]
pub(crate) struct RawOid {
    pub(crate) length: Number,
    pub(crate) elements: *mut c_void,
}

/// `gss_OID_set_desc`
#[repr(C)]
#[derive(Debug)]
pub(crate) struct RawOidSet {
    pub(crate) count: usize,
    pub(crate) elements: *mut RawOid,
}

/// `gss_key_value_element_desc`
#[repr(C)]
#[derive(Debug)]
pub(crate) struct RawPair {
    pub(crate) key: *const c_char,
    pub(crate) value: *const c_char,
}

/// `gss_key_value_set_desc`
#[repr(C)]
#[derive(Debug)]
pub(crate) struct RawPairs {
    pub(crate) count: Number,
    pub(crate) elements: *const RawPair,
}

/// `GSS_C_ACCEPT`
pub(crate) const USAGE_ACCEPT: c_int = 2;
/// `GSS_C_INITIATE`
pub(crate) const USAGE_INITIATE: c_int = 1;
/// `GSS_C_DELEG_FLAG`
pub(crate) const FLAG_DELEGATED: Number = 1;
/// `GSS_C_INTEG_FLAG`
pub(crate) const FLAG_INTEGRITY: Number = 32;
/// `GSS_S_CONTINUE_NEEDED`
pub(crate) const CONTINUE_NEEDED: Number = 1;
/// `GSS_C_INDEFINITE`
pub(crate) const INDEFINITE: Number = Number::MAX;

macro_rules! functions {
    ($($(#[doc = $doc:literal])+ $field:ident = $symbol:literal: fn($($argument:ty),*) -> $result:ty;)+) => {
        /// The functions.
        #[derive(Debug)]
        pub(crate) struct Functions {
            $($(#[doc = $doc])+ pub(crate) $field: unsafe extern "C" fn($($argument),*) -> $result,)+
        }

        impl Functions {
            fn of(library: &Library) -> std::io::Result<Self> {
                Ok(Self { $(
                    // SAFETY: the symbol is a function of this type: the declaration above is the header's.
                    $field: unsafe {
                        std::mem::transmute::<
                            NonNull<c_void>,
                            unsafe extern "C" fn($($argument),*) -> $result,
                        >(library.address($symbol)?)
                    },
                )+ })
            }
        }
    };
}

functions! {
    /// minor, name, time, mechanisms, usage, *credential, *actual mechanisms, *time
    acquire_cred = c"gss_acquire_cred":
        fn(*mut Number, Handle, Number, *const RawOidSet, c_int, *mut Handle, *mut *mut RawOidSet, *mut Number) -> Number;
    /// minor, *context, credential, input, channel bindings, *peer, *mechanism, output, *flags, *time, *delegated
    accept_sec_context = c"gss_accept_sec_context":
        fn(*mut Number, *mut Handle, Handle, *const RawBuffer, *const c_void, *mut Handle, *mut *mut RawOid,
           *mut RawBuffer, *mut Number, *mut Number, *mut Handle) -> Number;
    /// minor, context, message, MIC, *quality
    verify_mic = c"gss_verify_mic":
        fn(*mut Number, Handle, *const RawBuffer, *const RawBuffer, *mut Number) -> Number;
    /// minor, text, type, *name
    import_name = c"gss_import_name": fn(*mut Number, *const RawBuffer, *const RawOid, *mut Handle) -> Number;
    /// minor, name, text, *type
    display_name = c"gss_display_name": fn(*mut Number, Handle, *mut RawBuffer, *mut *mut RawOid) -> Number;
    /// minor, status, type of status, mechanism, *position, text
    display_status = c"gss_display_status":
        fn(*mut Number, Number, c_int, *const RawOid, *mut Number, *mut RawBuffer) -> Number;
    /// name, account: whether the one may be the other
    userok = c"gss_userok": fn(Handle, *const c_char) -> c_int;
    /// minor, credential, usage, mechanism, overwrite, make default, where to, *stored mechanisms, *stored usage
    store_cred_into = c"gss_store_cred_into":
        fn(*mut Number, Handle, c_int, *const RawOid, Number, Number, *const RawPairs, *mut *mut RawOidSet,
           *mut c_int) -> Number;
    /// minor, *name
    release_name = c"gss_release_name": fn(*mut Number, *mut Handle) -> Number;
    /// minor, *credential
    release_cred = c"gss_release_cred": fn(*mut Number, *mut Handle) -> Number;
    /// minor, buffer
    release_buffer = c"gss_release_buffer": fn(*mut Number, *mut RawBuffer) -> Number;
    /// minor, *context, token
    delete_sec_context = c"gss_delete_sec_context": fn(*mut Number, *mut Handle, *mut RawBuffer) -> Number;
}

/// Loads the library, once in the life of the process.
pub(crate) fn functions() -> Result<&'static Functions, GssError> {
    static LOADED: OnceLock<Result<Functions, String>> = OnceLock::new();
    let load = || Library::load(&NAMES).and_then(|library| Functions::of(&library)).map_err(|error| error.to_string());
    LOADED.get_or_init(load).as_ref().map_err(|why| GssError::NoLibrary(why.clone()))
}

/// Whether the upper half of a status holds an error (`GSS_ERROR`).
pub(crate) fn is_error(major: Number) -> bool {
    major & 0xffff_0000 != 0
}

/// The Kerberos mechanism as the library wants to see it.
pub(crate) fn kerberos() -> RawOid {
    oid(crate::KERBEROS)
}

/// The library only reads object identifiers, although its types do not say so.
pub(crate) fn oid(elements: &'static [u8]) -> RawOid {
    RawOid {
        length: Number::try_from(elements.len()).unwrap_or_default(),
        elements: elements.as_ptr().cast_mut().cast::<c_void>(),
    }
}

impl RawBuffer {
    pub(crate) fn empty() -> Self {
        Self { length: 0, value: null_mut() }
    }

    /// Bytes for the library to read; they must outlive the buffer.
    pub(crate) fn over(bytes: &[u8]) -> Self {
        Self { length: bytes.len(), value: bytes.as_ptr().cast_mut().cast::<c_void>() }
    }
}
