//! Each reason by the evidence for it.

use std::time::Duration;

use model::{Amount, InstrumentId, Liquidity, NewOrder, Side as OrderSide, StrategyId, Symbol};

use super::*;
use crate::compare::orders::Execution;
use crate::compare::pairs::pair;
use crate::recorded::InterruptedBy;

fn ms(at: i64) -> Timestamp {
    Timestamp::from_millis(at)
}

fn price(text: &str) -> Price {
    text.parse().unwrap()
}

/// A buy of 2 at 100, decided at an instant and there 10 ms later.
fn bid(at: i64) -> OrderRecord {
    let new =
        NewOrder::limit_maker(InstrumentId(0), OrderSide::Buy, "2".parse().unwrap(), price("100"));
    let symbol = Symbol::new("BNBUSDT").unwrap();
    let wanted = OrderRecord::wanted(format!("o{at}"), "maker", symbol, &new, ms(at));
    OrderRecord { submitted_at: Some(ms(at)), answered_at: Some(ms(at + 10)), ..wanted }
}

fn filled(order: OrderRecord, at: i64, quantity: &str, liquidity: Liquidity) -> OrderRecord {
    let fill = Execution {
        at: ms(at),
        price: price("100"),
        quantity: quantity.parse().unwrap(),
        liquidity,
        trade: None,
        heard_at: None,
        fee_in_quote: Amount::ZERO,
    };
    OrderRecord { fills: vec![fill], ..order }
}

fn canceled(order: OrderRecord, at: i64, reason: CancelReason) -> OrderRecord {
    OrderRecord { ended_at: Some(ms(at)), outcome: Outcome::Canceled(reason), ..order }
}

/// Best prices around 100, with so much on the bid.
fn sight(bid_quantity: &str, traded_at: &str) -> Sight {
    let bid = Level { price: price("99"), quantity: bid_quantity.parse().unwrap() };
    let ask = Level { price: price("101"), quantity: Quantity::ONE };
    Sight {
        bid: Some(bid.price),
        ask: Some(ask.price),
        met: Some([bid, ask]),
        traded_at: traded_at.parse().unwrap(),
        ..Sight::default()
    }
}

type Seen = (OrderRecord, Sight);

/// The reasons of all differences, in order.
#[track_caller]
fn check(
    label: &str,
    run: &[Seen],
    backtest: &[Seen],
    halts: &[Interruption],
    expected: &[Because],
) {
    let orders = [run, backtest].map(|side| side.iter().map(|seen| seen.0.clone()).collect());
    let orders: [Vec<OrderRecord>; 2] = orders;
    let sights: [Vec<Sight>; 2] =
        [run, backtest].map(|side| side.iter().map(|seen| seen.1).collect());
    let sides = [0, 1].map(|side| Side { orders: &orders[side], sights: &sights[side] });
    let pairs = pair(&orders[0], &orders[1], Duration::from_secs(1));
    let strategies = ["maker".to_owned()];
    let halts = Halts { interruptions: halts, strategies: &strategies };
    let found = find(&sides, &pairs, halts);
    let reasons: Vec<Because> = found.iter().map(|difference| difference.because).collect();
    let told: Vec<&str> = found.iter().map(|difference| difference.explanation.as_str()).collect();
    assert_eq!(reasons, expected, "{label}: {told:?}");
}

#[test]
fn an_order_that_fared_otherwise_is_explained_by_what_is_known() {
    let quiet = sight("1", "0");
    let maker = |order, at, quantity| filled(order, at, quantity, Liquidity::Maker);
    let whole = || maker(bid(1_000), 1_500, "2");
    let pairs: [(&str, Seen, Seen, &[Because]); 9] = [
        ("alike", (whole(), quiet), (whole(), quiet), &[]),
        ("served", (whole(), sight("1", "3")), (bid(1_000), quiet), &[Because::Queue]),
        ("nothing traded", (whole(), quiet), (bid(1_000), quiet), &[Because::Unknown]),
        (
            "gone before",
            (whole(), sight("1", "3")),
            (canceled(bid(1_000), 1_400, CancelReason::Requested), quiet),
            &[Because::CancelTime],
        ),
        (
            "not there yet",
            (maker(bid(1_000), 1_005, "2"), sight("1", "3")),
            (bid(1_000), quiet),
            &[Because::Latency],
        ),
        (
            "took on another market",
            (filled(bid(1_000), 1_005, "2", Liquidity::Taker), quiet),
            (filled(bid(1_000), 1_025, "1", Liquidity::Taker), sight("5", "0")),
            &[Because::Latency],
        ),
        (
            "took on the same market",
            (filled(bid(1_000), 1_005, "2", Liquidity::Taker), quiet),
            (filled(bid(1_000), 1_025, "1", Liquidity::Taker), quiet),
            &[Because::Unknown],
        ),
        (
            "another price of the same market",
            (bid(1_000), quiet),
            (OrderRecord { price: Some(price("98")), ..bid(1_000) }, quiet),
            &[Because::Unknown],
        ),
        (
            "refused",
            (bid(1_000), quiet),
            (OrderRecord { outcome: Outcome::Rejected("no".to_owned()), ..bid(1_000) }, quiet),
            &[Because::Venue],
        ),
    ];
    for (label, run, backtest, expected) in pairs {
        check(label, &[run], &[backtest], &[], expected);
    }
}

#[test]
fn an_order_that_only_one_has_is_explained_by_what_is_known() {
    let quiet = sight("1", "0");
    let gone = |at| (canceled(bid(at), at + 100, CancelReason::Requested), quiet);
    let nobody: &[Seen] = &[];
    check("nothing tells", &[gone(1_000)], nobody, &[], &[Because::Unknown]);
    let apart = [Because::DecisionTime, Because::DecisionTime];
    check("the like at another time", &[gone(1_000)], &[gone(5_000)], &[], &apart);
    check(
        "too far to be the like",
        &[gone(1_000)],
        &[gone(50_000)],
        &[],
        &[Because::Unknown, Because::Unknown],
    );
    let drifted = [Because::DecisionTime];
    check("out of time since", &[gone(1_000), gone(9_000)], &[gone(1_005)], &[], &drifted);
    let in_time = [Because::Unknown];
    check("in time until then", &[gone(1_000), gone(9_000)], &[gone(1_000)], &[], &in_time);
    let working = [(bid(1_000), quiet)];
    let second = [(bid(1_000), quiet), (bid(4_000), quiet)];
    check("one works there", &second, &working, &[], &[Because::Unknown]);
    check(
        "one works there, and none here",
        &[gone(1_000), (bid(4_000), quiet)],
        &working,
        &[],
        &[Because::WorkingOrder],
    );
}

#[test]
fn a_run_that_could_not_trade_is_told() {
    let quiet = sight("1", "0");
    let halt = |by, from, to: Option<i64>| Interruption {
        by,
        strategy: None,
        instrument: None,
        from: ms(from),
        to: to.map(ms),
    };
    let only = [(bid(1_000), quiet)];
    let late = halt(InterruptedBy::StaleMarket, 900, Some(1_100));
    check("while it was late", &[], &only, &[late], &[Because::Halt]);
    let over = halt(InterruptedBy::StaleMarket, 900, Some(950));
    check("when it was over", &[], &only, &[over], &[Because::Unknown]);
    let other = Interruption { strategy: Some(StrategyId(7)), ..late };
    check("another strategy", &[], &only, &[other], &[Because::Unknown]);
    check("only in the run", &only, &[], &[late], &[Because::Unknown]);
    let taken_back = [(canceled(bid(1_000), 1_200, CancelReason::Engine), quiet)];
    let served = [(filled(bid(1_000), 1_500, "2", Liquidity::Maker), sight("1", "3"))];
    let halted = halt(InterruptedBy::Halted, 1_150, None);
    check("taken back", &taken_back, &served, &[halted], &[Because::Halt]);
    check("taken back for another reason", &taken_back, &served, &[], &[Because::CancelTime]);
}
