//! What comes out of a matcher.

use model::{Amount, Asset, Price, Quantity, Side, Timestamp, TradeId};
use serde::{Deserialize, Serialize};

use crate::{OrderKey, Owner, SelfTradePrevention};

/// One side of an execution.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Party {
    /// The order.
    pub key: OrderKey,
    /// Whose it is.
    pub owner: Owner,
    /// Executed so far, this execution included.
    pub filled: Quantity,
    /// Still to be executed; zero completes the order, and no other event says so.
    pub remaining: Quantity,
    /// Fee of this execution; zero for [`Owner::BACKGROUND`].
    pub fee: Amount,
    /// What the fee is paid in.
    pub fee_asset: Asset,
}

/// An order met another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Execution {
    /// Counts up by one within a matcher.
    pub id: TradeId,
    /// The maker's price.
    pub price: Price,
    /// Base quantity.
    pub quantity: Quantity,
    /// Side of the taker.
    pub aggressor: Side,
    /// The order that rested; `None` is the recorded market.
    pub maker: Option<Party>,
    /// The order that took; `None` is the recorded market.
    pub taker: Option<Party>,
    /// When.
    pub at: Timestamp,
}

/// One side of a match that did not come about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PreventedParty {
    /// The order.
    pub key: OrderKey,
    /// What it lost; zero if it goes on as it was.
    pub quantity: Quantity,
    /// Still to be executed; zero ends the order, and no other event says so.
    pub remaining: Quantity,
}

/// An order would have met another of the same owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PreventedMatch {
    /// Whose orders.
    pub owner: Owner,
    /// The taker's mode.
    pub mode: SelfTradePrevention,
    /// The maker's price.
    pub price: Price,
    /// The order that would have rested on.
    pub maker: PreventedParty,
    /// The order that would have taken.
    pub taker: PreventedParty,
}

/// A price level has a new total. Several changes of a level by one taker are one change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LevelChange {
    /// Side of the level.
    pub side: Side,
    /// Its price.
    pub price: Price,
    /// What rests there now; zero: nothing.
    pub quantity: Quantity,
    /// Counts up by one with each change of a matcher's book.
    pub update_id: i64,
}

/// Why an order ended before it was filled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiryReason {
    /// What an immediate-or-cancel order could not fill at once.
    UnfilledImmediateOrCancel,
    /// A fill-or-kill order could not fill completely.
    UnfilledFillOrKill,
    /// A market order met an empty book.
    InsufficientLiquidity,
    /// The exchange ended it: a triggered order that its owner can't pay for.
    ExchangeCanceled,
}

impl ExpiryReason {
    /// The venue's name for it.
    #[must_use]
    pub const fn venue_name(self) -> &'static str {
        match self {
            Self::UnfilledImmediateOrCancel => "UNFILLED_IOC_QUANTITY_EXPIRED",
            Self::UnfilledFillOrKill => "UNFILLED_FOK_ORDER_EXPIRED",
            Self::InsufficientLiquidity => "INSUFFICIENT_LIQUIDITY",
            Self::ExchangeCanceled => "EXCHANGE_CANCELED",
        }
    }
}

/// What happened, in order. A refused order leaves no event: the refusal is the call's error.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum MatchEvent {
    /// The order is in: it will match, rest or wait for its trigger.
    Accepted {
        /// The order.
        key: OrderKey,
        /// Whose it is.
        owner: Owner,
        /// Base quantity wanted. For an order by quote amount, what the book allows for it; zero
        /// when the book is empty.
        quantity: Quantity,
    },
    /// The last price reached the order's stop: it works from now on.
    Triggered {
        /// The order.
        key: OrderKey,
        /// Whose it is.
        owner: Owner,
        /// The trade's price that did it.
        last_price: Price,
    },
    /// A trailing order follows the last price from now on.
    Tracking {
        /// The order.
        key: OrderKey,
        /// Whose it is.
        owner: Owner,
    },
    /// An execution.
    Traded(Execution),
    /// A match that self-trade prevention prevented.
    Prevented(PreventedMatch),
    /// The order ended by its time in force or for want of liquidity.
    Expired {
        /// The order.
        key: OrderKey,
        /// Whose it was.
        owner: Owner,
        /// What it had executed.
        filled: Quantity,
        /// Why it ended.
        reason: ExpiryReason,
    },
    /// The order was taken back.
    Canceled {
        /// The order.
        key: OrderKey,
        /// Whose it was.
        owner: Owner,
        /// What it had executed.
        filled: Quantity,
    },
    /// A level of the book has a new total. Never sent for a recorded market, which nothing of
    /// ours moves.
    LevelChanged(LevelChange),
}
