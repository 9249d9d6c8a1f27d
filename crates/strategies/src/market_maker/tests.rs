use std::collections::BTreeMap;

use kernel::strategy::HostInput;
use model::Side;

use crate::testing::Step::*;
use crate::testing::{Market, check, found, held, parameters};

/// 1 % to each side, a lean of up to 2 %, four lots of one coin, replaced from 0.1 % on and at
/// most once a second.
const QUICK: &[(&str, &str)] = &[
    ("half_spread_bps", "100"),
    ("skew_bps", "200"),
    ("max_lots", "4"),
    ("requote_bps", "10"),
    ("requote_ms", "1000"),
    ("quantity", "1"),
];

fn quick() -> Market {
    Market::new("market_maker", QUICK)
}

/// A started one that holds so much.
fn holding(quantity: &str) -> Market {
    let mut market = Market::not_started("market_maker", QUICK, held(quantity, "100"), Vec::new());
    assert_eq!(market.give(HostInput::Start), Vec::<String>::new());
    market
}

#[test]
fn quotes_lean_against_the_inventory() {
    #[track_caller]
    fn quotes(quantity: &str, expected: &[&str]) {
        let mut market = if quantity == "0" { quick() } else { holding(quantity) };
        assert_eq!(market.step(Quote("95", "105")), expected);
    }
    // The middle is 100; centred at 102, 101, 100, 99, 98.
    quotes("0", &["1: buy 1 resting at 100.98"]);
    quotes("1", &["1: buy 1 resting at 99.99", "2: sell 1 resting at 102.01"]);
    quotes("2", &["1: buy 1 resting at 99.00", "2: sell 1 resting at 101.00"]);
    quotes("3", &["1: buy 1 resting at 98.01", "2: sell 1 resting at 99.99"]);
    quotes("4", &["1: sell 1 resting at 98.98"]);
    quotes("5", &["1: sell 1 resting at 98.98"]);
    // Dust is not offered, nor more than is held.
    quotes("0.04", &["1: buy 1 resting at 100.94"]);
    quotes("0.4", &["1: buy 1 resting at 100.58", "2: sell 0.4 resting at 102.62"]);
}

#[test]
fn quotes_never_cross_the_market() {
    let mut market = quick();
    assert_eq!(market.step(Quote("99.99", "100.01")), ["1: buy 1 resting at 100.00"]);
    let mut market = holding("4");
    assert_eq!(market.step(Quote("99.99", "100.01")), ["1: sell 1 resting at 100.00"]);
    // A crossed or locked market is not quoted.
    let mut market = quick();
    assert_eq!(market.step(Quote("100", "100")), Vec::<String>::new());
}

#[test]
fn quotes_follow_the_market_but_not_every_move_and_not_too_often() {
    let steps: &[(_, &[&str])] = &[
        (Quote("95", "105"), &["1: buy 1 resting at 99.00", "2: sell 1 resting at 101.00"]),
        (Pass(1_000), &[]),
        // Not acknowledged yet: waited for.
        (Quote("96", "106"), &[]),
        (Accept(1), &["3 for 1: buy 1 resting at 99.99"]),
        (Accept(2), &[]),
        (Cancel(1), &[]),
        (Accept(3), &[]),
        // Too soon for the other side; the timer sees to it.
        (Pass(999), &[]),
        (Pass(1), &["4 for 2: sell 1 resting at 102.01"]),
        (Cancel(2), &[]),
        (Accept(4), &[]),
        (Pass(1_000), &[]),
        // Less than 0.1 %.
        (Quote("96.04", "106.04"), &[]),
        (
            Quote("96.08", "106.15"),
            &["5 for 3: buy 1 resting at 100.10", "6 for 4: sell 1 resting at 102.13"],
        ),
    ];
    check(holding("2"), steps);
}

#[test]
fn fills_are_answered_on_both_sides() {
    check(
        quick(),
        &[
            (Quote("95", "105"), &["1: buy 1 resting at 100.98"]),
            (Accept(1), &[]),
            (Pass(5_000), &[]),
            (
                Fill(1, "0.5", "100.98"),
                &["2 for 1: buy 1 resting at 100.48", "3: sell 0.5 resting at 102.52"],
            ),
            (Fill(1, "0.5", "100.98"), &[]),
            (Cancel(2), &[]),
            (Accept(3), &[]),
            (Pass(1_000), &["4: buy 1 resting at 99.99", "5 for 3: sell 1 resting at 102.01"]),
        ],
    );
}

#[test]
fn a_denied_replacement_leaves_the_old_quote_to_be_replaced_later() {
    check(
        quick(),
        &[
            (Quote("95", "105"), &["1: buy 1 resting at 100.98"]),
            (Accept(1), &[]),
            (Pass(1_000), &[]),
            (Quote("96", "106"), &["2 for 1: buy 1 resting at 101.98"]),
            (Deny(2), &[]),
            (Quote("96", "106"), &[]),
            (Pass(1_000), &["3 for 1: buy 1 resting at 101.98"]),
        ],
    );
    // The venue refuses the cancel: asked again.
    check(
        quick(),
        &[
            (Quote("95", "105"), &["1: buy 1 resting at 100.98"]),
            (Accept(1), &[]),
            (Pass(1_000), &[]),
            (Quote("96", "106"), &["2 for 1: buy 1 resting at 101.98"]),
            (RefuseCancel(1), &[]),
            (Pass(1_000), &["cancel 1"]),
            (Cancel(1), &[]),
            (Accept(2), &[]),
            (Pass(5_000), &[]),
        ],
    );
}

#[test]
fn refusals_pause_and_unknown_outcomes_are_waited_for() {
    for refusal in [Deny(1), Reject(1), Expire(1), Absent(1)] {
        check(
            quick(),
            &[
                (Quote("95", "105"), &["1: buy 1 resting at 100.98"]),
                (Pass(500), &[]),
                (refusal, &[]),
                (Quote("96", "106"), &[]),
                (Pass(999), &[]),
                (Pass(1), &["2: buy 1 resting at 101.98"]),
            ],
        );
    }
    check(
        quick(),
        &[
            (Quote("95", "105"), &["1: buy 1 resting at 100.98"]),
            (Unknown(1), &[]),
            (Pass(60_000), &[]),
            (Quote("120", "130"), &[]),
            (Absent(1), &[]),
            (Pass(1_000), &["2: buy 1 resting at 126.22"]),
        ],
    );
}

#[test]
fn it_takes_its_quotes_back_when_it_stops() {
    check(
        holding("2"),
        &[
            (Quote("95", "105"), &["1: buy 1 resting at 99.00", "2: sell 1 resting at 101.00"]),
            (Accept(1), &[]),
            (Accept(2), &[]),
            (Stop, &["cancel 1", "cancel 2"]),
            (Cancel(1), &[]),
            (Quote("96", "106"), &[]),
        ],
    );
    check(
        holding("2"),
        &[
            (Pause, &[]),
            (Quote("95", "105"), &[]),
            (Resume, &[]),
            (Quote("95", "105"), &["1: buy 1 resting at 99.00", "2: sell 1 resting at 101.00"]),
        ],
    );
}

#[test]
fn a_restart_finds_its_quotes() {
    let open = vec![found(1, Side::Buy, "1", "100.98"), found(2, Side::Buy, "1", "90")];
    let mut market = Market::not_started("market_maker", QUICK, BTreeMap::new(), open);
    market.give(HostInput::Start);
    // Two buys, neither of them a replacement: one goes, the other is moved if it must.
    check(
        market,
        &[
            (Quote("95", "105"), &["cancel 1"]),
            (Cancel(1), &[]),
            (Pass(1_000), &["3 for 2: buy 1 resting at 100.98"]),
        ],
    );
    // A sell without anything to sell is taken back.
    let open = vec![found(1, Side::Sell, "1", "101")];
    let mut market = Market::not_started("market_maker", QUICK, BTreeMap::new(), open);
    market.give(HostInput::Start);
    check(market, &[(Quote("95", "105"), &["2: buy 1 resting at 100.98", "cancel 1"])]);
}

#[test]
fn parameters_are_checked() {
    let given = [("quantity", "1"), ("requote_ms", "0")];
    let error = parameters("market_maker", &given).unwrap_err();
    assert_eq!(error, "parameter `requote_ms`: `0` is not whole milliseconds from 1 to 3600000");
}
