//! One request at a time, within the limits, repeated where that may help.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use binance::limits::{Limits, Permit, Priority};
use model::Timestamp;
use transport::Dialer;
use transport::http::{HttpClient, HttpError, HttpOptions, Request, Response, StatusCode, header};

use super::FetchOptions;

/// Largest answer: an archive file from a server that does not give parts of it.
const MAX_BODY_BYTES: usize = 512 << 20;
/// Times that a request may be told to wait before it is given up.
const MAX_WAITS: u32 = 30;
/// Pauses between repetitions end here.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why something could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody answered, each time.
    #[error("no answer after {attempts} attempts: {source}")]
    NoAnswer {
        /// How often it was tried.
        attempts: u32,
        /// The last failure.
        source: HttpError,
    },
    /// The server refused.
    #[error("status {status}{}", brief(.body))]
    Refused {
        /// Its status.
        status: StatusCode,
        /// The beginning of what it said.
        body: String,
    },
    /// The server wants to be left alone for longer than can be waited.
    #[error("told to wait too often (status {status})")]
    Limited {
        /// Its status.
        status: StatusCode,
    },
    /// The answer can't be read.
    #[error("unreadable answer: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// What came is not what its checksum says, twice.
    #[error("checksum {found}, {expected} is expected")]
    Checksum {
        /// What the archive says.
        expected: String,
        /// What came.
        found: String,
    },
    /// The file can't be written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl FetchError {
    /// Whether nobody answered at all.
    #[must_use]
    pub const fn is_unreachable(&self) -> bool {
        match self {
            Self::NoAnswer { .. } => true,
            Self::Refused { .. }
            | Self::Limited { .. }
            | Self::Malformed { .. }
            | Self::Checksum { .. }
            | Self::Io(_) => false,
        }
    }
}

fn brief(body: &str) -> String {
    match body.char_indices().nth(160) {
        Some((end, _)) => format!(": {}…", &body[..end]),
        None if body.is_empty() => String::new(),
        None => format!(": {body}"),
    }
}

/// Asks.
pub struct Client {
    http: HttpClient,
    limits: Mutex<Limits>,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    timeout: Duration,
    retries: u32,
    first_pause: Duration,
}

impl Client {
    pub fn new(
        dialer: Dialer,
        options: &FetchOptions,
        now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    ) -> Self {
        let http = HttpOptions {
            max_concurrent_per_host: options.concurrency.max(1),
            max_idle_per_host: options.concurrency.max(1),
            max_body_bytes: MAX_BODY_BYTES,
            ..HttpOptions::default()
        };
        Self {
            http: HttpClient::new(dialer, http),
            limits: Mutex::new(Limits::default()),
            now,
            timeout: options.timeout,
            retries: options.retries,
            first_pause: options.first_pause,
        }
    }

    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Gets an address. `weight` is 0 for what is not limited; `range` is the first byte and the
    /// last one wanted. Statuses below 400, 404 and 416 are answers.
    pub async fn get(
        &self,
        url: &str,
        weight: u32,
        range: Option<(u64, u64)>,
    ) -> Result<Response, FetchError> {
        let (mut attempts, mut waits) = (0, 0);
        loop {
            self.wait_for_room(weight).await;
            let mut request = Request::get(url).timeout(self.timeout);
            if let Some((first, last)) = range {
                let value = format!("bytes={first}-{last}");
                let value = value.parse().expect("digits are a header's value");
                request = request.header(header::RANGE, value);
            }
            attempts += 1;
            let answer = self.http.request(request).await;
            let problem = match answer {
                Ok(response) => match self.judge(response, weight) {
                    Judged::Answer(response) => return Ok(response),
                    Judged::Refused(error) => return Err(error),
                    Judged::Wait(status) => {
                        (attempts, waits) = (attempts - 1, waits + 1);
                        if waits > MAX_WAITS {
                            return Err(FetchError::Limited { status });
                        }
                        continue;
                    }
                    Judged::MayPass(error) => error,
                },
                Err(source) => FetchError::NoAnswer { attempts, source },
            };
            if attempts > self.retries {
                return Err(problem);
            }
            let pause = self.first_pause.saturating_mul(1 << (attempts - 1).min(16));
            tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
        }
    }

    /// History is background: half of the venue's limit is left to whoever trades.
    async fn wait_for_room(&self, weight: u32) {
        loop {
            let now = self.now();
            let permit = {
                let mut limits = self.limits.lock().expect("nobody panics while it is held");
                limits.request(now, weight, 0, Priority::Background)
            };
            match permit {
                Permit::Allowed => return,
                Permit::WaitUntil(at) => {
                    tokio::time::sleep(at.since(now).max(Duration::from_millis(1))).await;
                }
            }
        }
    }

    fn judge(&self, response: Response, weight: u32) -> Judged {
        let now = self.now();
        let status = response.status;
        let mut limits = self.limits.lock().expect("nobody panics while it is held");
        if weight > 0 {
            for (name, value) in &response.headers {
                if let Ok(value) = value.to_str() {
                    limits.observe_header(now, name.as_str(), value);
                }
            }
        }
        if matches!(status.as_u16(), 429 | 418) {
            let after = response.headers.get(header::RETRY_AFTER);
            let secs = after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
            // Without a time: the venue's shortest ban.
            let after = Duration::from_secs(secs.unwrap_or(60));
            limits.back_off(now, Some(now.after(after.max(Duration::from_millis(100)))));
            return Judged::Wait(status);
        }
        drop(limits);
        if status.as_u16() < 400 || matches!(status.as_u16(), 404 | 416) {
            return Judged::Answer(response);
        }
        let body = String::from_utf8_lossy(&response.body).into_owned();
        let error = FetchError::Refused { status, body };
        if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
            Judged::MayPass(error)
        } else {
            Judged::Refused(error)
        }
    }
}

enum Judged {
    Answer(Response),
    Refused(FetchError),
    MayPass(FetchError),
    Wait(StatusCode),
}
