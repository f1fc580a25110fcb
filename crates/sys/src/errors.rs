//! What an error is called.

use std::io;

/// strerror(3): the words that administrators search their logs for, without the number that `std` puts behind them.
#[must_use]
pub fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" (os error ").unwrap_or(text.len());
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_system() {
        assert_eq!(words(&io::Error::from_raw_os_error(libc::EDQUOT)), "Disk quota exceeded");
        assert_eq!(words(&io::Error::from_raw_os_error(libc::ENOENT)), "No such file or directory");
        assert_eq!(words(&io::Error::other("something else")), "something else");
    }
}
