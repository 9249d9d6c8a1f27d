//! The WebSocket API: `/ws-api/v3`.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use model::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::faults::{Failure, FailurePoint, SentParams, Target};
use super::session::{Event, Session, Socket};
use super::state::{Caller, Shared, State};
use crate::api::auth::{Credential, Security, authorize};
use crate::api::error::ApiError;
use crate::api::ordered::object;
use crate::api::params::Params;
use crate::api::table::{self, Endpoint};
use crate::api::{Reply, TimeUnit};
use crate::limits::{self, RateLimit};
use crate::streams::hub::{ConnectionId, Ending, Form, Unsubscribe};

/// Weight of connecting.
pub const CONNECT_WEIGHT: u32 = 2;
/// Weight of the methods of this file.
const SESSION_WEIGHT: u32 = 2;

/// A connection's session.
struct Client {
    id: ConnectionId,
    address: IpAddr,
    unit: TimeUnit,
    returns_limits: bool,
    connected_at: Timestamp,
    logon: Option<Logon>,
}

/// Who is logged on.
struct Logon {
    api_key: String,
    account: u32,
    at: Timestamp,
}

/// A request's frame as it is sent.
#[derive(Deserialize)]
struct Sent<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

/// A request's frame that is well formed.
struct Frame<'a> {
    id: &'a str,
    method: Cow<'a, str>,
    params: Option<&'a RawValue>,
}

impl<'a> Frame<'a> {
    /// Reads a frame.
    ///
    /// # Errors
    /// The refusal, with the id to answer it with.
    fn read(text: &'a str) -> Result<Self, (&'a str, ApiError)> {
        let sent: Sent<'_> =
            serde_json::from_str(text).map_err(|_| ("null", ApiError::invalid_json()))?;
        let id = sent.id.map_or("null", RawValue::get);
        if !is_valid_id(id) {
            return Err(("null", ApiError::illegal_characters("id", "^[a-zA-Z0-9-_]{1,36}$")));
        }
        let method = sent.method.and_then(|method| text_of(method.get()));
        let method = method.ok_or_else(|| (id, ApiError::invalid_json()))?;
        Ok(Self { id, method, params: sent.params })
    }

    /// What faults are held against.
    fn target(&self) -> Target<'_> {
        Target::new(&self.method, SentParams::Frame(self.params))
    }
}

/// A JSON value that is a text. What has been read as JSON already is taken as it stands, unless
/// something in it is escaped.
fn text_of(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(json).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// Whether an id, read as JSON already, is a whole number, a text or null.
fn is_valid_id(id: &str) -> bool {
    id.starts_with('"') || id == "null" || id.parse::<i64>().is_ok() || id.parse::<u64>().is_ok()
}

/// When a request arrived and when it is carried out, in venue time.
#[derive(Clone, Copy)]
struct Times {
    arrived_at: Timestamp,
    now: Timestamp,
}

/// Serves one connection until it ends.
pub async fn serve(
    shared: Arc<Shared>,
    socket: Socket,
    address: IpAddr,
    unit: TimeUnit,
    returns_limits: bool,
) {
    let (mailbox, connected_at) = {
        let (mut state, now) = shared.current();
        (state.hub.connect(unit, Form::Api), now)
    };
    let id = mailbox.id;
    let mut session = Session::new(&shared, socket, mailbox);
    let mut client = Client { id, address, unit, returns_limits, connected_at, logon: None };
    loop {
        match session.next().await {
            Event::Over => break,
            Event::Beat => {}
            Event::Text(text) => {
                if !receive(&shared, &mut client, &text).await {
                    break;
                }
            }
        }
    }
    shared.lock().hub.disconnect(id);
}

/// Carries out one request. False when the connection must be cut.
async fn receive(shared: &Shared, client: &mut Client, text: &str) -> bool {
    let frame = match Frame::read(text) {
        Ok(frame) => frame,
        Err((id, error)) => {
            let hub = &mut shared.lock().hub;
            hub.send(client.id, render(id, &Err(error), None).into());
            hub.traffic.handled += 1;
            return true;
        }
    };
    let (delay, failure, arrived_at) = {
        let mut state = shared.lock();
        let arrived_at = state.clock.venue_time((shared.wall)());
        let target = frame.target();
        (state.faults.delay(&target), state.faults.take(&target), arrived_at)
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let is_before = failure.as_ref().is_some_and(|failure| failure.point == FailurePoint::Before);
    let (mut state, now) = shared.current();
    let times = Times { arrived_at, now };
    let answer = if is_before { None } else { Some(answer(&mut state, client, &frame, times)) };
    let goes_on = match (failure.map(|planned| planned.failure), answer) {
        (Some(Failure::NoAnswer), _) => {
            state.hub.end_one(client.id, Ending::Drop);
            false
        }
        (Some(Failure::Status(status)), _) => {
            let error = ApiError { status, ..ApiError::backend_timeout() };
            state.hub.send(client.id, render(frame.id, &Err(error), None).into());
            true
        }
        (None, Some(Answer { text, end })) => {
            let text = state.faults.altered(&frame.target(), text);
            state.hub.send(client.id, text.into());
            match end {
                Some(End::OfConnection) => {
                    // What is queued is sent before the end.
                    let reason = "IP banned".to_owned();
                    state.hub.end_one(client.id, Ending::Close { code: 1008, reason });
                }
                Some(End::OfSession) => {
                    state.hub.unsubscribe_user(client.id, Unsubscribe::Session, now);
                }
                None => {}
            }
            true
        }
        (None, None) => true,
    };
    state.flush();
    state.hub.traffic.handled += 1;
    goes_on
}

/// The answer to a request. The events that the request caused are sent after it.
struct Answer {
    text: String,
    end: Option<End>,
}

/// What an answer ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The address is banned: nothing is said on this connection after it.
    OfConnection,
    /// The key of the logon is gone: its subscription is over, too.
    OfSession,
}

fn answer(state: &mut State, client: &mut Client, frame: &Frame<'_>, times: Times) -> Answer {
    let (now, id) = (times.now, frame.id);
    let mut params = match Params::from_json(frame.params) {
        Ok(params) => params,
        Err(error) => return Answer { text: render(id, &Err(error), None), end: None },
    };
    params.mark_signed();
    let returns_limits =
        params.peek("returnRateLimits").map_or(client.returns_limits, |value| value == "true");
    let (result, counted) = match table::method(&frame.method) {
        Some(endpoint) => {
            let reply = call(state, client, endpoint, &params, times);
            (reply.result, reply.counted)
        }
        None => (session_method(state, client, &frame.method, &params, now), None),
    };
    let is_revoked =
        result.as_ref().is_err_and(|error| error.code == ApiError::key_rejected().code)
            && params.peek("apiKey").is_none()
            && client.logon.take().is_some();
    if is_revoked {
        // The session's key has become invalid: the session is over, and the answer has no id.
        return Answer { text: render("null", &result, None), end: Some(End::OfSession) };
    }
    let is_ban = result.as_ref().is_err_and(|error| error.status == 418);
    let end = is_ban.then_some(End::OfConnection);
    let limits = returns_limits.then(|| rate_limits(state, client, counted, now));
    let retry_at = result.as_ref().err().and_then(|error| error.retry_after_secs);
    let result = result.map_err(|error| with_retry_data(error, retry_at, now, client.unit));
    Answer { text: render(id, &result, limits.as_deref()), end }
}

/// A refusal for a limit tells when to come back.
fn with_retry_data(
    mut error: ApiError,
    retry_after_secs: Option<u64>,
    now: Timestamp,
    unit: TimeUnit,
) -> ApiError {
    if let Some(secs) = retry_after_secs
        && error.data.is_none()
    {
        let at = now.after(std::time::Duration::from_secs(secs));
        let data = object! {"serverTime": unit.of(now), "retryAfter": unit.of(at)};
        error.data = Some(data.to_string());
    }
    error
}

fn render(
    id: &str,
    result: &Result<String, ApiError>,
    rate_limits: Option<&[RateLimit]>,
) -> String {
    let mut text = match result {
        Ok(result) => format!(r#"{{"id":{id},"status":200,"result":{result}"#),
        Err(error) => {
            format!(r#"{{"id":{id},"status":{},"error":{}"#, error.status, error.to_json())
        }
    };
    if let Some(limits) = rate_limits {
        text.push_str(r#","rateLimits":"#);
        text.push_str(&serde_json::to_string(limits).expect("plain numbers always serialise"));
    }
    text.push('}');
    text
}

fn rate_limits(
    state: &mut State,
    client: &Client,
    counted: Option<u32>,
    now: Timestamp,
) -> Vec<RateLimit> {
    let config = *state.exchange.limits();
    let mut lines = Vec::with_capacity(3);
    if let Some(account) = counted {
        lines.extend(state.exchange.account(account).counts.lines(now, &config));
    }
    let [mut weight, ..] = limits::published(&config);
    weight.count = Some(state.exchange.address_limits.used_weight(client.address, now));
    lines.push(weight);
    lines
}

/// Who asks: an explicit key and signature outrank the session.
fn credential<'a>(client: &'a Client, params: &'a Params, payload: &'a str) -> Credential<'a> {
    match (&client.logon, params.peek("apiKey"), params.peek("signature")) {
        (Some(logon), None, None) => Credential::Session { api_key: &logon.api_key },
        (_, None, _) => Credential::Missing,
        (_, api_key, _) => Credential::Signed { api_key, payload },
    }
}

fn call(
    state: &mut State,
    client: &Client,
    endpoint: &'static Endpoint,
    params: &Params,
    Times { arrived_at, now }: Times,
) -> Reply {
    let payload = match endpoint.security {
        Security::None => String::new(),
        Security::Trade | Security::UserData => params.sorted_payload(),
    };
    let credential = credential(client, params, &payload);
    let caller = Caller { credential, address: client.address, arrived_at, unit: client.unit };
    state.call(endpoint, params, caller, now)
}

/// Methods that belong to the connection: sessions and user data streams.
fn session_method(
    state: &mut State,
    client: &mut Client,
    method: &str,
    params: &Params,
    now: Timestamp,
) -> Result<String, ApiError> {
    let limits = *state.exchange.limits();
    state.exchange.address_limits.charge(client.address, now, SESSION_WEIGHT, &limits)?;
    let number = |subscription: u32| object! {"subscriptionId": subscription}.to_string();
    match method.strip_prefix("v3/").unwrap_or(method) {
        "session.logon" => {
            let account = signed(state, params, now)?;
            let api_key = params.required_text("apiKey")?;
            let (key, _) = state.exchange.key(api_key).ok_or_else(ApiError::key_rejected)?;
            if !key.is_ed25519() {
                return Err(ApiError::key_kind_not_supported(key.kind_name()));
            }
            client.logon = Some(Logon { api_key: api_key.to_owned(), account, at: now });
            Ok(status(state, client, now))
        }
        "session.status" => Ok(status(state, client, now)),
        "session.logout" => {
            client.logon = None;
            state.hub.unsubscribe_user(client.id, Unsubscribe::Session, now);
            Ok(status(state, client, now))
        }
        "session.subscriptions" => {
            let list: Vec<_> = state
                .hub
                .user_subscriptions(client.id)
                .into_iter()
                .map(|subscription| object! {"subscriptionId": subscription})
                .collect();
            Ok(serde_json::to_string(&list).expect("numbers always serialise"))
        }
        "userDataStream.subscribe" => {
            let logon = client.logon.as_ref().ok_or_else(not_logged_on)?;
            if state.exchange.key(&logon.api_key).is_none() {
                return Err(ApiError::key_rejected());
            }
            state.hub.subscribe_user(client.id, logon.account, true).map(number)
        }
        "userDataStream.subscribe.signature" => {
            // A session that is logged on need not sign again.
            let payload = params.sorted_payload();
            let credential = credential(client, params, &payload);
            let account = authorize(&state.exchange, Security::UserData, credential, params, now)?;
            params.finish()?;
            state.hub.subscribe_user(client.id, account, false).map(number)
        }
        "userDataStream.unsubscribe" => {
            let which = params.integer("subscriptionId")?;
            let which = match which {
                None => Unsubscribe::All,
                Some(number) => Unsubscribe::One(u32::try_from(number).unwrap_or(u32::MAX)),
            };
            let closed = state.hub.unsubscribe_user(client.id, which, now);
            if closed == 0 && which != Unsubscribe::All {
                return Err(ApiError::subscription_inactive());
            }
            Ok("{}".to_owned())
        }
        _ => Err(ApiError::unsupported()),
    }
}

fn not_logged_on() -> ApiError {
    ApiError::key_rejected()
}

/// Checks an explicit key and signature.
fn signed(state: &State, params: &Params, now: Timestamp) -> Result<u32, ApiError> {
    let payload = params.sorted_payload();
    let credential = match params.peek("apiKey") {
        None => Credential::Missing,
        api_key => Credential::Signed { api_key, payload: &payload },
    };
    authorize(&state.exchange, Security::UserData, credential, params, now)
}

fn status(state: &State, client: &Client, now: Timestamp) -> String {
    let unit = client.unit;
    object! {
        "apiKey": client.logon.as_ref().map(|logon| logon.api_key.as_str()),
        "authorizedSince": client.logon.as_ref().map(|logon| unit.of(logon.at)),
        "connectedSince": unit.of(client.connected_at),
        "returnRateLimits": client.returns_limits,
        "serverTime": unit.of(now),
        "userDataStream": !state.hub.user_subscriptions(client.id).is_empty(),
    }
    .to_string()
}
