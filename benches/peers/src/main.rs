//! Another backtester over the same trades file, counted the same way: one event is one trade.
//!
//! hftbacktest fills a market order from the book, and a trades file has none. For the strategy
//! with orders each trade therefore comes with a best bid and ask at its price, which are not
//! counted; for the strategy that does nothing only trades are fed. Decimals are f64 here, orders
//! go through its constant-latency model with no latency.

use std::time::Instant;

use hftbacktest::backtest::assettype::LinearAsset;
use hftbacktest::backtest::data::{Data, DataSource};
use hftbacktest::backtest::models::{
    CommonFees, ConstantLatency, RiskAdverseQueueModel, TradingValueFeeModel,
};
use hftbacktest::backtest::{Backtest, ExchangeKind, L2AssetBuilder};
use hftbacktest::prelude::*;

const SIZE: f64 = 0.01;
const TICK: f64 = 0.01;
const FOREVER: i64 = i64::MAX / 4;

struct Ema {
    alpha: f64,
    value: Option<f64>,
}

impl Ema {
    fn new(length: f64) -> Self {
        Self { alpha: 2.0 / (length + 1.0), value: None }
    }

    fn push(&mut self, price: f64) -> f64 {
        let value = self.value.map_or(price, |value| value + self.alpha * (price - value));
        self.value = Some(value);
        value
    }
}

fn event(kind: u64, at: i64, price: f64, quantity: f64) -> Event {
    let ev = kind | EXCH_EVENT | LOCAL_EVENT;
    Event { ev, exch_ts: at, local_ts: at, px: price, qty: quantity, order_id: 0, ival: 0, fval: 0.0 }
}

/// Columns of `id,price,qty,quote_qty,time_ms,is_buyer_maker`.
fn read(path: &str, with_quotes: bool) -> Vec<Event> {
    let text = std::fs::read_to_string(path).expect("the file can be read");
    let mut events = Vec::new();
    let mut last_at = 0;
    for line in text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())) {
        let mut columns = line.split(',').skip(1);
        let mut number = || columns.next().expect("six columns");
        let price: f64 = number().parse().expect("a price");
        let quantity: f64 = number().parse().expect("a quantity");
        let _quote = number();
        let at: i64 = number().parse().expect("a time");
        // Its clock must go on for each event to be told apart.
        let at = (at * 1_000_000).max(last_at + 1);
        last_at = at;
        if with_quotes {
            events.push(event(DEPTH_BBO_EVENT | BUY_EVENT, at, price, 1e9));
            events.push(event(DEPTH_BBO_EVENT | SELL_EVENT, at, price + TICK, 1e9));
        }
        let maker_is_buyer = number().trim().eq_ignore_ascii_case("true");
        let side = if maker_is_buyer { SELL_EVENT } else { BUY_EVENT };
        events.push(event(TRADE_EVENT | side, at, price, quantity));
    }
    events
}

fn backtest(events: &[Event]) -> Backtest<HashMapMarketDepth> {
    let asset = L2AssetBuilder::new()
        .data(vec![DataSource::Data(Data::from_data(events))])
        .latency_model(ConstantLatency::new(0, 0))
        .asset_type(LinearAsset::new(1.0))
        .fee_model(TradingValueFeeModel::new(CommonFees::new(0.001, 0.001)))
        .exchange(ExchangeKind::NoPartialFillExchange)
        .queue_model(RiskAdverseQueueModel::new())
        .depth(|| HashMapMarketDepth::new(TICK, 0.00001))
        .last_trades_capacity(1_024)
        .build()
        .expect("every part is there");
    Backtest::builder().add_asset(asset).build().expect("it has an asset")
}

/// Events and orders.
fn run(hbt: &mut Backtest<HashMapMarketDepth>, trades: bool) -> (u64, u64) {
    let (mut fast, mut slow) = (Ema::new(10.0), Ema::new(30.0));
    let (mut seen, mut orders, mut is_long) = (0_u64, 0_u64, false);
    loop {
        match hbt.wait_next_feed(false, FOREVER).expect("the data is sound") {
            ElapseResult::EndOfData => return (seen, orders),
            ElapseResult::Ok | ElapseResult::MarketFeed | ElapseResult::OrderResponse => {}
        }
        let count = hbt.last_trades(0).len();
        seen += count as u64;
        if trades {
            for index in 0..count {
                let price = hbt.last_trades(0)[index].px;
                let (fast, slow) = (fast.push(price), slow.push(price));
                if seen < 30 || fast == slow || (fast > slow) == is_long {
                    continue;
                }
                orders += 1;
                is_long = !is_long;
                let (tif, kind) = (TimeInForce::IOC, OrdType::Market);
                let sent = if is_long {
                    hbt.submit_buy_order(0, orders, price, SIZE, tif, kind, false)
                } else {
                    hbt.submit_sell_order(0, orders, price, SIZE, tif, kind, false)
                };
                sent.expect("an order is taken");
                if orders % 256 == 0 {
                    hbt.clear_inactive_orders(Some(0));
                }
            }
        }
        hbt.clear_last_trades(Some(0));
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("usage: peers TRADES.csv ema_cross|nothing");
    let trades = arguments.next().as_deref() != Some("nothing");
    let began = Instant::now();
    let events = read(&path, trades);
    let load_s = began.elapsed().as_secs_f64();
    let mut hbt = backtest(&events);
    drop(events);
    let began = Instant::now();
    let (events, orders) = run(&mut hbt, trades);
    let loop_s = began.elapsed().as_secs_f64();
    let state = hbt.state_values(0);
    println!(
        "{{\"peer\":\"hftbacktest 0.9.4\",\"strategy\":\"{}\",\"events\":{events},\
         \"orders\":{orders},\"fills\":{},\"load_s\":{load_s:.3},\
         \"loop_s\":{loop_s:.4},\"events_per_s\":{:.0}}}",
        if trades { "ema_cross" } else { "nothing" },
        state.num_trades,
        events as f64 / loop_s,
    );
}
