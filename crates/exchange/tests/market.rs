//! The synthetic market as a machine, without sockets: does it look like a market, is it the
//! same for the same seed, and does nobody gain or lose a satoshi by accounting.

#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

use std::collections::BTreeMap;
use std::time::Duration;

use model::{
    Amount, Asset, ClientOrderId, OrderKind, OrderQuantity, Price, Quantity, Side, Symbol,
    TimeInForce, Timestamp,
};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tickwright_exchange::accounts::Balance;
use tickwright_exchange::machine::{
    AmendOrder, CancelOrder, DEFAULT_ACCOUNT, Exchange, OrderRef, Output, PlaceList, PlaceOrder,
    Record, UserEvent,
};
use tickwright_exchange::market::kline::{Kline, KlineInterval};
use tickwright_exchange::orders::{SelfTradePrevention, Status};
use tickwright_exchange::{ExchangeConfig, SyntheticConfig};

const START: Timestamp = Timestamp::from_secs(1_800_000_000);
const MINUTE: Duration = Duration::from_secs(60);

fn market(seed: u64) -> Exchange {
    let synthetic =
        SyntheticConfig { seed, history: Duration::from_secs(600), ..SyntheticConfig::default() };
    let config = ExchangeConfig::synthetic(seed);
    let mut exchange = Exchange::synthetic(&config, &synthetic, START, 1);
    exchange.open_account(DEFAULT_ACCOUNT, [], &config.balances);
    exchange.take_outputs();
    exchange
}

fn run(exchange: &mut Exchange, until: Timestamp) -> Vec<Output> {
    while exchange.advance(until).is_some() {}
    exchange.take_outputs()
}

#[derive(Default)]
struct Seen {
    prices: Vec<f64>,
    spreads_bps: Vec<f64>,
    changes: u32,
}

#[test]
fn it_looks_like_a_market_on_every_seed() {
    for seed in 1..=20 {
        let mut exchange = market(seed);
        let symbols = exchange.instruments().len();
        let mut seen: Vec<Seen> = (0..symbols).map(|_| Seen::default()).collect();
        for output in run(&mut exchange, START.after(Duration::from_secs(180))) {
            match output {
                Output::Trade { instrument, print } => {
                    seen[usize::from(instrument.0)].prices.push(print.price.to_f64());
                }
                Output::Quote { instrument, quote } => {
                    assert!(quote.bid.price.is_positive() && quote.ask.price.is_positive());
                    assert!(quote.bid.price < quote.ask.price, "seed {seed}: {quote:?}");
                    let (bid, ask) = (quote.bid.price.to_f64(), quote.ask.price.to_f64());
                    let seen = &mut seen[usize::from(instrument.0)];
                    seen.spreads_bps.push((ask - bid) / bid * 1e4);
                    seen.changes += 1;
                }
                Output::Aggregate { .. } | Output::Depth { .. } | Output::User { .. } => {}
            }
        }
        for (index, seen) in seen.iter().enumerate() {
            let name = exchange.instruments().iter().nth(index).unwrap().symbol;
            let high = seen.prices.iter().copied().fold(f64::MIN, f64::max);
            let low = seen.prices.iter().copied().fold(f64::MAX, f64::min);
            let range_bps = (high / low - 1.0) * 1e4;
            let spread = seen.spreads_bps.iter().sum::<f64>() / seen.spreads_bps.len() as f64;
            let widest = seen.spreads_bps.iter().copied().fold(f64::MIN, f64::max);
            let what = format!(
                "seed {seed} {name}: {} trades, range {range_bps:.1} bp, spread {spread:.2} bp, widest {widest:.2} bp, {} quotes",
                seen.prices.len(),
                seen.changes
            );
            eprintln!("{what}");
            assert!((150..3_000).contains(&seen.prices.len()), "{what}");
            assert!((20.0..300.0).contains(&range_bps), "{what}");
            assert!((0.3..8.0).contains(&spread) && widest > spread * 1.5, "{what}");
            assert!(seen.changes > 300, "{what}");
        }
    }
}

#[test]
fn the_flow_is_the_seeds_alone() {
    let mark = Duration::from_secs(60);
    let untouched = market(3).flow_hash(mark).unwrap();
    let mut traded = market(3);
    for step in 0..50 {
        let now = START.after(Duration::from_millis(step * 1_000));
        run(&mut traded, now);
        let _ = traded.place(
            DEFAULT_ACCOUNT,
            &order("BTCUSDT", Side::Buy, OrderKind::Market, "0.05"),
            now,
        );
    }
    assert_eq!(traded.flow_hash(mark), Some(untouched));
    run(&mut traded, START.after(Duration::from_secs(90)));
    assert_eq!(traded.flow_hash(mark), Some(untouched), "asked after the mark has passed");
    assert_ne!(market(4).flow_hash(mark), Some(untouched));
    // But our orders are part of the market: what trades after them is not the same.
    let last = |exchange: &Exchange| {
        exchange.market_of(symbol("BTCUSDT")).unwrap().matcher.last_trade_id()
    };
    let mut alone = market(3);
    run(&mut alone, START.after(Duration::from_secs(90)));
    assert_ne!(last(&alone), last(&traded));
}

fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}

fn order(name: &str, side: Side, kind: OrderKind, quantity: &str) -> PlaceOrder {
    PlaceOrder {
        symbol: symbol(name),
        side,
        kind,
        quantity: OrderQuantity::Base(quantity.parse().unwrap()),
        client_id: None,
        prevention: SelfTradePrevention::default(),
        iceberg: None,
        trailing_delta: None,
        strategy_id: None,
        strategy_type: None,
    }
}

/// A random order around the market.
fn random_order(exchange: &Exchange, random: &mut Pcg64Mcg) -> PlaceOrder {
    let names = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT"];
    let name = names[random.random_range(0..names.len())];
    let market = exchange.market_of(symbol(name)).unwrap();
    let (tick, step) = {
        let filters = &market.instrument().filters;
        (filters.price.tick, filters.lot_size.step)
    };
    let side = if random.random() { Side::Buy } else { Side::Sell };
    let last = market.matcher.last_price().unwrap().to_f64();
    let near = |random: &mut Pcg64Mcg, bps: f64| {
        let price = last * (1.0 + random.random_range(-bps..bps) / 1e4);
        Price::from_f64_rounded(price).unwrap().floor_to(tick)
    };
    let time_in_force = [
        TimeInForce::GoodTilCanceled,
        TimeInForce::GoodTilCanceled,
        TimeInForce::ImmediateOrCancel,
        TimeInForce::FillOrKill,
    ][random.random_range(0..4)];
    let (price, stop_price) = (near(random, 8.0), near(random, 20.0));
    let kind = match random.random_range(0..7) {
        0 => OrderKind::Market,
        1 | 2 => OrderKind::Limit { price, time_in_force },
        3 => OrderKind::LimitMaker { price },
        4 => OrderKind::StopLoss { stop_price },
        5 => OrderKind::StopLossLimit { stop_price, price, time_in_force },
        _ => OrderKind::TakeProfitLimit { stop_price, price, time_in_force },
    };
    let notional = random.random_range(20.0..4_000.0);
    let quantity = Quantity::from_f64_rounded(notional / last).unwrap().floor_to(step);
    let quantity = if kind == OrderKind::Market && random.random_range(0..3) == 0 {
        OrderQuantity::Quote(Amount::new(rust_decimal::Decimal::new(
            random.random_range(1_000..200_000),
            2,
        )))
    } else {
        OrderQuantity::Base(quantity)
    };
    let wanted = PlaceOrder { kind, quantity, ..order(name, side, OrderKind::Market, "1") };
    with_options(wanted, step, random)
}

/// An order with what few orders have: prevention, an iceberg's parts, a trail.
fn with_options(mut order: PlaceOrder, step: Quantity, random: &mut Pcg64Mcg) -> PlaceOrder {
    let modes = SelfTradePrevention::ALL;
    order.prevention = modes[random.random_range(0..modes.len())];
    let rests = order.kind.time_in_force() == Some(TimeInForce::GoodTilCanceled)
        || matches!(order.kind, OrderKind::LimitMaker { .. });
    if let OrderQuantity::Base(quantity) = order.quantity
        && rests
        && random.random_range(0..3) == 0
    {
        let part = Quantity::from_units(quantity.units() / random.random_range(2..6));
        order.iceberg = Some(part.floor_to(step)).filter(|part| part.is_positive());
    }
    if order.kind.stop_price().is_some() && random.random_range(0..3) == 0 {
        order.trailing_delta = Some(random.random_range(10..20));
        if random.random() {
            match &mut order.kind {
                OrderKind::StopLoss { stop_price }
                | OrderKind::StopLossLimit { stop_price, .. }
                | OrderKind::TakeProfit { stop_price }
                | OrderKind::TakeProfitLimit { stop_price, .. } => *stop_price = Price::ZERO,
                OrderKind::Market | OrderKind::Limit { .. } | OrderKind::LimitMaker { .. } => {}
            }
        }
    }
    order
}

/// A random pair, alone or behind an order that must fill first.
fn random_list(exchange: &Exchange, random: &mut Pcg64Mcg) -> PlaceList {
    let name = ["BTCUSDT", "ETHUSDT"][random.random_range(0..2)];
    let market = exchange.market_of(symbol(name)).unwrap();
    let tick = market.instrument().filters.price.tick;
    let last = market.matcher.last_price().unwrap().to_f64();
    let side = if random.random() { Side::Buy } else { Side::Sell };
    let at = |bps: f64| Price::from_f64_rounded(last * (1.0 + bps / 1e4)).unwrap().floor_to(tick);
    let away = if side == Side::Sell { 1.0 } else { -1.0 };
    let (target, stop) = (random.random_range(3.0..12.0), random.random_range(3.0..12.0));
    let stop_price = at(-away * stop);
    let stop_kind = if random.random() {
        OrderKind::StopLoss { stop_price }
    } else {
        let (price, time_in_force) = (at(-away * (stop + 5.0)), TimeInForce::GoodTilCanceled);
        OrderKind::StopLossLimit { stop_price, price, time_in_force }
    };
    let legs = vec![
        order(name, side, stop_kind, "0.02"),
        order(name, side, OrderKind::LimitMaker { price: at(away * target) }, "0.02"),
    ];
    let entry = OrderKind::Limit {
        price: at(away * random.random_range(-3.0..3.0)),
        time_in_force: TimeInForce::GoodTilCanceled,
    };
    let working = random.random::<bool>().then(|| order(name, side.opposite(), entry, "0.02"));
    PlaceList { symbol: symbol(name), client_id: None, working, legs }
}

/// What the account must hold by its own trades.
fn expected(opening: &BTreeMap<Asset, Amount>, exchange: &Exchange) -> BTreeMap<Asset, Amount> {
    let mut totals = opening.clone();
    for trade in exchange.account(DEFAULT_ACCOUNT).orders.all_trades() {
        let instrument = exchange.instruments().by_symbol(trade.symbol.as_str()).unwrap();
        let base = Amount::from(trade.quantity);
        let (base_change, quote_change) = match trade.side {
            Side::Buy => (base, -trade.quote),
            Side::Sell => (-base, trade.quote),
        };
        *totals.entry(instrument.base).or_default() += base_change;
        *totals.entry(instrument.quote).or_default() += quote_change;
        *totals.entry(trade.fee_asset).or_default() -= trade.fee;
    }
    totals
}

fn totals(exchange: &Exchange) -> BTreeMap<Asset, Amount> {
    exchange
        .account(DEFAULT_ACCOUNT)
        .balances()
        .map(|(asset, balance)| (asset, balance.free + balance.locked))
        .collect()
}

fn check_books(exchange: &Exchange, opening: &BTreeMap<Asset, Amount>, when: &str) {
    assert_eq!(totals(exchange), expected(opening, exchange), "{when}");
    let account = exchange.account(DEFAULT_ACCOUNT);
    let mut locked: BTreeMap<Asset, Amount> = BTreeMap::new();
    for order in account.orders.open() {
        let instrument = exchange.instruments().get(order.instrument);
        let asset = if order.side == Side::Buy { instrument.quote } else { instrument.base };
        *locked.entry(asset).or_default() += order.locked;
    }
    for (asset, balance) in account.balances() {
        assert!(!balance.free.is_negative(), "{when}: {asset} {balance:?}");
        assert_eq!(
            balance.locked,
            locked.get(&asset).copied().unwrap_or_default(),
            "{when}: {asset}"
        );
    }
    for list in account.orders.lists_from(0) {
        let orders: Vec<_> =
            list.orders.iter().map(|id| account.orders.get(*id).unwrap()).collect();
        let is_open = orders.iter().any(|order| order.status.is_open());
        assert_eq!(list.is_done, !is_open, "{when}: {list:?} {orders:?}");
        let legs: Vec<_> = list.legs().map(|id| account.orders.get(id).unwrap()).collect();
        let executed = legs.iter().filter(|leg| leg.executed.is_positive()).count();
        assert!(executed <= 1, "{when}: one cancels the other: {legs:?}");
    }
    for order in account.orders.everything() {
        let filled: Quantity = account
            .orders
            .all_trades()
            .filter(|trade| trade.order == order.id)
            .map(|trade| trade.quantity)
            .sum();
        assert_eq!(filled, order.executed, "{when}: {order:?}");
        let gone = order.executed + order.prevented;
        assert!(gone <= order.quantity, "{when}: {order:?}");
        let is_whole = gone == order.quantity && order.quantity.is_positive();
        let was_cut = order.amendments.last().is_some_and(|last| last.to == gone);
        let ends_whole = matches!(order.status, Status::Filled | Status::ExpiredInMatch)
            || (order.status == Status::Expired && was_cut);
        assert_eq!(ends_whole, is_whole, "{when}: {order:?}");
        let prevented: Quantity = account
            .orders
            .prevented_from(0)
            .map(|prevented| match order.id {
                id if id == prevented.taker => prevented.taker_quantity,
                id if id == prevented.maker => prevented.maker_quantity,
                _ => Quantity::ZERO,
            })
            .sum();
        assert_eq!(prevented, order.prevented, "{when}: {order:?}");
    }
}

/// Trades at random for a while and returns every record.
fn trade_at_random(exchange: &mut Exchange, seed: u64, secs: u64) -> (Vec<Record>, u32) {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut records = exchange.take_records();
    let (mut placed, mut amended) = (0, 0);
    for step in 0..secs * 5 {
        let now = START.after(Duration::from_millis(step * 200));
        run(exchange, now);
        let open: Vec<i64> =
            exchange.account(DEFAULT_ACCOUNT).orders.open().map(|order| order.id).collect();
        if !open.is_empty() && random.random_range(0..3) == 0 {
            let id = open[random.random_range(0..open.len())];
            let name = exchange.account(DEFAULT_ACCOUNT).orders.get(id).unwrap().symbol;
            let cancel = CancelOrder {
                symbol: name,
                order: OrderRef { id: Some(id), client_id: None },
                cancel_id: None,
                restriction: None,
            };
            if random.random_range(0..3) == 0 {
                let quantity = exchange.account(DEFAULT_ACCOUNT).orders.get(id).unwrap().quantity;
                let step = Quantity::from_units(quantity.units() / 10);
                let amend = AmendOrder {
                    symbol: name,
                    order: cancel.order,
                    new_client_id: None,
                    quantity: (quantity - step).floor_to("0.001".parse().unwrap()),
                };
                amended += u32::from(exchange.amend(DEFAULT_ACCOUNT, &amend, now).is_ok());
            } else {
                exchange.cancel(DEFAULT_ACCOUNT, &cancel, now).unwrap();
            }
        } else {
            let order = random_order(exchange, &mut random);
            placed += u32::from(exchange.place(DEFAULT_ACCOUNT, &order, now).is_ok());
        }
        if random.random_range(0..4) == 0 {
            let list = random_list(exchange, &mut random);
            placed += u32::from(exchange.place_list(DEFAULT_ACCOUNT, &list, now).is_ok());
        }
        records.extend(exchange.take_records());
    }
    assert!(amended > 3, "{amended}");
    (records, placed)
}

#[test]
fn not_a_satoshi_is_gained_or_lost() {
    for seed in 1..=10 {
        let mut exchange = market(seed);
        let opening = totals(&exchange);
        let (_, placed) = trade_at_random(&mut exchange, seed, 120);
        assert!(placed > 100, "seed {seed}: {placed}");
        check_books(&exchange, &opening, &format!("seed {seed}"));
        let trades = exchange.account(DEFAULT_ACCOUNT).orders.all_trades();
        let (makers, takers): (Vec<_>, Vec<_>) = trades.partition(|trade| trade.is_maker);
        assert!(makers.len() > 20 && takers.len() > 20, "{} {}", makers.len(), takers.len());
        let lists: Vec<_> = exchange.account(DEFAULT_ACCOUNT).orders.lists_from(0).collect();
        let done = lists.iter().filter(|list| list.is_done).count();
        assert!(lists.len() > 20 && done > 10, "seed {seed}: {done} of {}", lists.len());
    }
}

#[test]
fn what_was_stored_is_put_back() {
    let mut exchange = market(5);
    let opening = totals(&exchange);
    let (records, _) = trade_at_random(&mut exchange, 5, 60);
    let text = serde_json::to_string(&records).unwrap();
    let records: Vec<Record> = serde_json::from_str(&text).unwrap();
    let config = ExchangeConfig::synthetic(5);
    let synthetic = SyntheticConfig {
        seed: 5,
        history: Duration::from_secs(600),
        ..SyntheticConfig::default()
    };
    let later = START.after(Duration::from_secs(3_600));
    let mut again = Exchange::synthetic(&config, &synthetic, later, 2);
    let before = exchange.account(DEFAULT_ACCOUNT);
    let open = before.orders.open().count();
    assert!(open > 1, "{open}");
    again.restore(DEFAULT_ACCOUNT, [], records, later);
    check_books(&again, &opening, "restored");
    // Trades of before are there; what is still open keeps its number.
    for trade in before.orders.all_trades() {
        assert!(again.account(DEFAULT_ACCOUNT).orders.all_trades().any(|other| other == trade));
    }
    for order in before.orders.open() {
        let restored = again.account(DEFAULT_ACCOUNT).orders.get(order.id).unwrap();
        assert!(restored.executed >= order.executed);
    }
    // And the market goes on with them on it.
    while again.advance(later.after(Duration::from_secs(60))).is_some() {}
    check_books(&again, &opening, "a minute later");
}

#[test]
fn reports_come_step_by_step_and_positions_last() {
    let mut exchange = market(2);
    let id = ClientOrderId::new("steps").unwrap();
    let order =
        PlaceOrder { client_id: Some(id), ..order("BTCUSDT", Side::Buy, OrderKind::Market, "1") };
    exchange.place(DEFAULT_ACCOUNT, &order, START).unwrap();
    let steps: Vec<String> = exchange
        .take_outputs()
        .into_iter()
        .filter_map(|output| match output {
            Output::User { event: UserEvent::Execution(report), .. } => {
                Some(format!("{} {}", report.kind.name(), report.order.status.name()))
            }
            Output::User { event: UserEvent::Position { balances, .. }, .. } => {
                let names: Vec<&str> = balances.iter().map(|(asset, _)| asset.as_str()).collect();
                Some(names.join(" "))
            }
            Output::User {
                event: UserEvent::BalanceUpdate { .. } | UserEvent::List { .. },
                ..
            }
            | Output::Trade { .. }
            | Output::Aggregate { .. }
            | Output::Quote { .. }
            | Output::Depth { .. } => None,
        })
        .collect();
    assert_eq!(steps[0], "NEW NEW");
    let trades = steps.len() - 2;
    assert!(trades > 1, "{steps:?}");
    assert!(steps[1..trades].iter().all(|step| step == "TRADE PARTIALLY_FILLED"), "{steps:?}");
    assert_eq!(steps[trades], "TRADE FILLED");
    assert_eq!(steps[trades + 1], "BTC USDT");
}

#[test]
fn a_balance_is_reported_as_it_is() {
    let mut exchange = market(1);
    let usdt = Asset::new("USDT").unwrap();
    exchange.deposit(DEFAULT_ACCOUNT, usdt, "12.5".parse().unwrap(), START).unwrap();
    let balance = exchange.account(DEFAULT_ACCOUNT).balance(usdt);
    assert_eq!(balance, Balance { free: "100012.5".parse().unwrap(), locked: Amount::ZERO });
    let too_much = exchange.deposit(DEFAULT_ACCOUNT, usdt, "-1000000".parse().unwrap(), START);
    assert_eq!(too_much.unwrap_err().code, -2010);
}

#[test]
fn the_book_is_as_deep_as_anybody_asks_and_far_orders_trade() {
    let mark = Duration::from_secs(60);
    let untouched = market(3).flow_hash(mark);
    let mut exchange = market(3);
    let is_deep = |exchange: &Exchange| {
        for instrument in exchange.instruments().iter() {
            let market = exchange.market(instrument.id);
            for side in [Side::Buy, Side::Sell] {
                for limit in [100, 500, 1_000] {
                    let levels = market.levels(side, limit);
                    assert_eq!(levels.len(), limit, "{} {side:?}", instrument.symbol);
                }
                assert!(market.levels(side, 5_000).len() > 1_200);
            }
        }
    };
    is_deep(&exchange);
    let outputs = run(&mut exchange, START.after(Duration::from_secs(120)));
    is_deep(&exchange);
    // Nobody of the flow reaches the far orders, and they make no noise.
    let mut changes = 0;
    for output in outputs {
        match output {
            Output::Trade { instrument, print } => {
                let start = exchange.market(instrument).levels(Side::Buy, 1)[0].price.to_f64();
                let away = (print.price.to_f64() / start - 1.0).abs();
                assert!(away < 0.05, "{print:?}");
            }
            Output::Depth { diff, is_fast: true, .. } => {
                changes = changes.max(diff.bids.len() + diff.asks.len());
            }
            Output::Depth { .. } | Output::Aggregate { .. } | Output::Quote { .. } => {}
            Output::User { .. } => {}
        }
    }
    assert!(changes < 400, "{changes} levels changed at once");
    // Who buys up the near orders is served by the far ones.
    let now = START.after(Duration::from_millis(120_250));
    run(&mut exchange, now);
    let usdt = Asset::new("USDT").unwrap();
    exchange.deposit(DEFAULT_ACCOUNT, usdt, "10000000".parse().unwrap(), now).unwrap();
    let best = exchange.market_of(symbol("BTCUSDT")).unwrap().best().ask.price.to_f64();
    let quantity = OrderQuantity::Quote("3000000".parse().unwrap());
    let order = PlaceOrder { quantity, ..order("BTCUSDT", Side::Buy, OrderKind::Market, "1") };
    let placed = exchange.place(DEFAULT_ACCOUNT, &order, now).unwrap();
    assert_eq!(placed.order.status, Status::Filled);
    let worst = placed.trades.last().unwrap().price.to_f64();
    assert!((1.05..1.25).contains(&(worst / best)), "{best} {worst}");
    assert_eq!(exchange.flow_hash(mark), untouched);
    // They come back.
    let asks = |exchange: &Exchange| {
        let market = exchange.market_of(symbol("BTCUSDT")).unwrap();
        let levels = market.levels(Side::Sell, 5_000);
        levels.into_iter().filter(|level| level.price.to_f64() < worst * 1.001).count()
    };
    assert!(asks(&exchange) < 100, "{}", asks(&exchange));
    run(&mut exchange, START.after(Duration::from_secs(124)));
    is_deep(&exchange);
    assert!(asks(&exchange) > 300, "{}", asks(&exchange));
}

#[test]
fn the_book_is_as_deep_where_the_price_jumps() {
    let synthetic = SyntheticConfig {
        seed: 5,
        history: Duration::from_secs(600),
        volatility: 80.0,
        ..SyntheticConfig::default()
    };
    let config = ExchangeConfig::synthetic(5);
    let mut exchange = Exchange::synthetic(&config, &synthetic, START, 1);
    for secs in 1..=60 {
        run(&mut exchange, START.after(Duration::from_secs(secs)));
        for instrument in exchange.instruments().iter() {
            let market = exchange.market(instrument.id);
            let best = market.best();
            assert!(best.bid.price < best.ask.price, "{secs} s: {best:?}");
            for side in [Side::Buy, Side::Sell] {
                let levels = market.levels(side, 1_000).len();
                assert!(levels >= 900, "{secs} s {} {side:?}: {levels}", instrument.symbol);
            }
        }
    }
}

#[test]
fn a_quiet_market_has_no_hole_between_its_past_and_its_first_trade() {
    let mut synthetic = SyntheticConfig {
        seed: 2,
        history: Duration::from_secs(7_200),
        ..SyntheticConfig::default()
    };
    for symbol in &mut synthetic.symbols {
        symbol.activity = 0.01;
    }
    let exchange = Exchange::synthetic(&ExchangeConfig::synthetic(2), &synthetic, START, 1);
    for instrument in exchange.instruments().iter() {
        let tape = &exchange.market(instrument.id).tape;
        for name in ["1m", "5m", "1h", "1d"] {
            let interval = KlineInterval::parse(name).unwrap();
            let page = tape.klines(interval, None, START, 400, 0);
            let is_next = |pair: &[Kline]| {
                pair[1].open_at == interval.next_open(pair[0].open_at, 0)
                    && (pair[1].count > 0 || pair[0].close == pair[1].open)
            };
            assert_eq!(page.len(), 400, "{name}");
            assert!(page.windows(2).all(is_next), "{name}");
        }
    }
}

#[test]
fn a_market_has_a_past_that_ends_where_it_begins() {
    let exchange = market(3);
    for instrument in exchange.instruments().iter() {
        let tape = &exchange.market(instrument.id).tape;
        let klines = |name: &str, from: Option<Timestamp>, to: Timestamp, limit: usize| {
            tape.klines(KlineInterval::parse(name).unwrap(), from, to, limit, 0)
        };
        for name in
            ["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d"]
        {
            let interval = KlineInterval::parse(name).unwrap();
            let page = klines(name, None, START, 1_000);
            assert_eq!(page.len(), 1_000, "{name}");
            let is_next =
                |pair: &[Kline]| pair[1].open_at == interval.next_open(pair[0].open_at, 0);
            assert!(page.windows(2).all(is_next), "{name}");
            let ids = |kline: &Kline| kline.trades.map(|(first, last)| last.0 - first.0 + 1);
            let is_counted = |kline: &Kline| ids(kline).unwrap_or(0).unsigned_abs() == kline.count;
            assert!(page.iter().all(is_counted), "{name}");
        }
        // Page by page from the oldest asked for, as clients page.
        let from = START.before(Duration::from_secs(2_500 * 60));
        let mut paged = klines("1m", Some(from), START, 1_000);
        while let Some(last) = paged.last().filter(|last| last.open_at < START.before(MINUTE)) {
            let next = last.open_at.after(MINUTE);
            let page = klines("1m", Some(next), START, 1_000);
            assert!(!page.is_empty(), "nothing after {next}");
            paged.extend(page);
        }
        // On the clocks of another zone, too.
        for (name, offset_mins) in [("1d", 480), ("1h", 330), ("4h", -60), ("1w", 60)] {
            let interval = KlineInterval::parse(name).unwrap();
            let zoned = tape.klines(interval, None, START, 10, offset_mins);
            assert_eq!(zoned.len(), 10, "{name}");
            for kline in zoned {
                assert_eq!(kline.open_at, interval.open_of(kline.open_at, offset_mins), "{name}");
            }
        }
        assert!(paged.len() >= 2_500, "{}", paged.len());
        // An hour is its minutes, a day its hours, across the beginning of the flow, too.
        for (short, long, count) in [("1m", "1h", 20), ("1h", "1d", 30), ("15m", "4h", 100)] {
            let long = KlineInterval::parse(long).unwrap();
            for whole in tape.klines(long, None, START, count, 0) {
                let end = long.next_open(whole.open_at, 0).before(Duration::from_nanos(1));
                let parts = klines(short, Some(whole.open_at), end, 1_000);
                let (high, low) = (
                    parts.iter().map(|kline| kline.high).max(),
                    parts.iter().map(|kline| kline.low).min(),
                );
                assert_eq!((high, low), (Some(whole.high), Some(whole.low)));
                let edges = (parts[0].open, parts[parts.len() - 1].close);
                assert_eq!(edges, (whole.open, whole.close));
                let mut volume = Quantity::ZERO;
                parts.iter().for_each(|kline| volume += kline.volume);
                assert_eq!(volume, whole.volume);
                assert_eq!(parts.iter().map(|kline| kline.count).sum::<u64>(), whole.count);
            }
        }
        // The 24 hours of a ticker are 24 hours.
        let day = tape.window(START, Duration::from_secs(86_400)).unwrap();
        assert!(day.count > 20_000, "{}", day.count);
        let (first, last) = day.trades.unwrap();
        assert_eq!((last.0 - first.0 + 1).unsigned_abs(), day.count);
    }
}
