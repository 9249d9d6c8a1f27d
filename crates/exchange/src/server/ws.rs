//! The upgrade to a websocket.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::answer::{Answer, refuse};
use super::state::Shared;
use super::{ws_api, ws_streams};
use crate::api::TimeUnit;
use crate::api::error::ApiError;
use crate::streams::hub::Form;

/// Largest message that a client may send.
const MAX_MESSAGE: usize = 64 * 1024;

/// Whether a request wants a websocket.
pub fn is_upgrade(request: &Request<Incoming>) -> bool {
    request
        .headers()
        .get(UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// What kind of websocket a path is for.
enum Kind {
    Streams { form: Form, names: Vec<String> },
    Api,
}

/// A parameter of a query, decoded.
pub fn query_value(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
    })
}

fn kind_of(path: &str, query: &str) -> Option<Kind> {
    let path = percent_decode_str(path).decode_utf8_lossy();
    let split = |list: &str| -> Vec<String> {
        list.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let path = path.trim_end_matches('/');
    if path == "/ws-api/v3" {
        return Some(Kind::Api);
    }
    if path == "/stream" {
        let names = query_value(query, "streams").map_or_else(Vec::new, |list| split(&list));
        return Some(Kind::Streams { form: Form::Combined, names });
    }
    let rest = path.strip_prefix("/ws")?;
    let is_ours = rest.is_empty() || rest.starts_with('/');
    is_ours.then(|| Kind::Streams { form: Form::Raw, names: split(rest) })
}

/// Answers an upgrade request and starts the websocket's task.
pub fn upgrade(shared: &Arc<Shared>, address: IpAddr, mut request: Request<Incoming>) -> Answer {
    let query = request.uri().query().unwrap_or("").to_owned();
    let path = request.uri().path().to_owned();
    let Some(kind) = kind_of(&path, &query) else {
        return refuse(&ApiError::path_not_found(&path));
    };
    {
        let (mut state, now) = shared.current();
        let limits = *state.exchange.limits();
        let of_address = &mut state.exchange.address_limits;
        let charged = of_address.connect(address, now, &limits).and_then(|()| match &kind {
            Kind::Streams { .. } => Ok(()),
            Kind::Api => of_address.charge(address, now, ws_api::CONNECT_WEIGHT, &limits),
        });
        if let Err(error) = charged {
            return refuse(&error);
        }
    }
    let headers = request.headers();
    let is_13 = headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let Some(key) = headers.get(SEC_WEBSOCKET_KEY).filter(|_| is_13) else {
        return refuse(&ApiError::invalid_message("Not a websocket handshake."));
    };
    let accept = derive_accept_key(key.as_bytes());
    let unit = query_value(&query, "timeUnit").map(|text| TimeUnit::parse(&text)).transpose();
    let unit = match unit {
        Ok(unit) => unit.unwrap_or_default(),
        Err(error) => return refuse(&error),
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let socket = TokioIo::new(upgraded);
        let socket = WebSocketStream::from_raw_socket(socket, Role::Server, Some(config)).await;
        match kind {
            Kind::Streams { form, names } => {
                ws_streams::serve(shared, socket, unit, form, names).await;
            }
            Kind::Api => {
                let quiet = query_value(&query, "returnRateLimits").as_deref() == Some("false");
                ws_api::serve(shared, socket, address, unit, !quiet).await;
            }
        }
    });
    let mut response = Answer::default();
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}
