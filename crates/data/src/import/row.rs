//! Rows of tables: cells checked and made exact.

use std::time::Duration;

use model::{Interval, Timestamp};
use store::archive::{Impossible, check_aggregate, check_prices, check_trade};
use store::catalog::{ABSENT, AggTrade, Exponents, Kind, Kline, Trade};

use super::csv::{Field, Layout, TimeUnit};
use super::sink::Row;
use crate::decimal::{DecimalError, mantissa};

/// Exponents that are tried one after another, when a value does not fit.
const EXPONENTS: [i8; 5] = [-8, -6, -4, -2, 0];

/// Why there is no row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// It is no row, or an impossible one.
    Because(String),
    /// It is one at these exponents.
    At(Exponents),
}

impl From<String> for Refused {
    fn from(reason: String) -> Self {
        Self::Because(reason)
    }
}

impl From<Impossible> for Refused {
    fn from(reason: Impossible) -> Self {
        Self::Because(reason.to_string())
    }
}

/// Which exponent a column has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// A price.
    Price,
    /// A base quantity.
    Quantity,
    /// A quote amount.
    Quote,
}

/// Reads a number exactly, or says at which exponents it would fit.
pub fn number(text: &str, measure: Measure, exponents: Exponents) -> Result<i64, Refused> {
    let exponent = match measure {
        Measure::Price => exponents.price,
        Measure::Quantity => exponents.quantity,
        Measure::Quote => exponents.quote,
    };
    let refuse = |error: DecimalError| Refused::Because(format!("`{text}`: {error}"));
    match mantissa(text, exponent) {
        Ok(mantissa) => Ok(mantissa),
        Err(DecimalError::TooLarge) => {
            // One that fits nowhere must not make the others less exact.
            let fits = |next: &i8| *next > exponent && mantissa(text, *next).is_ok();
            let next = EXPONENTS.into_iter().find(fits);
            let next = next.ok_or_else(|| refuse(DecimalError::TooLarge))?;
            Err(Refused::At(match measure {
                Measure::Price => Exponents { price: next, ..exponents },
                Measure::Quantity => Exponents { quantity: next, ..exponents },
                Measure::Quote => Exponents { quote: next, ..exponents },
            }))
        }
        Err(error) => Err(refuse(error)),
    }
}

/// Reads lines of one file.
#[derive(Clone, Debug)]
pub struct RowReader {
    /// Where its columns are.
    pub layout: Layout,
    /// Of klines.
    pub interval: Option<Interval>,
    /// Of whole numbers that are instants.
    pub unit: Option<TimeUnit>,
    /// What values are written at.
    pub exponents: Exponents,
}

impl RowReader {
    /// Reads one line. `number` counts the rows before it: the id of a trade that has none.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn row(&self, line: &str, number: u64) -> Result<Row, Refused> {
        let cells = self.layout.split(line)?;
        let cell =
            |field: Field| cells.get(field).ok_or_else(|| Refused::Because(format!("no {field}")));
        let instant = |field| -> Result<Timestamp, Refused> {
            Ok(super::csv::instant(cell(field)?, self.unit)?)
        };
        let value = |field, measure| self::number(cell(field)?, measure, self.exponents);
        let whole = |field: Field| -> Result<i64, Refused> {
            let text = cell(field)?;
            text.parse().map_err(|_| Refused::Because(format!("{field} `{text}`: no whole number")))
        };
        let id = || match cells.get(Field::Id) {
            Some(_) => whole(Field::Id),
            None => Ok(i64::try_from(number).unwrap_or(i64::MAX)),
        };
        let at = instant(Field::Time)?;
        let received_at = match cells.get(Field::ReceivedAt) {
            Some(_) => instant(Field::ReceivedAt)?,
            None => at,
        };
        match self.layout.kind {
            Kind::Trades => Ok(Row::Trade(checked_trade(Trade {
                received_at,
                event_at: at,
                id: id()?,
                price: value(Field::Price, Measure::Price)?,
                quantity: value(Field::Quantity, Measure::Quantity)?,
                is_buyer_maker: is_buyer_maker(cell(Field::Side)?)?,
            })?)),
            Kind::AggTrades => Ok(Row::AggTrade(checked_aggregate(AggTrade {
                received_at,
                event_at: at,
                id: id()?,
                first_trade_id: whole(Field::FirstTradeId)?,
                last_trade_id: whole(Field::LastTradeId)?,
                price: value(Field::Price, Measure::Price)?,
                quantity: value(Field::Quantity, Measure::Quantity)?,
                is_buyer_maker: is_buyer_maker(cell(Field::Side)?)?,
            })?)),
            Kind::Klines => {
                // What stands there is never taken for what does not.
                let told = |value: i64| match value {
                    0.. => Ok(value),
                    _ => Err(Refused::from(Impossible::Volume)),
                };
                let given = |field, measure| match cells.get(field) {
                    Some(text) => self::number(text, measure, self.exponents).and_then(told),
                    None => Ok(ABSENT),
                };
                let length = self.interval.map_or(Duration::ZERO, Interval::duration);
                let close_at = match cells.get(Field::CloseTime) {
                    Some(_) => instant(Field::CloseTime)?,
                    None => at.after(length).before(Duration::from_nanos(1)),
                };
                Ok(Row::Kline(checked_kline(Kline {
                    open_at: at,
                    close_at,
                    open: value(Field::Open, Measure::Price)?,
                    high: value(Field::High, Measure::Price)?,
                    low: value(Field::Low, Measure::Price)?,
                    close: value(Field::Close, Measure::Price)?,
                    volume: value(Field::Volume, Measure::Quantity)?,
                    quote_volume: given(Field::QuoteVolume, Measure::Quote)?,
                    trade_count: match cells.get(Field::TradeCount) {
                        Some(_) => whole(Field::TradeCount).and_then(told)?,
                        None => ABSENT,
                    },
                    taker_buy_volume: given(Field::TakerBuyVolume, Measure::Quantity)?,
                    taker_buy_quote_volume: given(Field::TakerBuyQuoteVolume, Measure::Quote)?,
                })?))
            }
            Kind::Quotes | Kind::Depth => Err("no rows of tables".to_owned().into()),
        }
    }
}

/// From "is buyer maker", or from the taker's side itself.
fn is_buyer_maker(cell: &str) -> Result<bool, Refused> {
    let refuse = || Refused::Because(format!("`{cell}` is neither a truth nor a side"));
    store::archive::is_buyer_maker(cell).ok_or_else(refuse)
}

/// A trade has a price and a quantity.
pub fn checked_trade(trade: Trade) -> Result<Trade, Refused> {
    check_trade(trade.price, trade.quantity)?;
    Ok(trade)
}

/// An aggregate has a price, a quantity, and trades.
pub fn checked_aggregate(trade: AggTrade) -> Result<AggTrade, Refused> {
    let trades = (trade.first_trade_id, trade.last_trade_id);
    check_aggregate(trade.price, trade.quantity, trades)?;
    Ok(trade)
}

/// The prices of a candle agree with each other, and no volume is negative.
pub fn checked_kline(kline: Kline) -> Result<Kline, Refused> {
    check_prices([kline.open, kline.high, kline.low, kline.close])?;
    if kline.close_at < kline.open_at {
        return Err(Impossible::Close.into());
    }
    let others = [
        kline.quote_volume,
        kline.trade_count,
        kline.taker_buy_volume,
        kline.taker_buy_quote_volume,
    ];
    if kline.volume < 0 || others.iter().any(|value| *value < ABSENT) {
        return Err(Impossible::Volume.into());
    }
    Ok(kline)
}
