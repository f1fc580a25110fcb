//! AuthenticationMethods: which methods, in which order, are enough to log in.

use serde::{Deserialize, Serialize};

use crate::{Arguments, Complaint, Kind};

/// An authentication method (RFC 4252).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Method {
    /// `publickey`
    PublicKey,
    /// `password`
    Password,
    /// `keyboard-interactive` (RFC 4256)
    KeyboardInteractive,
    /// `hostbased`
    Hostbased,
    /// `gssapi-with-mic` (RFC 4462 section 3); AuthenticationMethods cannot name it
    GssapiWithMic,
    /// `none`: succeeds only for accounts without a password
    None,
}

impl Method {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::PublicKey => "publickey",
            Self::Password => "password",
            Self::KeyboardInteractive => "keyboard-interactive",
            Self::Hostbased => "hostbased",
            Self::GssapiWithMic => "gssapi-with-mic",
            Self::None => "none",
        }
    }

    /// The method that AuthenticationMethods calls so; names are case-sensitive.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::PublicKey, Self::Password, Self::KeyboardInteractive, Self::Hostbased, Self::None]
            .into_iter()
            .find(|method| method.name() == name)
    }
}

/// One method of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodStep {
    /// The method.
    pub method: Method,
    /// The device behind a colon (`keyboard-interactive:pam`); not checked, as theirs.
    pub device: Option<String>,
}

/// Methods that must all succeed, in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodList(pub Vec<MethodStep>);

impl std::fmt::Display for MethodList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, step) in self.0.iter().enumerate() {
            f.write_str(if place == 0 { "" } else { "," })?;
            f.write_str(step.method.name())?;
            if let Some(device) = &step.device {
                write!(f, ":{device}")?;
            }
        }
        Ok(())
    }
}

/// `any` (an empty value: each enabled method is enough), or lists of which one must be completed.
pub struct AuthenticationMethods;

impl Kind for AuthenticationMethods {
    type Value = Vec<MethodList>;
    const WRITTEN: &'static str = "any|method,... [method,...]...";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Vec<MethodList>, Complaint> {
        let first = match arguments.next_word() {
            None => return Err(Complaint::fatal("missing argument")),
            Some(word) => word,
        };
        let rest = arguments.rest();
        if first == "any" {
            return match rest {
                [] => Ok(Vec::new()),
                _ => Err(Complaint::fatal("\"any\" must be the only argument")),
            };
        }
        std::iter::once(first).chain(rest.iter().map(AsRef::as_ref)).map(method_list).collect()
    }

    fn show(value: &Vec<MethodList>, _from_match: bool) -> Vec<String> {
        vec![match value.as_slice() {
            [] => "any".to_owned(),
            lists => lists.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        }]
    }
}

fn method_list(word: &str) -> Result<MethodList, Complaint> {
    let step = |item: &str| {
        let (name, device) = item.split_once(':').map_or((item, None), |(name, device)| (name, Some(device)));
        Method::from_name(name)
            .map(|method| MethodStep { method, device: device.map(ToOwned::to_owned) })
            .ok_or_else(|| Complaint::fatal(format!("unknown authentication method \"{item}\" in \"{word}\"")))
    };
    word.split(',').map(step).collect::<Result<_, _>>().map(MethodList)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::parse_plain;

    #[test]
    fn lists_are_shown_as_written() {
        for text in ["any", "publickey,password publickey,keyboard-interactive", "keyboard-interactive:pam", "none"] {
            let value = parse_plain(text, AuthenticationMethods::parse).unwrap();
            assert_eq!(AuthenticationMethods::show(&value, false), [text]);
        }
    }

    #[test]
    fn what_is_no_list_of_methods() {
        for text in ["ANY", "any publickey", "publickey any", "foo", "publickey,", ",", "gssapi-with-mic", ""] {
            assert!(matches!(parse_plain(text, AuthenticationMethods::parse), Err(Complaint::Fatal(_))), "{text}");
        }
    }
}
