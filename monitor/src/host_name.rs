//! UseDNS: the name of the address that somebody comes from, if the name leads back to that address.

use std::io;
use std::net::IpAddr;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use events::Level;
use events::monitor::Event;
use settings::pattern::numeric_address;

use crate::ending::Ending;
use crate::journal::Journal;

/// Who is asked for names and addresses.
trait Resolver: Send + 'static {
    fn name_of(&self, address: IpAddr) -> Option<String>;
    fn addresses_of(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// This host's own.
struct OfThisHost;

impl Resolver for OfThisHost {
    fn name_of(&self, address: IpAddr) -> Option<String> {
        sys::resolver::name_of(address)
    }

    fn addresses_of(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        sys::resolver::addresses_of(name)
    }
}

/// Why an address stays without a name. The text, where there is one, is theirs.
#[derive(Debug, PartialEq, Eq)]
enum NoName {
    /// There is none: nothing to write about.
    HasNone,
    /// The log should know about it.
    NotBelieved(String),
}

/// The peer's name, or none when names are not to be looked up or there is none to believe: the address then takes its
/// place. A resolver that does not answer is waited for as long as LoginGraceTime lasts.
pub(crate) fn look_up(
    journal: &mut impl Journal,
    use_dns: bool,
    address: Option<IpAddr>,
) -> Result<Option<String>, Ending> {
    let (true, Some(address)) = (use_dns, address) else { return Ok(None) };
    match within(journal.time_left(), OfThisHost, address.to_canonical())? {
        Ok(name) => Ok(Some(name)),
        Err(NoName::HasNone) => Ok(None),
        Err(NoName::NotBelieved(text)) => {
            journal.log(&Event::Said { level: Level::Info, text });
            Ok(None)
        }
    }
}

/// Asks in a thread of its own, since nothing interrupts a resolver. When the time is over the whole process ends, and
/// the thread with it; otherwise the process has one thread again afterwards.
fn within(
    time_left: Option<Duration>,
    resolver: impl Resolver,
    address: IpAddr,
) -> Result<Result<String, NoName>, Ending> {
    let (found, wait) = channel();
    let asking = std::thread::Builder::new().name("resolver".to_owned()).spawn(move || {
        // Nobody listens any more when the time was over.
        let _ = found.send(confirmed_name(&resolver, address));
    })?;
    let answer = match time_left {
        Some(time) => wait.recv_timeout(time),
        None => wait.recv().map_err(|_| RecvTimeoutError::Disconnected),
    };
    match answer {
        Ok(answer) => {
            let _ = asking.join();
            Ok(answer)
        }
        Err(RecvTimeoutError::Timeout) => Err(Ending::GraceTimeOver),
        Err(RecvTimeoutError::Disconnected) => Err(Ending::Failed(io::Error::other("the resolver's thread died"))),
    }
}

/// Whoever runs the reverse zone of an address can write any name there: it counts only if the name leads back. One that
/// reads as an address would match rules about that address (CVE-2003-0386).
fn confirmed_name(resolver: &impl Resolver, address: IpAddr) -> Result<String, NoName> {
    let name = resolver.name_of(address).ok_or(NoName::HasNone)?;
    if numeric_address(&name).is_some() {
        let text = format!("Nasty PTR record \"{name}\" is set up for {address}, ignoring");
        return Err(NoName::NotBelieved(text));
    }
    let name = name.to_ascii_lowercase();
    let Ok(addresses) = resolver.addresses_of(&name) else {
        let text = format!("reverse mapping checking getaddrinfo for {name} [{address}] failed.");
        return Err(NoName::NotBelieved(text));
    };
    if !addresses.contains(&address) {
        let text = format!("Address {address} maps to {name}, but this does not map back to the address.");
        return Err(NoName::NotBelieved(text));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "192.0.2.7";

    /// One address with a name, and the addresses of that name.
    struct Zone {
        reverse: Option<&'static str>,
        forward: &'static [&'static str],
    }

    impl Resolver for Zone {
        fn name_of(&self, address: IpAddr) -> Option<String> {
            assert_eq!(address.to_string(), PEER);
            self.reverse.map(str::to_owned)
        }

        fn addresses_of(&self, name: &str) -> io::Result<Vec<IpAddr>> {
            assert_eq!(name, name.to_ascii_lowercase());
            match self.forward {
                [] => Err(io::ErrorKind::NotFound.into()),
                addresses => Ok(addresses.iter().map(|address| address.parse().unwrap()).collect()),
            }
        }
    }

    /// Never answers.
    struct Dead;

    impl Resolver for Dead {
        fn name_of(&self, _: IpAddr) -> Option<String> {
            loop {
                std::thread::park();
            }
        }

        fn addresses_of(&self, _: &str) -> io::Result<Vec<IpAddr>> {
            Err(io::ErrorKind::TimedOut.into())
        }
    }

    fn asked(reverse: Option<&'static str>, forward: &'static [&'static str]) -> Result<String, NoName> {
        within(None, Zone { reverse, forward }, PEER.parse().unwrap()).unwrap()
    }

    fn objection(reverse: &'static str, forward: &'static [&'static str]) -> String {
        match asked(Some(reverse), forward) {
            Err(NoName::NotBelieved(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_name_that_leads_back_is_believed() {
        assert_eq!(asked(Some("Pc.Example.org"), &["192.0.2.1", PEER]), Ok("pc.example.org".to_owned()));
        assert_eq!(asked(None, &[PEER]), Err(NoName::HasNone));
    }

    #[test]
    fn a_name_that_does_not_lead_back_is_not() {
        assert_eq!(
            objection("pc.example.org", &["192.0.2.1"]),
            "Address 192.0.2.7 maps to pc.example.org, but this does not map back to the address."
        );
        assert_eq!(
            objection("pc.example.org", &[]),
            "reverse mapping checking getaddrinfo for pc.example.org [192.0.2.7] failed."
        );
    }

    #[test]
    fn cve_2003_0386_an_address_is_no_name() {
        for nasty in ["10.0.0.1", "10.1", "0x0a000001", "::1", "fe80::1%1"] {
            let text = objection(nasty, &[PEER]);
            assert_eq!(text, format!("Nasty PTR record \"{nasty}\" is set up for 192.0.2.7, ignoring"));
        }
    }

    #[test]
    fn a_dead_resolver_costs_the_grace_time_and_no_more() {
        let ending = within(Some(Duration::from_millis(20)), Dead, PEER.parse().unwrap());
        assert!(matches!(ending, Err(Ending::GraceTimeOver)), "{ending:?}");
    }
}
