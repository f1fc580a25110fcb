//! Names of addresses and addresses of names, as this host's resolver knows them (nsswitch.conf(5), hosts(5), DNS).
//!
//! Both questions may take as long as the resolver likes: seconds for each name server that does not answer.

use std::ffi::CStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs as _};

use libc::{c_char, sockaddr, sockaddr_in, sockaddr_in6, socklen_t};

/// Room for a name with its NUL (`NI_MAXHOST` of netdb.h).
const LONGEST_NAME: usize = 1025;

/// The name of `address` (a reverse look-up); `None` when it has none or nobody answers. Whoever runs the reverse zone
/// chose it, and it is only text: nothing says that it is a name, or one that leads back to the address.
#[must_use]
pub fn name_of(address: IpAddr) -> Option<String> {
    let mut name = [0_u8; LONGEST_NAME];
    let failed = match address {
        IpAddr::V4(address) => ask(&socket_address_v4(address), &mut name),
        IpAddr::V6(address) => ask(&socket_address_v6(address), &mut name),
    };
    if failed != 0 {
        return None;
    }
    Some(CStr::from_bytes_until_nul(&name).ok()?.to_string_lossy().into_owned())
}

/// The addresses of `name`.
///
/// # Errors
/// When it has none, or nobody answers.
pub fn addresses_of(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

/// `T` is one of C's socket addresses.
fn ask<T>(address: &T, name: &mut [u8; LONGEST_NAME]) -> libc::c_int {
    let (Ok(length), Ok(room)) = (socklen_t::try_from(size_of::<T>()), socklen_t::try_from(name.len())) else {
        return libc::EAI_OVERFLOW;
    };
    // SAFETY: `address` is a whole socket address of `length` bytes that outlives the call, and `name` is writable for
    // `room` bytes; no service name is asked for, so its pointer may be null.
    unsafe {
        libc::getnameinfo(
            std::ptr::from_ref(address).cast::<sockaddr>(),
            length,
            name.as_mut_ptr().cast::<c_char>(),
            room,
            std::ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    }
}

fn socket_address_v4(address: Ipv4Addr) -> sockaddr_in {
    // SAFETY: plain C data; all zeroes is a valid value.
    let mut socket_address: sockaddr_in = unsafe { std::mem::zeroed() };
    socket_address.sin_family = libc::AF_INET as libc::sa_family_t;
    socket_address.sin_addr.s_addr = u32::from(address).to_be();
    socket_address
}

fn socket_address_v6(address: Ipv6Addr) -> sockaddr_in6 {
    // SAFETY: plain C data; all zeroes is a valid value.
    let mut socket_address: sockaddr_in6 = unsafe { std::mem::zeroed() };
    socket_address.sin6_family = libc::AF_INET6 as libc::sa_family_t;
    socket_address.sin6_addr.s6_addr = address.octets();
    socket_address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_a_name_that_leads_back() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let name = name_of(loopback).expect("hosts(5) names it");
        assert!(addresses_of(&name).unwrap().contains(&loopback), "{name}");
    }

    #[test]
    fn what_has_no_name_or_no_address_says_so() {
        // `.invalid` never exists (RFC 6761), and no text with a space is a name.
        assert!(addresses_of("no such name.invalid").is_err());
        assert!(addresses_of("").is_err());
    }
}
