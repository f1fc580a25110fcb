//! `docs/past-cves.md` names tests that exist, and every test here stands in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bulkhead_tests::project;

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the project").flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Names of the functions behind `#[test]`.
fn tests_below(folder: &Path) -> BTreeSet<String> {
    let mut files = Vec::new();
    rust_files(folder, &mut files);
    let mut names = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source file");
        for piece in text.split("#[test]").skip(1) {
            let name = piece.split_once("fn ").and_then(|(_, name)| name.split_once('('));
            names.extend(name.map(|(name, _)| name.to_owned()));
        }
    }
    names
}

/// What stands in backticks in the last column of a table row.
fn named_in(document: &str) -> BTreeSet<String> {
    let rows = document.lines().filter(|line| line.starts_with("| "));
    let last = rows.filter_map(|row| row.trim_end_matches(" |").rsplit(" | ").next());
    let is_test = |word: &&str| word.contains('_') && word.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
    last.flat_map(|cell| cell.split('`').skip(1).step_by(2)).filter(is_test).map(str::to_owned).collect()
}

#[test]
fn every_named_test_exists_and_every_test_is_named() {
    let document = fs::read_to_string(project().join("docs/past-cves.md")).expect("docs/past-cves.md");
    let named = named_in(&document);
    assert!(named.len() > 40, "{named:?}");
    let missing: Vec<_> = named.difference(&tests_below(&project())).cloned().collect();
    assert!(missing.is_empty(), "docs/past-cves.md names tests that do not exist: {missing:?}");
    let here = tests_below(&project().join("tests/past_cves"));
    let unnamed: Vec<_> = here
        .difference(&named)
        .filter(|name| ["cve_", "dropbear_", "openssh_"].iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    assert!(unnamed.is_empty(), "docs/past-cves.md does not name {unnamed:?}");
}
