//! IPQoS: the service class of interactive and of bulk connections.

use serde::{Deserialize, Serialize};

use super::numbers::number;
use crate::{Arguments, Complaint, Kind};

/// A value for the traffic class byte; `None` leaves the byte alone.
pub type Dscp = Option<u8>;

/// Traffic class bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpQos {
    /// For sessions with a terminal.
    pub interactive: Dscp,
    /// For everything else.
    pub bulk: Dscp,
}

/// One class for both, or one each.
pub struct ServiceClasses;

impl Kind for ServiceClasses {
    type Value = IpQos;
    const WRITTEN: &'static str = "class [class]";

    fn parse(arguments: &mut Arguments<'_>) -> Result<IpQos, Complaint> {
        let interactive = class(arguments.required()?)?;
        let bulk = arguments.next_word().map_or(Ok(interactive), class)?;
        Ok(IpQos { interactive, bulk })
    }

    fn show(value: &IpQos, _from_match: bool) -> Vec<String> {
        vec![format!("{} {}", shown(value.interactive), shown(value.bulk))]
    }
}

/// RFC 2597, 3246, 2474, 8622, 5865: names of code points, already shifted into the byte.
const NAMES: [(&str, u8); 23] = [
    ("af11", 0x28),
    ("af12", 0x30),
    ("af13", 0x38),
    ("af21", 0x48),
    ("af22", 0x50),
    ("af23", 0x58),
    ("af31", 0x68),
    ("af32", 0x70),
    ("af33", 0x78),
    ("af41", 0x88),
    ("af42", 0x90),
    ("af43", 0x98),
    ("cs0", 0x00),
    ("cs1", 0x20),
    ("cs2", 0x40),
    ("cs3", 0x60),
    ("cs4", 0x80),
    ("cs5", 0xa0),
    ("cs6", 0xc0),
    ("cs7", 0xe0),
    ("ef", 0xb8),
    ("va", 0xb0),
    ("le", 0x04),
];

fn class(word: &str) -> Result<Dscp, Complaint> {
    if let Some((_, value)) = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) {
        return Ok(Some(*value));
    }
    if ["none", "lowdelay", "throughput", "reliability"].iter().any(|none| none.eq_ignore_ascii_case(word)) {
        return Ok(None);
    }
    number(word)
        .and_then(|value| u8::try_from(value).ok())
        .map(Some)
        .ok_or_else(|| Complaint::fatal(format!("bad service class \"{word}\"")))
}

fn shown(class: Dscp) -> String {
    match class {
        None => "none".to_owned(),
        Some(value) => NAMES
            .iter()
            .find(|(_, known)| *known == value)
            .map_or_else(|| format!("0x{value:02x}"), |(name, _)| (*name).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::parse_plain;

    #[test]
    fn classes_as_theirs() {
        for (text, dump) in [
            ("ef", "ef ef"),
            ("EF cs1", "ef cs1"),
            ("none", "none none"),
            ("lowdelay", "none none"),
            ("0", "cs0 cs0"),
            ("184", "ef ef"),
            ("255", "0xff 0xff"),
            ("le 8", "le 0x08"),
            ("4 1", "le 0x01"),
        ] {
            let value = parse_plain(text, ServiceClasses::parse).unwrap();
            assert_eq!(ServiceClasses::show(&value, false), [dump], "{text}");
        }
        for text in ["256", "-1", "cs8", "ef x", "0x10", "af1"] {
            assert!(parse_plain(text, ServiceClasses::parse).is_err(), "{text}");
        }
    }
}
