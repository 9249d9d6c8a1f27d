//! What a strategy does as it starts is in the report, and meets the market that comes after.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use kernel::parameters::ParameterSet;
use kernel::strategy::{Context, Requirements, Strategy, StrategyEntry, StrategyResult};
use matching::LocalVenueModels;
use model::*;
use report::metrics::SampleRule;
use report::run::{RunIdentity, RunReport};
use tickwright_backtest::record::{Recorder, RunOutcome};
use tickwright_backtest::run::Run;

#[path = "support/plan.rs"]
mod support;

/// Lays a bid at 99 as it starts.
struct Eager(InstrumentId);

impl Strategy for Eager {
    fn requirements(&self) -> Requirements {
        Requirements { trades: true, ..Requirements::default() }
    }
    fn on_start(&mut self, context: &mut Context<'_>) -> StrategyResult {
        let price = "99".parse().unwrap();
        context.submit(NewOrder::limit_maker(self.0, Side::Buy, Quantity::ONE, price));
        Ok(())
    }
}

const EAGER: StrategyEntry = StrategyEntry {
    parameters: &ParameterSet { kind: "eager", keys: &[], check: |_| Ok(()) },
    summary: "",
    build: |setup| Ok(Box::new(Eager(setup.traded[0]))),
};

fn report_of(events: Vec<MarketEvent>) -> RunReport {
    let plan = support::plan("eager", EAGER, &[], LocalVenueModels::default());
    let recorder = Recorder::new(&plan, RunIdentity::default());
    let mut run = Run::new(&plan, Timestamp::EPOCH, &[], recorder).unwrap();
    run.drive(&mut events.into_iter()).unwrap();
    let outcome = RunOutcome { events: run.events(), ..RunOutcome::default() };
    run.into_watcher().finish(outcome, SampleRule::Enforced).unwrap()
}

fn trade(at_ms: i64, price: &str) -> MarketEvent {
    let at = Timestamp::from_millis(1_700_000_000_000 + at_ms);
    MarketEvent::Trade(Trade {
        instrument: InstrumentId(0),
        id: TradeId(at_ms + 1),
        price: price.parse().unwrap(),
        quantity: "20".parse().unwrap(),
        aggressor: Side::Sell,
        event_at: at,
        received_at: at,
    })
}

#[test]
fn an_order_of_the_start_is_in_the_report() {
    let events = (0..10).map(|at| trade(at * 100, "100")).chain([trade(1_000, "98")]);
    let report = report_of(events.chain([trade(2_000, "100")]).collect());
    let counts = report.counts;
    assert_eq!((counts.orders, counts.fills, counts.denied), (1, 1, 0), "{counts:?}");
    assert_eq!(report.strategies[0].counts, counts);
    assert_eq!(report.symbols[0].counts, counts);
}
