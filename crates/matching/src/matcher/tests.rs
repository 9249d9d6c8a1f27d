use model::{FilterViolation, InstrumentStatus, OrderQuantity, Side, Timestamp};

use crate::testing::{fees, instrument, order, px, qty, told};
use crate::{
    Book, Fees, MatchEvent, Matcher, OrderKey, Owner, Reject, SelfTradePrevention, Submission,
    Trailing,
};

const ALICE: Owner = Owner(1);
const BOB: Owner = Owner(2);
const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// A matcher and what it said last.
struct Scene {
    matcher: Matcher<Book>,
    out: Vec<MatchEvent>,
}

impl Scene {
    fn new() -> Self {
        Self { matcher: Matcher::new(instrument(), Fees::NONE, Book::new()), out: Vec::new() }
    }

    /// A book with asks 1 @ 101, 2 @ 102 and bids 1 @ 99, 2 @ 98, last price 100.
    fn with_book() -> Self {
        let mut scene = Self::new();
        for (key, text) in
            [(901, "sell 1 @ 101"), (902, "sell 2 @ 102"), (903, "buy 1 @ 99"), (904, "buy 2 @ 98")]
        {
            scene.place(key, BOB, text).unwrap();
        }
        scene.matcher.desk.last_price = Some(px("100"));
        scene
    }

    fn place(&mut self, key: u64, owner: Owner, text: &str) -> Result<(), Reject> {
        self.submit(&Submission::new(OrderKey(key), owner, order(text)))
    }

    fn submit(&mut self, submission: &Submission) -> Result<(), Reject> {
        self.out.clear();
        self.matcher.place(NOW, submission, &mut self.out)
    }
}

#[test]
fn each_kind_meets_the_book() {
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let mut scene = Scene::with_book();
        scene.place(1, ALICE, text).unwrap();
        assert_eq!(told(&scene.out), expected, "{text}");
    }
    let insufficient = "1 expired INSUFFICIENT_LIQUIDITY";
    let (from_101, from_102) = (
        "1(0.5 left) took 1 @ 101.00 from 901(0 left)",
        "1(0 left) took 0.5 @ 102.00 from 902(1.5 left)",
    );
    check("buy 1.5 market", &["1 accepted", from_101, from_102]);
    check("buy 1.5 @ 102 gtc", &["1 accepted", from_101, from_102]);
    check("buy 1.5 @ 101.99 gtc", &["1 accepted", from_101]);
    check(
        "buy 1.5 @ 101.99 ioc",
        &["1 accepted", from_101, "1 expired UNFILLED_IOC_QUANTITY_EXPIRED"],
    );
    check("buy 1.5 @ 101.99 fok", &["1 accepted", "1 expired UNFILLED_FOK_ORDER_EXPIRED"]);
    check("buy 1.5 @ 102 fok", &["1 accepted", from_101, from_102]);
    check("buy 1 @ 100.99 maker", &["1 accepted"]);
    check(
        "sell 4 market",
        &[
            "1 accepted",
            "1(3 left) took 1 @ 99.00 from 903(0 left)",
            "1(1 left) took 2 @ 98.00 from 904(0 left)",
            insufficient,
        ],
    );
    check("buy quote 152 market", &["1 accepted", from_101, from_102]);
    check("buy quote 152.09 market", &["1 accepted", from_101, from_102]);
    check(
        "buy quote 406 market",
        &[
            "1 accepted",
            "1(2.99 left) took 1 @ 101.00 from 901(0 left)",
            "1(0.99 left) took 2 @ 102.00 from 902(0 left)",
            insufficient,
        ],
    );
    check(
        "sell quote 148 market",
        &[
            "1 accepted",
            "1(0.5 left) took 1 @ 99.00 from 903(0 left)",
            "1(0 left) took 0.5 @ 98.00 from 904(1.5 left)",
        ],
    );
    check("sell 1 stop 99.5", &["1 accepted"]);
}

#[test]
fn a_market_order_that_meets_nothing_expires() {
    let mut scene = Scene::new();
    let expected = ["1 accepted", "1 expired INSUFFICIENT_LIQUIDITY"];
    scene.place(1, ALICE, "buy 1 market").unwrap();
    assert_eq!(told(&scene.out), expected);
    scene.place(1, ALICE, "buy quote 100 market").unwrap();
    assert_eq!(told(&scene.out), expected);
    assert_eq!(scene.matcher.open_orders(), 0);
}

#[test]
fn orders_that_are_refused_change_nothing() {
    #[track_caller]
    fn check(text: &str, expected: &Reject) {
        let mut scene = Scene::with_book();
        assert_eq!(scene.place(1, ALICE, text).as_ref(), Err(expected), "{text}");
        assert_eq!((scene.out.len(), scene.matcher.open_orders()), (0, 4), "{text}");
    }
    let match_at = |price, best| Reject::WouldMatchImmediately { price: px(price), best: px(best) };
    let trigger_at =
        |stop| Reject::WouldTriggerImmediately { stop_price: px(stop), last_price: px("100") };
    check("buy 1 @ 101 maker", &match_at("101", "101"));
    check("sell 1 @ 98.5 maker", &match_at("98.5", "99"));
    check("sell 1 stop 100", &trigger_at("100"));
    check("sell 1 stop 101 @ 90 gtc", &trigger_at("101"));
    check("buy 1 stop 100", &trigger_at("100"));
    check("sell 1 target 100", &trigger_at("100"));
    check("buy 1 target 100", &trigger_at("100"));
    check("buy 1 target 101 @ 90 gtc", &trigger_at("101"));
    check("buy quote 10 @ 90 gtc", &Reject::QuoteAmountNotAllowed);
    let (min, max, step) = (qty("0.001"), qty("1000"), qty("0.001"));
    let lot_size =
        |actual| Reject::Filter(FilterViolation::LotSize { actual: qty(actual), min, max, step });
    check("buy 0.0015 market", &lot_size("0.0015"));
    check("buy quote 0.05 market", &lot_size("0"));
}

#[test]
fn stops_fire_on_the_last_price() {
    #[track_caller]
    fn check(waiting: &str, taker: &str, expected: &[&str]) {
        let mut scene = Scene::with_book();
        scene.place(1, ALICE, waiting).unwrap();
        assert!(!scene.matcher.order(OrderKey(1)).unwrap().is_working);
        scene.place(2, BOB, taker).unwrap();
        let told = told(&scene.out);
        assert_eq!(told[told.len() - expected.len()..], *expected, "{waiting}");
    }
    check(
        "sell 1 stop 99",
        "sell 1 @ 99 ioc",
        &["1 triggered at 99.00", "1(0 left) took 1 @ 98.00 from 904(1 left)"],
    );
    check("sell 1 stop 98.5 @ 98.2 gtc", "sell 1.5 market", &["1 triggered at 98.00"]);
    check(
        "buy 1 stop 101 @ 101.5 ioc",
        "buy 1 market",
        &["1 triggered at 101.00", "1 expired UNFILLED_IOC_QUANTITY_EXPIRED"],
    );
    check(
        "buy 1 stop 101",
        "buy 0.5 market",
        &[
            "1 triggered at 101.00",
            "1(0.5 left) took 0.5 @ 101.00 from 901(0 left)",
            "1(0 left) took 0.5 @ 102.00 from 902(1.5 left)",
        ],
    );
    check(
        "sell 1 target 101",
        "buy 0.5 market",
        &["1 triggered at 101.00", "1(0 left) took 1 @ 99.00 from 903(0 left)"],
    );
    check(
        "buy 1 target 99",
        "sell 0.5 market",
        &["1 triggered at 99.00", "1(0 left) took 1 @ 101.00 from 901(0 left)"],
    );
    check("sell 1 stop 98.99", "sell 1 market", &["2(0 left) took 1 @ 99.00 from 903(0 left)"]);
}

#[test]
fn stops_set_each_other_off_nearest_first() {
    let mut scene = Scene::with_book();
    scene.place(1, ALICE, "sell 1 stop 98").unwrap();
    scene.place(2, ALICE, "sell 1 stop 99").unwrap();
    scene.place(3, ALICE, "sell 0.5 stop 99").unwrap();
    scene.place(4, BOB, "sell 0.5 market").unwrap();
    assert_eq!(
        told(&scene.out)[1..],
        [
            "4(0 left) took 0.5 @ 99.00 from 903(0.5 left)",
            "2 triggered at 99.00",
            "2(0.5 left) took 0.5 @ 99.00 from 903(0 left)",
            "2(0 left) took 0.5 @ 98.00 from 904(1.5 left)",
            "3 triggered at 98.00",
            "3(0 left) took 0.5 @ 98.00 from 904(1 left)",
            "1 triggered at 98.00",
            "1(0 left) took 1 @ 98.00 from 904(0 left)",
        ]
    );
}

#[test]
fn a_stop_buy_spends_no_more_than_its_budget() {
    let mut scene = Scene::with_book();
    let submission = Submission {
        budget: Some("152".parse().unwrap()),
        ..Submission::new(OrderKey(1), ALICE, order("buy 2 stop 100.5"))
    };
    scene.submit(&submission).unwrap();
    scene.place(2, BOB, "buy 0.25 market").unwrap();
    assert_eq!(
        told(&scene.out)[2..],
        [
            "1 triggered at 101.00",
            "1(1.25 left) took 0.75 @ 101.00 from 901(0 left)",
            "1(0.503 left) took 0.747 @ 102.00 from 902(1.253 left)",
            "1 expired EXCHANGE_CANCELED",
        ]
    );
}

#[test]
fn canceled_orders_are_gone_from_book_and_triggers() {
    let mut scene = Scene::with_book();
    scene.place(1, ALICE, "buy 1 @ 99 gtc").unwrap();
    scene.place(2, ALICE, "sell 1 stop 99 @ 99 gtc").unwrap();
    for key in [1, 2, 903] {
        scene.out.clear();
        scene.matcher.cancel(NOW, OrderKey(key), &mut scene.out).unwrap();
        assert_eq!(told(&scene.out), [format!("{key} canceled")]);
        assert!(scene.matcher.cancel(NOW, OrderKey(key), &mut scene.out).is_err());
    }
    scene.place(3, BOB, "sell 1 market").unwrap();
    assert_eq!(told(&scene.out)[1..], ["3(0 left) took 1 @ 98.00 from 904(1 left)"]);
}

#[test]
fn filters_that_count_see_only_their_owner() {
    let mut limited = instrument();
    limited.filters.max_open_orders = Some(2);
    limited.filters.max_open_stop_orders = Some(1);
    limited.filters.max_position = Some(qty("5"));
    let mut scene = Scene::with_book();
    scene.matcher.refresh(&limited);

    scene.place(1, ALICE, "buy 2 @ 90 gtc").unwrap();
    let too_large = Reject::PositionTooLarge { actual: qty("5.1"), limit: qty("5") };
    let holding = Submission {
        held: qty("1.1"),
        ..Submission::new(OrderKey(2), ALICE, order("buy 2 @ 90 gtc"))
    };
    assert_eq!(scene.submit(&holding), Err(too_large));
    scene.place(2, ALICE, "sell 1 stop 95").unwrap();
    assert_eq!(scene.place(3, ALICE, "sell 1 @ 110"), Err(Reject::TooManyOpenOrders { limit: 2 }));
    scene.matcher.cancel(NOW, OrderKey(1), &mut scene.out).unwrap();
    assert_eq!(
        scene.place(3, ALICE, "sell 1 stop 94"),
        Err(Reject::TooManyStopOrders { limit: 1 })
    );
    scene.place(3, ALICE, "sell 1 @ 110").unwrap();
    limited.status = InstrumentStatus::CancelOnly;
    scene.matcher.refresh(&limited);
    assert_eq!(
        scene.place(9, ALICE, "buy 1 market"),
        Err(Reject::NotTrading(InstrumentStatus::CancelOnly))
    );
    scene.matcher.cancel(NOW, OrderKey(3), &mut scene.out).unwrap();
}

#[test]
fn fees_are_of_what_is_received() {
    let mut scene = Scene::new();
    scene.matcher = Matcher::new(instrument(), fees("0.001", "0.00075"), Book::new());
    scene.place(1, BOB, "sell 1 @ 61837.63").unwrap();
    scene.place(2, ALICE, "buy 0.333 market").unwrap();
    let Some(MatchEvent::Traded(trade)) =
        scene.out.iter().find(|event| matches!(event, MatchEvent::Traded(_)))
    else {
        panic!("no trade in {:?}", scene.out);
    };
    let (maker, taker) = (trade.maker.unwrap(), trade.taker.unwrap());
    assert_eq!((maker.fee.to_string(), maker.fee_asset.as_str()), ("20.59193079".into(), "USDT"));
    assert_eq!((taker.fee.to_string(), taker.fee_asset.as_str()), ("0.00024975".into(), "BTC"));
}

#[test]
fn a_preview_costs_what_the_order_then_costs() {
    let scene = Scene::with_book();
    let preview = scene.matcher.preview(Side::Buy, None, OrderQuantity::Base(qty("1.5")));
    assert_eq!((preview.notional.to_string(), preview.is_exhausted), ("152".into(), false));
    let limit = Some(px("101"));
    let preview = scene.matcher.preview(Side::Buy, limit, OrderQuantity::Base(qty("1.5")));
    assert_eq!((preview.quantity, preview.is_exhausted), (qty("1"), true));
}

#[test]
fn a_smaller_order_keeps_its_place() {
    let mut scene = Scene::new();
    for (key, text) in [(1, "sell 3 @ 101"), (2, "sell 1 @ 101")] {
        scene.place(key, ALICE, text).unwrap();
    }
    scene.out.clear();
    let less = qty("1");
    scene.matcher.shrink(NOW, OrderKey(1), less, &mut scene.out).unwrap();
    let shown = scene.matcher.best(Side::Sell).unwrap().quantity;
    assert_eq!((shown, scene.out.len()), (qty("3"), 1));
    scene.place(4, BOB, "buy 2.5 market").unwrap();
    let expected = [
        "4 accepted",
        "4(0.5 left) took 2 @ 101.00 from 1(0 left)",
        "4(0 left) took 0.5 @ 101.00 from 2(0.5 left)",
    ];
    assert_eq!(told(&scene.out), expected);
    for too_much in ["0.5", "0", "7"] {
        assert!(scene.matcher.shrink(NOW, OrderKey(2), qty(too_much), &mut Vec::new()).is_err());
    }
    assert!(scene.matcher.shrink(NOW, OrderKey(9), less, &mut Vec::new()).is_err());
}

#[test]
fn self_trade_prevention_ends_whom_the_taker_names() {
    #[track_caller]
    fn check(prevention: SelfTradePrevention, expected: &[&str], bid: &str) {
        let mut scene = Scene::new();
        scene.place(1, ALICE, "buy 2 @ 100 gtc").unwrap();
        scene.place(2, BOB, "buy 1 @ 99 gtc").unwrap();
        let sell = Submission {
            prevention,
            ..Submission::new(OrderKey(3), ALICE, order("sell 0.5 @ 99 ioc"))
        };
        scene.submit(&sell).unwrap();
        assert_eq!(told(&scene.out)[1..], *expected, "{prevention:?}");
        let best = scene.matcher.best(Side::Buy).unwrap();
        assert_eq!(format!("{:.1} @ {:.0}", best.quantity, best.price), bid, "{prevention:?}");
    }
    let sold = "3(0 left) took 0.5 @ 99.00 from 2(0.5 left)";
    check(
        SelfTradePrevention::None,
        &["3(0 left) took 0.5 @ 100.00 from 1(1.5 left)"],
        "1.5 @ 100",
    );
    check(
        SelfTradePrevention::ExpireTaker,
        &["3(0 left) kept from 1(2 left) @ 100.00"],
        "2.0 @ 100",
    );
    check(
        SelfTradePrevention::ExpireMaker,
        &["3(0.5 left) kept from 1(0 left) @ 100.00", sold],
        "0.5 @ 99",
    );
    check(SelfTradePrevention::ExpireBoth, &["3(0 left) kept from 1(0 left) @ 100.00"], "1.0 @ 99");
    check(
        SelfTradePrevention::Decrement,
        &["3(0 left) kept from 1(1.5 left) @ 100.00"],
        "1.5 @ 100",
    );
}

#[test]
fn an_iceberg_shows_a_part_at_a_time_and_waits_for_its_turn() {
    let mut scene = Scene::new();
    let iceberg = Submission {
        iceberg: Some(qty("1")),
        ..Submission::new(OrderKey(1), ALICE, order("sell 2.5 @ 100 gtc"))
    };
    scene.submit(&iceberg).unwrap();
    scene.place(2, BOB, "sell 1 @ 100 gtc").unwrap();
    assert_eq!(scene.matcher.best(Side::Sell).unwrap().quantity, qty("2"));
    // What does not show can be had, too, and shows as it comes.
    assert!(!scene.matcher.preview(Side::Buy, None, OrderQuantity::Base(qty("3.5"))).is_exhausted);
    scene.place(3, BOB, "buy 2.5 @ 100 gtc").unwrap();
    assert_eq!(
        told(&scene.out)[1..],
        [
            "3(1.5 left) took 1 @ 100.00 from 1(1.5 left)",
            "3(0.5 left) took 1 @ 100.00 from 2(0 left)",
            "3(0 left) took 0.5 @ 100.00 from 1(1 left)",
        ]
    );
    assert_eq!(scene.matcher.best(Side::Sell).unwrap().quantity, qty("0.5"));
    scene.matcher.shrink(NOW, OrderKey(1), qty("0.7"), &mut scene.out).unwrap();
    assert_eq!(scene.matcher.best(Side::Sell).unwrap().quantity, qty("0.3"));
    scene.matcher.cancel(NOW, OrderKey(1), &mut scene.out).unwrap();
    assert_eq!(scene.matcher.best(Side::Sell), None);
}

#[test]
fn a_trailing_order_follows_and_fires_when_the_market_comes_back() {
    let mut scene = Scene::new();
    // Deep on both sides, so that prices can be walked through.
    for price in 90..100 {
        scene.place(price, BOB, &format!("buy 10 @ {price} gtc")).unwrap();
    }
    let trailing = |key, text| Submission {
        trailing: Some(Trailing { delta_bips: 200 }),
        ..Submission::new(OrderKey(key), ALICE, order(text))
    };
    scene.matcher.desk.last_price = Some(px("99"));
    // At once; and only after a fall to 97.
    scene.submit(&trailing(201, "sell 1 stop 0")).unwrap();
    scene.submit(&trailing(202, "sell 1 stop 97")).unwrap();
    let mut step = |price: &str| {
        scene.place(900, BOB, &format!("sell 0.1 @ {price} gtc")).unwrap();
        scene.place(901, BOB, &format!("buy 0.1 @ {price} ioc")).unwrap();
        let told = told(&scene.out);
        told.into_iter().filter(|line| line.starts_with("20")).collect::<Vec<_>>()
    };
    assert_eq!(step("99.5"), ["201 follows"]);
    assert!(step("101").is_empty());
    assert!(step("99.5").is_empty(), "1.5 % below the highest");
    // 98.98 is 2 % below 101. The sale at 99 goes no further down than the bid there.
    scene.place(903, BOB, "sell 25 @ 97 ioc").unwrap();
    let lines = told(&scene.out);
    let own: Vec<&str> =
        lines.iter().map(String::as_str).filter(|line| line.starts_with("20")).collect();
    assert_eq!(
        own,
        ["202 follows", "201 triggered at 97.00", "201(0 left) took 1 @ 97.00 from 97(4 left)"]
    );
    // 97 is the start of the other; 95.06 is 2 % below.
    scene.place(904, BOB, "sell 4 @ 97 ioc").unwrap();
    scene.place(905, BOB, "sell 10 @ 96 ioc").unwrap();
    assert!(scene.matcher.order(OrderKey(202)).is_some());
    scene.place(906, BOB, "sell 1 @ 95 ioc").unwrap();
    assert_eq!(told(&scene.out)[2], "202 triggered at 95.00");
    // One that is taken back follows no more.
    scene.submit(&trailing(203, "buy 1 stop 0")).unwrap();
    scene.matcher.cancel(NOW, OrderKey(203), &mut scene.out).unwrap();
    scene.place(907, BOB, "sell 8 @ 95 ioc").unwrap();
    assert!(told(&scene.out).iter().all(|line| !line.starts_with("203")));
}
