//! What has traded: trades, aggregate trades, klines, and the statistics made of them.
//!
//! Every list is bounded: the exchange runs for months. What is older than the bounds is not
//! served any more, as a venue's memory ends somewhere too.

use std::collections::VecDeque;
use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use model::{Interval, Price, Quantity, Side, Timestamp, TradeId};

use super::kline::{self, Kline, KlineInterval, KlineSeries};
use super::past::{Past, Recipe};

/// Trades and aggregate trades kept.
const TRADES_KEPT: usize = 20_000;
/// Seconds kept as klines.
const SECONDS_KEPT: usize = 7_200;
/// Minutes kept as klines: ten days.
const MINUTES_KEPT: usize = 14_400;
/// Quarters of an hour kept as klines: a month. Hours: 550 days. Days: longer than anything runs.
const QUARTERS_KEPT: usize = 2_976;
const HOURS_KEPT: usize = 13_200;
const DAYS_KEPT: usize = 5_000;

/// An exact sum of price × quantity, in units of 10⁻¹⁶.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct QuoteVolume(i128);

impl QuoteVolume {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// `price × quantity`.
    #[must_use]
    pub fn of(price: Price, quantity: Quantity) -> Self {
        Self(i128::from(price.units()) * i128::from(quantity.units()))
    }

    /// Average price over a base volume, cut to 10⁻⁸; `None` without volume.
    #[must_use]
    pub fn average(self, volume: Quantity) -> Option<Price> {
        let average = self.0.checked_div(i128::from(volume.units()))?;
        i64::try_from(average).ok().map(Price::from_units)
    }
}

impl AddAssign for QuoteVolume {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl fmt::Display for QuoteVolume {
    /// With eight decimals, as all amounts on the wire.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = self.0 / 100_000_000;
        write!(out, "{}.{:08}", units / 100_000_000, units % 100_000_000)
    }
}

/// A trade as the public sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Print {
    /// Counts up by one within a symbol.
    pub id: TradeId,
    /// Price.
    pub price: Price,
    /// Base quantity.
    pub quantity: Quantity,
    /// Side of the taker.
    pub aggressor: Side,
    /// When.
    pub at: Timestamp,
}

/// Trades of one taker order at one price.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AggregateTrade {
    /// Counts up by one within a symbol.
    pub id: i64,
    /// Price.
    pub price: Price,
    /// Base quantity of all.
    pub quantity: Quantity,
    /// First trade.
    pub first: TradeId,
    /// Last trade.
    pub last: TradeId,
    /// Side of the taker.
    pub aggressor: Side,
    /// When.
    pub at: Timestamp,
}

/// Everything that has traded in one symbol.
#[derive(Clone, Debug)]
pub struct Tape {
    trades: VecDeque<Print>,
    aggregates: VecDeque<AggregateTrade>,
    seconds: KlineSeries,
    minutes: KlineSeries,
    quarters: KlineSeries,
    hours: KlineSeries,
    days: KlineSeries,
    /// What was before the first trade.
    past: Option<Past>,
    next_aggregate_id: i64,
}

/// Klines of one length: those before the first trade, and those since. The last of the former
/// and the first of the latter may be parts of the same one.
#[derive(Clone, Copy)]
struct Base<'a> {
    past: &'a [Kline],
    series: &'a KlineSeries,
}

impl Base<'_> {
    fn first_open(&self) -> Option<Timestamp> {
        self.past.first().map(|kline| kline.open_at).or_else(|| self.series.first_open())
    }

    /// One kline over `[from, to)`; `None` without any of this length there.
    fn summary(&self, from: Timestamp, to: Timestamp) -> Option<Kline> {
        let before = kline::within(self.past, from, to).iter();
        kline::sum(from, before.chain(self.series.range(from, to)))
    }
}

impl Tape {
    /// An empty tape whose aggregate trades count from `first_aggregate_id`.
    #[must_use]
    pub const fn new(first_aggregate_id: i64) -> Self {
        Self {
            trades: VecDeque::new(),
            aggregates: VecDeque::new(),
            seconds: KlineSeries::new(Interval::SECOND, SECONDS_KEPT),
            minutes: KlineSeries::new(Interval::MINUTE, MINUTES_KEPT),
            quarters: KlineSeries::new(Interval::QUARTER, QUARTERS_KEPT),
            hours: KlineSeries::new(Interval::HOUR, HOURS_KEPT),
            days: KlineSeries::new(Interval::DAY, DAYS_KEPT),
            past: None,
            next_aggregate_id: first_aggregate_id,
        }
    }

    /// Gives the tape a past, which goes before everything recorded, without a hole in between.
    pub fn set_past(&mut self, recipe: Recipe) {
        let past = Past::new(recipe);
        let (end, price) = past.end();
        for series in self.series_mut() {
            series.begin(end, price);
        }
        self.past = Some(past);
    }

    const fn series_mut(&mut self) -> [&mut KlineSeries; 5] {
        let Self { seconds, minutes, quarters, hours, days, .. } = self;
        [seconds, minutes, quarters, hours, days]
    }

    /// Records the trades of one taker order, in order, and returns their aggregates.
    pub fn record(&mut self, prints: &[Print]) -> Vec<AggregateTrade> {
        let mut made: Vec<AggregateTrade> = Vec::new();
        for print in prints {
            self.trades.push_back(*print);
            for series in self.series_mut() {
                series.add(print);
            }
            match made.last_mut() {
                Some(last) if last.price == print.price => {
                    last.quantity += print.quantity;
                    last.last = print.id;
                }
                Some(_) | None => {
                    made.push(AggregateTrade {
                        id: self.next_aggregate_id,
                        price: print.price,
                        quantity: print.quantity,
                        first: print.id,
                        last: print.id,
                        aggressor: print.aggressor,
                        at: print.at,
                    });
                    self.next_aggregate_id += 1;
                }
            }
        }
        self.aggregates.extend(made.iter().copied());
        while self.trades.len() > TRADES_KEPT {
            self.trades.pop_front();
        }
        while self.aggregates.len() > TRADES_KEPT {
            self.aggregates.pop_front();
        }
        made
    }

    /// The last trade.
    #[must_use]
    pub fn last(&self) -> Option<&Print> {
        self.trades.back()
    }

    /// The newest trades, oldest first.
    pub fn recent(&self, limit: usize) -> impl Iterator<Item = &Print> {
        self.trades.range(self.trades.len().saturating_sub(limit)..)
    }

    /// Trades from an id on, oldest first.
    pub fn trades_from(&self, id: TradeId, limit: usize) -> impl Iterator<Item = &Print> {
        let start = self.trades.partition_point(|print| print.id < id);
        self.trades.range(start..).take(limit)
    }

    /// Aggregate trades from an id on, oldest first.
    pub fn aggregates_from(&self, id: i64, limit: usize) -> impl Iterator<Item = &AggregateTrade> {
        let start = self.aggregates.partition_point(|aggregate| aggregate.id < id);
        self.aggregates.range(start..).take(limit)
    }

    /// Aggregate trades of a period, both ends inclusive: the oldest ones if a start is given,
    /// else the newest up to the end.
    #[must_use]
    pub fn aggregates_within(
        &self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        limit: usize,
    ) -> Vec<AggregateTrade> {
        let start =
            from.map_or(0, |from| self.aggregates.partition_point(|aggregate| aggregate.at < from));
        let end = to.map_or(self.aggregates.len(), |to| {
            self.aggregates.partition_point(|aggregate| aggregate.at.as_millis() <= to.as_millis())
        });
        let end = end.max(start);
        let (start, end) = if from.is_some() {
            (start, end.min(start + limit))
        } else {
            (start.max(end.saturating_sub(limit)), end)
        };
        self.aggregates.range(start..end).copied().collect()
    }

    /// Makes klines current: without trades they go on flat.
    pub fn roll(&mut self, now: Timestamp) {
        for series in self.series_mut() {
            series.roll(now);
        }
    }

    /// Klines of the longest length kept that an interval, on clocks so far ahead of UTC, can be
    /// made of.
    fn base(&self, interval: KlineInterval, offset_mins: i32) -> Base<'_> {
        let is_made_of = |base: Interval| {
            let secs = base.duration().as_secs();
            let is_multiple = match interval {
                KlineInterval::Fixed(interval) => interval.duration().as_secs() % secs == 0,
                KlineInterval::Month => true,
            };
            is_multiple && (u64::from(offset_mins.unsigned_abs()) * 60) % secs == 0
        };
        let past = |part: fn(&Past) -> &[Kline], series: &KlineSeries| {
            // Once klines were dropped between the two, the older ones are gone, too.
            let past = self.past.as_ref().filter(|_| series.is_whole());
            past.map_or(&[][..], part)
        };
        if interval.is_second() {
            return Base { past: &[], series: &self.seconds };
        }
        let (past, series) = if is_made_of(Interval::DAY) {
            (past(Past::days, &self.days), &self.days)
        } else if is_made_of(Interval::HOUR) {
            (past(Past::hours, &self.hours), &self.hours)
        } else if is_made_of(Interval::QUARTER) {
            (past(Past::quarters, &self.quarters), &self.quarters)
        } else {
            (past(Past::minutes, &self.minutes), &self.minutes)
        };
        Base { past, series }
    }

    /// The kline that opens at `open_at`.
    #[must_use]
    pub fn kline(
        &self,
        interval: KlineInterval,
        open_at: Timestamp,
        offset_mins: i32,
    ) -> Option<Kline> {
        let end = interval.next_open(open_at, offset_mins);
        self.base(interval, offset_mins).summary(open_at, end)
    }

    /// Klines that open between two instants, both inclusive, with the venue's rule of which
    /// ones: the oldest if a start is given, else the newest.
    #[must_use]
    pub fn klines(
        &self,
        interval: KlineInterval,
        from: Option<Timestamp>,
        to: Timestamp,
        limit: usize,
        offset_mins: i32,
    ) -> Vec<Kline> {
        let base = self.base(interval, offset_mins);
        let Some(oldest) = base.first_open() else { return Vec::new() };
        let start = from.map_or(oldest, |from| from.max(oldest));
        let mut open = interval.open_of(start, offset_mins);
        if from.is_some() && open < start {
            open = interval.next_open(open, offset_mins);
        }
        if from.is_none()
            && let KlineInterval::Fixed(fixed) = interval
        {
            // Skips what the limit would cut off anyway.
            let span = fixed.duration() * u32::try_from(limit).unwrap_or(u32::MAX);
            open = open.max(interval.open_of(to, offset_mins).before(span));
        }
        let mut klines = Vec::new();
        while open <= to && (from.is_none() || klines.len() < limit) {
            let next = interval.next_open(open, offset_mins);
            klines.extend(base.summary(open, next));
            open = next;
        }
        let surplus = klines.len().saturating_sub(limit);
        klines.drain(..surplus);
        klines
    }

    /// One kline over the last `window` up to now, by whole minutes (whole seconds below an
    /// hour's window), for tickers and averages.
    #[must_use]
    pub fn window(&self, now: Timestamp, window: Duration) -> Option<Kline> {
        let end = now.after(Duration::from_nanos(1));
        let interval =
            if window < Interval::HOUR.duration() { Interval::SECOND } else { Interval::MINUTE };
        self.base(KlineInterval::Fixed(interval), 0).summary(now.before(window), end)
    }

    /// Volume-weighted average price of the last minutes; the last price if nothing traded in
    /// them. With zero minutes it is the last price.
    #[must_use]
    pub fn average_price(&self, now: Timestamp, mins: u32) -> Option<Price> {
        let last = self.last()?.price;
        if mins == 0 {
            return Some(last);
        }
        let window = self.window(now, Duration::from_secs(u64::from(mins) * 60));
        Some(window.and_then(|kline| kline.quote_volume.average(kline.volume)).unwrap_or(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(id: i64, secs: i64, price: &str) -> Print {
        Print {
            id: TradeId(id),
            price: price.parse().unwrap(),
            quantity: Quantity::ONE,
            aggressor: Side::Buy,
            at: Timestamp::from_secs(secs),
        }
    }

    #[test]
    fn trades_of_one_taker_at_one_price_are_one_aggregate() {
        let mut tape = Tape::new(100);
        let made = tape.record(&[print(1, 1, "10"), print(2, 1, "10"), print(3, 1, "11")]);
        let ids: Vec<_> = made.iter().map(|made| (made.id, made.first.0, made.last.0)).collect();
        assert_eq!(ids, [(100, 1, 2), (101, 3, 3)]);
        assert_eq!(made[0].quantity, "2".parse().unwrap());
        tape.record(&[print(4, 9, "11")]);
        let within =
            tape.aggregates_within(Some(Timestamp::from_secs(1)), Some(Timestamp::from_secs(8)), 9);
        assert_eq!(within.len(), 2);
        assert_eq!(tape.aggregates_within(None, None, 1)[0].id, 102);
    }

    #[test]
    fn klines_follow_the_rule_of_start_and_end() {
        let mut tape = Tape::new(0);
        for minute in 0..10 {
            tape.record(&[print(minute, minute * 60 + 5, "10")]);
        }
        let minute = KlineInterval::parse("1m").unwrap();
        let opens = |from: Option<i64>, limit| -> Vec<i64> {
            let end = Timestamp::from_secs(599);
            tape.klines(minute, from.map(Timestamp::from_secs), end, limit, 0)
                .iter()
                .map(|kline| kline.open_at.as_secs() / 60)
                .collect()
        };
        assert_eq!(opens(None, 3), [7, 8, 9]);
        assert_eq!(opens(Some(61), 3), [2, 3, 4]);
        assert_eq!(opens(Some(120), 2), [2, 3]);
        let five = KlineInterval::parse("5m").unwrap();
        let klines = tape.klines(five, None, Timestamp::from_secs(599), 500, 0);
        assert_eq!(klines.iter().map(|kline| kline.count).collect::<Vec<_>>(), [5, 5]);
    }

    #[test]
    fn the_average_price_weighs_by_volume() {
        let mut tape = Tape::new(0);
        let mut big = print(2, 200, "20");
        big.quantity = "3".parse().unwrap();
        tape.record(&[print(1, 100, "10")]);
        tape.record(&[big]);
        let now = Timestamp::from_secs(210);
        assert_eq!(tape.average_price(now, 5), Some("17.5".parse().unwrap()));
        assert_eq!(tape.average_price(now, 0), Some("20".parse().unwrap()));
    }
}
