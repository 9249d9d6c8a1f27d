//! Websocket, HTTP/1.1 and TLS over any byte stream.
//!
//! What belongs here: opening a stream ([`Connector`], [`Dialer`]), securing it ([`Tls`]), framing
//! it ([`ws`]) and asking over it ([`http`]), each with bounds, deadlines and typed errors. What
//! does not: anything a venue says or means, reconnecting, retrying, rate limits. Whoever calls
//! decides what a failure means; this crate only says exactly what failed and, where a request was
//! under way, **whether any byte of it may have left the process** (`NotSent` or `MaybeSent`).
//!
//! That last answer is exact in the direction that matters. Every stream the [`Dialer`] opens goes
//! through a gate that counts the bytes the connector's stream has accepted (below TLS) and can be
//! shut for good. `NotSent` is only said after the gate was shut with not one byte accepted since
//! the request was handed over; everything else is `MaybeSent`.
//!
//! **Runtime.** Everything here is `Send` and needs a tokio runtime with time and I/O enabled; it
//! runs unchanged on a current-thread runtime (an actix arbiter, a simulated network under paused
//! time) and on a multi-thread one. All deadlines use tokio's clock.
//!
//! ```no_run
//! use tickwright_transport::http::{HttpClient, HttpOptions, Request};
//! use tickwright_transport::ws::{self, WsEvent, WsOptions};
//! use tickwright_transport::{Dialer, Tls, TlsOptions};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let dialer = Dialer::tcp(Some(Tls::load(&TlsOptions::default())?));
//! let client = HttpClient::new(dialer.clone(), HttpOptions::default());
//! let time = client.request(Request::get("https://venue.example/api/v3/time")).await?;
//! println!("{}: {:?}", time.status, time.body);
//!
//! let url = "wss://venue.example/ws/btcusdt@trade";
//! let (_sender, mut receiver) = ws::connect(&dialer, url, &WsOptions::default()).await?;
//! let mut events = Vec::new();
//! while receiver.next_batch(&mut events, 256).await? > 0 {
//!     for event in events.drain(..) {
//!         if let WsEvent::Text(text) = event {
//!             println!("{text}");
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod connector;
mod dialer;
mod error;
mod gate;
pub mod http;
mod tcp;
mod tls;
mod url;
pub mod ws;

pub use connector::{ByteStream, Connecting, Connector, RawStream, Target};
pub use dialer::Dialer;
pub use error::{ConnectError, ConnectPhase, Rejection};
pub use tcp::{TcpConnector, TcpOptions};
pub use tls::{Tls, TlsOptions, TlsSetupError};

/// The compiler holds what is said above about runtimes.
const _: fn() = || {
    fn assert_send<T: Send>() {}
    assert_send::<ws::WsSender>();
    assert_send::<ws::WsReceiver>();
    assert_send::<http::HttpClient>();
    assert_send::<Dialer>();
};
