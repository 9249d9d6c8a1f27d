//! What survives the process, and who is cut off.

#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

mod common;

use std::time::Duration;

use common::{Ws, best, config, get, place, signed, start};
use futures_util::StreamExt;
use model::Timestamp;
use tickwright_exchange::server::listener::Listener;
use tickwright_exchange::{ExchangeConfig, Speed, StartError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn accounts_orders_trades_and_keys_survive_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let kept = || ExchangeConfig { state_dir: Some(directory.path().to_owned()), ..config() };
    let first = start(kept()).await;
    let (bid, _) = best(&first, "ETHUSDT").await;
    place(&first, "symbol=ETHUSDT&side=BUY&type=MARKET&quantity=0.5").await.ok();
    let resting = format!(
        "symbol=ETHUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price={:.2}&newClientOrderId=rests",
        bid * 0.9
    );
    let order = place(&first, &resting).await.ok();
    let stop = format!(
        "symbol=ETHUSDT&side=SELL&type=STOP_LOSS_LIMIT&timeInForce=GTC&quantity=0.1&price={0:.2}&stopPrice={0:.2}",
        bid * 0.9
    );
    place(&first, &stop).await.ok();
    let trades = signed(&first, "GET", "/api/v3/myTrades", "symbol=ETHUSDT").await.ok();
    let account = signed(&first, "GET", "/api/v3/account", "").await.ok();
    let credentials = first.credentials.clone();
    // No good-bye: whatever was answered must be on the disk.
    drop(first);

    let again = start(kept()).await;
    assert_eq!(again.credentials, credentials);
    let restored = signed(&again, "GET", "/api/v3/account", "").await.ok();
    assert_eq!(restored, account, "to the time of the last change");
    assert_eq!(signed(&again, "GET", "/api/v3/myTrades", "symbol=ETHUSDT").await.ok(), trades);
    let open = signed(&again, "GET", "/api/v3/openOrders", "symbol=ETHUSDT").await.ok();
    assert_eq!(open.as_array().unwrap().len(), 2, "{open}");
    assert_eq!(open[0]["orderId"], order["orderId"]);
    let new = place(&again, "symbol=ETHUSDT&side=SELL&type=MARKET&quantity=0.1").await.ok();
    assert!(new["orderId"].as_i64() > open[1]["orderId"].as_i64());
    let old = trades[0]["id"].as_i64().unwrap();
    assert!(new["fills"][0]["tradeId"].as_i64().unwrap() > old, "ids go on over restarts");
    let cancel = "symbol=ETHUSDT&origClientOrderId=rests";
    assert_eq!(signed(&again, "DELETE", "/api/v3/order", cancel).await.ok()["status"], "CANCELED");
}

#[tokio::test]
async fn venue_time_does_not_go_back_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let kept = || ExchangeConfig { state_dir: Some(directory.path().to_owned()), ..config() };
    let time = async |handle: &_| get(handle, "/api/v3/time").await.ok()["serverTime"].as_i64();
    // As if it had run faster than the wall.
    let wall = start(config()).await;
    let now = Timestamp::from_millis(time(&wall).await.unwrap());
    let ahead = now.after(Duration::from_secs(600));
    let first = start(ExchangeConfig { start_at: Some(ahead), ..kept() }).await;
    place(&first, "symbol=ETHUSDT&side=BUY&type=MARKET&quantity=0.5").await.ok();
    let trades = signed(&first, "GET", "/api/v3/myTrades", "symbol=ETHUSDT").await.ok();
    drop(first);
    let again = start(kept()).await;
    assert!(time(&again).await >= trades[0]["time"].as_i64(), "{trades}");
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_cut_off_with_a_word() {
    let quick =
        ExchangeConfig { reader_queue: 64, speed: Speed::parse("500").unwrap(), ..config() };
    let handle = start(quick).await;
    let streams: Vec<String> = ["btcusdt", "ethusdt", "solusdt", "bnbusdt"]
        .iter()
        .flat_map(|symbol| {
            ["trade", "bookTicker", "depth@100ms", "depth20@100ms"]
                .map(|kind| format!("{symbol}@{kind}"))
        })
        .collect();
    let mut idle = Ws::open(&handle, &format!("/stream?streams={}", streams.join("/"))).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let reason = loop {
        match idle.0.next().await {
            Some(Ok(Message::Close(frame))) => {
                break frame.map(|frame| (u16::from(frame.code), frame.reason.to_string()));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => break None,
        }
    };
    // The queue is in the kernel's buffers when the cut comes: what was sent before is read
    // first, and then either the word or the cut, whichever the socket had room for.
    if let Some((code, reason)) = reason {
        assert_eq!((code, reason.as_str()), (1008, "too slow: 64 frames were waiting"));
    }
    get(&handle, "/api/v3/ping").await.ok();
}

/// Connections that a test has both ends of, with next to no room in between.
struct Narrow(tokio::sync::mpsc::UnboundedReceiver<tokio::io::DuplexStream>);

impl Listener for Narrow {
    type Io = tokio::io::DuplexStream;

    async fn accept(&mut self) -> std::io::Result<(Self::Io, std::net::SocketAddr)> {
        match self.0.recv().await {
            Some(stream) => Ok((stream, self.local_addr()?)),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<std::net::SocketAddr> {
        Ok(std::net::SocketAddr::from(([127, 0, 0, 1], 9)))
    }
}

/// A websocket without streams: all that is ever written to it is pings.
async fn open_narrow(to: &tokio::sync::mpsc::UnboundedSender<DuplexStream>) -> DuplexStream {
    const ROOM: usize = 256;
    let (mut ours, theirs) = tokio::io::duplex(ROOM);
    to.send(theirs).unwrap();
    let hello = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    ours.write_all(hello.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(ours.read_u8().await.unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", answer.escape_ascii());
    ours
}

/// Waits until the other end is gone, without reading.
async fn is_let_go(stream: &mut DuplexStream) -> bool {
    // A pong nobody asked for, so seldom that it breaks no rule; there is room for forty.
    let pong = [0x8a, 0x80, 0, 0, 0, 0];
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if stream.write_all(&pong).await.is_err() {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn a_reader_that_takes_not_even_pings_is_let_go() {
    let connections = tokio::sync::mpsc::unbounded_channel();
    let pinging = ExchangeConfig {
        ping_every: Duration::from_millis(1),
        pong_within: Duration::from_secs(1),
        ..config()
    };
    let clock = tickwright_exchange::server::system_clock();
    let _handle = tickwright_exchange::serve(pinging, Narrow(connections.1), clock).unwrap();
    let mut mute = open_narrow(&connections.0).await;
    assert!(is_let_go(&mut mute).await, "by its own time");
}

#[tokio::test]
async fn websockets_are_pinged_and_have_a_limited_life() {
    let short = ExchangeConfig {
        ping_every: Duration::from_millis(250),
        pong_within: Duration::from_millis(500),
        connection_life: Duration::from_millis(1_400),
        ..config()
    };
    let handle = start(short).await;
    let mut ws = Ws::open(&handle, "/ws").await;
    let (mut pings, mut reason) = (0, String::new());
    while let Some(Ok(message)) = ws.0.next().await {
        match message {
            Message::Ping(_) => pings += 1,
            Message::Close(frame) => reason = frame.unwrap().reason.to_string(),
            Message::Text(_) | Message::Binary(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
    assert!(pings >= 4, "{pings}");
    assert_eq!(reason, "the connection has reached its age limit");
    // Whoever does not read does not answer pings.
    let mute = Ws::open(&handle, "/ws").await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let mut mute = mute;
    let last = loop {
        match mute.0.next().await {
            Some(Ok(Message::Close(frame))) => break frame.unwrap().reason.to_string(),
            Some(Ok(_)) => {}
            Some(Err(error)) => break error.to_string(),
            None => break String::new(),
        }
    };
    assert_eq!(last, "pong timeout");
}

#[tokio::test]
async fn what_can_not_be_is_refused_at_the_start() {
    let endless = ExchangeConfig { speed: Speed::Max, ..config() };
    let address = "127.0.0.1:0".parse().unwrap();
    let refused = tickwright_exchange::bind(endless, address).await;
    assert!(matches!(refused, Err(StartError::Config(_))));
    let handle = start(config()).await;
    let taken = tickwright_exchange::bind(config(), handle.address).await;
    assert!(matches!(taken, Err(StartError::Listen(_))));
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("exchange.log"), "nonsense\nmore\n").unwrap();
    let damaged = ExchangeConfig { state_dir: Some(directory.path().to_owned()), ..config() };
    let refused = tickwright_exchange::bind(damaged, address).await;
    assert!(refused.unwrap_err().to_string().contains("line 1"));
}
