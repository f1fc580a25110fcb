//! The host's time zone, for dates in long names and log lines.

/// Offsets from UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalTime {}

impl LocalTime {
    /// UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self::default()
    }

    /// What `TZ` or /etc/localtime say. Reads a file: to be called before chroot and lock-down.
    #[must_use]
    pub fn of_this_host() -> Self {
        Self::utc()
    }
}
