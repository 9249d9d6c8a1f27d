//! Why a request has no response, and whether the server may have got it.

use std::time::Duration;

use hyper::http::StatusCode;
use thiserror::Error;

use crate::ConnectError;

/// A request has no usable response.
#[derive(Debug, Error)]
pub enum HttpError {
    /// Not one byte of the request has left, or ever will.
    #[error("not sent: {0}")]
    NotSent(NotSent),
    /// The request may have left, wholly or in part; the server may have acted on it.
    #[error("maybe sent: {0}")]
    MaybeSent(MaybeSent),
}

impl HttpError {
    /// Whether the server may have got any of the request.
    pub fn may_have_left(&self) -> bool {
        match self {
            Self::NotSent(_) => false,
            Self::MaybeSent(_) => true,
        }
    }

    /// Whether a deadline passed, before or after sending.
    pub fn is_timeout(&self) -> bool {
        matches!(
            self,
            Self::NotSent(
                NotSent::TimedOut { .. } | NotSent::Connect(ConnectError::TimedOut { .. })
            ) | Self::MaybeSent(MaybeSent::TimedOut { .. })
        )
    }
}

/// Why a request was not sent.
#[derive(Debug, Error)]
pub enum NotSent {
    /// It is no valid request.
    #[error("the request is invalid: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: String,
    },
    /// No connection could be opened.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Too many requests wait for a connection to this host already.
    #[error("{waiting} requests wait for this host already")]
    Busy {
        /// How many.
        waiting: usize,
    },
    /// Its time was up while it waited for a connection.
    #[error("no connection was free within {after:?}")]
    TimedOut {
        /// How long the request was given.
        after: Duration,
    },
    /// The server had closed the pooled connection. Another attempt gets another connection.
    #[error("the connection was closed before the request was written: {source}")]
    ConnectionClosed {
        /// What hyper said.
        source: hyper::Error,
    },
}

/// Why a request that may have been sent has no response.
#[derive(Debug, Error)]
pub enum MaybeSent {
    /// The response was not complete in time.
    #[error("no complete response within {after:?}{}", after_status(*status))]
    TimedOut {
        /// How long the request was given.
        after: Duration,
        /// The response's status, if it had come.
        status: Option<StatusCode>,
    },
    /// The connection broke before the response was complete.
    #[error("the connection broke{}: {source}", after_status(*status))]
    Disconnected {
        /// The response's status, if it had come.
        status: Option<StatusCode>,
        /// What hyper said.
        source: hyper::Error,
    },
    /// What came is no HTTP/1.1 response.
    #[error("the response is no HTTP/1.1{}: {source}", after_status(*status))]
    Malformed {
        /// The response's status, if it had come.
        status: Option<StatusCode>,
        /// What hyper said.
        source: hyper::Error,
    },
    /// The response's body is larger than accepted.
    #[error("the response's body (status {status}) is larger than {max_bytes} bytes")]
    BodyTooLarge {
        /// The response's status.
        status: StatusCode,
        /// The bound.
        max_bytes: usize,
    },
}

fn after_status(status: Option<StatusCode>) -> String {
    status.map_or_else(String::new, |status| format!(" (after status {})", status.as_u16()))
}
