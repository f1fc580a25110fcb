//! Lists of addresses, CIDR blocks and wildcards.

use std::net::{IpAddr, Ipv6Addr};

use super::{ListMatch, matches_pattern};

/// An item of an address list that must not stand: theirs refuses such lists when it reads them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddressList {
    /// Nothing between two commas, or behind a `!`.
    #[error("empty item in address list \"{0}\"")]
    Empty(String),
    /// The mask is longer than the address.
    #[error("mask of \"{0}\" is too long")]
    MaskTooLong(String),
    /// Bits behind the mask are set: is the block meant or the address?
    #[error("\"{0}\" has bits set behind its mask")]
    HostBits(String),
}

/// Whether a list may stand.
pub fn check_address_list(list: &str) -> Result<(), BadAddressList> {
    entries(list).try_for_each(|entry| entry.map(drop))
}

/// What `list` says about `address` (text). An address that cannot be read matches nothing. IPv4 and IPv6 never mix.
pub fn matches_address_list(address: &str, list: &str) -> Result<ListMatch, BadAddressList> {
    let Some(wanted) = numeric_address(address) else {
        return Ok(ListMatch::Miss);
    };
    let mut verdict = ListMatch::Miss;
    for entry in entries(list) {
        let entry = entry?;
        let hit = match &entry.what {
            What::Block(block) => block.contains(&wanted),
            What::Wildcard(pattern) => matches_pattern(address, pattern),
        };
        match (hit, entry.negated) {
            (true, true) => return Ok(ListMatch::Negated),
            (true, false) => verdict = ListMatch::Hit,
            (false, _) => {}
        }
    }
    Ok(verdict)
}

/// A numeric address as C's resolver reads one: `10.1`, `0x7f000001`, octal parts and scope ids included.
pub fn numeric_address(text: &str) -> Option<(IpAddr, u32)> {
    if let Some(address) = ipv4_as_c_reads_it(text) {
        return Some((IpAddr::V4(address.into()), 0));
    }
    let (address, scope) = match text.split_once('%') {
        Some((address, scope)) => (address, scope_id(scope)?),
        None => (text, 0),
    };
    Some((IpAddr::V6(address.parse::<Ipv6Addr>().ok()?), scope))
}

struct Entry<'a> {
    negated: bool,
    what: What<'a>,
}

enum What<'a> {
    Block(Block),
    Wildcard(&'a str),
}

struct Block {
    network: (IpAddr, u32),
    mask: u32,
}

impl Block {
    fn contains(&self, address: &(IpAddr, u32)) -> bool {
        match (self.network, *address) {
            ((IpAddr::V4(network), _), (IpAddr::V4(address), _)) => {
                behind(u128::from(u32::from(network) ^ u32::from(address)), 32 - self.mask)
            }
            ((IpAddr::V6(network), scope), (IpAddr::V6(address), its_scope)) => {
                scope == its_scope && behind(u128::from(network) ^ u128::from(address), 128 - self.mask)
            }
            _ => false,
        }
    }
}

/// Whether only the last `bits` bits of `difference` may be set.
fn behind(difference: u128, bits: u32) -> bool {
    difference.checked_shr(bits).unwrap_or(0) == 0
}

fn entries(list: &str) -> impl Iterator<Item = Result<Entry<'_>, BadAddressList>> {
    list.split(',').map(move |item| {
        let (negated, text) = item.strip_prefix('!').map_or((false, item), |rest| (true, rest));
        if text.is_empty() {
            return Err(BadAddressList::Empty(list.to_owned()));
        }
        Ok(Entry { negated, what: block(text)?.map_or(What::Wildcard(text), What::Block) })
    })
}

/// `text` as an address or a CIDR block; `None` when it can only be a wildcard.
fn block(text: &str) -> Result<Option<Block>, BadAddressList> {
    let (address, mask) = match text.split_once('/') {
        None => (text, None),
        Some((address, mask)) => match mask_length(mask) {
            None => return Ok(None),
            mask => (address, mask),
        },
    };
    let Some(network) = numeric_address(address) else {
        return Ok(None);
    };
    let (width, bits) = match network.0 {
        IpAddr::V4(address) => (32, u128::from(u32::from(address))),
        IpAddr::V6(address) => (128, u128::from(address)),
    };
    let mask = mask.unwrap_or(width);
    if mask > width {
        return Err(BadAddressList::MaskTooLong(text.to_owned()));
    }
    let host = width - mask;
    let host_bits = if host == 128 { bits } else { bits & ((1 << host) - 1) };
    if host_bits != 0 {
        return Err(BadAddressList::HostBits(text.to_owned()));
    }
    Ok(Some(Block { network, mask }))
}

fn mask_length(text: &str) -> Option<u32> {
    text.parse().ok().filter(|&mask: &u32| mask <= 128)
}

/// inet_aton(3): one to four parts, decimal, octal or hexadecimal; the last part fills the rest.
fn ipv4_as_c_reads_it(text: &str) -> Option<u32> {
    let parts: Vec<u64> = text.split('.').map(c_number).collect::<Option<_>>()?;
    let (last, leading) = parts.split_last()?;
    if leading.len() > 3 || leading.iter().any(|&part| part > 255) {
        return None;
    }
    let width = 32 - 8 * leading.len();
    if last >> width != 0 {
        return None;
    }
    let high = leading.iter().fold(0, |high, part| high << 8 | part) << width;
    u32::try_from(high | last).ok()
}

fn c_number(text: &str) -> Option<u64> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some("") => None,
        Some(hex) => hex.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u64::from_str_radix(hex, 16).ok())?,
        None if text.starts_with('0') => u64::from_str_radix(text, 8).ok(),
        None => text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?,
    }
}

fn scope_id(text: &str) -> Option<u32> {
    match text.parse() {
        Ok(number) => Some(number),
        Err(_) => nix::net::if_::if_nametoindex(text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(address: &str, list: &str) -> bool {
        matches_address_list(address, list).is_ok_and(ListMatch::is_hit)
    }

    #[test]
    fn blocks_and_addresses() {
        assert!(hit("192.0.2.7", "192.0.2.0/24"));
        assert!(hit("2001:db8::7", "10.0.0.0/8,2001:db8::/32"));
        assert!(hit("10.0.0.1", "10.1"));
        assert!(hit("127.0.0.1", "0x7f000001"));
        assert!(hit("10.0.0.8", "10.0.0.010"));
        assert!(hit("1.2.3.4", "0.0.0.0/0"));
        assert!(hit("::1", "::/0"));
        assert!(!hit("192.0.3.7", "192.0.2.0/24"));
    }

    #[test]
    fn families_never_mix() {
        assert!(!hit("::ffff:192.0.2.7", "192.0.2.0/24"));
        assert!(!hit("192.0.2.7", "::/0"));
    }

    #[test]
    fn wildcards_and_negations() {
        assert!(hit("192.0.2.7", "192.0.*"));
        assert_eq!(matches_address_list("192.0.2.7", "192.0.2.0/24,!192.0.2.7"), Ok(ListMatch::Negated));
        assert!(!hit("none", "*"));
    }

    #[test]
    fn what_must_not_stand() {
        for list in ["192.0.2.1/24", "192.0.2.0/33", "", ",", "a,,b", "!", "2001:db8::1/32", "10.0.0.0/8,"] {
            assert!(check_address_list(list).is_err(), "{list:?}");
        }
        for list in ["hostname", "*", "192.0.2.0/x", "[::1]", "1.2.3.4.5"] {
            assert_eq!(check_address_list(list), Ok(()), "{list:?}");
        }
    }
}
