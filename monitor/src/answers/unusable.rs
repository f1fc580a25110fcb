//! Pairs with `preauth/src/ask_monitor.rs::unusable`.

use events::Level;
use events::monitor::Event;
use settings::Effective;
use settings::values::Method;

use crate::connection::Connection;

/// A method that this server does not do. Returns its name if the log must have the failure: somebody guesses
/// passwords. Filters count these lines.
pub(crate) fn unusable(connection: &mut Connection, effective: &Effective, method: &str) -> Option<&'static str> {
    let method = Method::from_name(method)?;
    let enabled = match method {
        Method::Password => effective.password_authentication,
        Method::KeyboardInteractive => effective.kbd_interactive_authentication,
        Method::PublicKey | Method::Hostbased | Method::None => false,
    };
    if !enabled {
        return None;
    }
    let text = format!("method {} is enabled but not supported yet", method.name());
    connection.log(&Event::Said { level: Level::Verbose, text });
    Some(method.name())
}
