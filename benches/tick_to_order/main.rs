//! From the frame read off the socket to the order's bytes written: the real engine, its journal
//! on a file, a connection that is logged on, the exchange in a process of its own.
//!
//! ```text
//! cargo bench --bench tick_to_order                                      # both journal levels
//! cargo bench --bench tick_to_order -- process orders=20000 activity=300 # one, longer, busier
//! ```
//!
//! Prints a table of the hops, and beside it what the machine alone takes: a synced write, an echo
//! over a websocket, a signature. Asserts nothing.

#![allow(clippy::print_stdout, reason = "a benchmark")]

mod baselines;
mod engine;
mod exchange;
mod probe;
mod table;
mod threads;

use engine::Level;

/// Orders at each level, unless an argument says otherwise.
const ORDERS: u64 = 3_000;
/// Some hundred best prices and trades a second, as a busy symbol has.
const ACTIVITY: f64 = 60.0;

fn main() {
    if exchange::is_child() {
        return exchange::serve();
    }
    // `cargo test --benches` runs it too: there is nothing to measure there.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| -> Option<f64> {
        words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
    };
    let orders = number("orders").map_or(ORDERS, |orders| orders as u64);
    let activity = number("activity").unwrap_or(ACTIVITY);
    let is_named = |level: &Level| words.iter().any(|word| word == level.name());
    let named: Vec<Level> = Level::ALL.into_iter().filter(is_named).collect();
    let levels = if named.is_empty() { Level::ALL.to_vec() } else { named };
    let runs: Vec<_> =
        levels.iter().map(|level| (*level, engine::measure(*level, orders, activity))).collect();
    for (level, run) in &runs {
        table::print_run(*level, run);
    }
    table::print_baselines(&baselines::measure());
}
