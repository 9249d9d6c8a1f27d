//! Bars that no file has: built from trades as the engine's feed builds them, or made of shorter
//! bars.

use std::time::Duration;

use market::BarBuilder;
use model::{Amount, Bar, InstrumentId, Interval, MarketEvent, Quantity, Timestamp};

/// How long after its end the timer closes a bar, for trades that are still on their way: the
/// feed's own grace.
const GRACE: Duration = Duration::from_millis(250);

/// The longest of the given series of an instrument that bars of an interval can be made of.
#[must_use]
pub fn longest_part(
    instrument: InstrumentId,
    interval: Interval,
    given: &[(InstrumentId, Interval)],
) -> Option<Interval> {
    let is_part = |part: &Interval| {
        let (whole, part) = (interval.duration().as_secs(), part.duration().as_secs());
        part < whole && whole.is_multiple_of(part)
    };
    let own = given.iter().filter(|(id, _)| *id == instrument).map(|(_, part)| *part);
    own.filter(is_part).max()
}

/// Makes longer bars of shorter ones. As [`BarBuilder`] does, it gives a bar at the previous close
/// for an interval of which there are none, and begins with the first that comes.
#[derive(Clone, Debug)]
struct Joiner {
    instrument: InstrumentId,
    part: Interval,
    interval: Interval,
    current: Option<Bar>,
}

impl Joiner {
    fn is_of(&self, bar: &Bar) -> bool {
        (bar.instrument, bar.interval) == (self.instrument, self.part)
    }

    /// Closes every bar that opened before `open_at`.
    fn close_before(&mut self, open_at: Timestamp, now: Timestamp, out: &mut Vec<Bar>) {
        while let Some(bar) = self.current.filter(|bar| bar.open_at < open_at) {
            let trade_count = if bar.trade_count == EMPTY { 0 } else { bar.trade_count };
            out.push(Bar { trade_count, received_at: now, ..bar });
            self.current = Some(Bar {
                open_at: bar.close_at(),
                open: bar.close,
                high: bar.close,
                low: bar.close,
                volume: Quantity::ZERO,
                quote_volume: Amount::ZERO,
                taker_buy_volume: Quantity::ZERO,
                trade_count: EMPTY,
                ..bar
            });
        }
    }

    /// Takes a part, after what it proves closed was taken. What ends with it ends now.
    fn join(&mut self, part: &Bar, out: &mut Vec<Bar>) {
        let open_at = self.interval.open_of(part.open_at);
        self.current = Some(match self.current {
            Some(bar) if bar.trade_count != EMPTY => joined(&bar, part),
            Some(_) | None => Bar { interval: self.interval, open_at, ..*part },
        });
        let end = self.interval.open_of(part.close_at());
        self.close_before(end, part.received_at, out);
    }
}

/// The number of trades of a bar that nothing was joined to.
const EMPTY: u64 = u64::MAX;

fn joined(bar: &Bar, part: &Bar) -> Bar {
    let sum = |one: Quantity, other| one.checked_add(other).unwrap_or(Quantity::MAX);
    Bar {
        high: bar.high.max(part.high),
        low: bar.low.min(part.low),
        close: part.close,
        volume: sum(bar.volume, part.volume),
        quote_volume: bar.quote_volume + part.quote_volume,
        taker_buy_volume: sum(bar.taker_buy_volume, part.taker_buy_volume),
        trade_count: bar.trade_count.saturating_add(part.trade_count),
        ..*bar
    }
}

/// The builders of a run's bars.
#[derive(Clone, Debug, Default)]
pub struct BarMaker {
    builders: Vec<BarBuilder>,
    joiners: Vec<Joiner>,
    closed: Vec<Bar>,
    /// How many of them were handed out.
    given: usize,
    /// When the next timer is due; no event before it needs to be looked at.
    wake_at: Option<Timestamp>,
    begun: Vec<FirstBar>,
}

/// Where a series that is built begins: what was traded before is in no bar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FirstBar {
    /// Of what.
    pub instrument: InstrumentId,
    /// Which series.
    pub interval: Interval,
    /// The first trade that there is.
    pub first_at: Timestamp,
}

impl FirstBar {
    /// How long the bar had been open by then.
    #[must_use]
    pub fn missing(&self) -> Duration {
        self.first_at.since(self.interval.open_of(self.first_at))
    }

    /// Whether so much of it is missing that it is no bar like the others.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.missing() * 10 > self.interval.duration()
    }
}

impl BarMaker {
    /// For these series, each once: of trades, and (the part first) of shorter bars.
    #[must_use]
    pub fn new(
        series: impl IntoIterator<Item = (InstrumentId, Interval)>,
        joined: impl IntoIterator<Item = (InstrumentId, Interval, Interval)>,
    ) -> Self {
        let joiner =
            |(instrument, part, interval)| Joiner { instrument, part, interval, current: None };
        let builder =
            |(instrument, interval)| BarBuilder::new(instrument, interval).with_grace(GRACE);
        Self {
            builders: series.into_iter().map(builder).collect(),
            joiners: joined.into_iter().map(joiner).collect(),
            ..Self::default()
        }
    }

    /// Whether there is nothing to build.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.builders.is_empty() && self.joiners.is_empty()
    }

    /// Where each series that is built begins.
    #[must_use]
    pub fn begun(&self) -> &[FirstBar] {
        &self.begun
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
                if builder.wake_at().is_none() {
                    let (instrument, interval) = (trade.instrument, builder.interval());
                    let first_at = trade.event_at;
                    self.begun.push(FirstBar { instrument, interval, first_at });
                }
                builder.on_trade(trade, &mut self.closed);
            }
            self.note_wake();
        }
        if let MarketEvent::Bar(bar) = event {
            for joiner in self.joiners.iter_mut().filter(|joiner| joiner.is_of(bar)) {
                let open_at = joiner.interval.open_of(bar.open_at);
                joiner.close_before(open_at, bar.received_at, &mut self.closed);
            }
        }
        std::iter::from_fn(|| self.next_closed())
    }

    /// The longer bars that end with a bar.
    pub fn ended_by(&mut self, event: &MarketEvent) -> impl Iterator<Item = MarketEvent> + '_ {
        if let MarketEvent::Bar(bar) = event {
            for joiner in self.joiners.iter_mut().filter(|joiner| joiner.is_of(bar)) {
                joiner.join(bar, &mut self.closed);
            }
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
        bar.map(MarketEvent::from)
    }

    fn note_wake(&mut self) {
        self.wake_at = self.builders.iter().filter_map(BarBuilder::wake_at).min();
    }
}

#[cfg(test)]
mod tests {
    use model::{Price, Side, Trade, TradeId};

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
        let mut maker = BarMaker::new(series, []);
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

    #[test]
    fn a_series_that_begins_within_a_bar_says_so() {
        let mut maker = BarMaker::new([(InstrumentId(0), Interval::MINUTE)], []);
        for at_ms in [60_005_900, 60_006_100, 60_070_000] {
            let _ = maker.proved_by(&trade(at_ms, 10)).count();
        }
        let [first] = maker.begun() else { panic!("{:?}", maker.begun()) };
        assert_eq!(first.missing(), Duration::from_millis(5_900));
        assert!(!first.is_partial());
        let later = FirstBar { first_at: Timestamp::from_millis(60_006_100), ..*first };
        assert!(later.is_partial(), "more than a tenth of it");
    }

    /// A minute's bar: it opens at its number, and closes two above.
    fn minute(number: i64) -> MarketEvent {
        let price = |value: i64| Price::from_units(value * 100_000_000);
        let open_at = Timestamp::from_secs(number * 60);
        MarketEvent::from(Bar {
            instrument: InstrumentId(0),
            interval: Interval::MINUTE,
            open_at,
            open: price(number + 10),
            high: price(number + 15),
            low: price(number + 5),
            close: price(number + 12),
            volume: Quantity::ONE,
            quote_volume: Amount::ONE,
            taker_buy_volume: Quantity::ZERO,
            trade_count: 3,
            received_at: open_at.after(Interval::MINUTE.duration()),
        })
    }

    #[test]
    fn longer_bars_are_made_of_shorter_ones() {
        let five: Interval = "5m".parse().unwrap();
        let given = [Interval::MINUTE, Interval::SECOND].map(|part| (InstrumentId(0), part));
        assert_eq!(longest_part(InstrumentId(0), five, &given), Some(Interval::MINUTE));
        assert_eq!(longest_part(InstrumentId(0), Interval::SECOND, &given), None);
        assert_eq!(longest_part(InstrumentId(1), five, &given), None);
        #[track_caller]
        fn check(minutes: &[i64], expected: &[&str]) {
            let five = "5m".parse().unwrap();
            let mut maker = BarMaker::new([], [(InstrumentId(0), Interval::MINUTE, five)]);
            let mut told = Vec::new();
            for number in minutes {
                let event = minute(*number);
                for bar in maker.proved_by(&event).collect::<Vec<_>>() {
                    told.push((bar, "before", *number));
                }
                for bar in maker.ended_by(&event).collect::<Vec<_>>() {
                    told.push((bar, "with", *number));
                }
            }
            let shown = told.iter().map(|(event, when, number)| {
                let MarketEvent::Bar(bar) = event else { panic!("{event:?} is no bar") };
                let at = bar.open_at.as_millis() / 60_000;
                let prices = [bar.open, bar.high, bar.low, bar.close].map(|price| price.to_f64());
                format!(
                    "{at} {prices:?} {} {} {when} {number}",
                    bar.volume.to_f64(),
                    bar.trade_count
                )
            });
            assert_eq!(shown.collect::<Vec<_>>(), expected);
        }
        check(&[0, 1, 2, 3], &[]);
        check(&[0, 1, 2, 3, 4], &["0 [10.0, 19.0, 5.0, 16.0] 5 15 with 4"]);
        check(&[3, 4], &["0 [13.0, 19.0, 8.0, 16.0] 2 6 with 4"]);
        // The last minute is missing: the next one proves that it is over.
        check(&[0, 6], &["0 [10.0, 15.0, 5.0, 12.0] 1 3 before 6"]);
        check(
            &[4, 10],
            &["0 [14.0, 19.0, 9.0, 16.0] 1 3 with 4", "5 [16.0, 16.0, 16.0, 16.0] 0 0 before 10"],
        );
    }
}
