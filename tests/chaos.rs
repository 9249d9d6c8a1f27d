//! The chaos loop with few kills; `cargo run --release --example chaos -- --kills 1000` has more.

#[path = "../examples/chaos/main.rs"]
#[allow(dead_code, reason = "its main is not called")]
mod chaos;

use chaos::{Arguments, Program, run};

#[test]
fn killed_fifty_times_nothing_is_lost_and_nothing_doubled() {
    use clap::Parser as _;
    // A busy machine with a debug build is slow: how fast a start is, the command shows.
    let words = ["chaos", "--kills", "50", "--seed", "1", "--live-within-ms", "60000"];
    let program = Program::at(env!("CARGO_BIN_EXE_tickwright"));
    let outcome = run(&program, &Arguments::parse_from(words)).unwrap_or_else(|e| panic!("{e}"));
    eprintln!("{outcome}");
    assert!(outcome.is_right(), "{outcome}");
    assert!(outcome.kills() >= 50 && outcome.audit.orders > 100 && outcome.audit.fills > 20);
    assert!(outcome.audit.pairs > 10 && outcome.kills_in_pairs() > 0);
}
