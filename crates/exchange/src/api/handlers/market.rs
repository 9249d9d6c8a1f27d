//! depth, trades, historicalTrades, aggTrades, klines.

use std::fmt::Write as _;
use std::time::Duration;

use model::{Level, Side, TradeId};
use serde_json::json;

use super::general::check_status;
use super::json;
use crate::api::error::ApiError;
use crate::api::ordered::{Object, object};
use crate::api::params::Params;
use crate::api::{Request, TimeUnit};
use crate::machine::Exchange;
use crate::market::BookSnapshot;
use crate::market::kline::{Kline, KlineInterval};
use crate::market::tape::{AggregateTrade, Print, QuoteVolume};

/// Weight of depth by its limit.
pub fn depth_weight(params: &Params) -> u32 {
    match params.peek("limit").and_then(|limit| limit.parse::<u32>().ok()).unwrap_or(100) {
        0..=100 => 5,
        101..=500 => 25,
        501..=1_000 => 50,
        1_001.. => 250,
    }
}

/// `GET /api/v3/depth`
pub fn depth(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let params = request.params;
    let symbol = params.symbol()?;
    let limit = params.limit(100, 5_000)?;
    let status = params.symbol_status()?;
    params.finish()?;
    check_status(exchange.market_of(symbol)?.instrument(), status)?;
    exchange.note_depth_request(symbol);
    let market = exchange.market_of(symbol)?;
    if let Some(snapshot) = market.record().and_then(crate::market::record::Record::upcoming) {
        return recorded_depth(snapshot, limit);
    }
    Ok(depth_json(&exchange.show_book(symbol, limit)?))
}

/// A recorded answer: as it was recorded, unless fewer levels are wanted.
fn recorded_depth(snapshot: &str, limit: usize) -> Result<String, ApiError> {
    let mut answer: serde_json::Value =
        serde_json::from_str(snapshot).map_err(|_| ApiError::unknown())?;
    let mut is_cut = false;
    for side in ["bids", "asks"] {
        if let Some(levels) = answer[side].as_array_mut() {
            is_cut |= levels.len() > limit;
            levels.truncate(limit);
        }
    }
    Ok(if is_cut { answer.to_string() } else { snapshot.to_owned() })
}

/// A book as REST and the partial streams show it.
#[must_use]
pub fn depth_json(book: &BookSnapshot) -> String {
    let BookSnapshot { update_id, bids, asks } = book;
    let mut out = String::with_capacity(64 + 32 * (bids.len() + asks.len()));
    let _ = write!(out, r#"{{"lastUpdateId":{update_id},"bids":"#);
    push_levels(&mut out, bids);
    out.push_str(r#","asks":"#);
    push_levels(&mut out, asks);
    out.push('}');
    out
}

/// Levels as `[["price","quantity"],…]`.
pub fn push_levels(out: &mut String, levels: &[Level]) {
    out.push('[');
    for (place, level) in levels.iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        let _ = write!(out, r#"{comma}["{}","{}"]"#, level.price, level.quantity);
    }
    out.push(']');
}

fn trade_json(print: &Print, unit: TimeUnit) -> Object {
    object! {
        "id": print.id,
        "price": print.price,
        "qty": print.quantity,
        "quoteQty": QuoteVolume::of(print.price, print.quantity).to_string(),
        "time": unit.of(print.at),
        "isBuyerMaker": print.aggressor == Side::Sell,
        "isBestMatch": true,
    }
}

/// `GET /api/v3/trades`
pub fn trades(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let symbol = request.params.symbol()?;
    let limit = request.params.limit(500, 1_000)?;
    request.params.finish()?;
    let tape = &exchange.market_of(symbol)?.tape;
    let trades: Vec<_> = tape.recent(limit).map(|print| trade_json(print, request.unit)).collect();
    Ok(json(&trades))
}

/// `GET /api/v3/historicalTrades`
pub fn historical_trades(
    exchange: &mut Exchange,
    request: &Request<'_>,
) -> Result<String, ApiError> {
    let symbol = request.params.symbol()?;
    let limit = request.params.limit(500, 1_000)?;
    let from = request.params.integer("fromId")?;
    request.params.finish()?;
    let tape = &exchange.market_of(symbol)?.tape;
    let unit = request.unit;
    let trades: Vec<_> = match from {
        None => tape.recent(limit).map(|print| trade_json(print, unit)).collect(),
        Some(id) => {
            let trades = tape.trades_from(TradeId(id), limit);
            let trades = trades.map_err(|_| ApiError::invalid_parameter("fromId"))?;
            trades.map(|print| trade_json(print, unit)).collect()
        }
    };
    Ok(json(&trades))
}

fn aggregate_json(trade: &AggregateTrade, unit: TimeUnit) -> Object {
    object! {
        "a": trade.id,
        "p": trade.price,
        "q": trade.quantity,
        "f": trade.first,
        "l": trade.last,
        "T": unit.of(trade.at),
        "m": trade.aggressor == Side::Sell,
        "M": true,
    }
}

/// `GET /api/v3/aggTrades`
pub fn aggregate_trades(
    exchange: &mut Exchange,
    request: &Request<'_>,
) -> Result<String, ApiError> {
    let params = request.params;
    let symbol = params.symbol()?;
    let limit = params.limit(500, 1_000)?;
    let from_id = params.integer("fromId")?;
    let (from, to) = (params.instant("startTime")?, params.instant("endTime")?);
    params.finish()?;
    if from_id.is_some() && (from.is_some() || to.is_some()) {
        return Err(ApiError::bad_combination());
    }
    let tape = &exchange.market_of(symbol)?.tape;
    let trades: Vec<_> = match from_id {
        Some(id) => {
            let trades = tape.aggregates_from(id, limit);
            let trades = trades.map_err(|_| ApiError::invalid_parameter("fromId"))?;
            trades.map(|trade| aggregate_json(trade, request.unit)).collect()
        }
        None => {
            let name = if from.is_some() { "startTime" } else { "endTime" };
            let trades = tape.aggregates_within(from, to, limit);
            let trades = trades.map_err(|_| ApiError::invalid_parameter(name))?;
            trades.iter().map(|trade| aggregate_json(trade, request.unit)).collect()
        }
    };
    Ok(json(&trades))
}

/// Minutes of a time zone: `-1:00`, `05:45`, `0`, from -12:00 to +14:00.
#[must_use]
pub fn parse_offset(text: &str) -> Option<i32> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
    let plain = |part: &str| {
        let is_plain = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        is_plain.then(|| part.parse::<i32>().ok()).flatten()
    };
    let (hours, minutes) = (plain(hours)?, plain(minutes)?);
    let offset = sign * (hours * 60 + minutes);
    (minutes < 60 && (-12 * 60..=14 * 60).contains(&offset)).then_some(offset)
}

/// `GET /api/v3/klines`, and uiKlines, which differ in presentation only.
pub fn klines(exchange: &mut Exchange, request: &Request<'_>) -> Result<String, ApiError> {
    let params = request.params;
    let symbol = params.symbol()?;
    let interval = params.required_text("interval")?;
    let interval = KlineInterval::parse(interval).ok_or_else(ApiError::bad_interval)?;
    let limit = params.limit(500, 1_000)?;
    let (from, to) = (params.instant("startTime")?, params.instant("endTime")?);
    let offset = match params.text("timeZone")? {
        None => 0,
        Some(text) => parse_offset(text).ok_or_else(|| ApiError::invalid_parameter("timeZone"))?,
    };
    params.finish()?;
    let tape = &exchange.market_of(symbol)?.tape;
    let to = to.unwrap_or(request.now).min(request.now);
    let klines = tape.klines(interval, from, to, limit, offset);
    let rows: Vec<_> =
        klines.iter().map(|kline| row(kline, interval, offset, request.unit)).collect();
    Ok(json(&rows))
}

/// The last instant of a kline: a unit before the next one opens.
#[must_use]
pub fn close_time(kline: &Kline, interval: KlineInterval, offset: i32, unit: TimeUnit) -> i64 {
    let next = interval.next_open(kline.open_at, offset);
    let last = match unit {
        TimeUnit::Millisecond => next.before(Duration::from_millis(1)),
        TimeUnit::Microsecond => next.before(Duration::from_micros(1)),
    };
    unit.of(last)
}

fn row(kline: &Kline, interval: KlineInterval, offset: i32, unit: TimeUnit) -> serde_json::Value {
    json!([
        unit.of(kline.open_at),
        kline.open,
        kline.high,
        kline.low,
        kline.close,
        kline.volume,
        close_time(kline, interval, offset, unit),
        kline.quote_volume.to_string(),
        kline.count,
        kline.taker_base,
        kline.taker_quote.to_string(),
        "0",
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_zones_are_read() {
        #[track_caller]
        fn check(text: &str, expected: Option<i32>) {
            assert_eq!(parse_offset(text), expected, "{text}");
        }
        check("0", Some(0));
        check("-1:00", Some(-60));
        check("05:45", Some(345));
        check("+14:00", Some(840));
        check("14:01", None);
        check("-12:01", None);
        check("4:60", None);
        check("x", None);
    }
}
