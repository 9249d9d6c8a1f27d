//! Market streams: `/ws` and `/stream`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::session::{Event, Session, Socket};
use super::state::{Shared, State};
use crate::api::TimeUnit;
use crate::streams::hub::{ConnectionId, Form};

/// Messages that a client may send in a second.
const MESSAGES: usize = 5;
const SECOND: Duration = Duration::from_secs(1);

/// Serves one connection until it ends.
pub async fn serve(
    shared: Arc<Shared>,
    socket: Socket,
    unit: TimeUnit,
    form: Form,
    names: Vec<String>,
) {
    let mailbox = {
        let mut state = shared.lock();
        let mailbox = state.hub.connect(unit, form);
        let State { hub, exchange, .. } = &mut *state;
        if let Err(problem) = hub.subscribe(mailbox.id, &names, exchange.instruments()) {
            let text = error(2, &format!("Invalid request: {problem}"), None);
            hub.send(mailbox.id, text.into());
        }
        mailbox
    };
    shared.wake.notify_waiters();
    let id = mailbox.id;
    let mut session = Session::new(&shared, socket, mailbox);
    let mut recent: VecDeque<Instant> = VecDeque::with_capacity(MESSAGES + 1);
    loop {
        let event = session.next().await;
        if let Event::Over = event {
            break;
        }
        let now = Instant::now();
        recent.push_back(now);
        while recent.front().is_some_and(|at| now - *at >= SECOND) {
            recent.pop_front();
        }
        if recent.len() > MESSAGES {
            session.close(1008, "Too many requests").await;
            break;
        }
        if let Event::Text(text) = event {
            let mut state = shared.lock();
            let answer = control(&mut state, id, &text);
            state.hub.send(id, answer.into());
            state.hub.traffic.handled += 1;
            drop(state);
            shared.wake.notify_waiters();
        }
    }
    shared.lock().hub.disconnect(id);
}

/// A control message.
#[derive(Deserialize)]
struct Control<'a> {
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    /// `null` is an id, too.
    #[serde(borrow, default, deserialize_with = "raw")]
    id: Option<&'a RawValue>,
}

fn raw<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

fn error(code: u32, msg: &str, id: Option<&RawValue>) -> String {
    let msg = Value::from(msg);
    match id {
        Some(id) => format!(r#"{{"error":{{"code":{code},"msg":{msg}}},"id":{id}}}"#),
        None => format!(r#"{{"error":{{"code":{code},"msg":{msg}}}}}"#),
    }
}

/// Whether an id is a 64-bit integer, up to 36 letters and digits, or null.
fn is_valid_id(id: &RawValue) -> bool {
    match serde_json::from_str(id.get()) {
        Ok(Value::Null) => true,
        Ok(Value::Number(number)) => number.is_i64() || number.is_u64(),
        Ok(Value::String(text)) => (1..=36).contains(&text.len()),
        Ok(Value::Bool(_) | Value::Array(_) | Value::Object(_)) | Err(_) => false,
    }
}

/// The parameters of a control message: a list, that only one method does without.
fn read_params(params: Option<&RawValue>, method: &str, text: &str) -> Result<Vec<Value>, String> {
    let place = format!("at line 1 column {}", text.len());
    let Some(params) = params else {
        let needs_some = ["SUBSCRIBE", "UNSUBSCRIBE", "SET_PROPERTY", "GET_PROPERTY"]
            .contains(&method.trim_matches('"'));
        return match needs_some {
            true => Err(format!("Invalid request: missing field `params` {place}")),
            false => Ok(Vec::new()),
        };
    };
    let what = match serde_json::from_str(params.get()) {
        Ok(Value::Array(params)) => return Ok(params),
        Ok(Value::String(text)) => format!("string {text:?}"),
        Ok(Value::Number(number)) => format!("integer `{number}`"),
        Ok(Value::Bool(is)) => format!("boolean `{is}`"),
        Ok(Value::Object(_)) => "map".to_owned(),
        Ok(Value::Null) | Err(_) => "null".to_owned(),
    };
    Err(format!("Invalid request: invalid type: {what}, expected a sequence {place}"))
}

/// Carries out a control message.
fn control(state: &mut State, id: ConnectionId, text: &str) -> String {
    let message: Control<'_> = match serde_json::from_str(text) {
        Ok(message) => message,
        Err(problem) if problem.is_syntax() || problem.is_eof() => {
            let (line, column) = (problem.line(), problem.column());
            let msg = format!("Invalid JSON: expected value at line {line} column {column}");
            return error(3, &msg, None);
        }
        Err(problem) => return error(2, &format!("Invalid request: {problem}"), None),
    };
    let request = message.id;
    if request.is_none_or(|id| !is_valid_id(id)) {
        return error(2, "Invalid request: request ID must be an unsigned integer", None);
    }
    let Some(method) = message.method else {
        let msg =
            format!("Invalid request: missing field `method` at line 1 column {}", text.len());
        return error(2, &msg, request);
    };
    let done = |result: &str| {
        format!(r#"{{"result":{result},"id":{}}}"#, request.map_or("null", RawValue::get))
    };
    let params = match read_params(message.params, method.get(), text) {
        Ok(params) => params,
        Err(msg) => return error(2, &msg, request),
    };
    let names = || -> Option<Vec<String>> {
        params.iter().map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let State { hub, exchange, .. } = state;
    match method.get() {
        r#""SUBSCRIBE""# => match names() {
            None => error(2, "Invalid request: stream name must be a string", request),
            Some(names) => match hub.subscribe(id, &names, exchange.instruments()) {
                Ok(()) => done("null"),
                Err(problem) => error(2, &format!("Invalid request: {problem}"), request),
            },
        },
        r#""UNSUBSCRIBE""# => match names() {
            None => error(2, "Invalid request: stream name must be a string", request),
            Some(names) => {
                hub.unsubscribe(id, &names, exchange.instruments());
                done("null")
            }
        },
        r#""LIST_SUBSCRIPTIONS""# => done(&Value::from(hub.subscriptions(id)).to_string()),
        r#""SET_PROPERTY""# => match params.as_slice() {
            [Value::String(name), Value::Bool(value)] if name == "combined" => {
                hub.set_combined(id, *value);
                done("null")
            }
            [Value::String(name), _] if name == "combined" => {
                error(1, "Invalid value type: expected Boolean", request)
            }
            [Value::String(_), _] => error(0, "Unknown property", request),
            [_, _, _, ..] => error(2, "Invalid request: too many parameters", request),
            _ => error(2, "Invalid request: property name must be a string", request),
        },
        r#""GET_PROPERTY""# => match params.as_slice() {
            [Value::String(name)] if name == "combined" => {
                done(if hub.is_combined(id) { "true" } else { "false" })
            }
            [Value::String(_)] => error(0, "Unknown property", request),
            [_, _, ..] => error(2, "Invalid request: too many parameters", request),
            _ => error(2, "Invalid request: property name must be a string", request),
        },
        other => {
            let msg = format!(
                "Invalid request: unknown variant {}, expected one of `SUBSCRIBE`, \
                 `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY` at line 1 \
                 column 28",
                other.trim_matches('"')
            );
            error(2, &msg, request)
        }
    }
}
