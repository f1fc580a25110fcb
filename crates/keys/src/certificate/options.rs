//! Critical options and extensions: names with data, whose data is itself a string or nothing.

use thiserror::Error;
use wire::Reader;

use crate::KeyError;

/// Why the options of a certificate make it unusable. The texts are theirs.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OptionsError {
    /// It may have been meant to restrict: the certificate must not be used without it.
    #[error("Certificate critical option \"{0}\" is not supported")]
    UnknownCritical(String),
    /// Which of the two would count?
    #[error("Certificate has multiple {0} options")]
    Multiple(&'static str),
    /// Its data is no string.
    #[error("Unable to parse \"{0}\" section")]
    NoString(&'static str),
    /// There is more data than there should be.
    #[error("Certificate option \"{0}\" corrupt (extra data)")]
    ExtraData(String),
    /// The list itself is broken.
    #[error("Unable to parse certificate options")]
    Encoding,
}

/// What whoever accepts a certificate must obey.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CriticalOptions {
    /// `force-command`: runs in place of whatever is asked for.
    pub force_command: Option<String>,
    /// `source-address`: a list of addresses and networks that it may be used from.
    pub source_address: Option<String>,
    /// `verify-required`: the authenticator must have verified its user.
    pub verify_required: bool,
}

/// What a certificate permits: what is not in it is forbidden.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extensions {
    /// `permit-agent-forwarding`
    pub agent_forwarding: bool,
    /// `permit-port-forwarding`
    pub port_forwarding: bool,
    /// `permit-pty`
    pub pty: bool,
    /// `permit-user-rc`
    pub user_rc: bool,
    /// `permit-X11-forwarding`
    pub x11_forwarding: bool,
    /// `no-touch-required`: the authenticator need not have been touched.
    pub no_touch_required: bool,
    /// Names that are not known here, and permit nothing.
    pub unknown: Vec<String>,
}

impl CriticalOptions {
    pub(super) fn parse(list: &[u8]) -> Result<Self, OptionsError> {
        let mut options = Self::default();
        for option in Entries(Reader::new(list)) {
            let (name, data) = option?;
            match name {
                "force-command" => set_once(&mut options.force_command, "force-command", data)?,
                "source-address" => set_once(&mut options.source_address, "source-address", data)?,
                "verify-required" => {
                    nothing(name, data)?;
                    options.verify_required = true;
                }
                _ => return Err(OptionsError::UnknownCritical(name.to_owned())),
            }
        }
        Ok(options)
    }
}

impl Extensions {
    pub(super) fn parse(list: &[u8]) -> Result<Self, OptionsError> {
        let mut extensions = Self::default();
        for extension in Entries(Reader::new(list)) {
            let (name, data) = extension?;
            let permitted = match name {
                "permit-agent-forwarding" => &mut extensions.agent_forwarding,
                "permit-port-forwarding" => &mut extensions.port_forwarding,
                "permit-pty" => &mut extensions.pty,
                "permit-user-rc" => &mut extensions.user_rc,
                "permit-X11-forwarding" => &mut extensions.x11_forwarding,
                "no-touch-required" => &mut extensions.no_touch_required,
                _ => {
                    extensions.unknown.push(name.to_owned());
                    continue;
                }
            };
            nothing(name, data)?;
            *permitted = true;
        }
        Ok(extensions)
    }
}

/// Pairs of a name and its data.
struct Entries<'a>(Reader<'a>);

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(&'a str, &'a [u8]), OptionsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self(reader) = self;
        if reader.remaining() == 0 {
            return None;
        }
        let entry = reader.utf8().and_then(|name| Ok((name, reader.string()?))).map_err(|_| OptionsError::Encoding);
        if entry.is_err() {
            reader.rest();
        }
        Some(entry)
    }
}

/// That a list consists of pairs of strings at all, whatever they are.
pub(super) fn check_encoding(list: &[u8]) -> Result<(), KeyError> {
    let mut reader = Reader::new(list);
    while reader.remaining() > 0 {
        let (_name, _data) = (reader.utf8()?, reader.string()?);
    }
    Ok(())
}

fn set_once(place: &mut Option<String>, name: &'static str, data: &[u8]) -> Result<(), OptionsError> {
    let mut reader = Reader::new(data);
    let text = reader.utf8().ok().filter(|text| !text.contains('\0')).ok_or(OptionsError::NoString(name))?;
    nothing(name, reader.rest())?;
    match place.replace(text.to_owned()) {
        None => Ok(()),
        Some(_) => Err(OptionsError::Multiple(name)),
    }
}

fn nothing(name: &str, data: &[u8]) -> Result<(), OptionsError> {
    if data.is_empty() { Ok(()) } else { Err(OptionsError::ExtraData(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use wire::Write as _;

    use super::*;

    fn list(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut list = Vec::new();
        for (name, data) in entries {
            list.put_string(name);
            list.put_string(data);
        }
        list
    }

    fn text(text: &str) -> Vec<u8> {
        let mut data = Vec::new();
        data.put_string(text);
        data
    }

    #[test]
    fn critical_options_are_understood_or_refused() {
        let parse = |entries: &[(&str, &[u8])]| CriticalOptions::parse(&list(entries));
        let (date, uptime) = (text("date"), text("uptime"));
        let options =
            parse(&[("force-command", &date), ("source-address", &text("10.0.0.0/8")), ("verify-required", b"")]);
        let expected = CriticalOptions {
            force_command: Some("date".to_owned()),
            source_address: Some("10.0.0.0/8".to_owned()),
            verify_required: true,
        };
        assert_eq!(options, Ok(expected));
        assert_eq!(parse(&[]), Ok(CriticalOptions::default()));
        for (entries, refused) in [
            (&[("frobnicate", &b""[..])][..], OptionsError::UnknownCritical("frobnicate".to_owned())),
            (&[("Verify-Required", b"")], OptionsError::UnknownCritical("Verify-Required".to_owned())),
            (&[("permit-pty", b"")], OptionsError::UnknownCritical("permit-pty".to_owned())),
            (&[("force-command", &date), ("force-command", &uptime)], OptionsError::Multiple("force-command")),
            (&[("force-command", b"date")], OptionsError::NoString("force-command")),
            (&[("force-command", &text("a\0b"))], OptionsError::NoString("force-command")),
            (&[("verify-required", b"x")], OptionsError::ExtraData("verify-required".to_owned())),
            (
                &[("source-address", &[date.clone(), uptime.clone()].concat())],
                OptionsError::ExtraData("source-address".to_owned()),
            ),
        ] {
            assert_eq!(parse(entries), Err(refused));
        }
        assert_eq!(CriticalOptions::parse(b"\0\0\0\x09x"), Err(OptionsError::Encoding));
    }

    #[test]
    fn extensions_permit_what_they_name() {
        let all = Extensions::parse(&list(&[
            ("permit-X11-forwarding", b""),
            ("permit-agent-forwarding", b""),
            ("permit-port-forwarding", b""),
            ("permit-pty", b""),
            ("permit-user-rc", b""),
            ("no-touch-required", b""),
            ("login@github.com", &text("me")),
        ]));
        let expected = Extensions {
            agent_forwarding: true,
            port_forwarding: true,
            pty: true,
            user_rc: true,
            x11_forwarding: true,
            no_touch_required: true,
            unknown: vec!["login@github.com".to_owned()],
        };
        assert_eq!(all, Ok(expected));
        let none = Extensions::parse(&list(&[("permit-x11-forwarding", b""), ("force-command", &text("x"))])).unwrap();
        assert_eq!(Extensions { unknown: Vec::new(), ..none }, Extensions::default());
        let extra = Extensions::parse(&list(&[("permit-pty", b"x")]));
        assert_eq!(extra, Err(OptionsError::ExtraData("permit-pty".to_owned())));
    }
}
