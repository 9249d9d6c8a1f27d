//! Payloads of the market streams, as raw JSON.
//!
//! Written by hand into one string: they are the hottest output of the exchange, and each is
//! written once however many listen.

use std::fmt::Write as _;
use std::time::Duration;

use model::{InstrumentId, Side, Timestamp};

use crate::api::TimeUnit;
use crate::api::handlers::market::{close_time, depth_json, push_levels};
use crate::api::handlers::ticker::{DAY, Statistics};
use crate::machine::{Exchange, Output};
use crate::market::Market;
use crate::market::kline::KlineInterval;
use crate::streams::name::{StreamKey, StreamKind, window_name};

/// The stream that an event of the machine is sent on; `None` for private events.
#[must_use]
pub const fn key_of(output: &Output) -> Option<StreamKey> {
    let (instrument, kind) = match output {
        Output::Trade { instrument, .. } => (*instrument, StreamKind::Trade),
        Output::Aggregate { instrument, .. } => (*instrument, StreamKind::AggregateTrade),
        Output::Quote { instrument, .. } => (*instrument, StreamKind::BookTicker),
        Output::Depth { instrument, is_fast, .. } => {
            (*instrument, StreamKind::Depth { is_fast: *is_fast })
        }
        Output::User { .. } => return None,
    };
    Some(StreamKey { instrument: Some(instrument), kind })
}

/// The payload of a public event; `None` for private ones.
#[must_use]
pub fn event(exchange: &Exchange, output: &Output, unit: TimeUnit) -> Option<String> {
    let mut out = String::with_capacity(256);
    let symbol = |instrument: InstrumentId| exchange.instruments().get(instrument).symbol;
    let result = match output {
        Output::Trade { instrument, print } => {
            let (at, symbol) = (unit.of(print.at), symbol(*instrument));
            write!(
                out,
                r#"{{"e":"trade","E":{at},"s":"{symbol}","t":{},"p":"{}","q":"{}","T":{at},"m":{},"M":true}}"#,
                print.id,
                print.price,
                print.quantity,
                print.aggressor == Side::Sell,
            )
        }
        Output::Aggregate { instrument, trade } => {
            let (at, symbol) = (unit.of(trade.at), symbol(*instrument));
            write!(
                out,
                r#"{{"e":"aggTrade","E":{at},"s":"{symbol}","a":{},"p":"{}","q":"{}","f":{},"l":{},"T":{at},"m":{},"M":true}}"#,
                trade.id,
                trade.price,
                trade.quantity,
                trade.first,
                trade.last,
                trade.aggressor == Side::Sell,
            )
        }
        Output::Quote { instrument, quote } => write!(
            out,
            r#"{{"u":{},"s":"{}","b":"{}","B":"{}","a":"{}","A":"{}"}}"#,
            quote.update_id,
            symbol(*instrument),
            quote.bid.price,
            quote.bid.quantity,
            quote.ask.price,
            quote.ask.quantity,
        ),
        Output::Depth { instrument, diff, at, .. } => {
            let (at, symbol) = (unit.of(*at), symbol(*instrument));
            let _ = write!(
                out,
                r#"{{"e":"depthUpdate","E":{at},"s":"{symbol}","U":{},"u":{},"b":"#,
                diff.first_update_id, diff.last_update_id,
            );
            push_levels(&mut out, &diff.bids);
            out.push_str(r#","a":"#);
            push_levels(&mut out, &diff.asks);
            out.push('}');
            Ok(())
        }
        Output::User { .. } => return None,
    };
    result.expect("writing to a String does not fail");
    Some(out)
}

/// The payload of a stream that the clock sends, at one of its instants; `None` when it has
/// nothing to say.
#[must_use]
pub fn paced(exchange: &Exchange, key: StreamKey, at: Timestamp, unit: TimeUnit) -> Option<String> {
    let Some(instrument) = key.instrument else {
        return all(exchange, key.kind, at, unit);
    };
    let market = exchange.market(instrument);
    match key.kind {
        StreamKind::PartialDepth { levels, .. } => {
            Some(depth_json(&market.book(usize::from(levels))))
        }
        StreamKind::Kline { interval, offset_mins } => {
            kline(market, interval, offset_mins, at, unit)
        }
        StreamKind::MiniTicker => mini_ticker(market, at, unit),
        StreamKind::Ticker => ticker(market, at, unit),
        StreamKind::WindowTicker { hours } => window_ticker(market, hours, at, unit),
        StreamKind::AveragePrice => average_price(market, at, unit),
        StreamKind::ReferencePrice => reference_price(market, unit),
        StreamKind::Trade
        | StreamKind::AggregateTrade
        | StreamKind::BookTicker
        | StreamKind::Depth { .. }
        | StreamKind::AllMiniTickers
        | StreamKind::AllWindowTickers { .. } => None,
    }
}

fn all(exchange: &Exchange, kind: StreamKind, at: Timestamp, unit: TimeUnit) -> Option<String> {
    let tickers: Vec<String> = exchange
        .instruments()
        .iter()
        .filter_map(|instrument| {
            let market = exchange.market(instrument.id);
            match kind {
                StreamKind::AllMiniTickers => mini_ticker(market, at, unit),
                StreamKind::AllWindowTickers { hours } => window_ticker(market, hours, at, unit),
                StreamKind::Trade
                | StreamKind::AggregateTrade
                | StreamKind::BookTicker
                | StreamKind::Depth { .. }
                | StreamKind::PartialDepth { .. }
                | StreamKind::Kline { .. }
                | StreamKind::MiniTicker
                | StreamKind::Ticker
                | StreamKind::WindowTicker { .. }
                | StreamKind::AveragePrice
                | StreamKind::ReferencePrice => None,
            }
        })
        .collect();
    (!tickers.is_empty()).then(|| format!("[{}]", tickers.join(",")))
}

/// The kline that closes at `at`, if one does; else the one that grows.
fn kline(
    market: &Market,
    interval: KlineInterval,
    offset: i32,
    at: Timestamp,
    unit: TimeUnit,
) -> Option<String> {
    let open_at = interval.open_of(at, offset);
    let is_closed = open_at == at;
    let open_at = if is_closed {
        interval.open_of(at.before(Duration::from_nanos(1)), offset)
    } else {
        open_at
    };
    let kline = market.tape.kline(interval, open_at, offset)?;
    let symbol = market.instrument().symbol;
    let (first, last) = kline.trades.map_or((-1, -1), |(first, last)| (first.0, last.0));
    Some(format!(
        r#"{{"e":"kline","E":{},"s":"{symbol}","k":{{"t":{},"T":{},"s":"{symbol}","i":"{}","f":{first},"L":{last},"o":"{}","c":"{}","h":"{}","l":"{}","v":"{}","n":{},"x":{is_closed},"q":"{}","V":"{}","Q":"{}","B":"0"}}}}"#,
        unit.of(at),
        unit.of(open_at),
        close_time(&kline, interval, offset, unit),
        interval.name(),
        kline.open,
        kline.close,
        kline.high,
        kline.low,
        kline.volume,
        kline.count,
        kline.quote_volume,
        kline.taker_base,
        kline.taker_quote,
    ))
}

/// Nothing for a symbol that never had a reference price.
fn reference_price(market: &Market, unit: TimeUnit) -> Option<String> {
    let reference = market.reference()?;
    let price = reference.price.map_or_else(|| "null".to_owned(), |price| format!(r#""{price}""#));
    Some(format!(
        r#"{{"e":"referencePrice","s":"{}","r":{price},"t":{}}}"#,
        market.instrument().symbol,
        unit.of(reference.at),
    ))
}

fn mini_ticker(market: &Market, at: Timestamp, unit: TimeUnit) -> Option<String> {
    let Statistics { window, symbol, .. } = Statistics::of(market, at, DAY)?;
    Some(format!(
        r#"{{"e":"24hrMiniTicker","E":{},"s":"{symbol}","c":"{}","o":"{}","h":"{}","l":"{}","v":"{}","q":"{}"}}"#,
        unit.of(at),
        window.close,
        window.open,
        window.high,
        window.low,
        window.volume,
        window.quote_volume,
    ))
}

fn ticker(market: &Market, at: Timestamp, unit: TimeUnit) -> Option<String> {
    let statistics = Statistics::of(market, at, DAY)?;
    let Statistics { window, symbol, previous_close, last_quantity, .. } = statistics;
    let (first, last) = statistics.trade_ids();
    let quote = market.best();
    Some(format!(
        r#"{{"e":"24hrTicker","E":{},"s":"{symbol}","p":"{}","P":"{}","w":"{}","x":"{previous_close}","c":"{}","Q":"{last_quantity}","b":"{}","B":"{}","a":"{}","A":"{}","o":"{}","h":"{}","l":"{}","v":"{}","q":"{}","O":{},"C":{},"F":{first},"L":{last},"n":{}}}"#,
        unit.of(at),
        statistics.change(),
        statistics.change_percent(),
        statistics.average(),
        window.close,
        quote.bid.price,
        quote.bid.quantity,
        quote.ask.price,
        quote.ask.quantity,
        window.open,
        window.high,
        window.low,
        window.volume,
        window.quote_volume,
        unit.of(statistics.open_at),
        unit.of(statistics.close_at),
        window.count,
    ))
}

fn window_ticker(market: &Market, hours: u8, at: Timestamp, unit: TimeUnit) -> Option<String> {
    let length = Duration::from_secs(u64::from(hours) * 3_600);
    let statistics = Statistics::rolling(market, at, length)?;
    let Statistics { window, symbol, .. } = statistics;
    let (first, last) = statistics.trade_ids();
    Some(format!(
        r#"{{"e":"{}Ticker","E":{},"s":"{symbol}","p":"{}","P":"{}","o":"{}","h":"{}","l":"{}","c":"{}","w":"{}","v":"{}","q":"{}","O":{},"C":{},"F":{first},"L":{last},"n":{}}}"#,
        window_name(hours),
        unit.of(at),
        statistics.change(),
        statistics.change_percent(),
        window.open,
        window.high,
        window.low,
        window.close,
        statistics.average(),
        window.volume,
        window.quote_volume,
        unit.of(statistics.open_at),
        unit.of(statistics.close_at),
        window.count,
    ))
}

fn average_price(market: &Market, at: Timestamp, unit: TimeUnit) -> Option<String> {
    let price = market.tape.average_price(at, 5)?;
    let last = market.tape.last()?;
    Some(format!(
        r#"{{"e":"avgPrice","E":{},"s":"{}","i":"5m","w":"{price}","T":{}}}"#,
        unit.of(at),
        market.instrument().symbol,
        unit.of(last.at),
    ))
}
