//! Bars that no file has, built from trades as the engine's feed builds them.

use std::time::Duration;

use market::BarBuilder;
use model::{Bar, InstrumentId, Interval, MarketEvent, Timestamp};

/// How long after its end the timer closes a bar, for trades that are still on their way: the
/// feed's own grace.
const GRACE: Duration = Duration::from_millis(250);

/// The builders of a run's bars.
#[derive(Clone, Debug, Default)]
pub struct BarMaker {
    builders: Vec<BarBuilder>,
    closed: Vec<Bar>,
    /// How many of them were handed out.
    given: usize,
    /// When the next timer is due; no event before it needs to be looked at.
    wake_at: Option<Timestamp>,
}

impl BarMaker {
    /// For these series, each once.
    #[must_use]
    pub fn new(series: impl IntoIterator<Item = (InstrumentId, Interval)>) -> Self {
        let builder =
            |(instrument, interval)| BarBuilder::new(instrument, interval).with_grace(GRACE);
        Self { builders: series.into_iter().map(builder).collect(), ..Self::default() }
    }

    /// Whether there is nothing to build.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.builders.is_empty()
    }

    /// The next bar whose timer is due, each at its own instant. One at a time: years without a
    /// trade have millions of bars.
    pub fn next_due(&mut self, now: Timestamp) -> Option<MarketEvent> {
        loop {
            if let Some(bar) = self.next_closed() {
                return Some(bar);
            }
            let at = self.wake_at.filter(|at| *at <= now)?;
            for builder in &mut self.builders {
                builder.on_time(at, &mut self.closed);
            }
            self.note_wake();
        }
    }

    /// The bars that an event itself proves closed.
    pub fn proved_by(&mut self, event: &MarketEvent) -> impl Iterator<Item = MarketEvent> + '_ {
        if let MarketEvent::Trade(trade) = event {
            let own = |builder: &&mut BarBuilder| builder.instrument() == trade.instrument;
            for builder in self.builders.iter_mut().filter(own) {
                builder.on_trade(trade, &mut self.closed);
            }
            self.note_wake();
        }
        std::iter::from_fn(|| self.next_closed())
    }

    fn next_closed(&mut self) -> Option<MarketEvent> {
        let bar = self.closed.get(self.given).copied();
        if bar.is_some() {
            self.given += 1;
        } else {
            self.closed.clear();
            self.given = 0;
        }
        bar.map(MarketEvent::Bar)
    }

    fn note_wake(&mut self) {
        self.wake_at = self.builders.iter().filter_map(BarBuilder::wake_at).min();
    }
}

#[cfg(test)]
mod tests {
    use model::{Price, Quantity, Side, Trade, TradeId};

    use super::*;

    fn trade(at_ms: i64, price: i64) -> MarketEvent {
        MarketEvent::Trade(Trade {
            instrument: InstrumentId(0),
            id: TradeId(at_ms),
            price: Price::from_units(price * 100_000_000),
            quantity: Quantity::ONE,
            aggressor: Side::Buy,
            event_at: Timestamp::from_millis(at_ms),
            received_at: Timestamp::from_millis(at_ms),
        })
    }

    /// Interval, opening and instant of each bar that comes before the last of these trades.
    #[track_caller]
    fn check(trades: &[(i64, i64)], expected: &[(&str, i64, i64)]) {
        let minute = Interval::MINUTE;
        let series = [Interval::SECOND, minute].map(|interval| (InstrumentId(0), interval));
        let mut maker = BarMaker::new(series);
        let mut bars = Vec::new();
        for (at_ms, price) in trades {
            let trade = trade(*at_ms, *price);
            bars = std::iter::from_fn(|| maker.next_due(trade.received_at())).collect::<Vec<_>>();
            bars.extend(maker.proved_by(&trade));
        }
        let shown = |event: &MarketEvent| {
            let MarketEvent::Bar(bar) = event else { panic!("{event:?} is no bar") };
            (bar.interval.name(), bar.open_at.as_millis(), bar.received_at.as_millis())
        };
        assert_eq!(bars.iter().map(shown).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn bars_close_by_timer_or_by_the_trade_that_proves_it() {
        check(&[(1_000, 10)], &[]);
        check(&[(1_000, 10), (1_900, 11)], &[]);
        check(&[(1_000, 10), (2_100, 11)], &[("1s", 1_000, 2_100)]);
        check(&[(1_000, 10), (2_300, 11)], &[("1s", 1_000, 2_250)]);
        check(&[(1_000, 10), (3_300, 11)], &[("1s", 1_000, 2_250), ("1s", 2_000, 3_250)]);
        check(
            &[(58_500, 10), (60_250, 11)],
            &[("1s", 58_000, 59_250), ("1s", 59_000, 60_250), ("1m", 0, 60_250)],
        );
    }
}
