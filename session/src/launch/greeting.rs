//! PrintLastLog and PrintMotd: what a shell login reads first.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use ipc::start::Greeting;

/// Where the message of the day is.
const MESSAGE: &str = "/etc/motd";

/// In a user's home: no messages, please.
const HUSHLOGIN: &str = ".hushlogin";

/// Most of it that is shown, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Shows what there is, read with the user's own rights, unless the user has asked for quiet. A message that cannot be
/// read or written is no reason not to log in.
pub(super) fn show(greeting: &Greeting, home: &Path) {
    if *greeting == Greeting::default() || home.join(HUSHLOGIN).exists() {
        return;
    }
    let _ = io::stdout().write_all(greeting.messages.as_bytes());
    if let Some(last_login) = &greeting.last_login {
        let _ = writeln!(io::stdout(), "{last_login}");
    }
    if greeting.message_of_the_day
        && let Ok(message) = File::open(MESSAGE)
    {
        let _ = io::copy(&mut message.take(LONGEST), &mut io::stdout());
    }
}
