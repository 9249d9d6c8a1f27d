//! A run that lasts: memory, file handles and threads stay what they are after a while.
//!
//! ```text
//! SOAK_SECS=2160 SOAK_SPEED=10 cargo test --release --test run soak -- --nocapture
//! ```
//!
//! is six hours of market at ten times its pace.

use std::time::Duration;

use crate::support::{Desk, Venue, compare};

/// From the environment, else the usual.
fn wanted(name: &str, usual: u32) -> u32 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

/// What the system says of a process.
#[derive(Clone, Copy, Debug)]
struct Figures {
    resident_kib: u64,
    files: usize,
    threads: u64,
}

impl Figures {
    fn of(process: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        Self {
            resident_kib: field("VmRSS:"),
            files: std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().count(),
            threads: field("Threads:"),
        }
    }

    /// The largest of each.
    fn peak(samples: &[Self]) -> Self {
        Self {
            resident_kib: samples.iter().map(|one| one.resident_kib).max().unwrap(),
            files: samples.iter().map(|one| one.files).max().unwrap(),
            threads: samples.iter().map(|one| one.threads).max().unwrap(),
        }
    }
}

#[test]
fn a_long_run_grows_in_nothing() {
    let (secs, speed) = (wanted("SOAK_SECS", 24), wanted("SOAK_SPEED", 20));
    // Ten minutes; a shorter run warms up for half of its time.
    let warm_up = 600.min(secs / 2) as usize;
    let venue = Venue::start(speed);
    let desk = Desk::at(&venue).with_busy_strategies().with_shipped_strategies();
    let mut engine = desk.start();
    engine.wait_until_ready();
    let mut samples = Vec::new();
    for _ in 0..secs {
        std::thread::sleep(Duration::from_secs(1));
        samples.push(Figures::of(engine.process()));
    }
    let fills = engine.events("order.filled").len();
    engine.stop();
    compare(&desk, &venue);
    let early = Figures::peak(&samples[..warm_up]);
    let late = Figures::peak(&samples[samples.len() - warm_up / 2..]);
    let grown = late.resident_kib as f64 / early.resident_kib as f64 - 1.0;
    eprintln!(
        "{} market minutes, {fills} fills: {early:?} after {warm_up} s, {late:?} at the end: memory \
         {:+.2} %",
        secs * speed / 60,
        grown * 100.0
    );
    assert!(fills > 10, "it traded: {fills} fills");
    // What a short run still grows by is its warm-up; it may also not have seen each kind of
    // request yet.
    let (most, handles) = if secs >= 1_200 { (0.05, 0) } else { (0.25, 3) };
    assert!(grown < most, "memory grew by {:.1} %", grown * 100.0);
    assert!(late.files <= early.files + handles, "{early:?} {late:?}");
    assert!(late.threads <= early.threads, "{early:?} {late:?}");
}
