//! What few clients ask for, and what this exchange leaves out: that is answered with the
//! documented error or an empty list, never with silence.

use super::general::{check_status, select};
use crate::api::Request;
use crate::api::error::ApiError;
use crate::api::ordered::{Object, object};
use crate::api::params::Params;
use crate::machine::Exchange;
use crate::orders::PreventedMatch;
use crate::symbols;

/// `GET /api/v3/executionRules`: no symbol has any.
pub fn execution_rules(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let symbol = request.params.optional_symbol()?;
    let symbols = request.params.symbols()?;
    let status = request.params.symbol_status()?;
    request.params.finish()?;
    let given = [symbol.is_some(), symbols.is_some(), status.is_some()];
    if given.into_iter().filter(|is_given| *is_given).count() > 1 {
        return Err(ApiError::bad_combination());
    }
    let wanted = symbol.map(|symbol| vec![symbol]).or(symbols);
    select(exchange, wanted.as_deref())?;
    Ok(object! {"symbolRules": Vec::<Object>::new()}.to_string())
}

/// Weight of executionRules by the number of symbols.
pub fn execution_rules_weight(params: &Params) -> u32 {
    match (params.peek("symbol"), params.peek("symbols")) {
        (Some(_), _) => 2,
        (None, Some(list)) => {
            let symbols = list.matches(',').count() + 1;
            u32::try_from(symbols).unwrap_or(u32::MAX).saturating_mul(2).min(40)
        }
        (None, None) => 40,
    }
}

/// `GET /api/v3/referencePrice`: a symbol has one when the control path gave it one.
pub fn reference_price(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let symbol = request.params.symbol()?;
    request.params.finish()?;
    let reference = exchange.market_of(symbol)?.reference();
    let reference = reference.ok_or_else(ApiError::no_reference_price)?;
    Ok(object! {
        "symbol": symbol,
        "referencePrice": reference.price,
        "timestamp": request.unit.of(reference.at),
    }
    .to_string())
}

/// `GET /api/v3/referencePrice/calculation`: it comes from outside the matching engine.
pub fn reference_price_calculation(
    exchange: &mut Exchange,
    request: &Request<'_>,
) -> Result<String, ApiError> {
    let symbol = request.params.symbol()?;
    let status = request.params.symbol_status()?;
    request.params.finish()?;
    let market = exchange.market_of(symbol)?;
    check_status(market.instrument(), status)?;
    market.reference().ok_or_else(ApiError::no_reference_price)?;
    let answer =
        object! {"symbol": symbol, "calculationType": "EXTERNAL", "externalCalculationId": 1};
    Ok(answer.to_string())
}

/// Weight of myPreventedMatches: by an order it is dearer.
pub fn prevented_weight(params: &Params) -> u32 {
    if params.peek("preventedMatchId").is_some() { 2 } else { 20 }
}

/// `GET /api/v3/myPreventedMatches`
pub fn prevented_matches(
    exchange: &mut Exchange,
    request: &Request<'_>,
) -> Result<String, ApiError> {
    let params = request.params;
    let symbol = params.symbol()?;
    let id = params.integer("preventedMatchId")?;
    let order = params.integer("orderId")?;
    let from_id = params.integer("fromPreventedMatchId")?;
    let limit = params.limit(500, 1_000)?;
    params.finish()?;
    exchange.market_of(symbol)?;
    // By one match, or by an order and where to begin.
    match (id, order, from_id) {
        (Some(_), None, None) | (None, Some(_), _) => {}
        (None, None, _) => return Err(ApiError::either("preventedMatchId", "orderId")),
        (Some(_), _, _) => return Err(ApiError::bad_combination()),
    }
    let answers: Vec<Object> = exchange
        .account(request.account)
        .orders
        .prevented_from(id.or(from_id).unwrap_or(i64::MIN))
        .filter(|prevented| prevented.symbol == symbol)
        .filter(|prevented| id.is_none_or(|id| prevented.id == id))
        .filter(|prevented| {
            order.is_none_or(|order| [prevented.taker, prevented.maker].contains(&order))
        })
        .take(limit)
        .map(|prevented| prevented_json(prevented, request))
        .collect();
    Ok(super::json(&answers))
}

fn prevented_json(prevented: &PreventedMatch, request: &Request<'_>) -> Object {
    let mut answer = object! {
        "symbol": prevented.symbol,
        "preventedMatchId": prevented.id,
        "takerOrderId": prevented.taker,
        "makerSymbol": prevented.symbol,
        "makerOrderId": prevented.maker,
        "tradeGroupId": -1,
        "selfTradePreventionMode": prevented.mode.venue_name(),
        "price": prevented.price,
    };
    for (name, quantity) in [
        ("takerPreventedQuantity", prevented.taker_quantity),
        ("makerPreventedQuantity", prevented.maker_quantity),
    ] {
        if quantity.is_positive() {
            answer = answer.with(name, &quantity);
        }
    }
    answer.with("transactTime", &request.unit.of(prevented.at))
}

/// Lists of a symbol that are always empty here: block trades, allocations.
pub fn none_of_symbol(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let params = request.params;
    let symbol = params.symbol()?;
    for name in ["orderId", "fromAllocationId", "fromId"] {
        params.integer(name)?;
    }
    params.instant("startTime")?;
    params.instant("endTime")?;
    params.limit(500, 1_000)?;
    params.finish()?;
    exchange.market_of(symbol)?;
    Ok("[]".to_owned())
}

/// `GET /api/v3/myFilters`
pub fn filters(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let symbol = request.params.symbol()?;
    request.params.finish()?;
    let instrument = exchange.market_of(symbol)?.instrument();
    let filters = symbols::filters(&instrument.filters);
    let answer = object! {"exchangeFilters": Vec::<Object>::new(), "symbolFilters": filters, "assetFilters": Vec::<Object>::new()};
    Ok(answer.to_string())
}

/// `GET /sapi/v1/account/apiRestrictions`: the key's own rights.
pub fn key_rights(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    request.params.finish()?;
    let (key, _) = exchange.key(request.key).ok_or_else(ApiError::key_rejected)?;
    let rights = key.permissions;
    Ok(object! {
        "ipRestrict": rights.ip_restrict,
        "createTime": request.unit.of(exchange.started_at()),
        "enableReading": true,
        "enableSpotAndMarginTrading": rights.trade,
        "enableWithdrawals": rights.withdraw,
        "enableInternalTransfer": rights.withdraw,
        "permitsUniversalTransfer": rights.withdraw,
        "enableMargin": false,
        "enableFutures": false,
        "enableVanillaOptions": false,
        "enablePortfolioMarginTrading": false,
    }
    .to_string())
}

/// Lists whose pending quantity comes from what the working order buys.
pub fn opo(_exchange: &mut Exchange, _request: &Request<'_>) -> Result<String, ApiError> {
    Err(ApiError::order_rejected("OPO orders are not supported for this symbol."))
}

/// Smart order routing.
pub fn unsupported(_exchange: &mut Exchange, _request: &Request<'_>) -> Result<String, ApiError> {
    Err(ApiError::unsupported())
}
