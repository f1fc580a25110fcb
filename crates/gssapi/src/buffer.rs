//! Bytes that the library has made.

use crate::functions::{Functions, RawBuffer};

/// A buffer of the library's; given back with its owner.
#[derive(Debug)]
pub(crate) struct Made {
    functions: &'static Functions,
    pub(crate) raw: RawBuffer,
}

impl Made {
    /// To be filled by the library.
    pub(crate) fn empty(functions: &'static Functions) -> Self {
        Self { functions, raw: RawBuffer::empty() }
    }

    /// What is in it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        if self.raw.value.is_null() || self.raw.length == 0 {
            return Vec::new();
        }
        // SAFETY: the library filled the buffer: `value` leads to `length` bytes that stay until they are given back.
        unsafe { std::slice::from_raw_parts(self.raw.value.cast::<u8>(), self.raw.length) }.to_vec()
    }

    /// The same as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the buffer is empty or was filled by the library; afterwards it is empty.
        unsafe { (self.functions.release_buffer)(&raw mut minor, &raw mut self.raw) };
    }
}
