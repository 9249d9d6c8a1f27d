//! Holds the files in config/ and docs/CONFIG.md against the key tables.
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

use std::path::{Path, PathBuf};

use tickwright::STRATEGIES;
use tickwright::config::{ENGINE_KEYS, STRATEGY_KEYS, Sources, key::Key, key::Kind, load};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every key stands in the file, set or commented out, with a comment above it.
#[track_caller]
fn check_is_explained(file: &Path, keys: &[Key]) {
    let text = std::fs::read_to_string(file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for key in keys {
        let (section, name) = key.path.rsplit_once('.').unwrap_or(("", &key.path));
        let headings = [format!("[{section}]"), format!("[[{}]]", key.path)];
        let start = match section {
            "" => 0,
            _ => lines.iter().position(|line| *line == headings[0]).expect(&headings[0]) + 1,
        };
        let is_table = matches!(key.kind, Kind::Tables(_));
        let wanted = |line: &&str| {
            let line = line.strip_prefix("# ").unwrap_or(line);
            if is_table { *line == headings[1] } else { line.starts_with(&format!("{name} = ")) }
        };
        let found = lines[start..].iter().position(wanted);
        let found = start + found.unwrap_or_else(|| panic!("{}: {}", file.display(), key.path));
        assert!(lines[found - 1].starts_with("# "), "{}: no comment", key.path);
        if !is_table {
            let crossed = lines[start..found].iter().any(|line| line.starts_with('['));
            assert!(!crossed, "{} is in another section", key.path);
        }
    }
}

#[test]
fn every_engine_key_is_explained() {
    check_is_explained(&root().join("config/engine.toml"), ENGINE_KEYS);
}

#[test]
fn every_strategy_key_is_explained() {
    for file in std::fs::read_dir(root().join("config/strategies")).unwrap() {
        let path = file.unwrap().path();
        check_is_explained(&path, STRATEGY_KEYS);
        let text = std::fs::read_to_string(&path).unwrap();
        for entry in STRATEGIES {
            if text.contains(&format!("\nkind = \"{}\"\n", entry.kind())) {
                let keys: Vec<Key> = entry.parameters.keys.iter().map(Key::of_parameter).collect();
                check_is_explained(&path, &keys);
            }
        }
    }
}

#[test]
fn the_files_built_in_are_a_configuration() {
    let config = load(&Sources::Embedded, &[], STRATEGIES).unwrap();
    let kinds: Vec<&str> = config.enabled().map(|strategy| strategy.kind.as_str()).collect();
    assert_eq!(kinds, ["dip_buyer", "ema_cross", "grid", "market_maker"]);
}

#[test]
fn the_engine_file_shows_the_defaults() {
    let empty = tempfile::tempdir().unwrap();
    let directory = empty.path().join("strategies");
    std::fs::create_dir(&directory).unwrap();
    let hash = |text: &str| {
        let path = empty.path().join("engine.toml");
        std::fs::write(&path, text).unwrap();
        load(&Sources::Files { engine: Some(path) }, &[], &[]).unwrap().hash
    };
    let shipped = std::fs::read_to_string(root().join("config/engine.toml")).unwrap();
    assert_eq!(hash(&shipped), hash(""), "config/engine.toml says it holds the defaults");
}

#[test]
fn config_md_is_what_the_tables_say() {
    let path = root().join("docs/CONFIG.md");
    let expected = tickwright::config::to_markdown(STRATEGIES);
    if std::env::var_os("TICKWRIGHT_BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(found == expected, "docs/CONFIG.md is out of date: set TICKWRIGHT_BLESS=1");
}

#[test]
fn cli_md_is_what_the_definitions_say() {
    let path = root().join("docs/CLI.md");
    let expected = tickwright::cli::to_markdown();
    if std::env::var_os("TICKWRIGHT_BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(found == expected, "docs/CLI.md is out of date: set TICKWRIGHT_BLESS=1");
}
