//! Bytes that must not reach a log as they are.

/// The text with control characters and everything outside printable US-ASCII as `\ooo`, so that nobody forges a
/// line with a user name (CVE-2007-3102).
#[must_use]
pub fn visible(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte == b' ' || byte.is_ascii_graphic() {
            line.push(char::from(byte));
        } else {
            line.push_str(&format!("\\{byte:03o}"));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_cannot_start_a_new_line() {
        assert_eq!(visible("root\nAccepted"), "root\\012Accepted");
        assert_eq!(visible("ä\u{1b}[0m"), "\\303\\244\\033[0m");
        assert_eq!(visible("plain text"), "plain text");
    }
}
