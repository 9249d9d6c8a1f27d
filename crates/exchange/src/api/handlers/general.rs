//! ping, time, exchangeInfo.

use model::{Instrument, Symbol};

use super::json;
use crate::api::Request;
use crate::api::error::ApiError;
use crate::api::ordered::{Object, object};
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
    let permissions = params.text("permissions")?;
    let show_permission_sets = params.boolean("showPermissionSets")?.unwrap_or(true);
    let status = params.symbol_status()?;
    params.finish()?;
    let by_name = usize::from(symbol.is_some()) + usize::from(symbols.is_some());
    let chosen = by_name + usize::from(permissions.is_some());
    if chosen > 1 || (by_name > 0 && status.is_some()) {
        return Err(ApiError::bad_combination());
    }
    // All symbols here are of the spot market and of nothing else.
    let is_permitted = permissions.is_none_or(|wanted| {
        wanted.split(['[', ']', ',', '"', ' ']).any(|permission| permission == "SPOT")
    });
    let wanted: Option<Vec<Symbol>> = symbol.map(|symbol| vec![symbol]).or(symbols);
    let instruments = select(exchange, wanted.as_deref())?;
    let infos: Vec<_> = instruments
        .into_iter()
        .filter(|instrument| is_permitted && has_status(instrument, status))
        .map(|instrument| symbols::info(instrument, show_permission_sets))
        .collect();
    Ok(json(&object! {
        "timezone": "UTC",
        "serverTime": request.unit.of(request.now),
        "rateLimits": limits::published(exchange.limits()),
        "exchangeFilters": Vec::<Object>::new(),
        "symbols": infos,
    }))
}

/// Whether an instrument has the status that was asked for, if one was.
pub(super) fn has_status(instrument: &Instrument, status: Option<&str>) -> bool {
    status.is_none_or(|status| symbols::status_name(instrument.status) == status)
}

/// Refuses a symbol that does not have the status that was asked for.
///
/// # Errors
/// -1220.
pub(super) fn check_status(instrument: &Instrument, status: Option<&str>) -> Result<(), ApiError> {
    if has_status(instrument, status) { Ok(()) } else { Err(ApiError::other_symbol_status()) }
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
