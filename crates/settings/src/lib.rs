//! What an `sshd_config` can say.
#![forbid(unsafe_code)]

pub mod preauth;
pub mod session;

pub use preauth::PreauthSettings;
pub use session::SessionSettings;
