//! A monitor that was killed has left its users in `utmp` and a file in `/tmp`: somebody has to take them out.

use std::io;
use std::time::Duration;

use events::listener::Event;
use events::{ConnectionId, Level};
use ipc::start::auth_info_path;

use super::accepting::Shared;

/// The command on the terminal is hung up when its monitor and session process are gone, and may take its time to end.
const LOOKS: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(60),
];

/// Looks for entries without a process a few times.
pub(crate) async fn take_out(listener: Shared) {
    for look in LOOKS {
        tokio::time::sleep(look).await;
        if let Err(error) = sys::login_records::log_out_the_dead() {
            return listener.borrow_mut().say(&records_failed(&error));
        }
    }
}

/// The same for a process that has nothing else to do; it does not stay for those that take long.
pub(crate) fn take_out_soon() -> io::Result<()> {
    LOOKS.iter().take(2).try_for_each(|look| {
        std::thread::sleep(*look);
        sys::login_records::log_out_the_dead().map(drop)
    })
}

pub(crate) fn records_failed(error: &io::Error) -> Event {
    Event::Said { level: Level::Error, text: format!("login records: {error}") }
}

/// Removes the file of ExposeAuthInfo, if there is one.
pub(crate) fn remove_auth_info(id: ConnectionId) {
    let _ = std::fs::remove_file(auth_info_path(id));
}
