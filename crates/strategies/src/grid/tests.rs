use std::collections::BTreeMap;

use model::{Quantity, Side};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use crate::ladder::Ladder;
use crate::testing::Step::*;
use crate::testing::{ID, Market, check, found, held, parameters};

/// Levels 10 % apart, among them 80.17 88.19 97.01 106.71 117.39; one coin each, at most two.
const QUICK: &[(&str, &str)] = &[("levels", "2"), ("spacing_bps", "1000"), ("quantity", "1")];

fn quick() -> Market {
    Market::new("grid", QUICK)
}

#[test]
fn the_levels_of_these_tests_are_where_they_say() {
    let ladder = Ladder::new(0.1);
    let rungs: Vec<String> =
        (46..=50).map(|rung| format!("{:.2}", ladder.price(rung).unwrap())).collect();
    assert_eq!(rungs, ["80.17", "88.19", "97.01", "106.71", "117.39"]);
}

#[test]
fn it_buys_each_level_and_sells_a_level_higher() {
    check(
        quick(),
        &[
            (Trade("105"), &["1: buy 1 at 97.01", "2: buy 1 at 88.19"]),
            (Accept(1), &[]),
            (Accept(2), &[]),
            // Trembling around a level causes nothing.
            (Trade("97.01"), &[]),
            (Trade("99"), &[]),
            (Trade("96"), &[]),
            (Fill(1, "1", "97.01"), &["3: sell 1 at 106.71"]),
            (Accept(3), &[]),
            (Trade("95"), &[]),
            (Fill(2, "1", "88.19"), &["4: sell 1 at 97.01"]),
            // Both lots are held: no more is bought, however low.
            (Trade("70"), &[]),
            (Trade("50"), &[]),
            (Fill(4, "1", "97.01"), &["5: buy 1 at 45.25"]),
        ],
    );
}

#[test]
fn what_was_sold_is_bought_again() {
    check(
        quick(),
        &[
            (Trade("105"), &["1: buy 1 at 97.01", "2: buy 1 at 88.19"]),
            (Accept(1), &[]),
            (Accept(2), &[]),
            (Trade("97"), &[]),
            (Fill(1, "1", "97.01"), &["3: sell 1 at 106.71"]),
            (Accept(3), &[]),
            (Trade("106"), &[]),
            // Level 97.01 is empty again, and 106.71 is half a level below.
            (Fill(3, "1", "106.71"), &["4: buy 1 at 97.01"]),
        ],
    );
}

#[test]
fn it_follows_a_rise() {
    check(
        quick(),
        &[
            (Trade("105"), &["1: buy 1 at 97.01", "2: buy 1 at 88.19"]),
            (Accept(1), &[]),
            (Accept(2), &[]),
            (Trade("110"), &[]),
            (Trade("113"), &["3 for 2: buy 1 at 106.71"]),
            (Trade("114"), &[]),
            (Cancel(2), &[]),
            (Accept(3), &[]),
            (Trade("106"), &[]),
            (Fill(3, "1", "106.71"), &["4: sell 1 at 117.39"]),
        ],
    );
    // The order to be moved fills first.
    check(
        quick(),
        &[
            (Trade("105"), &["1: buy 1 at 97.01", "2: buy 1 at 88.19"]),
            (Accept(1), &[]),
            (Accept(2), &[]),
            (Trade("113"), &["3 for 2: buy 1 at 106.71"]),
            (Fill(2, "1", "88.19"), &["4: sell 1 at 97.01"]),
        ],
    );
    // The move is denied: the old order stays, and the move is tried again after a pause.
    check(
        quick(),
        &[
            (Trade("105"), &["1: buy 1 at 97.01", "2: buy 1 at 88.19"]),
            (Accept(1), &[]),
            (Accept(2), &[]),
            (Trade("113"), &["3 for 2: buy 1 at 106.71"]),
            (Deny(3), &[]),
            (Trade("114"), &[]),
            (Pass(1_000), &[]),
            (Trade("114"), &["4 for 2: buy 1 at 106.71"]),
        ],
    );
}

#[test]
fn refusals_are_tried_again_later_and_unknown_outcomes_waited_for() {
    for refusal in [Deny(2), Reject(2), Expire(2), Absent(2)] {
        check(
            quick(),
            &[
                (Trade("105"), &["1: buy 1 at 97.01", "2: buy 1 at 88.19"]),
                (refusal, &[]),
                (Trade("105"), &[]),
                (Pass(1_000), &[]),
                (Trade("105"), &["3: buy 1 at 88.19"]),
            ],
        );
    }
    check(
        quick(),
        &[
            (Trade("105"), &["1: buy 1 at 97.01", "2: buy 1 at 88.19"]),
            (Accept(1), &[]),
            (Unknown(2), &[]),
            // A fill is offered all the same: the other side is known.
            (Fill(1, "1", "97.01"), &["3: sell 1 at 106.71"]),
            (Unknown(3), &[]),
            (Trade("113"), &[]),
            (Fill(2, "1", "88.19"), &[]),
            (Accept(3), &["4: sell 1 at 97.01"]),
        ],
    );
}

#[test]
fn parts_are_offered_as_they_come_but_never_dust() {
    check(
        quick(),
        &[
            (Trade("105"), &["1: buy 1 at 97.01", "2: buy 1 at 88.19"]),
            (Accept(1), &[]),
            (Accept(2), &[]),
            (Fill(1, "0.04", "97.01"), &[]),
            (Fill(1, "0.56", "97.01"), &["3: sell 0.6 at 106.71"]),
            (Fill(1, "0.4", "97.01"), &["4: sell 0.4 at 106.71"]),
            (Trade("97"), &[]),
        ],
    );
    let mut market = quick();
    market.fee_in_base = true;
    check(
        market,
        &[
            (Trade("105"), &["1: buy 1 at 97.01", "2: buy 1 at 88.19"]),
            (Fill(1, "1", "97.01"), &["3: sell 0.999 at 106.71"]),
            (Fill(2, "1", "88.19"), &["4: sell 0.999 at 97.01"]),
            (Trade("70"), &[]),
        ],
    );
}

#[test]
fn a_restart_finds_its_orders_and_offers_what_is_free() {
    let start = |positions, open| {
        let mut market = Market::not_started("grid", QUICK, positions, open);
        assert_eq!(market.give(kernel::strategy::HostInput::Start), Vec::<String>::new());
        market
    };
    // Both orders are where they should be.
    let orders = vec![found(1, Side::Buy, "1", "97.01"), found(2, Side::Buy, "1", "88.19")];
    check(start(BTreeMap::new(), orders), &[(Trade("105"), &[])]);
    // A lot without a sell: offered above its cost.
    let orders = vec![found(1, Side::Buy, "1", "88.19")];
    check(start(held("1", "97.01"), orders), &[(Trade("98"), &["2: sell 1 at 106.71"])]);
    // More working than allowed, as after a change of the file: the lowest goes.
    let orders = vec![
        found(1, Side::Buy, "1", "97.01"),
        found(2, Side::Buy, "1", "88.19"),
        found(3, Side::Buy, "1", "80.17"),
    ];
    check(start(BTreeMap::new(), orders), &[(Trade("105"), &["cancel 3"]), (Cancel(3), &[])]);
}

#[test]
fn parameters_are_checked() {
    let error = parameters("grid", &[("quantity", "1"), ("levels", "0")]).unwrap_err();
    assert_eq!(error, "parameter `levels`: `0` is not a whole number from 1 to 100");
}

/// A venue that fills what the price reaches and now and then refuses, over a random walk: the
/// grid never has more than its lots, sells everything above what it paid, and ends with nothing
/// unoffered.
#[test]
fn it_keeps_its_bounds_on_random_walks() {
    const LEVELS: i64 = 4;
    for seed in 0..20 {
        let mut random = Pcg64::seed_from_u64(seed);
        let mut market =
            Market::new("grid", &[("levels", "4"), ("spacing_bps", "50"), ("quantity", "1")]);
        let mut price = 100.0_f64;
        let mut sold = 0;
        for _ in 0..2_000 {
            // It is drawn back to where it came from, as a grid hopes.
            price *= 1.0 + 0.01 * (random.random::<f64>() - 0.5) + 0.05 * (100.0 / price - 1.0);
            market.step(Pass(200));
            answer_all(&mut market, &mut random);
            let event = market.trade(model::Price::from_f64_rounded(price).unwrap());
            market.market(event);
            answer_all(&mut market, &mut random);
            sold += fill_reached(&mut market, price);
            answer_all(&mut market, &mut random);
            let held = market.host.position(ID).quantity();
            let buying: Quantity = market
                .host
                .open_orders()
                .filter(|open| open.new.side == Side::Buy && !open.cancel_pending)
                .filter_map(kernel::strategy::OpenOrder::remaining)
                .sum();
            let most = Quantity::from_units(LEVELS * Quantity::ONE.units());
            assert!(held + buying <= most, "seed {seed}: {held} held, {buying} being bought");
        }
        assert!(sold > 10, "seed {seed}: {sold}");
        assert!(market.host.position(ID).realised().is_positive(), "seed {seed}");
        let held = market.host.position(ID).quantity();
        market.step(Pass(60_000));
        let event = market.trade(model::Price::from_f64_rounded(price).unwrap());
        market.market(event);
        let selling: Quantity = market
            .host
            .open_orders()
            .filter(|open| open.new.side == Side::Sell)
            .filter_map(kernel::strategy::OpenOrder::remaining)
            .sum();
        assert_eq!(held, selling, "seed {seed}");
    }
}

/// Acknowledges what was sent and carries out cancels; refuses one in twenty.
fn answer_all(market: &mut Market, random: &mut Pcg64) {
    use model::OrderStatus::Intended;
    loop {
        let waits = market.host.open_orders().find(|open| {
            let old_works = open
                .replaces
                .is_some_and(|old| market.host.open_orders().any(|other| other.order == old));
            open.cancel_pending || (open.status == Intended && !old_works)
        });
        let Some(open) = waits else { return };
        let number = open.order.number;
        let step = match (open.cancel_pending, random.random_bool(0.05)) {
            (true, _) => Cancel(number),
            (false, true) => Deny(number),
            (false, false) => Accept(number),
        };
        market.step(step);
    }
}

/// Fills every order that the price has reached, at its limit. How many sells.
fn fill_reached(market: &mut Market, price: f64) -> u32 {
    let reached: Vec<_> = market
        .host
        .open_orders()
        .filter_map(|open| {
            Some((open.order.number, open.new.side, open.remaining()?, open.price()?))
        })
        .filter(|(_, side, _, limit)| match side {
            Side::Buy => price <= limit.to_f64(),
            Side::Sell => price >= limit.to_f64(),
        })
        .collect();
    let mut sold = 0;
    for (number, side, quantity, limit) in reached {
        if market.host.open_orders().any(|open| open.order.number == number) {
            market.fill(number, quantity, limit);
            sold += u32::from(side == Side::Sell);
        }
    }
    sold
}
