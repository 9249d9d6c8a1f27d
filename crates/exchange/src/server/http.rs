//! REST: from bytes to a call and back, and the upgrade to websockets.

use std::net::IpAddr;
use std::sync::Arc;

use http_body_util::{BodyExt, Limited};
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use model::Timestamp;

use super::answer::{Answer, json, refuse};
use super::faults::{Failure, FailurePoint, SentParams, Target};
use super::state::{Caller, Shared};
use super::{control, ws};
use crate::api::auth::{Credential, rest_payload};
use crate::api::error::ApiError;
use crate::api::params::Params;
use crate::api::table::{self, Endpoint, Route};
use crate::api::{Reply, TimeUnit};

/// Largest request body.
const MAX_BODY: usize = 64 * 1024;

/// A connection that must be cut instead of answered.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut by a fault")]
pub struct Cut;

/// Handles one request.
///
/// # Errors
/// [`Cut`] when a fault wants no answer.
pub async fn handle(
    shared: Arc<Shared>,
    address: IpAddr,
    request: Request<Incoming>,
) -> Result<Answer, Cut> {
    let path = request.uri().path();
    if path.starts_with("/control/") {
        return Ok(control::handle(&shared, address, request).await);
    }
    if ws::is_upgrade(&request) {
        return Ok(ws::upgrade(&shared, address, request));
    }
    rest(&shared, address, request).await
}

async fn rest(shared: &Shared, address: IpAddr, request: Request<Incoming>) -> Result<Answer, Cut> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or("").to_owned();
    let header = |name: &str| {
        parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let (api_key, unit) = (header("x-mbx-apikey"), header("x-mbx-time-unit"));
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return Ok(refuse(&ApiError::invalid_message("Request body is too large.")));
    };
    let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let endpoint = match table::route(parts.method.as_str(), &path) {
        Route::Endpoint(endpoint) => endpoint,
        Route::WrongMethod => {
            return Ok(refuse(&ApiError { status: 405, ..ApiError::unsupported() }));
        }
        Route::Gone => return Ok(refuse(&ApiError::no_listen_key())),
        Route::Unknown => return Ok(refuse(&ApiError::path_not_found(&path))),
    };
    let (delay, failure, arrived_at) = {
        let mut state = shared.lock();
        let arrived_at = state.clock.venue_time((shared.wall)());
        let target = Target::new(&path, SentParams::Rest { query: &query, body: &body });
        (state.faults.delay(&target), state.faults.take(&target), arrived_at)
    };
    let incoming = RestRequest { endpoint, path, api_key, unit, query, body, address, arrived_at };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let Some(planned) = failure else { return Ok(carry_out(shared, &incoming)) };
    if planned.point == FailurePoint::After {
        carry_out(shared, &incoming);
    }
    match planned.failure {
        Failure::NoAnswer => Err(Cut),
        Failure::Status(status) => {
            let error = match planned.point {
                FailurePoint::Before => ApiError::overloaded(),
                FailurePoint::After => ApiError::backend_timeout(),
            };
            Ok(refuse(&ApiError { status, ..error }))
        }
    }
}

/// A REST request taken apart.
struct RestRequest {
    endpoint: &'static Endpoint,
    path: String,
    api_key: Option<String>,
    unit: Option<String>,
    query: String,
    body: String,
    address: IpAddr,
    arrived_at: Timestamp,
}

fn carry_out(shared: &Shared, incoming: &RestRequest) -> Answer {
    let unit = incoming.unit.as_deref().map(TimeUnit::parse).transpose();
    let params = Params::from_query_and_body(&incoming.query, &incoming.body);
    let (unit, mut params) = match (unit, params) {
        (Ok(unit), Ok(params)) => (unit.unwrap_or_default(), params),
        (Err(error), _) | (_, Err(error)) => {
            let (mut state, now) = shared.current();
            let used = state.exchange.address_limits.used_weight(incoming.address, now);
            return answer(Reply { result: Err(error), counted: None }, used, None);
        }
    };
    let is_signed = incoming.endpoint.security != crate::api::auth::Security::None;
    if is_signed {
        params.mark_signed();
    }
    let payload =
        if is_signed { rest_payload(&incoming.query, &incoming.body) } else { String::new() };
    let credential = Credential::Signed { api_key: incoming.api_key.as_deref(), payload: &payload };
    let RestRequest { address, arrived_at, .. } = *incoming;
    let caller = Caller { credential, address, arrived_at, unit };
    let (mut state, now) = shared.current();
    let mut reply = state.call(incoming.endpoint, &params, caller, now);
    state.flush();
    let sent = SentParams::Rest { query: &incoming.query, body: &incoming.body };
    let target = Target::new(&incoming.path, sent);
    reply.result = match reply.result {
        Ok(body) => Ok(state.faults.altered(&target, body)),
        Err(error) => {
            let msg = state.faults.altered(&target, error.msg);
            Err(ApiError { msg, ..error })
        }
    };
    let used = state.exchange.address_limits.used_weight(incoming.address, now);
    let counts = reply
        .counted
        .filter(|_| reply.result.is_ok())
        .map(|account| state.exchange.account(account).counts.counts(now));
    drop(state);
    answer(reply, used, counts)
}

fn answer(reply: Reply, used_weight: u32, order_counts: Option<(u32, u32)>) -> Answer {
    let mut response = match reply.result {
        Ok(body) => json(200, body),
        Err(error) => refuse(&error),
    };
    let headers = response.headers_mut();
    for name in ["x-mbx-used-weight", "x-mbx-used-weight-1m"] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(used_weight));
    }
    if let Some((short, day)) = order_counts {
        headers.insert(HeaderName::from_static("x-mbx-order-count-10s"), HeaderValue::from(short));
        headers.insert(HeaderName::from_static("x-mbx-order-count-1d"), HeaderValue::from(day));
    }
    response
}
