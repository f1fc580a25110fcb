//! Events for machines: one object a line, described in `docs/events.md`.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{ConnectionFacts, ConnectionId, Endpoint, Loggable, Who};

/// Longest line in bytes: every datagram socket takes it, and one write(2) to a file stays one piece.
const LONGEST_LINE: usize = 60 * 1024;

/// Characters of the text that are left of an event that is too long.
const KEPT_TEXT: usize = 2000;

/// One event. The order of the fields is the order in the line.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    connection: Option<String>,
    source: &'static str,
    event: String,
    level: &'static str,
    pid: u32,
    user: Option<&'a str>,
    login: &'static str,
    peer: Option<&'a Endpoint>,
    local: Option<&'a Endpoint>,
    fields: Value,
    text: String,
}

/// One event as one line of JSON: when, on which connection, said by whom, what happened as typed fields, and the text
/// of the log line. Control bytes are escaped by JSON itself.
#[must_use]
pub fn json<E: Loggable>(event: &E, facts: &ConnectionFacts, moment: SystemTime) -> String {
    let (name, fields) = name_and_fields(serde_json::to_value(event).unwrap_or_default());
    let (user, login) = match &facts.who {
        Who::Nobody => (None, "none"),
        Who::Invalid(user) => (Some(user.as_str()), "invalid"),
        Who::Authenticating(user) => (Some(user.as_str()), "authenticating"),
        Who::LoggedIn(user) => (Some(user.as_str()), "logged in"),
    };
    let known = |end: &Endpoint| *end != Endpoint::unknown();
    let mut line = Line {
        time: utc(moment),
        connection: (facts.id != ConnectionId::NONE).then(|| facts.id.to_string()),
        source: E::SOURCE,
        event: name,
        level: event.level().name(),
        pid: std::process::id(),
        user,
        login,
        peer: Some(&facts.peer).filter(|end| known(end)),
        local: Some(&facts.local).filter(|end| known(end)),
        fields,
        text: event.text(facts),
    };
    let whole = serde_json::to_string(&line).unwrap_or_default();
    if whole.len() <= LONGEST_LINE {
        return whole;
    }
    // What a peer said is longer than anybody wants to keep.
    line.fields = serde_json::json!({ "too_long": true });
    line.text = line.text.chars().take(KEPT_TEXT).collect();
    serde_json::to_string(&line).unwrap_or_default()
}

/// What serde makes of a variant: a string, or an object of one pair. Fields without names are called `value`.
fn name_and_fields(event: Value) -> (String, Value) {
    let nothing = || Value::Object(Map::new());
    match event {
        Value::String(name) => (name, nothing()),
        Value::Object(variant) => match variant.into_iter().next() {
            Some((name, fields @ Value::Object(_))) => (name, fields),
            Some((name, value)) => (name, serde_json::json!({ "value": value })),
            None => (String::new(), nothing()),
        },
        _ => (String::new(), nothing()),
    }
}

/// RFC 3339 with microseconds: `2026-11-22T20:14:41.000123Z`
fn utc(moment: SystemTime) -> String {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date_of(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        since.subsec_micros()
    )
}

/// Year, month and day of a day counted from 1970-01-01. Years are counted from March here, so that a leap day is the
/// last day of its year and every month begins at a fixed day.
fn date_of(days: u64) -> (u64, u64, u64) {
    const FROM_YEAR_ZERO: u64 = 719_468;
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let days = days.saturating_add(FROM_YEAR_ZERO);
    let (era, day) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let in_january_or_february = month >= 10;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if in_january_or_february { month - 9 } else { month + 3 };
    (era * 400 + year + u64::from(in_january_or_february), month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{listener, preauth};

    fn read<E: Loggable>(event: &E, who: Who) -> Value {
        let facts = ConnectionFacts {
            id: ConnectionId::draw().unwrap(),
            peer: Endpoint { address: "192.0.2.7".to_owned(), port: 40000 },
            local: Endpoint { address: "192.0.2.1".to_owned(), port: 22 },
            who,
        };
        let line = json(event, &facts, UNIX_EPOCH + Duration::from_millis(1_700_000_025_500));
        assert!(!line.contains('\n') && line.len() <= LONGEST_LINE);
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["connection"], facts.id.to_string());
        read
    }

    #[test]
    fn an_event_keeps_its_fields_apart() {
        let event = preauth::Event::ReceivedDisconnect { reason: 11, text: "bye".to_owned() };
        let read = read(&event, Who::Invalid("ro\not".to_owned()));
        assert_eq!(read["time"], "2023-11-14T22:13:45.500000Z");
        assert_eq!(
            (&read["source"], &read["event"], &read["level"]),
            (&Value::from("preauth"), &Value::from("ReceivedDisconnect"), &Value::from("INFO"))
        );
        assert_eq!(read["peer"]["address"], "192.0.2.7");
        assert_eq!((&read["user"], &read["login"]), (&Value::from("ro\not"), &Value::from("invalid")));
        assert_eq!(read["fields"]["reason"], 11);
    }

    #[test]
    fn fields_are_an_object_whatever_the_event() {
        assert_eq!(read(&listener::Event::ReceivedSighup, Who::Nobody)["fields"], serde_json::json!({}));
        assert_eq!(read(&listener::Event::ReceivedSignal(15), Who::Nobody)["fields"]["value"], 15);
    }

    #[test]
    fn what_is_too_long_is_cut_and_still_an_object() {
        let event = preauth::Event::Debug { depth: crate::Depth::One, text: "\u{1}ä".repeat(20_000) };
        let read = read(&event, Who::Nobody);
        assert_eq!(read["fields"]["too_long"], true);
        assert_eq!(read["text"].as_str().unwrap().chars().count(), KEPT_TEXT);
    }

    #[test]
    fn dates_with_leap_days_and_without() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_453, (2025, 12, 31)),
            (20_454, (2026, 1, 1)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(date_of(days), date);
        }
    }
}
