//! Names of TCP ports, from the services database's file.

/// The port that `name` stands for in `/etc/services`; names are case-sensitive, aliases count.
pub fn tcp_port(name: &str) -> Option<u16> {
    find(&std::fs::read_to_string("/etc/services").ok()?, name)
}

fn find(services: &str, name: &str) -> Option<u16> {
    services.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_ascii_whitespace();
        let (service, port) = (words.next()?, words.next()?.strip_suffix("/tcp")?);
        (service == name || words.any(|alias| alias == name)).then(|| port.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_of_tcp_alone() {
        let services = "ssh\t\t22/tcp  # login\nsmtp 25/tcp mail\nonlyudp 7777/udp\n";
        assert_eq!(find(services, "ssh"), Some(22));
        assert_eq!(find(services, "mail"), Some(25));
        assert_eq!(find(services, "SSH"), None);
        assert_eq!(find(services, "login"), None);
        assert_eq!(find(services, "onlyudp"), None);
    }
}
