//! Where events go as JSON.

use serde::{Deserialize, Serialize};

use super::paths::{FilePath, absolute};
use crate::text::{from_path, to_path};
use crate::{Arguments, Complaint, Kind};

/// What marks the path of a socket.
const SOCKET: &str = "unix:";

/// A destination of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventLog {
    /// A file.
    File(FilePath),
    /// A Unix-domain datagram socket.
    Socket(FilePath),
}

/// A path, made absolute, of a file, or of a socket with `unix:` in front; or `none`.
pub struct OptionalEventLog;

impl Kind for OptionalEventLog {
    type Value = Option<EventLog>;
    const WRITTEN: &'static str = "path|unix:path|none";

    fn parse(arguments: &mut Arguments<'_>) -> Result<Option<EventLog>, Complaint> {
        let word = arguments.required()?;
        if word.eq_ignore_ascii_case("none") {
            return Ok(None);
        }
        Ok(Some(match word.strip_prefix(SOCKET) {
            Some("") => return Err(Complaint::fatal(format!("no path behind \"{SOCKET}\""))),
            Some(path) => EventLog::Socket(FilePath(to_path(&absolute(path)?))),
            None => EventLog::File(FilePath(to_path(&absolute(word)?))),
        }))
    }

    fn show(value: &Option<EventLog>, _from_match: bool) -> Vec<String> {
        vec![match value {
            None => "none".to_owned(),
            Some(EventLog::File(path)) => from_path(path),
            Some(EventLog::Socket(path)) => format!("{SOCKET}{}", from_path(path)),
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(word: &str) -> Result<Option<EventLog>, Complaint> {
        OptionalEventLog::parse(&mut Arguments::new(&[word.into()], word))
    }

    #[test]
    fn files_and_sockets_are_told_apart() {
        let at = |path: &str| FilePath(path.into());
        assert_eq!(parse("/var/log/e.json"), Ok(Some(EventLog::File(at("/var/log/e.json")))));
        assert_eq!(parse("unix:/run/e.sock"), Ok(Some(EventLog::Socket(at("/run/e.sock")))));
        assert_eq!(parse("None"), Ok(None));
        assert!(parse("unix:").is_err());
        for word in ["/var/log/e.json", "unix:/run/e.sock", "none"] {
            assert_eq!(OptionalEventLog::show(&parse(word).unwrap(), false), [word]);
        }
    }
}
