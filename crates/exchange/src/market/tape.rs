//! What has traded: trades, aggregate trades, klines, and the statistics made of them.
//!
//! Every list is bounded: the exchange runs for months. Whoever asks for trades that there were and
//! that are gone is refused: he would take what comes after them for all that there was.

use std::collections::VecDeque;
use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use model::{Interval, Price, Quantity, Side, Timestamp, TradeId};

use super::kline::{self, Kline, KlineInterval, KlineSeries};
use super::past::{Past, Recipe};
use crate::machine::IDS_PER_RUN;

/// Trades kept, and aggregate trades: some 20 MB a symbol once there are so many.
pub const TRADES_KEPT: usize = 200_000;
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

/// Trades are asked for that there were, and some of them are not kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("trades that are not kept any more")]
pub struct NotKept;

/// Everything that has traded in one symbol.
#[derive(Clone, Debug)]
pub struct Tape {
    trades: VecDeque<Print>,
    aggregates: VecDeque<AggregateTrade>,
    /// How many trades and aggregate trades were kept once and are not any more.
    dropped: (u64, u64),
    first_aggregate_id: i64,
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
            dropped: (0, 0),
            first_aggregate_id,
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
            self.dropped.0 += 1;
        }
        while self.aggregates.len() > TRADES_KEPT {
            self.aggregates.pop_front();
            self.dropped.1 += 1;
        }
        made
    }

    /// The first number that a trade ever had, as far as klines or earlier runs tell of trades
    /// before those on the tape.
    fn first_trade_ever(&self) -> i64 {
        let of_past = self.past.as_ref().and_then(|past| past.days().first()?.trades);
        of_past.map_or(self.first_aggregate_id, |(first, _)| first.0).clamp(1, IDS_PER_RUN)
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

    /// Trades from an id on, oldest first. From an id that no trade ever had it goes on with the
    /// oldest that is kept.
    ///
    /// # Errors
    /// [`NotKept`].
    pub fn trades_from(
        &self,
        id: TradeId,
        limit: usize,
    ) -> Result<impl Iterator<Item = &Print>, NotKept> {
        let start = self.trades.partition_point(|print| print.id < id);
        let is_before = self.trades.front().is_some_and(|oldest| id < oldest.id);
        if is_before && (self.dropped.0 > 0 || id.0 >= self.first_trade_ever()) {
            return Err(NotKept);
        }
        Ok(self.trades.range(start..).take(limit))
    }

    /// Aggregate trades from an id on, oldest first, with the same rule.
    ///
    /// # Errors
    /// [`NotKept`].
    pub fn aggregates_from(
        &self,
        id: i64,
        limit: usize,
    ) -> Result<impl Iterator<Item = &AggregateTrade>, NotKept> {
        let start = self.aggregates.partition_point(|aggregate| aggregate.id < id);
        let is_before = self.aggregates.front().is_some_and(|oldest| id < oldest.id);
        if is_before && (self.dropped.1 > 0 || id >= self.first_aggregate_id.min(IDS_PER_RUN)) {
            return Err(NotKept);
        }
        Ok(self.aggregates.range(start..).take(limit))
    }

    /// Aggregate trades of a period, both ends inclusive: the oldest ones if a start is given,
    /// else the newest up to the end.
    ///
    /// # Errors
    /// [`NotKept`] if the answer would begin with one that was dropped.
    pub fn aggregates_within(
        &self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<AggregateTrade>, NotKept> {
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
        // What was dropped lies before everything else: it would have come first.
        let reaches_back = start == 0 && (from.is_some() || end < limit);
        let oldest = self.aggregates.front().map_or(Timestamp::EPOCH, |oldest| oldest.at);
        if self.dropped.1 > 0 && reaches_back && from.is_none_or(|from| from <= oldest) {
            return Err(NotKept);
        }
        Ok(self.aggregates.range(start..end).copied().collect())
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

    /// One kline from the opening of a minute up to now.
    #[must_use]
    pub fn since(&self, minute: Timestamp, now: Timestamp) -> Option<Kline> {
        let end = now.after(Duration::from_nanos(1));
        self.base(KlineInterval::Fixed(Interval::MINUTE), 0).summary(minute, end)
    }

    /// One kline over the last `window` up to now, by whole minutes (whole seconds below an
    /// hour's window), for the tickers of a day and averages.
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
        let within = within.unwrap();
        assert_eq!(within.len(), 2);
        assert_eq!(tape.aggregates_within(None, None, 1).unwrap()[0].id, 102);
    }

    #[test]
    fn what_was_dropped_is_refused_and_not_passed_over() {
        const MORE: i64 = 10;
        let kept = i64::try_from(TRADES_KEPT).unwrap();
        let mut tape = Tape::new(1);
        // A trade a second; each its own aggregate.
        for id in 1..=kept {
            tape.record(&[print(id, id, "10")]);
        }
        let ids = |tape: &Tape, from: i64| -> Result<Vec<i64>, NotKept> {
            Ok(tape.trades_from(TradeId(from), 2)?.map(|print| print.id.0).collect())
        };
        let aggregates = |tape: &Tape, from: i64| -> Result<Vec<i64>, NotKept> {
            Ok(tape.aggregates_from(from, 2)?.map(|aggregate| aggregate.id).collect())
        };
        let at = |secs: Option<i64>| secs.map(Timestamp::from_secs);
        let within = |tape: &Tape, from: Option<i64>, to: Option<i64>| {
            let within = tape.aggregates_within(at(from), at(to), 2)?;
            Ok(within.iter().map(|aggregate| aggregate.id).collect::<Vec<_>>())
        };
        // All are there: before the first there was none.
        assert_eq!(ids(&tape, 0), Ok(vec![1, 2]));
        assert_eq!(aggregates(&tape, 0), Ok(vec![1, 2]));
        assert_eq!(within(&tape, Some(0), None), Ok(vec![1, 2]));
        assert_eq!(within(&tape, None, Some(1)), Ok(vec![1]));
        for id in kept + 1..=kept + MORE {
            tape.record(&[print(id, id, "10")]);
        }
        #[track_caller]
        fn check(label: &str, got: Result<Vec<i64>, NotKept>, expected: Result<Vec<i64>, NotKept>) {
            assert_eq!(got, expected, "{label}");
        }
        let first = MORE + 1;
        check("the oldest", ids(&tape, first), Ok(vec![first, first + 1]));
        check("one dropped", ids(&tape, MORE), Err(NotKept));
        check("the first of all", ids(&tape, 0), Err(NotKept));
        check("one to come", ids(&tape, kept * 2), Ok(vec![]));
        check("aggregate", aggregates(&tape, first), Ok(vec![first, first + 1]));
        check("aggregate dropped", aggregates(&tape, MORE), Err(NotKept));
        check("since", within(&tape, Some(first + 1), None), Ok(vec![first + 1, first + 2]));
        check("since dropped", within(&tape, Some(MORE), None), Err(NotKept));
        check("until", within(&tape, None, Some(first + 1)), Ok(vec![first, first + 1]));
        check("until, not enough", within(&tape, None, Some(first)), Err(NotKept));
        check("the newest", within(&tape, None, None), Ok(vec![kept + MORE - 1, kept + MORE]));
    }

    #[test]
    fn what_only_klines_tell_of_is_refused() {
        let mut tape = Tape::new(IDS_PER_RUN);
        let flow = crate::symbols::SymbolConfig::named("BTCUSDT").unwrap().flow();
        tape.set_past(Recipe {
            flow,
            seed: 1,
            volatility: 1.0,
            until: Timestamp::from_secs(1_800_000_000).floor_to(Duration::from_secs(60)),
            last_trade: TradeId(IDS_PER_RUN),
        });
        tape.record(&[print(IDS_PER_RUN + 1, 1_800_000_030, "10")]);
        let first =
            |id: i64| tape.trades_from(TradeId(id), 1).map(|mut all| all.next().unwrap().id.0);
        assert_eq!(first(IDS_PER_RUN + 1), Ok(IDS_PER_RUN + 1));
        assert_eq!(first(IDS_PER_RUN), Err(NotKept), "klines count it");
        assert_eq!(first(0), Ok(IDS_PER_RUN + 1), "no trade ever had it");
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
