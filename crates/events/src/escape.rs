//! Bytes that must not reach a log as they are.

/// The text on one line and in printable US-ASCII, so that nobody forges a line or steers a terminal with a user name
/// (CVE-2007-3102): as theirs writes to syslog, `\n` and the like for common control characters, three octal digits
/// for other bytes, and a doubled backslash, so that what was written can be told from what was escaped.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'\\' => line.push_str("\\\\"),
            b' ' | b'!'..=b'~' => line.push(char::from(byte)),
            b'\n' => line.push_str("\\n"),
            b'\r' => line.push_str("\\r"),
            b'\t' => line.push_str("\\t"),
            _ => line.push_str(&format!("\\{byte:03o}")),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_cannot_start_a_new_line() {
        assert_eq!(visible("root\nAccepted\r"), "root\\nAccepted\\r");
        assert_eq!(visible("ä\u{1b}[0m"), "\\303\\244\\033[0m");
        assert_eq!(visible("plain text"), "plain text");
    }

    #[test]
    fn an_escape_that_was_typed_differs_from_one_that_was_made() {
        assert_ne!(visible("a\\nb"), visible("a\nb"));
        assert_eq!(visible("DOMAIN\\user"), "DOMAIN\\\\user");
    }
}
