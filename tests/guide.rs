//! The pages that people read: their code is that of the examples, which run here; the files,
//! commands and tests that they name exist.
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[path = "../examples/batches.rs"]
#[allow(dead_code, reason = "its main is not called")]
mod batches;
#[path = "../examples/bounded_queue.rs"]
#[allow(dead_code, reason = "its main is not called")]
mod bounded_queue;
#[path = "../examples/event_stream.rs"]
#[allow(dead_code, reason = "its main is not called")]
mod event_stream;
#[path = "../examples/flat_memory.rs"]
#[allow(dead_code, reason = "its main is not called")]
mod flat_memory;
#[path = "../examples/parallel_prices.rs"]
#[allow(dead_code, reason = "its main is not called")]
mod parallel_prices;

#[tokio::test]
async fn parallel_prices_are_faster_and_a_failure_costs_nobody_else() {
    use parallel_prices::{ask, client, control, slow_exchange};
    let exchange = slow_exchange().await;
    let url = exchange.rest_url();
    let pooled = client(10);
    let parallel = ask(&pooled, &url, 10).await;
    let sequential = ask(&client(1), &url, 1).await;
    assert!(parallel.took * 4 < sequential.took, "{:?} {:?}", parallel.took, sequential.took);
    for outcome in [&parallel, &sequential] {
        assert_eq!(outcome.prices.len(), 19);
        assert!(outcome.failures[0].1.contains("-1121"), "{:?}", outcome.failures);
    }
    control(&exchange, "fail?point=before&status=0&count=1&matching=ticker").await;
    let broken = ask(&pooled, &url, 10).await;
    assert_eq!((broken.prices.len() + broken.failures.len(), broken.failures.len()), (20, 2));
}

#[test]
fn a_bounded_queue_keeps_what_is_latest_and_tells_what_it_refuses() {
    let run = bounded_queue::overload();
    let (seen, conflated, refused) = actix::System::new().block_on(run);
    assert!(seen.quotes <= 8, "{}", seen.quotes);
    assert_eq!(seen.latest.values().copied().collect::<Vec<u32>>(), [1_000, 1_000]);
    assert_eq!(u64::from(seen.quotes) + conflated, 2_000);
    assert_eq!((seen.orders, refused), (4, 6));
}

#[tokio::test]
async fn an_event_stream_is_read_in_batches() {
    let reading = event_stream::read(200);
    let counts = tokio::time::timeout(Duration::from_secs(60), reading).await.unwrap().unwrap();
    assert!(counts.trades > 0 && counts.quotes > 0, "{counts:?}");
    assert!(counts.turns <= counts.trades + counts.quotes, "{counts:?}");
}

#[test]
fn batches_hold_the_same_records() {
    let directory = tempfile::tempdir().unwrap();
    for records_per_commit in [1, 100] {
        batches::write(directory.path(), records_per_commit).unwrap();
    }
}

#[test]
fn a_curve_of_any_length_is_bounded_and_loses_no_extreme() {
    flat_memory::curve(10_000);
    let before = flat_memory::resident_bytes();
    let (series, low, high) = flat_memory::curve(1_000_000);
    let after = flat_memory::resident_bytes();
    assert!(series.buckets().len() <= report::series::MAX_BUCKETS);
    let lowest = series.buckets().iter().map(|bucket| bucket.min).fold(f64::MAX, f64::min);
    let highest = series.buckets().iter().map(|bucket| bucket.max).fold(f64::MIN, f64::max);
    assert_eq!((lowest, highest), (low, high));
    if let (Some(before), Some(after)) = (before, after) {
        // A list of all samples would take 16 MB; other tests of this process run beside.
        assert!(after.saturating_sub(before) < 64 << 20, "{before} {after}");
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every page that is written by hand, with its path.
fn pages() -> Vec<(PathBuf, String)> {
    let mut paths: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/EXCHANGE.md"]
            .map(|name| root().join(name))
            .into();
    for entry in std::fs::read_dir(root().join("docs/guide")).unwrap() {
        paths.push(entry.unwrap().path());
    }
    paths.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

/// The files that a page links to, without those of the web.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://")).collect()
}

#[test]
fn links_lead_somewhere() {
    for (path, text) in pages() {
        for link in links(&text) {
            let (file, _anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = path.parent().unwrap().join(file);
            assert!(file.is_empty() || target.exists(), "{}: {link}", path.display());
        }
    }
}

/// Lines without the indentation that all of them share.
fn dedented(lines: &[&str]) -> String {
    let indent = lines.iter().filter(|line| !line.trim().is_empty());
    let indent = indent.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let cut = |line: &&str| line.get(indent..).unwrap_or("").trim_end().to_owned();
    lines.iter().map(cut).collect::<Vec<_>>().join("\n")
}

/// A ```rust block is part of the file that the page linked to last, line by line.
#[test]
fn code_on_a_page_is_code_that_runs() {
    let mut blocks = 0;
    for (path, text) in pages() {
        let lines: Vec<&str> = text.lines().collect();
        let mut source = None;
        let mut at = 0;
        while at < lines.len() {
            if let Some(link) = links(lines[at]).into_iter().rfind(|link| link.ends_with(".rs")) {
                source = Some(path.parent().unwrap().join(link));
            }
            if lines[at].starts_with("```rust") {
                let length = lines[at + 1..].iter().position(|line| *line == "```").unwrap();
                let block = &lines[at + 1..at + 1 + length];
                let file = source.as_ref().unwrap_or_else(|| panic!("{}: no link", path.display()));
                let code = read(file);
                let code: Vec<&str> = code.lines().collect();
                let wanted = dedented(block);
                let found = code.windows(length).any(|window| dedented(window) == wanted);
                assert!(found, "{}: not in {}:\n{wanted}", path.display(), file.display());
                blocks += 1;
                at += length;
            }
            at += 1;
        }
    }
    assert!(blocks > 5, "{blocks} blocks: the scan proves nothing");
}

/// Commands that pages tell people to type.
#[test]
fn commands_on_a_page_are_commands_of_the_program() {
    let reference = read(&root().join("docs/CLI.md"));
    let known: BTreeSet<&str> = reference
        .lines()
        .filter_map(|line| line.strip_prefix("## `tickwright ")?.strip_suffix('`'))
        .collect();
    assert!(known.contains("check"), "docs/CLI.md has another form than thought: {known:?}");
    for (path, text) in pages() {
        let mut is_shell = false;
        for line in text.lines() {
            if line.starts_with("```") {
                is_shell = line.starts_with("```sh");
            }
            let words = line.split_once("tickwright ").or_else(|| line.split_once("--release -- "));
            let Some((_, words)) = words.filter(|_| is_shell) else { continue };
            let command = words.split_whitespace().next().unwrap_or("");
            let is_known =
                known.contains(command) || known.iter().any(|name| words.starts_with(name));
            assert!(is_known, "{}: there is no `{command}`: {line}", path.display());
            for flag in words.split_whitespace().filter(|word| word.starts_with("--")) {
                let flag = flag.trim_end_matches(['`', ',', '.']);
                assert!(reference.contains(flag), "{}: there is no {flag}", path.display());
            }
        }
    }
}

fn sources(directory: &Path, text: &mut String) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            sources(&path, text);
        } else if name.ends_with(".rs") {
            text.push_str(&read(&path));
        }
    }
}

/// Each invariant of ARCHITECTURE.md names the tests that hold it.
#[test]
fn tests_named_in_architecture_md_exist() {
    let page = read(&root().join("ARCHITECTURE.md"));
    let section = page.split("\n## Invariants").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut all = String::new();
    sources(&root(), &mut all);
    let mut count = 0;
    for row in section.lines().filter(|line| line.starts_with("| ") && line.contains('`')) {
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap();
        for test in tests.split('`').skip(1).step_by(2) {
            assert!(all.contains(&format!("fn {test}(")), "ARCHITECTURE.md: no test {test}");
            count += 1;
        }
    }
    assert!(count > 20, "{count} tests named: the scan proves nothing");
}

/// The README's table is the program's.
#[test]
fn the_exit_codes_of_the_readme_are_the_programs() {
    let readme = read(&root().join("README.md"));
    let table: String = readme
        .lines()
        .skip_while(|line| *line != "| code | meaning |")
        .take_while(|line| line.starts_with('|'))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(table, tickwright::cli::exit::to_markdown());
}

/// The page of the simulated exchange lists its paths and its control path, all of them.
#[test]
fn exchange_md_is_complete() {
    let page = read(&root().join("docs/EXCHANGE.md"));
    for endpoint in exchange::api::table::ENDPOINTS {
        if let Some((_, path)) = endpoint.rest {
            assert!(page.contains(&format!("- `{path}`\n")), "docs/EXCHANGE.md lacks {path}");
        }
    }
    let source = read(&root().join("crates/exchange/src/server/control.rs"));
    let rows = source.lines().filter_map(|line| line.strip_prefix("//! | "));
    let mut count = 0;
    for row in rows {
        assert!(page.contains(&format!("\n| {row}\n")), "docs/EXCHANGE.md lacks | {row}");
        count += 1;
    }
    assert!(count > 10, "{count} rows: the scan proves nothing");
}

/// Each fault F1 to F40 has a row, and each test that a row names exists.
#[test]
fn every_fault_has_its_tests() {
    let page = read(&root().join("docs/RELIABILITY.md"));
    let mut all = String::new();
    sources(&root(), &mut all);
    let known = tests_in(&all);
    // Those of the other table have two columns.
    let is_row = |line: &&str| line.starts_with("| F") && line.matches(" | ").count() == 3;
    let rows: Vec<&str> = page.lines().filter(is_row).collect();
    // F1 to F40 are the specification's; what came after counts on.
    assert!(rows.len() >= 40, "{} rows", rows.len());
    let numbers: Vec<String> = (1..=rows.len()).map(|number| format!("F{number}")).collect();
    let found: Vec<&str> = rows.iter().map(|row| row.split(" | ").next().unwrap()).collect();
    assert_eq!(found.iter().map(|cell| &cell[2..]).collect::<Vec<_>>(), numbers);
    for row in rows {
        let cell = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test: {row}");
        for name in names {
            assert!(known.contains(name), "docs/RELIABILITY.md: no test {name}");
        }
    }
}

/// The names of all functions that are tests.
fn tests_in(source: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        let attribute = line.strip_prefix("#[");
        is_test |= attribute.is_some_and(|it| it.starts_with("test") || it.contains("::test"));
        let function = line.split_once("fn ").filter(|_| attribute.is_none() && is_test);
        if let Some((_, named)) = function {
            found.insert(named.split(['(', '<']).next().unwrap_or_default());
            is_test = false;
        }
    }
    assert!(found.len() > 1_000, "{} tests: the scan proves nothing", found.len());
    found
}

/// C1 to C16 each have a variant, which the test that kills at all of them reaches.
#[test]
fn every_crash_point_has_its_variant() {
    let source = read(&root().join("crates/kernel/tests/execution/crash_points.rs"));
    let variants = source.split_once("pub enum CrashPoint {").unwrap().1;
    let variants = variants.split_once("\n}\n").unwrap().0;
    let numbers: BTreeSet<&str> = variants
        .lines()
        .filter_map(|line| line.trim().strip_prefix("/// C"))
        .filter_map(|text| text.split([':', ' ']).next())
        .collect();
    let wanted: Vec<String> = (1..=16).map(|number: u32| number.to_string()).collect();
    let missing: Vec<&String> = wanted.iter().filter(|it| !numbers.contains(it.as_str())).collect();
    assert!(missing.is_empty(), "no crash point of these numbers: {missing:?}");
    let page = read(&root().join("docs/RELIABILITY.md"));
    let killed = "killed_at_every_crash_point_both_records_agree";
    assert!(page.contains(&format!("`{killed}` kills")), "docs/RELIABILITY.md names it");
    let mut all = String::new();
    sources(&root(), &mut all);
    assert!(tests_in(&all).contains(killed), "{killed} is no test");
}
