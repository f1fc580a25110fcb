//! PrintMotd: `/etc/motd` for shell logins.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Where the message is.
const MESSAGE: &str = "/etc/motd";

/// In a user's home: no messages, please.
const HUSHLOGIN: &str = ".hushlogin";

/// Most of it that is shown, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Shows the message, read with the user's own rights, unless the user has asked for quiet. A message that cannot be
/// read or written is no reason not to log in.
pub(super) fn show(home: &Path) {
    if home.join(HUSHLOGIN).exists() {
        return;
    }
    if let Ok(message) = File::open(MESSAGE) {
        let _ = io::copy(&mut message.take(LONGEST), &mut io::stdout());
    }
}
