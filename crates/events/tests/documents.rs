//! `docs/events.md` describes every event there is. Its tables are made from the event enums as they stand in the
//! source; this test makes them anew and fails if they differ. `UPDATE_DOCUMENTS=1` writes them.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

/// What stands between the text that people write and the tables.
const TABLES: &str = "<!-- Made from crates/events/src by crates/events/tests/documents.rs. -->\n";

/// The enums, by the name that `source` has in a line.
const SOURCES: [(&str, &str, &str); 6] = [
    ("listener", "listener.rs", "the process that accepts connections"),
    ("preauth", "preauth.rs", "what `sshd-preauth` saw, written by the monitor"),
    ("monitor", "monitor.rs", "the process that decides about a connection"),
    ("session", "session.rs", "what `sshd-session` saw, written by the monitor"),
    ("files", "files.rs", "what became of files that `internal-sftp` serves, written by the monitor"),
    ("events", "stream.rs", "the stream itself"),
];

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[derive(Default)]
struct Variant {
    name: String,
    doc: String,
    fields: Vec<(String, String)>,
}

/// The variants of `enum Event` in a file that rustfmt has formatted: what it says about each, and its fields.
fn variants(source: &str) -> Vec<Variant> {
    let body = source.split("enum Event {\n").nth(1).expect("an enum");
    let (mut variants, mut doc) = (Vec::<Variant>::new(), String::new());
    for line in body.lines().take_while(|line| *line != "}") {
        let text = line.trim();
        let depth = line.len() - line.trim_start().len();
        if let Some(more) = text.strip_prefix("///") {
            write!(doc, "{}{}", if doc.is_empty() { "" } else { " " }, more.trim()).unwrap();
        } else if depth == 4 && text.starts_with(|first: char| first.is_ascii_uppercase()) {
            let name: String = text.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
            let mut variant = Variant { name, doc: std::mem::take(&mut doc), ..Variant::default() };
            if let Some((_, of)) = text.trim_end_matches("),").split_once('(') {
                variant.fields = fields_of_struct(of);
            } else if let Some(fields) = text.split_once('{').and_then(|(_, rest)| rest.split_once('}')) {
                let names = fields.0.split(',').filter_map(|field| field.split(':').next());
                variant.fields.extend(names.map(|name| (name.trim().to_owned(), String::new())));
            }
            variants.push(variant);
        } else if depth == 8 && text.contains(':') && !text.starts_with('#') {
            let name = text.split(':').next().unwrap_or_default().to_owned();
            let variant = variants.last_mut().expect("a field belongs to a variant");
            variant.fields.push((name, std::mem::take(&mut doc)));
        }
    }
    variants
}

/// What a variant holds that has no names of its own: the fields of one of our structs, or a `value`.
fn fields_of_struct(name: &str) -> Vec<(String, String)> {
    let folder = project().join("crates/events/src");
    let sources = fs::read_dir(folder).unwrap().filter_map(|file| fs::read_to_string(file.unwrap().path()).ok());
    let start = format!("pub struct {name} {{\n");
    let Some(body) = sources.into_iter().find_map(|source| Some(source.split_once(&start)?.1.to_owned())) else {
        return vec![("value".to_owned(), String::new())];
    };
    let (mut fields, mut doc) = (Vec::new(), String::new());
    for line in body.lines().take_while(|line| *line != "}").map(str::trim) {
        if let Some(more) = line.strip_prefix("///") {
            write!(doc, "{}{}", if doc.is_empty() { "" } else { " " }, more.trim()).unwrap();
        } else if let Some((name, _)) = line.trim_start_matches("pub ").split_once(':') {
            fields.push((name.to_owned(), std::mem::take(&mut doc)));
        }
    }
    fields
}

fn tables() -> String {
    let mut page = String::new();
    for (source, file, whose) in SOURCES {
        let path = project().join("crates/events/src").join(file);
        let mut variants = variants(&fs::read_to_string(path).unwrap());
        if source == "files" {
            // What is written of a file has the monitor's knowledge of the place with it.
            let recorded = fields_of_struct("Recorded").into_iter().filter(|(name, _)| name != "event");
            let recorded: Vec<_> = recorded.collect();
            variants.iter_mut().for_each(|variant| variant.fields.extend(recorded.iter().cloned()));
        }
        assert!(!variants.is_empty(), "{file}");
        writeln!(page, "\n### `{source}`: {whose}\n\n| event | when | fields |\n|---|---|---|").unwrap();
        for Variant { name, doc, fields } in variants {
            let one = |(name, doc): &(String, String)| match doc.as_str() {
                "" => format!("`{name}`"),
                doc => format!("`{name}`: {}", doc.trim_end_matches('.')),
            };
            let fields: Vec<String> = fields.iter().map(one).collect();
            let cell = |text: &str| text.replace('|', "\\|").replace("[`", "`").replace("`]", "`");
            writeln!(page, "| `{name}` | {} | {} |", cell(&doc), cell(&fields.join("; "))).unwrap();
        }
    }
    page
}

#[test]
fn every_event_is_described() {
    let path = project().join("docs/events.md");
    let found = fs::read_to_string(&path).unwrap();
    let (text, old) = found.split_once(TABLES).expect("the line that the tables follow");
    let tables = tables();
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(&path, format!("{text}{TABLES}{tables}")).unwrap();
    } else {
        assert!(old == tables, "docs/events.md does not follow the events; run this test with UPDATE_DOCUMENTS=1");
    }
}

#[test]
fn variants_are_found_with_their_fields() {
    let found = variants(
        "enum Event {\n    /// A.\n    /// B.\n    One,\n    /// C\n    Two(u8),\n    /// D\n    Three {\n        /// x\n        field: String,\n    },\n}\n",
    );
    let names: Vec<&str> = found.iter().map(|variant| variant.name.as_str()).collect();
    assert_eq!(names, ["One", "Two", "Three"]);
    assert_eq!((found[0].doc.as_str(), found[2].fields[0].0.as_str()), ("A. B.", "field"));
}
