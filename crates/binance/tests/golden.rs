//! Every payload in the venue's own documents about Spot is read.

#![allow(clippy::unwrap_used, reason = "a test stops where its input is not as expected")]

use std::path::PathBuf;

use serde_json::Value;
use tickwright_binance::decode::{
    Account, AggTradeRow, ApiError, BookTickerRow, CancelReplaceReply, Commissions, DecodeError,
    DepthSnapshot, ExchangeInfo, KlineRow, MyTrade, OrderReply, PriceRow, PublicTrade, RateLimit,
    ServerTime, StreamEvent, UserEvent, WsApiFrame, WsLogon, WsSubscription, decode_stream,
    decode_ws_api, parse,
};

fn documents() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/docs");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED: no documented payloads at {}", folder.display());
        return Vec::new();
    };
    let mut all: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect();
    all.sort();
    all
}

fn is_request(json: &Value) -> bool {
    json.get("method").is_some()
}

/// `page__topic__01.json` → page and topic.
fn place(name: &str) -> (&str, &str) {
    let mut parts = name.split("__");
    (parts.next().unwrap(), parts.next().unwrap())
}

/// Reads an answer as what its topic says it is. `None`: a topic that the engine never asks for.
fn read_answer(topic: &str, body: &[u8]) -> Option<Result<(), DecodeError>> {
    fn one<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<(), DecodeError> {
        parse::<T>("answer", body).map(|_| ())
    }
    let is_list = body.first() == Some(&b'[');
    Some(match topic {
        "account-information" => one::<Account<'_>>(body),
        "account-trade-list" | "account-trade-history" => one::<Vec<MyTrade<'_>>>(body),
        "all-orders" | "current-open-orders" | "account-order-history" => {
            one::<Vec<OrderReply<'_>>>(body)
        }
        "cancel-order"
        | "query-order"
        | "new-order"
        | "place-new-order"
        | "unfilled-order-count"
        | "response-format"
        | "new-order-using-sor"
        | "place-new-order-using-sor"
            if !is_list =>
        {
            one::<OrderReply<'_>>(body)
        }
        "query-unfilled-order-count" | "unfilled-order-count" => one::<Vec<RateLimit>>(body),
        "cancel-an-existing-order-and-send-a-new-order" | "cancel-and-replace-order" => {
            CancelReplaceReply::read(body).map(|_| ())
        }
        "check-server-time"
        | "how-to-interpret-rate-limits"
        | "how-to-show-hide-rate-limit-information" => one::<ServerTime>(body),
        "compressed-aggregate-trades-list" | "aggregate-trades" => one::<Vec<AggTradeRow>>(body),
        "recent-trades-list" | "recent-trades" | "old-trade-lookup" | "historical-trades" => {
            one::<Vec<PublicTrade>>(body)
        }
        "kline-candlestick-data" | "uiklines" | "klines" | "ui-klines" => {
            one::<Vec<KlineRow>>(body)
        }
        "order-book" => one::<DepthSnapshot>(body),
        "symbol-price-ticker" if is_list => one::<Vec<PriceRow<'_>>>(body),
        "symbol-price-ticker" => one::<PriceRow<'_>>(body),
        "symbol-order-book-ticker" if is_list => one::<Vec<BookTickerRow<'_>>>(body),
        "symbol-order-book-ticker" => one::<BookTickerRow<'_>>(body),
        "query-commission-rates" | "account-commission-rates" => one::<Commissions<'_>>(body),
        "exchange-information" => {
            let info = ExchangeInfo::read(body, "test".parse().unwrap()).unwrap();
            assert_eq!(info.symbols.len(), 1, "{:?}", info.skipped);
            Ok(())
        }
        "log-in-with-api-key" | "query-session-status" => one::<WsLogon<'_>>(body),
        "subscribe-to-user-data-stream"
        | "subscribe-to-user-data-stream-through-signature-subscription" => {
            one::<WsSubscription>(body)
        }
        "listing-all-subscriptions" => one::<Vec<WsSubscription>>(body),
        _ => return None,
    })
}

#[test]
fn rest_answers_are_read() {
    let documents = documents();
    let mut read = 0;
    for (name, body) in &documents {
        let (page, topic) = place(name);
        if page != "rest-api" {
            continue;
        }
        let json: Value = serde_json::from_slice(body).unwrap();
        if let Some(code) = json.get("code") {
            let error: ApiError = parse("error", body).unwrap();
            assert_eq!(i64::from(error.code), code.as_i64().unwrap(), "{name}");
            if let Some(data) = json.get("data") {
                let data = data.to_string();
                CancelReplaceReply::read(data.as_bytes()).unwrap();
            }
            read += 1;
        } else if let Some(result) = read_answer(topic, body) {
            assert_eq!(result, Ok(()), "{name}");
            read += 1;
        }
    }
    assert!(documents.is_empty() || read >= 36, "only {read} payloads were read");
}

#[test]
fn websocket_api_answers_are_read() {
    let documents = documents();
    let mut read = 0;
    for (name, body) in &documents {
        let (page, topic) = place(name);
        let json: Value = serde_json::from_slice(body).unwrap();
        if page != "web-socket-api" || is_request(&json) || json.get("status").is_none() {
            continue;
        }
        let WsApiFrame::Response(response) = decode_ws_api(body).unwrap() else {
            panic!("{name} is no response");
        };
        assert_eq!(i64::from(response.status), json["status"].as_i64().unwrap(), "{name}");
        assert_eq!(response.error.is_some(), json.get("error").is_some(), "{name}");
        let limits = json.get("rateLimits").map_or(0, |limits| limits.as_array().unwrap().len());
        assert_eq!(response.rate_limits.len(), limits, "{name}");
        if let (Some(data), 400..=409) = (response.error_data, response.status) {
            CancelReplaceReply::read(data.as_bytes()).unwrap();
        }
        if response.status == 418 {
            assert!(response.retry_after().is_some(), "{name}");
        }
        // Cancelling one order of a list answers with the list, which the engine never places.
        let is_list = json["result"].get("contingencyType").is_some();
        if let Some(result) = response.result
            && !is_list
            && let Some(result) = read_answer(topic, result.as_bytes())
        {
            assert_eq!(result, Ok(()), "{name}");
        }
        read += 1;
    }
    assert!(documents.is_empty() || read >= 60, "only {read} payloads were read");
}

#[test]
fn user_data_events_are_read() {
    let documents = documents();
    let mut read = 0;
    for (name, body) in &documents {
        let json: Value = serde_json::from_slice(body).unwrap();
        let is_event = json.get("event").is_some_and(Value::is_object);
        if !is_event {
            continue;
        }
        let WsApiFrame::Event(event) = decode_ws_api(body).unwrap() else {
            panic!("{name} is no event");
        };
        assert!(!matches!(event.event, UserEvent::Other { .. }), "{name}");
        read += 1;
    }
    assert!(documents.is_empty() || read >= 8, "only {read} payloads were read");
}

/// The executions of the documents' own example of a market order.
#[test]
fn bare_execution_reports_are_read() {
    for (name, body) in documents() {
        let json: Value = serde_json::from_slice(&body).unwrap();
        if json["e"] != "executionReport" {
            continue;
        }
        let UserEvent::Execution(report) = UserEvent::read(&body).unwrap() else {
            panic!("{name} is no execution report");
        };
        let is_trade = json["x"] == "TRADE";
        let fill = report.fill(model::InstrumentId(0)).unwrap();
        assert_eq!(fill.is_some(), is_trade, "{name}");
    }
}

#[test]
fn market_streams_are_read() {
    let documents = documents();
    let mut read = 0;
    for (name, body) in &documents {
        let (page, topic) = place(name);
        let json: Value = serde_json::from_slice(body).unwrap();
        if page != "web-socket-streams" || is_request(&json) {
            continue;
        }
        let event = decode_stream(body).unwrap_or_else(|error| panic!("{name}: {error}")).event;
        let expected = match topic {
            "trade-streams" => matches!(event, StreamEvent::Trade(_)),
            "aggregate-trade-streams" => matches!(event, StreamEvent::AggTrade(_)),
            "individual-symbol-book-ticker-streams" => matches!(event, StreamEvent::BookTicker(_)),
            "kline-candlestick-streams-for-utc"
            | "kline-candlestick-streams-with-timezone-offset" => {
                matches!(event, StreamEvent::Kline(_))
            }
            "diff-depth-stream" => matches!(event, StreamEvent::Depth(_)),
            "partial-book-depth-streams" => matches!(event, StreamEvent::PartialDepth(_)),
            "server-shutdown" => matches!(event, StreamEvent::ServerShutdown { .. }),
            "listing-subscriptions"
            | "retrieving-properties"
            | "setting-properties"
            | "subscribe-to-a-stream"
            | "unsubscribe-to-a-stream" => {
                matches!(event, StreamEvent::Answer { .. })
            }
            _ => matches!(event, StreamEvent::Other { .. }),
        };
        assert!(expected, "{name} is read as {event:?}");
        read += 1;
    }
    assert!(documents.is_empty() || read >= 20, "only {read} payloads were read");
}
