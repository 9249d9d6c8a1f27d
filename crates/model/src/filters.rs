//! The venue's trading filters, and what fails them.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{Amount, Price, Quantity};

/// PRICE_FILTER: each part is off when zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PriceFilter {
    /// Lowest price.
    pub min: Price,
    /// Highest price.
    pub max: Price,
    /// Prices are multiples of it.
    pub tick: Price,
}

/// LOT_SIZE and MARKET_LOT_SIZE: each part is off when zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SizeFilter {
    /// Smallest quantity.
    pub min: Quantity,
    /// Largest quantity.
    pub max: Quantity,
    /// Quantities are multiples of it, counted from zero.
    pub step: Quantity,
}

/// PERCENT_PRICE_BY_SIDE (PERCENT_PRICE has the same numbers for both sides): bounds of the limit
/// price as multiples of the reference price.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PercentPrice {
    /// Lowest bid.
    pub bid_down: Decimal,
    /// Highest bid.
    pub bid_up: Decimal,
    /// Lowest ask.
    pub ask_down: Decimal,
    /// Highest ask.
    pub ask_up: Decimal,
    /// Minutes of trading that the reference price averages; 0 means the last price.
    pub average_mins: u32,
}

/// MIN_NOTIONAL and NOTIONAL.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NotionalFilter {
    /// Smallest price × quantity.
    pub min: Amount,
    /// Whether the minimum holds for market orders, at the reference price.
    pub min_applies_to_market: bool,
    /// Largest price × quantity, if any.
    pub max: Option<Amount>,
    /// Whether the maximum holds for market orders.
    pub max_applies_to_market: bool,
    /// Minutes of trading that the reference price averages; 0 means the last price.
    pub average_mins: u32,
}

/// The venue's trading filters of one symbol. Absent filters are off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Filters {
    /// PRICE_FILTER.
    pub price: PriceFilter,
    /// LOT_SIZE.
    pub lot_size: SizeFilter,
    /// MARKET_LOT_SIZE, for market orders in addition to LOT_SIZE.
    pub market_lot_size: SizeFilter,
    /// PERCENT_PRICE or PERCENT_PRICE_BY_SIDE.
    pub percent_price: Option<PercentPrice>,
    /// MIN_NOTIONAL or NOTIONAL.
    pub notional: Option<NotionalFilter>,
    /// MAX_NUM_ORDERS: open orders per account and symbol.
    pub max_open_orders: Option<u32>,
    /// MAX_NUM_ALGO_ORDERS: untriggered stops and targets among them.
    pub max_open_stop_orders: Option<u32>,
    /// MAX_POSITION: base held and being bought.
    pub max_position: Option<Quantity>,
    /// ICEBERG_PARTS.
    pub max_iceberg_parts: Option<u32>,
}

/// A filter that an order fails, with what it allows and what was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FilterViolation {
    /// PRICE_FILTER.
    #[error("price {actual} is outside {min} to {max}, or no multiple of {tick}")]
    Price {
        /// The price asked.
        actual: Price,
        /// Lowest price; zero is off.
        min: Price,
        /// Highest price; zero is off.
        max: Price,
        /// Tick; zero is off.
        tick: Price,
    },
    /// LOT_SIZE.
    #[error("quantity {actual} is outside {min} to {max}, or no multiple of {step}")]
    LotSize {
        /// The quantity asked.
        actual: Quantity,
        /// Smallest quantity.
        min: Quantity,
        /// Largest quantity; zero is off.
        max: Quantity,
        /// Step; zero is off.
        step: Quantity,
    },
    /// MARKET_LOT_SIZE.
    #[error("market quantity {actual} is outside {min} to {max}, or no multiple of {step}")]
    MarketLotSize {
        /// The quantity asked.
        actual: Quantity,
        /// Smallest quantity.
        min: Quantity,
        /// Largest quantity; zero is off.
        max: Quantity,
        /// Step; zero is off.
        step: Quantity,
    },
    /// PERCENT_PRICE_BY_SIDE.
    #[error("price {actual} is outside {min} to {max}, the bounds around the reference price")]
    PercentPrice {
        /// The price asked.
        actual: Price,
        /// Lowest price allowed now.
        min: Amount,
        /// Highest price allowed now.
        max: Amount,
    },
    /// MIN_NOTIONAL or NOTIONAL.
    #[error("notional {actual} is below {min}")]
    NotionalTooSmall {
        /// Price × quantity.
        actual: Amount,
        /// The smallest allowed.
        min: Amount,
    },
    /// NOTIONAL.
    #[error("notional {actual} is above {max}")]
    NotionalTooLarge {
        /// Price × quantity.
        actual: Amount,
        /// The largest allowed.
        max: Amount,
    },
}

impl FilterViolation {
    /// The venue's name for the filter, as in "Filter failure: LOT_SIZE".
    #[must_use]
    pub const fn filter_name(&self) -> &'static str {
        match self {
            Self::Price { .. } => "PRICE_FILTER",
            Self::LotSize { .. } => "LOT_SIZE",
            Self::MarketLotSize { .. } => "MARKET_LOT_SIZE",
            Self::PercentPrice { .. } => "PERCENT_PRICE_BY_SIDE",
            Self::NotionalTooSmall { .. } | Self::NotionalTooLarge { .. } => "NOTIONAL",
        }
    }
}
