//! Pairs with `preauth/src/ask_monitor.rs::choose_group`; `sshd-session` asks the same for later key exchanges.

use ipc::phases::{ModpGroup, PrimeSizes};

use crate::connection::Connection;
use crate::moduli;

/// A group of ModuliFile.
pub(crate) fn choose_group(connection: &mut Connection, sizes: &PrimeSizes) -> Option<ModpGroup> {
    let (group, complaints) = moduli::choose_group(connection.global.moduli_file.as_deref(), sizes);
    complaints.iter().for_each(|complaint| connection.log(complaint));
    group
}
