//! An HTTP/1.1 client with a connection pool, made for traffic where a request must not happen
//! twice.
//!
//! [`HttpClient::request`] sends a request at most once: no retry, no redirect. Its error says
//! whether any byte of the request may have left. [`fetch_many`] runs many requests with bounded
//! concurrency and a deadline, and yields each result as it comes.
//!
//! The pool is our own, a list of idle connections a host over hyper's one-connection client.
//! hyper-util's pooled client opens a second connection while it waits for the first to become
//! idle, and does not tell its caller whether a failed request was ever started.

mod client;
mod error;
mod fetch;
mod message;
mod pool;

pub use client::{HttpClient, HttpOptions};
pub use error::{HttpError, MaybeSent, NotSent};
pub use fetch::{FetchLimits, fetch_many};
pub use hyper::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use message::{Request, Response};
