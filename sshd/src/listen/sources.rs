//! Where connections come from, as far as it counts for or against them: PerSourceNetBlockSize and
//! PerSourcePenaltyExemptList of sshd_config(5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use settings::Effective;
use settings::pattern::matches_address_list;
use settings::values::{NetBlockSize, PerSourcePenalties};

/// All addresses that share their leading bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Source(IpAddr);

impl Source {
    /// The source that an address belongs to.
    pub(crate) fn of(address: IpAddr, blocks: NetBlockSize) -> Self {
        Self(match address {
            IpAddr::V4(v4) => {
                let behind = 32 - u32::from(blocks.ipv4).min(32);
                Ipv4Addr::from_bits(v4.to_bits() & u32::MAX.checked_shl(behind).unwrap_or(0)).into()
            }
            IpAddr::V6(v6) => {
                let behind = 128 - u32::from(blocks.ipv6).min(128);
                Ipv6Addr::from_bits(v6.to_bits() & u128::MAX.checked_shl(behind).unwrap_or(0)).into()
            }
        })
    }

    pub(crate) fn is_ipv4(self) -> bool {
        self.0.is_ipv4()
    }
}

/// What the configuration says about sources.
#[derive(Debug, Clone)]
pub(crate) struct SourceLimits {
    /// PerSourceMaxStartups
    pub(crate) most_startups: Option<u32>,
    /// PerSourceNetBlockSize
    pub(crate) blocks: NetBlockSize,
    /// PerSourcePenalties
    pub(crate) penalties: PerSourcePenalties,
    /// PerSourcePenaltyExemptList
    exempt: Option<String>,
}

impl SourceLimits {
    pub(crate) fn of(global: &Effective) -> Self {
        Self {
            most_startups: global.per_source_max_startups,
            blocks: global.per_source_net_block_size,
            penalties: global.per_source_penalties.clone(),
            exempt: global.per_source_penalty_exempt_list.clone(),
        }
    }

    /// How many bits of such an address count.
    pub(crate) fn bits(&self, address: IpAddr) -> u8 {
        if address.is_ipv4() { self.blocks.ipv4 } else { self.blocks.ipv6 }
    }

    /// Whether the administrator has exempted the address. A list that cannot be read exempts nobody.
    pub(crate) fn is_exempt(&self, address: IpAddr) -> bool {
        let hit = |list: &String| matches_address_list(&address.to_string(), list).is_ok_and(|hit| hit.is_hit());
        self.exempt.as_ref().is_some_and(hit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_share_their_leading_bits_are_one_source() {
        let same = |one: &str, other: &str, ipv4, ipv6| {
            let blocks = NetBlockSize { ipv4, ipv6 };
            Source::of(one.parse().unwrap(), blocks) == Source::of(other.parse().unwrap(), blocks)
        };
        assert!(same("192.0.2.7", "192.0.2.200", 24, 128) && !same("192.0.2.7", "192.0.3.7", 24, 128));
        assert!(!same("192.0.2.6", "192.0.2.7", 32, 128) && same("10.0.0.1", "192.0.2.7", 0, 0));
        assert!(same("2001:db8::1", "2001:db8::ffff:1", 32, 64) && !same("2001:db8:0:1::1", "2001:db8::1", 32, 64));
        assert!(same("::1", "ffff::1", 32, 0) && !same("::", "0.0.0.0", 0, 0));
    }
}
