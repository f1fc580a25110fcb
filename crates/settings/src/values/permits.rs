//! PermitOpen and PermitListen: which destinations and which listening addresses may be asked for.

use serde::{Deserialize, Serialize};

use super::listen::host_and_port;
use super::ports::port_number;
use crate::{Arguments, Complaint, Kind};

/// What forwarding may reach, or where it may listen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PermitListen {
    /// No limit.
    Any,
    /// Nothing.
    None,
    /// `HOST:PORT` words, either part may be `*`, IPv6 in brackets.
    Only(Vec<String>),
}

/// PermitOpen's words: `HOST:PORT`.
pub struct PermitOpens;

/// PermitListen's words: `[HOST:]PORT`.
pub struct PermitListens;

impl Kind for PermitOpens {
    type Value = PermitListen;
    const WRITTEN: &'static str = "any|none|host:port...";

    fn parse(arguments: &mut Arguments<'_>) -> Result<PermitListen, Complaint> {
        parse_list(arguments, destination)
    }

    fn show(value: &PermitListen, _from_match: bool) -> Vec<String> {
        show(value)
    }
}

impl Kind for PermitListens {
    type Value = PermitListen;
    const WRITTEN: &'static str = "any|none|[host:]port...";

    fn parse(arguments: &mut Arguments<'_>) -> Result<PermitListen, Complaint> {
        parse_list(arguments, |word| if is_port(word) { Some(format!("*:{word}")) } else { destination(word) })
    }

    fn show(value: &PermitListen, _from_match: bool) -> Vec<String> {
        show(value)
    }
}

fn parse_list(
    arguments: &mut Arguments<'_>,
    entry: impl Fn(&str) -> Option<String>,
) -> Result<PermitListen, Complaint> {
    let first = arguments.required()?;
    let alone = match first {
        "any" => Some(PermitListen::Any),
        "none" => Some(PermitListen::None),
        _ => None,
    };
    let checked = |word: &str| entry(word).ok_or_else(|| Complaint::fatal(format!("bad specification \"{word}\"")));
    let rest = arguments.rest().iter().map(|word| checked(word));
    match alone {
        // Theirs checks the words behind `any` and forgets them.
        Some(value) => rest.collect::<Result<Vec<_>, _>>().map(|_| value),
        None => std::iter::once(checked(first)).chain(rest).collect::<Result<_, _>>().map(PermitListen::Only),
    }
}

/// `HOST:PORT`; the host is not checked.
fn destination(word: &str) -> Option<String> {
    let (_, port) = host_and_port(word)?;
    is_port(port?).then(|| word.to_owned())
}

fn is_port(word: &str) -> bool {
    word == "*" || port_number(word).is_some_and(|port| port != 0)
}

fn show(value: &PermitListen) -> Vec<String> {
    vec![match value {
        PermitListen::Any => "any".to_owned(),
        PermitListen::None => "none".to_owned(),
        PermitListen::Only(words) => words.join(" "),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::parse_plain;

    #[test]
    fn destinations_as_theirs() {
        let open = |text| parse_plain(text, PermitOpens::parse).ok().map(|value| show(&value).remove(0));
        for text in ["any", "none", "host:22", "host:*", "*:*", "[::1]:22", "1.2.3.4:80 5.6.7.8:443", ":22"] {
            assert_eq!(open(text).as_deref(), Some(text));
        }
        assert_eq!(open("any host:22").as_deref(), Some("any"));
        for text in ["host", "::1:22", "host:0", "host:65536", "ANY", "host:22 any", "none any", "host/22", "h:80,443"]
        {
            assert_eq!(open(text), None, "{text}");
        }
    }

    #[test]
    fn a_bare_port_listens_on_any_host() {
        let listen = |text| parse_plain(text, PermitListens::parse).ok().map(|value| show(&value).remove(0));
        assert_eq!(listen("22 localhost:*").as_deref(), Some("*:22 localhost:*"));
        assert_eq!(listen("*").as_deref(), Some("*:*"));
        for text in ["0", "65536", "host", "[::1]", "localhost:", "22 none", "a:b", "22,23"] {
            assert_eq!(listen(text), None, "{text}");
        }
    }
}
