//! The HTTP API: read-only JSON about the running engine, on a thread of its own.
//!
//! It reads what the monitor and the onlooker published last; no request reaches an actor. To
//! come: control calls with scopes of their own, and a page.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use events::log_event;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::monitor::Snapshot;

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
    answer: fn(&Snapshot, &Recent) -> Value,
}

/// Every path.
const ROUTES: [Route; 8] = [
    Route {
        path: "/health",
        summary: "200 while everything makes progress, else 503, with the problems",
        answer: |snapshot, _| json!({"healthy": snapshot.is_healthy, "problems": snapshot.problems}),
    },
    Route {
        path: "/heartbeat",
        summary: "a count that grows while risk and execution answer: what `guard` hears",
        answer: |snapshot, _| {
            let process = std::process::id();
            json!({"instance": snapshot.instance, "process": process, "beats": snapshot.beats})
        },
    },
    Route {
        path: "/status",
        summary: "everything about the engine",
        answer: |snapshot, _| json!(snapshot),
    },
    Route {
        path: "/prices",
        summary: "last price of each symbol",
        answer: |snapshot, _| json!(snapshot.prices),
    },
    Route {
        path: "/strategies",
        summary: "each strategy: stage, capital, equity, open orders",
        answer: |snapshot, _| json!(snapshot.strategies),
    },
    Route {
        path: "/orders",
        summary: "the latest orders with their states, newest first",
        answer: |_, recent| json!(recent.orders),
    },
    Route {
        path: "/fills",
        summary: "the latest fills, newest first",
        answer: |_, recent| json!(recent.fills),
    },
    Route {
        path: "/positions",
        summary: "what each strategy holds",
        answer: |snapshot, _| json!(snapshot.positions),
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
            .spawn(move || runtime.block_on(serve(listener, sources)))
            .map_err(&failed)?;
        log_event!(API_STARTED, url = %format!("http://{address}"));
        Ok(address)
    }
}

/// Most connections at once; one more waits in the system's queue.
const CONNECTIONS_BOUND: usize = 64;

async fn serve(listener: std::net::TcpListener, sources: ApiSources) {
    let listener = TcpListener::from_std(listener).expect("set to non-blocking before");
    let places = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_BOUND));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("never closed");
        let Ok((stream, _)) = listener.accept().await else { continue };
        let sources = sources.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let response = respond(&request, &sources);
                async move { Ok::<_, Infallible>(response) }
            });
            // A client that goes away is no event.
            let _ = hyper::server::conn::http1::Builder::new()
                .header_read_timeout(None)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(place);
        });
    }
}

fn respond(request: &Request<Incoming>, sources: &ApiSources) -> Response<Full<Bytes>> {
    if request.method() != Method::GET {
        let body = json!({"error": "only GET is allowed: this API does not change anything"});
        return respond_json(StatusCode::METHOD_NOT_ALLOWED, &body);
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
    let Some(snapshot) = sources.snapshot.borrow().clone() else {
        return respond_json(StatusCode::SERVICE_UNAVAILABLE, &sources.instead.borrow());
    };
    let recent = Arc::clone(&sources.recent.borrow());
    let healthy = path != "/health" || snapshot.is_healthy;
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    respond_json(status, &(route.answer)(&snapshot, &recent))
}

fn shows(request: &Request<Incoming>, token: &ReadToken) -> bool {
    let shown = request.headers().get(header::AUTHORIZATION).map(header::HeaderValue::as_bytes);
    shown.and_then(|value| value.strip_prefix(b"Bearer ")).is_some_and(|shown| token.is(shown))
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
