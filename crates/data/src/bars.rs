//! Bars from trades, exactly.
//!
//! The rules are the engine's: a bar opens where the venue opens it; an interval without a trade
//! is a bar at the last close with volume 0; a trade of a bar that is already closed is counted
//! and changes nothing.

use std::time::Duration;

use model::{Interval, Timestamp};
use store::catalog::{ABSENT, AggTrade, Exponents, Kline, Trade};

/// A trade, or several at one price.
#[derive(Clone, Copy, Debug)]
pub struct Print {
    /// When.
    pub at: Timestamp,
    /// Price.
    pub price: i64,
    /// Base quantity.
    pub quantity: i64,
    /// Of so many trades.
    pub count: i64,
    /// Whether the taker bought.
    pub is_buy: bool,
}

impl From<&Trade> for Print {
    fn from(trade: &Trade) -> Self {
        Self {
            at: trade.event_at,
            price: trade.price,
            quantity: trade.quantity,
            count: 1,
            is_buy: !trade.is_buyer_maker,
        }
    }
}

impl From<&AggTrade> for Print {
    fn from(trade: &AggTrade) -> Self {
        Self {
            at: trade.event_at,
            price: trade.price,
            quantity: trade.quantity,
            count: trade.last_trade_id - trade.first_trade_id + 1,
            is_buy: !trade.is_buyer_maker,
        }
    }
}

/// Builds the bars of one interval.
#[derive(Debug)]
pub struct BarBuilder {
    interval: Interval,
    exponents: Exponents,
    open: Option<OpenBar>,
    late: u64,
}

#[derive(Clone, Copy, Debug)]
struct OpenBar {
    bar: Kline,
    /// Sums of products of mantissas.
    quote: i128,
    buy_quote: i128,
}

impl BarBuilder {
    /// For prints with these exponents; the bars have the same.
    #[must_use]
    pub const fn new(interval: Interval, exponents: Exponents) -> Self {
        Self { interval, exponents, open: None, late: 0 }
    }

    /// Trades that came after their bar had closed.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.late
    }

    /// Takes a print; bars that it closes are appended to `closed`.
    pub fn push(&mut self, print: Print, closed: &mut Vec<Kline>) {
        let opens_at = self.interval.open_of(print.at);
        if let Some(open) = &mut self.open {
            if opens_at < open.bar.open_at {
                self.late += 1;
                return;
            }
            if opens_at == open.bar.open_at {
                open.take(print);
                return;
            }
        }
        if let Some(ended) = self.open.take() {
            let bar = ended.close(self.exponents);
            closed.push(bar);
            let mut next = bar.open_at.after(self.interval.duration());
            while next < opens_at {
                closed.push(self.empty(next, bar.close));
                next = next.after(self.interval.duration());
            }
        }
        let mut open = OpenBar { bar: self.empty(opens_at, print.price), quote: 0, buy_quote: 0 };
        open.take(print);
        self.open = Some(open);
    }

    /// Ends with the bar that is open, though its interval may not be over.
    #[must_use]
    pub fn finish(self) -> Option<Kline> {
        self.open.map(|open| open.close(self.exponents))
    }

    fn empty(&self, open_at: Timestamp, price: i64) -> Kline {
        Kline {
            open_at,
            close_at: open_at.after(self.interval.duration()).before(Duration::from_nanos(1)),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 0,
            quote_volume: 0,
            trade_count: 0,
            taker_buy_volume: 0,
            taker_buy_quote_volume: 0,
        }
    }
}

impl OpenBar {
    fn take(&mut self, print: Print) {
        let bar = &mut self.bar;
        bar.high = bar.high.max(print.price);
        bar.low = bar.low.min(print.price);
        bar.close = print.price;
        bar.volume = bar.volume.saturating_add(print.quantity);
        bar.trade_count += print.count;
        let quote = i128::from(print.price) * i128::from(print.quantity);
        self.quote += quote;
        if print.is_buy {
            bar.taker_buy_volume = bar.taker_buy_volume.saturating_add(print.quantity);
            self.buy_quote += quote;
        }
    }

    fn close(self, exponents: Exponents) -> Kline {
        let quote = |sum| scaled(sum, exponents).unwrap_or(ABSENT);
        let mut bar = self.bar;
        bar.quote_volume = quote(self.quote);
        bar.taker_buy_quote_volume = quote(self.buy_quote);
        bar
    }
}

/// A sum of products at the exponent of quote amounts, cut there; `None` if it does not fit.
fn scaled(sum: i128, exponents: Exponents) -> Option<i64> {
    let shift =
        i32::from(exponents.price) + i32::from(exponents.quantity) - i32::from(exponents.quote);
    let power = 10_i128.checked_pow(shift.unsigned_abs())?;
    let value = if shift < 0 { sum / power } else { sum.checked_mul(power)? };
    i64::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(second: i64, price: i64, quantity: i64) -> Print {
        let at = Timestamp::from_secs(1_700_000_040 + second);
        Print {
            at,
            price: price * 100_000_000,
            quantity: quantity * 100_000_000,
            count: 1,
            is_buy: second % 2 == 0,
        }
    }

    #[test]
    fn bars_close_on_their_boundaries_and_empty_ones_are_there() {
        let mut builder = BarBuilder::new(Interval::MINUTE, Exponents::UNITS);
        let mut bars = Vec::new();
        for (second, price, quantity) in
            [(0, 10, 1), (30, 12, 2), (59, 9, 1), (185, 20, 3), (3, 99, 1)]
        {
            builder.push(print(second, price, quantity), &mut bars);
        }
        assert_eq!(builder.late(), 1);
        bars.extend(builder.finish());
        let units = 100_000_000;
        let brief: Vec<_> = bars
            .iter()
            .map(|bar| {
                let minute = (bar.open_at.as_secs() - 1_700_000_040) / 60;
                let prices = [bar.open, bar.high, bar.low, bar.close].map(|price| price / units);
                (minute, prices, bar.volume / units, bar.quote_volume / units, bar.trade_count)
            })
            .collect();
        assert_eq!(
            brief,
            [
                (0, [10, 12, 9, 9], 4, 43, 3),
                (1, [9; 4], 0, 0, 0),
                (2, [9; 4], 0, 0, 0),
                (3, [20; 4], 3, 60, 1),
            ]
        );
        assert_eq!(
            (bars[0].taker_buy_volume, bars[0].taker_buy_quote_volume),
            (3 * units, 34 * units)
        );
    }
}
