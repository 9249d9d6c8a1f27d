//! Plain questions to a venue over REST, outside the order path: at start and for checks.

use std::time::Duration;

use actors::wire::prepare;
use binance::EndpointUrls;
use binance::decode::ApiError;
use binance::encode::{Call, RestAuth, rest_request};
use binance::sign::Credentials;
use kernel::wire::{HttpRequest, Method};
use model::Timestamp;
use transport::http::HttpClient;

use crate::cli::{Exit, Failure};

/// How much of an answer that is no JSON, such as a proxy's page, stands in an error.
const MOST_WORDS: usize = 200;
/// How long one question may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Signed questions at start may be this old when they arrive: nothing is ordered with them.
const RECV_WINDOW: Duration = Duration::from_secs(60);

/// Why a question got no answer.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// Nobody answered, or nobody who knows the question.
    #[error("{url}: {reason}; check the endpoint, the network, and that the exchange runs")]
    Unreachable {
        /// Who was asked what.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The venue refused.
    #[error("{url}: {error}")]
    Refused {
        /// Who was asked what.
        url: String,
        /// The venue's words.
        error: ApiError,
    },
    /// There is no such path.
    #[error("{url}: not there")]
    NotFound {
        /// Who was asked what.
        url: String,
    },
    /// A key that no HTTP header can hold.
    #[error("the API key holds a character that HTTP does not allow")]
    OddKey,
}

impl From<RestError> for Failure {
    fn from(error: RestError) -> Self {
        /// The venue's codes for a key or a signature that it does not take.
        const KEY_REFUSED: [i32; 3] = [-1022, -2014, -2015];
        let advice = "check venue.api_key_file and the secret or private key that belongs to it, \
                      and at the venue the key's rights and addresses";
        match &error {
            RestError::Refused { error: refusal, .. } if KEY_REFUSED.contains(&refusal.code) => {
                Self::new(Exit::Usage, format!("{error}; {advice}"))
            }
            RestError::OddKey => Self::new(Exit::Usage, format!("{error}; {advice}")),
            RestError::Refused { .. }
            | RestError::Unreachable { .. }
            | RestError::NotFound { .. } => Self::new(Exit::VenueUnreachable, error),
        }
    }
}

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
    /// [`RestError`], with the venue's words or the network's.
    pub async fn ask(&self, call: &Call, now: Timestamp) -> Result<Vec<u8>, RestError> {
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
    pub async fn get(&self, path: &str) -> Result<Vec<u8>, RestError> {
        self.plain(Method::Get, path).await
    }

    /// Tells a plain path something, such as the simulated exchange's control path.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn post(&self, path: &str) -> Result<Vec<u8>, RestError> {
        self.plain(Method::Post, path).await
    }

    async fn plain(&self, method: Method, path: &str) -> Result<Vec<u8>, RestError> {
        let url = format!("{}{path}", self.urls.rest_url);
        let (headers, body) = (Vec::new(), String::new());
        self.send(HttpRequest { method, url, headers, body, timeout: TIMEOUT }).await
    }

    async fn send(&self, http: HttpRequest) -> Result<Vec<u8>, RestError> {
        let url = http.url.split('?').next().unwrap_or_default().to_owned();
        let request = prepare(http).map_err(|_| RestError::OddKey)?;
        let response = match self.http.request(request).await {
            Ok(response) => response,
            Err(error) => return Err(RestError::Unreachable { url, reason: error.to_string() }),
        };
        if response.status.as_u16() == 200 {
            return Ok(response.body.to_vec());
        }
        if response.status.as_u16() == 404 {
            return Err(RestError::NotFound { url });
        }
        Err(match serde_json::from_slice(&response.body) {
            Ok(error) => RestError::Refused { url, error },
            Err(_) => {
                let words: String =
                    String::from_utf8_lossy(&response.body).chars().take(MOST_WORDS).collect();
                let reason = format!("HTTP {}: {words}", response.status.as_u16());
                RestError::Unreachable { url, reason }
            }
        })
    }
}
