//! Real captures over a real websocket through the feed: what arrives is what was recorded, and
//! the book agrees with the venue's own best prices at every update of it.
#![allow(clippy::unwrap_used, reason = "a test helper fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What is known of a capture from counting its lines.
struct Capture {
    label: &'static str,
    files: &'static [&'static str],
    frames: u64,
    trades: u64,
    books: u64,
}

const CAPTURES: [Capture; 3] = [
    Capture {
        label: "bitcoin, with a snapshot in mid-stream",
        files: &["ws_binance_spot_BTCUSDT_20240808.gz"],
        frames: 41_248,
        trades: 9_757,
        books: 3_449,
    },
    Capture {
        label: "ether",
        files: &["ws_binance_spot_ETHUSDT_20240808.gz"],
        frames: 33_617,
        trades: 6_106,
        books: 3_432,
    },
    Capture {
        label: "microseconds, the snapshot in a file of its own",
        files: &["cryptofeed_binance_spot_ws.txt.gz", "cryptofeed_binance_spot_rest_depth.txt.gz"],
        frames: 261,
        trades: 0,
        books: 159,
    },
];

fn recordings(files: &[&str]) -> Option<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let paths: Vec<PathBuf> = files.iter().map(|file| folder.join(file)).collect();
    let missing = paths.iter().find(|path| !path.exists());
    if let Some(missing) = missing {
        eprintln!("SKIPPED: {} is not there", missing.display());
        return None;
    }
    Some(paths)
}

fn check(capture: &Capture) {
    let Some(paths) = recordings(capture.files) else { return };
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickwright"));
    command.args(["feed", "--json"]);
    for path in paths {
        command.arg("--replay").arg(path);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}{text}", capture.label);
    let counted: Value = serde_json::from_str(&text).unwrap();
    for (name, expected) in [
        ("frames", capture.frames),
        ("trades", capture.trades),
        ("books_compared", capture.books),
        ("books_agreed", capture.books),
        ("books_lost", 0),
        ("trades_missed", 0),
        ("duplicates", 0),
        ("malformed", 0),
    ] {
        assert_eq!(counted[name], expected, "{}: {name} of {counted}", capture.label);
    }
}

#[test]
fn captures_arrive_whole_and_their_books_agree() {
    for capture in &CAPTURES {
        check(capture);
    }
}

/// Runs `feed` on a file with this name and text.
fn feed_on(name: &str, text: &[u8], arguments: &[&str]) -> (i32, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickwright"));
    command.arg("feed").args(arguments).args(["--for", "20s", "--replay"]).arg(path);
    let output = command.output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// What can't be counted is refused at once, and what is not whole has a remark.
#[test]
fn what_is_no_whole_capture_is_said_to_be_none() {
    #[track_caller]
    fn check(name: &str, text: &[u8], arguments: &[&str], code: i32, says: &str) {
        let (found, errors) = feed_on(name, text, arguments);
        assert_eq!(found, code, "{name}: {errors}");
        assert!(errors.contains(says), "{name}: {errors}");
    }
    let row = b"1,60000.00,0.01,1,1,1759536000000000,true,true\n";
    check("BTCUSDT-aggTrades-2025-10-04.csv", row, &[], 2, "BTCUSDT come from a table");
    let klines = b"1722000000000,10,12,9,11,7\n";
    check("kl1m_BTCUSDT_2024.csv", klines, &[], 2, "BTCUSDT come from a table");
    let trade = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161253000,"s":"BTCUSDT","t":1,"p":"60000.00","q":"0.01","T":1723161253000,"m":true,"M":true}}"#;
    let lines = format!("1723161253000000000 {trade}\n");
    check("capture.txt", lines.as_bytes(), &["ETHUSDT"], 2, "of these symbols");
    check("capture.txt", lines.as_bytes(), &[], 5, "nothing was compared");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, lines.repeat(400).as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    check("capture.gz", &packed[..packed.len() - 6], &[], 5, "capture.gz is cut off");
}
