//! Bodies of requests, taken apart. Nothing is copied: paths and data stay where they arrived.

use sftp_options::Kind;
use wire::{Reader, WireError};

use crate::attributes::Attributes;

/// Flags of SSH_FXP_OPEN (section 6.3).
pub(crate) mod open_flags {
    pub(crate) const READ: u32 = 0x01;
    pub(crate) const WRITE: u32 = 0x02;
    pub(crate) const APPEND: u32 = 0x04;
    pub(crate) const CREATE: u32 = 0x08;
    pub(crate) const TRUNCATE: u32 = 0x10;
    pub(crate) const EXCLUSIVE: u32 = 0x20;
}

/// A handle as the client sent it; it may name nothing.
pub(crate) type HandleBytes<'a> = &'a [u8];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request<'a> {
    Open {
        path: &'a [u8],
        flags: u32,
        attributes: Attributes,
    },
    Close {
        handle: HandleBytes<'a>,
    },
    Read {
        handle: HandleBytes<'a>,
        offset: u64,
        length: u32,
    },
    Write {
        handle: HandleBytes<'a>,
        offset: u64,
        bytes: &'a [u8],
    },
    Stat {
        path: &'a [u8],
        follows_links: bool,
    },
    Fstat {
        handle: HandleBytes<'a>,
    },
    Setstat {
        path: &'a [u8],
        attributes: Attributes,
    },
    Lsetstat {
        path: &'a [u8],
        attributes: Attributes,
    },
    Fsetstat {
        handle: HandleBytes<'a>,
        attributes: Attributes,
    },
    Opendir {
        path: &'a [u8],
    },
    Readdir {
        handle: HandleBytes<'a>,
    },
    Remove {
        path: &'a [u8],
    },
    Mkdir {
        path: &'a [u8],
        attributes: Attributes,
    },
    Rmdir {
        path: &'a [u8],
    },
    Realpath {
        path: &'a [u8],
    },
    Rename {
        old: &'a [u8],
        new: &'a [u8],
    },
    PosixRename {
        old: &'a [u8],
        new: &'a [u8],
    },
    Readlink {
        path: &'a [u8],
    },
    /// OpenSSH's order, the reverse of the draft's: first what the link says, then where it is. Clients know by our
    /// identification string, and nearly all take this order for granted.
    Symlink {
        target: &'a [u8],
        link: &'a [u8],
    },
    Hardlink {
        old: &'a [u8],
        new: &'a [u8],
    },
    Statvfs {
        path: &'a [u8],
    },
    Fstatvfs {
        handle: HandleBytes<'a>,
    },
    Fsync {
        handle: HandleBytes<'a>,
    },
    Limits,
    ExpandPath {
        path: &'a [u8],
    },
    CopyData(CopyData<'a>),
    HomeDirectory {
        user: &'a [u8],
    },
    /// Two lists of ids, four bytes each.
    UsersGroupsById {
        uids: &'a [u8],
        gids: &'a [u8],
    },
}

/// `copy-data` (draft-ietf-secsh-filexfer-extensions-00 section 7)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CopyData<'a> {
    pub(crate) from: HandleBytes<'a>,
    pub(crate) from_offset: u64,
    /// 0: until the end of the file
    pub(crate) length: u64,
    pub(crate) to: HandleBytes<'a>,
    pub(crate) to_offset: u64,
}

impl<'a> Request<'a> {
    /// Takes the body of a request apart. What follows the last field is of no interest: it is how later drafts
    /// add fields.
    pub(crate) fn read(kind: Kind, body: &mut Reader<'a>) -> Result<Self, WireError> {
        Ok(match kind {
            Kind::Open => Self::Open { path: path(body)?, flags: body.u32()?, attributes: Attributes::read(body)? },
            Kind::Close => Self::Close { handle: body.string()? },
            Kind::Read => Self::Read { handle: body.string()?, offset: body.u64()?, length: body.u32()? },
            Kind::Write => Self::Write { handle: body.string()?, offset: body.u64()?, bytes: body.string()? },
            Kind::Lstat => Self::Stat { path: path(body)?, follows_links: false },
            Kind::Stat => Self::Stat { path: path(body)?, follows_links: true },
            Kind::Fstat => Self::Fstat { handle: body.string()? },
            Kind::Setstat => Self::Setstat { path: path(body)?, attributes: Attributes::read(body)? },
            Kind::Lsetstat => Self::Lsetstat { path: path(body)?, attributes: Attributes::read(body)? },
            Kind::Fsetstat => Self::Fsetstat { handle: body.string()?, attributes: Attributes::read(body)? },
            Kind::Opendir => Self::Opendir { path: path(body)? },
            Kind::Readdir => Self::Readdir { handle: body.string()? },
            Kind::Remove => Self::Remove { path: path(body)? },
            Kind::Mkdir => Self::Mkdir { path: path(body)?, attributes: Attributes::read(body)? },
            Kind::Rmdir => Self::Rmdir { path: path(body)? },
            Kind::Realpath => Self::Realpath { path: path(body)? },
            Kind::Rename => Self::Rename { old: path(body)?, new: path(body)? },
            Kind::PosixRename => Self::PosixRename { old: path(body)?, new: path(body)? },
            Kind::Readlink => Self::Readlink { path: path(body)? },
            Kind::Symlink => Self::Symlink { target: path(body)?, link: path(body)? },
            Kind::Hardlink => Self::Hardlink { old: path(body)?, new: path(body)? },
            Kind::Statvfs => Self::Statvfs { path: path(body)? },
            Kind::Fstatvfs => Self::Fstatvfs { handle: body.string()? },
            Kind::Fsync => Self::Fsync { handle: body.string()? },
            Kind::Limits => Self::Limits,
            Kind::ExpandPath => Self::ExpandPath { path: path(body)? },
            Kind::CopyData => Self::CopyData(CopyData::read(body)?),
            Kind::HomeDirectory => Self::HomeDirectory { user: path(body)? },
            Kind::UsersGroupsById => Self::UsersGroupsById { uids: body.string()?, gids: body.string()? },
        })
    }
}

impl<'a> CopyData<'a> {
    fn read(body: &mut Reader<'a>) -> Result<Self, WireError> {
        Ok(Self {
            from: body.string()?,
            from_offset: body.u64()?,
            length: body.u64()?,
            to: body.string()?,
            to_offset: body.u64()?,
        })
    }
}

/// A string that is to become a C string. One NUL at its end is what some clients send; inside, it would hide the
/// rest of the name from the system.
fn path<'a>(body: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
    let bytes = body.string()?;
    let name = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    if name.contains(&0) { Err(WireError::NotUtf8) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wire::Write;

    #[test]
    fn a_nul_inside_a_path_is_refused() {
        for (bytes, accepted) in [(&b"a/b"[..], true), (b"a/b\0", true), (b"a\0b", false), (b"a\0\0", false)] {
            let mut body = Vec::new();
            body.put_string(bytes);
            assert_eq!(Request::read(Kind::Remove, &mut Reader::new(&body)).is_ok(), accepted, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(body: Vec<u8>) {
            for kind in Kind::all() {
                let _ = Request::read(kind, &mut Reader::new(&body));
            }
        }
    }
}
