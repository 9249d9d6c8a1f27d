//! A recorded run beside a backtest of the same span: which orders are alike, and why others are
//! not.
//!
//! What belongs here: the orders of both sides ([`orders`], [`journal`], [`rerun`], [`exported`]),
//! their pairing ([`pairs`]), what the market was ([`market`]), what differs and why
//! ([`differences`]), and figures of both ([`figures`]). What does not: reading recordings, which
//! is [`crate::recorded`]'s, and how orders come to be filled.

mod differences;
mod exported;
mod figures;
mod journal;
mod market;
mod orders;
mod pairs;
mod rerun;
mod show;
#[cfg(test)]
mod testing;

use std::time::Duration;

use backtest::source::{SourceError, Span};
use model::{Instruments, Symbol, Timestamp};
use serde::Serialize;

pub use differences::{Because, Difference};
pub use exported::{ExportError, read as read_export};
pub use figures::{Figures, FillTimes, Group};
pub use journal::orders as orders_of_journal;
pub use orders::{Execution, OrderRecord, Outcome};
pub use rerun::{Latency, Rerun, RerunError, rerun};

use crate::recorded::{InterruptedBy, Interruption, RecordedRun};

/// Both sides, compared.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// From when on orders are compared: when the run's first strategy began to trade.
    pub from: Timestamp,
    /// Up to when: when its first strategy stopped.
    pub to: Timestamp,
    /// What is to be said beforehand.
    pub warnings: Vec<String>,
    /// The models of a backtest that was made for the comparison.
    pub models: Vec<String>,
    /// Median time from a trade to its receipt by the run, in milliseconds.
    pub feed_lag_ms: f64,
    /// All orders together, then by strategy and symbol.
    pub groups: Vec<Group>,
    /// When the run could not trade as it wished.
    pub interruptions: Vec<NamedInterruption>,
    /// How many orders have a counterpart that fared as they did.
    pub alike: usize,
    /// Orders that have none, or one that fared otherwise; oldest first.
    pub differences: Vec<Difference>,
}

/// A time in which the run could not trade as it wished, and whom it concerned.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NamedInterruption {
    /// Why.
    pub by: InterruptedBy,
    /// Whose orders, if not everybody's.
    pub strategy: Option<String>,
    /// Orders in what, if not in everything.
    pub symbol: Option<Symbol>,
    /// Since when.
    pub from: Timestamp,
    /// Until when; to the end, if none.
    pub to: Option<Timestamp>,
}

impl NamedInterruption {
    fn of(told: &Interruption, strategies: &[String], instruments: &Instruments) -> Self {
        let Interruption { by, strategy, instrument, from, to } = *told;
        let strategy = strategy.and_then(|id| strategies.get(usize::from(id.0)).cloned());
        let symbol = instrument.map(|id| instruments.get(id).symbol);
        Self { by, strategy, symbol, from, to }
    }
}

/// The orders of one side, with the market that each met.
#[derive(Debug)]
pub struct Looked {
    /// In the order in which they were caused.
    pub orders: Vec<OrderRecord>,
    /// By their places.
    sights: Vec<market::Sight>,
    /// Median time from a trade to its receipt by the run.
    pub feed_lag: Duration,
    /// Of fills: when their trade was received, and how much later the strategy heard of them.
    heard: Vec<(Timestamp, Duration)>,
}

/// Looks up the market that orders met, as the run received it.
///
/// # Errors
/// When the recording can't be read.
pub fn look(recorded: &RecordedRun, orders: Vec<OrderRecord>) -> Result<Looked, SourceError> {
    let source = Span::until(recorded.received()?, recorded.to);
    let market::Looked { sights, feed_lag, heard } = market::look(source, &orders)?;
    Ok(Looked { orders, sights, feed_lag, heard })
}

/// Compares the orders of a run with those of a backtest over the market that the run recorded.
/// Orders of the two sides that were caused `within` so long of each other may be the same.
#[must_use]
pub fn compare(
    recorded: &RecordedRun,
    run: &Looked,
    backtest: &Looked,
    within: Duration,
) -> Comparison {
    let sides = [run, backtest]
        .map(|side| differences::Side { orders: &side.orders, sights: &side.sights });
    let pairs = pairs::pair(&run.orders, &backtest.orders, within);
    let strategies = recorded.foundation.ledger.strategies();
    let instruments = &recorded.foundation.instruments;
    let halts = differences::Halts { interruptions: &recorded.interruptions, strategies };
    let differences = differences::find(&sides, &pairs, halts);
    let groups = figures::groups(&sides, &pairs, instruments);
    let in_span = |halt: &&Interruption| halt.is_within(recorded.from, recorded.to);
    let named = |halt: &Interruption| NamedInterruption::of(halt, strategies, instruments);
    Comparison {
        from: recorded.from,
        to: recorded.to,
        warnings: Vec::new(),
        models: Vec::new(),
        feed_lag_ms: run.feed_lag.as_secs_f64() * 1e3,
        groups,
        interruptions: recorded.interruptions.iter().filter(in_span).map(named).collect(),
        alike: pairs.len() - differences.len(),
        differences,
    }
}

#[cfg(test)]
mod tests {
    use model::{InstrumentId, StrategyId};

    use super::*;

    #[test]
    fn whom_an_interruption_concerned_is_told_by_name() {
        let (instruments, strategies) = (testing::instruments(&["USDT", "EUR"]), ["maker".into()]);
        let told = |strategy: Option<u16>, instrument: Option<u16>| {
            let (from, to) = (Timestamp::from_millis(1), Some(Timestamp::from_millis(2)));
            let (strategy, instrument) = (strategy.map(StrategyId), instrument.map(InstrumentId));
            let by = InterruptedBy::StaleMarket;
            let told = Interruption { by, strategy, instrument, from, to };
            NamedInterruption::of(&told, &strategies, &instruments)
        };
        let shown = [(None, None), (Some(0), None), (None, Some(1)), (Some(0), Some(0))]
            .map(|(strategy, instrument)| told(strategy, instrument).to_string());
        let span = "from 1970-01-01T00:00:00.001000Z to 1970-01-01T00:00:00.002000Z";
        let late = "its market came late, which denies entries";
        assert_eq!(
            shown,
            [
                format!("{span}: {late}"),
                format!("{span}, maker: {late}"),
                format!("{span}, BTCEUR: {late}"),
                format!("{span}, maker BTCUSDT: {late}"),
            ]
        );
        let json = serde_json::to_value(told(Some(0), Some(1))).unwrap();
        assert_eq!((&json["strategy"], &json["symbol"]), (&"maker".into(), &"BTCEUR".into()));
    }
}
