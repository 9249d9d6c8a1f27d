//! No bytes from outside make a decoder panic: the targets of `fuzz/`, on mutations of their seeds
//! and of the venue's documented payloads, the same ones in every run.
#![allow(clippy::unwrap_used, reason = "a test stops where its input is not as expected")]

#[path = "../fuzz/targets.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

/// Cases of a target unless the environment says more. Those that write files take longer.
const CASES: usize = 4_000;
const CASES_WITH_FILES: usize = 600;

/// What a decoder is most easily wrong about.
const WORDS: [&[u8]; 24] = [
    b"-1",
    b"0",
    b"1e400",
    b"1e-400",
    b"-0.0",
    b"NaN",
    b"null",
    b"true",
    b"\"\"",
    b"[]",
    b"{}",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"18446744073709551616",
    b"0.000000001",
    b"92233720368.54775807",
    b"92233720369",
    b"\"99999999999999999999999999999999999\"",
    b"\\u0000",
    b"\xff\xfe",
    b"\xf0\x9f\x92\xb8",
    b",",
    b"\"",
    b"\n",
];

fn files(directory: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

fn seeds() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = files(&root.join("fuzz/seeds"));
    assert!(seeds.len() > 20, "the seeds are there");
    let documented = files(&root.join("../shared/golden/docs"));
    if documented.is_empty() {
        eprintln!("SKIPPED: no documented payloads beside the workspace; the seeds alone");
    }
    seeds.extend(documented);
    let engine = std::fs::read(root.join("config/engine.toml")).unwrap();
    for strategy in files(&root.join("config/strategies")) {
        seeds.push([&engine[..], b"\n---\n", &strategy].concat());
    }
    seeds
}

/// A seed, changed in one to four places.
fn mutated(random: &mut Pcg64Mcg, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds.choose(random).unwrap().clone();
    for _ in 0..random.random_range(1..=4) {
        let at = random.random_range(0..=bytes.len());
        let end = (at + random.random_range(0..32)).min(bytes.len());
        match random.random_range(0..8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = random.random(),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            4 => bytes.truncate(at),
            5 => {
                let other = seeds.choose(random).unwrap();
                let from = random.random_range(0..=other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            6 => drop(bytes.splice(number_at(&bytes, at), word(random))),
            _ => drop(bytes.splice(at..at, word(random))),
        }
    }
    bytes
}

fn word(random: &mut Pcg64Mcg) -> Vec<u8> {
    WORDS.choose(random).unwrap().to_vec()
}

/// The digits around or after a place; nothing when there are none.
fn number_at(bytes: &[u8], at: usize) -> std::ops::Range<usize> {
    let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b'.' || *byte == b'-';
    let start = at + bytes[at..].iter().position(is_part).unwrap_or(0);
    let length = bytes[start..].iter().take_while(|byte| is_part(byte)).count();
    start..start + length
}

/// Runs a target on its seeds as they are, and on mutations of them.
fn check(name: &str, cases: usize) {
    let cases = std::env::var("TICKWRIGHT_FUZZ_CASES")
        .map_or(cases, |text| text.parse().expect("a number of cases"));
    let (_, target) = targets::TARGETS.into_iter().find(|(found, _)| *found == name).unwrap();
    let seeds = seeds();
    let mut random = Pcg64Mcg::seed_from_u64(u64::from_le_bytes(*b"tickfuzz"));
    let run = |what: &str, bytes: &[u8]| {
        let outcome = catch_unwind(AssertUnwindSafe(|| target(bytes)));
        assert!(outcome.is_ok(), "{name}, {what}: {}", bytes.escape_ascii());
    };
    for (at, seed) in seeds.iter().enumerate() {
        run(&format!("seed {at}"), seed);
    }
    for case in 0..cases {
        run(&format!("case {case}"), &mutated(&mut random, &seeds));
    }
}

#[test]
fn market_frames() {
    check("market_frames", CASES);
}

#[test]
fn ws_api() {
    check("ws_api", CASES);
}

#[test]
fn user_data() {
    check("user_data", CASES);
}

#[test]
fn rest_bodies() {
    check("rest_bodies", CASES);
}

#[test]
fn exchange_info() {
    check("exchange_info", CASES);
}

#[test]
fn recordings() {
    check("recordings", CASES_WITH_FILES);
}

#[test]
fn archives() {
    check("archives", CASES_WITH_FILES);
}

#[test]
fn catalog() {
    check("catalog", CASES_WITH_FILES);
}

#[test]
fn exchange_requests() {
    check("exchange_requests", CASES);
}

#[test]
fn config() {
    check("config", CASES_WITH_FILES);
}

#[test]
fn journal_records() {
    check("journal_records", CASES);
}

#[test]
fn state_files() {
    check("state_files", CASES_WITH_FILES);
}
