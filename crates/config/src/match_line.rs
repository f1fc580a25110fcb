//! The criteria of a Match line.

use std::borrow::Cow;

use settings::pattern::check_address_list;
use settings::{Arguments, Complaint, Criterion, port_number};

/// Reads criteria until the words end. Any mistake ends the reading of the configuration.
pub(crate) fn criteria(arguments: &mut Arguments<'_>) -> Result<Vec<Criterion>, Complaint> {
    let mut criteria = Vec::new();
    while let Some(word) = arguments.next_word() {
        if word.starts_with('#') {
            arguments.rest();
            break;
        }
        if word.eq_ignore_ascii_case("all") {
            // An empty word behind it passes, as theirs.
            let alone = criteria.is_empty()
                && arguments.next_word().is_none_or(|next| next.is_empty() || next.starts_with('#'));
            if !alone {
                return Err(bad("\"all\" must be the only criterion"));
            }
            return Ok(vec![Criterion::All]);
        }
        if word.eq_ignore_ascii_case("invalid-user") {
            criteria.push(Criterion::InvalidUser);
            continue;
        }
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, arguments.next_word()),
        };
        match value {
            None | Some("") => return Err(bad(format!("missing value for \"{name}\""))),
            Some(value) if value.starts_with('#') => return Err(bad(format!("missing value for \"{name}\""))),
            Some(value) => criteria.push(criterion(name, value)?),
        }
    }
    if criteria.is_empty() {
        return Err(bad("at least one criterion is needed"));
    }
    Ok(criteria)
}

fn criterion(name: &str, value: &str) -> Result<Criterion, Complaint> {
    let list = || value.to_owned();
    match name.to_ascii_lowercase().as_str() {
        "user" => Ok(Criterion::User(list())),
        "group" => Ok(Criterion::Group(list())),
        "host" => Ok(Criterion::Host(list())),
        "address" => addresses(value).map(Criterion::Address),
        "localaddress" => addresses(value).map(Criterion::LocalAddress),
        "localport" => port_number(value).map(Criterion::LocalPort).ok_or_else(|| bad(format!("bad port \"{value}\""))),
        "rdomain" => Ok(Criterion::RoutingDomain(list())),
        "version" => Ok(Criterion::Version(list())),
        _ => Err(bad(format!("unknown criterion \"{name}\""))),
    }
}

fn addresses(list: &str) -> Result<String, Complaint> {
    check_address_list(list).map_err(|error| bad(error.to_string()))?;
    Ok(list.to_owned())
}

fn bad(what: impl Into<Cow<'static, str>>) -> Complaint {
    Complaint::fatal(format!("bad Match condition: {}", what.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> Result<Vec<Criterion>, Complaint> {
        let words = crate::line::words(raw).unwrap();
        criteria(&mut Arguments::new(&words, raw))
    }

    #[test]
    fn spellings() {
        let fred = Ok(vec![Criterion::User("fred".to_owned())]);
        for raw in ["user fred", "USER=fred", "\"User\" fred # c"] {
            assert_eq!(read(raw), fred, "{raw}");
        }
        assert_eq!(read("user =fred"), Ok(vec![Criterion::User("=fred".to_owned())]));
        assert_eq!(read("all \"\""), Ok(vec![Criterion::All]));
        assert_eq!(read("LocalPort 0"), Ok(vec![Criterion::LocalPort(0)]));
    }

    #[test]
    fn mistakes() {
        for raw in [
            "#",
            "\"\"",
            "user",
            "user \"\"",
            "user=",
            "user #x",
            "user = fred",
            "!user fred",
            "user fred bob",
            "all user x",
            "user x all",
            "final",
            "exec true",
            "bogus=1",
            "user x host",
            "localport 22,23",
            "address 1.2.3.4/8",
            "invalid-user=yes",
        ] {
            assert!(matches!(read(raw), Err(Complaint::Fatal(_))), "{raw}");
        }
    }
}
