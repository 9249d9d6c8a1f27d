//! A curve of any length in memory of one size: `cargo run --release --example flat_memory`.
//!
//! A process that runs for months must not keep what it has seen. The report's curves halve their
//! resolution whenever they are full, and keep the extremes of each bucket.

use actors::process::ProcessFigures;
use model::Timestamp;
use report::series::{MAX_BUCKETS, Series};

/// Pushes so many values, a second apart. Returns the lowest and the highest value of the curve.
pub fn curve(values: u32) -> (Series, f64, f64) {
    let mut series = Series::new();
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for second in 0..values {
        // A wave with a spike that must not get lost.
        let spike = if second == values / 3 { 50.0 } else { 0.0 };
        let value = (f64::from(second) / 1_000.0).sin() + spike;
        series.push(Timestamp::from_secs(i64::from(second)), value);
        (low, high) = (low.min(value), high.max(value));
    }
    (series, low, high)
}

/// Memory of this process in RAM, where the system tells it.
pub fn resident_bytes() -> Option<u64> {
    ProcessFigures::read().resident_bytes
}

/// Shows it.
pub fn main() {
    for values in [1_000, 100_000, 10_000_000] {
        let (series, _, high) = curve(values);
        let mebibytes = resident_bytes().map_or(0, |bytes| bytes >> 20);
        let buckets = series.buckets().len();
        println!(
            "{values:>9} values: {buckets} of at most {MAX_BUCKETS} buckets, highest {high:.1}, \
             {mebibytes} MiB resident"
        );
    }
}
