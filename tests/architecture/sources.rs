//! What no source file may say.

use super::tree::{File, files};

/// Crates whose machines take `now` as an argument and answer with effects.
const PURE: &[&str] = &[
    "crates/model/src",
    "crates/market/src",
    "crates/kernel/src",
    "crates/strategies/src",
    "crates/matching/src",
    "crates/binance/src",
    "crates/report/src",
];

/// Where money is counted. Prices and amounts are exact there, without exception.
const MONEY: &[&str] = &[
    "crates/model/src",
    "crates/kernel/src/ledger",
    "crates/kernel/src/orders",
    "crates/kernel/src/portfolio",
    "crates/kernel/src/risk",
    "crates/matching/src",
    "crates/binance/src",
    "crates/store/src",
];

/// Exact numbers turned into floats for indicators and pictures, and back by rounding.
const CONVERSIONS: &[&str] = &["crates/model/src/amount.rs", "crates/model/src/fixed.rs"];

/// The only places that may read the computer's clock: everybody else is told the time.
const CLOCKS: &[&str] =
    &["actors/src/clock.rs", "crates/exchange/src/server/state.rs", "src/logging/start.rs"];

/// The code of a file without comments, texts and the tests at its end.
fn code(file: &File) -> String {
    let text = file.text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
    text.lines().map(code_of_line).collect::<Vec<_>>().join("\n")
}

/// A line without its texts and its comment.
fn code_of_line(line: &str) -> String {
    let mut code = String::new();
    let mut is_text = false;
    let mut chars = line.chars().peekable();
    while let Some(next) = chars.next() {
        match next {
            '\\' if is_text => drop(chars.next()),
            '"' => is_text = !is_text,
            '/' if !is_text && chars.peek() == Some(&'/') => break,
            _ if is_text => {}
            _ => code.push(next),
        }
    }
    code
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs")
        || path.ends_with("/testing.rs")
        || path.contains("/tests/")
        || path.ends_with("/oracle.rs")
        || path.ends_with("/golden.rs")
}

/// The files below these directories, tests apart.
fn sources(directories: &[&str]) -> Vec<File> {
    let all = directories.iter().flat_map(|directory| files(directory, &[".rs"]));
    all.filter(|file| !is_test(&file.path)).collect()
}

/// Whether `word` stands in `code` as a word of its own.
fn has_word(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back().is_some_and(is_part);
        let after = code[at + word.len()..].chars().next().is_some_and(is_part);
        !before && !after
    })
}

#[track_caller]
fn check_has_none(files: &[File], words: &[&str], why: &str) {
    for file in files {
        let code = code(file);
        for word in words {
            assert!(!has_word(&code, word), "{} has `{word}`: {why}", file.path);
        }
    }
}

#[test]
fn the_scanner_sees_what_it_should() {
    let file = |text: &str| File { path: String::new(), text: text.to_owned() };
    #[track_caller]
    fn check(file: &File, word: &str, expected: bool) {
        assert_eq!(has_word(&code(file), word), expected, "{word} in {:?}", file.text);
    }
    check(&file("let x = f64::from(y);"), "f64", true);
    check(&file("// no f64 here\nlet x = 1;"), "f64", false);
    check(&file("let x = \"f64 // f64\"; f()"), "f64", false);
    check(&file("let x = \"\\\"\"; f64()"), "f64", true);
    check(&file("let as_f64 = 1;"), "f64", false);
    check(&file("fn a() {}\n\n#[cfg(test)]\nmod tests {\n f64 }"), "f64", false);
    check(&file("let now = Instant::now();"), "Instant::now", true);
    check(&file("use std::{fs, io};"), "std::fs", false);
}

#[test]
fn pure_crates_read_no_clock_and_touch_nothing_outside() {
    let words = [
        "SystemTime",
        "Instant",
        "std::env",
        "std::fs",
        "std::net",
        "std::process",
        "std::thread",
        "OnceLock",
        "LazyLock",
        "Mutex",
        "RwLock",
        "thread_local",
        "print!",
        "println!",
        "eprint!",
        "eprintln!",
        "thread_rng",
        "from_os_rng",
        "OsRng",
    ];
    check_has_none(&sources(PURE), &words, "a machine is told the time and answers with effects");
}

#[test]
fn pure_crates_have_no_order_that_changes_from_run_to_run() {
    for file in sources(PURE) {
        let code = code(&file);
        let hashed = has_word(&code, "HashMap") || has_word(&code, "HashSet");
        let is_fixed = has_word(&code, "BuildHasherDefault");
        assert!(!hashed || is_fixed, "{}: use BTreeMap, or a fixed hasher", file.path);
    }
}

#[test]
fn money_is_never_a_float() {
    let mut exact = sources(MONEY);
    exact.retain(|file| !CONVERSIONS.contains(&file.path.as_str()));
    check_has_none(&exact, &["f32", "f64"], "money is exact");
}

#[test]
fn the_clock_is_read_in_few_places() {
    let all = sources(&["actors/src", "crates", "src"]);
    let is_bench =
        |file: &File| file.path.contains("/benches/") || file.path.contains("/examples/");
    let (clocks, others): (Vec<File>, Vec<File>) = all
        .into_iter()
        .filter(|file| !is_bench(file))
        .partition(|file| CLOCKS.contains(&file.path.as_str()));
    check_has_none(&others, &["SystemTime", "UNIX_EPOCH"], "take the time as an argument");
    assert_eq!(clocks.len(), CLOCKS.len(), "a file that is gone needs no permission");
    for file in clocks {
        assert!(has_word(&code(&file), "SystemTime"), "{} needs no permission", file.path);
    }
}

/// An unbiased `select!` draws a random number, so a run could not be repeated.
#[test]
fn select_is_biased() {
    let mut count = 0;
    for file in sources(&["actors/src", "crates", "src"]) {
        let code = code(&file);
        let lines: Vec<&str> = code.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            if line.contains("select! {") {
                count += 1;
                let next = lines.get(number + 1).map_or("", |next| next.trim());
                assert_eq!(next, "biased;", "{}:{}", file.path, number + 1);
            }
        }
    }
    assert!(count > 0, "no select! found: the scan proves nothing");
}

#[test]
fn every_file_says_what_belongs_in_it() {
    for file in files("crates", &[".rs"]).into_iter().chain(files("actors", &[".rs"])) {
        let is_documented = file.text.starts_with("//!");
        assert!(is_documented || is_test(&file.path), "{} has no doc", file.path);
    }
    for file in files("src", &[".rs"]).into_iter().chain(files("tests", &[".rs"])) {
        assert!(file.text.starts_with("//!"), "{} has no doc", file.path);
    }
}

/// A path of somebody's machine works on nobody else's.
#[test]
fn no_file_holds_a_path_of_one_machine() {
    // Put together here, so that this file does not find itself.
    let starts = ["home", "root", "work", "Users", "mnt"].map(|name| format!("/{name}/"));
    for file in files("", &[".rs", ".toml", ".md", ".html", ".sh", ".json", "run"]) {
        for (number, line) in file.text.lines().enumerate() {
            let line_has = |start: &String| {
                line.match_indices(start).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    before.is_none_or(|c| !(c.is_alphanumeric() || "._-}~".contains(c)))
                })
            };
            let found = starts.iter().find(|start| line_has(start));
            assert!(found.is_none(), "{}:{}: {line}", file.path, number + 1);
        }
    }
}
