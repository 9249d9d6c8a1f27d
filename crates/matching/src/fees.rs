//! Commissions.

use model::{Amount, Asset, Instrument, Liquidity as Role, Price, Quantity, Side};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Which asset a fee is taken from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeePolicy {
    /// From what the order receives, as on the venue: a buy pays in base, a sell in quote.
    #[default]
    ReceivedAsset,
    /// Always in quote.
    Quote,
}

/// Fee rates of one symbol, as fractions (0.001 is 0.1 %).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fees {
    /// Rate for an order that rested.
    pub maker: Decimal,
    /// Rate for an order that took.
    pub taker: Decimal,
    /// Which asset pays.
    pub policy: FeePolicy,
}

impl Fees {
    /// No fees.
    pub const NONE: Self =
        Self { maker: Decimal::ZERO, taker: Decimal::ZERO, policy: FeePolicy::ReceivedAsset };

    /// The fee of one execution and its asset: received amount × rate, per execution, cut to the
    /// asset's decimals (the venue documents the product, the cut is what its balances, which
    /// have so many decimals, leave room for).
    #[must_use]
    pub fn commission(
        &self,
        instrument: &Instrument,
        side: Side,
        role: Role,
        price: Price,
        quantity: Quantity,
    ) -> (Amount, Asset) {
        let rate = match role {
            Role::Maker => self.maker,
            Role::Taker => self.taker,
        };
        let in_base = self.policy == FeePolicy::ReceivedAsset && side == Side::Buy;
        let (asset, decimals) = if in_base {
            (instrument.base, instrument.base_decimals)
        } else {
            (instrument.quote, instrument.quote_decimals)
        };
        if rate.is_zero() {
            return (Amount::ZERO, asset);
        }
        let received = if in_base { Amount::from(quantity) } else { notional(price, quantity) };
        let fee = received.checked_mul(rate).expect("a fee is smaller than the amount it is of");
        (fee.truncated(decimals), asset)
    }
}

/// Price × quantity of something that was matched.
pub(crate) fn notional(price: Price, quantity: Quantity) -> Amount {
    Amount::notional(price, quantity)
        .expect("64 bits times 64 bits fit in 28 digits of 16 decimals")
}
