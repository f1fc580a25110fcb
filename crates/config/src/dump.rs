//! What `sshd -T` and `-G` print.

use serde_json::{Map, Value, json};
use settings::keywords::ItsFile;
use settings::text::to_bytes;
use settings::{MatchFacts, Settings};

use crate::why::{Outcome, origins};

/// How keywords are spelt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As the manual spells them: what theirs prints since 10.4.
    Mixed,
    /// All lower case: what theirs printed until 10.3, and what many tools look for.
    Lower,
}

/// Every keyword of theirs with its value, one a line, in their order.
pub fn dump(settings: &Settings, facts: &MatchFacts, spelling: Spelling) -> Vec<u8> {
    let mut text = Vec::with_capacity(8192);
    let shown = settings.resolve(facts).show(settings.said_by_blocks(facts));
    for (keyword, values) in shown.into_iter().filter(|(keyword, _)| keyword.file == ItsFile::SshdConfig) {
        let name = match spelling {
            Spelling::Mixed => keyword.name.to_owned(),
            Spelling::Lower => keyword.name.to_ascii_lowercase(),
        };
        for value in values {
            text.extend_from_slice(name.as_bytes());
            text.push(b' ');
            text.extend_from_slice(&to_bytes(&value));
            text.push(b'\n');
        }
    }
    text
}

/// The same for programs, with our own keywords: an object with a member per keyword, its `values` as lines of the dump, and `from`: the places
/// that set it, or `"default"`.
pub fn dump_json(settings: &Settings, facts: &MatchFacts) -> String {
    let origins = origins(settings, facts);
    let mut members = Map::new();
    for (keyword, values) in settings.resolve(facts).show(settings.said_by_blocks(facts)) {
        let places: Vec<Value> = origins
            .iter()
            .filter(|origin| origin.keyword == keyword.id && origin.outcome == Outcome::Used)
            .map(|origin| {
                let file = settings.files.get(usize::from(origin.place.file)).map_or("?", String::as_str);
                json!({ "file": file, "line": origin.place.line })
            })
            .collect();
        let from = if places.is_empty() { json!("default") } else { Value::Array(places) };
        members.insert(keyword.name.to_owned(), json!({ "values": values, "from": from }));
    }
    let document = json!({ "format": 1, "release": settings::paths::RELEASE, "settings": members });
    format!("{document:#}\n")
}
