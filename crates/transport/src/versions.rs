//! The exchange of identifications (RFC 4253 section 4.2).

use crate::{TransportError, limits::LONGEST_IDENTIFICATION};

/// Bytes of a refused line that an error carries.
const SHOWN: usize = 256;

/// The first line, if all of it is there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// The identification, without CR LF: V_C.
    pub(crate) identification: &'a [u8],
    /// Bytes of the line, with its end.
    pub(crate) length: usize,
}

/// The client's identification at the beginning of `bytes`; `None` while its end has not arrived. A client may not send
/// other lines before it. LF alone ends it too, as all servers accept.
pub(crate) fn client_identification(bytes: &[u8]) -> Result<Option<Line<'_>>, TransportError> {
    let seen = bytes.get(..LONGEST_IDENTIFICATION.saturating_add(2)).unwrap_or(bytes);
    let end = seen.iter().position(|byte| *byte == b'\n');
    let line = end.and_then(|end| seen.get(..end)).unwrap_or(seen);
    let content = line.strip_suffix(b"\r").unwrap_or(line);
    if content.iter().any(|byte| matches!(byte, 0 | b'\r')) {
        return Err(TransportError::IdentificationHasInvalidCharacters);
    }
    if content.len() > LONGEST_IDENTIFICATION {
        return Err(TransportError::IdentificationTooLong);
    }
    let Some(end) = end else {
        return Ok(None);
    };
    check_protocol_version(content)?;
    Ok(Some(Line { identification: content, length: end.saturating_add(1) }))
}

/// `SSH-`*major*`.`*minor*`-`*software*, with a version that means 2.0: 1.99 is a client that also speaks version 1.
fn check_protocol_version(identification: &[u8]) -> Result<(), TransportError> {
    let version = protocol_version(identification).ok_or_else(|| TransportError::BadIdentification {
        line: identification.get(..SHOWN).unwrap_or(identification).to_vec(),
    })?;
    match version {
        (2, _) | (1, 99) => Ok(()),
        (theirs, _) => Err(TransportError::ProtocolVersionDiffers { theirs }),
    }
}

fn protocol_version(identification: &[u8]) -> Option<(u32, u32)> {
    let rest = identification.strip_prefix(b"SSH-")?;
    let dash = rest.iter().position(|byte| *byte == b'-')?;
    let version = std::str::from_utf8(rest.get(..dash)?).ok()?;
    let software = rest.get(dash..)?;
    let (major, minor) = version.split_once('.')?;
    let number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?;
    (software.len() > 1).then_some((number(major)?, number(minor)?))
}

/// What a client that is refused gets to read, as a line: it has seen no packets yet.
pub(crate) fn refusal(error: &TransportError) -> &'static [u8] {
    match error {
        TransportError::ProtocolVersionDiffers { .. } => b"Protocol major versions differ.\r\n",
        _ => b"Invalid SSH identification string.\r\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn identification(bytes: &[u8]) -> Result<Option<&[u8]>, TransportError> {
        client_identification(bytes).map(|line| line.map(|line| line.identification))
    }

    #[test]
    fn what_clients_send_is_accepted() {
        for (sent, understood) in [
            ("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\nmore", "SSH-2.0-OpenSSH_9.2p1 Debian-2"),
            ("SSH-2.0-lf_only\n", "SSH-2.0-lf_only"),
            ("SSH-1.99-old\r\n", "SSH-1.99-old"),
            ("SSH-2.0--\r\n", "SSH-2.0--"),
        ] {
            assert_eq!(identification(sent.as_bytes()), Ok(Some(understood.as_bytes())));
        }
        assert_eq!(client_identification(b"SSH-2.0-x\r\nab").unwrap().unwrap().length, 11);
    }

    #[test]
    fn the_end_of_the_line_is_awaited() {
        for part in ["", "SSH", "SSH-2.0-x", "SSH-2.0-x\r", "GET / HTTP/1.1"] {
            assert_eq!(identification(part.as_bytes()), Ok(None), "{part}");
        }
    }

    #[test]
    fn other_lines_are_refused_with_their_text() {
        for line in ["GET / HTTP/1.1", "", "ssh-2.0-x", "SSH-2.0", "SSH-2.0-", "SSH-2-x", "SSH-+2.0-x", "SSH-.-x"] {
            let refused = Err(TransportError::BadIdentification { line: line.into() });
            assert_eq!(identification(format!("{line}\r\n").as_bytes()), refused);
        }
        let long = identification(&[vec![b'x'; 300], b"\n".to_vec()].concat()).unwrap_err();
        assert_eq!(long, TransportError::BadIdentification { line: vec![b'x'; SHOWN] });
        let escaped = TransportError::BadIdentification { line: b"\x1b[2J\xff".to_vec() };
        assert_eq!(escaped.to_string(), r#"client sent invalid protocol identifier "\x1b[2J\xff""#);
    }

    #[test]
    fn other_versions_are_refused() {
        for (line, theirs) in [("SSH-1.5-x\n", 1), ("SSH-3.0-x\n", 3)] {
            assert_eq!(identification(line.as_bytes()), Err(TransportError::ProtocolVersionDiffers { theirs }));
        }
    }

    #[test]
    fn bounds_and_control_characters() {
        let of_length = |length: usize| [b"SSH-2.0-".to_vec(), vec![b'v'; length - 8], b"\r\n".to_vec()].concat();
        assert!(identification(&of_length(LONGEST_IDENTIFICATION)).unwrap().is_some());
        let too_long = Err(TransportError::IdentificationTooLong);
        assert_eq!(identification(&of_length(LONGEST_IDENTIFICATION + 1)), too_long);
        assert_eq!(identification(&vec![b'v'; LONGEST_IDENTIFICATION + 2]), too_long, "no end of line at all");
        for bad in ["SSH-2.0-a\rb\n", "SSH-2.0-a\0\n", "\0"] {
            let refused = Err(TransportError::IdentificationHasInvalidCharacters);
            assert_eq!(identification(bad.as_bytes()), refused);
        }
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            if let Ok(Some(line)) = client_identification(&bytes) {
                prop_assert!(line.length <= bytes.len());
            }
        }
    }
}
