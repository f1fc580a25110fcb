//! Where a forwarded agent is found: a socket of a new name in `~/.ssh/agent`, as theirs.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ipc::forwarding::LONGEST_SOCKET_PATH;

/// The folders below the home that lead to the socket; those that are missing are made, for the user alone.
const FOLDERS: [&str; 2] = [".ssh", ".ssh/agent"];

/// A path where nothing is yet. Homes are shared among hosts: the host's name is part of it.
pub(super) fn new_path(home: &str) -> io::Result<PathBuf> {
    for folder in FOLDERS {
        make_folder(&Path::new(home).join(folder))?;
    }
    let mut random = [0; 8];
    sys::random::random_bytes(&mut random)?;
    let host = nix::unistd::gethostname().unwrap_or_default();
    let host = short_of(host.as_encoded_bytes());
    let path = PathBuf::from(format!("{home}/.ssh/agent/s.{host:08x}.sshd.{:016x}", u64::from_le_bytes(random)));
    if path.as_os_str().len() > LONGEST_SOCKET_PATH {
        return Err(io::Error::other("the path of the home is too long for a socket"));
    }
    Ok(path)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        // The umask is that of sockets.
        Ok(()) => fs::set_permissions(folder, Permissions::from_mode(0o700)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Something short that differs from host to host (FNV-1a).
fn short_of(name: &[u8]) -> u32 {
    name.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_for_the_user_alone() {
        let home = std::env::temp_dir().join(format!("bulkhead-agent-{}", std::process::id()));
        fs::create_dir_all(&home).unwrap();
        let (one, other) = (new_path(home.to_str().unwrap()).unwrap(), new_path(home.to_str().unwrap()).unwrap());
        let mode = fs::metadata(home.join(".ssh/agent")).unwrap().permissions().mode() & 0o777;
        let missing = new_path(home.join("missing").to_str().unwrap());
        let long = new_path(&format!("{}/{}", home.display(), "x/../".repeat(30)));
        fs::remove_dir_all(home).unwrap();
        assert_ne!(one, other);
        assert_eq!(mode, 0o700);
        assert!(missing.is_err() && long.is_err());
    }
}
