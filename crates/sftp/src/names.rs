//! Names of users and groups, asked for once.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::surroundings::Surroundings;

/// Names that are remembered at most, of each kind: more than any directory needs, and a bound for a client that
/// asks for every id there is.
const MOST_REMEMBERED: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct Names {
    users: BTreeMap<u32, Option<String>>,
    groups: BTreeMap<u32, Option<String>>,
}

impl Names {
    pub(crate) fn user(&mut self, uid: u32, around: &mut impl Surroundings) -> Option<&str> {
        remembered(&mut self.users, uid, || around.user_name(uid))
    }

    pub(crate) fn group(&mut self, gid: u32, around: &mut impl Surroundings) -> Option<&str> {
        remembered(&mut self.groups, gid, || around.group_name(gid))
    }

    /// For a line of `ls -l`: an id without a name is shown as its number.
    pub(crate) fn shown(&mut self, uid: u32, gid: u32, around: &mut impl Surroundings) -> (Cow<'_, str>, Cow<'_, str>) {
        let user = remembered(&mut self.users, uid, || around.user_name(uid));
        let group = remembered(&mut self.groups, gid, || around.group_name(gid));
        let or_number = |name: Option<_>, id: u32| name.map_or_else(|| Cow::Owned(id.to_string()), Cow::Borrowed);
        (or_number(user, uid), or_number(group, gid))
    }
}

fn remembered(
    names: &mut BTreeMap<u32, Option<String>>,
    id: u32,
    ask: impl FnOnce() -> Option<String>,
) -> Option<&str> {
    if names.len() >= MOST_REMEMBERED && !names.contains_key(&id) {
        names.clear();
    }
    names.entry(id).or_insert_with(ask).as_deref()
}
