//! The HTTP API: read-only JSON about the running engine, on a thread of its own.
//!
//! It reads what the monitor and the onlooker published last; no request reaches an actor. To
//! come: control calls with scopes of their own, and a page.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use events::log_event;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::accept::or_rest;
use crate::monitor::Snapshot;
use crate::places::{Evicted, Place, Places};

mod last_beat;

pub use last_beat::LastBeat;

/// What the API shows besides the snapshot: recent orders and fills, newest first, as JSON.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    /// Orders with their last state.
    pub orders: Vec<Value>,
    /// Executions.
    pub fills: Vec<Value>,
}

/// What a reader must show, if anything. It never appears in a debug line.
#[derive(Clone)]
pub struct ReadToken(Arc<str>);

impl ReadToken {
    /// A token.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self(token.into())
    }

    /// Whether it is the one. Takes as long wherever the first difference is.
    fn is(&self, shown: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let bytes = own.iter().zip(shown.iter().chain(std::iter::repeat(&0)));
        let differing = bytes.fold(0, |differing, (own, shown)| differing | (own ^ shown));
        std::hint::black_box(differing) == 0 && own.len() == shown.len()
    }
}

impl std::fmt::Debug for ReadToken {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("ReadToken(…)")
    }
}

/// Where the API reads.
#[derive(Clone, Debug)]
pub struct ApiSources {
    /// Who may read; everybody if `None`.
    pub token: Option<ReadToken>,
    /// The monitor's last snapshot.
    pub snapshot: watch::Receiver<Option<Arc<Snapshot>>>,
    /// The onlooker's last orders and fills.
    pub recent: watch::Receiver<Arc<Recent>>,
    /// What is told while there is no snapshot.
    pub instead: watch::Receiver<Value>,
    /// Whether the engine has ended in good order.
    pub last_beat: LastBeat,
}

/// What is told until the first snapshot is there.
#[must_use]
pub fn starting() -> Value {
    json!({"healthy": false, "problems": ["the engine is starting"]})
}

/// One path of the API.
struct Route {
    path: &'static str,
    summary: &'static str,
    /// Whether `limit` says how much of it is wanted.
    is_list: bool,
    answer: fn(&Snapshot, &Recent, &LastBeat) -> Value,
}

/// Every path.
const ROUTES: [Route; 8] = [
    Route {
        path: "/health",
        summary: "200 while everything makes progress, else 503, with the problems",
        is_list: false,
        answer: |snapshot, _, _| {
            let Snapshot { is_healthy, problems, trading_state, trading_reason, .. } = snapshot;
            json!({
                "healthy": is_healthy, "problems": problems, "trading_state": trading_state,
                "trading_reason": trading_reason,
            })
        },
    },
    Route {
        path: "/heartbeat",
        summary: "a count that grows while risk and execution answer: what `guard` hears",
        is_list: false,
        answer: |snapshot, _, last_beat| {
            let Snapshot { instance, beats, .. } = snapshot;
            let (process, ended) = (std::process::id(), last_beat.heard());
            json!({"instance": instance, "process": process, "beats": beats, "ended": ended})
        },
    },
    Route {
        path: "/status",
        summary: "everything about the engine",
        is_list: false,
        answer: |snapshot, _, _| json!(snapshot),
    },
    Route {
        path: "/prices",
        summary: "last price of each symbol",
        is_list: true,
        answer: |snapshot, _, _| json!(snapshot.prices),
    },
    Route {
        path: "/strategies",
        summary: "each strategy: stage, capital, equity, open orders",
        is_list: true,
        answer: |snapshot, _, _| json!(snapshot.strategies),
    },
    Route {
        path: "/orders",
        summary: "the latest orders with their states, newest first; limit=N gives N of them",
        is_list: true,
        answer: |_, recent, _| json!(recent.orders),
    },
    Route {
        path: "/fills",
        summary: "the latest fills, newest first; limit=N gives N of them",
        is_list: true,
        answer: |_, recent, _| json!(recent.fills),
    },
    Route {
        path: "/positions",
        summary: "what each strategy holds",
        is_list: true,
        answer: |snapshot, _, _| json!(snapshot.positions),
    },
];

/// The API could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Somebody else listens there.
    #[error("port {} is in use: choose another with `api.port`, or 0 for any", .0.port())]
    PortInUse(SocketAddr),
    /// Something else is wrong with the address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

impl ApiError {
    fn listening(address: SocketAddr) -> impl Fn(std::io::Error) -> Self {
        move |source| {
            if source.kind() == std::io::ErrorKind::AddrInUse {
                Self::PortInUse(address)
            } else {
                Self::Listen { address, source }
            }
        }
    }
}

/// The API's place, taken before anything trades: a port in use is found out first.
#[derive(Debug)]
pub struct ApiListener {
    listener: std::net::TcpListener,
    address: SocketAddr,
}

impl ApiListener {
    /// Listens. Who connects waits until the API is served.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub fn bind(address: SocketAddr) -> Result<Self, ApiError> {
        let failed = ApiError::listening(address);
        let listener = std::net::TcpListener::bind(address).map_err(&failed)?;
        listener.set_nonblocking(true).map_err(&failed)?;
        let address = listener.local_addr().map_err(&failed)?;
        Ok(Self { listener, address })
    }

    /// Serves the API on a thread of its own. Returns the address it listens on.
    ///
    /// # Errors
    /// [`ApiError::Listen`] when the system gives no thread.
    pub fn serve(self, sources: ApiSources) -> Result<SocketAddr, ApiError> {
        let Self { listener, address } = self;
        let failed = ApiError::listening(address);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(&failed)?;
        std::thread::Builder::new()
            .name("api".to_owned())
            .spawn(move || runtime.block_on(serve(listener, sources, PATIENCE)))
            .map_err(&failed)?;
        log_event!(API_STARTED, url = %format!("http://{address}"));
        Ok(address)
    }
}

/// Most connections at once; for one more, that which has been idle longest is closed.
const CONNECTIONS_BOUND: usize = 64;

/// How long a connection may be held, so that no client keeps the others out.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// For the whole head of a request, counted from the connect or from the last answer.
    head: Duration,
    /// For a connection; the answer that is under way is finished after that.
    connection: Duration,
    /// For that answer.
    answer: Duration,
}

const PATIENCE: Patience = Patience {
    head: Duration::from_secs(5),
    connection: Duration::from_secs(60),
    answer: Duration::from_secs(5),
};

async fn serve(listener: std::net::TcpListener, sources: ApiSources, patience: Patience) {
    let listener = TcpListener::from_std(listener).expect("set to non-blocking before");
    let places = Places::new(CONNECTIONS_BOUND);
    loop {
        let Some(stream) = or_rest(listener.accept().await).await else { continue };
        let (place, evicted) = places.take().await;
        tokio::spawn(converse(stream, sources.clone(), patience, place, evicted));
        // Whoever has asked already is answered before somebody else may take the place.
        tokio::task::yield_now().await;
    }
}

/// Answers on one connection until the client is done, too slow, its time is up, or its place is
/// wanted.
async fn converse(
    stream: TcpStream,
    sources: ApiSources,
    patience: Patience,
    place: Place,
    evicted: Evicted,
) {
    let service = service_fn(move |request| {
        let response = respond(&request, &sources);
        // The answer is on its way at once: this is when the connection was of use last.
        place.idle();
        async move { Ok::<_, Infallible>(response) }
    });
    let mut connection = pin!(
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience.head)
            .serve_connection(TokioIo::new(stream), service)
    );
    tokio::select! {
        biased;
        // A client that goes away is no event.
        _ = &mut connection => return,
        // Nothing is under way on it: it is idle.
        Ok(()) = evicted => return,
        () = sleep(patience.connection) => connection.as_mut().graceful_shutdown(),
    }
    // Nor is one that does not read its answer.
    let _ = timeout(patience.answer, connection).await;
}

fn respond(request: &Request<Incoming>, sources: &ApiSources) -> Response<Full<Bytes>> {
    // Of an answer to HEAD only the head is sent.
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let body = json!({"error": "only GET and HEAD are allowed: this API changes nothing"});
        let mut refused = respond_json(StatusCode::METHOD_NOT_ALLOWED, &body);
        let allowed = header::HeaderValue::from_static("GET, HEAD");
        refused.headers_mut().insert(header::ALLOW, allowed);
        return refused;
    }
    if let Some(token) = &sources.token
        && !shows(request, token)
    {
        let body = json!({"error": "show the read token: Authorization: Bearer TOKEN"});
        let mut refused = respond_json(StatusCode::UNAUTHORIZED, &body);
        let scheme = header::HeaderValue::from_static("Bearer");
        refused.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        return refused;
    }
    let path = request.uri().path();
    if path == "/" {
        let paths: Vec<Value> = ROUTES
            .iter()
            .map(|route| json!({"path": route.path, "gives": route.summary}))
            .collect();
        return respond_json(StatusCode::OK, &json!({ "paths": paths }));
    }
    let Some(route) = ROUTES.iter().find(|route| route.path == path) else {
        let body = json!({"error": "no such path: / lists them all"});
        return respond_json(StatusCode::NOT_FOUND, &body);
    };
    let limit = match limit_of(route, request.uri().query()) {
        Ok(limit) => limit,
        Err(reason) => return respond_json(StatusCode::BAD_REQUEST, &json!({"error": reason})),
    };
    let Some(snapshot) = sources.snapshot.borrow().clone() else {
        return respond_json(StatusCode::SERVICE_UNAVAILABLE, &sources.instead.borrow());
    };
    let recent = Arc::clone(&sources.recent.borrow());
    let healthy = path != "/health" || snapshot.is_healthy;
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut answer = (route.answer)(&snapshot, &recent, &sources.last_beat);
    if let (Some(limit), Some(list)) = (limit, answer.as_array_mut()) {
        list.truncate(limit);
    }
    respond_json(status, &answer)
}

/// How many entries are wanted; nothing for all. What is not understood is refused, so that nobody
/// takes a whole list for a part of it.
fn limit_of(route: &Route, query: Option<&str>) -> Result<Option<usize>, String> {
    let parameters = query.unwrap_or_default().split('&').filter(|text| !text.is_empty());
    let mut limit = None;
    for parameter in parameters {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if !(route.is_list && name == "limit") {
            let known = if route.is_list { "limit is the only one" } else { "it takes none" };
            return Err(format!("{} has no parameter {name}: {known}", route.path));
        }
        let wanted = value.parse::<usize>().ok().filter(|wanted| *wanted > 0 && limit.is_none());
        let wanted = wanted.ok_or_else(|| format!("limit={value}: give one whole number from 1"));
        limit = Some(wanted?);
    }
    Ok(limit)
}

/// What stands before the token.
const BEARER: &[u8] = b"Bearer ";

fn shows(request: &Request<Incoming>, token: &ReadToken) -> bool {
    let shown = request.headers().get(header::AUTHORIZATION).map(header::HeaderValue::as_bytes);
    let Some((scheme, shown)) = shown.and_then(|value| value.split_at_checked(BEARER.len())) else {
        return false;
    };
    // RFC 9110, section 11.1: the name of the scheme is the same in any case.
    scheme.eq_ignore_ascii_case(BEARER) && token.is(shown.trim_ascii_start())
}

fn respond_json(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .expect("a static header and a known status are always valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::io::{Read as _, Write as _};
    use std::time::Instant;

    const SHORT: Patience = Patience {
        head: Duration::from_millis(300),
        connection: Duration::from_secs(2),
        answer: Duration::from_millis(300),
    };

    /// An API of an engine that has just started.
    fn served(token: Option<&str>) -> SocketAddr {
        served_with(token, SHORT)
    }

    fn served_with(token: Option<&str>, patience: Patience) -> SocketAddr {
        let token = token.map(ReadToken::new);
        let ApiListener { listener, address } =
            ApiListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        std::thread::spawn(move || {
            let (_, snapshot) = watch::channel(None);
            let (_, recent) = watch::channel(Arc::new(Recent::default()));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let (_, instead) = watch::channel(starting());
            let last_beat = LastBeat::default();
            let sources = ApiSources { token, snapshot, recent, instead, last_beat };
            runtime.unwrap().block_on(serve(listener, sources, patience));
        });
        address
    }

    fn connect(address: SocketAddr) -> std::net::TcpStream {
        let stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// The head and the body of an answer to a request line with further headers.
    fn ask(address: SocketAddr, request: &str) -> (String, String) {
        let mut stream = connect(address);
        let text = format!("{request}\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    #[test]
    fn whoever_says_nothing_keeps_nobody_out() {
        let address = served(None);
        let began = Instant::now();
        let mut held: Vec<_> = (0..2 * CONNECTIONS_BOUND).map(|_| connect(address)).collect();
        for (number, stream) in held.iter_mut().enumerate() {
            // Some say nothing, others never come to an end; who is let go may find out here.
            let _ = match number % 2 {
                0 => Ok(()),
                _ => stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "),
            };
        }
        let (head, _) = ask(address, "GET / HTTP/1.1");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        // Two rounds of silence are waited out; the rest is room for a busy machine.
        assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    }

    /// However long connections may be idle: they make room for who has something to ask.
    #[test]
    fn idle_connections_keep_nobody_out() {
        let long = Duration::from_secs(600);
        let address = served_with(None, Patience { head: long, connection: long, answer: long });
        let idle: Vec<_> = (0..2 * CONNECTIONS_BOUND).map(|_| connect(address)).collect();
        for _ in 0..3 {
            let (head, _) = ask(address, "GET / HTTP/1.1");
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        }
        // The first ones were let go.
        for mut stream in idle.into_iter().take(CONNECTIONS_BOUND) {
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        }
    }

    #[test]
    fn a_connection_ends_when_its_time_is_up() {
        let mut stream = connect(served(None));
        let began = Instant::now();
        let mut bytes = [0; 4_096];
        loop {
            let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            if asked.is_err() || !matches!(stream.read(&mut bytes), Ok(1..)) {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(25), "still open");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(began.elapsed() + Duration::from_millis(100) > SHORT.connection);
    }

    #[test]
    fn requests_are_answered_by_the_rules_of_http() {
        #[track_caller]
        fn check(address: SocketAddr, request: &str, status: &str, says: &str) {
            let (head, body) = ask(address, request);
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {head}");
            assert!(body.contains(says), "{request}: {body}");
        }
        let open = served(None);
        check(open, "GET / HTTP/1.1", "200", "/health");
        check(open, "POST / HTTP/1.1", "405", "changes nothing");
        check(open, "GET /nowhere HTTP/1.1", "404", "no such path");
        check(open, "GET /orders?limit=5 HTTP/1.1", "503", "is starting");
        check(open, "GET /orders?limit=-1 HTTP/1.1", "400", "limit=-1");
        check(open, "GET /orders?limit=0 HTTP/1.1", "400", "limit=0");
        check(open, "GET /fills?limit=1&limit=2 HTTP/1.1", "400", "limit=2");
        check(open, "GET /fills?limits=1 HTTP/1.1", "400", "/fills has no parameter limits");
        check(open, "GET /health?limit=1 HTTP/1.1", "400", "it takes none");
        let (head, body) = ask(open, "HEAD / HTTP/1.1");
        assert!(head.starts_with("HTTP/1.1 200 ") && body.is_empty(), "{head} {body}");
        let closed = served(Some("battery"));
        let shown = |scheme: &str| format!("GET / HTTP/1.1\r\nAuthorization: {scheme} battery");
        check(closed, "GET / HTTP/1.1", "401", "read token");
        check(closed, &shown("Basic"), "401", "read token");
        check(closed, &shown("Bearer"), "200", "/health");
        check(closed, &shown("bearer"), "200", "/health");
        check(closed, &shown("BEARER "), "200", "/health");
    }

    #[test]
    fn a_token_is_itself_and_nothing_else() {
        let token = ReadToken::new("correct horse battery");
        assert!(token.is(b"correct horse battery"));
        for wrong in
            ["", "c", "correct horse batter", "correct horse battery ", "Correct horse battery"]
        {
            assert!(!token.is(wrong.as_bytes()), "{wrong}");
        }
        assert!(!token.is(b"correct horse battery\0\0"));
        assert_eq!(format!("{token:?}"), "ReadToken(…)");
    }
}
