//! Market streams.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tickwright_exchange::{ExchangeConfig, ExchangeHandle};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::common::{Ws, get, start};
use crate::{exchange, has_eight_decimals, has_names, number, small};

/// The next event of a stream of BTCUSDT.
async fn next_of(handle: &ExchangeHandle, stream: &str) -> Value {
    Ws::open(handle, &format!("/ws/{stream}")).await.json().await
}

#[tokio::test]
async fn ws_trade() {
    let handle = exchange().await;
    let mut ws = Ws::open(&handle, "/ws/btcusdt@trade").await;
    let mut last = None;
    for _ in 0..4 {
        let trade = ws.json().await;
        has_names(&trade, "e E s t p q T m M");
        assert_eq!((&trade["e"], &trade["s"]), (&json!("trade"), &json!("BTCUSDT")));
        has_eight_decimals(&trade["p"]);
        has_eight_decimals(&trade["q"]);
        assert!(trade["m"].is_boolean());
        assert_eq!(trade["T"].to_string().len(), 13);
        let id = trade["t"].as_i64().unwrap();
        assert!(last.is_none_or(|last| id == last + 1), "{id} after {last:?}");
        last = Some(id);
        let rest = get(&handle, "/api/v3/trades?symbol=BTCUSDT&limit=100").await.ok();
        let same = rest.as_array().unwrap().iter().find(|row| row["id"] == trade["t"]).unwrap();
        assert_eq!(
            [&same["price"], &same["qty"], &same["time"], &same["isBuyerMaker"]],
            [&trade["p"], &trade["q"], &trade["T"], &trade["m"]]
        );
    }
}

#[tokio::test]
async fn ws_aggTrade() {
    let handle = exchange().await;
    let mut ws = Ws::open(&handle, "/ws/btcusdt@aggTrade").await;
    let mut last = None;
    for _ in 0..4 {
        let trade = ws.json().await;
        has_names(&trade, "e E s a p q f l T m M");
        let id = trade["a"].as_i64().unwrap();
        assert!(last.is_none_or(|last| id == last + 1), "{id} after {last:?}");
        last = Some(id);
        let target = format!("/api/v3/aggTrades?symbol=BTCUSDT&fromId={id}&limit=1");
        let rest = get(&handle, &target).await.ok();
        for name in ["a", "p", "q", "f", "l", "T", "m", "M"] {
            assert_eq!(rest[0][name], trade[name], "{name}");
        }
    }
}

#[tokio::test]
async fn ws_bookTicker() {
    let handle = exchange().await;
    let mut ws = Ws::open(&handle, "/ws/btcusdt@bookTicker").await;
    let mut last = 0;
    for _ in 0..5 {
        let quote = ws.json().await;
        has_names(&quote, "u s b B a A");
        assert!(number(&quote["b"]) < number(&quote["a"]));
        let id = quote["u"].as_i64().unwrap();
        assert!(id > last);
        last = id;
    }
}

#[tokio::test]
async fn ws_kline_1m() {
    let handle = exchange().await;
    let mut ws = Ws::open(&handle, "/ws/btcusdt@kline_1m").await;
    let first = ws.json().await;
    has_names(&first, "e E s k");
    let kline = &first["k"];
    has_names(kline, "t T s i f L o c h l v n x q V Q B");
    assert_eq!((&kline["i"], &kline["s"]), (&json!("1m"), &json!("BTCUSDT")));
    let open_at = kline["t"].as_i64().unwrap();
    assert_eq!((open_at % 60_000, kline["T"].as_i64().unwrap()), (0, open_at + 59_999));
    let second = ws.json().await;
    let apart = second["E"].as_i64().unwrap() - first["E"].as_i64().unwrap();
    assert_eq!(apart, 2_000);
}

#[tokio::test]
async fn ws_kline_1s_cadence() {
    let handle = exchange().await;
    let mut ws = Ws::open(&handle, "/ws/btcusdt@kline_1s").await;
    ws.json().await;
    let start = Instant::now();
    let mut opens = Vec::new();
    for _ in 0..4 {
        let event = ws.json().await;
        assert_eq!(event["k"]["x"], true, "{event}");
        opens.push(event["k"]["t"].as_i64().unwrap());
    }
    assert!(opens.windows(2).all(|pair| pair[1] - pair[0] == 1_000), "{opens:?}");
    let took = start.elapsed();
    assert!((3_500..7_000).contains(&took.as_millis()), "{took:?}");
}

const MINI: &str = "e E s c o h l v q";

#[tokio::test]
async fn ws_miniTicker() {
    let handle = exchange().await;
    let ticker = next_of(&handle, "btcusdt@miniTicker").await;
    has_names(&ticker, MINI);
    assert_eq!(ticker["e"], "24hrMiniTicker");
    assert!(number(&ticker["l"]) <= number(&ticker["c"]));
    assert!(number(&ticker["c"]) <= number(&ticker["h"]));
}

#[tokio::test]
async fn ws_miniTicker_arr() {
    let handle = exchange().await;
    let tickers = next_of(&handle, "!miniTicker@arr").await;
    let tickers = tickers.as_array().unwrap();
    assert_eq!(tickers.len(), 2);
    for ticker in tickers {
        has_names(ticker, MINI);
    }
}

#[tokio::test]
async fn ws_ticker() {
    let handle = exchange().await;
    let mut ws = Ws::open(&handle, "/ws/btcusdt@ticker").await;
    let first = ws.json().await;
    has_names(&first, "e E s p P w x c Q b B a A o h l v q O C F L n");
    assert_eq!(first["e"], "24hrTicker");
    let second = ws.json().await;
    assert_eq!(second["E"].as_i64().unwrap() - first["E"].as_i64().unwrap(), 1_000);
    for window in ["1h", "4h", "1d"] {
        let ticker = next_of(&handle, &format!("btcusdt@ticker_{window}")).await;
        assert_eq!(ticker["e"], format!("{window}Ticker"));
        has_names(&ticker, "e E s p P o h l c w v q O C F L n");
    }
}

#[tokio::test]
async fn ws_avgPrice() {
    let handle = exchange().await;
    let average = next_of(&handle, "btcusdt@avgPrice").await;
    has_names(&average, "e E s i w T");
    assert_eq!((&average["e"], &average["i"]), (&json!("avgPrice"), &json!("5m")));
}

#[tokio::test]
async fn ws_partial_depth() {
    let handle = exchange().await;
    for levels in [5, 10, 20] {
        for pace in ["", "@100ms"] {
            let book = next_of(&handle, &format!("btcusdt@depth{levels}{pace}")).await;
            has_names(&book, "lastUpdateId bids asks");
            assert_eq!(book["bids"].as_array().unwrap().len(), levels);
            assert_eq!(book["asks"].as_array().unwrap().len(), levels);
        }
    }
}

#[tokio::test]
async fn ws_depth_100ms_cadence() {
    let handle = exchange().await;
    let mut fast = Ws::open(&handle, "/ws/btcusdt@depth@100ms").await;
    let (mut slots, start) = (Vec::new(), Instant::now());
    while start.elapsed() < Duration::from_secs(3) {
        slots.push(fast.json().await["E"].as_i64().unwrap());
    }
    assert!(slots.windows(2).all(|pair| (pair[1] - pair[0]) % 100 == 0 && pair[1] > pair[0]));
    assert!((12..=32).contains(&slots.len()), "{} events in three seconds", slots.len());
    let mut slow = Ws::open(&handle, "/ws/btcusdt@depth").await;
    let (first, second) = (slow.json().await, slow.json().await);
    assert_eq!(second["E"].as_i64().unwrap() - first["E"].as_i64().unwrap(), 1_000);
}

#[tokio::test]
async fn ws_depth_continuity() {
    let handle = exchange().await;
    for (stream, count) in [("btcusdt@depth@100ms", 20), ("btcusdt@depth", 3)] {
        let mut ws = Ws::open(&handle, &format!("/ws/{stream}")).await;
        let mut last = None;
        for _ in 0..count {
            let diff = ws.json().await;
            has_names(&diff, "e E s U u b a");
            let (from, to) = (diff["U"].as_i64().unwrap(), diff["u"].as_i64().unwrap());
            assert!(from <= to);
            assert!(last.is_none_or(|last| from == last + 1), "{from} after {last:?}");
            last = Some(to);
        }
    }
}

type Levels = BTreeMap<String, String>;

/// A book kept as the venue's documents say.
#[derive(Default)]
struct LocalBook {
    id: i64,
    bids: Levels,
    asks: Levels,
}

fn set(levels: &mut Levels, changes: &Value) {
    for change in changes.as_array().unwrap() {
        let (price, quantity) = (change[0].as_str().unwrap(), change[1].as_str().unwrap());
        if number(&change[1]) == 0.0 {
            levels.remove(price);
        } else {
            levels.insert(price.to_owned(), quantity.to_owned());
        }
    }
}

impl LocalBook {
    async fn open(handle: &ExchangeHandle, ws: &mut Ws) -> Self {
        let first = ws.json().await;
        let mut book = Self::default();
        loop {
            let snapshot = get(handle, "/api/v3/depth?symbol=BTCUSDT&limit=5000").await.ok();
            book.id = snapshot["lastUpdateId"].as_i64().unwrap();
            if book.id < first["U"].as_i64().unwrap() {
                continue;
            }
            set(&mut book.bids, &snapshot["bids"]);
            set(&mut book.asks, &snapshot["asks"]);
            book.apply(&first);
            return book;
        }
    }

    fn apply(&mut self, diff: &Value) {
        let (from, to) = (diff["U"].as_i64().unwrap(), diff["u"].as_i64().unwrap());
        if to <= self.id {
            return;
        }
        assert!(from <= self.id + 1, "a gap: {from} after {}", self.id);
        set(&mut self.bids, &diff["b"]);
        set(&mut self.asks, &diff["a"]);
        self.id = to;
    }

    /// The best price and quantity of both sides as numbers.
    fn best(&self) -> [(f64, f64); 2] {
        let of = |levels: &Levels, sign: f64| {
            let number = |text: &String| text.parse::<f64>().unwrap();
            let level = levels.iter().map(|(price, quantity)| (number(price), number(quantity)));
            level.max_by(|one, other| (sign * one.0).total_cmp(&(sign * other.0))).unwrap()
        };
        [of(&self.bids, 1.0), of(&self.asks, -1.0)]
    }
}

fn levels(side: &Value) -> Levels {
    let mut levels = Levels::new();
    set(&mut levels, side);
    levels
}

#[tokio::test]
async fn local_book_equals_rest() {
    let handle = exchange().await;
    let mut ws = Ws::open(&handle, "/ws/btcusdt@depth@100ms").await;
    let mut book = LocalBook::open(&handle, &mut ws).await;
    for _ in 0..5 {
        book.apply(&ws.json().await);
        let rest = get(&handle, "/api/v3/depth?symbol=BTCUSDT&limit=5000").await.ok();
        // What REST shows has been or will be published under this very id.
        let id = rest["lastUpdateId"].as_i64().unwrap();
        while book.id < id {
            book.apply(&ws.json().await);
        }
        assert_eq!(book.id, id, "a snapshot between two events");
        assert_eq!((&book.bids, &book.asks), (&levels(&rest["bids"]), &levels(&rest["asks"])));
    }
}

#[tokio::test]
async fn bookTicker_agrees_with_depth() {
    let handle = exchange().await;
    let mut depth = Ws::open(&handle, "/ws/btcusdt@depth@100ms").await;
    let mut quotes = Ws::open(&handle, "/ws/btcusdt@bookTicker").await;
    let mut book = LocalBook::open(&handle, &mut depth).await;
    let (mut by_id, mut compared) = (BTreeMap::new(), 0);
    let end = Instant::now() + Duration::from_secs(20);
    while compared < 5 {
        assert!(Instant::now() < end, "{compared} quotes had the id of a change of the book");
        book.apply(&depth.json().await);
        while let Ok(quote) = tokio::time::timeout(Duration::from_millis(5), quotes.json()).await {
            by_id.insert(quote["u"].as_i64().unwrap(), quote);
        }
        if let Some(quote) = by_id.get(&book.id) {
            let [bid, ask] = book.best();
            let quoted = ["b", "B", "a", "A"].map(|name| number(&quote[name]));
            assert_eq!(quoted, [bid.0, bid.1, ask.0, ask.1], "at {}", book.id);
            compared += 1;
        }
    }
}

#[tokio::test]
async fn ws_combined_wrap() {
    let handle = exchange().await;
    let mut ws = Ws::open(&handle, "/stream?streams=btcusdt@trade/ethusdt@bookTicker").await;
    let mut seen = BTreeMap::new();
    while seen.len() < 2 {
        let frame = ws.json().await;
        has_names(&frame, "stream data");
        seen.insert(frame["stream"].as_str().unwrap().to_owned(), frame["data"].clone());
    }
    assert_eq!(seen["btcusdt@trade"]["s"], "BTCUSDT");
    assert_eq!(seen["ethusdt@bookTicker"]["s"], "ETHUSDT");
}

#[tokio::test]
async fn ws_url_encoded_streams() {
    let handle = exchange().await;
    let mut ws =
        Ws::open(&handle, "/stream?streams=btcusdt%40depth%40100ms%2Fbtcusdt%40trade").await;
    ws.find(|frame| frame["stream"] == "btcusdt@trade").await;
    ws.find(|frame| frame["stream"] == "btcusdt@depth@100ms").await;
    let mut ws = Ws::open(&handle, "/ws/btcusdt%40trade").await;
    assert_eq!(ws.json().await["e"], "trade");
}

#[tokio::test]
async fn ws_subscribe_list_unsubscribe() {
    let handle = exchange().await;
    for path in ["/ws", "/stream", "/ws/0"] {
        let mut ws = Ws::open(&handle, path).await;
        let request = json!({
            "method": "SUBSCRIBE", "params": ["btcusdt@bookTicker", "ethusdt@depth"], "id": 312,
        });
        ws.send(request.to_string()).await;
        let answer = ws.find(|frame| frame["id"] == 312).await;
        assert_eq!(answer, json!({"result": null, "id": 312}));
        ws.find(|frame| frame["s"] == "BTCUSDT" || frame["stream"] == "btcusdt@bookTicker").await;
        ws.send(r#"{"method":"LIST_SUBSCRIPTIONS","id":"list-1"}"#).await;
        let list = ws.find(|frame| frame["id"] == "list-1").await;
        let names = list["result"].as_array().unwrap();
        let named: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
        assert!(
            named.contains(&"btcusdt@bookTicker") && named.contains(&"ethusdt@depth"),
            "{list}"
        );
        let request =
            json!({"method": "UNSUBSCRIBE", "params": ["btcusdt@bookTicker"], "id": null});
        ws.send(request.to_string()).await;
        ws.find(|frame| frame == &json!({"result": null, "id": null})).await;
        let next = ws.json().await;
        assert!(next["e"] == "depthUpdate" || next["stream"] == "ethusdt@depth", "{next}");
    }
}

#[tokio::test]
async fn ws_set_get_property_combined() {
    let handle = exchange().await;
    for (path, combined) in
        [("/ws/btcusdt@bookTicker", false), ("/stream?streams=btcusdt@bookTicker", true)]
    {
        let mut ws = Ws::open(&handle, path).await;
        ws.send(r#"{"method":"GET_PROPERTY","params":["combined"],"id":1}"#).await;
        let answer = ws.find(|frame| frame["id"] == 1).await;
        assert_eq!(answer, json!({"result": combined, "id": 1}));
        let request = json!({"method": "SET_PROPERTY", "params": ["combined", !combined], "id": 2});
        ws.send(request.to_string()).await;
        let answer = ws.find(|frame| frame["id"] == 2).await;
        assert_eq!(answer, json!({"result": null, "id": 2}));
        let frame = ws.json().await;
        assert_eq!(frame.get("stream").is_some(), !combined, "{frame}");
        ws.send(r#"{"method":"GET_PROPERTY","params":["combined"],"id":3}"#).await;
        assert_eq!(ws.find(|frame| frame["id"] == 3).await["result"], !combined);
    }
}

#[tokio::test]
async fn ws_bad_method_error() {
    let handle = exchange().await;
    let mut ws = Ws::open(&handle, "/ws").await;
    ws.send(r#"{"method":"NOPE","params":[],"id":1}"#).await;
    let refused = ws.json().await;
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(1), &json!(2)));
    let words = refused["error"]["msg"].as_str().unwrap();
    assert!(words.starts_with("Invalid request: unknown variant"), "{words}");
    ws.send("{").await;
    assert_eq!(ws.json().await["error"]["code"], 3);
    ws.send(r#"{"method":"SET_PROPERTY","params":["combined",1],"id":2}"#).await;
    assert_eq!(ws.json().await["error"]["code"], 1);
    ws.send(r#"{"method":"SET_PROPERTY","params":["nope",true],"id":3}"#).await;
    assert_eq!(ws.json().await["error"]["code"], 0);
}

#[tokio::test]
async fn ws_time_unit_microsecond() {
    let handle = exchange().await;
    for path in [
        "/ws/btcusdt@trade?timeUnit=MICROSECOND",
        "/ws/btcusdt@trade?timeUnit=microsecond",
        "/stream?streams=btcusdt@trade&timeUnit=MICROSECOND",
    ] {
        let frame = Ws::open(&handle, path).await.json().await;
        let trade = frame.get("data").unwrap_or(&frame);
        assert_eq!((trade["E"].to_string().len(), trade["T"].to_string().len()), (16, 16));
    }
}

#[tokio::test]
async fn ws_ping_every_20s() {
    let handle = exchange().await;
    let opened = Instant::now();
    let ping = async |path: &str| {
        let mut ws = Ws::open(&handle, path).await;
        loop {
            if let Message::Ping(payload) = ws.0.next().await.unwrap().unwrap() {
                return (opened.elapsed(), payload);
            }
        }
    };
    let ((streams, payload), (api, _)) =
        tokio::join!(ping("/ws/btcusdt@trade"), ping("/ws-api/v3"));
    assert!(!payload.is_empty());
    for after in [streams, api] {
        assert!((19_500..24_000).contains(&after.as_millis()), "{after:?}");
    }
    // Who does not answer pings is closed, whatever else it sends; who does is not.
    let config = ExchangeConfig {
        ping_every: Duration::from_millis(200),
        pong_within: Duration::from_millis(600),
        ..small()
    };
    let handle = start(config).await;
    let mut mute = Ws::open(&handle, "/ws/btcusdt@trade").await;
    let mut live = Ws::open(&handle, "/ws/btcusdt@trade").await;
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        // Reading answers pings.
        let _ = tokio::time::timeout(Duration::from_millis(100), live.0.next()).await;
    }
    live.json().await;
    // What arrived is read below the websocket, which would answer the pings after all.
    let mut bytes = Vec::new();
    let all = mute.0.get_mut().read_to_end(&mut bytes);
    tokio::time::timeout(Duration::from_secs(10), all).await.expect("an end").unwrap();
    assert!(String::from_utf8_lossy(&bytes).ends_with("pong timeout"), "told why");
}

#[tokio::test]
async fn ws_message_rate_limit_5_per_s() {
    let handle = exchange().await;
    let list = |id: usize| format!(r#"{{"method":"LIST_SUBSCRIPTIONS","id":{id}}}"#);
    // Five are fine, second by second.
    let mut ws = Ws::open(&handle, "/ws").await;
    for round in 0..2 {
        for id in 0..5 {
            ws.send(list(round * 5 + id)).await;
            ws.json().await;
        }
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }
    // The sixth is not, and pings and pongs count.
    for kind in ["text", "ping", "pong"] {
        let mut ws = Ws::open(&handle, "/ws").await;
        for id in 0..8 {
            let message = match kind {
                "text" => Message::text(list(id)),
                "ping" => Message::Ping("x".into()),
                _ => Message::Pong("x".into()),
            };
            if ws.0.send(message).await.is_err() {
                break;
            }
        }
        let ended = tokio::time::timeout(Duration::from_secs(5), async {
            while let Some(Ok(message)) = ws.0.next().await {
                if matches!(message, Message::Close(_)) {
                    break;
                }
            }
        });
        assert!(ended.await.is_ok(), "{kind}");
    }
}
