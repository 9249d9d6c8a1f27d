//! The scanner against its oracle, serde, over every recorded frame and seeded mutations.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use flate2::read::GzDecoder;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::stream::{decode_with_serde, scan};
use super::{StreamEvent, decode_stream, decode_ws_api};

/// Recorded frames, the line's receive time cut off; empty when the recordings are absent.
fn recorded(file: &str, separator: &str) -> Vec<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(file);
    let Ok(reader) = std::fs::File::open(&path) else {
        eprintln!("SKIPPED: no recording {}", path.display());
        return Vec::new();
    };
    BufReader::new(GzDecoder::new(reader))
        .lines()
        .map(|line| line.unwrap())
        .filter_map(|line| line.split_once(separator).map(|(_, frame)| frame.into()))
        .collect()
}

/// Frames in today's layout and around it, for machines without recordings.
fn written() -> Vec<Vec<u8>> {
    [
        r#"{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}"#,
        r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343123,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342123,"m":false,"M":false}}"#,
        r#"{"e":"trade","E":1,"s":"A","t":0,"p":"0.1","q":"1.0","b":7,"a":8,"T":2,"m":true,"M":true}"#,
        r#"{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}"#,
        r#"{"stream":"btcusdt@bookTicker","data":{"u":400900217,"s":"BTCUSDT","b":"0.00000000","B":"0.00000000","a":"9999999999.99999999","A":"92233720368.54775807"}}"#,
        r#"{"stream":"a@depth","data":{"e":"depthUpdate","E":5,"s":"A","U":1,"u":2,"b":[["1.0","2.0"]],"a":[]}}"#,
        r#"{"result":null,"id":1}"#,
        r#"{"error":{"code":2,"msg":"Invalid request"},"id":"x"}"#,
    ]
    .iter()
    .map(|frame| frame.as_bytes().to_vec())
    .collect()
}

/// Whatever the scanner accepts, serde reads alike.
#[track_caller]
fn check_alike(frame: &[u8]) -> bool {
    let Some(scanned) = scan(frame) else { return false };
    let text = String::from_utf8_lossy(frame);
    assert_eq!(Ok(scanned), decode_with_serde(frame), "{text}");
    true
}

#[test]
fn every_recorded_frame_is_read_alike() {
    #[track_caller]
    fn check(file: &str, separator: &str, frames: usize, scanned: usize, trades: usize) {
        let all = recorded(file, separator);
        if all.is_empty() {
            return;
        }
        let is_trade = |frame: &&Vec<u8>| {
            let frame = decode_stream(frame).unwrap();
            matches!(frame.event, StreamEvent::Trade(_))
        };
        assert_eq!(all.len(), frames);
        assert_eq!(all.iter().filter(|frame| check_alike(frame)).count(), scanned);
        assert_eq!(all.iter().filter(is_trade).count(), trades);
    }
    check("ws_binance_spot_BTCUSDT_20240808.gz", " ", 41_249, 41_248, 9_757);
    check("ws_binance_spot_ETHUSDT_20240808.gz", " ", 33_618, 33_617, 6_106);
    check("cryptofeed_binance_spot_ws.txt.gz", ": ", 265, 261, 0);
}

fn mutate(random: &mut Pcg64Mcg, frame: &mut Vec<u8>) {
    const INTERESTING: &[u8] = b"\"\\{}[]:,.-+eE0129 \x00\x1f\x7f\xc3\xff";
    for _ in 0..random.random_range(1..4) {
        if frame.is_empty() {
            return;
        }
        let at = random.random_range(0..frame.len());
        match random.random_range(0..6) {
            0 => frame[at] = random.random(),
            1 => frame[at] = INTERESTING[random.random_range(0..INTERESTING.len())],
            2 => drop(frame.remove(at)),
            3 => frame.insert(at, INTERESTING[random.random_range(0..INTERESTING.len())]),
            4 => frame.truncate(at),
            _ => {
                let end = random.random_range(at..=frame.len().min(at + 12));
                let piece = frame[at..end].to_vec();
                let target = random.random_range(0..=frame.len());
                frame.splice(target..target, piece);
            }
        }
    }
}

#[test]
fn mutated_frames_are_read_alike_and_never_panic() {
    let mut seeds = written();
    seeds.extend(
        recorded("ws_binance_spot_BTCUSDT_20240808.gz", " ").into_iter().step_by(41).take(1_000),
    );
    let mut random = Pcg64Mcg::seed_from_u64(7);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..200_000 {
        let mut frame = seeds[random.random_range(0..seeds.len())].clone();
        mutate(&mut random, &mut frame);
        check_alike(&frame);
        match decode_stream(&frame) {
            Ok(_) => accepted += 1,
            Err(_) => refused += 1,
        }
        decode_ws_api(&frame).ok();
    }
    assert!(accepted > 10_000 && refused > 10_000, "{accepted} accepted, {refused} refused");
}

#[test]
fn todays_layout_takes_the_fast_way() {
    let taken: Vec<bool> = written().iter().map(|frame| check_alike(frame)).collect();
    assert_eq!(taken, [true, true, false, true, false, true, false, false]);
}
