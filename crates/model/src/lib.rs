//! The values and messages that every part of Tickwright speaks in.
//!
//! What belongs here: exact numbers, instants, identifiers, instruments with their trading
//! filters, market events, orders and order events. What does not: anything that decides,
//! stores, sends or reads a clock.
//!
//! Numbers on the market data path ([`Price`], [`Quantity`]) are fixed-point integers with eight
//! decimals, the precision of the venue. Money that is added up over months ([`Amount`]) is an
//! arbitrary-scale decimal, because the product of two eight-decimal numbers does not fit in one.

mod amount;
mod filters;
mod fixed;
mod ids;
mod instrument;
mod market_event;
mod order;
mod order_event;
mod text;
mod time;

pub use amount::{Amount, AmountError};
pub use filters::{
    FilterViolation, Filters, NotionalFilter, PercentPrice, PriceFilter, SizeFilter,
};
pub use fixed::{FixedError, Price, Quantity};
pub use ids::{
    Asset, Chain, ClientOrderId, CorrelationId, IdError, InstanceId, InstrumentId, OrderId, Role,
    StrategyId, Symbol, TradeId, VenueId, VenueOrderId,
};
pub use instrument::{Contract, Features, Instrument, InstrumentStatus, Instruments, OrderTypes};
pub use market_event::{
    Bar, BookState, DepthUpdate, Interval, IntervalError, Level, MarketEvent, Quote, Trade,
};
pub use order::{NewOrder, OrderKind, OrderQuantity, OrderStatus, Side, TimeInForce};
pub use order_event::{
    CancelReason, DenialReason, Fill, FillKey, Liquidity, OrderEvent, OrderEventKind, RejectReason,
};
pub use text::DecimalText;
pub use time::Timestamp;
