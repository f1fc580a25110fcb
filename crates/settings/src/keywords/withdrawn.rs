//! Keywords that are read and have no effect: withdrawn by theirs, or not there on this platform.

/// Why a keyword has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawal {
    /// Withdrawn years ago; a notice says so.
    Deprecated,
    /// Needs a library that we are not built with; a notice says so.
    Unsupported,
    /// Withdrawn, and ignored without a word.
    Ignored,
    /// Needs another operating system; an error.
    OtherPlatform,
}

/// One such keyword.
#[derive(Debug)]
pub struct Withdrawn {
    /// Its name.
    pub name: &'static str,
    /// Why it has no effect.
    pub why: Withdrawal,
    /// Whether it may stand in a Match block.
    pub in_match: bool,
}

const fn row(name: &'static str, why: Withdrawal, in_match: bool) -> Withdrawn {
    Withdrawn { name, why, in_match }
}

use Withdrawal::{Deprecated, Ignored, OtherPlatform, Unsupported};

/// All of them.
pub static WITHDRAWN: &[Withdrawn] = &[
    row("ServerKeyBits", Deprecated, false),
    row("KeyRegenerationInterval", Deprecated, false),
    row("RHostsAuthentication", Deprecated, false),
    row("CheckMail", Deprecated, false),
    row("UseLogin", Deprecated, false),
    row("VerifyReverseMapping", Deprecated, false),
    row("ReverseMappingCheck", Deprecated, false),
    row("UsePrivilegeSeparation", Deprecated, false),
    row("KerberosTgtPassing", Deprecated, false),
    row("AFSTokenPassing", Deprecated, false),
    row("RhostsRSAAuthentication", Deprecated, true),
    row("RSAAuthentication", Deprecated, true),
    row("AuthorizedKeysFile2", Deprecated, true),
    row("Protocol", Ignored, false),
    row("KerberosAuthentication", Unsupported, true),
    row("KerberosOrLocalPasswd", Unsupported, false),
    row("KerberosTicketCleanup", Unsupported, false),
    row("KerberosGetAFSToken", Unsupported, false),
    row("GSSAPIAuthentication", Unsupported, true),
    row("GSSAPICleanupCredentials", Unsupported, false),
    row("GSSAPIDelegateCredentials", Unsupported, false),
    row("GSSAPIStrictAcceptorCheck", Unsupported, false),
    row("RDomain", OtherPlatform, true),
];
