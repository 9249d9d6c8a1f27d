//! Rules beyond exchangeInfo: execution rules, the filters of one account, smart order routing.

use std::borrow::Cow;

use model::Amount;
use rust_decimal::Decimal;
use serde::Deserialize;

/// `/executionRules`: what a symbol's trades must keep to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionRules<'a> {
    /// Symbols with rules.
    #[serde(borrow)]
    pub symbol_rules: Vec<SymbolRules<'a>>,
}

/// The rules of a symbol.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SymbolRules<'a> {
    /// Symbol.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// Its rules.
    #[serde(borrow)]
    pub rules: Vec<ExecutionRule<'a>>,
}

/// One rule. PRICE_RANGE: what a taker trades beyond reference price × multiplier expires.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionRule<'a> {
    /// `PRICE_RANGE`, or what comes next.
    #[serde(borrow)]
    pub rule_type: Cow<'a, str>,
    /// Highest price of a buyer.
    pub bid_limit_mult_up: Option<Decimal>,
    /// Lowest price of a buyer.
    pub bid_limit_mult_down: Option<Decimal>,
    /// Highest price of a seller.
    pub ask_limit_mult_up: Option<Decimal>,
    /// Lowest price of a seller.
    pub ask_limit_mult_down: Option<Decimal>,
}

/// `/myFilters`: the filters that bind this account on a symbol, beyond the symbol's own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountFilters<'a> {
    /// Over all symbols.
    #[serde(borrow)]
    pub exchange_filters: Vec<AccountFilter<'a>>,
    /// On the symbol.
    #[serde(borrow)]
    pub symbol_filters: Vec<AccountFilter<'a>>,
    /// On the symbol's assets.
    #[serde(borrow)]
    pub asset_filters: Vec<AccountFilter<'a>>,
}

/// One filter: a count of open orders, or the most of an asset in one order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountFilter<'a> {
    /// The venue's name of it.
    #[serde(borrow)]
    pub filter_type: Cow<'a, str>,
    /// EXCHANGE_MAX_NUM_ORDERS and MAX_NUM_ORDERS.
    pub max_num_orders: Option<u32>,
    /// …_ALGO_ORDERS: stops and take profits.
    pub max_num_algo_orders: Option<u32>,
    /// …_ICEBERG_ORDERS.
    pub max_num_iceberg_orders: Option<u32>,
    /// …_ORDER_LISTS.
    pub max_num_order_lists: Option<u32>,
    /// MAX_NUM_ORDER_AMENDS: of one order.
    pub max_num_order_amends: Option<u32>,
    /// MAX_ASSET: of which asset.
    #[serde(borrow)]
    pub asset: Option<Cow<'a, str>>,
    /// MAX_ASSET: how much of it.
    pub limit: Option<Amount>,
}

/// One row of exchangeInfo's `sors`: symbols that smart order routing takes for one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SmartOrderRoute<'a> {
    /// What they trade.
    #[serde(borrow)]
    pub base_asset: Cow<'a, str>,
    /// The symbols.
    pub symbols: Vec<String>,
}
