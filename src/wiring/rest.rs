//! Plain questions to a venue over REST, outside the order path: at start and for checks.

use std::time::Duration;

use binance::EndpointUrls;
use binance::encode::{Call, RestAuth, rest_request};
use binance::sign::Credentials;
use kernel::wire::{HttpRequest, Method};
use model::Timestamp;
use transport::http::{HttpClient, Request};

use crate::cli::{Exit, Failure};

/// How long one question may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Signed questions at start may be this old when they arrive: nothing is ordered with them.
const RECV_WINDOW: Duration = Duration::from_secs(10);

/// Asks a venue, signed where the question needs it.
pub struct SignedRest<'a> {
    /// Pooled connections.
    pub http: &'a HttpClient,
    /// Where.
    pub urls: &'a EndpointUrls,
    /// Who asks; needed for signed questions only.
    pub credentials: Option<&'a Credentials>,
}

impl SignedRest<'_> {
    /// Asks, and returns the body of a 200 answer.
    ///
    /// # Errors
    /// [`Exit::VenueUnreachable`] with the venue's words, or the network's.
    pub async fn ask(&self, call: &Call, now: Timestamp) -> Result<Vec<u8>, Failure> {
        let auth = self.credentials.map(|credentials| RestAuth {
            credentials,
            timestamp: now,
            recv_window: RECV_WINDOW,
        });
        self.send(rest_request(&self.urls.rest_url, call, auth, TIMEOUT)).await
    }

    /// Asks a plain path, such as the simulated exchange's clock.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn get(&self, path: &str) -> Result<Vec<u8>, Failure> {
        self.plain(Method::Get, path).await
    }

    /// Tells a plain path something, such as the simulated exchange's control path.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn post(&self, path: &str) -> Result<Vec<u8>, Failure> {
        self.plain(Method::Post, path).await
    }

    async fn plain(&self, method: Method, path: &str) -> Result<Vec<u8>, Failure> {
        let url = format!("{}{path}", self.urls.rest_url);
        let (headers, body) = (Vec::new(), String::new());
        self.send(HttpRequest { method, url, headers, body, timeout: TIMEOUT }).await
    }

    async fn send(&self, http: HttpRequest) -> Result<Vec<u8>, Failure> {
        let path = http.url.split('?').next().unwrap_or_default().to_owned();
        let method = match http.method {
            Method::Get => hyper::Method::GET,
            Method::Post => hyper::Method::POST,
            Method::Put => hyper::Method::PUT,
            Method::Delete => hyper::Method::DELETE,
        };
        let mut request = Request::new(method, http.url).timeout(http.timeout);
        for (name, value) in http.headers {
            let value = value.try_into().map_err(|_| {
                Failure::new(Exit::Usage, format!("the key for {name} has odd characters"))
            })?;
            request = request.header(hyper_name(name), value);
        }
        let unreachable = |reason: String| {
            let advice = "check the endpoint, the network, and that the exchange runs";
            Failure::new(Exit::VenueUnreachable, format!("{path}: {reason}; {advice}"))
        };
        let response =
            self.http.request(request).await.map_err(|error| unreachable(error.to_string()))?;
        if response.status.as_u16() != 200 {
            let words = String::from_utf8_lossy(&response.body);
            return Err(unreachable(format!("HTTP {}: {words}", response.status.as_u16())));
        }
        Ok(response.body.to_vec())
    }
}

fn hyper_name(name: &'static str) -> hyper::header::HeaderName {
    hyper::header::HeaderName::from_static(name)
}
