//! Lists of algorithms: `a,b`, `+a`, `-pattern`, `^a`.

use std::marker::PhantomData;

use crate::algorithms::{CA_SIGNATURES, CIPHERS, KEX, KEY_TYPES, Known, MACS};
use crate::pattern::{ListMatch, matches_pattern, matches_pattern_list};
use crate::{Arguments, Complaint, Kind};

/// Which known names a list chooses from.
pub trait Algorithms {
    /// The names.
    fn known() -> &'static Known;
}

macro_rules! lists {
    ($($(#[doc = $doc:literal])+ $name:ident from $known:ident;)+) => {$(
        $(#[doc = $doc])+
        pub struct $name;
        impl Algorithms for $name {
            fn known() -> &'static Known { &$known }
        }
        impl Kind for $name {
            type Value = Vec<String>;
            const WRITTEN: &'static str = AlgorithmList::<$name>::WRITTEN;
            fn parse(arguments: &mut Arguments<'_>) -> Result<Vec<String>, Complaint> {
                AlgorithmList::<$name>::parse(arguments)
            }
            fn show(value: &Vec<String>, _from_match: bool) -> Vec<String> {
                AlgorithmList::<$name>::show(value)
            }
        }
    )+};
}

lists! {
    /// Ciphers.
    CipherList from CIPHERS;
    /// MACs.
    MacList from MACS;
    /// Key exchange methods.
    KexList from KEX;
    /// Host key algorithms.
    HostKeyList from KEY_TYPES;
    /// Algorithms of user keys.
    PubkeyList from KEY_TYPES;
    /// Algorithms of client hosts' keys.
    HostbasedList from KEY_TYPES;
    /// Algorithms of certificate signatures.
    CaSignatureList from CA_SIGNATURES;
}

struct AlgorithmList<T>(PhantomData<T>);

impl<T: Algorithms> AlgorithmList<T> {
    const WRITTEN: &'static str = "[+-^]algorithm,...";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Vec<String>, Complaint> {
        let word = arguments.required()?;
        let known = T::known();
        if word == "+" || word == "^" {
            return Err(Complaint::fatal(format!("no {} in \"{word}\"", known.what)));
        }
        let said = word.strip_prefix(['+', '^']).unwrap_or(word);
        if !word.starts_with('-') {
            check(said, known)?;
        }
        expand(word, known)
    }

    /// An empty list can only come from `-`; theirs shows the default then.
    fn show(value: &[String]) -> Vec<String> {
        vec![if value.is_empty() { T::known().default.join(",") } else { value.join(",") }]
    }
}

/// Whether every name is known. Theirs stops looking at an empty item, but not if that is the first.
fn check(list: &str, known: &Known) -> Result<(), Complaint> {
    let bad = |name: &str| Complaint::fatal(format!("unknown {} \"{name}\"", known.what));
    if list.starts_with(',') {
        return Err(bad(list));
    }
    for name in list.split(',').take_while(|name| !name.is_empty()) {
        let pattern = name.strip_prefix('!').unwrap_or(name);
        let found = known
            .all
            .iter()
            .any(|known_name| if known.wildcards { matches_pattern(known_name, pattern) } else { *known_name == name });
        if !found {
            return Err(bad(name));
        }
    }
    Ok(())
}

fn expand(word: &str, known: &Known) -> Result<Vec<String>, Complaint> {
    let default = || known.default.iter().copied();
    if word == "-" {
        return Ok(default().map(str::to_owned).collect());
    }
    let items: Vec<&str> = match (word.as_bytes().first(), word.get(1..)) {
        (Some(b'+'), Some(said)) => default().chain(said.split(',')).collect(),
        (Some(b'^'), Some(said)) => said.split(',').chain(default()).collect(),
        (Some(b'-'), Some(removed)) => {
            default().filter(|name| matches_pattern_list(name, removed) != ListMatch::Hit).collect()
        }
        _ => word.split(',').collect(),
    };
    let mut chosen: Vec<String> = Vec::new();
    for item in items {
        if item.starts_with('!') {
            return Err(Complaint::FatalAnywhere(format!(
                "\"{item}\": names cannot be negated in a list of algorithms"
            )));
        }
        for name in known.all.iter().filter(|name| matches_pattern(name, item)) {
            if !chosen.iter().any(|chosen| chosen == name) {
                chosen.push((*name).to_owned());
            }
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::parse_plain;

    fn ciphers(text: &str) -> Option<String> {
        parse_plain(text, CipherList::parse).ok().map(|value| CipherList::show(&value, false).remove(0))
    }

    #[test]
    fn plus_minus_and_hat() {
        let default = CIPHERS.default.join(",");
        assert_eq!(ciphers("+3des-cbc"), Some(format!("{default},3des-cbc")));
        assert_eq!(ciphers("-aes*").as_deref(), Some("chacha20-poly1305@openssh.com"));
        assert!(ciphers("^aes256-ctr").unwrap().starts_with("aes256-ctr,chacha20-poly1305@openssh.com,"));
        assert_eq!(ciphers("+aes128-ctr"), Some(default.clone()));
        assert_eq!(ciphers("-*"), Some(default.clone()));
        assert_eq!(ciphers("-"), Some(default));
    }

    #[test]
    fn exact_names_only_for_ciphers() {
        for text in ["+", "^", "aes*", "*", "none", "aes128-ctr,nosuch", ",aes128-ctr", "AES128-CTR"] {
            assert_eq!(ciphers(text), None, "{text}");
        }
    }

    #[test]
    fn key_types_take_wildcards_in_the_order_of_the_full_list() {
        assert_eq!(
            parse_plain("ssh-ed25519*", PubkeyList::parse).unwrap(),
            ["ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"]
        );
        assert!(matches!(parse_plain("!ssh-rsa*,*", HostKeyList::parse), Err(Complaint::FatalAnywhere(_))));
        assert!(parse_plain("ssh-ed25519-cert-v01@openssh.com", CaSignatureList::parse).is_err());
    }
}
