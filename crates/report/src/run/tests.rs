//! The builder fed with whole runs.

use std::time::Duration;

use model::{
    Amount, Asset, Contract, CorrelationId, DenialReason, Fill, FillKey, Filters, Instrument,
    InstrumentId, InstrumentStatus, Instruments, Liquidity, OrderEvent, OrderEventKind, OrderId,
    Price, RejectReason, Side, StrategyId, Symbol, Timestamp, TradeId, VenueId, VenueOrderId,
};

use super::*;
use crate::metrics::{Figure, SampleRule, TradeMethod};

const BTC: InstrumentId = InstrumentId(0);
const ETHBTC: InstrumentId = InstrumentId(1);

fn asset(text: &str) -> Asset {
    Asset::new(text).unwrap()
}

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn second(number: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + number)
}

fn instruments() -> Instruments {
    let mut table = Instruments::new();
    for (base, quote) in [("BTC", "USDT"), ("ETH", "BTC")] {
        let mut filters = Filters::default();
        filters.lot_size.step = "0.001".parse().unwrap();
        table.add(Instrument {
            id: InstrumentId(0),
            venue: VenueId::new("sim:test").unwrap(),
            symbol: Symbol::new(&format!("{base}{quote}")).unwrap(),
            base: asset(base),
            quote: asset(quote),
            base_decimals: 8,
            quote_decimals: 8,
            contract: Contract::Spot,
            features: model::Features::ALL,
            status: InstrumentStatus::Trading,
            filters,
        });
    }
    table
}

fn builder() -> RunReportBuilder {
    let mut builder = RunReportBuilder::new(
        RunIdentity { mode: "test".to_owned(), ..RunIdentity::default() },
        asset("USDT"),
        instruments(),
        second(0),
        amount("1000"),
    );
    for (name, trade_method) in [("one", TradeMethod::FlatToFlat), ("two", TradeMethod::FifoLots)] {
        builder.add_strategy(StrategySetup {
            name: name.to_owned(),
            kind: "test".to_owned(),
            capital: amount("500"),
            trade_method,
            parameters: Vec::new(),
        });
    }
    builder
}

fn event(strategy: u16, at: i64, instrument: InstrumentId, kind: OrderEventKind) -> OrderEvent {
    OrderEvent {
        order: OrderId { epoch: 1, strategy: StrategyId(strategy), number: 1 },
        instrument,
        received_at: second(at),
        correlation: CorrelationId(0),
        kind,
    }
}

fn fill(at: i64, side: Side, quantity: &str, price: &str, fee: &str, fee_asset: &str) -> Fill {
    Fill {
        key: FillKey { instrument: BTC, trade: TradeId(at), venue_order: VenueOrderId(at) },
        side,
        price: price.parse().unwrap(),
        quantity: quantity.parse().unwrap(),
        fee: amount(fee),
        fee_asset: asset(fee_asset),
        liquidity: if at % 2 == 0 { Liquidity::Maker } else { Liquidity::Taker },
        event_at: second(at),
    }
}

fn filled(strategy: u16, complete: bool, fill: Fill) -> OrderEvent {
    let at = (fill.event_at.as_secs()) - 1_700_000_000;
    let cumulative_quantity = fill.quantity;
    event(strategy, at, BTC, OrderEventKind::Filled { fill, cumulative_quantity, complete })
}

/// Two strategies on one symbol; the second one keeps a position.
fn scripted() -> RunReportBuilder {
    let mut builder = builder();
    let price = |text: &str| text.parse::<Price>().unwrap();
    builder.push_price(BTC, second(1), price("100")).unwrap();
    let steps = [
        filled(0, false, fill(10, Side::Buy, "1", "100", "0.1", "USDT")),
        filled(0, true, fill(11, Side::Buy, "1", "100", "0.1", "USDT")),
        filled(1, true, fill(20, Side::Buy, "1", "100", "0.001", "BTC")),
        filled(0, true, fill(31, Side::Sell, "2", "110", "0.22", "USDT")),
    ];
    for event in &steps {
        builder.push_order_event(event.order.strategy, event).unwrap();
    }
    builder.push_price(BTC, second(90), price("120")).unwrap();
    // Cash: -200.2 - 100 + 219.78; position: 0.999 at 120.
    builder.push_equity(second(100), amount("1039.46"));
    builder
}

#[test]
fn profits_of_strategies_add_up_to_the_change_of_equity() {
    let report = scripted().finish(SampleRule::Enforced);
    assert_eq!(report.net_profit(), amount("39.46"));
    let profits: Vec<Amount> = report.strategies.iter().map(|one| one.profit).collect();
    assert_eq!(profits, [amount("19.58"), amount("19.88")]);
    assert_eq!(report.symbols[0].profit, amount("39.46"));
}

#[test]
fn fills_are_summed_up_for_account_strategy_and_symbol() {
    let report = scripted().finish(SampleRule::Enforced);
    assert_eq!((report.counts.fills, report.counts.partial_fills), (4, 1));
    assert_eq!(report.strategies[0].counts.fills, 3);
    assert_eq!(report.symbols.len(), 1, "ETHBTC had nothing");
    assert_eq!(report.activity.notional, amount("520"));
    assert_eq!(report.activity.fees, amount("0.52"), "0.42 and 0.001 BTC at 100");
    assert_eq!(report.activity.turnover, Figure::Value(0.52));
    assert_eq!(report.strategies[1].activity.maker_share, Figure::Value(1.0));
    assert_eq!(report.trades.closed, 1);
    assert_eq!(report.trades.methods, [TradeMethod::FlatToFlat]);
    assert_eq!(report.latest_trades[0].profit, amount("19.58"));
    assert_eq!(report.latest_fills.len(), 4);
    assert_eq!(report.symbols[0].marks.as_slice().len(), 4);
    let held = report.strategies[1].positions[0];
    assert_eq!((held.quantity, held.value), ("0.999".parse().unwrap(), Some(amount("119.88"))));
    assert!(report.strategies[0].positions.is_empty());
}

#[test]
fn time_in_market_and_holding_are_measured() {
    let report = scripted().finish(SampleRule::Enforced);
    assert_eq!(report.strategies[0].time_in_market, Figure::Value(0.21));
    assert_eq!(report.strategies[1].time_in_market, Figure::Value(0.8));
    assert_eq!(report.exposure.time_in_market, Figure::Value(0.9));
    assert!((report.buy_and_hold.value().unwrap() - 0.2).abs() < 1e-12);
    assert_eq!(report.exposure.average.reason(), Some("exposure was not recorded"));
}

#[test]
fn denials_and_rejects_are_counted_by_cause() {
    let mut builder = builder();
    let denied = |rule: &str| OrderEventKind::Denied {
        reason: DenialReason {
            rule: rule.to_owned(),
            detail: String::new(),
            limit: String::new(),
            actual: String::new(),
        },
    };
    let reason = RejectReason { code: -2010, message: "insufficient balance".to_owned() };
    for kind in [
        denied("price_collar"),
        denied("stale_data"),
        denied("price_collar"),
        OrderEventKind::Submitted { quantity: None, price: None },
        OrderEventKind::Rejected { reason: reason.clone() },
        OrderEventKind::CancelRejected { reason },
        OrderEventKind::OutcomeUnknown { reason: String::new() },
    ] {
        builder.push_order_event(StrategyId(1), &event(1, 5, BTC, kind)).unwrap();
    }
    let report = builder.finish(SampleRule::Enforced);
    assert_eq!(report.denials.get("price_collar"), Some(&2));
    assert_eq!(report.rejects.get(&-2010), Some(&1));
    let counts = report.strategies[1].counts;
    assert_eq!((counts.denied, counts.rejected, counts.orders), (3, 1, 1));
    assert_eq!((counts.cancels_rejected, counts.outcome_unknown), (1, 1));
    assert_eq!(report.strategies[0].counts, OrderCounts::default());
}

#[test]
fn what_the_report_does_not_know_is_an_error() {
    let mut builder = builder();
    let bnb = filled(0, true, fill(1, Side::Buy, "1", "100", "0.0001", "BNB"));
    assert!(matches!(
        builder.push_order_event(StrategyId(0), &bnb),
        Err(ReportError::ValueNeeded { .. })
    ));
    let usdt = filled(0, true, fill(1, Side::Buy, "1", "100", "0", "USDT"));
    assert_eq!(
        builder.push_order_event(StrategyId(7), &usdt),
        Err(ReportError::UnknownStrategy(StrategyId(7)))
    );
    let nowhere = InstrumentId(9);
    assert_eq!(
        builder.push_price(nowhere, second(1), Price::ONE),
        Err(ReportError::UnknownInstrument(nowhere))
    );
    let report = builder.finish(SampleRule::Enforced);
    assert_eq!(report.counts.fills, 0, "a refused fill is not half counted");
}

#[test]
fn a_fill_in_another_quote_counts_at_its_value() {
    let mut builder = builder();
    let mut bought = fill(10, Side::Buy, "2", "0.05", "0.0001", "BTC");
    bought.key.instrument = ETHBTC;
    let value = FillValue { notional: amount("4000"), fee: amount("4") };
    let order = OrderId { epoch: 1, strategy: StrategyId(0), number: 1 };
    builder.push_fill(StrategyId(0), order, &bought, value, true).unwrap();
    builder.push_price(ETHBTC, second(20), "0.06".parse().unwrap()).unwrap();
    let report = builder.finish(SampleRule::Enforced);
    assert_eq!(report.strategies[0].positions[0].value, Some(amount("4800")));
    assert_eq!(report.strategies[0].profit, amount("796"));
}

#[test]
fn json_comes_back_as_the_same_report() {
    let mut builder = scripted();
    builder.record_latency("tick to order", Duration::from_micros(37));
    builder.push_exposure(second(101), amount("119.88"));
    builder.push_strategy_equity(StrategyId(1), second(102), amount("519.88")).unwrap();
    let report = builder.finish(SampleRule::Forced);
    let json = report.to_json();
    // A float that is not finite would be written as null and not come back.
    let back: RunReport = serde_json::from_str(&json).unwrap();
    assert_eq!((back.counts, back.trades.best), (report.counts, report.trades.best));
    assert_eq!(back.strategies[1].positions, report.strategies[1].positions);
    assert_eq!(back.latency, report.latency);
    assert!(json.contains(r#""sharpe":{"not_available":""#), "no reason for the missing Sharpe");
}

#[test]
fn a_long_run_takes_no_more_room() {
    let size = |fills: i64| {
        let mut builder = builder();
        for number in 0..fills {
            let side = if number % 2 == 0 { Side::Buy } else { Side::Sell };
            let fill = fill(number, side, "1", "100", "0.1", "USDT");
            builder.push_order_event(StrategyId(0), &filled(0, true, fill)).unwrap();
            builder.push_equity(second(number), amount("1000.5"));
            builder.push_price(BTC, second(number), "100.5".parse().unwrap()).unwrap();
        }
        let report = builder.finish(SampleRule::Enforced);
        assert_eq!(report.trades.closed, u64::try_from(fills / 2).unwrap());
        report.to_json().len()
    };
    let (short, long) = (size(10_000), size(60_000));
    assert!(long < short * 2, "{short} bytes grew to {long}");
}

#[test]
fn the_summary_has_the_names_that_scripts_read() {
    let mut builder = scripted();
    builder.count_events(41_248);
    builder.record_latency("tick to order", Duration::from_micros(37));
    let report = builder.finish(SampleRule::Enforced);
    let json = crate::summary::Summary::of(&report, Some("report.html")).to_json();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["events"], 41_248);
    assert_eq!(value["fills"], 4);
    assert_eq!((&value["denied"], &value["rejected"]), (&0.into(), &0.into()));
    assert_eq!(value["equity_start"], "1000");
    assert_eq!(value["equity_end"], "1039.46");
    assert_eq!(value["tick_to_order_us"]["p50"], 37.0);
    assert_eq!(value["strategies"][1]["profit"], "19.88");
    assert_eq!(value["sharpe"]["not_available"], "0 daily returns, 30 needed");
    assert_eq!(value["report"], "report.html");
}

#[test]
fn forced_figures_say_so() {
    #[track_caller]
    fn check(rule: SampleRule, expected: bool) {
        let report = scripted().finish(rule);
        let text = crate::terminal::summary(&report, crate::terminal::Colour::Plain);
        assert_eq!(text.contains("figures are forced"), expected);
        assert_eq!(crate::html::render(&report).contains("Forced: figures"), expected);
    }
    check(SampleRule::Enforced, false);
    check(SampleRule::Forced, true);
}

#[test]
fn the_terminal_summary_names_what_matters() {
    let report = scripted().finish(SampleRule::Enforced);
    let text = crate::terminal::summary(&report, crate::terminal::Colour::Plain);
    for part in [
        "net profit     +39.46 (+3.95 %)",
        "fills          4 (1 partial)",
        "sharpe         n/a (0 daily returns, 30 needed)",
        "one       +19.58  +3.92 %       1",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}
