//! ping, time, exchangeInfo.

use model::{Instrument, Symbol};
use serde_json::json;

use super::json;
use crate::api::Request;
use crate::api::error::ApiError;
use crate::limits;
use crate::machine::Exchange;
use crate::symbols;

/// `GET /api/v3/ping`
pub fn ping(_exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    request.params.finish()?;
    Ok("{}".to_owned())
}

/// `GET /api/v3/time`
pub fn time(_exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    request.params.finish()?;
    Ok(format!(r#"{{"serverTime":{}}}"#, request.unit.of(request.now)))
}

/// `GET /api/v3/exchangeInfo`
pub fn exchange_info(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let params = request.params;
    let symbol = params.optional_symbol()?;
    let symbols = params.symbols()?;
    let permissions = params.text("permissions")?.is_some();
    let show_permission_sets = params.boolean("showPermissionSets")?.unwrap_or(true);
    let status = params.text("symbolStatus")?.map(str::to_owned);
    params.finish()?;
    let chosen =
        usize::from(symbol.is_some()) + usize::from(symbols.is_some()) + usize::from(permissions);
    if chosen > 1 || (chosen > 0 && !permissions && status.is_some()) {
        return Err(ApiError::bad_combination());
    }
    if let Some(status) = &status
        && !["TRADING", "HALT", "BREAK", "CANCEL_ONLY"].contains(&status.as_str())
    {
        return Err(ApiError::bad_symbol_status());
    }
    let wanted: Option<Vec<Symbol>> = symbol.map(|symbol| vec![symbol]).or(symbols);
    let instruments = select(exchange, wanted.as_deref())?;
    let infos: Vec<_> = instruments
        .into_iter()
        .filter(|instrument| {
            status.as_ref().is_none_or(|status| symbols::status_name(instrument.status) == status)
        })
        .map(|instrument| symbols::info(instrument, show_permission_sets))
        .collect();
    Ok(json(&json!({
        "timezone": "UTC",
        "serverTime": request.unit.of(request.now),
        "rateLimits": limits::published(exchange.limits()),
        "exchangeFilters": [],
        "symbols": infos,
    })))
}

/// The instruments with these symbols, or all.
///
/// # Errors
/// -1121.
pub(super) fn select<'a>(
    exchange: &'a Exchange,
    symbols: Option<&[Symbol]>,
) -> Result<Vec<&'a Instrument>, ApiError> {
    match symbols {
        None => Ok(exchange.instruments().iter().collect()),
        Some(symbols) => symbols
            .iter()
            .map(|symbol| exchange.market_of(*symbol).map(crate::market::Market::instrument))
            .collect(),
    }
}
