//! Turns what the builder collected into the report.

use std::collections::BTreeMap;

use model::{Amount, Asset, Instrument, InstrumentId, Instruments, Timestamp};

use super::book::{StrategyBook, SymbolBook};
use super::builder::RunReportBuilder;
use super::report::{PositionFigures, RunReport, StrategyReport, SymbolReport};
use crate::metrics::compat::compat_figures;
use crate::metrics::{EquityTracker, Figure, PerformanceFigures, SampleRule, TradeStats};

impl RunReportBuilder {
    /// The report.
    #[must_use]
    pub fn finish(self, sample_rule: SampleRule) -> RunReport {
        let equity = self.equity.finish();
        let span = (equity.start_at, self.last_at);
        let positions: Vec<Vec<PositionFigures>> = (self.strategies.iter())
            .map(|book| positions(book, &self.symbols, &self.instruments, self.currency))
            .collect();
        let symbols: Vec<SymbolReport> = self
            .symbols
            .into_iter()
            .map(|(id, book)| {
                let instrument = self.instruments.get(id);
                let held = positions.iter().flatten();
                let held = held.filter(|position| position.symbol == instrument.symbol);
                symbol_report(book, instrument, held, equity.start, span, sample_rule)
            })
            .collect();
        let strategies = (self.strategies.into_iter().zip(positions))
            .map(|(book, positions)| strategy_report(book, positions, span, sample_rule))
            .collect();
        let held: Vec<f64> = symbols.iter().filter_map(|s| s.buy_and_hold.value()).collect();
        RunReport {
            identity: self.identity,
            currency: self.currency,
            sample_rule,
            events: self.events,
            halts: self.halts,
            ending: self.ending,
            counts: self.account.counts,
            denials: self.denials,
            rejects: self.rejects,
            activity: self.account.activity.figures(equity.start),
            performance: PerformanceFigures::of(&equity, sample_rule),
            trades: self.account.trades.figures(sample_rule),
            compat: compat_figures(&equity, &self.account.trades, sample_rule),
            buy_and_hold: Figure::finite(
                held.iter().sum::<f64>() / held.len() as f64,
                "no price was recorded",
            ),
            exposure: self
                .exposure
                .figures(self.account.in_market.fraction(span.0, span.1), self.last_at),
            equity,
            marking: self.marking,
            strategies,
            symbols,
            latency: self.latency,
            cost_scenarios: self.cost_scenarios,
            latest_fills: self.latest_fills.into(),
            latest_trades: self.latest_trades.into(),
        }
    }
}

fn positions(
    book: &StrategyBook,
    symbols: &BTreeMap<InstrumentId, SymbolBook>,
    instruments: &Instruments,
    currency: Asset,
) -> Vec<PositionFigures> {
    let of = |(id, trips)| symbols[id].position(trips, instruments.get(*id), currency);
    book.trips.iter().map(of).collect()
}

/// Profit of closed trades and of positions at the last price; a position without a price counts
/// at cost.
fn profit<'a>(trades: &TradeStats, positions: impl Iterator<Item = &'a PositionFigures>) -> Amount {
    let held: Amount =
        positions.map(|held| held.value.map_or(Amount::ZERO, |value| value - held.cost)).sum();
    trades.net_profit() + held
}

fn symbol_report<'a>(
    book: SymbolBook,
    instrument: &Instrument,
    positions: impl Iterator<Item = &'a PositionFigures>,
    start_equity: Amount,
    (start_at, end_at): (Timestamp, Timestamp),
    rule: SampleRule,
) -> SymbolReport {
    SymbolReport {
        instrument: instrument.id,
        symbol: instrument.symbol,
        quote: instrument.quote,
        profit: profit(&book.totals.trades, positions),
        counts: book.totals.counts,
        activity: book.totals.activity.figures(start_equity),
        trades: book.totals.trades.figures(rule),
        time_in_market: book.totals.in_market.fraction(start_at, end_at),
        buy_and_hold: Figure::or_reason(book.price_return(), "no price was recorded"),
        prices: book.prices,
        marks: book.marks,
    }
}

fn strategy_report(
    book: StrategyBook,
    positions: Vec<PositionFigures>,
    (start_at, end_at): (Timestamp, Timestamp),
    rule: SampleRule,
) -> StrategyReport {
    let StrategyBook { setup, totals, equity, .. } = book;
    let equity = equity.map(EquityTracker::finish);
    StrategyReport {
        profit: profit(&totals.trades, positions.iter()),
        counts: totals.counts,
        activity: totals.activity.figures(setup.capital),
        trades: totals.trades.figures(rule),
        time_in_market: totals.in_market.fraction(start_at, end_at),
        performance: equity.as_ref().map(|history| PerformanceFigures::of(history, rule)),
        equity,
        positions: positions.into_iter().filter(|held| !held.quantity.is_zero()).collect(),
        name: setup.name,
        kind: setup.kind,
        parameters: setup.parameters,
        trade_method: setup.trade_method,
        capital: setup.capital,
    }
}
