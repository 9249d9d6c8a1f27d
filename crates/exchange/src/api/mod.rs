//! Binance's API: one table of endpoints, the same handlers behind REST and the WebSocket API.

pub mod auth;
pub mod error;
pub mod handlers;
pub mod ordered;
pub mod params;
pub mod table;

use std::cell::Cell;
use std::net::IpAddr;

use model::Timestamp;

use crate::machine::Exchange;
use auth::{Credential, Security};
use error::ApiError;
use params::Params;
use table::Endpoint;

/// Unit of the times in an answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum TimeUnit {
    /// Milliseconds.
    #[default]
    Millisecond,
    /// Microseconds.
    Microsecond,
}

impl TimeUnit {
    /// Reads the header or the URL parameter.
    ///
    /// # Errors
    /// -1194.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        match text {
            "MILLISECOND" | "millisecond" => Ok(Self::Millisecond),
            "MICROSECOND" | "microsecond" => Ok(Self::Microsecond),
            _ => Err(ApiError::bad_time_unit()),
        }
    }

    /// An instant in this unit.
    #[must_use]
    pub const fn of(self, at: Timestamp) -> i64 {
        match self {
            Self::Millisecond => at.as_millis(),
            Self::Microsecond => at.as_micros(),
        }
    }
}

/// What a handler gets to know of its request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The parameters.
    pub params: &'a Params,
    /// The caller's account; 0 for endpoints without security.
    pub account: u32,
    /// The caller's key; empty for endpoints without security.
    pub key: &'a str,
    /// Venue time.
    pub now: Timestamp,
    /// Unit of the times in the answer.
    pub unit: TimeUnit,
    /// Set by an amendment that left nothing of its order: such a one weighs nothing.
    pub has_ended: &'a Cell<bool>,
}

/// A call as it came in.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What is called.
    pub endpoint: &'static Endpoint,
    /// With what.
    pub params: &'a Params,
    /// By whom.
    pub credential: Credential<'a>,
    /// From where.
    pub address: IpAddr,
    /// When it arrived, in venue time.
    pub arrived_at: Timestamp,
    /// When it is carried out, in venue time.
    pub now: Timestamp,
    /// Unit of the times in the answer.
    pub unit: TimeUnit,
}

/// What a call came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// JSON of the answer, or the error.
    pub result: Result<String, ApiError>,
    /// The account that orders were counted for.
    pub counted: Option<u32>,
}

/// Carries out a call: weight, security, order count, handler.
pub fn call(exchange: &mut Exchange, call: &Call<'_>) -> Reply {
    let Call { endpoint, params, arrived_at, now, .. } = *call;
    let weight = endpoint.weight.of(params);
    let limits = *exchange.limits();
    if let Err(error) = exchange.address_limits.charge(call.address, now, weight, &limits) {
        return Reply { result: Err(error), counted: None };
    }
    let account = match endpoint.security {
        Security::None => Ok(0),
        security @ (Security::Trade | Security::UserData) => {
            auth::authorize(exchange, security, call.credential, params, arrived_at)
        }
    };
    let account = match account {
        Ok(account) => account,
        Err(error) => return Reply { result: Err(error), counted: None },
    };
    let counted = (endpoint.orders > 0).then_some(account);
    let charged = match counted {
        Some(_) => exchange.charge_orders(account, endpoint.orders, now),
        None => Ok(()),
    };
    let key = match call.credential {
        Credential::Signed { api_key, .. } => api_key.unwrap_or(""),
        Credential::Session { api_key } => api_key,
        Credential::Missing => "",
    };
    let has_ended = Cell::new(false);
    let request = Request { params, account, key, now, unit: call.unit, has_ended: &has_ended };
    if let Err(error) = charged {
        let error = match endpoint.ws == Some("order.cancelReplace") {
            true => handlers::trade::replace_past_limit(exchange, &request, error),
            false => error,
        };
        return Reply { result: Err(error), counted };
    }
    let in_time = match endpoint.security {
        Security::Trade => auth::check_at_engine(params, now),
        Security::None | Security::UserData => Ok(()),
    };
    let result = in_time.and_then(|()| (endpoint.handler)(exchange, &request));
    match (&result, counted) {
        (Ok(_), _) if endpoint.is_free_on_success || has_ended.get() => {
            exchange.address_limits.refund(call.address, now, weight);
        }
        (Err(error), Some(account)) if !error.counts_as_orders => {
            exchange.refund_orders(account, endpoint.orders, now);
        }
        (Ok(_) | Err(_), _) => {}
    }
    Reply { result, counted }
}
