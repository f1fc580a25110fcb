//! A monitor that was killed has left its users in `utmp`: somebody has to take them out.

use std::time::Duration;

use events::Level;
use events::listener::Event;

use super::accepting::Shared;

/// The command on the terminal is hung up when its monitor and session process are gone, and may take its time to end.
const LOOKS: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60)];

/// Looks for entries without a process a few times.
pub(crate) async fn take_out(listener: Shared) {
    for look in LOOKS {
        tokio::time::sleep(look).await;
        if let Err(error) = sys::login_records::log_out_the_dead() {
            let text = format!("login records: {error}");
            return listener.borrow_mut().say(&Event::Said { level: Level::Error, text });
        }
    }
}
