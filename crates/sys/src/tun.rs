//! tun(4): network devices whose packets a process reads and writes.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// What a device carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// IP packets: `tunN`.
    Network,
    /// Ethernet frames: `tapN`.
    Link,
}

/// Opens the device of this number, or any. Returns it with its name. It is made if it is not there and the caller may;
/// who is not root can open what root has made for them.
///
/// # Errors
/// No such device in this kernel, not allowed, in use.
pub fn open(layer: Layer, unit: Option<u32>) -> io::Result<(OwnedFd, String)> {
    /// `_IOW('T', 202, int)`
    const TUNSETIFF: libc::Ioctl = 0x4004_54ca;
    let device = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
    let prefix = if layer == Layer::Network { "tun" } else { "tap" };
    let wanted = unit.map_or_else(|| format!("{prefix}%d"), |unit| format!("{prefix}{unit}"));
    // SAFETY: all zeros is a valid `ifreq`: a name and a union of numbers.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(wanted.bytes()) {
        *place = byte as libc::c_char;
    }
    let kind = if layer == Layer::Network { libc::IFF_TUN } else { libc::IFF_TAP };
    request.ifr_ifru.ifru_flags = (kind | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: the descriptor is open and `request` is the `ifreq` that this call reads and writes.
    let done = unsafe { libc::ioctl(device.as_raw_fd(), TUNSETIFF, &raw mut request) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    let name = request.ifr_name.iter().take_while(|character| **character != 0);
    let name: Vec<u8> = name.map(|character| *character as u8).collect();
    Ok((device.into(), String::from_utf8_lossy(&name).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_of_each_layer_has_a_name_of_its_own() {
        match open(Layer::Network, None) {
            Ok((_device, name)) => {
                assert!(name.starts_with("tun"), "{name}");
                let (_other, name) = open(Layer::Link, None).unwrap();
                assert!(name.starts_with("tap"), "{name}");
            }
            // A kernel without the device, or somebody who may not.
            Err(error) => assert!(!crate::identity::is_root() || error.raw_os_error().is_some(), "{error}"),
        }
    }
}
