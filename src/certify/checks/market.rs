//! What everybody may see.

use binance::decode::{
    DepthSnapshot, ExchangeInfo, KlineRow, PublicTrade, StreamEvent, decode_stream, parse,
};
use binance::encode::{Call, StreamKind, rest_request, stream_name};
use model::VenueId;
use serde_json::Value;

use crate::certify::side::Side;
use crate::certify::socket::{PATIENCE, Socket};
use crate::certify::verdict::{Checked, ensure, failed};

/// Rules and filters, as the engine reads them.
pub async fn exchange_info(side: &mut Side) -> Checked {
    let call = Call::exchange_info(&[side.symbol().as_str()]);
    let body = side.rest(&call).await?.ok()?.to_string();
    let venue = VenueId::new("certify").expect("a plain word");
    let info = ExchangeInfo::read(body.as_bytes(), venue);
    let info = info.or_else(|error| failed(error.to_string()))?;
    ensure(info.skipped.is_empty(), || format!("can't be read: {:?}", info.skipped))?;
    ensure(!info.rate_limits.is_empty(), || "no rate limits are told".to_owned())
}

/// A book.
pub async fn depth(side: &mut Side) -> Checked {
    let body = side.rest(&Call::depth(side.symbol().as_str(), 20)).await?.ok()?.to_string();
    let book: DepthSnapshot =
        parse("depth", body.as_bytes()).or_else(|error| failed(error.to_string()))?;
    ensure(!book.bids.is_empty() && !book.asks.is_empty(), || "a side is empty".to_owned())
}

/// Bars.
pub async fn klines(side: &mut Side) -> Checked {
    let interval = "1m".parse().expect("an interval");
    let call = Call::klines(side.symbol().as_str(), interval, None, None, 5);
    let body = side.rest(&call).await?.ok()?.to_string();
    let rows: Vec<KlineRow> =
        parse("klines", body.as_bytes()).or_else(|error| failed(error.to_string()))?;
    ensure(!rows.is_empty(), || "there are no bars".to_owned())
}

/// Trades, the last price and the best prices.
pub async fn trades_and_tickers(side: &mut Side) -> Checked {
    let symbol = side.symbol();
    let body = side.rest(&Call::trades(symbol.as_str(), 5)).await?.ok()?.to_string();
    parse::<Vec<PublicTrade>>("trades", body.as_bytes())
        .or_else(|error| failed(error.to_string()))?;
    side.rest(&Call::ticker_price(symbol.as_str())).await?.ok()?;
    side.rest(&Call::ticker_book(symbol.as_str())).await?.ok()?;
    side.rest(&Call::agg_trades(symbol.as_str(), None, 5)).await?.ok()?;
    Ok(())
}

/// Times in microseconds, where they are asked for.
pub async fn microseconds(side: &mut Side) -> Checked {
    let mut http = rest_request(&side.core.urls.rest_url, &Call::time(), None, PATIENCE);
    http.headers.push(("x-mbx-time-unit", "MICROSECOND".to_owned()));
    let time = side.send(http).await?.ok()?["serverTime"].as_i64().unwrap_or(0);
    let ours = side.core.venue_now().as_micros();
    ensure((time - ours).abs() < 60_000_000, || format!("{time} is no time in microseconds"))
}

/// Best prices and changes of the book arrive, and the engine's decoder reads each frame.
pub async fn streams(side: &mut Side) -> Checked {
    let symbol = side.symbol().to_string();
    let names = [StreamKind::BookTicker, StreamKind::Depth].map(|kind| stream_name(&symbol, kind));
    let url = format!("{}/stream?streams={}", side.core.urls.ws_url, names.join("/"));
    let mut socket = Socket::open_at(&side.core, &url).await?;
    let mut awaited: Vec<String> = names.to_vec();
    while !awaited.is_empty() {
        let text = socket.text().await?;
        let frame = decode_stream(text.as_bytes()).or_else(|error| failed(error.to_string()))?;
        let is_known = matches!(frame.event, StreamEvent::BookTicker(_) | StreamEvent::Depth(_));
        ensure(is_known, || "an event of another kind than subscribed".to_owned())?;
        let value: Value = serde_json::from_str(&text).or_else(|e| failed(e.to_string()))?;
        let name = value["stream"].as_str().unwrap_or_default();
        if let Some(at) = awaited.iter().position(|awaited| awaited == name) {
            let kind = if name.ends_with("@bookTicker") { "bookTicker" } else { "depth" };
            side.keep(&format!("stream {kind}"), &value);
            awaited.remove(at);
        }
    }
    socket.close().await;
    Ok(())
}
