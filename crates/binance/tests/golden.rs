//! Every payload in the venue's own documents goes through the decoder that is named for it here.
//!
//! What we would send is read by the simulated exchange (its own golden test), what is none of
//! ours is named with the reason; nothing is passed over in silence.

#![allow(clippy::unwrap_used, reason = "a test stops where its input is not as expected")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;
use tickwright_binance::decode::{
    Account, AccountFilter, AccountFilters, AggTradeRow, Allocation, AmendReply, Amendment,
    ApiError, AveragePrice, AveragePriceEvent, Balance, BlockTrade, BookTickerRow,
    CancelReplaceReply, CanceledReply, Commissions, DecodeError, DepthSnapshot, ExchangeInfo,
    ExecutionRules, KlineRow, MyTrade, OrderCommissions, OrderListReply, OrderReply,
    PreventedMatch, PriceRow, PublicTrade, RateLimit, ReferencePrice, ReferencePriceCalculation,
    ReferencePriceEvent, ServerTime, SmartOrderRoute, StreamEvent, Ticker, TickerEvent, UserEvent,
    WsApiFrame, WsLogon, WsSubscription, decode_stream, decode_ws_api, parse,
};
use tickwright_binance::{ListOrderStatus, SelfTradePrevention, WireOrderStatus};

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
            (name.strip_suffix(".json").unwrap().to_owned(), std::fs::read(entry.path()).unwrap())
        })
        .collect();
    all.sort();
    all
}

/// A document by its name; `None` without documents.
fn document(name: &str) -> Option<Vec<u8>> {
    documents().into_iter().find(|(found, _)| found == name).map(|(_, body)| body)
}

/// `page__topic__01` → page and topic.
fn place(name: &str) -> (&str, &str) {
    let mut parts = name.split("__");
    (parts.next().unwrap(), parts.next().unwrap())
}

/// What became of a document.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// Read by the decoder that is named for it.
    Read,
    /// A request: the exchange reads it.
    Request,
    /// Not ours, for this reason.
    Foreign(&'static str),
}

type Reading = Result<Outcome, DecodeError>;

fn one<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Reading {
    parse::<T>("document", body).map(|_| Outcome::Read)
}

/// An object, or a list of them.
fn any<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Reading {
    if body.first() == Some(&b'[') { one::<Vec<T>>(body) } else { one::<T>(body) }
}

/// Which decoder reads what REST answers, and what the WebSocket API has as result.
fn read_answer(name: &str, topic: &str, body: &[u8]) -> Reading {
    let json: Value = serde_json::from_slice(body).unwrap();
    if json.get("code").is_some() {
        let error: ApiError = parse("error", body)?;
        assert_eq!(i64::from(error.code), json["code"].as_i64().unwrap(), "{name}");
        return match json.get("data") {
            Some(data) => {
                CancelReplaceReply::read(data.to_string().as_bytes()).map(|_| Outcome::Read)
            }
            None => Ok(Outcome::Read),
        };
    }
    if json == Value::Object(serde_json::Map::new()) {
        return Ok(Outcome::Foreign("an empty object, which says nothing to read"));
    }
    read_orders(topic, &json, body)
        .or_else(|| read_market(topic, body))
        .or_else(|| read_rest(topic, &json, body))
        .unwrap_or_else(|| panic!("no decoder is named for {name}"))
}

/// Orders and lists.
fn read_orders(topic: &str, json: &Value, body: &[u8]) -> Option<Reading> {
    Some(match topic {
        // Canceling one order of a list cancels, and answers with, the list.
        _ if json.get("contingencyType").is_some() => one::<OrderListReply<'_>>(body),
        "all-orders"
        | "current-open-orders"
        | "account-order-history"
        | "query-order"
        | "cancel-order"
        | "new-order"
        | "place-new-order"
        | "new-order-using-sor"
        | "place-new-order-using-sor"
        | "response-format"
        | "how-can-i-send-a-pegged-order"
        | "what-is-smart-order-routing" => any::<OrderReply<'_>>(body),
        "market-orders" | "stp-examples" | "unfilled-order-count"
            if json.get("orderId").is_some() =>
        {
            one::<OrderReply<'_>>(body)
        }
        "cancel-an-existing-order-and-send-a-new-order" | "cancel-and-replace-order" => {
            CancelReplaceReply::read(body).map(|_| Outcome::Read)
        }
        "query-all-order-lists"
        | "query-open-order-lists"
        | "account-order-list-history"
        | "current-open-order-lists" => one::<Vec<OrderListReply<'_>>>(body),
        "cancel-all-open-orders-on-a-symbol" | "cancel-open-orders" => {
            one::<Vec<CanceledReply<'_>>>(body)
        }
        "order-amend-keep-priority" => one::<AmendReply<'_>>(body),
        "query-order-amendments" => one::<Vec<Amendment<'_>>>(body),
        "query-prevented-matches" | "account-prevented-matches" | "what-is-a-prevented-match" => {
            one::<Vec<PreventedMatch<'_>>>(body)
        }
        "query-allocations" | "account-allocations" | "what-are-allocations" => {
            one::<Vec<Allocation<'_>>>(body)
        }
        "test-new-order" | "test-new-order-using-sor" => one::<OrderCommissions<'_>>(body),
        _ => return None,
    })
}

/// Public data.
fn read_market(topic: &str, body: &[u8]) -> Option<Reading> {
    Some(match topic {
        "24hr-ticker-price-change-statistics"
        | "trading-day-ticker"
        | "rolling-window-price-change-statistics" => any::<Ticker<'_>>(body),
        "check-server-time"
        | "how-to-interpret-rate-limits"
        | "how-to-show-hide-rate-limit-information" => one::<ServerTime>(body),
        "compressed-aggregate-trades-list" | "aggregate-trades" => one::<Vec<AggTradeRow>>(body),
        "recent-trades-list" | "recent-trades" | "old-trade-lookup" | "historical-trades" => {
            one::<Vec<PublicTrade>>(body)
        }
        "historical-block-trades" => one::<Vec<BlockTrade>>(body),
        "kline-candlestick-data" | "uiklines" | "klines" | "ui-klines" => {
            one::<Vec<KlineRow>>(body)
        }
        "order-book" => one::<DepthSnapshot>(body),
        "current-average-price" => one::<AveragePrice>(body),
        "symbol-price-ticker" => any::<PriceRow<'_>>(body),
        "symbol-order-book-ticker" => any::<BookTickerRow<'_>>(body),
        "query-reference-price" => one::<ReferencePrice<'_>>(body),
        "query-reference-price-calculation" => one::<ReferencePriceCalculation<'_>>(body),
        _ => return None,
    })
}

/// The account, rules and limits.
fn read_rest(topic: &str, json: &Value, body: &[u8]) -> Option<Reading> {
    #[derive(Deserialize)]
    struct Balances<'a> {
        #[serde(borrow, rename = "balances")]
        _balances: Vec<Balance<'a>>,
    }
    #[derive(Deserialize)]
    struct Routes<'a> {
        #[serde(borrow, rename = "sors")]
        _sors: Vec<SmartOrderRoute<'a>>,
    }
    Some(match topic {
        "account-information" => one::<Account<'_>>(body),
        "account-trade-list" | "account-trade-history" => one::<Vec<MyTrade<'_>>>(body),
        "query-commission-rates"
        | "account-commission-rates"
        | "how-is-the-commission-calculated" => one::<Commissions<'_>>(body),
        "what-is-the-difference-between-the-response-sending-a-test-o" => {
            if json.get("symbol").is_some() {
                one::<Commissions<'_>>(body)
            } else {
                one::<OrderCommissions<'_>>(body)
            }
        }
        "query-unfilled-order-count"
        | "unfilled-order-count"
        | "rate-limiters"
        | "how-does-the-unfilled-orders-rate-limit-work" => any::<RateLimit>(body),
        "exchange-information" => {
            let info = ExchangeInfo::read(body, "test".parse().unwrap()).unwrap();
            assert_eq!(info.symbols.len(), 1, "{:?}", info.skipped);
            Ok(Outcome::Read)
        }
        "query-execution-rules" | "how-does-the-price-range-execution-rule-work"
            if json.get("symbolRules").is_some() =>
        {
            one::<ExecutionRules<'_>>(body)
        }
        "how-does-the-price-range-execution-rule-work" => one::<ReferencePrice<'_>>(body),
        "query-relevant-filters" => one::<AccountFilters<'_>>(body),
        "stp-examples" => one::<Balances<'_>>(body),
        "what-symbols-support-sor" => one::<Routes<'_>>(body),
        "log-in-with-api-key" | "query-session-status" | "log-out-of-the-session" => {
            one::<WsLogon<'_>>(body)
        }
        "subscribe-to-user-data-stream"
        | "subscribe-to-user-data-stream-through-signature-subscription"
        | "listing-all-subscriptions" => any::<WsSubscription>(body),
        "ip-limits" => Ok(Outcome::Foreign("`[]` stands for any result, to show the limits")),
        _ => return None,
    })
}

/// A filter by itself: as exchangeInfo lists it, and as myFilters does where it only counts.
fn read_filter(name: &str, body: &[u8]) -> Reading {
    let filters_with = |filter: &str| {
        let info = format!(
            r#"{{"serverTime":1,"rateLimits":[],"symbols":[{{"symbol":"AB","status":"TRADING",
            "baseAsset":"A","baseAssetPrecision":8,"quoteAsset":"B","quoteAssetPrecision":8,
            "filters":[{filter}]}}]}}"#
        );
        let info = ExchangeInfo::read(info.as_bytes(), "test".parse().unwrap()).unwrap();
        assert_eq!(info.skipped, [], "{name}");
        info.symbols[0].instrument.filters
    };
    let is_used = filters_with(std::str::from_utf8(body).unwrap()) != filters_with("");
    let counts = ["num-iceberg", "exchange-max", "max-asset", "num-order-"];
    let is_counted = counts.iter().any(|part| name.contains(part));
    let is_trailing = name.contains("trailing-delta");
    assert_eq!(is_used, !is_counted && !is_trailing, "{name}");
    if is_counted { one::<AccountFilter<'_>>(body) } else { Ok(Outcome::Read) }
}

/// A frame of the WebSocket API: the frame by its own decoder, its result as a REST answer.
fn read_ws_api(name: &str, topic: &str, json: &Value, body: &[u8]) -> Reading {
    let response = match decode_ws_api(body)? {
        WsApiFrame::Event(event) => {
            assert!(!matches!(event.event, UserEvent::Other { .. }), "{name}");
            return Ok(Outcome::Read);
        }
        WsApiFrame::Response(response) => response,
    };
    assert_eq!(i64::from(response.status), json["status"].as_i64().unwrap(), "{name}");
    assert_eq!(response.error.is_some(), json.get("error").is_some(), "{name}");
    let limits = json.get("rateLimits").map_or(0, |limits| limits.as_array().unwrap().len());
    assert_eq!(response.rate_limits.len(), limits, "{name}");
    if let (Some(data), 400..=409) = (response.error_data, response.status) {
        CancelReplaceReply::read(data.as_bytes())?;
    }
    assert_eq!(response.retry_after().is_some(), response.status == 418, "{name}");
    match response.result {
        // Whatever is in it, the frame around it was read.
        Some(result) => read_answer(name, topic, result.as_bytes()).map(|_| Outcome::Read),
        None => Ok(Outcome::Read),
    }
}

/// A frame of the market streams, and beyond what the feed needs, the event by its own type.
fn read_stream(name: &str, topic: &str, json: &Value, body: &[u8]) -> Reading {
    let event = decode_stream(body)?.event;
    let is_expected = match topic {
        "trade-streams" => matches!(event, StreamEvent::Trade(_)),
        "aggregate-trade-streams" => matches!(event, StreamEvent::AggTrade(_)),
        "individual-symbol-book-ticker-streams" => matches!(event, StreamEvent::BookTicker(_)),
        "kline-candlestick-streams-for-utc" | "kline-candlestick-streams-with-timezone-offset" => {
            matches!(event, StreamEvent::Kline(_))
        }
        "diff-depth-stream" => matches!(event, StreamEvent::Depth(_)),
        "partial-book-depth-streams" => matches!(event, StreamEvent::PartialDepth(_)),
        "server-shutdown" => matches!(event, StreamEvent::ServerShutdown { .. }),
        _ if json.get("result").is_some() => matches!(event, StreamEvent::Answer { .. }),
        _ => matches!(event, StreamEvent::Other { .. }),
    };
    assert!(is_expected, "{name} is read as {event:?}");
    match topic {
        "individual-symbol-mini-ticker-stream"
        | "individual-symbol-ticker-streams"
        | "individual-symbol-rolling-window-statistics-streams" => one::<TickerEvent<'_>>(body),
        "average-price" => one::<AveragePriceEvent<'_>>(body),
        "reference-price-streams" => one::<ReferencePriceEvent<'_>>(body),
        "block-trade-streams" => one::<BlockTrade>(body),
        "all-market-mini-tickers-stream" | "all-market-rolling-window-statistics-streams" => {
            Ok(Outcome::Foreign("`[{}]` stands for a list of the event of one symbol"))
        }
        _ => Ok(Outcome::Read),
    }
}

/// The decoder of a document.
fn read(name: &str, body: &[u8]) -> Reading {
    let (page, topic) = place(name);
    let json: Value = serde_json::from_slice(body).unwrap();
    if json.get("method").is_some() {
        return Ok(Outcome::Request);
    }
    if json["e"] == "executionReport" || json["e"] == "outboundAccountPosition" {
        assert!(!matches!(UserEvent::read(body)?, UserEvent::Other { .. }), "{name}");
        return Ok(Outcome::Read);
    }
    match (page, topic) {
        (_, "regarding-legacy-support") => Ok(Outcome::Foreign("the life of SBE schemas")),
        (_, "what-is-prevented-quantity") => Ok(Outcome::Foreign("two fields of a report")),
        (_, "how-do-i-know-which-symbol-uses-stp") if json.get("code").is_none() => {
            Ok(Outcome::Foreign("two fields of a symbol of exchangeInfo"))
        }
        ("web-socket-api", "rolling-window-price-change-statistics")
            if json.get("status").is_none() =>
        {
            Ok(Outcome::Foreign("two fields of a ticker"))
        }
        ("filters", _) => read_filter(name, body),
        ("web-socket-streams", _) => read_stream(name, topic, &json, body),
        ("web-socket-api" | "user-data-stream", _) if json.get("code").is_none() => {
            read_ws_api(name, topic, &json, body)
        }
        _ => read_answer(name, topic, body),
    }
}

#[test]
fn every_documented_payload_goes_through_its_decoder() {
    let documents = documents();
    let mut outcomes: BTreeMap<Outcome, Vec<&str>> = BTreeMap::new();
    for (name, body) in &documents {
        let outcome = read(name, body).unwrap_or_else(|error| panic!("{name}: {error}"));
        outcomes.entry(outcome).or_default().push(name);
    }
    if documents.is_empty() {
        return;
    }
    let (read, requests) = (outcomes[&Outcome::Read].len(), outcomes[&Outcome::Request].len());
    // The counts of the documents as they are; newer ones may have more, never fewer.
    assert!(read >= 262 && requests >= 75, "{read} read, {requests} requests: {outcomes:?}");
    assert_eq!(documents.len() - read - requests, 8, "{outcomes:?}");
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

/// Optional fields that stay empty would read anything: what matters is there.
#[test]
fn what_the_documents_say_is_what_is_read() {
    let Some(body) = document("rest-api__24hr-ticker-price-change-statistics__01") else { return };
    let ticker: Ticker<'_> = parse("ticker", &body).unwrap();
    assert_eq!(ticker.price_change, Some("-94.999998".parse().unwrap()));
    assert_eq!(ticker.prev_close_price, Some("0.10002".parse().unwrap()));
    assert_eq!((ticker.volume, ticker.count), ("8913.3".parse().unwrap(), 76));

    let body = document("web-socket-streams__individual-symbol-ticker-streams__01").unwrap();
    let event: TickerEvent<'_> = parse("ticker", &body).unwrap();
    assert_eq!((event.close, event.count), ("0.0025".parse().unwrap(), Some(18_151)));

    let body = document("rest-api__new-order-list-oto__01").unwrap();
    let list: OrderListReply<'_> = parse("list", &body).unwrap();
    assert_eq!(list.orders[1].client_order_id, "arLFo0zGJVDE69cvGBaU0d");
    assert_eq!(list.order_reports[1].status, Some(WireOrderStatus::PendingNew));
    assert_eq!(list.list_order_status, ListOrderStatus::Executing);

    let body = document("rest-api__cancel-all-open-orders-on-a-symbol__01").unwrap();
    let rows: Vec<CanceledReply<'_>> = parse("canceled", &body).unwrap();
    let [CanceledReply::Order(first), _, CanceledReply::List(list)] = &rows[..] else {
        panic!("{rows:?}");
    };
    assert_eq!((first.order_id, list.order_list_id, list.order_reports.len()), (11, 1929, 2));

    let body = document("rest-api__order-amend-keep-priority__02").unwrap();
    let amended: AmendReply<'_> = parse("amended", &body).unwrap();
    assert_eq!(amended.amended_order.qty, "4".parse().unwrap());
    assert_eq!(amended.list_status.unwrap().orders.len(), 2);

    let body = document("rest-api__query-prevented-matches__01").unwrap();
    let matches: Vec<PreventedMatch<'_>> = parse("prevented", &body).unwrap();
    assert_eq!(matches[0].maker_prevented_quantity, Some("1.3".parse().unwrap()));
    assert_eq!(matches[0].self_trade_prevention_mode, SelfTradePrevention::ExpireMaker);

    let body = document("rest-api__query-execution-rules__01").unwrap();
    let rules: ExecutionRules<'_> = parse("rules", &body).unwrap();
    let rule = &rules.symbol_rules[0].rules[0];
    assert_eq!(rule.bid_limit_mult_up, Some("1.0001".parse().unwrap()));

    let body = document("rest-api__query-relevant-filters__01").unwrap();
    let filters: AccountFilters<'_> = parse("filters", &body).unwrap();
    assert_eq!(filters.asset_filters[0].asset.as_deref(), Some("JPY"));
    assert_eq!(filters.symbol_filters[0].max_num_order_lists, Some(20));
}
