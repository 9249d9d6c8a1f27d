//! Refusals.

use model::{FilterViolation, InstrumentStatus, Price, Quantity, RejectReason};

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

impl Reject {
    /// Code and words that the venue refuses such an order with.
    #[must_use]
    pub fn to_reason(&self) -> RejectReason {
        let filter = |name: &str| (-1013, format!("Filter failure: {name}"));
        let (code, message) = match self {
            Self::DuplicateKey(_) => (-2010, "Duplicate order sent.".to_owned()),
            Self::NotTrading(_) => (-1013, "Market is closed.".to_owned()),
            Self::Filter(violation) => filter(violation.filter_name()),
            Self::TooManyOpenOrders { .. } => filter("MAX_NUM_ORDERS"),
            Self::TooManyStopOrders { .. } => filter("MAX_NUM_ALGO_ORDERS"),
            Self::PositionTooLarge { .. } => filter("MAX_POSITION"),
            Self::QuoteAmountNotAllowed => {
                (-1106, "Parameter 'quoteOrderQty' sent when not required.".to_owned())
            }
            Self::WouldMatchImmediately { .. } => {
                (-2010, "Order would immediately match and take.".to_owned())
            }
            Self::WouldTriggerImmediately { .. } => {
                (-2010, "Order would trigger immediately.".to_owned())
            }
        };
        RejectReason { code, message }
    }
}

/// No open order has the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no open order has the key {}", .0.0)]
pub struct UnknownOrder(pub OrderKey);
