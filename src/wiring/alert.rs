//! One webhook for what a person should know now: halts, trips, instruments that stopped.

use std::sync::Arc;
use std::time::Duration;

use events::log_event;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use transport::http::{HttpClient, HttpOptions, Request};
use transport::{Dialer, Tls, TlsOptions};

use crate::cli::{Exit, Failure};
use crate::config::EngineConfig;

/// Alerts under way at once; more are dropped and said so in the log, which has them anyway.
const ALERTS_BOUND: usize = 16;
/// Pauses between the attempts at one alert.
const PAUSES: [Duration; 6] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
    Duration::from_secs(32),
];

/// Sends alerts.
#[derive(Clone)]
pub struct Alerter {
    http: HttpClient,
    url: SecretString,
    timeout: Duration,
    /// The engine's name in the configuration.
    name: Option<String>,
    host: String,
    places: Arc<Semaphore>,
}

impl Alerter {
    /// An alerter, if a webhook is configured.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn of(engine: &EngineConfig) -> Result<Option<Self>, Failure> {
        let config = &engine.alerts;
        let Some(url) = config.webhook_url.clone() else { return Ok(None) };
        let tls = if url.expose_secret().starts_with("https:") {
            let loaded = Tls::load(&TlsOptions::default());
            Some(loaded.map_err(|error| Failure::new(Exit::Usage, error))?)
        } else {
            None
        };
        let http = HttpClient::new(Dialer::tcp(tls), HttpOptions::default());
        let places = Arc::new(Semaphore::new(ALERTS_BOUND));
        let (name, timeout) = (engine.instance.clone(), config.timeout);
        Ok(Some(Self { http, url, timeout, name, host: host(), places }))
    }

    /// Waits for the alerts that are under way, at most for the timeout of one attempt.
    pub async fn settle(&self) {
        let all = u32::try_from(ALERTS_BOUND).expect("a small number");
        // The permits are never closed; an end is not held back by a webhook that is gone.
        let _ = tokio::time::timeout(self.timeout, self.places.acquire_many(all)).await;
    }

    /// Sends in the background; the log tells what came of it.
    pub fn send(&self, subject: &str, text: &str) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            log_event!(ALERT_FAILED, subject = %subject, error = "too many alerts under way");
            return;
        };
        let (alerter, subject) = (self.clone(), subject.to_owned());
        let body = self.body(&subject, text);
        tokio::task::spawn_local(async move {
            for pause in PAUSES {
                if alerter.attempt(&subject, &body).await {
                    drop(place);
                    return;
                }
                tokio::time::sleep(pause).await;
            }
            alerter.attempt(&subject, &body).await;
            drop(place);
        });
    }

    /// Sends once and waits, at most for the timeout; the log tells what came of it.
    pub async fn deliver(&self, subject: &str, text: &str) {
        self.attempt(subject, &self.body(subject, text)).await;
    }

    /// What happened, where and when: an alert that arrives late says so itself.
    fn body(&self, subject: &str, text: &str) -> String {
        let at = actors::clock::Clock::system().wall().to_string();
        let (instance, host) = (&self.name, &self.host);
        serde_json::json!({
            "source": "tickwright", "instance": instance, "host": host, "at": at,
            "subject": subject, "text": text,
        })
        .to_string()
    }

    /// True when the webhook has taken it.
    async fn attempt(&self, subject: &str, body: &str) -> bool {
        let mut request = Request::new(hyper::Method::POST, self.url.expose_secret().to_owned())
            .body(body.to_owned())
            .timeout(self.timeout);
        let json = hyper::header::HeaderValue::from_static("application/json");
        request = request.header(hyper::header::CONTENT_TYPE, json);
        let started = tokio::time::Instant::now();
        match self.http.request(request).await {
            Ok(answer) if answer.status.is_success() => {
                let took_ms = started.elapsed().as_millis() as u64;
                log_event!(ALERT_SENT, subject = %subject, took_ms);
                return true;
            }
            Ok(answer) => {
                let error = format!("HTTP {}", answer.status.as_u16());
                log_event!(ALERT_FAILED, subject = %subject, error = %error);
            }
            Err(error) => log_event!(ALERT_FAILED, subject = %subject, error = %error),
        }
        false
    }
}

/// The machine's name; empty where the system does not tell.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}
