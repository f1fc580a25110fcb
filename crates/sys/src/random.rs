//! The kernel's random bytes, for processes that do not link aws-lc.

use std::io;

/// Fills `buffer` from getrandom(2); waits only when the system has just booted and has no entropy yet.
///
/// # Errors
/// `ENOSYS` on a kernel without getrandom(2).
pub fn random_bytes(buffer: &mut [u8]) -> io::Result<()> {
    let mut unfilled = buffer;
    while !unfilled.is_empty() {
        // SAFETY: pointer and length are those of one live, writable slice.
        let got = unsafe { libc::getrandom(unfilled.as_mut_ptr().cast(), unfilled.len(), 0) };
        match usize::try_from(got) {
            Ok(got) => unfilled = unfilled.get_mut(got..).unwrap_or_default(),
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_byte_is_filled_and_differs_next_time() {
        let (mut first, mut second) = ([0; 600], [0; 600]);
        super::random_bytes(&mut first).unwrap();
        super::random_bytes(&mut second).unwrap();
        assert_ne!(first, second);
        assert!(first.chunks(60).all(|chunk| chunk.iter().any(|&byte| byte != 0)));
    }
}
