//! Random trades in the plain format, from a seed, to standard output:
//!
//! `cargo run --release -p tickwright-backtest --example trades -- 1000000 1 > trades.csv`
//!
//! The first number is how many, the second the seed.

use std::io::{BufWriter, Write as _};

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

fn main() -> std::io::Result<()> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let mut number = |otherwise| match numbers.next() {
        None => otherwise,
        Some(number) => number.expect("two whole numbers: how many, and the seed"),
    };
    let (count, seed) = (number(1_000_000), number(1));
    let mut random = Pcg64::seed_from_u64(seed);
    let mut out = BufWriter::new(std::io::stdout().lock());
    writeln!(out, "id,price,qty,quote_qty,time_ms,is_buyer_maker")?;
    let (mut cents, mut at_ms) = (6_000_000_u64, 1_700_000_000_000_u64);
    for id in 1..=count {
        // A walk that is drawn back to where it began, so that it never reaches zero.
        let up = 200_u64.saturating_sub(cents / 60_000);
        cents = cents + random.random_range(0..=2 * up) - up.min(cents / 2);
        at_ms += random.random_range(0..20);
        // In units of 10⁻⁵.
        let quantity = random.random_range(1..=100_000_u64);
        let quote = cents * quantity;
        let is_buyer_maker = random.random::<bool>();
        writeln!(
            out,
            "{id},{}.{:02},{}.{:05},{}.{:07},{at_ms},{is_buyer_maker}",
            cents / 100,
            cents % 100,
            quantity / 100_000,
            quantity % 100_000,
            quote / 10_000_000,
            quote % 10_000_000,
        )?;
    }
    out.flush()
}
