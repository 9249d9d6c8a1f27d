//! account, account/commission, rateLimit/order, myTrades.

use std::collections::BTreeMap;
use std::time::Duration;

use model::TradeId;
use rust_decimal::Decimal;

use super::json;
use super::render::{Eight, TradeAnswer};
use crate::accounts::Balance;
use crate::api::Request;
use crate::api::error::ApiError;
use crate::api::ordered::{Object, object};
use crate::api::params::Params;
use crate::machine::{BNB_DISCOUNT, Exchange};
use crate::orders::MyTrade;
use crate::symbols::{eight, known_assets};

/// `GET /api/v3/account`
pub fn status(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let omit_zero = request.params.boolean("omitZeroBalances")?.unwrap_or(false);
    request.params.finish()?;
    let account = exchange.account(request.account);
    let fees = exchange.fees();
    let mut all: BTreeMap<_, _> = known_assets().map(|asset| (asset, Balance::default())).collect();
    all.extend(account.balances());
    let balances: Vec<_> = all
        .iter()
        .filter(|(_, balance)| !(omit_zero && balance.free.is_zero() && balance.locked.is_zero()))
        .map(|(asset, balance)| {
            object! {"asset": asset, "free": Eight(balance.free), "locked": Eight(balance.locked)}
        })
        .collect();
    Ok(json(&object! {
        "makerCommission": basis_points(fees.maker),
        "takerCommission": basis_points(fees.taker),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": object! {
            "maker": eight(fees.maker),
            "taker": eight(fees.taker),
            "buyer": eight(Decimal::ZERO),
            "seller": eight(Decimal::ZERO),
        },
        "canTrade": true,
        "canWithdraw": false,
        "canDeposit": true,
        "brokered": false,
        "requireSelfTradePrevention": false,
        "preventSor": false,
        "updateTime": request.unit.of(account.updated_at),
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
        "uid": account.uid(),
    }))
}

fn basis_points(rate: Decimal) -> i64 {
    i64::try_from((rate * Decimal::from(10_000)).trunc()).unwrap_or(i64::MAX)
}

/// `GET /api/v3/account/commission`
pub fn commission(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let symbol = request.params.symbol()?;
    request.params.finish()?;
    exchange.market_of(symbol)?;
    let fees = exchange.fees();
    let rates = |maker, taker| {
        object! {
            "maker": eight(maker),
            "taker": eight(taker),
            "buyer": eight(Decimal::ZERO),
            "seller": eight(Decimal::ZERO),
        }
    };
    let none = rates(Decimal::ZERO, Decimal::ZERO);
    Ok(json(&object! {
        "symbol": symbol,
        "standardCommission": rates(fees.maker, fees.taker),
        "specialCommission": none,
        "taxCommission": none,
        "discount": discount(exchange, request),
    }))
}

/// What fees in BNB are, for this account.
pub fn discount(exchange: &Exchange, request: &Request<'_>) -> Object {
    object! {
        "enabledForAccount": exchange.account(request.account).pays_in_bnb,
        "enabledForSymbol": true,
        "discountAsset": Exchange::discount_asset(),
        "discount": eight(BNB_DISCOUNT),
    }
}

/// `GET /api/v3/rateLimit/order`
pub fn order_counts(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    request.params.finish()?;
    let counts = exchange.account(request.account).counts;
    Ok(json(&counts.lines(request.now, exchange.limits())))
}

/// Weight of myTrades.
pub fn trades_weight(params: &Params) -> u32 {
    if params.peek("orderId").is_some() { 5 } else { 20 }
}

/// Longest period that myTrades and the reads of past orders and lists look into.
pub const LONGEST_PERIOD: Duration = Duration::from_secs(24 * 3_600);

/// `GET /api/v3/myTrades`
pub fn trades(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let params = request.params;
    let symbol = params.symbol()?;
    let order = params.integer("orderId")?;
    let (from, to) = (params.instant("startTime")?, params.instant("endTime")?);
    let from_id = params.integer("fromId")?;
    let limit = params.limit(500, 1_000)?;
    params.finish()?;
    let has_time = from.is_some() || to.is_some();
    if has_time && (from_id.is_some() || order.is_some()) {
        return Err(ApiError::bad_combination());
    }
    if let (Some(from), Some(to)) = (from, to)
        && to.since(from) > LONGEST_PERIOD
    {
        return Err(ApiError::more_than_hours(24));
    }
    exchange.market_of(symbol)?;
    let orders = exchange.memory(request.account, request.now);
    let is_wanted = |trade: &&MyTrade| {
        order.is_none_or(|order| trade.order == order)
            && from.is_none_or(|from| trade.at.as_micros() >= from.as_micros())
            && to.is_none_or(|to| trade.at.as_millis() <= to.as_millis())
    };
    let first = TradeId(from_id.unwrap_or(i64::MIN));
    let all = orders.trades_from(symbol, first).filter(is_wanted);
    // With a start the oldest, else the most recent ones.
    let wanted: Vec<&MyTrade> = if from.is_some() || from_id.is_some() {
        all.take(limit).collect()
    } else {
        let mut newest: Vec<_> = all.rev().take(limit).collect();
        newest.reverse();
        newest
    };
    let answers: Vec<_> = wanted
        .into_iter()
        .map(|trade| {
            let list = orders.get(trade.order).map_or(-1, crate::orders::Order::list_number);
            TradeAnswer::of(trade, list, request.unit)
        })
        .collect();
    Ok(json(&answers))
}
