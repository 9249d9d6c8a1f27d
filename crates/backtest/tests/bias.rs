//! A strategy that knows what comes is found out, and one that does not is not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Mutex;

use kernel::parameters::ParameterSet;
use kernel::strategy::{Context, Requirements, Strategy, StrategyEntry, StrategyResult};
use matching::LocalVenueModels;
use model::*;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use tickwright_backtest::bias::{Decisions, LookAhead, compare, cuts, decisions, difference};
use tickwright_backtest::plan::RunPlan;
use tickwright_backtest::sweep::Span;
use tickwright_backtest::tape::Tape;

#[path = "support/plan.rs"]
mod support;

fn plan(entry: StrategyEntry, given: &[(&str, &str)]) -> RunPlan {
    support::plan("tested", entry, given, LocalVenueModels::default())
}

/// The data of the run as a whole, as a program that loads all of it would have them at hand.
static LOADED: Mutex<Vec<(Timestamp, Price)>> = Mutex::new(Vec::new());
/// One test at a time has its data loaded.
static TURN: Mutex<()> = Mutex::new(());

/// Buys before a rise and sells before a fall, as far as it sees them coming.
struct Prophet {
    id: InstrumentId,
    sees: bool,
    last: Option<Price>,
}

impl Prophet {
    /// The price ten trades from now, or, for one who sees nothing, the last one.
    fn next(&self, trade: &Trade) -> Option<Price> {
        if !self.sees {
            return self.last;
        }
        let loaded = LOADED.lock().unwrap();
        let here = loaded.partition_point(|(at, _)| *at <= trade.received_at);
        loaded.get(here + 10).map(|(_, price)| *price)
    }
}

impl Strategy for Prophet {
    fn requirements(&self) -> Requirements {
        Requirements { trades: true, ..Requirements::default() }
    }
    fn on_trade(&mut self, context: &mut Context<'_>, trade: &Trade) -> StrategyResult {
        let next = self.next(trade);
        self.last = Some(trade.price);
        let Some(next) = next else { return Ok(()) };
        let is_free = context.open_orders(self.id).next().is_none();
        if is_free && next > trade.price && context.is_flat(self.id) {
            let quantity = "0.01".parse().unwrap();
            context.submit(NewOrder::market(self.id, Side::Buy, quantity));
        } else if is_free && next < trade.price && !context.is_flat(self.id) {
            let held = context.sellable(self.id);
            context.submit(NewOrder::market(self.id, Side::Sell, held));
        }
        Ok(())
    }
}

static SEEING: ParameterSet = ParameterSet { kind: "seeing", keys: &[], check: |_| Ok(()) };
static BLIND: ParameterSet = ParameterSet { kind: "blind", keys: &[], check: |_| Ok(()) };

fn prophet(sees: bool) -> StrategyEntry {
    if sees {
        let build = |setup: &kernel::strategy::StrategySetup<'_>| {
            let machine = Prophet { id: setup.traded[0], sees: true, last: None };
            Ok(Box::new(machine) as Box<dyn Strategy>)
        };
        return StrategyEntry { parameters: &SEEING, summary: "", build };
    }
    let build = |setup: &kernel::strategy::StrategySetup<'_>| {
        let machine = Prophet { id: setup.traded[0], sees: false, last: None };
        Ok(Box::new(machine) as Box<dyn Strategy>)
    };
    StrategyEntry { parameters: &BLIND, summary: "", build }
}

fn trades(count: i64) -> Vec<MarketEvent> {
    let mut random = Pcg64::seed_from_u64(5);
    let (mut cents, mut at) = (6_000_000_i64, 1_700_000_000_000_i64);
    let trade = |id| {
        cents += random.random_range(-100..=100);
        at += random.random_range(0..40);
        let instant = Timestamp::from_millis(at);
        MarketEvent::Trade(Trade {
            instrument: InstrumentId(0),
            id: TradeId(id),
            price: Price::from_units(cents * 1_000_000),
            quantity: Quantity::ONE,
            aggressor: Side::Buy,
            event_at: instant,
            received_at: instant,
        })
    };
    (1..=count).map(trade).collect()
}

fn whole(tape: &Tape) -> Span {
    let (from, last) = tape.span().unwrap();
    Span { from, to: Timestamp::from_nanos(last.as_nanos() + 1) }
}

/// Runs over a part of the data, of which no more is loaded than the part.
fn run(plan: &RunPlan, events: &[MarketEvent], tape: &Tape, span: Span) -> Decisions {
    let price = |event: &MarketEvent| {
        let MarketEvent::Trade(trade) = event else { panic!("{event:?} is no trade") };
        (trade.received_at, trade.price)
    };
    let part = events.iter().filter(|event| event.received_at() < span.to);
    *LOADED.lock().unwrap() = part.map(price).collect();
    decisions(plan, tape, span, &[], 1).unwrap()
}

fn check(entry: StrategyEntry, given: &[(&str, &str)]) -> (usize, Vec<LookAhead>) {
    let _turn = TURN.lock().unwrap();
    let events = trades(4_000);
    let tape = Tape::read(&mut events.clone().into_iter()).unwrap();
    let (plan, span) = (plan(entry, given), whole(&tape));
    let all = run(&plan, &events, &tape, span);
    let found = cuts(span, &all, 20).into_iter().filter_map(|cut| {
        let part = run(&plan, &events, &tape, Span { to: cut, ..span });
        compare(cut, &all, &part)
    });
    (all.made.len(), found.collect())
}

const CROSS: [(&str, &str); 5] =
    [("source", "trades"), ("fast", "10"), ("slow", "30"), ("quantity", "0.01"), ("warm_up", "0")];

fn cross() -> StrategyEntry {
    *strategies::ALL.iter().find(|entry| entry.kind() == "ema_cross").unwrap()
}

#[test]
fn who_sees_the_future_is_found_out() {
    let (made, found) = check(prophet(true), &[]);
    assert!(made > 50, "{made} decisions prove little");
    assert!(found.len() > 10, "{found:?}");
    // The last ones before a cut are those that can't be made without what lies behind it.
    let first = found[0];
    assert!(first.whole.is_some() && first.part.is_none(), "{first:?}");
}

#[test]
fn who_does_not_is_not() {
    let (made, found) = check(prophet(false), &[]);
    assert!(made > 50, "{made} decisions prove little");
    assert_eq!(found, []);
    let (made, found) = check(cross(), &CROSS);
    assert!(made > 20, "{made} decisions prove little");
    assert_eq!(found, []);
}

#[test]
fn a_short_warm_up_shows_in_the_decisions() {
    let events = trades(6_000);
    let tape = Tape::read(&mut events.into_iter()).unwrap();
    let span = whole(&tape);
    let from = tape.span().unwrap().0.after(span.to.since(span.from) / 2);
    let span = Span { from, ..span };
    let differing = |warm_up: &'static str| {
        let mut given = CROSS;
        given[4] = ("warm_up", warm_up);
        let plan = plan(cross(), &given);
        let [once, more] = [1, 8].map(|past| decisions(&plan, &tape, span, &[], past).unwrap());
        assert!(once.made.len() > 20);
        difference(&once, &more)
    };
    assert_eq!(differing("300"), (0, 0), "ten lengths of the slow average are plenty");
    let (gone, new) = differing("5");
    assert!(gone + new > 0, "with five trades the slow average is not even full");
}
