//! Refusals.

use model::{FilterViolation, InstrumentStatus, Price, Quantity};

use crate::OrderKey;

/// Why a matcher refused an order. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// An open order has this key.
    #[error("order key {} is in use", .0.0)]
    DuplicateKey(OrderKey),
    /// The instrument takes no orders.
    #[error("the instrument is not trading: {0:?}")]
    NotTrading(InstrumentStatus),
    /// A filter that concerns the order alone.
    #[error(transparent)]
    Filter(#[from] FilterViolation),
    /// MAX_NUM_ORDERS.
    #[error("the owner has {limit} open orders, as many as allowed")]
    TooManyOpenOrders {
        /// The filter's limit.
        limit: u32,
    },
    /// MAX_NUM_ALGO_ORDERS.
    #[error("the owner has {limit} waiting stop orders, as many as allowed")]
    TooManyStopOrders {
        /// The filter's limit.
        limit: u32,
    },
    /// MAX_POSITION.
    #[error("the position could reach {actual}, above {limit}")]
    PositionTooLarge {
        /// Held, being bought and wanted.
        actual: Quantity,
        /// The filter's limit.
        limit: Quantity,
    },
    /// A quote amount is for market orders only.
    #[error("only a market order can be placed by quote amount")]
    QuoteAmountNotAllowed,
    /// A post-only order would take.
    #[error("a maker order at {price} would match the best price {best}")]
    WouldMatchImmediately {
        /// The order's price.
        price: Price,
        /// The best price of the other side.
        best: Price,
    },
    /// A stop or target on the wrong side of the last price.
    #[error("a stop at {stop_price} would trigger at the last price {last_price}")]
    WouldTriggerImmediately {
        /// The order's trigger.
        stop_price: Price,
        /// The last price.
        last_price: Price,
    },
}

/// No open order has the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no open order has the key {}", .0.0)]
pub struct UnknownOrder(pub OrderKey);
