//! From the frame read off the socket to the order's bytes written: the real engine, its journal
//! on a file, a connection that is logged on, the exchange in a process of its own.
//!
//! ```text
//! cargo bench --bench tick_to_order                       # both journal levels, 3,000 orders each
//! cargo bench --bench tick_to_order -- process 20000      # one level, more orders
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

fn main() {
    if exchange::is_child() {
        return exchange::serve();
    }
    // `cargo test --benches` runs it too: there is nothing to measure there.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let orders = words.iter().find_map(|word| word.parse().ok()).unwrap_or(ORDERS);
    let is_named = |level: &Level| words.iter().any(|word| word == level.name());
    let named: Vec<Level> = Level::ALL.into_iter().filter(is_named).collect();
    let levels = if named.is_empty() { Level::ALL.to_vec() } else { named };
    let runs: Vec<_> =
        levels.iter().map(|level| (*level, engine::measure(*level, orders))).collect();
    for (level, run) in &runs {
        table::print_run(*level, run);
    }
    table::print_baselines(&baselines::measure());
}
