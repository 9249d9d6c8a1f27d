//! The simulated exchange: Binance Spot's REST, stream and WebSocket APIs on loopback, over a
//! synthetic or a recorded market.
//!
//! A pure machine ([`machine::Exchange`]: accounts, orders, markets, venue time passed in) inside
//! a server that is generic over its listener ([`server`]). What does not belong here: matching
//! itself (crate `matching`) and everything about being a client.

pub mod accounts;
pub mod api;
pub mod clock;
pub mod config;
pub mod flow;
pub mod keys;
pub mod limits;
pub mod lists;
pub mod machine;
pub mod market;
pub mod orders;
pub mod persist;
pub mod replay;
pub mod server;
pub mod streams;
pub mod symbols;

pub use clock::{ClockAnnouncement, Speed};
pub use config::{ExchangeConfig, MarketConfig, OnStoreFailed, ReplayConfig, SyntheticConfig};
pub use keys::Credentials;
pub use server::{ExchangeHandle, StartError, bind, serve};
pub use symbols::{FLAGS, ORDER_TYPES, REFUSABLE, SymbolConfig, flag, refuse};
