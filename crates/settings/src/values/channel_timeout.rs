//! ChannelTimeout: idle limits by type of channel.

use serde::{Deserialize, Serialize};

use super::time::{Seconds, whole_seconds};
use crate::{Arguments, Complaint, Kind};

/// One `TYPE=TIME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelTimeout {
    /// A pattern of channel types, or the word `global`.
    pub channel_type: String,
    /// How long such channels may be idle; zero means no limit.
    pub timeout: Seconds,
    /// As typed.
    pub written: String,
}

/// `none`, or `TYPE=TIME` words.
pub struct ChannelTimeouts;

impl Kind for ChannelTimeouts {
    type Value = Vec<ChannelTimeout>;
    const WRITTEN: &'static str = "none|type=time...";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Self::Value, Complaint> {
        let first = arguments.required()?;
        let rest = arguments.rest();
        if first.eq_ignore_ascii_case("none") && rest.is_empty() {
            return Ok(Vec::new());
        }
        std::iter::once(first).chain(rest.iter().map(AsRef::as_ref)).map(timeout).collect()
    }

    fn show(value: &Self::Value, _from_match: bool) -> Vec<String> {
        if value.is_empty() {
            return vec!["none".to_owned()];
        }
        vec![value.iter().map(|timeout| timeout.written.as_str()).collect::<Vec<_>>().join(" ")]
    }
}

fn timeout(word: &str) -> Result<ChannelTimeout, Complaint> {
    if word.eq_ignore_ascii_case("none") {
        return Err(Complaint::counted("\"none\" must be the only argument"));
    }
    let (channel_type, time) = word
        .split_once('=')
        .filter(|(channel_type, _)| !channel_type.is_empty())
        .ok_or_else(|| Complaint::fatal(format!("\"{word}\" is not TYPE=TIME")))?;
    let timeout = whole_seconds(time)?;
    Ok(ChannelTimeout { channel_type: channel_type.to_owned(), timeout, written: word.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::parse_plain;

    #[test]
    fn none_stands_alone() {
        assert_eq!(parse_plain("None", ChannelTimeouts::parse), Ok(Vec::new()));
        for text in ["none session=1", "session=1 none", "none none"] {
            assert!(matches!(parse_plain(text, ChannelTimeouts::parse), Err(Complaint::Counted(_))), "{text}");
        }
    }

    #[test]
    fn the_text_is_kept_as_typed() {
        let value = parse_plain("session=5m *=1", ChannelTimeouts::parse).unwrap();
        assert_eq!(ChannelTimeouts::show(&value, false), ["session=5m *=1"]);
        assert_eq!(value[0].timeout, Seconds(300));
        for text in ["session", "session=", "session=x"] {
            assert!(matches!(parse_plain(text, ChannelTimeouts::parse), Err(Complaint::Fatal(_))), "{text}");
        }
    }
}
