//! What the tests of the real process share.

pub(crate) mod fake_monitor;
