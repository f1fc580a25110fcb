//! Events for machines.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::{ConnectionFacts, Loggable};

/// One event as one line of JSON: when (seconds since the epoch), from which process, about whom, what happened as
/// typed fields, and the text of the log line. Control bytes are escaped by JSON itself.
#[must_use]
pub fn json(event: &impl Loggable, facts: &ConnectionFacts, moment: SystemTime) -> String {
    json!({
        "time": moment.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()),
        "pid": std::process::id(),
        "level": event.level().name(),
        "peer": facts.peer,
        "local": facts.local,
        "who": facts.who,
        "event": event,
        "text": event.text(facts),
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{ConnectionId, Endpoint, Who, preauth};

    #[test]
    fn an_event_keeps_its_fields_apart() {
        let facts = ConnectionFacts {
            id: ConnectionId::NONE,
            peer: Endpoint { address: "192.0.2.7".to_owned(), port: 40000 },
            local: Endpoint { address: "192.0.2.1".to_owned(), port: 22 },
            who: Who::Invalid("ro\not".to_owned()),
        };
        let event = preauth::Event::ReceivedDisconnect { reason: 11, text: "bye".to_owned() };
        let line = json(&event, &facts, UNIX_EPOCH + Duration::from_millis(1500));
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["time"], 1.5);
        assert_eq!(read["level"], "INFO");
        assert_eq!(read["peer"]["address"], "192.0.2.7");
        assert_eq!(read["who"]["Invalid"], "ro\not");
        assert_eq!(read["event"]["ReceivedDisconnect"]["reason"], 11);
        assert!(!line.contains('\n'));
    }
}
