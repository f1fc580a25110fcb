//! Names: making, changing, removing and understanding them.

use nix::errno::Errno;

use super::{Exchange, Outcome, Served, Service};
use crate::attributes::Attributes;
use crate::event::SftpEvent;
use crate::reply;
use crate::resolve::resolve;
use crate::status::{Refusal, Status};
use crate::surroundings::Surroundings;

impl Service {
    pub(super) fn remove<S: Surroundings>(&mut self, path: &[u8], to: &mut Exchange<'_, S>) -> Served {
        self.log(to.around, SftpEvent::Remove { path: path.to_vec() });
        let discarded = self.discard_early(path);
        match self.tree.remove(path) {
            // There was nothing but what was being uploaded.
            Err(Errno::ENOENT) if discarded => {}
            removed => removed?,
        }
        self.tell_removed(path, to);
        Ok(Outcome::Done)
    }

    pub(super) fn mkdir<S: Surroundings>(
        &mut self,
        path: &[u8],
        attributes: Attributes,
        to: &mut Exchange<'_, S>,
    ) -> Served {
        let mode = attributes.mode.map_or(0o777, |mode| mode & 0o7777);
        self.log(to.around, SftpEvent::Mkdir { path: path.to_vec(), mode });
        done(self.tree.make_directory(path, mode))
    }

    pub(super) fn rmdir<S: Surroundings>(&mut self, path: &[u8], to: &mut Exchange<'_, S>) -> Served {
        self.log(to.around, SftpEvent::Rmdir { path: path.to_vec() });
        done(self.tree.remove_directory(path))
    }

    /// Version 3 must not replace what is there (section 6.5).
    pub(super) fn rename<S: Surroundings>(&mut self, old: &[u8], new: &[u8], to: &mut Exchange<'_, S>) -> Served {
        self.log(to.around, SftpEvent::Rename { old: old.to_vec(), new: new.to_vec() });
        self.publish_early(old)?;
        self.rename_and_tell((old, new), to, |tree| tree.rename_if_free(old, new))?;
        Ok(Outcome::Done)
    }

    pub(super) fn posix_rename<S: Surroundings>(&mut self, old: &[u8], new: &[u8], to: &mut Exchange<'_, S>) -> Served {
        self.log(to.around, SftpEvent::PosixRename { old: old.to_vec(), new: new.to_vec() });
        self.publish_early(old)?;
        self.rename_and_tell((old, new), to, |tree| tree.rename(old, new))?;
        Ok(Outcome::Done)
    }

    pub(super) fn symlink<S: Surroundings>(&mut self, target: &[u8], link: &[u8], to: &mut Exchange<'_, S>) -> Served {
        self.log(to.around, SftpEvent::Symlink { old: target.to_vec(), new: link.to_vec() });
        done(self.tree.make_symlink(target, link))
    }

    pub(super) fn hardlink<S: Surroundings>(&mut self, old: &[u8], new: &[u8], to: &mut Exchange<'_, S>) -> Served {
        self.log(to.around, SftpEvent::Hardlink { old: old.to_vec(), new: new.to_vec() });
        done(self.tree.make_hard_link(old, new))
    }

    pub(super) fn readlink<S: Surroundings>(&mut self, path: &[u8], to: &mut Exchange<'_, S>) -> Served {
        self.log(to.around, SftpEvent::Readlink { path: path.to_vec() });
        reply::name(to.output, to.id, &self.tree.read_link(path)?);
        Ok(Outcome::Answered)
    }

    pub(super) fn realpath<S: Surroundings>(&mut self, path: &[u8], to: &mut Exchange<'_, S>) -> Served {
        let path = if path.is_empty() { b"." } else { path };
        self.log(to.around, SftpEvent::Realpath { path: path.to_vec() });
        self.answer_resolved(path, to)
    }

    /// `expand-path@openssh.com`: as realpath, but `~` and `~user` are understood. `~` alone is the start directory,
    /// which an administrator may have moved with `-d`.
    pub(super) fn expand_path<S: Surroundings>(&mut self, path: &[u8], to: &mut Exchange<'_, S>) -> Served {
        let path = match path {
            b"" | b"~" => b".".to_vec(),
            [b'~', b'/', rest @ ..] => [b"./", rest].concat(),
            [b'~', user_and_rest @ ..] => self
                .home_of_another(user_and_rest, to.around)
                .ok_or_else(|| Refusal::with_text(Status::NoSuchFile, "no such user"))?,
            other => other.to_vec(),
        };
        self.log(to.around, SftpEvent::ExpandPath { path: path.clone() });
        self.answer_resolved(&path, to)
    }

    /// `home-directory` (draft-ietf-secsh-filexfer-extensions-00 section 5); no name: the user's own.
    pub(super) fn home_directory<S: Surroundings>(&mut self, user: &[u8], to: &mut Exchange<'_, S>) -> Served {
        let home = if user.is_empty() || user == self.user.as_bytes() {
            self.home.clone()
        } else {
            self.home_of_another(user, to.around).ok_or(Status::Failure)?
        };
        self.log(to.around, SftpEvent::HomeDirectory { path: home.clone() });
        reply::name(to.output, to.id, &home);
        Ok(Outcome::Answered)
    }

    /// `-d`: expanded, resolved, entered.
    pub(super) fn go_to_start_directory(&mut self, uid: u32, around: &mut impl Surroundings) {
        let Some(wanted) = self.options.start_directory.take() else { return };
        let directory = self.expand_start_directory(&wanted, uid, around);
        let entered = directory.ok_or(Errno::ENOENT).and_then(|directory| {
            let resolved = self.resolved(&directory)?;
            self.tree.start_at(&resolved)?;
            self.start = resolved;
            Ok(())
        });
        if let Err(error) = entered {
            self.log(around, SftpEvent::StartDirectory { path: wanted, error: sys::errors::words(&error.into()) });
        }
    }

    /// `~`, then `%d` home, `%u` user, `%U` user id, `%%`. Other tokens were refused with the command line.
    fn expand_start_directory(&self, wanted: &[u8], uid: u32, around: &mut impl Surroundings) -> Option<Vec<u8>> {
        let wanted = match wanted {
            b"~" => self.home.clone(),
            [b'~', b'/', rest @ ..] => [&self.home, b"/".as_slice(), rest].concat(),
            [b'~', user_and_rest @ ..] => self.home_of_another(user_and_rest, around)?,
            other => other.to_vec(),
        };
        let mut expanded = Vec::with_capacity(wanted.len());
        let mut rest = wanted.iter();
        while let Some(byte) = rest.next() {
            match if *byte == b'%' { rest.next() } else { None } {
                Some(b'd') => expanded.extend(&self.home),
                Some(b'u') => expanded.extend(self.user.as_bytes()),
                Some(b'U') => expanded.extend(uid.to_string().as_bytes()),
                Some(other) => expanded.push(*other),
                None => expanded.push(*byte),
            }
        }
        Some(expanded)
    }

    fn answer_resolved<S: Surroundings>(&self, path: &[u8], to: &mut Exchange<'_, S>) -> Served {
        reply::name(to.output, to.id, &self.resolved(path)?);
        Ok(Outcome::Answered)
    }

    /// `user` or `user/rest`: the home directory with the rest behind it, if it lies within reach.
    fn home_of_another(&self, user_and_rest: &[u8], around: &mut impl Surroundings) -> Option<Vec<u8>> {
        use std::os::unix::ffi::OsStrExt;
        let end = user_and_rest.iter().position(|byte| *byte == b'/').unwrap_or(user_and_rest.len());
        let (user, rest) = user_and_rest.split_at_checked(end)?;
        let home = around.home_of(std::str::from_utf8(user).ok()?)?;
        let home = match &self.jail {
            Some(jail) => jail.name_inside(&home)?,
            None => home,
        };
        Some([home.as_os_str().as_bytes(), rest].concat())
    }

    pub(super) fn resolved(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        resolve(&self.start, path, |name| self.tree.read_link(name))
    }
}

fn done(result: Result<(), Errno>) -> Served {
    result?;
    Ok(Outcome::Done)
}
