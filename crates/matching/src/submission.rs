//! What enters a matcher.

use model::{Amount, NewOrder, Price, Quantity};
use serde::{Deserialize, Serialize};

/// The caller's number for an order, unique among the open orders of a matcher. Time priority
/// does not follow from it: that is the order of arrival.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct OrderKey(pub u64);

/// Whose order it is: the caller's number for an account.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Owner(pub u32);

impl Owner {
    /// The rest of the market, as a synthetic flow plays it. It pays no fees and no filter is
    /// checked for it: whoever makes the flow quantises it.
    pub const BACKGROUND: Self = Self(0);
}

/// What happens when an order would trade with another of the same owner. The taker's choice
/// decides.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SelfTradePrevention {
    /// It trades with itself.
    #[default]
    None,
    /// The taker's remainder ends.
    ExpireTaker,
    /// The maker ends, and the taker goes on.
    ExpireMaker,
    /// Both end.
    ExpireBoth,
    /// Both lose what the smaller one has left, which ends it.
    Decrement,
}

impl SelfTradePrevention {
    /// Every mode.
    pub const ALL: [Self; 5] =
        [Self::None, Self::ExpireTaker, Self::ExpireMaker, Self::ExpireBoth, Self::Decrement];

    /// The venue's name for it.
    #[must_use]
    pub const fn venue_name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::ExpireTaker => "EXPIRE_TAKER",
            Self::ExpireMaker => "EXPIRE_MAKER",
            Self::ExpireBoth => "EXPIRE_BOTH",
            Self::Decrement => "DECREMENT",
        }
    }
}

/// How a waiting order follows the market.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trailing {
    /// A sell fires once the last price is so far below the highest one since it follows, a buy
    /// so far above the lowest one, in hundredths of a percent.
    pub delta_bips: u32,
}

/// An order on its way into a matcher, with what the matcher can't know about its owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Submission {
    /// The caller's number for it.
    pub key: OrderKey,
    /// Whose it is.
    pub owner: Owner,
    /// What is wanted. Its `instrument` is the matcher's, its `role` is of no concern here.
    pub order: NewOrder,
    /// Base asset that the owner holds, free and locked, for MAX_POSITION.
    pub held: Quantity,
    /// Reference price of the percent-price and notional filters; the last price when `None`.
    pub reference: Option<Price>,
    /// The most quote asset that a stop or target without a limit may spend when it fires as a
    /// buy. What it can't pay for expires as [`crate::ExpiryReason::ExchangeCanceled`].
    pub budget: Option<Amount>,
    /// What happens when it would trade with another of the owner's orders.
    pub prevention: SelfTradePrevention,
    /// The part that shows while it rests. Each shown part has its own turn in the queue.
    pub iceberg: Option<Quantity>,
    /// For kinds that wait: it follows the market, from the moment its stop is reached, or, with
    /// a stop of zero, from the next trade on, and fires when the market comes back so far.
    pub trailing: Option<Trailing>,
}

impl Submission {
    /// An order of an owner who holds nothing, judged by the last price.
    #[must_use]
    pub const fn new(key: OrderKey, owner: Owner, order: NewOrder) -> Self {
        Self {
            key,
            owner,
            order,
            held: Quantity::ZERO,
            reference: None,
            budget: None,
            prevention: SelfTradePrevention::None,
            iceberg: None,
            trailing: None,
        }
    }
}
