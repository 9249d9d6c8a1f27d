//! What no row may say. The rules of everything that reads a table: the direct reader of this
//! module, and the import into a catalog. Values are in units of whatever the reader counts in.

/// Why a row is impossible, though each of its cells can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Impossible {
    /// Of a trade.
    #[error("a trade without a price or quantity above zero")]
    Trade,
    /// Of an aggregate trade.
    #[error("an aggregate without a price or quantity above zero")]
    Aggregate,
    /// Its trades are none.
    #[error("an aggregate whose first trade is after its last")]
    TradesOfAggregate,
    /// The highest price is not the highest, or the lowest not the lowest or not above zero.
    #[error("prices that contradict each other")]
    Prices,
    /// A candle that ends before it begins.
    #[error("a close before the open")]
    Close,
    /// A volume, or a number of trades, below zero.
    #[error("a negative volume")]
    Volume,
}

/// A trade has a price and a quantity.
///
/// # Errors
/// [`Impossible::Trade`].
pub const fn check_trade(price: i64, quantity: i64) -> Result<(), Impossible> {
    if price <= 0 || quantity <= 0 { Err(Impossible::Trade) } else { Ok(()) }
}

/// An aggregate has a price, a quantity, and trades from the first to the last.
///
/// # Errors
/// [`Impossible::Aggregate`], [`Impossible::TradesOfAggregate`].
pub const fn check_aggregate(
    price: i64,
    quantity: i64,
    (first, last): (i64, i64),
) -> Result<(), Impossible> {
    if price <= 0 || quantity <= 0 {
        return Err(Impossible::Aggregate);
    }
    if first > last { Err(Impossible::TradesOfAggregate) } else { Ok(()) }
}

/// The prices of a candle agree with each other.
///
/// # Errors
/// [`Impossible::Prices`].
pub fn check_prices([open, high, low, close]: [i64; 4]) -> Result<(), Impossible> {
    let is_within = |price: i64| (low..=high).contains(&price);
    if low <= 0 || !is_within(open) || !is_within(close) {
        return Err(Impossible::Prices);
    }
    Ok(())
}
