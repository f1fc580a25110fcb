//! Port, and reading of port numbers in general.

use super::numbers::number;
use crate::kind::Repeat;
use crate::{Arguments, Complaint, Kind, services};

/// Port numbers, one a line.
pub struct PortList;

/// As theirs: more lines than this are an error.
const MOST: usize = 256;

impl Kind for PortList {
    type Value = Vec<u16>;
    const REPEAT: Repeat = Repeat::Accumulates;
    const WRITTEN: &'static str = "port";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Vec<u16>, Complaint> {
        let word = arguments.required()?;
        match port_number(word) {
            Some(port) if port != 0 => Ok(vec![port]),
            _ => Err(Complaint::fatal(format!("bad port number \"{word}\""))),
        }
    }

    fn take_later(earlier: &mut Vec<u16>, later: &Vec<u16>) -> bool {
        earlier.extend(later);
        true
    }

    fn show(value: &Vec<u16>, _from_match: bool) -> Vec<String> {
        value.iter().map(ToString::to_string).collect()
    }
}

impl PortList {
    /// Whether another line would be one too many.
    pub fn is_full(ports: &[u16]) -> bool {
        ports.len() >= MOST
    }
}

/// A port number from 0 to 65535, or the name of a TCP service.
pub fn port_number(text: &str) -> Option<u16> {
    match number(text) {
        Some(port) => u16::try_from(port).ok(),
        None => services::tcp_port(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_first_then_names() {
        assert_eq!(port_number("022"), Some(22));
        assert_eq!(port_number("65536"), None);
        assert_eq!(port_number("no such service"), None);
    }
}
