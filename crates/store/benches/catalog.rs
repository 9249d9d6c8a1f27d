//! How long a million trades take from a file that is in the page cache: the time that a backtest
//! waits for its data. Prints the best and the median of 21 rounds.

use std::time::Instant;

use model::{Symbol, Timestamp};
use rand::{Rng as _, SeedableRng as _};
use tickwright_store::catalog::{
    Catalog, Exponents, Kind, Market, Range, SeriesKey, Source, Trade,
};

const ROWS: i64 = 1_000_000;

fn main() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let catalog = Catalog::new(directory.path());
    let symbol = Symbol::new("BTCUSDT").expect("a symbol");
    let key = SeriesKey::new(Market::binance_spot(), symbol, Kind::Trades);
    let mut random = rand_pcg::Pcg64::seed_from_u64(5);
    let began = Instant::now();
    let mut writer = catalog.write(key.clone(), Exponents::UNITS).expect("a segment begins");
    let (mut at, mut price) = (1_759_536_000_000_000_000, 6_000_000);
    for id in 0..ROWS {
        at += random.random_range(0..500_000) * 1_000;
        price += random.random_range(-50..=50);
        let at = Timestamp::from_nanos(at);
        let quantity = random.random_range(1..200_000) * 1_000;
        let is_buyer_maker = random.random();
        let price = price * 1_000_000;
        let trade = Trade { received_at: at, event_at: at, id, price, quantity, is_buyer_maker };
        writer.push(trade).expect("the disk has room");
    }
    writer.finish(Source::default()).expect("the disk has room");
    println!("write: {:?} for {ROWS} trades", began.elapsed());
    let series = catalog.one(&key).expect("it was just written");
    let bytes = series.segments[0].0.metadata().expect("it is there").len();
    println!("size: {:.2} bytes a trade", bytes as f64 / ROWS as f64);
    let mut times: Vec<_> = (0..21)
        .map(|_| {
            let began = Instant::now();
            let series = catalog.one(&key).expect("it is there");
            let mut reader = series.read::<Trade>(Range::ALL);
            let (mut rows, mut sum) = (0, 0_i64);
            while let Some((_, block)) = reader.next_block().expect("it is whole") {
                rows += block.len();
                sum = sum.wrapping_add(block[block.len() - 1].price);
            }
            assert_eq!(rows as i64, ROWS);
            std::hint::black_box(sum);
            began.elapsed()
        })
        .collect();
    times.sort();
    println!("read: best {:?}, median {:?}", times[0], times[10]);
}
