//! `users-groups-by-id@openssh.com`: names for the numbers in attributes.

use super::{Exchange, Outcome, Served, Service};
use crate::event::SftpEvent;
use crate::queue::ByteQueue;
use crate::reply::{Packet, patch_length};
use crate::server::LARGEST_PACKET;
use crate::status::Status;
use crate::surroundings::Surroundings;

impl Service {
    /// Ids without a name get an empty one.
    pub(super) fn users_groups_by_id<S: Surroundings>(
        &mut self,
        uids: &[u8],
        gids: &[u8],
        to: &mut Exchange<'_, S>,
    ) -> Served {
        let (uids, gids) = (ids(uids)?, ids(gids)?);
        if uids.len().max(gids.len()) > MOST_IDS {
            return Err(Status::Failure.into());
        }
        let users: Vec<String> =
            uids.iter().map(|uid| self.names.user(*uid, to.around).unwrap_or_default().to_owned()).collect();
        let groups: Vec<String> =
            gids.iter().map(|gid| self.names.group(*gid, to.around).unwrap_or_default().to_owned()).collect();
        let length: usize = users.iter().chain(&groups).map(|name| name.len().saturating_add(4)).sum();
        if length > LARGEST_ANSWER {
            return Err(Status::Failure.into());
        }
        let count = |list: &[u32]| u32::try_from(list.len()).unwrap_or(u32::MAX);
        self.log(to.around, SftpEvent::UsersGroupsById { users: count(&uids), groups: count(&gids) });
        let packet = Packet::extended_reply(to.output, to.id);
        put_list(packet.body, &users);
        put_list(packet.body, &groups);
        packet.finish();
        Ok(Outcome::Answered)
    }
}

/// Ids of each kind in one request: each may be a question to a directory server, asked by a process that is not the
/// client's.
const MOST_IDS: usize = 4096;

/// Bytes of names that fit a packet.
const LARGEST_ANSWER: usize = LARGEST_PACKET - 64;

fn ids(bytes: &[u8]) -> Result<Vec<u32>, Status> {
    let (chunks, rest) = bytes.as_chunks::<4>();
    if rest.is_empty() {
        Ok(chunks.iter().map(|id| u32::from_be_bytes(*id)).collect())
    } else {
        Err(Status::BadMessage)
    }
}

/// Strings inside a string.
fn put_list(output: &mut ByteQueue, names: &[String]) {
    let list = output.mark();
    output.put_u32(0);
    for name in names {
        output.put_string(name);
    }
    patch_length(output, list);
}
