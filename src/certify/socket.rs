//! A connection of the WebSocket API, as a check uses it.

use std::collections::VecDeque;
use std::time::Duration;

use binance::decode::decode_ws_api;
use binance::encode::{Call, WsAuth, ws_api_request};
use serde_json::Value;
use tokio::time::timeout;
use transport::ws::{CloseCode, WsEvent, WsFrame, WsOptions, WsReceiver, WsSender, connect};

use super::side::{Answer, Core};
use super::verdict::{Checked, failed};

/// How long an answer or a report may take.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// How a request proves who sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// By a signature of its own.
    Signature,
    /// By the connection, which is logged on.
    Session,
}

/// One connection.
pub struct Socket {
    sender: WsSender,
    receiver: WsReceiver,
    last_id: i64,
    /// Whether it was logged on.
    pub is_logged_on: bool,
    /// Events that nobody has looked at yet.
    events: VecDeque<Value>,
}

impl Socket {
    /// Opens a connection of the WebSocket API.
    pub async fn open(core: &Core) -> Checked<Self> {
        Self::open_at(core, &core.urls.ws_api_url).await
    }

    /// Opens a connection at any address of the venue.
    pub async fn open_at(core: &Core, url: &str) -> Checked<Self> {
        match connect(&core.dialer, url, &WsOptions::default()).await {
            Ok((sender, receiver)) => Ok(Self {
                sender,
                receiver,
                last_id: 0,
                is_logged_on: false,
                events: VecDeque::new(),
            }),
            Err(error) => failed(format!("{url}: {error}")),
        }
    }

    /// Asks, and waits for the answer to this very request.
    pub async fn call(&mut self, core: &Core, call: &Call, proof: Proof) -> Checked<Answer> {
        self.last_id += 1;
        let (timestamp, recv_window) = (core.venue_now(), core.recv_window);
        let auth = match proof {
            Proof::Session => WsAuth::Session { timestamp, recv_window },
            Proof::Signature => {
                WsAuth::Signed { credentials: &core.credentials, timestamp, recv_window }
            }
        };
        self.send(ws_api_request(self.last_id, call, auth)).await?;
        loop {
            let frame = self.frame().await?;
            if frame["id"] == self.last_id {
                return Ok(Answer::of_frame(&frame));
            }
            self.events.push_back(frame);
        }
    }

    /// Sends a text as it is.
    pub async fn send(&mut self, text: String) -> Checked {
        match self.sender.send(WsFrame::text(text)).await {
            Ok(()) => Ok(()),
            Err(error) => failed(format!("the connection does not take a frame: {error}")),
        }
    }

    /// The next frame; every frame of the WebSocket API must be one that the engine can read.
    async fn frame(&mut self) -> Checked<Value> {
        let text = self.text().await?;
        if let Err(error) = decode_ws_api(text.as_bytes()) {
            return failed(format!("a frame that the engine can't read: {error}"));
        }
        serde_json::from_str(&text).or_else(|error| failed(format!("no JSON: {error}")))
    }

    /// The next text, whatever it is.
    pub async fn text(&mut self) -> Checked<String> {
        loop {
            let Ok(next) = timeout(PATIENCE, self.receiver.next()).await else {
                return failed(format!("nothing came within {} s", PATIENCE.as_secs()));
            };
            match next {
                Some(Ok(WsEvent::Text(text))) => return Ok(text.to_string()),
                Some(Ok(WsEvent::Ping(_) | WsEvent::Pong(_) | WsEvent::Binary(_))) => {}
                Some(Ok(WsEvent::Closed { code, reason })) => {
                    return failed(format!("the connection was closed: {code:?} {reason}"));
                }
                Some(Err(error)) => return failed(format!("the connection broke: {error}")),
                None => return failed("the connection ended"),
            }
        }
    }

    /// The next event that is meant; others before it are dropped.
    pub async fn event(&mut self, is_meant: impl Fn(&Value) -> bool) -> Checked<Value> {
        let meant = |frame: &Value| frame.get("event").is_some_and(&is_meant);
        if let Some(at) = self.events.iter().position(meant) {
            let frame = self.events.drain(..=at).next_back().expect("there is one at that place");
            return Ok(frame["event"].clone());
        }
        self.events.clear();
        // Others may come all the time: the wait as a whole is bounded by that for the check.
        loop {
            let frame = self.frame().await?;
            if meant(&frame) {
                return Ok(frame["event"].clone());
            }
        }
    }

    /// Closes in good order.
    pub async fn close(mut self) {
        // It may be gone already.
        let _ = self.sender.close(CloseCode::NORMAL, "").await;
    }
}
