//! Binance Spot: what its bytes mean and what we have to send.
//!
//! What belongs here: addresses, the codec of REST, market streams, WebSocket API and user data,
//! signing, rate limits, the clock offset, the classification of outcomes, and the sessions that
//! tie them together as pure machines. What does not: sockets, clocks, randomness, and any
//! decision about trading. The clock is passed in, and what has to be sent is handed out.

pub mod classify;
pub mod clock_offset;
pub mod decode;
pub mod encode;
mod endpoint;
mod enums;
mod feed;
pub mod limits;
pub mod sign;
mod symbols;
mod venue;

pub use endpoint::{Endpoint, EndpointUrls};
pub use enums::{
    ExecutionType, ListOrderStatus, ListStatusType, OrderSide, OrderType, RateLimitInterval,
    RateLimitType, ResponseType, SelfTradePrevention, SymbolStatus, WireOrderStatus,
    WireTimeInForce,
};
pub use feed::BinanceFeed;
pub use symbols::SymbolTable;
pub use venue::{BinanceVenue, VenuePolicy, VenueRules};
