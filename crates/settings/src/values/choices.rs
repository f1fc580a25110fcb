//! Values that are one word of a short list.

use std::fmt::Debug;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::kind::Repeat;
use crate::{Arguments, Complaint, Kind};

/// A type whose values are words.
pub trait Choice: Copy + Debug + PartialEq + Serialize + DeserializeOwned + 'static {
    /// Every word that is accepted; the first one for a value is the one that `-T` shows.
    const WORDS: &'static [(&'static str, Self)];
    /// Whether upper and lower case are the same.
    const ANY_CASE: bool = true;
    /// The words, for the manual.
    const WRITTEN: &'static str;
    /// What they mean, for the manual.
    const MEANINGS: &'static [(&'static str, &'static str)];

    /// The word that stands for this value.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, value)| *value == self).map_or("", |(word, _)| word)
    }

    /// The value that `word` stands for.
    fn from_word(word: &str) -> Option<Self> {
        let same = |known: &str| if Self::ANY_CASE { known.eq_ignore_ascii_case(word) } else { known == word };
        Self::WORDS.iter().find(|(known, _)| same(known)).map(|(_, value)| *value)
    }
}

/// The kind of keyword that takes one of `T`'s words.
pub struct OneOf<T>(PhantomData<T>);

impl<T: Choice> Kind for OneOf<T> {
    type Value = T;
    const WRITTEN: &'static str = T::WRITTEN;
    const WORDS: &'static [(&'static str, &'static str)] = T::MEANINGS;

    fn parse(arguments: &mut Arguments<'_>) -> Result<T, Complaint> {
        let word = arguments.required()?;
        T::from_word(word)
            .ok_or_else(|| Complaint::fatal(format!("unsupported option \"{word}\" (expected {})", T::WRITTEN)))
    }

    fn show(value: &T, _from_match: bool) -> Vec<String> {
        vec![value.word().to_owned()]
    }
}

/// As [`OneOf`], but the last line wins (theirs does so for FingerprintHash).
pub struct LastOneOf<T>(PhantomData<T>);

impl<T: Choice> Kind for LastOneOf<T> {
    type Value = T;
    const REPEAT: Repeat = Repeat::LastWins;
    const WRITTEN: &'static str = T::WRITTEN;
    const WORDS: &'static [(&'static str, &'static str)] = T::MEANINGS;

    fn parse(arguments: &mut Arguments<'_>) -> Result<T, Complaint> {
        OneOf::parse(arguments)
    }

    fn take_later(earlier: &mut T, later: &T) -> bool {
        *earlier = *later;
        true
    }

    fn show(value: &T, from_match: bool) -> Vec<String> {
        OneOf::show(value, from_match)
    }
}

/// yes or no.
pub type YesNo = OneOf<bool>;

impl Choice for bool {
    const WORDS: &'static [(&'static str, Self)] = &[("yes", true), ("no", false)];
    const WRITTEN: &'static str = "yes|no";
    const MEANINGS: &'static [(&'static str, &'static str)] = &[];
}

macro_rules! choices {
    ($($(#[$attribute:meta])+ $name:ident, $any_case:literal, $written:literal {
        $($(#[doc = $doc:literal])+ $variant:ident = $word:literal),+ $(,)?
    } $(also { $($other:literal => $target:ident),+ })?)+) => {$(
        $(#[$attribute])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[doc = $doc])+ $variant),+ }

        impl Choice for $name {
            const WORDS: &'static [(&'static str, Self)] =
                &[$(($word, Self::$variant),)+ $($(($other, Self::$target),)+)?];
            const ANY_CASE: bool = $any_case;
            const WRITTEN: &'static str = $written;
            const MEANINGS: &'static [(&'static str, &'static str)] = &[$(($word, concat!($($doc),+))),+];
        }
    )+};
}

choices! {
    /// Which families of addresses the server listens on.
    AddressFamily, true, "any|inet|inet6" {
        /// IPv4 and IPv6.
        Any = "any",
        /// IPv4 alone.
        Inet = "inet",
        /// IPv6 alone.
        Inet6 = "inet6",
    }

    /// Whether and how root may log in.
    PermitRootLogin, true, "yes|prohibit-password|forced-commands-only|no" {
        /// By every method.
        Yes = "yes",
        /// Never.
        No = "no",
        /// By every method except those that ask for a password.
        ProhibitPassword = "prohibit-password",
        /// By public key, and only to run a forced command.
        ForcedCommandsOnly = "forced-commands-only",
    } also { "without-password" => ProhibitPassword }

    /// Whether `.rhosts` and `.shosts` are read for host-based logins.
    IgnoreRhosts, true, "yes|no|shosts-only" {
        /// Neither is read.
        Yes = "yes",
        /// Both are read.
        No = "no",
        /// Only `.shosts` is read.
        ShostsOnly = "shosts-only",
    }

    /// Whether the connection may be compressed.
    Compression, true, "yes|delayed|no" {
        /// After login, if the client asks for it.
        Delayed = "yes",
        /// Never.
        No = "no",
    } also { "delayed" => Delayed }

    /// Which addresses remote forwardings listen on.
    GatewayPorts, true, "yes|no|clientspecified" {
        /// The wildcard address.
        Yes = "yes",
        /// Loopback.
        No = "no",
        /// Whatever the client asks for.
        ClientSpecified = "clientspecified",
    }

    /// Which directions of forwarding are allowed.
    Forwarding, true, "yes|all|no|local|remote" {
        /// Both.
        All = "yes",
        /// None.
        No = "no",
        /// From the client to here (`ssh -L`).
        Local = "local",
        /// From here to the client (`ssh -R`).
        Remote = "remote",
    } also { "all" => All }

    /// Which layers tun(4) devices may be forwarded on.
    Tunnel, false, "yes|no|point-to-point|ethernet" {
        /// Both.
        Yes = "yes",
        /// None.
        No = "no",
        /// Layer 3.
        PointToPoint = "point-to-point",
        /// Layer 2.
        Ethernet = "ethernet",
    }

    /// The digest of fingerprints in the log.
    FingerprintHash, true, "md5|sha256" {
        /// SHA-256, base64.
        Sha256 = "SHA256",
        /// MD5, hexadecimal.
        Md5 = "MD5",
        /// SHA-1, base64.
        Sha1 = "SHA1",
        /// SHA-384, base64.
        Sha384 = "SHA384",
        /// SHA-512, base64.
        Sha512 = "SHA512",
    }

    /// How much is logged; a level includes all before it.
    LogLevel, true, "QUIET|FATAL|ERROR|INFO|VERBOSE|DEBUG|DEBUG1|DEBUG2|DEBUG3" {
        /// Nothing.
        Quiet = "QUIET",
        /// What ends a process.
        Fatal = "FATAL",
        /// Errors.
        Error = "ERROR",
        /// Logins, failures, the life of the server.
        Info = "INFO",
        /// Fingerprints, sessions, reasons.
        Verbose = "VERBOSE",
        /// Steps.
        Debug1 = "DEBUG",
        /// Details.
        Debug2 = "DEBUG2",
        /// Everything.
        Debug3 = "DEBUG3",
    } also { "DEBUG1" => Debug1 }

    /// The syslog facility.
    SyslogFacility, true, "DAEMON|USER|AUTH|AUTHPRIV|LOCAL0..LOCAL7" {
        /// System daemons.
        Daemon = "DAEMON",
        /// User processes.
        User = "USER",
        /// Authorisation.
        Auth = "AUTH",
        /// Authorisation, private.
        Authpriv = "AUTHPRIV",
        /// Local use 0.
        Local0 = "LOCAL0",
        /// Local use 1.
        Local1 = "LOCAL1",
        /// Local use 2.
        Local2 = "LOCAL2",
        /// Local use 3.
        Local3 = "LOCAL3",
        /// Local use 4.
        Local4 = "LOCAL4",
        /// Local use 5.
        Local5 = "LOCAL5",
        /// Local use 6.
        Local6 = "LOCAL6",
        /// Local use 7.
        Local7 = "LOCAL7",
    }
}

impl Forwarding {
    /// Whether connections from the client to here are allowed (`ssh -L`).
    pub fn allows_local(self) -> bool {
        matches!(self, Self::All | Self::Local)
    }

    /// Whether connections from here to the client are allowed (`ssh -R`).
    pub fn allows_remote(self) -> bool {
        matches!(self, Self::All | Self::Remote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::parse_plain;

    #[test]
    fn case_is_ignored_where_theirs_does() {
        assert_eq!(parse_plain("YES", YesNo::parse), Ok(true));
        assert_eq!(parse_plain("Shosts-Only", OneOf::<IgnoreRhosts>::parse), Ok(IgnoreRhosts::ShostsOnly));
        assert!(parse_plain("YES", OneOf::<Tunnel>::parse).is_err());
    }

    #[test]
    fn old_words_are_shown_as_the_new_ones() {
        let value = parse_plain("without-password", OneOf::<PermitRootLogin>::parse).unwrap();
        assert_eq!(OneOf::show(&value, false), ["prohibit-password"]);
        assert_eq!(parse_plain("debug1", OneOf::<LogLevel>::parse).unwrap().word(), "DEBUG");
        assert_eq!(parse_plain("delayed", OneOf::<Compression>::parse).unwrap().word(), "yes");
    }

    #[test]
    fn anything_else_is_fatal() {
        for word in ["true", "1", "on", "\u{fc}"] {
            assert!(matches!(parse_plain(word, YesNo::parse), Err(Complaint::Fatal(_))), "{word}");
        }
    }
}
