//! Writing what we send.
//!
//! A [`Call`] is one operation of the venue with its parameters, built once from the engine's own
//! types and then written for the way it goes: a REST request or a WebSocket API frame.

mod batch;
mod call;
mod order;
mod params;
mod rest;
mod stream;
mod ws_api;

pub use batch::{SYMBOLS_PER_REQUEST, batches, split};
pub use call::{Call, Operation, OrderName};
pub use order::SubmitOptions;
pub use params::Params;
pub use rest::{RestAuth, rest_request};
pub use stream::{StreamKind, control_request, stream_name};
pub use ws_api::{WsAuth, ws_api_request};
