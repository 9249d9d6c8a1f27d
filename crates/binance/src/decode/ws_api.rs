//! Frames of the WebSocket API: answers to requests, and events of the account.

use std::borrow::Cow;

use model::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::field::{optional_instant, optional_text, venue_instant};
use super::{ApiError, DecodeError, RateLimit, RequestId, UserEvent, parse};

/// One frame of a WebSocket API connection.
#[derive(Debug, Clone)]
pub enum WsApiFrame<'a> {
    /// The answer to a request.
    Response(WsApiResponse<'a>),
    /// An event of the account.
    Event(WsApiEvent<'a>),
}

/// The answer to a request.
#[derive(Debug, Clone)]
pub struct WsApiResponse<'a> {
    /// Which request; null when the server could not read it, or for a revoked key.
    pub id: RequestId,
    /// Status with the meaning of an HTTP status.
    pub status: u16,
    /// The result, as JSON for the type that the request expects.
    pub result: Option<&'a str>,
    /// The refusal.
    pub error: Option<ApiError>,
    /// What the refusal adds: both halves of a cancelReplace, or when to come back.
    pub error_data: Option<&'a str>,
    /// Limits and what is used of them.
    pub rate_limits: Vec<RateLimit>,
}

impl WsApiResponse<'_> {
    /// Until when the venue wants no more requests (statuses 418 and 429).
    #[must_use]
    pub fn retry_after(&self) -> Option<Timestamp> {
        #[derive(Deserialize)]
        struct Data {
            #[serde(rename = "retryAfter")]
            retry_after: i64,
        }
        let data: Data = serde_json::from_str(self.error_data?).ok()?;
        Some(venue_instant(data.retry_after))
    }
}

/// An event of the account.
#[derive(Debug, Clone)]
pub struct WsApiEvent<'a> {
    /// The subscription that it belongs to; none for what concerns the connection.
    pub subscription: Option<i64>,
    /// What happened.
    pub event: UserEvent<'a>,
}

/// The result of `session.logon` and `session.status`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WsLogon<'a> {
    /// The key that the connection is logged on with; none when it is not.
    #[serde(borrow, default, deserialize_with = "optional_text")]
    pub api_key: Option<Cow<'a, str>>,
    /// Since when.
    #[serde(default, deserialize_with = "optional_instant")]
    pub authorized_since: Option<Timestamp>,
    /// The venue's clock.
    #[serde(default, deserialize_with = "optional_instant")]
    pub server_time: Option<Timestamp>,
}

/// The result of subscribing to user data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WsSubscription {
    /// Number of the subscription on its connection.
    pub subscription_id: i64,
}

/// Reads one frame of a WebSocket API connection.
///
/// # Errors
/// [`DecodeError::Malformed`] for anything that is no frame of the documented kinds.
pub fn decode_ws_api(frame: &[u8]) -> Result<WsApiFrame<'_>, DecodeError> {
    let wire: WireFrame<'_> = parse("WebSocket API frame", frame)?;
    if let Some(event) = wire.event {
        return Ok(WsApiFrame::Event(WsApiEvent {
            subscription: wire.subscription_id,
            event: UserEvent::read(event.get().as_bytes())?,
        }));
    }
    let Some(status) = wire.status else {
        return Err(DecodeError::Malformed {
            what: "WebSocket API frame",
            detail: "neither `status` nor `event`".to_owned(),
        });
    };
    let (error, error_data) = match wire.error {
        Some(error) => {
            (Some(ApiError { code: error.code, msg: error.msg.into_owned() }), error.data)
        }
        None => (None, None),
    };
    Ok(WsApiFrame::Response(WsApiResponse {
        id: wire.id,
        status,
        result: wire.result.map(RawValue::get),
        error,
        error_data: error_data.map(RawValue::get),
        rate_limits: wire.rate_limits,
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireFrame<'a> {
    #[serde(default)]
    id: RequestId,
    status: Option<u16>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<WireError<'a>>,
    #[serde(default)]
    rate_limits: Vec<RateLimit>,
    subscription_id: Option<i64>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireError<'a> {
    code: i32,
    #[serde(borrow)]
    msg: Cow<'a, str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}
