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

/// What a request may be made of.
const PARTS: [&[u8]; 14] = [
    b"&trailingDelta=100",
    b"&icebergQty=0.001",
    b"&stopPrice=60000",
    b"&quantity=0.02",
    b"&price=58000.01",
    b"&quoteOrderQty=50",
    b"&timeInForce=FOK",
    b"&selfTradePreventionMode=EXPIRE_BOTH",
    b"&type=TAKE_PROFIT_LIMIT",
    b"&side=BUY",
    b"&side=SELL",
    b"&newOrderRespType=FULL",
    b"&orderId=3",
    b"&startTime=1794999000000",
];

/// A file's name and what it holds.
type Seed = (String, Vec<u8>);

fn files(directory: &Path) -> Vec<Seed> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn seeds() -> Vec<Seed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = files(&root.join("fuzz/seeds"));
    assert!(seeds.len() > 20, "the seeds are there");
    let documented = files(&root.join("../shared/golden/docs"));
    if documented.is_empty() {
        eprintln!("SKIPPED: no documented payloads beside the workspace; the seeds alone");
    }
    seeds.extend(documented);
    let engine = std::fs::read(root.join("config/engine.toml")).unwrap();
    for (name, strategy) in files(&root.join("config/strategies")) {
        seeds.push((format!("config_{name}"), [&engine[..], b"\n---\n", &strategy].concat()));
    }
    seeds.push(("segment".to_owned(), segment()));
    seeds
}

/// A segment of the catalog, as it is written today.
fn segment() -> Vec<u8> {
    use store::catalog::{Exponents, Kind, Market, SegmentWriter, SeriesKey, Source, Trade};
    let root = tempfile::tempdir().unwrap();
    let symbol = model::Symbol::new("BTCUSDT").unwrap();
    let key = SeriesKey::new(Market::binance_spot(), symbol, Kind::Trades);
    let directory = root.path().join(key.directory());
    let mut writer = SegmentWriter::<Trade>::create(root.path(), key, Exponents::UNITS).unwrap();
    for id in 0..200 {
        let received_at = model::Timestamp::from_millis(1_795_000_000_000 + 37 * id);
        let is_buyer_maker = id % 3 == 0;
        let row = Trade {
            received_at,
            event_at: received_at,
            id,
            price: 6_000_000 + id * id,
            quantity: 100 + id,
            is_buyer_maker,
        };
        writer.push(row).unwrap();
    }
    writer.finish(Source::default()).unwrap();
    let (_, bytes) = files(&directory).pop().unwrap();
    bytes
}

/// How the names of the seeds begin that a target is meant for. It is given the others as well.
const fn own(target: &str) -> &'static [&'static str] {
    match target.as_bytes() {
        b"market_frames" => &["stream_", "raw_", "web-socket-streams"],
        b"ws_api" => &["api_", "event_", "web-socket-api", "user-data"],
        b"user_data" => &["bare_", "faqs-market"],
        b"rest_bodies" => &["rest"],
        b"exchange_info" => &["rest_exchange_info", "rest-api__exchange-information"],
        b"recordings" => &["capture"],
        b"archives" => &["klines", "trades", "agg_trades"],
        b"catalog" => &["segment"],
        b"exchange_requests" => &["requests", "lists", "frames"],
        b"config" => &["config", "faults"],
        b"journal_records" => &["journal"],
        b"state_files" => &["exchange_state", "engine", "journal"],
        b"keys" => &["key"],
        b"imports" => &["import", "klines", "trades", "agg_trades", "capture", "deliveries"],
        b"fetched_pages" => &["page", "rest_klines", "rest_agg_trades"],
        b"feed_session" => &["session_feed"],
        b"trading_session" => &["session_trading"],
        b"exchange_connections" => &["connection"],
        b"operators" => &["operator"],
        _ => &[],
    }
}

/// A seed, changed in one to four places.
fn mutated(random: &mut Pcg64Mcg, seed: &[u8], seeds: &[Seed]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..random.random_range(1..=4) {
        let at = random.random_range(0..=bytes.len());
        let end = (at + random.random_range(0..32)).min(bytes.len());
        match random.random_range(0..9) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = random.random(),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            4 => bytes.truncate(at),
            5 => {
                let (_, other) = seeds.choose(random).unwrap();
                let from = random.random_range(0..=other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            6 => drop(bytes.splice(number_at(&bytes, at), word(random))),
            7 => {
                // The end of a line, where a request takes another parameter.
                let rest = &bytes[at..];
                let at = at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                drop(bytes.splice(at..at, PARTS.choose(random).unwrap().to_vec()));
            }
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
    for (file, seed) in &seeds {
        run(file, seed);
    }
    let meant: Vec<&Seed> = seeds
        .iter()
        .filter(|(file, _)| own(name).iter().any(|start| file.starts_with(start)))
        .collect();
    assert!(!meant.is_empty(), "{name} has no seed of its own");
    for case in 0..cases {
        // Mostly what it is meant for.
        let seed = if case % 4 == 0 { seeds.choose(&mut random) } else { None };
        let (_, seed) = seed.unwrap_or_else(|| meant.choose(&mut random).unwrap());
        run(&format!("case {case}"), &mutated(&mut random, seed, &seeds));
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

#[test]
fn keys() {
    check("keys", CASES_WITH_FILES);
}

#[test]
fn imports() {
    check("imports", CASES_WITH_FILES);
}

#[test]
fn fetched_pages() {
    check("fetched_pages", CASES);
}

#[test]
fn feed_session() {
    check("feed_session", CASES);
}

#[test]
fn trading_session() {
    check("trading_session", CASES_WITH_FILES);
}

#[test]
fn exchange_connections() {
    check("exchange_connections", CASES_WITH_FILES);
}

#[test]
fn operators() {
    check("operators", CASES_WITH_FILES);
}
