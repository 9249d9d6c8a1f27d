//! What a request over HTTP is answered with.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

use crate::api::error::ApiError;

/// An answer.
pub type Answer = Response<Full<Bytes>>;

/// JSON with a status.
#[must_use]
pub fn json(status: u16, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    response
}

/// The answer that an error is.
#[must_use]
pub fn refuse(error: &ApiError) -> Answer {
    let mut response = json(error.status, error.to_json());
    if let Some(secs) = error.retry_after_secs {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(secs));
    }
    response
}
