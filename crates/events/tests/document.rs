//! Holds LOGS.md and the sources against the table of events.
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn logs_md_is_what_the_table_says() {
    let path = root().join("LOGS.md");
    let expected = tickwright_events::to_markdown();
    if std::env::var_os("TICKWRIGHT_BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(
        found == expected,
        "LOGS.md is out of date: TICKWRIGHT_BLESS=1 cargo test -p tickwright-events"
    );
}

/// Rust sources of the product: tests and this crate's own examples do not count as emission.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The constants that follow `log_event!(` or `table::` in the product's sources.
fn emitted() -> BTreeSet<String> {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    sources(&root().join("actors/src"), &mut files);
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let path = entry.unwrap().path();
        if !path.ends_with("events") {
            sources(&path.join("src"), &mut files);
        }
    }
    let mut constants = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let calls = ["log_event!(", "order_line!(", "events::table::"];
        let parts = calls.iter().flat_map(|call| text.split(call).skip(1));
        for part in parts {
            let name = part.trim_start();
            let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(0);
            // A macro that passes the name on has a variable in its place.
            if end > 0 {
                constants.insert(name[..end].to_owned());
            }
        }
    }
    constants
}

#[test]
fn every_emission_is_declared() {
    let declared: BTreeSet<&str> = tickwright_events::table::CONSTANTS.iter().copied().collect();
    for constant in emitted() {
        assert!(declared.contains(constant.as_str()), "{constant} is emitted but not in the table");
    }
}

#[test]
fn every_event_is_emitted_somewhere() {
    let emitted = emitted();
    let missing: Vec<&&str> = tickwright_events::table::CONSTANTS
        .iter()
        .filter(|constant| !emitted.contains(**constant))
        .collect();
    assert!(missing.is_empty(), "declared but never emitted: {missing:?}");
}
