//! Bars from trades.

use std::time::Duration;

use model::{Amount, Bar, InstrumentId, Interval, Price, Quantity, Side, Timestamp, Trade};

/// A bar that is still open.
#[derive(Clone, Copy, Debug)]
struct OpenBar {
    open_at: Timestamp,
    /// First, highest, lowest and last price; `None` before the first trade.
    prices: Option<[Price; 4]>,
    volume: Quantity,
    taker_buy_volume: Quantity,
    /// In units of 10⁻¹⁶ of the quote asset: exact, and cheaper to add up than a decimal.
    quote_units: i128,
    trade_count: u64,
}

impl OpenBar {
    const fn new(open_at: Timestamp) -> Self {
        Self {
            open_at,
            prices: None,
            volume: Quantity::ZERO,
            taker_buy_volume: Quantity::ZERO,
            quote_units: 0,
            trade_count: 0,
        }
    }

    fn add(&mut self, trade: &Trade) {
        let price = trade.price;
        let [open, high, low, _] = self.prices.unwrap_or([price; 4]);
        self.prices = Some([open, high.max(price), low.min(price), price]);
        self.volume = sum(self.volume, trade.quantity);
        if trade.aggressor == Side::Buy {
            self.taker_buy_volume = sum(self.taker_buy_volume, trade.quantity);
        }
        self.quote_units += i128::from(price.units()) * i128::from(trade.quantity.units());
        self.trade_count += 1;
    }
}

/// Volumes stop at the largest quantity instead of wrapping: a day of a coin that costs a
/// millionth of a cent can pass it.
fn sum(volume: Quantity, quantity: Quantity) -> Quantity {
    volume.checked_add(quantity).unwrap_or(Quantity::MAX)
}

/// Builds the bars of one instrument and interval from its trades.
///
/// A bar closes on its boundary in event time: by timer ([`Self::on_time`]), or at once when a
/// trade of a later bar proves that the boundary has passed. An interval without trades gives a
/// bar at the previous close with volume zero. A trade of a bar that has closed is counted as
/// late and changes nothing. There is no bar before the first trade, unless
/// [`Self::after`] gave a close to go on from.
#[derive(Clone, Debug)]
pub struct BarBuilder {
    instrument: InstrumentId,
    interval: Interval,
    grace: Duration,
    current: Option<OpenBar>,
    previous_close: Option<Price>,
    late_trades: u64,
}

impl BarBuilder {
    /// A builder that begins with the first trade that comes.
    #[must_use]
    pub const fn new(instrument: InstrumentId, interval: Interval) -> Self {
        Self {
            instrument,
            interval,
            grace: Duration::ZERO,
            current: None,
            previous_close: None,
            late_trades: 0,
        }
    }

    /// A builder that goes on after a closed bar, such as the last one of the history. Trades
    /// from that bar's end on must all be given to it.
    #[must_use]
    pub fn after(bar: &Bar) -> Self {
        Self {
            current: Some(OpenBar::new(bar.close_at())),
            previous_close: Some(bar.close),
            ..Self::new(bar.instrument, bar.interval)
        }
    }

    /// Lets the timer close bars so much after their boundary, for trades that are still on
    /// their way.
    #[must_use]
    pub const fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// What the bars are of.
    #[must_use]
    pub const fn instrument(&self) -> InstrumentId {
        self.instrument
    }

    /// Length of the bars.
    #[must_use]
    pub const fn interval(&self) -> Interval {
        self.interval
    }

    /// How many trades came after their bar had closed.
    #[must_use]
    pub const fn late_trades(&self) -> u64 {
        self.late_trades
    }

    /// When [`Self::on_time`] is due next.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.current.map(|bar| bar.open_at.after(self.interval.duration()).after(self.grace))
    }

    /// Takes a trade; bars that it ends are appended.
    pub fn on_trade(&mut self, trade: &Trade, out: &mut Vec<Bar>) {
        let open_at = self.interval.open_of(trade.event_at);
        match self.current {
            None => self.current = Some(OpenBar::new(open_at)),
            Some(bar) if open_at < bar.open_at => {
                self.late_trades += 1;
                return;
            }
            Some(_) => self.close_before(open_at, trade.received_at, out),
        }
        if let Some(bar) = &mut self.current {
            bar.add(trade);
        }
    }

    /// Takes the time; bars whose end has come are appended, oldest first.
    pub fn on_time(&mut self, now: Timestamp, out: &mut Vec<Bar>) {
        let open_at = self.interval.open_of(now.before(self.grace));
        self.close_before(open_at, now, out);
    }

    /// Closes every bar that opened before `open_at`.
    fn close_before(&mut self, open_at: Timestamp, now: Timestamp, out: &mut Vec<Bar>) {
        while let Some(bar) = self.current
            && bar.open_at < open_at
        {
            let Some(last) = bar.prices.map(|[_, _, _, close]| close).or(self.previous_close)
            else {
                return;
            };
            let [open, high, low, close] = bar.prices.unwrap_or([last; 4]);
            let closed = Bar {
                instrument: self.instrument,
                interval: self.interval,
                open_at: bar.open_at,
                open,
                high,
                low,
                close,
                volume: bar.volume,
                quote_volume: Amount::from_units(bar.quote_units, 16),
                taker_buy_volume: bar.taker_buy_volume,
                trade_count: bar.trade_count,
                received_at: now,
            };
            self.previous_close = Some(close);
            self.current = Some(OpenBar::new(closed.close_at()));
            out.push(closed);
        }
    }
}

#[cfg(test)]
mod tests {
    use model::TradeId;

    use super::*;

    fn trade(at_ms: i64, price: i64, quantity: i64) -> Trade {
        Trade {
            instrument: InstrumentId(0),
            id: TradeId(0),
            price: Price::from_units(price * 100_000_000),
            quantity: Quantity::from_units(quantity * 100_000_000),
            aggressor: if quantity % 2 == 0 { Side::Buy } else { Side::Sell },
            event_at: Timestamp::from_millis(at_ms),
            received_at: Timestamp::from_millis(at_ms),
        }
    }

    enum Step {
        Trade(i64, i64, i64),
        Time(i64),
    }
    use Step::{Time, Trade as T};

    fn run(builder: &mut BarBuilder, steps: &[Step]) -> Vec<String> {
        let mut bars = Vec::new();
        for step in steps {
            match *step {
                T(at_ms, price, quantity) => {
                    builder.on_trade(&trade(at_ms, price, quantity), &mut bars);
                }
                Time(at_ms) => builder.on_time(Timestamp::from_millis(at_ms), &mut bars),
            }
        }
        bars.iter()
            .map(|bar| {
                format!(
                    "{}s o{:.0} h{:.0} l{:.0} c{:.0} v{:.0} q{} b{:.0} n{}",
                    bar.open_at.as_secs(),
                    bar.open,
                    bar.high,
                    bar.low,
                    bar.close,
                    bar.volume,
                    bar.quote_volume,
                    bar.taker_buy_volume,
                    bar.trade_count
                )
            })
            .collect()
    }

    #[test]
    fn bars_close_on_their_boundary() {
        #[track_caller]
        fn check(steps: &[Step], expected: &[&str]) {
            let mut builder = BarBuilder::new(InstrumentId(0), Interval::SECOND);
            assert_eq!(run(&mut builder, steps), expected);
        }
        let whole = "1s o10 h12 l9 c9 v6 q67 b4 n3";
        check(&[], &[]);
        check(&[Time(9_000)], &[]);
        check(&[T(1_000, 10, 1), T(1_500, 12, 4), T(1_999, 9, 1), Time(1_999)], &[]);
        check(&[T(1_000, 10, 1), T(1_500, 12, 4), T(1_999, 9, 1), Time(2_000)], &[whole]);
        check(&[T(1_000, 10, 1), T(1_500, 12, 4), T(1_999, 9, 1), T(2_000, 8, 1)], &[whole]);
        check(
            &[T(1_000, 10, 1), Time(4_500), T(4_600, 11, 1), Time(5_000)],
            &[
                "1s o10 h10 l10 c10 v1 q10 b0 n1",
                "2s o10 h10 l10 c10 v0 q0 b0 n0",
                "3s o10 h10 l10 c10 v0 q0 b0 n0",
                "4s o11 h11 l11 c11 v1 q11 b0 n1",
            ],
        );
    }

    #[test]
    fn a_late_trade_is_counted_and_changes_nothing() {
        let mut builder = BarBuilder::new(InstrumentId(0), Interval::SECOND);
        let steps = [T(1_000, 10, 1), Time(2_000), T(1_999, 99, 1), T(2_100, 11, 1), Time(3_000)];
        assert_eq!(
            run(&mut builder, &steps),
            ["1s o10 h10 l10 c10 v1 q10 b0 n1", "2s o11 h11 l11 c11 v1 q11 b0 n1"]
        );
        assert_eq!(builder.late_trades(), 1);
    }

    #[test]
    fn grace_waits_for_trades_on_their_way() {
        let grace = Duration::from_millis(250);
        let mut builder = BarBuilder::new(InstrumentId(0), Interval::SECOND).with_grace(grace);
        assert!(run(&mut builder, &[T(1_000, 10, 1), Time(2_249), T(1_999, 12, 1)]).is_empty());
        assert_eq!(builder.wake_at(), Some(Timestamp::from_millis(2_250)));
        assert_eq!(run(&mut builder, &[Time(2_250)]), ["1s o10 h12 l10 c12 v2 q22 b0 n2"]);
        assert_eq!(builder.late_trades(), 0);
    }

    #[test]
    fn it_goes_on_after_history() {
        let mut builder = BarBuilder::new(InstrumentId(0), Interval::SECOND);
        let mut bars = Vec::new();
        builder.on_trade(&trade(1_000, 10, 1), &mut bars);
        builder.on_time(Timestamp::from_millis(2_000), &mut bars);
        let mut after = BarBuilder::after(&bars[0]);
        assert_eq!(after.wake_at(), Some(Timestamp::from_millis(3_000)));
        assert_eq!(
            run(&mut after, &[T(1_900, 99, 1), Time(3_000)]),
            ["2s o10 h10 l10 c10 v0 q0 b0 n0"]
        );
        assert_eq!(after.late_trades(), 1);
    }
}
