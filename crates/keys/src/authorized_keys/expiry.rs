//! `expiry-time="YYYYMMDD[HHMM[SS]][Z]"`

/// A moment as a calendar and a clock on the wall show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CivilTime {
    /// 1970 and later
    pub year: u16,
    /// 1 to 12
    pub month: u8,
    /// 1 to 31
    pub day: u8,
    /// 0 to 23
    pub hour: u8,
    /// 0 to 59
    pub minute: u8,
    /// 0 to 60
    pub second: u8,
}

/// When a key expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiryTime {
    /// The moment as written.
    pub written: CivilTime,
    /// Whether it was written with a `Z`; the server's zone otherwise.
    pub utc: bool,
}
