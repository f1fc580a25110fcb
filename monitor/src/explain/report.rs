//! An explanation as it is printed: sections of lines, then the answer.

use std::fmt::Write as _;
use std::time::Duration;

use events::monitor::Event;
use events::{ConnectionFacts, Level, Loggable};
use serde::Serialize;

use crate::journal::Journal;

/// One explanation.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    user: String,
    address: String,
    sections: Vec<Section>,
    /// Whether the user would be let in; none while it is not known.
    let_in: Option<bool>,
    /// The answer in a sentence.
    answer: String,
    #[serde(skip)]
    facts: ConnectionFacts,
}

/// Lines about one thing.
#[derive(Debug, Serialize)]
struct Section {
    title: String,
    lines: Vec<Line>,
}

/// One step.
#[derive(Debug, Serialize)]
struct Line {
    /// At which LogLevel a real login writes it; none for what is said here only.
    level: Option<&'static str>,
    text: String,
}

/// How long a program that is asked for keys may take.
const PATIENCE: Duration = Duration::from_secs(30);

impl Report {
    /// Nothing is known yet.
    pub(crate) fn about(user: &str, facts: ConnectionFacts) -> Self {
        let (user, address) = (user.to_owned(), facts.peer.address.clone());
        Self { user, address, sections: Vec::new(), let_in: None, answer: String::new(), facts }
    }

    /// What follows is about this.
    pub(crate) fn section(&mut self, title: impl Into<String>) {
        self.sections.push(Section { title: title.into(), lines: Vec::new() });
    }

    /// Says something that no log holds.
    pub(crate) fn say(&mut self, text: impl Into<String>) {
        self.add(Line { level: None, text: text.into() });
    }

    /// The answer is no, whatever it was before. The first refusal stays: a real login comes no further.
    pub(crate) fn refuse(&mut self, why: impl Into<String>) {
        if self.let_in != Some(false) {
            self.let_in = Some(false);
            self.answer = why.into();
        }
    }

    /// The answer is no, and the line said last says why.
    pub(crate) fn refuse_for_last_line(&mut self) {
        let last = self.sections.last().and_then(|section| section.lines.last());
        let why = last.map(|line| line.text.clone()).unwrap_or_default();
        self.refuse(why);
    }

    /// The answer is yes, unless it has been no before.
    pub(crate) fn let_in(&mut self, how: impl Into<String>) {
        if self.let_in.is_none() {
            self.let_in = Some(true);
            self.answer = how.into();
        }
    }

    /// Whether the user would be let in. What nobody has answered is a no.
    pub(crate) fn would_be_let_in(&self) -> bool {
        self.let_in == Some(true)
    }

    /// For programs: one object on one line.
    pub(crate) fn json(&self) -> String {
        // Strings, booleans and lists of them can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// For people. Control bytes of names and files are made visible.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for Section { title, lines } in self.sections.iter().filter(|section| !section.lines.is_empty()) {
            let _ = writeln!(text, "{}", events::visible(title));
            for line in lines {
                let _ = writeln!(text, "    {}", events::visible(&line.text));
            }
        }
        let would = if self.would_be_let_in() { "would be let in" } else { "would not be let in" };
        let _ = writeln!(text, "{} from {} {would}: {}", events::visible(&self.user), self.address, self.answer);
        text
    }

    fn add(&mut self, line: Line) {
        if let Some(section) = self.sections.last_mut() {
            section.lines.push(line);
        }
    }
}

impl Journal for Report {
    fn log(&mut self, event: &Event) {
        let level = Some(Level::name(event.level()));
        self.add(Line { level, text: event.text(&self.facts) });
    }

    fn time_left(&self) -> Option<Duration> {
        Some(PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::about("al\nice", ConnectionFacts::none());
        report.section("account");
        report.log(&Event::Said { level: Level::Info, text: "it exists".to_owned() });
        report
    }

    #[test]
    fn silence_is_no_permission() {
        assert!(!report().would_be_let_in());
        assert!(report().text().ends_with("would not be let in: \n"));
    }

    #[test]
    fn the_first_refusal_stays_and_beats_every_permission() {
        let mut granted = report();
        granted.let_in("yes");
        assert!(granted.would_be_let_in());
        granted.refuse("no root directory");
        assert!(!granted.would_be_let_in());
        let mut report = report();
        report.refuse("no");
        report.let_in("yes");
        assert!(!report.would_be_let_in());
        assert!(report.text().ends_with("would not be let in: no\n"));
    }

    #[test]
    fn text_and_json_say_the_same() {
        let report = report();
        assert!(report.text().starts_with("account\n    it exists\nal\\nice from UNKNOWN"));
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["sections"][0]["lines"][0]["text"], "it exists");
        assert_eq!(json["sections"][0]["lines"][0]["level"], "INFO");
        assert_eq!(json["let_in"], serde_json::Value::Null);
    }
}
