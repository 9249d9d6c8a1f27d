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
}

impl Submission {
    /// An order of an owner who holds nothing, judged by the last price.
    #[must_use]
    pub const fn new(key: OrderKey, owner: Owner, order: NewOrder) -> Self {
        Self { key, owner, order, held: Quantity::ZERO, reference: None, budget: None }
    }
}
