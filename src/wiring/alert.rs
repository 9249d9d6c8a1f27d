//! One webhook for what a person should know now: halts, trips, instruments that stopped.

use std::sync::Arc;
use std::time::Duration;

use events::log_event;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use transport::http::{HttpClient, HttpOptions, Request};
use transport::{Dialer, Tls, TlsOptions};

use crate::cli::{Exit, Failure};
use crate::config::AlertsConfig;

/// Alerts under way at once; more are dropped and said so in the log, which has them anyway.
const ALERTS_BOUND: usize = 16;

/// Sends alerts.
#[derive(Clone)]
pub struct Alerter {
    http: HttpClient,
    url: SecretString,
    timeout: Duration,
    places: Arc<Semaphore>,
}

impl Alerter {
    /// An alerter, if a webhook is configured.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn of(config: &AlertsConfig) -> Result<Option<Self>, Failure> {
        let Some(url) = config.webhook_url.clone() else { return Ok(None) };
        let tls = if url.expose_secret().starts_with("https:") {
            let loaded = Tls::load(&TlsOptions::default());
            Some(loaded.map_err(|error| Failure::new(Exit::Usage, error))?)
        } else {
            None
        };
        let http = HttpClient::new(Dialer::tcp(tls), HttpOptions::default());
        let places = Arc::new(Semaphore::new(ALERTS_BOUND));
        Ok(Some(Self { http, url, timeout: config.timeout, places }))
    }

    /// Waits for the alerts that are under way, each at most for its timeout.
    pub async fn settle(&self) {
        let all = u32::try_from(ALERTS_BOUND).expect("a small number");
        // The permits are never closed.
        let _ = self.places.acquire_many(all).await;
    }

    /// Sends in the background; the log tells what came of it.
    pub fn send(&self, subject: &str, text: &str) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            log_event!(ALERT_FAILED, subject = %subject, error = "too many alerts under way");
            return;
        };
        let (alerter, subject, text) = (self.clone(), subject.to_owned(), text.to_owned());
        tokio::task::spawn_local(async move {
            alerter.deliver(&subject, &text).await;
            drop(place);
        });
    }

    /// Sends and waits, at most for the timeout; the log tells what came of it.
    pub async fn deliver(&self, subject: &str, text: &str) {
        let body = serde_json::json!({"source": "tickwright", "subject": subject, "text": text});
        let mut request = Request::new(hyper::Method::POST, self.url.expose_secret().to_owned())
            .body(body.to_string())
            .timeout(self.timeout);
        let json = hyper::header::HeaderValue::from_static("application/json");
        request = request.header(hyper::header::CONTENT_TYPE, json);
        let started = tokio::time::Instant::now();
        match self.http.request(request).await {
            Ok(answer) if answer.status.is_success() => {
                let took_ms = started.elapsed().as_millis() as u64;
                log_event!(ALERT_SENT, subject = %subject, took_ms);
            }
            Ok(answer) => {
                let error = format!("HTTP {}", answer.status.as_u16());
                log_event!(ALERT_FAILED, subject = %subject, error = %error);
            }
            Err(error) => log_event!(ALERT_FAILED, subject = %subject, error = %error),
        }
    }
}
