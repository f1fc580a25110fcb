//! Who an account is, and becoming it: for ever, or for the length of one function.

mod accounts;
mod becoming;

pub use accounts::{
    Account, Shadow, current, group_id, group_name, groups_of, is_root, look_up, look_up_uid, shadow_entry, user_name,
};
pub use becoming::{Identity, as_user, become_for_ever, enter_root, with_groups};
