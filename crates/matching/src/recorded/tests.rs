use std::sync::Arc;

use model::{InstrumentId, Interval, TradeId};

use super::*;
use crate::testing::{instrument, order, px, qty, told};
use crate::{Fees, OrderKey, Owner, Submission};

/// A matcher on a recorded market, told in short lines.
struct Scene {
    matcher: Matcher<Recorded>,
    now: Timestamp,
    ids: i64,
    keys: u64,
}

fn side_of(word: &str) -> Side {
    if word == "buy" || word == "bid" { Side::Buy } else { Side::Sell }
}

impl Scene {
    fn new(models: RecordedModels) -> Self {
        let recorded = Recorded::new(&instrument(), models);
        let matcher = Matcher::new(instrument(), Fees::NONE, recorded);
        Self { matcher, now: Timestamp::from_secs(1_700_000_000), ids: 0, keys: 0 }
    }

    fn depth(&mut self, is_snapshot: bool, words: &[&str]) -> MarketEvent {
        let mut sides = [Vec::new(), Vec::new()];
        for level in words.chunks(3) {
            let [side, price, quantity] = level else { panic!("{words:?}") };
            let level = Level { price: px(price), quantity: qty(quantity) };
            sides[side_of(side) as usize].push(level);
        }
        let [bids, asks] = sides;
        MarketEvent::Depth(Arc::new(DepthUpdate {
            instrument: InstrumentId(0),
            is_snapshot,
            first_update_id: self.ids,
            last_update_id: self.ids,
            bids,
            asks,
            event_at: self.now,
            received_at: self.now,
        }))
    }

    fn trade(&self, side: &str, quantity: &str, price: &str) -> MarketEvent {
        MarketEvent::Trade(Trade {
            instrument: InstrumentId(0),
            id: TradeId(self.ids),
            price: px(price),
            quantity: qty(quantity),
            aggressor: side_of(side),
            event_at: self.now,
            received_at: self.now,
        })
    }

    fn quote(&self, words: &[&str]) -> MarketEvent {
        let [bid, bid_quantity, ask, ask_quantity] = words else { panic!("{words:?}") };
        MarketEvent::Quote(Quote {
            instrument: InstrumentId(0),
            update_id: self.ids,
            bid: Level { price: px(bid), quantity: qty(bid_quantity) },
            ask: Level { price: px(ask), quantity: qty(ask_quantity) },
            received_at: self.now,
        })
    }

    fn bar(&self, words: &[&str]) -> MarketEvent {
        let [open, high, low, close, volume] = words else { panic!("{words:?}") };
        MarketEvent::from(Bar {
            instrument: InstrumentId(0),
            interval: Interval::MINUTE,
            open_at: self.now.before(Interval::MINUTE.duration()),
            open: px(open),
            high: px(high),
            low: px(low),
            close: px(close),
            volume: qty(volume),
            quote_volume: model::Amount::ZERO,
            taker_buy_volume: Quantity::ZERO,
            trade_count: 4,
            received_at: self.now,
        })
    }

    /// One line: `snapshot …`, `depth bid 100 5 ask 101 2`, `quote 100 5 101 2`,
    /// `trade sell 3 @ 100` (side of the taker), `bar 10 12 9 11 40`, `opening 10 12 9 11 40` of
    /// that bar, `wait` (a second), or an order of ours, numbered from 1 on. What follows from it, without its acceptance.
    fn play(&mut self, line: &str) -> Vec<String> {
        self.ids += 1;
        let mut out = Vec::new();
        let words: Vec<&str> = line.split(' ').collect();
        let event = match (words[0], &words[1..]) {
            ("snapshot", levels) => self.depth(true, levels),
            ("depth", levels) => self.depth(false, levels),
            ("quote", best) => self.quote(best),
            ("trade", [side, quantity, "@", price]) => self.trade(side, quantity, price),
            ("bar", values) => self.bar(values),
            ("hour", values) => {
                let MarketEvent::Bar(bar) = self.bar(values) else { unreachable!("a bar") };
                MarketEvent::from(Bar { interval: Interval::HOUR, ..*bar })
            }
            ("opening", values) => {
                let MarketEvent::Bar(bar) = self.bar(values) else { unreachable!("a bar") };
                MarketEvent::from(bar.opening())
            }
            ("wait", _) => {
                self.now = self.now.after(std::time::Duration::from_secs(1));
                return Vec::new();
            }
            ("cancel", [key]) => {
                let key = OrderKey(key.parse().unwrap());
                self.matcher.cancel(self.now, key, &mut out).unwrap();
                return told(&out);
            }
            _ => {
                self.keys += 1;
                let submission = Submission::new(OrderKey(self.keys), Owner(1), order(line));
                self.matcher.place(self.now, &submission, &mut out).unwrap();
                return told(&out[1..]);
            }
        };
        self.matcher.on_market(self.now, &event, &mut out);
        told(&out)
    }
}

/// Plays lines; after `=> `, what each must lead to, `; ` between events.
#[track_caller]
fn check(models: RecordedModels, script: &str) {
    let mut scene = Scene::new(models);
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (line, expected) = line.split_once(" => ").unwrap_or((line, ""));
        assert_eq!(scene.play(line).join("; "), expected, "after `{line}` in:\n{script}");
    }
}

fn back() -> RecordedModels {
    RecordedModels::default()
}

fn proportional() -> RecordedModels {
    RecordedModels { queue: QueueModel::Proportional, ..back() }
}

#[test]
fn a_taker_takes_what_is_displayed_and_it_stays_taken() {
    check(
        back(),
        "snapshot bid 99 5 ask 100 1 ask 101 2
         buy 2 market => 1(1 left) took 1 @ 100.00 from market; 1(0 left) took 1 @ 101.00 from market",
    );
    check(
        back(),
        "snapshot bid 99 5 ask 100 1 ask 101 2
         buy 0.75 @ 100 gtc => 1(0 left) took 0.75 @ 100.00 from market
         buy 1 @ 100 ioc => 2(0.75 left) took 0.25 @ 100.00 from market; 2 expired UNFILLED_IOC_QUANTITY_EXPIRED
         depth ask 101 3
         buy 1 @ 100 ioc => 3 expired UNFILLED_IOC_QUANTITY_EXPIRED
         buy 1 @ 100 fok => 4 expired UNFILLED_FOK_ORDER_EXPIRED
         depth ask 100 0.5
         buy 1 @ 100 ioc => 5(0.5 left) took 0.5 @ 100.00 from market; 5 expired UNFILLED_IOC_QUANTITY_EXPIRED
         buy 1 @ 100 maker
         buy 9 market => 7(6 left) took 3 @ 101.00 from market; 7 expired INSUFFICIENT_LIQUIDITY",
    );
}

#[test]
fn best_prices_run_ahead_of_depth() {
    check(
        back(),
        "snapshot bid 99 5 bid 98 4 ask 100 1 ask 101 2
         quote 98 3 101 2
         sell 1 market => 1(0 left) took 1 @ 98.00 from market
         buy 1 market => 2(0 left) took 1 @ 101.00 from market",
    );
    // A quote of the same quantity is no change of the level.
    check(
        back(),
        "quote 99 5 100 1
         buy 1 market => 1(0 left) took 1 @ 100.00 from market
         quote 99 4 100 1
         buy 1 @ 100 ioc => 2 expired UNFILLED_IOC_QUANTITY_EXPIRED
         quote 99 4 100 0.5
         buy 1 @ 100 ioc => 3(0.5 left) took 0.5 @ 100.00 from market; 3 expired UNFILLED_IOC_QUANTITY_EXPIRED",
    );
    // Behind best prices there is more, which costs a market order half a spread and slippage.
    check(
        back(),
        "quote 99 5 100 1
         buy 3 market => 1(2 left) took 1 @ 100.00 from market; 1(0 left) took 2 @ 100.02 from market
         sell 6 market => 2(1 left) took 5 @ 99.00 from market; 2(0 left) took 1 @ 98.98 from market",
    );
}

#[test]
fn a_resting_order_waits_behind_what_its_level_displays() {
    let behind_five = "snapshot bid 99 5 ask 100 1
         buy 1 @ 99 gtc
         trade sell 3 @ 99
         trade buy 9 @ 100
         trade sell 2 @ 99
         trade sell 0.5 @ 99 => market took 0.5 @ 99.00 from 1(0.5 left)
         trade sell 2 @ 99 => market took 0.5 @ 99.00 from 1(0 left)";
    check(back(), behind_five);
    check(proportional(), behind_five);
    let two_of_ours = "snapshot bid 99 5 ask 100 1
         buy 1 @ 99 gtc
         depth bid 99 8
         buy 1 @ 99 gtc
         trade sell 5.5 @ 99 => market took 0.5 @ 99.00 from 1(0.5 left)
         depth bid 99 2.5
         trade sell 3 @ 99 => market took 0.5 @ 99.00 from 1(0 left)
         trade sell 0.75 @ 99 => market took 0.25 @ 99.00 from 2(0.75 left)";
    check(back(), two_of_ours);
    check(proportional(), two_of_ours);
    // Inside the spread there is nobody ahead.
    check(
        back(),
        "snapshot bid 98 5 ask 100 1
         buy 1 @ 99 gtc
         trade sell 0.5 @ 99 => market took 0.5 @ 99.00 from 1(0.5 left)",
    );
}

#[test]
fn a_trade_beyond_the_price_fills() {
    check(
        back(),
        "snapshot bid 99 5 ask 100 1
         buy 1 @ 99 gtc
         sell 1 @ 100 gtc
         trade sell 0.25 @ 98.5 => market took 0.25 @ 99.00 from 1(0.75 left)
         trade buy 2 @ 100.5 => market took 1 @ 100.00 from 2(0 left)",
    );
}

#[test]
fn displayed_quantity_that_reaches_the_price_fills() {
    check(
        back(),
        "snapshot bid 99 5 ask 100 1
         buy 1 @ 99 gtc
         quote 98 3 99 0.25 => market took 0.25 @ 99.00 from 1(0.75 left)
         quote 98 4 99 0.25
         depth bid 98 4 bid 99 0 ask 99 2 => market took 0.75 @ 99.00 from 1(0 left)",
    );
}

#[test]
fn the_models_differ_in_what_cancels_do() {
    // Ten ahead, ten behind, then ten disappear without a trade.
    let script = |left: &str| {
        format!(
            "snapshot bid 99 10 ask 100 1
             buy 1 @ 99 gtc
             depth bid 99 20
             depth bid 99 10
             wait
             trade sell 6 @ 99{left}"
        )
    };
    check(back(), &script(""));
    check(proportional(), &script(" => market took 1 @ 99.00 from 1(0 left)"));
    // What is ahead is never more than what is displayed.
    let shrunk = "snapshot bid 99 10 ask 100 1
         buy 1 @ 99 gtc
         depth bid 99 2
         wait
         trade sell 2.5 @ 99 => market took 0.5 @ 99.00 from 1(0.5 left)";
    check(back(), shrunk);
    check(proportional(), shrunk);
}

#[test]
fn a_trade_and_its_change_of_the_level_count_once() {
    // Ten ahead and ten behind; five trade. Whichever comes first, five are ahead then.
    for (first, second) in
        [("trade sell 5 @ 99", "depth bid 99 15"), ("depth bid 99 15", "trade sell 5 @ 99")]
    {
        let script = format!(
            "snapshot bid 99 10 ask 100 1
             buy 1 @ 99 gtc
             depth bid 99 20
             {first}
             {second}
             wait
             trade sell 5.25 @ 99 => market took 0.25 @ 99.00 from 1(0.75 left)"
        );
        check(back(), &script);
        check(proportional(), &script);
    }
}

#[test]
fn without_levels_takers_pay_and_makers_wait_for_more() {
    let models = RecordedModels {
        half_spread_bps: "2".parse().unwrap(),
        slippage_bps: "3".parse().unwrap(),
        takers: TakerVolume::All,
        ..back()
    };
    check(
        models,
        "buy 1 market => 1 expired INSUFFICIENT_LIQUIDITY
         trade buy 1 @ 100
         buy 1 market => 2(0 left) took 1 @ 100.05 from market
         sell 1 market => 3(0 left) took 1 @ 99.95 from market
         buy 1 @ 100.04 ioc => 4 expired UNFILLED_IOC_QUANTITY_EXPIRED
         buy 1 @ 100 gtc
         trade sell 50 @ 100
         trade sell 4 @ 99.99 => market took 0.4 @ 100.00 from 5(0.6 left)
         trade sell 0.005 @ 99.99
         trade sell 0.005 @ 99.99 => market took 0.001 @ 100.00 from 5(0.599 left)
         trade buy 90 @ 99.98 => market took 0.599 @ 100.00 from 5(0 left)",
    );
    let free = RecordedModels {
        half_spread_bps: rust_decimal::Decimal::ZERO,
        slippage_bps: rust_decimal::Decimal::ZERO,
        takers: TakerVolume::All,
        ..back()
    };
    check(free, "trade buy 1 @ 100\nbuy 1 market => 1(0 left) took 1 @ 100.00 from market");
}

/// Without costs: the price of a fill is that of the trade.
fn plain() -> RecordedModels {
    let zero = rust_decimal::Decimal::ZERO;
    RecordedModels { half_spread_bps: zero, slippage_bps: zero, ..back() }
}

#[test]
fn a_taker_gets_its_share_and_waits_for_the_rest() {
    // A tenth of the newest trade, then of each that comes.
    check(
        plain(),
        "trade buy 2 @ 100
         buy 0.5 market => 1(0.3 left) took 0.2 @ 100.00 from market
         sell 0.1 market
         trade buy 1 @ 101 => 1(0.2 left) took 0.1 @ 101.00 from market
         trade buy 4 @ 102 => 1(0 left) took 0.2 @ 102.00 from market; 2(0 left) took 0.1 @ 102.00 from market",
    );
    // Fractions of a step add up.
    check(
        plain(),
        "trade buy 0.005 @ 100
         buy 0.001 market
         trade buy 0.005 @ 100 => 1(0 left) took 0.001 @ 100.00 from market",
    );
    check(
        RecordedModels { participation: rust_decimal::Decimal::ZERO, ..plain() },
        "trade buy 2 @ 100
         buy 0.5 market
         trade buy 200 @ 100
         cancel 1 => 1 canceled
         trade buy 200 @ 100",
    );
    // What a limit allows: at once or not at all, now or not at all, until the price leaves it.
    check(
        plain(),
        "trade buy 2 @ 100
         buy 0.5 @ 101 fok => 1 expired UNFILLED_FOK_ORDER_EXPIRED
         buy 0.1 @ 101 fok => 2(0 left) took 0.1 @ 100.00 from market
         buy 0.5 @ 101 ioc => 3(0.4 left) took 0.1 @ 100.00 from market; 3 expired UNFILLED_IOC_QUANTITY_EXPIRED
         buy 0.5 @ 101 gtc
         trade buy 2 @ 100.5 => 4(0.3 left) took 0.2 @ 100.50 from market
         trade buy 2 @ 101.5
         trade buy 1 @ 101
         trade sell 1 @ 100.99 => market took 0.1 @ 101.00 from 4(0.2 left)",
    );
}

#[test]
fn a_taker_that_comes_after_a_trade_meets_the_next_one() {
    check(
        plain(),
        "trade buy 2 @ 100
         wait
         buy 0.1 market
         buy quote 30 market
         sell 0.1 @ 90 gtc
         trade buy 20 @ 130 => 1(0 left) took 0.1 @ 130.00 from market; 2(0 left) took 0.23 @ 130.00 from market; 3(0 left) took 0.1 @ 130.00 from market",
    );
    // Who waits keeps the fraction of a step, whoever else comes.
    check(
        plain(),
        "trade buy 0.005 @ 100
         buy 0.001 market
         wait
         buy 0.001 @ 90 gtc
         trade buy 0.005 @ 100 => 1(0 left) took 0.001 @ 100.00 from market",
    );
    // What is to execute at once executes with the next trade, in part, whole or not at all.
    check(
        plain(),
        "trade buy 9 @ 100
         wait
         buy 0.5 @ 101 ioc
         buy 0.1 @ 99 ioc
         buy 0.5 @ 101 fok
         trade buy 2 @ 100.5 => 1(0.3 left) took 0.2 @ 100.50 from market; 1 expired UNFILLED_IOC_QUANTITY_EXPIRED; 2 expired UNFILLED_IOC_QUANTITY_EXPIRED; 3 expired UNFILLED_FOK_ORDER_EXPIRED
         wait
         buy 0.2 @ 101 fok
         trade buy 2 @ 101 => 4(0 left) took 0.2 @ 101.00 from market",
    );
    // A stop comes with the trade that sets it off.
    check(
        plain(),
        "trade buy 2 @ 100
         wait
         sell 0.1 stop 95
         trade sell 2 @ 94 => 1 triggered at 94.00; 1(0 left) took 0.1 @ 94.00 from market",
    );
    // What waits for a trade meets levels when they come first.
    check(
        plain(),
        "trade buy 2 @ 100
         wait
         buy 3 @ 101 ioc
         buy 3 @ 101 fok
         quote 99 1 101 2 => 1(1 left) took 2 @ 101.00 from market; 1 expired UNFILLED_IOC_QUANTITY_EXPIRED; 2 expired UNFILLED_FOK_ORDER_EXPIRED",
    );
}

#[test]
fn costs_are_rounded_against_the_taker_at_any_price() {
    /// What a buy and a sell pay at a last price, in units of 10⁻⁸, against exact decimals.
    #[track_caller]
    fn check(last: i64, bps: &str, tick: i64) {
        let mut instrument = instrument();
        instrument.filters.price.tick = Price::from_units(tick);
        let slippage_bps: rust_decimal::Decimal = bps.parse().unwrap();
        let zero = rust_decimal::Decimal::ZERO;
        let models = RecordedModels { half_spread_bps: zero, slippage_bps, ..back() };
        let market = Recorded::new(&instrument, models);
        let paid = |side| market.beyond(side, Price::from_units(last)).unwrap().price.units();
        let exact = |sign: i64| {
            let share = slippage_bps * rust_decimal::Decimal::from(sign)
                / rust_decimal::Decimal::from(10_000);
            rust_decimal::Decimal::from(last) * (rust_decimal::Decimal::ONE + share)
        };
        let ticks = rust_decimal::Decimal::from(tick.max(1));
        let up = ((exact(1) / ticks).ceil() * ticks).normalize();
        let down = ((exact(-1) / ticks).floor() * ticks).max(ticks).normalize();
        let actual = [Side::Sell, Side::Buy].map(|side| rust_decimal::Decimal::from(paid(side)));
        assert_eq!(actual, [up, down], "{last} {bps} {tick}");
    }
    for last in [1, 2, 999, 1_234, 4_999, 5_000, 5_001, 100_000, 6_183_763_000_000] {
        for bps in ["0.01", "0.5", "2", "7.3"] {
            check(last, bps, 0);
            check(last, bps, 1);
            check(last, bps, 100);
        }
    }
}

#[test]
fn an_amount_of_quote_is_spent_and_no_more() {
    // How much base is left of it goes by the price.
    check(
        plain(),
        "trade buy 1 @ 100
         buy quote 50 market => 1(0.4 left) took 0.1 @ 100.00 from market
         trade buy 1 @ 200 => 1(0.1 left) took 0.1 @ 200.00 from market
         trade buy 1 @ 50 => 1(0.3 left) took 0.1 @ 50.00 from market
         trade buy 9 @ 60 => 1(0 left) took 0.25 @ 60.00 from market",
    );
    // Less is left than the next step costs.
    check(
        plain(),
        "trade buy 0.5 @ 100
         buy quote 5.1 market => 1(0.001 left) took 0.05 @ 100.00 from market
         trade buy 1 @ 200 => 1 expired EXCHANGE_CANCELED",
    );
    // A sell gets less when prices fall, and needs less when they rise.
    check(
        plain(),
        "trade buy 1 @ 100
         sell quote 50 market => 1(0.4 left) took 0.1 @ 100.00 from market
         trade buy 1 @ 50 => 1(0.3 left) took 0.1 @ 50.00 from market
         trade buy 0.5 @ 200 => 1(0.125 left) took 0.05 @ 200.00 from market
         trade buy 1 @ 100 => 1(0.15 left) took 0.1 @ 100.00 from market
         trade buy 9 @ 10 => 1(0 left) took 0.15 @ 10.00 from market",
    );
    check(
        plain(),
        "trade buy 1 @ 100
         buy quote 50 market => 1(0.4 left) took 0.1 @ 100.00 from market
         quote 199 9 200 9 => 1(0 left) took 0.2 @ 200.00 from market",
    );
}

#[test]
fn what_one_order_leaves_of_its_share_is_not_kept_for_another() {
    check(
        plain(),
        "trade buy 1 @ 101
         buy 0.1 @ 100 gtc
         buy 1 @ 99 gtc
         trade sell 10 @ 99.5 => market took 0.1 @ 100.00 from 1(0 left)
         trade sell 1 @ 98 => market took 0.1 @ 99.00 from 2(0.9 left)",
    );
}

#[test]
fn makers_and_takers_share_the_same_tenth() {
    check(
        plain(),
        "trade buy 1 @ 100
         buy 5 @ 99 gtc
         sell 5 market => 2(4.9 left) took 0.1 @ 100.00 from market
         trade sell 2 @ 98 => 2(4.7 left) took 0.2 @ 98.00 from market",
    );
}

#[test]
fn takers_that_wait_meet_the_levels_when_they_come() {
    check(
        plain(),
        "trade buy 1 @ 100
         buy 0.5 market => 1(0.4 left) took 0.1 @ 100.00 from market
         buy 1 @ 100.5 gtc
         quote 100 5 100.5 1 => 1(0 left) took 0.4 @ 100.50 from market; 2(0.4 left) took 0.6 @ 100.50 from market",
    );
}

#[test]
fn no_taker_fills_in_the_bar_that_it_was_decided_on() {
    // The bar that is over offers nothing; the next one is met at its opening.
    check(
        plain(),
        "bar 100 101 99 101 40
         buy 1.5 market
         buy 1 @ 200 ioc => 2 expired UNFILLED_IOC_QUANTITY_EXPIRED
         wait
         opening 110 120 90 115 40 => 1(0.5 left) took 1 @ 110.00 from market
         sell 1 @ 118 gtc
         bar 110 120 90 115 40 => 1(0 left) took 0.5 @ 110.00 from market; market took 1 @ 118.00 from 3(0 left)",
    );
    // Who comes while it is open meets its opening too, and has what is left there.
    check(
        plain(),
        "bar 100 101 99 101 40
         opening 110 120 90 115 40
         buy 0.4 market => 1(0 left) took 0.4 @ 110.00 from market
         sell 0.9 market => 2(0.3 left) took 0.6 @ 110.00 from market
         bar 110 120 90 115 40 => 2(0 left) took 0.3 @ 90.00 from market",
    );
    // A stop that is reached at the low sells no higher in that bar, and in the next as it comes.
    check(
        plain(),
        "bar 100 101 99 101 4
         sell 0.35 stop 95
         bar 100 120 90 110 4 => 1 triggered at 90.00; 1(0.25 left) took 0.1 @ 90.00 from market; 1(0.15 left) took 0.1 @ 90.00 from market; 1(0.05 left) took 0.1 @ 90.00 from market
         bar 111 112 110 112 4 => 1(0 left) took 0.05 @ 111.00 from market",
    );
    // Of two series the shorter one counts.
    check(
        plain(),
        "opening 110 120 90 115 40
         hour 500 500 500 500 40
         buy 0.4 market => 1(0 left) took 0.4 @ 110.00 from market",
    );
}

#[test]
fn a_bar_reaches_its_low_before_its_high() {
    check(
        RecordedModels {
            half_spread_bps: "0".parse().unwrap(),
            takers: TakerVolume::All,
            ..back()
        },
        "bar 100 101 99 100 40
         sell 1 stop 95
         sell 1 @ 110 gtc
         buy 0.5 @ 98 gtc
         bar 100 120 90 100 40 => market took 0.5 @ 98.00 from 3(0 left); 1 triggered at 90.00; 1(0 left) took 1 @ 89.99 from market; market took 1 @ 110.00 from 2(0 left)",
    );
    // Once trades come, bars made from them are passed over.
    check(
        back(),
        "trade buy 1 @ 100
         buy 0.5 @ 98 gtc
         bar 100 120 90 100 40",
    );
}

#[test]
fn stops_fire_on_trades_of_the_market() {
    check(
        back(),
        "snapshot bid 99 5 ask 100 1
         trade buy 1 @ 100
         sell 1 stop 99.5
         trade sell 1 @ 99 => 1 triggered at 99.00; 1(0 left) took 1 @ 99.00 from market",
    );
}

#[test]
fn canceled_orders_no_longer_fill() {
    check(
        back(),
        "snapshot bid 99 5 ask 100 1
         buy 1 @ 99 gtc
         buy 1 @ 99 gtc
         cancel 1 => 1 canceled
         trade sell 1 @ 98 => market took 1 @ 99.00 from 2(0 left)
         trade sell 1 @ 98",
    );
}

#[test]
fn a_queue_is_unknown_until_its_level_is_seen() {
    check(
        back(),
        "quote 99 5 100 1
         buy 1 @ 98 gtc
         trade sell 50 @ 98
         quote 98 3 100 1
         trade sell 3 @ 98
         trade sell 1 @ 98 => market took 1 @ 98.00 from 1(0 left)",
    );
}
