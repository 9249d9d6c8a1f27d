//! The driver that does for a protocol machine what it cannot: opens sockets, sends frames and
//! requests, and feeds back what happens. Everything that can be done at once is done at once,
//! on the actor's own turn.

use std::collections::BTreeMap;

use actix::prelude::*;
use futures_util::StreamExt;
use kernel::wire::{
    ConnectionId, HttpAnswer, HttpRequest, Method, RequestId, WireEffect, WireInput,
};
use transport::Dialer;
use transport::http::{HttpClient, HttpOptions, Request};
use transport::ws::{
    Flush, ReceiveError, Utf8Bytes, WsEvent, WsFrame, WsOptions, WsSender, connect,
};

use crate::turns::InTurns;

/// Something that arrived on a websocket.
#[derive(Debug)]
pub struct Arrival {
    /// Where.
    pub connection: ConnectionId,
    /// What.
    pub kind: ArrivalKind,
}

/// What arrived.
#[derive(Debug)]
pub enum ArrivalKind {
    /// A text frame.
    Text(Utf8Bytes),
    /// A ping, answered already.
    Pinged,
    /// The end; nothing follows.
    Ended(String),
}

/// An actor that drives a protocol machine.
pub trait WireShell: Actor<Context = Context<Self>> + StreamHandler<Arrival> {
    /// Its driver.
    fn wire(&mut self) -> &mut Wire;

    /// Hands an input to the machine.
    fn on_wire(&mut self, input: WireInput<'_>, context: &mut Context<Self>);
}

enum Sender {
    Ready(Box<WsSender>),
    /// The socket took no more for the moment; what is to be sent meanwhile waits here.
    Flushing(Vec<(u64, String)>),
}

struct Socket {
    sender: Sender,
    stream: SpawnHandle,
}

/// Counters of a wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, MessageResponse)]
pub(crate) struct Traffic {
    /// Texts sent over websockets.
    pub sent: u64,
    /// Texts received over websockets.
    pub received: u64,
    /// Connections and requests under way.
    pub open: usize,
    /// Requests answered.
    pub answered: u64,
}

impl Traffic {
    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            received: self.received + other.received,
            open: self.open + other.open,
            answered: self.answered + other.answered,
        }
    }
}

/// The sockets and the HTTP pool of one actor.
pub struct Wire {
    dialer: Dialer,
    ws_options: WsOptions,
    http: HttpClient,
    sockets: BTreeMap<ConnectionId, Socket>,
    opening: BTreeMap<ConnectionId, SpawnHandle>,
    /// What went over it so far.
    traffic: Traffic,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let open: Vec<&ConnectionId> = self.sockets.keys().collect();
        out.debug_struct("Wire").field("open", &open).finish_non_exhaustive()
    }
}

/// Most frames that wait for a socket that takes no more; beyond it they count as not sent.
const FLUSH_BACKLOG_BOUND: usize = 1_024;

impl Wire {
    /// A driver that dials through a dialer.
    #[must_use]
    pub fn new(dialer: &Dialer, http: HttpOptions) -> Self {
        Self {
            dialer: dialer.clone(),
            ws_options: WsOptions::default(),
            http: HttpClient::new(dialer.clone(), http),
            sockets: BTreeMap::new(),
            opening: BTreeMap::new(),
            traffic: Traffic::default(),
        }
    }

    /// What went over it so far, and what is under way.
    pub(crate) fn traffic(&self) -> Traffic {
        let flushing = |socket: &&Socket| matches!(socket.sender, Sender::Flushing(_));
        let under_way = self.opening.len() + self.sockets.values().filter(flushing).count();
        Traffic { open: self.traffic.open + under_way, ..self.traffic }
    }

    /// Drops every websocket at once, as a cut cable would, for demonstrations and tests.
    pub fn drop_sockets<A: WireShell>(shell: &mut A, context: &mut Context<A>) {
        let dropped = std::mem::take(&mut shell.wire().sockets);
        for (connection, socket) in dropped {
            context.cancel_future(socket.stream);
            let reason = "dropped by command".to_owned();
            shell.on_wire(WireInput::Closed { connection, reason }, context);
        }
    }
}

/// Carries out one effect. Returns what is known at once.
pub fn perform<A: WireShell>(
    shell: &mut A,
    effect: WireEffect,
    context: &mut Context<A>,
) -> Option<WireInput<'static>> {
    match effect {
        WireEffect::Open { connection, url } => {
            open(shell, connection, url, context);
            None
        }
        WireEffect::Close { connection } => {
            if let Some(opening) = shell.wire().opening.remove(&connection) {
                context.cancel_future(opening);
            }
            if let Some(socket) = shell.wire().sockets.remove(&connection) {
                context.cancel_future(socket.stream);
                close_politely(socket.sender, context);
            }
            None
        }
        WireEffect::Send { connection, tag, text } => send(shell, connection, tag, text, context),
        WireEffect::Request { request, http } => request_http(shell, request, http, context),
    }
}

fn close_politely<A: WireShell>(sender: Sender, context: &mut Context<A>) {
    if let Sender::Ready(mut sender) = sender {
        let closing = async move {
            // The machine has no more interest in the connection, whatever comes of this.
            let _ = sender.close(transport::ws::CloseCode::NORMAL, "").await;
        };
        context.spawn(actix::fut::wrap_future::<_, A>(closing));
    }
}

fn open<A: WireShell>(
    shell: &mut A,
    connection: ConnectionId,
    url: String,
    context: &mut Context<A>,
) {
    let dialer = shell.wire().dialer.clone();
    let options = shell.wire().ws_options.clone();
    let connecting = async move { connect(&dialer, &url, &options).await };
    let task = actix::fut::wrap_future::<_, A>(connecting).map(
        move |connected, shell: &mut A, context: &mut Context<A>| {
            shell.wire().opening.remove(&connection);
            match connected {
                Ok((sender, receiver)) => {
                    let ended = futures_util::stream::once(async move {
                        ArrivalKind::Ended("the venue ended the connection".to_owned())
                    });
                    let arrivals = receiver
                        .filter_map(|received| std::future::ready(arrival_of(received)))
                        .chain(ended)
                        .map(move |kind| Arrival { connection, kind });
                    let stream = context.add_stream(InTurns::new(Box::pin(arrivals)));
                    let sender = Sender::Ready(Box::new(sender));
                    shell.wire().sockets.insert(connection, Socket { sender, stream });
                    shell.on_wire(WireInput::Opened { connection }, context);
                }
                Err(error) => {
                    let reason = error.to_string();
                    shell.on_wire(WireInput::Closed { connection, reason }, context);
                }
            }
        },
    );
    let handle = context.spawn(task);
    shell.wire().opening.insert(connection, handle);
}

fn arrival_of(received: Result<WsEvent, ReceiveError>) -> Option<ArrivalKind> {
    match received {
        Ok(WsEvent::Text(text)) => Some(ArrivalKind::Text(text)),
        Ok(WsEvent::Ping(_)) => Some(ArrivalKind::Pinged),
        Ok(WsEvent::Closed { code, reason }) => {
            let code = code.map_or(0, transport::ws::CloseCode::get);
            Some(ArrivalKind::Ended(format!("closed by the venue: {code} {reason}")))
        }
        Ok(WsEvent::Binary(_) | WsEvent::Pong(_)) => None,
        Err(error) => Some(ArrivalKind::Ended(error.to_string())),
    }
}

/// Passes an arrival to the machine; the end of a connection frees its socket. Arrivals of a
/// connection that was closed meanwhile are dropped.
pub fn on_arrival<A: WireShell>(shell: &mut A, arrival: Arrival, context: &mut Context<A>) {
    let connection = arrival.connection;
    if !shell.wire().sockets.contains_key(&connection) {
        return;
    }
    match arrival.kind {
        ArrivalKind::Text(text) => {
            shell.wire().traffic.received += 1;
            shell.on_wire(WireInput::Text { connection, text: &text }, context);
        }
        ArrivalKind::Pinged => shell.on_wire(WireInput::Pinged { connection }, context),
        ArrivalKind::Ended(reason) => {
            shell.wire().sockets.remove(&connection);
            shell.on_wire(WireInput::Closed { connection, reason }, context);
        }
    }
}

fn send<A: WireShell>(
    shell: &mut A,
    connection: ConnectionId,
    tag: u64,
    text: String,
    context: &mut Context<A>,
) -> Option<WireInput<'static>> {
    let not_sent = WireInput::SendFailed { connection, tag, may_have_left: false };
    let Wire { sockets, traffic, .. } = shell.wire();
    let Some(socket) = sockets.get_mut(&connection) else {
        return Some(not_sent);
    };
    match &mut socket.sender {
        Sender::Flushing(backlog) if backlog.len() < FLUSH_BACKLOG_BOUND => {
            backlog.push((tag, text));
            None
        }
        Sender::Flushing(_) => Some(not_sent),
        Sender::Ready(sender) => match sender.try_send(WsFrame::text(text)) {
            Ok(Flush::Done) => {
                traffic.sent += 1;
                Some(WireInput::Sent { connection, tag })
            }
            Ok(Flush::Pending) => {
                traffic.sent += 1;
                flush_later(shell, connection, tag, context);
                None
            }
            Err(error) => {
                let may_have_left = error.may_have_left();
                Some(WireInput::SendFailed { connection, tag, may_have_left })
            }
        },
    }
}

/// The socket is full: the rest goes out as it drains, and later frames wait for that.
fn flush_later<A: WireShell>(
    shell: &mut A,
    connection: ConnectionId,
    tag: u64,
    context: &mut Context<A>,
) {
    let Some(socket) = shell.wire().sockets.get_mut(&connection) else { return };
    let taken = std::mem::replace(&mut socket.sender, Sender::Flushing(Vec::new()));
    let Sender::Ready(mut sender) = taken else { return };
    let flushing = async move {
        let flushed = sender.flush().await;
        (sender, flushed)
    };
    let task = actix::fut::wrap_future::<_, A>(flushing).map(
        move |(sender, flushed), shell: &mut A, context: &mut Context<A>| {
            let outcome = match flushed {
                Ok(()) => WireInput::Sent { connection, tag },
                Err(error) => {
                    let may_have_left = error.may_have_left();
                    WireInput::SendFailed { connection, tag, may_have_left }
                }
            };
            let backlog = shell
                .wire()
                .sockets
                .get_mut(&connection)
                .map(|socket| std::mem::replace(&mut socket.sender, Sender::Ready(sender)));
            shell.on_wire(outcome, context);
            if let Some(Sender::Flushing(backlog)) = backlog {
                for (tag, text) in backlog {
                    if let Some(input) = send(shell, connection, tag, text, context) {
                        shell.on_wire(input, context);
                    }
                }
            }
        },
    );
    context.spawn(task);
}

fn request_http<A: WireShell>(
    shell: &mut A,
    request: RequestId,
    http: HttpRequest,
    context: &mut Context<A>,
) -> Option<WireInput<'static>> {
    let prepared = match prepare(http) {
        Ok(prepared) => prepared,
        Err(odd) => {
            let reason = odd.to_string();
            return Some(WireInput::RequestFailed { request, may_have_left: false, reason });
        }
    };
    shell.wire().traffic.open += 1;
    let client = shell.wire().http.clone();
    let asking = async move { client.request(prepared).await };
    let task = actix::fut::wrap_future::<_, A>(asking).map(
        move |answered, shell: &mut A, context: &mut Context<A>| {
            let input = match answered {
                Ok(response) => {
                    let header =
                        |(name, value): (&hyper::http::HeaderName, &hyper::http::HeaderValue)| {
                            let value = value.to_str().ok()?.to_owned();
                            Some((name.as_str().to_owned(), value))
                        };
                    let answer = HttpAnswer {
                        status: response.status.as_u16(),
                        headers: response.headers.iter().filter_map(header).collect(),
                        body: response.body.to_vec(),
                    };
                    WireInput::Answered { request, answer }
                }
                Err(error) => {
                    let may_have_left = error.may_have_left();
                    WireInput::RequestFailed { request, may_have_left, reason: error.to_string() }
                }
            };
            let traffic = &mut shell.wire().traffic;
            (traffic.open, traffic.answered) = (traffic.open - 1, traffic.answered + 1);
            shell.on_wire(input, context);
        },
    );
    context.spawn(task);
    None
}

/// A header that HTTP does not allow, such as a key with a line break.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("header `{name}` holds a character that HTTP does not allow")]
pub struct OddHeader {
    /// Which.
    pub name: &'static str,
}

/// What a machine asks for, as the transport takes it.
///
/// # Errors
/// [`OddHeader`].
pub fn prepare(http: HttpRequest) -> Result<Request, OddHeader> {
    let method = match http.method {
        Method::Get => hyper::Method::GET,
        Method::Post => hyper::Method::POST,
        Method::Put => hyper::Method::PUT,
        Method::Delete => hyper::Method::DELETE,
    };
    let mut request = Request::new(method, http.url).body(http.body).timeout(http.timeout);
    for (name, value) in http.headers {
        let value = hyper::http::HeaderValue::try_from(value).map_err(|_| OddHeader { name })?;
        request = request.header(hyper::http::HeaderName::from_static(name), value);
    }
    Ok(request)
}
