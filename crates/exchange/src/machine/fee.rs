//! Which asset pays a fee: what the order receives, or BNB at a discount.

use model::{Amount, Asset};
use rust_decimal::Decimal;

use super::Exchange;

/// What a fee in BNB is of the same fee in another asset. Account/commission reports it.
pub const BNB_DISCOUNT: Decimal = Decimal::from_parts(75, 0, 0, false, 2);

impl Exchange {
    /// What pays a fee.
    #[must_use]
    pub fn discount_asset() -> Asset {
        Asset::new("BNB").expect("a plain name")
    }

    /// The discounted fee in BNB at the last prices, if the account wants that and has so much
    /// free; else `None`, and the fee is paid as it is.
    pub(super) fn fee_in_bnb(&self, account: u32, fee: Amount, asset: Asset) -> Option<Amount> {
        let owner = self.account(account);
        if !owner.pays_in_bnb || fee.is_zero() {
            return None;
        }
        let bnb = Self::discount_asset();
        let worth = self.worth_of(asset, bnb)?;
        let due = fee.to_decimal().checked_mul(BNB_DISCOUNT)?.checked_mul(worth)?;
        let due = Amount::new(due).truncated(8);
        (due <= owner.balance(bnb).free).then_some(due)
    }

    /// Units of `other` that one unit of `asset` is worth: by their market, or by two markets
    /// that share a third asset.
    fn worth_of(&self, asset: Asset, other: Asset) -> Option<Decimal> {
        if asset == other {
            return Some(Decimal::ONE);
        }
        if let Some(price) = self.price_between(asset, other) {
            return Some(price);
        }
        self.markets.iter().find_map(|market| {
            let instrument = market.instrument();
            let via = match asset {
                asset if asset == instrument.base => instrument.quote,
                asset if asset == instrument.quote => instrument.base,
                _ => return None,
            };
            self.price_between(asset, via)?.checked_mul(self.price_between(via, other)?)
        })
    }

    /// Units of `other` for one unit of `asset` by the last price of their own market.
    fn price_between(&self, asset: Asset, other: Asset) -> Option<Decimal> {
        self.markets.iter().find_map(|market| {
            let instrument = market.instrument();
            let price = market.matcher.last_price()?.to_decimal();
            match (instrument.base, instrument.quote) {
                pair if pair == (asset, other) => Some(price),
                pair if pair == (other, asset) => Decimal::ONE.checked_div(price),
                _ => None,
            }
        })
    }

    /// Chooses whether an account pays its fees in BNB. False if there is no such account.
    pub fn pay_in_bnb(&mut self, account: u32, is_on: bool) -> bool {
        let account = self.accounts.get_mut(&account);
        account.map(|account| account.pays_in_bnb = is_on).is_some()
    }
}
