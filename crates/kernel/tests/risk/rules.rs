//! Each rule: passes just at the limit, is denied just beyond, and says why.

use std::time::Duration;

use model::{
    InstrumentStatus, NewOrder, NotionalFilter, OrderKind, OrderQuantity, OrderTypes, PriceFilter,
    Role, Side, SizeFilter, TimeInForce,
};
use tickwright_kernel::risk::{Authority, RiskConfig, RiskInput, RiskLimits, TradingState};

use super::desk::{
    BTC, Desk, ETH, ETHBTC, FIRST, SECOND, amount, buy, config, instruments, price, quantity, sell,
};

/// A desk with limits of the account, or of the first strategy.
fn desk_with(of_account: bool, limits: RiskLimits) -> Desk {
    let mut config: RiskConfig = config();
    if of_account {
        config.limits = limits;
    } else {
        config.strategies.get_mut(&FIRST).unwrap().limits = limits;
    }
    Desk::new(config)
}

/// Submits an order of the first strategy and compares the answer: `None` to pass, or rule, limit
/// and actual value.
#[track_caller]
fn check(desk: &mut Desk, new: NewOrder, expected: Option<(&str, &str, &str)>) {
    let (_, judged) = desk.submit(FIRST, new);
    let denied = judged.err().map(|reason| (reason.rule, reason.limit, reason.actual));
    let denied = denied.as_ref().map(|(rule, limit, actual)| (&rule[..], &limit[..], &actual[..]));
    assert_eq!(denied, expected);
}

#[test]
fn trading_state() {
    use TradingState::{Active, Halted, ReduceOnly};
    let cases = [
        (Active, buy(BTC, "1", "100"), None),
        (Active, sell(BTC, "1", "100"), None),
        (ReduceOnly, buy(BTC, "1", "100"), Some(("trading_state", "reduce_only", "buy"))),
        (ReduceOnly, sell(BTC, "1", "100"), None),
        (ReduceOnly, sell(BTC, "1", "90").protective(), None),
        (ReduceOnly, sell(BTC, "3", "100"), Some(("free_lots", "2 BTC", "3 BTC"))),
        (Halted, buy(BTC, "1", "100"), Some(("trading_state", "halted", "buy"))),
        (Halted, sell(BTC, "1", "100"), Some(("trading_state", "halted", "sell"))),
        (Halted, sell(BTC, "1", "90").protective(), Some(("trading_state", "halted", "sell"))),
    ];
    for (state, new, expected) in cases {
        let mut desk = Desk::new(config());
        desk.own(FIRST, BTC, "2", "100");
        desk.set_state(state, Authority::Operator);
        let expected = expected.map(|(rule, limit, actual)| {
            // Quantities are printed with all their decimals.
            let whole = |text: &str| text.replace(" BTC", ".00000000 BTC");
            (rule, whole(limit), whole(actual))
        });
        let expected =
            expected.as_ref().map(|(rule, limit, actual)| (*rule, &limit[..], &actual[..]));
        check(&mut desk, new, expected);
    }
}

#[test]
fn quarantine_connection_and_instrument_status() {
    let mut desk = Desk::new(config());
    desk.own(FIRST, BTC, "1", "100");
    let order = || sell(BTC, "0.1", "100");
    desk.step(RiskInput::StrategyQuarantined { strategy: SECOND });
    check(&mut desk, order(), None);
    desk.step(RiskInput::StrategyQuarantined { strategy: FIRST });
    check(&mut desk, order(), Some(("quarantine", "released", "0")));
    desk.step(RiskInput::StrategyReleased { strategy: FIRST });
    check(&mut desk, order(), None);
    desk.step(RiskInput::ExecutionHealth { is_live: false });
    check(&mut desk, order(), Some(("connection", "live", "sim:7f3a")));
    desk.step(RiskInput::ExecutionHealth { is_live: true });
    check(&mut desk, order(), None);
    desk.step(RiskInput::InstrumentHealth { instrument: ETH, is_halted: true });
    check(&mut desk, order(), None);
    desk.step(RiskInput::InstrumentHealth { instrument: BTC, is_halted: true });
    check(&mut desk, order(), Some(("instrument_status", "trading", "stopped by the engine")));
    desk.step(RiskInput::InstrumentHealth { instrument: BTC, is_halted: false });
    for (status, actual) in
        [(InstrumentStatus::CancelOnly, "CANCEL_ONLY"), (InstrumentStatus::Halted, "HALTED")]
    {
        let mut table = instruments();
        let told = model::Instrument { status, ..table.get(BTC).clone() };
        table.refresh(BTC, &told);
        desk.step(RiskInput::InstrumentsRefreshed(table.into()));
        check(&mut desk, order(), Some(("instrument_status", "TRADING", actual)));
    }
    desk.step(RiskInput::InstrumentsRefreshed(instruments().into()));
    check(&mut desk, order(), None);
}

#[test]
fn role() {
    let mut desk = Desk::new(config());
    desk.own(FIRST, BTC, "1", "100");
    let as_role = |new: NewOrder, role| NewOrder { role, ..new };
    let (entry, exit) = (buy(BTC, "0.1", "100"), sell(BTC, "0.1", "101"));
    check(&mut desk, entry, None);
    check(&mut desk, as_role(entry, Role::Exit), Some(("role", "entry", "exit")));
    check(&mut desk, entry.protective(), Some(("role", "entry", "protective")));
    check(&mut desk, exit, None);
    check(&mut desk, exit.protective(), None);
    check(&mut desk, as_role(exit, Role::Entry), Some(("role", "exit or protective", "entry")));
}

/// A table with the filters that the venue has on bitcoin.
fn desk_with_filters() -> Desk {
    let mut table = instruments();
    let mut told = table.get(BTC).clone();
    let filters = &mut told.filters;
    filters.price = PriceFilter { min: price("1"), max: price("1000"), tick: price("0.01") };
    filters.lot_size =
        SizeFilter { min: quantity("0.01"), max: quantity("100"), step: quantity("0.01") };
    filters.notional = Some(NotionalFilter {
        min: amount("5"),
        min_applies_to_market: true,
        max: Some(amount("9000")),
        max_applies_to_market: true,
        average_mins: 5,
    });
    filters.max_open_orders = Some(3);
    filters.max_open_stop_orders = Some(1);
    filters.max_position = Some(quantity("1090"));
    table.refresh(BTC, &told);
    let mut desk = Desk::new(config());
    desk.step(RiskInput::InstrumentsRefreshed(table.into()));
    desk
}

#[test]
fn filters() {
    let cases = [
        (buy(BTC, "0.05", "100"), None),
        (buy(BTC, "90", "100"), None),
        (
            buy(BTC, "0.009", "100"),
            Some(("0.01000000 to 100.00000000 by 0.01000000", "0.00000000")),
        ),
        (
            buy(BTC, "100.01", "50"),
            Some(("0.01000000 to 100.00000000 by 0.01000000", "100.01000000")),
        ),
        (
            buy(BTC, "1", "1000.01"),
            Some(("1.00000000 to 1000.00000000 by 0.01000000", "1000.01000000")),
        ),
        (buy(BTC, "0.04", "100"), Some(("at least 5", "4"))),
        (buy(BTC, "90.01", "100"), Some(("at most 9000", "9001"))),
        (NewOrder::market_quote(BTC, Side::Buy, amount("5")), None),
        (NewOrder::market_quote(BTC, Side::Buy, amount("4.99")), Some(("at least 5", "4.99"))),
        (NewOrder::market_quote(BTC, Side::Buy, amount("0")), Some(("0 USDT", "0 USDT"))),
        (NewOrder::market_quote(BTC, Side::Buy, amount("-1")), Some(("0 USDT", "-1 USDT"))),
        (
            NewOrder::new(
                BTC,
                Side::Buy,
                OrderKind::LimitMaker { price: price("99") },
                OrderQuantity::Quote(amount("50")),
            ),
            Some(("market", "limit_maker")),
        ),
    ];
    for (new, expected) in cases {
        let expected = expected.map(|(limit, actual)| ("filters", limit, actual));
        check(&mut desk_with_filters(), new, expected);
    }
}

#[test]
fn filters_that_count() {
    let mut desk = desk_with_filters();
    desk.own(FIRST, BTC, "1", "100");
    let stop = |at: &str| {
        let kind = OrderKind::StopLoss { stop_price: price(at) };
        NewOrder::new(BTC, Side::Sell, kind, OrderQuantity::Base(quantity("0.1"))).protective()
    };
    check(&mut desk, stop("90"), None);
    check(&mut desk, stop("89"), Some(("filters", "1", "2")));
    check(&mut desk, buy(BTC, "1", "90"), None);
    check(&mut desk, buy(BTC, "1", "90"), None);
    check(&mut desk, buy(BTC, "1", "90"), Some(("filters", "3", "4")));

    // The account holds 1,000 bitcoin; 1,090 may be held and bought.
    let mut desk = desk_with_filters();
    check(&mut desk, buy(BTC, "60", "100"), None);
    check(&mut desk, buy(BTC, "30", "100"), None);
    check(
        &mut desk,
        buy(BTC, "0.05", "100"),
        Some(("filters", "1090.00000000 BTC", "1090.05 BTC")),
    );
}

#[test]
fn prices_and_quantities_are_rounded_in_the_safe_direction_first() {
    let mut desk = desk_with_filters();
    desk.own(FIRST, BTC, "1", "100");
    let (_, bought) = desk.submit(FIRST, buy(BTC, "0.1299", "99.999"));
    assert_eq!(bought.unwrap(), buy(BTC, "0.12", "99.99"));
    let (_, sold) = desk.submit(FIRST, sell(BTC, "0.1299", "100.001"));
    assert_eq!(sold.unwrap(), sell(BTC, "0.12", "100.01"));
}

#[test]
fn stale_data() {
    let limits =
        || RiskLimits { stale_after: Some(Duration::from_secs(10)), ..RiskLimits::default() };
    for of_account in [true, false] {
        let mut desk = desk_with(of_account, limits());
        desk.own(FIRST, BTC, "1", "100");
        desk.wait(10_000);
        check(&mut desk, buy(BTC, "0.1", "100"), None);
        desk.wait(1);
        let denied = Some(("stale_data", "10000 ms", "10001 ms"));
        check(&mut desk, buy(BTC, "0.1", "99"), denied);
        check(&mut desk, sell(BTC, "0.1", "101"), None);
        desk.trade(BTC, "100");
        check(&mut desk, buy(BTC, "0.1", "99"), None);
        desk.step(RiskInput::StreamHealth { instrument: BTC, is_stale: true });
        check(&mut desk, buy(BTC, "0.1", "99"), Some(("stale_data", "live", "stale")));
        check(&mut desk, sell(BTC, "0.1", "101"), None);
        desk.step(RiskInput::StreamHealth { instrument: BTC, is_stale: false });
        check(&mut desk, buy(BTC, "0.1", "99"), None);
    }
    let mut silent = Desk::restored(config(), tickwright_kernel::risk::RestoredRisk::default());
    silent.step(RiskInput::ExecutionHealth { is_live: true });
    silent.balances(&[("USDT", "1000")]);
    check(&mut silent, buy(BTC, "0.1", "99"), Some(("stale_data", "a price", "none")));
}

#[test]
fn price_collar() {
    let limits =
        || RiskLimits { price_collar_bps: Some("200".parse().unwrap()), ..RiskLimits::default() };
    let stop_limit = |stop: &str, limit: &str| {
        let kind = OrderKind::StopLossLimit {
            stop_price: price(stop),
            price: price(limit),
            time_in_force: TimeInForce::GoodTilCanceled,
        };
        NewOrder::new(BTC, Side::Sell, kind, OrderQuantity::Base(quantity("0.1")))
    };
    let rule = "price_collar";
    let market = |side| NewOrder::market(BTC, side, quantity("0.1"));
    let cases = [
        // Bid 99, ask 101, last trade 100: a buy counts from the ask, a sell from the bid.
        ("99", "101", buy(BTC, "0.1", "103.02"), None),
        ("99", "101", buy(BTC, "0.1", "103.03"), Some(("103.02000000 USDT", "103.03000000 USDT"))),
        ("99", "101", buy(BTC, "0.1", "1"), None),
        ("99", "101", sell(BTC, "0.1", "97.02"), None),
        ("99", "101", sell(BTC, "0.1", "97.01"), Some(("97.02000000 USDT", "97.01000000 USDT"))),
        ("99", "101", sell(BTC, "0.1", "1000"), None),
        ("99", "101", stop_limit("50", "49"), None),
        ("99", "101", stop_limit("50", "48.99"), Some(("49.00000000 USDT", "48.99000000 USDT"))),
        // A market order: how far the other side lies from the last trade.
        ("99", "102", market(Side::Buy), None),
        ("99", "102.01", market(Side::Buy), Some(("102.00000000 USDT", "102.01000000 USDT"))),
        ("98", "101", market(Side::Sell), None),
        ("97.99", "101", market(Side::Sell), Some(("98.00000000 USDT", "97.99000000 USDT"))),
    ];
    for of_account in [true, false] {
        for (bid, ask, new, expected) in &cases {
            let mut desk = desk_with(of_account, limits());
            desk.own(FIRST, BTC, "1", "100");
            desk.quote(BTC, bid, ask);
            check(&mut desk, *new, expected.map(|(limit, actual)| (rule, limit, actual)));
        }
    }
}

#[test]
fn free_lots() {
    let denied = |limit, actual| Some(("free_lots", limit, actual));
    let mut desk = Desk::new(config());
    desk.own(FIRST, BTC, "2", "100");
    desk.own(SECOND, BTC, "5", "100");
    check(&mut desk, sell(BTC, "2.1", "110"), denied("2.00000000 BTC", "2.10000000 BTC"));
    let first = desk.place(FIRST, sell(BTC, "1.5", "110"));
    check(&mut desk, sell(BTC, "0.5", "110"), None);
    check(&mut desk, sell(BTC, "0.1", "110"), denied("0.00000000 BTC", "0.10000000 BTC"));
    // A replacement gets the place of what it replaces, and no more.
    let (second, judged) = desk.replace(FIRST, first, sell(BTC, "1.5", "109"));
    judged.unwrap();
    let (_, judged) = desk.replace(FIRST, second, sell(BTC, "1.6", "109"));
    assert_eq!(judged.unwrap_err().rule, "free_lots");
    // One that fills frees nothing: the lots are gone.
    let fill = desk.fill(BTC, Side::Sell, "1.5", "110");
    desk.filled(first, fill, "1.5", true);
    desk.cancel(second, BTC);
    desk.take();
    check(&mut desk, sell(BTC, "0.1", "110"), denied("0.00000000 BTC", "0.10000000 BTC"));
    // A sell for a quote amount takes what that costs at the bid.
    let mut desk = Desk::new(config());
    desk.own(FIRST, BTC, "1", "100");
    desk.quote(BTC, "80", "101");
    check(&mut desk, NewOrder::market_quote(BTC, Side::Sell, amount("80")), None);
    let mut desk = Desk::new(config());
    desk.own(FIRST, BTC, "1", "100");
    desk.quote(BTC, "80", "101");
    let more = NewOrder::market_quote(BTC, Side::Sell, amount("80.000001"));
    check(&mut desk, more, denied("1.00000000 BTC", "1.00000002 BTC"));
}

#[test]
fn max_order_notional() {
    let limits =
        || RiskLimits { max_order_notional: Some(amount("1000")), ..RiskLimits::default() };
    for of_account in [true, false] {
        let mut desk = desk_with(of_account, limits());
        check(&mut desk, buy(BTC, "10", "100"), None);
        let denied = Some(("max_order_notional", "1000 USDT", "1000.1 USDT"));
        check(&mut desk, buy(BTC, "10.001", "100"), denied);
        check(&mut desk, NewOrder::market_quote(BTC, Side::Buy, amount("1000")), None);
        let more = NewOrder::market_quote(BTC, Side::Buy, amount("1000.1"));
        check(&mut desk, more, denied);
        // A position that has grown can be closed at once.
        desk.own(FIRST, BTC, "10", "100");
        desk.trade(BTC, "200");
        check(&mut desk, sell(BTC, "10", "200"), None);
        // In another quote asset: 10 ETH at 1 BTC at 100 USDT.
        desk.trade(BTC, "100");
        check(&mut desk, buy(ETHBTC, "10", "1"), None);
        check(&mut desk, buy(ETHBTC, "10.001", "1"), denied);
    }
}

#[test]
fn max_position_notional() {
    let limits =
        || RiskLimits { max_position_notional: Some(amount("1000")), ..RiskLimits::default() };
    let rule = "max_position_notional";
    let mut desk = desk_with(true, limits());
    desk.own(FIRST, BTC, "2", "100");
    desk.own(SECOND, BTC, "3", "100");
    desk.place(SECOND, buy(BTC, "2", "50"));
    // 500 held, 100 on the way.
    check(&mut desk, buy(BTC, "4.01", "100"), Some((rule, "1000 USDT", "1001 USDT")));
    check(&mut desk, buy(ETH, "100", "10"), None);
    check(&mut desk, buy(BTC, "4", "100"), None);
    check(&mut desk, buy(BTC, "0.01", "100"), Some((rule, "1000 USDT", "1001 USDT")));
    // What others bought counts too, but what they sold makes no room.
    let mut desk = desk_with(true, limits());
    let fill = desk.fill(BTC, Side::Buy, "9", "100");
    desk.step(RiskInput::ExternalFill(&fill));
    check(&mut desk, buy(BTC, "1.01", "100"), Some((rule, "1000 USDT", "1001 USDT")));
    let delta = amount("-50");
    desk.step(RiskInput::ExternalFlow { asset: "BTC".parse().unwrap(), delta });
    check(&mut desk, buy(BTC, "10.01", "100"), Some((rule, "1000 USDT", "1001 USDT")));
    check(&mut desk, buy(BTC, "10", "100"), None);
    // A strategy's own limit sees its own alone.
    let mut desk = desk_with(false, limits());
    desk.own(FIRST, BTC, "6", "100");
    desk.own(SECOND, BTC, "30", "100");
    check(&mut desk, buy(BTC, "4.01", "100"), Some((rule, "1000 USDT", "1001 USDT")));
    check(&mut desk, buy(BTC, "4", "100"), None);
}

#[test]
fn max_total_notional() {
    let limits =
        || RiskLimits { max_total_notional: Some(amount("1000")), ..RiskLimits::default() };
    let rule = "max_total_notional";
    let mut desk = desk_with(true, limits());
    desk.own(FIRST, BTC, "2", "100");
    desk.own(SECOND, ETH, "30", "10");
    desk.place(SECOND, buy(ETH, "10", "10"));
    check(&mut desk, buy(BTC, "4.01", "100"), Some((rule, "1000 USDT", "1001 USDT")));
    check(&mut desk, buy(BTC, "4", "100"), None);
    let mut desk = desk_with(false, limits());
    desk.own(FIRST, BTC, "2", "100");
    desk.own(FIRST, ETH, "30", "10");
    desk.own(SECOND, ETH, "300", "10");
    desk.place(FIRST, buy(ETH, "10", "10"));
    check(&mut desk, buy(BTC, "4.01", "100"), Some((rule, "1000 USDT", "1001 USDT")));
    check(&mut desk, buy(BTC, "4", "100"), None);
}

#[test]
fn capital() {
    // Capital 100,000; 20,000 in a position, 30,000 in an open buy, 1,000 of profit realised.
    let mut desk = Desk::new(config());
    desk.own(FIRST, BTC, "200", "100");
    desk.own(FIRST, ETH, "100", "10");
    let order = desk.place(FIRST, sell(ETH, "100", "10"));
    let fill = desk.fill(ETH, Side::Sell, "100", "20");
    desk.filled(order, fill, "100", true);
    desk.place(FIRST, buy(BTC, "300", "100"));
    desk.take();
    check(&mut desk, buy(BTC, "510.01", "100"), Some(("capital", "51000 USDT", "51001 USDT")));
    check(&mut desk, buy(BTC, "510", "100"), None);
    check(&mut desk, buy(BTC, "0.01", "100"), Some(("capital", "0 USDT", "1 USDT")));
    // The fee and slippage that a buy reserves count.
    let margins = || RiskConfig {
        fee_rate: "0.001".parse().unwrap(),
        slippage_bps: "100".parse().unwrap(),
        ..config()
    };
    let denied = |actual| Some(("capital", "100000 USDT", actual));
    check(&mut Desk::new(margins()), buy(BTC, "999", "100"), None);
    check(&mut Desk::new(margins()), buy(BTC, "1000", "100"), denied("100100 USDT"));
    let market = NewOrder::market(BTC, Side::Buy, quantity("1000"));
    check(&mut Desk::new(margins()), market, denied("101101 USDT"));
    // Who is not in the configuration has none.
    let mut desk = Desk::new(config());
    let (_, judged) = desk.submit(model::StrategyId(9), buy(BTC, "0.01", "100"));
    assert_eq!(judged.unwrap_err().limit, "0 USDT");
}

#[test]
fn balance() {
    let mut desk = Desk::new(config());
    desk.own(FIRST, BTC, "5", "100");
    desk.wait(1);
    desk.balances(&[("USDT", "1000"), ("BTC", "2")]);
    check(&mut desk, buy(BTC, "10.01", "100"), Some(("balance", "1000 USDT", "1001 USDT")));
    check(&mut desk, sell(BTC, "2.01", "110"), Some(("balance", "2 BTC", "2.01 BTC")));
    // Everybody's open and unknown orders reserve, until they are final.
    let open = desk.place(SECOND, buy(ETH, "60", "10"));
    desk.tell(open, ETH, model::OrderEventKind::OutcomeUnknown { reason: String::new() });
    desk.take();
    check(&mut desk, buy(BTC, "4.01", "100"), Some(("balance", "400 USDT", "401 USDT")));
    desk.cancel(open, ETH);
    desk.take();
    check(&mut desk, buy(BTC, "10", "100"), None);
    check(&mut desk, buy(BTC, "0.01", "100"), Some(("balance", "0 USDT", "1 USDT")));
    check(&mut desk, sell(BTC, "2", "110"), None);
}

#[test]
fn balance_follows_orders_that_the_venue_has_locked() {
    use tickwright_kernel::venue::Balance;
    let usdt = |free: &str, locked: &str| Balance {
        asset: "USDT".parse().unwrap(),
        free: amount(free),
        locked: amount(locked),
    };
    let mut desk = Desk::new(config());
    desk.wait(1);
    desk.balances(&[("USDT", "1000")]);
    let order = desk.place(FIRST, buy(BTC, "6", "100"));
    desk.accept(order, BTC);
    desk.wait(1);
    let event_at = desk.now;
    let balances = [usdt("400", "600")];
    desk.step(RiskInput::Balances { balances: &balances, is_complete: false, event_at });
    desk.take();
    // Locked by the venue and reserved by us: counted once.
    check(&mut desk, buy(BTC, "4.01", "100"), Some(("balance", "400 USDT", "401 USDT")));
    // Older news changes nothing.
    let event_at = secs_before(&desk);
    let balances = [usdt("5000", "0")];
    desk.step(RiskInput::Balances { balances: &balances, is_complete: false, event_at });
    check(&mut desk, buy(BTC, "4.01", "100"), Some(("balance", "400 USDT", "401 USDT")));
    // What a stranger's order locks is not ours to spend, though nothing of ours reserves it.
    desk.wait(1);
    let event_at = desk.now;
    let balances = [usdt("100", "900")];
    desk.step(RiskInput::Balances { balances: &balances, is_complete: false, event_at });
    check(&mut desk, buy(BTC, "1.01", "100"), Some(("balance", "100 USDT", "101 USDT")));
    // Half filled at a better price, before the venue says the new balance.
    desk.wait(1);
    let fill = desk.fill(BTC, Side::Buy, "3", "90");
    desk.filled(order, fill, "3", false);
    desk.take();
    check(&mut desk, buy(BTC, "1.01", "100"), Some(("balance", "100 USDT", "101 USDT")));
    check(&mut desk, buy(BTC, "1", "100"), None);
}

#[test]
fn balance_counts_what_a_replaced_order_gives_back() {
    use tickwright_kernel::venue::Balance;
    let mut desk = Desk::new(config());
    desk.wait(1);
    desk.balances(&[("USDT", "1000")]);
    let order = desk.place(FIRST, buy(BTC, "9", "100"));
    desk.accept(order, BTC);
    desk.wait(1);
    let event_at = desk.now;
    let (free, locked) = (amount("100"), amount("900"));
    let balances = [Balance { asset: "USDT".parse().unwrap(), free, locked }];
    desk.step(RiskInput::Balances { balances: &balances, is_complete: false, event_at });
    desk.take();
    let (_, judged) = desk.replace(FIRST, order, buy(BTC, "10.01", "100"));
    let reason = judged.unwrap_err();
    assert_eq!((reason.limit.as_str(), reason.actual.as_str()), ("1000 USDT", "1001 USDT"));
    let (_, judged) = desk.replace(FIRST, order, buy(BTC, "10", "100"));
    judged.unwrap();
}

fn secs_before(desk: &Desk) -> model::Timestamp {
    model::Timestamp::from_nanos(desk.now.as_nanos() - 1_000_000_000)
}

#[test]
fn max_open_orders() {
    let limits = || RiskLimits { max_open_orders: Some(2), ..RiskLimits::default() };
    for of_account in [true, false] {
        let mut desk = desk_with(of_account, limits());
        desk.own(FIRST, BTC, "1", "100");
        let first = desk.place(FIRST, buy(BTC, "0.1", "90"));
        check(&mut desk, sell(BTC, "0.1", "110"), None);
        check(&mut desk, buy(BTC, "0.1", "90"), Some(("max_open_orders", "2", "3")));
        check(&mut desk, sell(BTC, "0.1", "110"), Some(("max_open_orders", "2", "3")));
        check(&mut desk, sell(BTC, "0.1", "110").protective(), None);
        // A replacement needs no place of its own; the protective order has taken one.
        let (second, judged) = desk.replace(FIRST, first, buy(BTC, "0.1", "91"));
        assert_eq!(judged.unwrap_err().actual, "3");
        let _ = second;
    }
    let mut desk = desk_with(true, limits());
    let first = desk.place(FIRST, buy(BTC, "0.1", "90"));
    desk.place(SECOND, buy(BTC, "0.1", "90"));
    let (second, judged) = desk.replace(FIRST, first, buy(BTC, "0.1", "91"));
    judged.unwrap();
    check(&mut desk, buy(BTC, "0.1", "90"), Some(("max_open_orders", "2", "3")));
    desk.cancel(first, BTC);
    desk.take();
    check(&mut desk, buy(BTC, "0.1", "90"), Some(("max_open_orders", "2", "3")));
    desk.cancel(second, BTC);
    desk.take();
    check(&mut desk, buy(BTC, "0.1", "90"), None);
}

#[test]
fn self_crossing() {
    let limit_maker = |at| NewOrder::limit_maker(BTC, Side::Buy, quantity("0.1"), price(at));
    let stop = |at| {
        let kind = OrderKind::StopLoss { stop_price: price(at) };
        NewOrder::new(BTC, Side::Buy, kind, OrderQuantity::Base(quantity("0.1")))
    };
    let market = |side| NewOrder::market(BTC, side, quantity("0.1"));
    let rule = "self_crossing";
    // The second strategy offers at 105 and 106 and bids at 95 and 94; bid 99, ask 101.
    let cases = [
        ("99", "101", buy(BTC, "0.1", "104.99"), None),
        (
            "99",
            "101",
            buy(BTC, "0.1", "105"),
            Some(("below 105.00000000 USDT", "105.00000000 USDT")),
        ),
        ("99", "101", sell(BTC, "0.1", "95.01"), None),
        ("99", "101", sell(BTC, "0.1", "95"), Some(("above 95.00000000 USDT", "95.00000000 USDT"))),
        ("99", "101", limit_maker("105"), None),
        ("99", "101", stop("107"), None),
        ("99", "101", buy(ETH, "0.1", "105"), None),
        ("99", "104.99", market(Side::Buy), None),
        ("99", "105", market(Side::Buy), Some(("below 105.00000000 USDT", "105.00000000 USDT"))),
        ("95.01", "101", market(Side::Sell), None),
        ("95", "101", market(Side::Sell), Some(("above 95.00000000 USDT", "95.00000000 USDT"))),
    ];
    for (bid, ask, new, expected) in cases {
        let mut desk = Desk::new(config());
        desk.own(FIRST, BTC, "1", "100");
        desk.own(SECOND, BTC, "2", "100");
        desk.quote(BTC, bid, ask);
        for order in
            [sell(BTC, "1", "106"), sell(BTC, "1", "105"), buy(BTC, "1", "95"), buy(BTC, "1", "94")]
        {
            desk.place(SECOND, order);
        }
        // One that waits for its trigger is not on the book yet.
        let kind = OrderKind::StopLossLimit {
            stop_price: price("102"),
            price: price("94"),
            time_in_force: TimeInForce::GoodTilCanceled,
        };
        let waiting = NewOrder::new(BTC, Side::Buy, kind, OrderQuantity::Base(quantity("1")));
        desk.place(SECOND, waiting);
        check(&mut desk, new, expected.map(|(limit, actual)| (rule, limit, actual)));
    }
    // The order that is replaced is gone by then.
    let mut desk = Desk::new(config());
    desk.own(FIRST, BTC, "1", "100");
    let own = desk.place(FIRST, sell(BTC, "1", "105"));
    let (_, judged) = desk.replace(FIRST, own, buy(BTC, "0.1", "105"));
    judged.unwrap();
}

#[test]
fn order_rate() {
    let limits = || RiskLimits { max_orders_per_10s: Some(2), ..RiskLimits::default() };
    for of_account in [true, false] {
        let mut desk = desk_with(of_account, limits());
        check(&mut desk, buy(BTC, "0.1", "90"), None);
        desk.wait(4_000);
        check(&mut desk, buy(BTC, "0.1", "90"), None);
        let denied = Some(("order_rate", "2", "3"));
        desk.wait(5_999);
        check(&mut desk, buy(BTC, "0.1", "90"), denied);
        desk.wait(1);
        check(&mut desk, buy(BTC, "0.1", "90"), None);
        check(&mut desk, buy(BTC, "0.1", "90"), denied);
        // What another strategy sends counts for the account alone.
        desk.wait(10_000);
        desk.place(SECOND, buy(BTC, "0.1", "90"));
        check(&mut desk, buy(BTC, "0.1", "90"), None);
        let expected = if of_account { denied } else { None };
        check(&mut desk, buy(BTC, "0.1", "90"), expected);
    }
}

#[test]
fn daily_loss_and_drawdown() {
    let daily = RiskLimits { daily_loss: Some(amount("500")), ..RiskLimits::default() };
    let drawdown = RiskLimits { max_drawdown: Some(amount("500")), ..RiskLimits::default() };
    for (rule, limits) in [("daily_loss", daily), ("drawdown", drawdown)] {
        let mut desk = desk_with(false, limits);
        desk.own(FIRST, BTC, "100", "100");
        desk.own(SECOND, BTC, "100", "100");
        desk.trade(BTC, "95");
        check(&mut desk, buy(BTC, "0.1", "94"), None);
        desk.trade(BTC, "94.99");
        desk.take();
        let denied = Some((rule, "500 USDT", "501 USDT"));
        check(&mut desk, buy(BTC, "0.1", "94"), denied);
        check(&mut desk, sell(BTC, "0.1", "95"), None);
        desk.place(SECOND, buy(BTC, "0.1", "94"));
        // Once passed it stays passed, though the price comes back.
        desk.trade(BTC, "100");
        check(&mut desk, buy(BTC, "0.1", "94"), Some((rule, "500 USDT", "0 USDT")));
        desk.step(RiskInput::StrategyReleased { strategy: FIRST });
        desk.take();
        check(&mut desk, buy(BTC, "0.1", "94"), None);
    }
}

#[test]
fn what_has_no_value_in_the_currency_is_denied() {
    let limits = RiskLimits { max_order_notional: Some(amount("1000")), ..RiskLimits::default() };
    let mut config = config();
    config.limits = limits;
    let mut desk = Desk::restored(config, tickwright_kernel::risk::RestoredRisk::default());
    desk.step(RiskInput::ExecutionHealth { is_live: true });
    desk.balances(&[("BTC", "1000")]);
    desk.trade(ETHBTC, "0.1");
    desk.take();
    let (_, judged) = desk.submit(FIRST, buy(ETHBTC, "1", "0.1"));
    assert_eq!(judged.unwrap_err().rule, "max_order_notional");
    desk.trade(BTC, "100");
    check(&mut desk, buy(ETHBTC, "1", "0.1"), None);
}

#[test]
fn kinds_of_orders_only_where_the_venue_takes_them() {
    let mut desk = Desk::new(config());
    let order = NewOrder::market(BTC, Side::Sell, quantity("1"));
    check(&mut desk, buy(BTC, "1", "100"), None);
    let mut table = instruments();
    let mut told = table.get(BTC).clone();
    told.features.order_types = OrderTypes::of_names(["limit", "limit_maker"]);
    table.refresh(BTC, &told);
    desk.step(RiskInput::InstrumentsRefreshed(table.into()));
    check(&mut desk, order, Some(("filters", "limit, limit_maker", "market")));
    check(&mut desk, buy(BTC, "1", "100"), None);
}

#[test]
fn quote_amounts_only_where_the_venue_takes_them() {
    let mut desk = Desk::new(config());
    let order = NewOrder::market_quote(BTC, Side::Buy, amount("100"));
    check(&mut desk, order, None);
    let mut table = instruments();
    let mut told = table.get(BTC).clone();
    told.features.quote_quantity = false;
    table.refresh(BTC, &told);
    desk.step(RiskInput::InstrumentsRefreshed(table.into()));
    check(&mut desk, order, Some(("filters", "a base quantity", "100 USDT")));
    check(&mut desk, buy(BTC, "1", "100"), None);
}
