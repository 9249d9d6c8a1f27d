use kernel::strategy::HostInput;
use model::{MarketEvent, Price, Side, TradeId};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use crate::testing::Step::*;
use crate::testing::{Market, check, found, held, parameters};

/// On trades, 2 against 4, an order is one coin; no history.
const QUICK: &[(&str, &str)] =
    &[("source", "trades"), ("fast", "2"), ("slow", "4"), ("quantity", "1"), ("warm_up", "0")];

fn quick() -> Market {
    Market::new("ema_cross", QUICK)
}

#[test]
fn it_buys_above_and_sells_below() {
    check(
        quick(),
        &[
            (Trade("100"), &[]),
            (Trade("101"), &[]),
            (Trade("102"), &[]),
            // The fourth value is the first to count.
            (Trade("103"), &["1: buy 1 market"]),
            (Accept(1), &[]),
            (Trade("104"), &[]),
            (Fill(1, "1", "103"), &[]),
            (Trade("105"), &[]),
            (Trade("90"), &["2: sell 1 market"]),
            (Trade("80"), &[]),
            (Fill(2, "1", "90"), &[]),
            (Trade("70"), &[]),
            (Trade("200"), &["3: buy 1 market"]),
        ],
    );
    // Nothing at equality.
    check(
        quick(),
        &[(Trade("100"), &[]), (Trade("100"), &[]), (Trade("100"), &[]), (Trade("100"), &[])],
    );
}

#[test]
fn bars_lead_to_the_same() {
    let bars: Vec<_> = QUICK.iter().copied().filter(|(name, _)| *name != "source").collect();
    check(
        Market::new("ema_cross", &bars),
        &[
            (Bar("100"), &[]),
            (Trade("999"), &[]),
            (Bar("101"), &[]),
            (Bar("102"), &[]),
            (Bar("103"), &["1: buy 1 market"]),
        ],
    );
}

#[test]
fn a_notional_becomes_a_quantity_at_the_price() {
    let mut given: Vec<_> = QUICK.iter().copied().filter(|(name, _)| *name != "quantity").collect();
    given.push(("order_notional", "50"));
    let market = Market::new("ema_cross", &given);
    check(
        market,
        &[
            (Trade("80"), &[]),
            (Trade("80"), &[]),
            (Trade("80"), &[]),
            (Trade("160"), &["1: buy 0.3125 market"]),
        ],
    );
}

/// Brings a market to its first buy.
fn bought() -> Market {
    let mut market = quick();
    for price in ["100", "101", "102", "103"] {
        market.step(Trade(price));
    }
    market
}

#[test]
fn it_waits_for_its_order_and_after_a_refusal() {
    check(
        bought(),
        &[(Unknown(1), &[]), (Trade("104"), &[]), (Absent(1), &[]), (Trade("105"), &[])],
    );
    for refusal in [Deny(1), Reject(1), Absent(1), Expire(1)] {
        check(
            bought(),
            &[
                (refusal, &[]),
                (Trade("104"), &[]),
                (Pass(999), &[]),
                (Trade("105"), &[]),
                (Pass(1), &[]),
                (Trade("106"), &["2: buy 1 market"]),
            ],
        );
    }
}

#[test]
fn a_part_is_a_position_and_dust_is_none() {
    check(
        bought(),
        &[
            (Fill(1, "0.4", "103"), &[]),
            (Expire(1), &[]),
            (Pass(5_000), &[]),
            (Trade("104"), &[]),
            (Trade("90"), &["2: sell 0.4 market"]),
            // Less than a notional of 5 is left: flat.
            (Fill(2, "0.37", "90"), &[]),
            (Expire(2), &[]),
            (Pass(5_000), &[]),
            (Trade("80"), &[]),
            (Trade("150"), &["3: buy 1 market"]),
            (Fill(3, "1", "150"), &[]),
            (Trade("90"), &["4: sell 1.03 market"]),
        ],
    );
}

#[test]
fn what_a_fee_in_base_has_left_is_sold() {
    let mut market = bought();
    market.fee_in_base = true;
    // Of 1 less 0.001, cut to the step of 0.001.
    check(market, &[(Fill(1, "1", "103"), &[]), (Trade("90"), &["2: sell 0.999 market"])]);
    let mut market = bought();
    market.fee_in_base = true;
    check(
        market,
        &[
            (Fill(1, "0.5", "103"), &[]),
            (Fill(1, "0.5", "103"), &[]),
            (Trade("90"), &["2: sell 0.999 market"]),
            (Fill(2, "0.999", "90"), &[]),
            (Trade("80"), &[]),
        ],
    );
}

#[test]
fn history_warms_without_orders() {
    let mut given = QUICK.to_vec();
    given.pop();
    given.push(("warm_up", "4"));
    let mut market = Market::not_started(
        "ema_cross",
        &given,
        held("1", "100"),
        vec![found(1, Side::Buy, "1", "90")],
    );
    for (id, price) in [(1, "100"), (2, "101"), (3, "102"), (4, "60")] {
        let MarketEvent::Trade(trade) = market.trade(price.parse().unwrap()) else {
            unreachable!()
        };
        let past = MarketEvent::Trade(model::Trade { id: TradeId(id), ..trade });
        assert_eq!(market.give(HostInput::WarmUp(past)), Vec::<String>::new());
    }
    // An order that hangs since before the restart is taken back first.
    assert_eq!(market.give(HostInput::Start), ["cancel 1"]);
    let MarketEvent::Trade(trade) = market.trade("50".parse().unwrap()) else { unreachable!() };
    let next = |id| MarketEvent::Trade(model::Trade { id: TradeId(id), ..trade });
    assert_eq!(market.market(next(5)), Vec::<String>::new());
    assert_eq!(market.step(Cancel(1)), Vec::<String>::new());
    assert_eq!(market.market(next(6)), ["2: sell 1 market"]);
}

#[test]
fn parameters_are_checked() {
    #[track_caller]
    fn refused(given: &[(&str, &str)], expected: &str) {
        assert_eq!(parameters("ema_cross", given).unwrap_err(), expected);
    }
    let either = "parameter `quantity`: set either `quantity` or `order_notional`";
    refused(&[], either);
    refused(&[("quantity", "1"), ("order_notional", "1")], either);
    refused(&[("quantity", "1"), ("fast", "26")], "parameter `fast`: 26 must be below `slow`, 26");
    refused(
        &[("quantity", "1"), ("source", "ticks")],
        "parameter `source`: `ticks` is not one of trades, bars",
    );
    assert!(parameters("ema_cross", &[("quantity", "1"), ("fast", "25")]).is_ok());
}

/// The rule, written down a second time: what is traded at each price, all at once and without
/// fees. `1` buys, `-1` sells.
fn naive(prices: &[f64], fast: usize, slow: usize) -> Vec<i8> {
    let (mut fast_average, mut slow_average) = (prices[0], prices[0]);
    let mut is_long = false;
    let mut decisions = Vec::new();
    for (index, price) in prices.iter().enumerate() {
        if index > 0 {
            fast_average += 2.0 / (fast as f64 + 1.0) * (price - fast_average);
            slow_average += 2.0 / (slow as f64 + 1.0) * (price - slow_average);
        }
        let counts = index + 1 >= slow;
        let buys = counts && !is_long && fast_average > slow_average;
        let sells = counts && is_long && fast_average < slow_average;
        is_long = (is_long || buys) && !sells;
        decisions.push(i8::from(buys) - i8::from(sells));
    }
    decisions
}

/// Runs the strategy over prices, each order filled at once, and compares with the naive twin.
/// The number of decisions.
#[track_caller]
fn compare(prices: &[Price], fast: usize, slow: usize, quantity: &str) -> usize {
    let lengths = [fast.to_string(), slow.to_string()];
    let mut market = Market::new(
        "ema_cross",
        &[
            ("source", "trades"),
            ("fast", &lengths[0]),
            ("slow", &lengths[1]),
            ("quantity", quantity),
            ("warm_up", "0"),
        ],
    );
    let mut orders = 0;
    let mut decisions = Vec::new();
    for price in prices {
        let wants = market.market(market.trade(*price));
        decisions.push(match wants.first() {
            None => 0,
            Some(want) if want.contains("buy") => 1,
            Some(_) => -1,
        });
        if !wants.is_empty() {
            orders += 1;
            market.fill(orders, quantity.parse().unwrap(), *price);
        }
    }
    let floats: Vec<f64> = prices.iter().map(|price| price.to_f64()).collect();
    assert_eq!(decisions, naive(&floats, fast, slow));
    orders as usize
}

#[test]
fn it_decides_as_its_naive_twin_on_random_walks() {
    for seed in 0..20 {
        let mut random = Pcg64::seed_from_u64(seed);
        let mut price = 60_000.0;
        let prices: Vec<Price> = (0..2_000)
            .map(|_| {
                // Some ticks repeat, so that averages meet.
                if random.random_bool(0.7) {
                    price *= 1.0 + 0.002 * (random.random::<f64>() - 0.5);
                }
                Price::from_f64_rounded(price).unwrap()
            })
            .collect();
        let (fast, slow) = (random.random_range(1..20), random.random_range(20..60));
        assert!(compare(&prices, fast, slow, "1") > 5, "seed {seed}");
    }
}

#[test]
fn it_decides_as_its_naive_twin_on_real_trades() {
    use std::io::Read;
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/data/trades_binance_spot_XRPETH_2019-10-11_13.csv.gz"
    );
    let Ok(file) = std::fs::File::open(path) else {
        eprintln!("SKIPPED: {path} is not there; decisions on real trades are not compared");
        return;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let prices: Vec<Price> =
        text.lines().skip(1).map(|line| line.split(',').nth(3).unwrap().parse().unwrap()).collect();
    assert_eq!(prices.len(), 12_477);
    // XRP at 0.0014 ETH: 10,000 of them are above the notional of 5.
    assert!(compare(&prices, 10, 30, "10000") > 100);
    assert!(compare(&prices, 12, 26, "10000") > 100);
}
