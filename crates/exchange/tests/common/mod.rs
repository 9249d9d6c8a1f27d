//! A tiny raw client: HTTP over a socket, websockets, and both signatures.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that fails here has found something")]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tickwright_exchange::{
    Credentials, ExchangeConfig, ExchangeHandle, MarketConfig, SyntheticConfig,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// A small, quick market.
pub fn config() -> ExchangeConfig {
    let market = SyntheticConfig {
        seed: 7,
        history: Duration::from_secs(1_800),
        ..SyntheticConfig::default()
    };
    ExchangeConfig { market: MarketConfig::Synthetic(market), ..ExchangeConfig::default() }
}

pub async fn start(config: ExchangeConfig) -> ExchangeHandle {
    tickwright_exchange::bind(config, "127.0.0.1:0".parse().unwrap()).await.unwrap()
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.json()
    }

    #[track_caller]
    pub fn refused(&self, status: u16, code: i64, words: &str) {
        let body = self.json();
        assert_eq!((self.status, &body["code"]), (status, &Value::from(code)), "{body}");
        assert!(body["msg"].as_str().unwrap().contains(words), "{body}");
    }
}

/// Sends one request on a connection of its own.
pub async fn http(
    handle: &ExchangeHandle,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut stream = TcpStream::connect(handle.address).await.unwrap();
    let mut request = format!(
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    request.push_str(body);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let mut lines = head.lines();
    let status = lines.next().unwrap_or("").split(' ').nth(1).and_then(|code| code.parse().ok());
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Answer { status: status.unwrap_or(0), headers, body: body.to_owned() }
}

pub async fn get(handle: &ExchangeHandle, target: &str) -> Answer {
    http(handle, "GET", target, &[], "").await
}

/// Venue time in milliseconds.
pub async fn venue_ms(handle: &ExchangeHandle) -> i64 {
    get(handle, "/api/v3/time").await.ok()["serverTime"].as_i64().unwrap()
}

/// Sends a request signed with the HMAC key, all parameters in the query.
pub async fn signed(handle: &ExchangeHandle, method: &str, path: &str, params: &str) -> Answer {
    let credentials = &handle.credentials;
    let at = venue_ms(handle).await;
    let joint = if params.is_empty() { "" } else { "&" };
    let payload = format!("{params}{joint}timestamp={at}");
    let signature = credentials.sign_hmac(&payload);
    let target = format!("{path}?{payload}&signature={signature}");
    http(handle, method, &target, &[("X-MBX-APIKEY", &credentials.api_key)], "").await
}

/// Places an order.
pub async fn place(handle: &ExchangeHandle, params: &str) -> Answer {
    signed(handle, "POST", "/api/v3/order", params).await
}

/// Price and best quotes of a symbol as numbers, for choosing prices in tests.
pub async fn best(handle: &ExchangeHandle, symbol: &str) -> (f64, f64) {
    let book = get(handle, &format!("/api/v3/ticker/bookTicker?symbol={symbol}")).await.ok();
    let number = |name: &str| book[name].as_str().unwrap().parse::<f64>().unwrap();
    (number("bidPrice"), number("askPrice"))
}

/// A websocket client.
pub struct Ws(pub WebSocketStream<TcpStream>);

impl Ws {
    pub async fn open(handle: &ExchangeHandle, path: &str) -> Self {
        let stream = TcpStream::connect(handle.address).await.unwrap();
        let url = format!("ws://{}{path}", handle.address);
        Self(tokio_tungstenite::client_async(url, stream).await.unwrap().0)
    }

    pub async fn send(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.unwrap();
    }

    /// The next text, within ten seconds; `None` when the connection is over.
    pub async fn text(&mut self) -> Option<String> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(10), self.0.next());
            match next.await.expect("something within ten seconds")? {
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await.expect("a frame")).unwrap()
    }

    /// The next frame for which `wanted` holds, within half a minute.
    pub async fn find(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let search = async {
            loop {
                let value = self.json().await;
                if wanted(&value) {
                    return value;
                }
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(30), search).await;
        found.expect("a frame that is wanted, among all that come")
    }

    /// Sends a request of the WebSocket API and waits for its answer; events in between are lost.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        let request = serde_json::json!({"id": method, "method": method, "params": params});
        self.send(request.to_string()).await;
        self.find(|answer| answer["id"] == method).await
    }
}

/// Adds apiKey, timestamp and an Ed25519 signature to the parameters of a WebSocket request.
pub fn sign_ed25519(credentials: &Credentials, mut params: Value, at: i64) -> Value {
    params["apiKey"] = credentials.ed25519_api_key.clone().into();
    params["timestamp"] = at.into();
    let object = params.as_object().unwrap();
    // serde_json's map is sorted by name.
    let payload: Vec<String> = object
        .iter()
        .map(|(name, value)| format!("{name}={}", value.to_string().trim_matches('"')))
        .collect();
    let signature = credentials.sign_ed25519(&payload.join("&")).unwrap();
    params["signature"] = signature.into();
    params
}
