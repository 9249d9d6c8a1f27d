//! The account: balances, trades, commissions, and the rights of the key.

use std::borrow::Cow;

use model::{
    Amount, Asset, Fill, FillKey, InstrumentId, Liquidity, Price, Quantity, Side, Timestamp,
    TradeId, VenueOrderId,
};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::DecodeError;
use super::field::{check_trade, instant};

/// `GET /api/v3/account`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account<'a> {
    /// Current fee rates.
    pub commission_rates: Option<CommissionRates>,
    /// Whether the account may trade.
    pub can_trade: bool,
    /// Whether the account (not the key) may withdraw.
    pub can_withdraw: bool,
    /// When it last changed.
    #[serde(deserialize_with = "instant")]
    pub update_time: Timestamp,
    /// Balances, those of zero included unless omitted by request.
    #[serde(borrow)]
    pub balances: Vec<Balance<'a>>,
    /// The venue's number of the account.
    pub uid: Option<i64>,
}

/// The balance of one asset.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Balance<'a> {
    /// Asset.
    #[serde(borrow)]
    pub asset: Cow<'a, str>,
    /// Free to use.
    pub free: Amount,
    /// In open orders.
    pub locked: Amount,
}

/// Fee rates as fractions of what is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct CommissionRates {
    /// For resting.
    pub maker: Decimal,
    /// For taking.
    pub taker: Decimal,
    /// Added for buying.
    pub buyer: Decimal,
    /// Added for selling.
    pub seller: Decimal,
}

impl CommissionRates {
    /// The rate of a fill.
    #[must_use]
    pub fn rate(&self, side: Side, liquidity: Liquidity) -> Decimal {
        let by_liquidity = match liquidity {
            Liquidity::Maker => self.maker,
            Liquidity::Taker => self.taker,
        };
        let by_side = match side {
            Side::Buy => self.buyer,
            Side::Sell => self.seller,
        };
        by_liquidity + by_side
    }
}

/// `GET /api/v3/account/commission`: a fee is the sum of the three kinds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Commissions<'a> {
    /// Symbol.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// The part that a discount applies to.
    pub standard_commission: CommissionRates,
    /// Special part.
    #[serde(default)]
    pub special_commission: CommissionRates,
    /// Tax.
    #[serde(default)]
    pub tax_commission: CommissionRates,
    /// Discount for paying in another asset.
    #[serde(borrow)]
    pub discount: Option<CommissionDiscount<'a>>,
}

impl Commissions<'_> {
    /// The whole rate of a fill that is not discounted.
    #[must_use]
    pub fn rate(&self, side: Side, liquidity: Liquidity) -> Decimal {
        [&self.standard_commission, &self.special_commission, &self.tax_commission]
            .iter()
            .map(|rates| rates.rate(side, liquidity))
            .sum()
    }
}

/// Discount for paying fees in another asset.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommissionDiscount<'a> {
    /// Whether the account uses it.
    pub enabled_for_account: bool,
    /// Whether the symbol has it.
    pub enabled_for_symbol: bool,
    /// What fees are then paid in.
    #[serde(borrow)]
    pub discount_asset: Option<Cow<'a, str>>,
    /// What the standard part is multiplied with.
    pub discount: Decimal,
}

/// One row of `GET /api/v3/myTrades`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MyTrade<'a> {
    /// Symbol.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// The venue's trade.
    pub id: i64,
    /// The venue's order.
    pub order_id: i64,
    /// Price.
    pub price: Price,
    /// Base quantity.
    pub qty: Quantity,
    /// Fee.
    pub commission: Amount,
    /// What the fee was paid in.
    #[serde(borrow)]
    pub commission_asset: Cow<'a, str>,
    /// When.
    #[serde(deserialize_with = "instant")]
    pub time: Timestamp,
    /// Whether we bought.
    pub is_buyer: bool,
    /// Whether we rested.
    pub is_maker: bool,
}

impl MyTrade<'_> {
    /// As the engine's fill.
    ///
    /// # Errors
    /// [`DecodeError::Impossible`] without a positive price and quantity, and for a fee asset
    /// that is no identifier.
    pub fn to_fill(&self, instrument: InstrumentId) -> Result<Fill, DecodeError> {
        check_trade("myTrades", self.price, self.qty)?;
        Ok(Fill {
            key: FillKey {
                instrument,
                trade: TradeId(self.id),
                venue_order: VenueOrderId(self.order_id),
            },
            side: if self.is_buyer { Side::Buy } else { Side::Sell },
            price: self.price,
            quantity: self.qty,
            fee: self.commission,
            fee_asset: Asset::new(&self.commission_asset).map_err(|_| {
                DecodeError::impossible("myTrades", "commissionAsset", &self.commission_asset)
            })?,
            liquidity: if self.is_maker { Liquidity::Maker } else { Liquidity::Taker },
            event_at: self.time,
        })
    }
}

/// `GET /sapi/v1/account/apiRestrictions`: what the key, not the account, may do. A right that
/// the answer leaves out counts as granted, so that a changed format is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountRestrictions {
    /// Whether the key is bound to addresses.
    #[serde(default)]
    pub ip_restrict: bool,
    /// Whether it may trade on spot.
    #[serde(default)]
    pub enable_spot_and_margin_trading: bool,
    /// Whether it may withdraw.
    #[serde(default = "granted")]
    pub enable_withdrawals: bool,
    /// Whether it may transfer to other accounts.
    #[serde(default = "granted")]
    pub enable_internal_transfer: bool,
    /// Whether it may transfer between wallets.
    #[serde(default = "granted")]
    pub permits_universal_transfer: bool,
}

const fn granted() -> bool {
    true
}

impl AccountRestrictions {
    /// Whether money can leave with this key.
    #[must_use]
    pub const fn can_move_money(&self) -> bool {
        self.enable_withdrawals || self.enable_internal_transfer || self.permits_universal_transfer
    }
}
