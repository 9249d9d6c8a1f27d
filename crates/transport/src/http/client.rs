//! Sending one request and reading its response.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::http::{self, HeaderValue, StatusCode, Uri, header, uri};
use tokio::time::{Instant, timeout_at};

use super::pool::{Connection, Pool};
use super::{HttpError, MaybeSent, NotSent, Request, Response};
use crate::Dialer;
use crate::url::{self, Origin};

/// Bounds and deadlines of a client.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// For a request that brings no timeout of its own.
    pub timeout: Duration,
    /// Requests that may run at once to one host, each on a connection of its own.
    pub max_concurrent_per_host: usize,
    /// Requests that may wait for one of those places; one more is refused as busy.
    pub max_waiting_per_host: usize,
    /// Idle connections kept a host.
    pub max_idle_per_host: usize,
    /// How long an idle connection may be used again. Keep it below the server's own limit: a
    /// request written to a connection that the server is closing has an unknown outcome.
    pub idle_timeout: Duration,
    /// Largest response body accepted, in bytes.
    pub max_body_bytes: usize,
    /// `User-Agent`, unless the request brings its own.
    pub user_agent: Option<HeaderValue>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            max_concurrent_per_host: 16,
            max_waiting_per_host: 1024,
            max_idle_per_host: 16,
            idle_timeout: Duration::from_secs(30),
            max_body_bytes: 64 << 20,
            user_agent: None,
        }
    }
}

/// A pooled HTTP/1.1 client. Cheap to clone; clones share the pool. Must be used inside a tokio
/// runtime, and its connections live on the runtime that opened them.
#[derive(Clone)]
pub struct HttpClient {
    pool: Arc<Pool>,
}

/// What went wrong on a connection, before it is known whether anything had left.
enum Failure {
    TimedOut,
    Hyper(hyper::Error),
    BodyTooLarge { status: StatusCode, max_bytes: usize },
}

impl HttpClient {
    /// A client without any connection yet.
    pub fn new(dialer: Dialer, options: HttpOptions) -> Self {
        Self { pool: Arc::new(Pool::new(dialer, options)) }
    }

    /// Sends a request at most once and reads the whole response.
    ///
    /// Dropping the future closes the connection; treat the request as maybe sent.
    pub async fn request(&self, request: Request) -> Result<Response, HttpError> {
        let after = request.timeout.unwrap_or(self.timeout());
        let deadline = Instant::now() + after;
        let (origin, request) = self.prepare(request).map_err(HttpError::NotSent)?;
        let connecting = async {
            let lease = self.pool.lease(&origin).await?;
            let connection = self.pool.connection(&lease, &origin).await?;
            Ok((lease, connection))
        };
        let (lease, mut connection) = timeout_at(deadline, connecting)
            .await
            .unwrap_or(Err(NotSent::TimedOut { after }))
            .map_err(HttpError::NotSent)?;
        // A deadline that has passed is not noticed by a future that is ready at once.
        if Instant::now() >= deadline {
            return Err(HttpError::NotSent(NotSent::TimedOut { after }));
        }
        let since = connection.gate.written_bytes();
        let mut status = None;
        let exchange = self.exchange(&mut connection, request, &mut status);
        let outcome = timeout_at(deadline, exchange).await.unwrap_or(Err(Failure::TimedOut));
        match outcome {
            Ok(response) => {
                self.pool.keep(&lease, connection);
                Ok(response)
            }
            Err(failure) => Err(if connection.gate.shut() == since {
                HttpError::NotSent(not_sent(failure, after))
            } else {
                HttpError::MaybeSent(maybe_sent(failure, after, status))
            }),
        }
    }

    /// What a request without a timeout of its own gets.
    pub(super) fn timeout(&self) -> Duration {
        self.pool.options().timeout
    }

    fn prepare(&self, request: Request) -> Result<(Origin, http::Request<Full<Bytes>>), NotSent> {
        let uri = url::parse(&request.url)?;
        let origin = Origin::of_http(&uri)?;
        let host = uri.authority().map_or("", uri::Authority::as_str);
        let invalid = |error: http::Error| NotSent::Invalid { reason: error.to_string() };
        let host = HeaderValue::from_str(host).map_err(|error| invalid(error.into()))?;
        let path = uri.path_and_query().cloned();
        let path = path.unwrap_or_else(|| uri::PathAndQuery::from_static("/"));
        let mut prepared = http::Request::new(Full::new(request.body));
        *prepared.method_mut() = request.method;
        *prepared.uri_mut() = Uri::from(path);
        *prepared.headers_mut() = request.headers;
        prepared.headers_mut().insert(header::HOST, host);
        if let Some(agent) = &self.pool.options().user_agent {
            prepared.headers_mut().entry(header::USER_AGENT).or_insert_with(|| agent.clone());
        }
        Ok((origin, prepared))
    }

    async fn exchange(
        &self,
        connection: &mut Connection,
        request: http::Request<Full<Bytes>>,
        status: &mut Option<StatusCode>,
    ) -> Result<Response, Failure> {
        let response = connection.sender.send_request(request).await.map_err(Failure::Hyper)?;
        let (head, body) = response.into_parts();
        *status = Some(head.status);
        let body = self.read(body, head.status).await?;
        Ok(Response { status: head.status, headers: head.headers, body })
    }

    async fn read(&self, mut body: Incoming, status: StatusCode) -> Result<Bytes, Failure> {
        let max_bytes = self.pool.options().max_body_bytes;
        if body.size_hint().lower() > max_bytes as u64 {
            return Err(Failure::BodyTooLarge { status, max_bytes });
        }
        let mut whole = BytesMut::new();
        let mut first = Bytes::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(Failure::Hyper)?.into_data() else {
                continue; // trailers
            };
            if first.len() + whole.len() + data.len() > max_bytes {
                return Err(Failure::BodyTooLarge { status, max_bytes });
            }
            // A body that came in one piece is handed on without a copy.
            if first.is_empty() && whole.is_empty() {
                first = data;
                continue;
            }
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&data);
        }
        Ok(if whole.is_empty() { first } else { whole.freeze() })
    }
}

fn not_sent(failure: Failure, after: Duration) -> NotSent {
    match failure {
        Failure::TimedOut => NotSent::TimedOut { after },
        Failure::Hyper(source) => NotSent::ConnectionClosed { source },
        // A response to a request of which nothing was written is not ours.
        Failure::BodyTooLarge { status, .. } => {
            NotSent::Invalid { reason: format!("status {status} came before the request was sent") }
        }
    }
}

fn maybe_sent(failure: Failure, after: Duration, status: Option<StatusCode>) -> MaybeSent {
    match failure {
        Failure::TimedOut => MaybeSent::TimedOut { after, status },
        Failure::Hyper(source) if source.is_parse() => MaybeSent::Malformed { status, source },
        Failure::Hyper(source) => MaybeSent::Disconnected { status, source },
        Failure::BodyTooLarge { status, max_bytes } => {
            MaybeSent::BodyTooLarge { status, max_bytes }
        }
    }
}
