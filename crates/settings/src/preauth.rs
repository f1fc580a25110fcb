//! What the process before login may know.

use serde::{Deserialize, Serialize};

use crate::Effective;
use crate::algorithms::signature_algorithms;
use crate::values::{Compression, LogLevel};

/// Declares a struct of some settings, and how it is filled; a test compares it with the table's column.
macro_rules! settings_of_one_process {
    (@take $effective:ident, $field:ident) => { $effective.$field.clone() };
    (@take $effective:ident, $field:ident, $part:expr) => { ($part)($effective) };
    ($(#[$attribute:meta])+ $name:ident, $process:ident, { $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $id:ident $(=> $part:expr)?,)+ }) => {
        $(#[$attribute])+
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub struct $name { $($(#[doc = $doc])+ pub $field: $type),+ }

        impl $name {
            pub(crate) fn of(effective: &Effective) -> Self {
                Self { $($field: crate::preauth::settings_of_one_process!(@take effective, $field $(, $part)?)),+ }
            }
        }

        #[cfg(test)]
        #[test]
        fn holds_what_the_table_says() {
            use crate::keywords::{Id, KEYWORDS, Process};
            let held = [$(Id::$id),+];
            for keyword in KEYWORDS {
                assert_eq!(held.contains(&keyword.id), keyword.known_to.contains(&Process::$process), "{}", keyword.name);
            }
        }
    };
}
pub(crate) use settings_of_one_process;

settings_of_one_process! {
    /// Settings of `sshd-preauth`. What depends on the user (which methods, which banner) it asks the monitor.
    PreauthSettings, Preauth, {
        /// How many attempts to log in the connection has.
        max_auth_tries: u32 = MaxAuthTries,
        /// Whether `hostbased` is offered.
        hostbased_authentication: bool = HostbasedAuthentication,
        /// Whether `publickey` is offered.
        pubkey_authentication: bool = PubkeyAuthentication,
        /// Whether `password` is offered.
        password_authentication: bool = PasswordAuthentication,
        /// Whether `keyboard-interactive` is offered.
        kbd_interactive_authentication: bool = KbdInteractiveAuthentication,
        /// Whether `zlib@openssh.com` is offered.
        compression: bool = Compression => |effective: &Effective| effective.compression == Compression::Delayed,
        /// Ciphers, preferred first.
        ciphers: Vec<String> = Ciphers,
        /// MACs, preferred first.
        macs: Vec<String> = Macs,
        /// Text behind the version in our identification line.
        version_addendum: Option<String> = VersionAddendum,
        /// Key exchange methods, preferred first.
        kex_algorithms: Vec<String> = KexAlgorithms,
        /// Host key algorithms, preferred first.
        host_key_algorithms: Vec<String> = HostKeyAlgorithms,
        /// What users' keys may sign with, for `server-sig-algs`.
        pubkey_signature_algorithms: Vec<String> = PubkeyAcceptedAlgorithms
            => |effective: &Effective| signature_algorithms(&effective.pubkey_accepted_algorithms),
        /// How much is logged.
        log_level: LogLevel = LogLevel,
        /// Bytes after which new keys are due; 0 for the cipher's default.
        rekey_bytes: u64 = RekeyLimit => |effective: &Effective| effective.rekey_limit.bytes(),
        /// Seconds after which new keys are due; 0 for never.
        rekey_seconds: u64 = RekeyLimit => |effective: &Effective| effective.rekey_limit.seconds(),
    }
}
