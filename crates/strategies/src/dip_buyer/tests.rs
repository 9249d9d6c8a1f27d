use kernel::strategy::HostInput;
use model::Side;

use crate::testing::Step::*;
use crate::testing::{Market, check, found, held, parameters};

/// The reference is the last close; 1 % down buys, 2 % up sells; one coin a lot, at most two.
const QUICK: &[(&str, &str)] = &[
    ("reference_bars", "1"),
    ("fall_bps", "100"),
    ("rise_bps", "200"),
    ("lots", "2"),
    ("quantity", "1"),
];

/// Started, with a reference of 100.
fn quick() -> Market {
    let mut market = Market::new("dip_buyer", QUICK);
    assert_eq!(market.step(Trade("50")), Vec::<String>::new(), "no reference yet");
    assert_eq!(market.step(Bar("100")), Vec::<String>::new());
    market
}

#[test]
fn it_buys_falls_and_sells_rises_lot_by_lot() {
    check(
        quick(),
        &[
            (Trade("99.01"), &[]),
            (Trade("99"), &["1: buy 1 at 99.00 at once"]),
            (Accept(1), &[]),
            (Trade("90"), &[]),
            (Fill(1, "1", "98"), &[]),
            // From now on the last buy counts, at 98: 1 % below is 97.02.
            (Trade("97.03"), &[]),
            (Trade("97.02"), &["2: buy 1 at 97.02 at once"]),
            (Fill(2, "1", "97"), &[]),
            // No third lot.
            (Trade("50"), &[]),
            // 2 % above the last buy sells it; then the first one is the last.
            (Trade("98.93"), &[]),
            (Trade("98.94"), &["3: sell 1 at 98.94 at once"]),
            (Fill(3, "1", "98.95"), &[]),
            (Trade("99.95"), &[]),
            (Trade("99.96"), &["4: sell 1 at 99.96 at once"]),
            (Fill(4, "1", "99.96"), &[]),
            (Trade("99.5"), &[]),
            // The reference moves.
            (Bar("120"), &[]),
            (Trade("118"), &["5: buy 1 at 118.80 at once"]),
        ],
    );
    // A reference below the last buy counts.
    check(
        quick(),
        &[
            (Trade("99"), &["1: buy 1 at 99.00 at once"]),
            (Fill(1, "1", "99"), &[]),
            (Bar("90"), &[]),
            (Trade("89.2"), &[]),
            (Trade("89.1"), &["2: buy 1 at 89.10 at once"]),
        ],
    );
}

#[test]
fn what_finds_nobody_is_tried_again_later() {
    for refusal in [Expire(1), Deny(1), Reject(1), Absent(1)] {
        check(
            quick(),
            &[
                (Trade("99"), &["1: buy 1 at 99.00 at once"]),
                (refusal, &[]),
                (Trade("98"), &[]),
                (Pass(1_000), &[]),
                (Trade("98"), &["2: buy 1 at 99.00 at once"]),
                (Expire(2), &[]),
                (Pass(1_999), &[]),
                (Trade("98"), &[]),
                (Pass(1), &[]),
                (Trade("98"), &["3: buy 1 at 99.00 at once"]),
            ],
        );
    }
    let waits: &[(_, &[&str])] = &[
        (Trade("99"), &["1: buy 1 at 99.00 at once"]),
        (Unknown(1), &[]),
        (Trade("90"), &[]),
        (Pass(90_000), &[]),
        (Trade("90"), &[]),
        (Trade("150"), &[]),
    ];
    check(quick(), waits);
}

#[test]
fn parts_are_one_lot_and_fees_are_not_sold() {
    let mut market = quick();
    market.fee_in_base = true;
    check(
        market,
        &[
            (Trade("99"), &["1: buy 1 at 99.00 at once"]),
            (Fill(1, "0.5", "98"), &[]),
            (Fill(1, "0.25", "96"), &[]),
            (Expire(1), &[]),
            (Pass(1_000), &[]),
            // 0.75 less 0.00075, at an average of 97.33: 2 % above is 99.28.
            (Trade("99.27"), &[]),
            (Trade("99.28"), &["2: sell 0.749 at 99.28 at once"]),
            (Fill(2, "0.749", "99.28"), &[]),
            // Dust is no lot: both lots can be bought, and it goes with the next sale.
            (Trade("99"), &["3: buy 1 at 99.00 at once"]),
            (Fill(3, "1", "99"), &[]),
            (Trade("98"), &["4: buy 1 at 98.00 at once"]),
            (Fill(4, "1", "98"), &[]),
            (Trade("97"), &[]),
            (Trade("100"), &["5: sell 0.999 at 99.96 at once"]),
            (Fill(5, "0.999", "100"), &[]),
            (Trade("101"), &["6: sell 0.999 at 100.97 at once"]),
        ],
    );
    // A lot that is sold in parts stays the last until it is gone.
    check(
        quick(),
        &[
            (Trade("99"), &["1: buy 1 at 99.00 at once"]),
            (Fill(1, "1", "99"), &[]),
            (Trade("101"), &["2: sell 1 at 100.98 at once"]),
            (Fill(2, "0.6", "101"), &[]),
            (Expire(2), &[]),
            (Pass(1_000), &[]),
            (Trade("101"), &["3: sell 0.4 at 100.98 at once"]),
        ],
    );
}

#[test]
fn a_restart_finds_its_lots() {
    let start = |snapshot: Option<serde_json::Value>, quantity, cost| {
        let mut market = Market::not_started(
            "dip_buyer",
            QUICK,
            held(quantity, cost),
            vec![found(7, Side::Buy, "1", "90")],
        );
        if let Some(state) = snapshot {
            market.host.restore(state).unwrap();
        }
        let warm = market.bar("100".parse().unwrap());
        market.give(HostInput::WarmUp(warm));
        assert_eq!(market.give(HostInput::Start), ["cancel 7"]);
        assert_eq!(market.step(Cancel(7)), Vec::<String>::new());
        market
    };
    let mut before = quick();
    for step in [Trade("99"), Fill(1, "1", "99"), Trade("98"), Fill(2, "1", "98")] {
        before.step(step);
    }
    let snapshot = before.host.snapshot();
    // With its snapshot it goes on as before.
    check(
        start(snapshot.clone(), "2", "98.5"),
        &[(Trade("97"), &[]), (Trade("99.96"), &["8: sell 1 at 99.96 at once"])],
    );
    // The last lot was sold since.
    check(
        start(snapshot, "1", "98.5"),
        &[(Trade("99.96"), &[]), (Trade("100.98"), &["8: sell 1 at 100.98 at once"])],
    );
    // Without one, all that is held counts as one lot at its average cost.
    check(
        start(None, "2", "98.5"),
        &[(Trade("100.46"), &[]), (Trade("100.47"), &["8: sell 2 at 100.47 at once"])],
    );
    let mut fresh = quick();
    assert!(fresh.host.restore(serde_json::json!("nonsense")).is_err());
}

#[test]
fn nothing_is_asked_while_the_engine_pauses() {
    check(
        quick(),
        &[
            (Pause, &[]),
            (Trade("90"), &[]),
            (Resume, &[]),
            (Trade("99"), &["1: buy 1 at 99.00 at once"]),
            (Stop, &[]),
            (Expire(1), &[]),
            (Pass(5_000), &[]),
            (Trade("90"), &[]),
        ],
    );
}

#[test]
fn parameters_are_checked() {
    let error = parameters("dip_buyer", &[("quantity", "1"), ("fall_bps", "0")]).unwrap_err();
    assert_eq!(error, "parameter `fall_bps`: `0` is not a number from 0.1 to 9999");
    let error = parameters("dip_buyer", &[]).unwrap_err();
    assert_eq!(error, "parameter `quantity`: set either `quantity` or `order_notional`");
}
