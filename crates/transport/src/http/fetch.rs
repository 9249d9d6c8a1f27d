//! Many requests at once.

use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use tokio::time::Instant;

use super::{HttpClient, HttpError, Request, Response};

/// How much of many requests may happen at once, and for how long.
#[derive(Debug, Clone)]
pub struct FetchLimits {
    /// Requests under way at once. The client's own bound for each host holds besides.
    pub concurrency: usize,
    /// For all of them together, from the first poll. Each request's own timeout holds besides.
    pub total_timeout: Duration,
}

/// Runs the requests and yields every one's result, with its key, in the order in which they
/// finish: exactly one result for each request, an error where there is no response. A request
/// that is not done, or not begun, when the time for all is up ends with a timeout error, so the
/// results that came are never lost to one that did not.
///
/// Dropping the stream drops the requests that are under way.
pub fn fetch_many<K>(
    client: &HttpClient,
    requests: impl IntoIterator<Item = (K, Request)>,
    limits: &FetchLimits,
) -> impl Stream<Item = (K, Result<Response, HttpError>)> {
    let client = client.clone();
    let total_timeout = limits.total_timeout;
    let mut deadline = None;
    let running = requests.into_iter().map(move |(key, mut request)| {
        let client = client.clone();
        let deadline = *deadline.get_or_insert_with(|| Instant::now() + total_timeout);
        async move {
            let left = deadline.saturating_duration_since(Instant::now());
            let own = request.timeout.unwrap_or(client.timeout());
            request.timeout = Some(own.min(left));
            (key, client.request(request).await)
        }
    });
    stream::iter(running).buffer_unordered(limits.concurrency.max(1))
}
