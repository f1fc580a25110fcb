//! `authorized_keys`: lines of options, a key and a comment (sshd(8), "AUTHORIZED_KEYS FILE FORMAT").

mod expiry;
mod lines;
mod options;
mod permit;
mod principals;

pub use expiry::{CivilTime, ExpiryTime};
pub(crate) use lines::key_of_line;
pub use lines::{LONGEST_LINE, Line, Lines, Unusable, lines};
pub use options::{OptionError, Options, TunnelDevice};
pub use permit::{PermitAddress, PermitPort};
pub use principals::{PrincipalLine, PrincipalLines, principal_lines};

#[cfg(test)]
mod tests;
