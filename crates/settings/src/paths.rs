//! Where things are installed: compiled in, overridden at build time by environment variables of the same names with
//! `BULKHEAD_` in front.

macro_rules! installed {
    ($($(#[doc = $doc:literal])+ $name:ident = $default:literal, $variable:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: &str = match option_env!($variable) { Some(path) => path, None => $default };)+
    };
}

installed! {
    /// Directory of `sshd_config`, host keys and `moduli`; relative Include patterns are looked up here.
    SYSCONFDIR = "/etc/ssh", "BULKHEAD_SYSCONFDIR";
    /// Directory of the helper programs when they do not lie beside `sshd`.
    LIBEXECDIR = "/usr/libexec/bulkhead", "BULKHEAD_LIBEXECDIR";
    /// Default of PidFile.
    PIDFILE = "/var/run/sshd.pid", "BULKHEAD_PIDFILE";
    /// Default of XAuthLocation.
    XAUTH = "/usr/bin/xauth", "BULKHEAD_XAUTH";
}

/// What `Match Version` is tested against, and what `-V` and `-d` say first. Files that ask for a version ask for
/// OpenSSH's: this is the release whose language and behaviour we follow, to the letter.
pub const RELEASE: &str = "OpenSSH_10.5p1";

/// Who we are, beside [`RELEASE`].
pub const OURSELVES: &str = concat!("Bulkhead_", env!("CARGO_PKG_VERSION"));

/// Default of Identification: the software version that peers see (RFC 4253 section 4.2).
pub const OUR_VERSION: &str =
    concat!("Bulkhead_", env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));

/// What follows [`OUR_VERSION`] in the identification line, behind a blank, unless Identification names another version.
/// Clients that look for `OpenSSH` anywhere in the line do so to send the arguments of SFTP's SYMLINK as OpenSSH takes
/// them, and as everybody else sends them anyway (ARCHITECTURE.md, "Identification").
pub const OUR_COMMENT: &str = "like OpenSSH_10.5";

/// A file in [`SYSCONFDIR`].
pub fn in_sysconfdir(name: &str) -> String {
    format!("{SYSCONFDIR}/{name}")
}

/// A program in [`LIBEXECDIR`].
pub fn in_libexecdir(name: &str) -> String {
    format!("{LIBEXECDIR}/{name}")
}
