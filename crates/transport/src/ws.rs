//! Websockets, client and server side, as a sender and a receiver.
//!
//! [`connect`] dials and upgrades; [`upgrade`] answers a hyper request on the server side;
//! [`accept`] serves a bare stream. All give the same pair. The two halves share one connection and
//! may live in different tasks; the connection is dropped when both are gone.
//!
//! **Pings are answered by the receiver**, at once and with the same payload, before the
//! [`WsEvent::Ping`] is handed out. So the receiver must be read for as long as the connection is
//! to live.
//!
//! **Memory.** Frames are received without copying: a payload is a slice of the read buffer
//! ([`WsOptions::read_buffer_bytes`]) and keeps that whole buffer alive. Copy what you keep.

mod client;
mod event;
mod options;
mod receiver;
mod sender;
mod server;
mod shared;

pub use client::connect;
pub use event::{CloseCode, ReceiveError, WsEvent, WsFrame};
pub use options::WsOptions;
pub use receiver::WsReceiver;
pub use sender::{Flush, SendError, SendFailure, WsSender};
pub use server::{AcceptError, Upgrade, UpgradeError, accept, upgrade};
pub use tokio_tungstenite::tungstenite::Utf8Bytes;
