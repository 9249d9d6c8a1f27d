//! Klines: the venue's name for bars, with the trade ids they span.

use std::collections::VecDeque;
use std::time::Duration;

use model::{Interval, Price, Quantity, Side, Timestamp, TradeId};

use super::tape::{Print, QuoteVolume};

/// The length of a kline: the fixed intervals, and the calendar month.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum KlineInterval {
    /// Any length but a month.
    Fixed(Interval),
    /// A calendar month: `1M`.
    Month,
}

impl KlineInterval {
    /// Reads the venue's name; case matters (`1m` is a minute, `1M` a month).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "1M" {
            return Some(Self::Month);
        }
        text.parse().ok().map(Self::Fixed)
    }

    /// The venue's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fixed(interval) => interval.name(),
            Self::Month => "1M",
        }
    }

    /// Opening instant of the kline that holds an instant, on clocks `offset_mins` ahead of UTC.
    #[must_use]
    pub fn open_of(self, at: Timestamp, offset_mins: i32) -> Timestamp {
        let shift = i64::from(offset_mins) * 60_000_000_000;
        let local = Timestamp::from_nanos(at.as_nanos() + shift);
        let open = match self {
            Self::Fixed(interval) => interval.open_of(local),
            Self::Month => month_open(local),
        };
        Timestamp::from_nanos(open.as_nanos() - shift)
    }

    /// Opening instant of the kline after the one that opens at `open`.
    #[must_use]
    pub fn next_open(self, open: Timestamp, offset_mins: i32) -> Timestamp {
        match self {
            Self::Fixed(interval) => open.after(interval.duration()),
            // The 1st plus 31 days lies in the next month, whatever the month's length.
            Self::Month => self.open_of(open.after(Duration::from_secs(31 * 86_400)), offset_mins),
        }
    }

    /// Whether it is made of seconds rather than of minutes.
    #[must_use]
    pub fn is_second(self) -> bool {
        self == Self::Fixed(Interval::SECOND)
    }
}

fn month_open(at: Timestamp) -> Timestamp {
    let mut day = at.utc_day();
    // The text is RFC 3339: the day of the month stands at a fixed place.
    while &day.to_string()[8..10] != "01" {
        day = day.before(Duration::from_secs(86_400));
    }
    day
}

/// One kline, closed or growing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kline {
    /// Opening instant.
    pub open_at: Timestamp,
    /// First price; the previous close while there is no trade.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Base volume.
    pub volume: Quantity,
    /// Quote volume.
    pub quote_volume: QuoteVolume,
    /// Base volume that takers bought.
    pub taker_base: Quantity,
    /// Quote volume that takers bought.
    pub taker_quote: QuoteVolume,
    /// First and last trade.
    pub trades: Option<(TradeId, TradeId)>,
    /// Number of trades.
    pub count: u64,
}

impl Kline {
    /// A kline without a trade, at the previous close.
    #[must_use]
    pub const fn flat(open_at: Timestamp, close: Price) -> Self {
        Self {
            open_at,
            open: close,
            high: close,
            low: close,
            close,
            volume: Quantity::ZERO,
            quote_volume: QuoteVolume::ZERO,
            taker_base: Quantity::ZERO,
            taker_quote: QuoteVolume::ZERO,
            trades: None,
            count: 0,
        }
    }

    fn add(&mut self, print: &Print) {
        if self.count == 0 {
            (self.open, self.high, self.low) = (print.price, print.price, print.price);
        }
        self.high = self.high.max(print.price);
        self.low = self.low.min(print.price);
        self.close = print.price;
        let quote = QuoteVolume::of(print.price, print.quantity);
        self.volume += print.quantity;
        self.quote_volume += quote;
        if print.aggressor == Side::Buy {
            self.taker_base += print.quantity;
            self.taker_quote += quote;
        }
        let first = self.trades.map_or(print.id, |(first, _)| first);
        self.trades = Some((first, print.id));
        self.count += 1;
    }

    /// Appends a later kline.
    fn merge(&mut self, later: &Self) {
        if later.count > 0 {
            if self.count == 0 {
                (self.open, self.high, self.low) = (later.open, later.high, later.low);
            }
            self.high = self.high.max(later.high);
            self.low = self.low.min(later.low);
        }
        self.close = later.close;
        self.volume += later.volume;
        self.quote_volume += later.quote_volume;
        self.taker_base += later.taker_base;
        self.taker_quote += later.taker_quote;
        self.count += later.count;
        self.trades = match (self.trades, later.trades) {
            (Some((first, _)), Some((_, last))) => Some((first, last)),
            (mine, None) => mine,
            (None, theirs) => theirs,
        };
    }
}

/// Klines of a longer length out of shorter ones in order of time.
#[must_use]
pub fn rolled_up(klines: &[Kline], interval: Interval) -> Vec<Kline> {
    let mut made: Vec<Kline> = Vec::new();
    for kline in klines {
        let open_at = interval.open_of(kline.open_at);
        match made.last_mut() {
            Some(last) if last.open_at == open_at => last.merge(kline),
            Some(_) | None => made.push(Kline { open_at, ..*kline }),
        }
    }
    made
}

/// One kline from `from` on, out of klines in order of time; `None` without any.
pub fn sum<'a>(from: Timestamp, mut klines: impl Iterator<Item = &'a Kline>) -> Option<Kline> {
    let mut summary = *klines.next()?;
    klines.for_each(|kline| summary.merge(kline));
    summary.open_at = from;
    Some(summary)
}

/// Klines that open in `[from, to)`.
pub fn within(klines: &[Kline], from: Timestamp, to: Timestamp) -> &[Kline] {
    let start = klines.partition_point(|kline| kline.open_at < from);
    let end = klines.partition_point(|kline| kline.open_at < to);
    &klines[start..end.max(start)]
}

/// Klines of one base length without holes, oldest dropped past a bound.
#[derive(Clone, Debug)]
pub struct KlineSeries {
    interval: Interval,
    bound: usize,
    klines: VecDeque<Kline>,
}

impl KlineSeries {
    /// An empty series that keeps so many klines.
    #[must_use]
    pub const fn new(interval: Interval, bound: usize) -> Self {
        Self { interval, bound, klines: VecDeque::new() }
    }

    /// Begins with a flat kline at an instant, before anything was traded.
    pub fn begin(&mut self, at: Timestamp, price: Price) {
        debug_assert!(self.klines.is_empty(), "nothing goes before the beginning");
        self.klines.push_back(Kline::flat(self.interval.open_of(at), price));
    }

    /// Adds a trade; intervals without one before it become flat klines.
    pub fn add(&mut self, print: &Print) {
        let open_at = self.interval.open_of(print.at);
        self.extend_to(open_at);
        if self.klines.is_empty() {
            self.klines.push_back(Kline::flat(open_at, print.price));
        }
        // A trade older than the last kline (never from our own market) counts into the last.
        let last = self.klines.back_mut().expect("one was pushed if there was none");
        last.add(print);
    }

    /// Makes flat klines up to the one that opens at `open_at`.
    fn extend_to(&mut self, open_at: Timestamp) {
        let Some(last) = self.klines.back() else { return };
        let (mut next, close) = (last.open_at.after(self.interval.duration()), last.close);
        let bound = i64::try_from(self.bound).expect("bounds are small");
        let length = i64::try_from(self.interval.duration().as_nanos()).expect("at most a week");
        if open_at.nanos_since(next) / length > bound {
            next = Timestamp::from_nanos(open_at.as_nanos() - length * bound);
        }
        while next <= open_at {
            self.klines.push_back(Kline::flat(next, close));
            next = next.after(self.interval.duration());
        }
        while self.klines.len() > self.bound {
            self.klines.pop_front();
        }
    }

    /// Makes the series current: flat klines up to the one that holds `now`.
    pub fn roll(&mut self, now: Timestamp) {
        self.extend_to(self.interval.open_of(now));
    }

    /// Base klines that open in `[from, to)`.
    pub fn range(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = &Kline> {
        let start = self.klines.partition_point(|kline| kline.open_at < from);
        self.klines.range(start..).take_while(move |kline| kline.open_at < to)
    }

    /// Opening instant of the oldest kline kept.
    #[must_use]
    pub fn first_open(&self) -> Option<Timestamp> {
        self.klines.front().map(|kline| kline.open_at)
    }

    /// Whether none was dropped yet.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.klines.len() < self.bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(id: i64, secs: i64, price: &str, aggressor: Side) -> Print {
        Print {
            id: TradeId(id),
            price: price.parse().unwrap(),
            quantity: "2".parse().unwrap(),
            aggressor,
            at: Timestamp::from_secs(secs),
        }
    }

    #[test]
    fn klines_have_no_holes_and_sum_up() {
        let mut minutes = KlineSeries::new(Interval::MINUTE, 10);
        minutes.add(&print(1, 5, "10", Side::Buy));
        minutes.add(&print(2, 50, "12", Side::Sell));
        minutes.add(&print(3, 185, "8", Side::Buy));
        let all: Vec<_> = minutes.range(Timestamp::EPOCH, Timestamp::from_secs(600)).collect();
        assert_eq!(all.len(), 4);
        assert_eq!((all[1].open, all[1].count, all[1].trades), ("12".parse().unwrap(), 0, None));
        let all = minutes.range(Timestamp::EPOCH, Timestamp::from_secs(600));
        let whole = sum(Timestamp::EPOCH, all).unwrap();
        assert_eq!(whole.trades, Some((TradeId(1), TradeId(3))));
        assert_eq!((whole.open, whole.close), ("10".parse().unwrap(), "8".parse().unwrap()));
        assert_eq!((whole.high, whole.low), ("12".parse().unwrap(), "8".parse().unwrap()));
        assert_eq!(whole.volume, "6".parse().unwrap());
        assert_eq!(whole.quote_volume.to_string(), "60.00000000");
        assert_eq!(whole.taker_quote.to_string(), "36.00000000");
    }

    #[test]
    fn the_series_is_bounded_even_over_a_long_silence() {
        let mut seconds = KlineSeries::new(Interval::SECOND, 5);
        seconds.add(&print(1, 0, "10", Side::Buy));
        seconds.roll(Timestamp::from_secs(10_000_000));
        assert_eq!(seconds.klines.len(), 5);
        assert_eq!(seconds.klines[4].open_at, Timestamp::from_secs(10_000_000));
    }

    #[test]
    fn months_open_on_the_first_and_offsets_shift_days() {
        let at = Timestamp::from_millis(1_723_161_253_937);
        let month = KlineInterval::parse("1M").unwrap();
        assert_eq!(month.open_of(at, 0).to_string(), "2024-08-01T00:00:00.000000Z");
        let open = month.open_of(at, 0);
        assert_eq!(month.next_open(open, 0).to_string(), "2024-09-01T00:00:00.000000Z");
        let day = KlineInterval::parse("1d").unwrap();
        assert_eq!(day.open_of(at, 480).to_string(), "2024-08-08T16:00:00.000000Z");
        assert_eq!(KlineInterval::parse("7m"), None);
    }
}
