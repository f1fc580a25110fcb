//! What SSH_MSG_CHANNEL_REQUEST can ask of a session channel (RFC 4254 section 6).

use ipc::forwarding::X11Authentication;
use ipc::phases::{TerminalSize, Wanted};
use wire::{Reader, WireError};

use super::reaching::text;

/// A request, decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request<'a> {
    /// `pty-req`
    Terminal { term: String, size: TerminalSize, modes: Vec<(u8, u32)> },
    /// `window-change`
    WindowChange(TerminalSize),
    /// `env`
    Environment { name: &'a [u8], value: &'a [u8] },
    /// `shell`, `exec` or `subsystem`
    Start(Wanted),
    /// `signal`, the name without `SIG`
    Signal(&'a [u8]),
    /// `break` (RFC 4335)
    Break,
    /// `auth-agent-req@openssh.com`, or `agent-req` as it is called since the agent protocol is a standard.
    Agent { channel_type: &'static str },
    /// `x11-req` (RFC 4254 section 6.3.1)
    X11 { single_connection: bool, authentication: X11Authentication },
    /// `eow@openssh.com`: the peer has nobody left who reads what we send.
    EndOfWrite,
    /// Anything else: failure.
    Unknown,
}

/// Modes that are taken at most: twice as many as RFC 4254 section 8 can name.
const MOST_MODES: usize = 256;

/// Opcodes from here on have no defined argument: reading stops there (RFC 4254 section 8).
const FIRST_UNDEFINED_MODE: u8 = 160;

/// TTY_OP_END
const END_OF_MODES: u8 = 0;

impl<'a> Request<'a> {
    /// Decodes what follows the name and the wish for a reply. Nothing may be left behind a known request.
    pub(crate) fn parse(name: &[u8], mut rest: Reader<'a>) -> Result<Self, WireError> {
        let request = match name {
            b"pty-req" => {
                let term = text(&mut rest)?;
                let size = size(&mut rest)?;
                Self::Terminal { term, size, modes: modes(rest.string()?) }
            }
            b"window-change" => Self::WindowChange(size(&mut rest)?),
            b"env" => Self::Environment { name: rest.string()?, value: rest.string()? },
            b"shell" => Self::Start(Wanted::Shell),
            b"exec" => Self::Start(Wanted::Command(rest.string()?.to_vec())),
            b"subsystem" => Self::Start(Wanted::Subsystem(text(&mut rest)?)),
            b"signal" => Self::Signal(rest.string()?),
            b"break" => {
                rest.u32()?;
                Self::Break
            }
            b"auth-agent-req@openssh.com" => Self::Agent { channel_type: "auth-agent@openssh.com" },
            b"agent-req" => Self::Agent { channel_type: "agent-connect" },
            b"x11-req" => Self::X11 {
                single_connection: rest.boolean()?,
                authentication: X11Authentication {
                    protocol: text(&mut rest)?,
                    cookie: text(&mut rest)?,
                    screen: rest.u32()?,
                },
            },
            b"eow@openssh.com" => Self::EndOfWrite,
            _ => return Ok(Self::Unknown),
        };
        rest.finish()?;
        Ok(request)
    }
}

fn size(reader: &mut Reader<'_>) -> Result<TerminalSize, WireError> {
    Ok(TerminalSize { columns: reader.u32()?, rows: reader.u32()?, width: reader.u32()?, height: reader.u32()? })
}

/// What can be understood of encoded terminal modes; the rest is ignored, as RFC 4254 section 8 wants it.
fn modes(encoded: &[u8]) -> Vec<(u8, u32)> {
    let mut reader = Reader::new(encoded);
    let mut next = || {
        let opcode = reader.u8().ok().filter(|opcode| (END_OF_MODES + 1..FIRST_UNDEFINED_MODE).contains(opcode))?;
        Some((opcode, reader.u32().ok()?))
    };
    std::iter::from_fn(&mut next).take(MOST_MODES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wire::Write;

    #[test]
    fn modes_end_where_they_cannot_be_understood() {
        assert_eq!(modes(&[3, 0, 0, 0, 8, 53, 0, 0, 0, 1, 0, 9, 9]), [(3, 8), (53, 1)]);
        assert_eq!(modes(&[3, 0, 0, 0, 8, 160, 0, 0, 0, 1]), [(3, 8)]);
        assert_eq!(modes(&[3, 0, 0]), []);
        assert_eq!(modes(&[1; 5 * 1000]).len(), MOST_MODES);
    }

    #[test]
    fn a_terminal_is_asked_for() {
        let mut rest = Vec::new();
        rest.put_string("xterm");
        for number in [80, 24, 640, 480] {
            rest.put_u32(number);
        }
        rest.put_string([53, 0, 0, 0, 0, 0]);
        let size = TerminalSize { columns: 80, rows: 24, width: 640, height: 480 };
        let wanted = Request::Terminal { term: "xterm".into(), size, modes: vec![(53, 0)] };
        assert_eq!(Request::parse(b"pty-req", Reader::new(&rest)), Ok(wanted));
        rest.push(0);
        assert_eq!(Request::parse(b"pty-req", Reader::new(&rest)), Err(WireError::Trailing));
    }

    #[test]
    fn names_may_be_any_bytes() {
        let mut rest = Vec::new();
        rest.put_string([0xff]);
        let wanted = Request::Start(Wanted::Subsystem("\u{fffd}".to_owned()));
        assert_eq!(Request::parse(b"subsystem", Reader::new(&rest)), Ok(wanted));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_request_or_an_error(name in "pty-req|env|exec|subsystem|signal|break|x11-req|x", bytes: Vec<u8>) {
            let _ = Request::parse(name.as_bytes(), Reader::new(&bytes));
        }
    }
}
