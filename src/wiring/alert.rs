//! One webhook for what a person should know now: halts, trips, instruments that stopped.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actors::observe::{Alert, Severity};
use events::log_event;
use kernel::risk::TradingState;
use model::{InstanceId, VenueId};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use transport::http::{HttpClient, HttpOptions, Request};
use transport::{Dialer, Tls, TlsOptions};

use crate::cli::{Exit, Failure};
use crate::config::{Config, EngineConfig};

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

/// Who alerts: what whoever gets those of several engines tells them apart by.
#[derive(Clone, Debug)]
pub struct AlertSender {
    /// `instance` of the configuration.
    name: Option<String>,
    mode: &'static str,
    instance: Option<InstanceId>,
    account: Option<VenueId>,
    trading_state: Arc<Mutex<Option<TradingState>>>,
}

impl AlertSender {
    /// An engine of which only the configuration is known yet.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let (name, mode) = (config.engine.instance.clone(), config.engine.mode.as_str());
        Self { name, mode, instance: None, account: None, trading_state: Arc::default() }
    }

    /// The same once the installation and the account are known.
    #[must_use]
    pub fn known_as(self, instance: InstanceId, account: VenueId) -> Self {
        Self { instance: Some(instance), account: Some(account), ..self }
    }

    /// Alerts say this from now on, those of every copy.
    pub fn set_trading_state(&self, state: TradingState) {
        *self.trading_state.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
    }

    /// What happened, where and when: an alert that arrives late says so itself.
    fn body(&self, alert: &Alert) -> String {
        let state = *self.trading_state.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::json!({
            "source": "tickwright",
            "name": self.name,
            "instance": self.instance,
            "account": self.account,
            "mode": self.mode,
            "host": host(),
            "at": actors::clock::Clock::system().wall().to_string(),
            "level": alert.severity.name(),
            "trading_state": state.map(TradingState::name),
            "subject": alert.subject,
            "text": alert.text,
        })
        .to_string()
    }
}

/// That the trading state is another one now.
#[must_use]
pub fn state_alert(to: TradingState, reason: String) -> Alert {
    let severity = match to {
        TradingState::Active => Severity::Info,
        TradingState::ReduceOnly | TradingState::Halted => Severity::Error,
    };
    Alert { severity, subject: format!("trading state is now {}", to.name()), text: reason }
}

/// Sends alerts.
#[derive(Clone)]
pub struct Alerter {
    http: HttpClient,
    url: SecretString,
    timeout: Duration,
    sender: AlertSender,
    places: Arc<Semaphore>,
}

impl Alerter {
    /// An alerter, if a webhook is configured.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn of(engine: &EngineConfig, sender: &AlertSender) -> Result<Option<Self>, Failure> {
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
        let (sender, timeout) = (sender.clone(), config.timeout);
        Ok(Some(Self { http, url, timeout, sender, places }))
    }

    /// Waits for the alerts that are under way, at most for the timeout of one attempt.
    pub async fn settle(&self) {
        let all = u32::try_from(ALERTS_BOUND).expect("a small number");
        // The permits are never closed; an end is not held back by a webhook that is gone.
        let _ = tokio::time::timeout(self.timeout, self.places.acquire_many(all)).await;
    }

    /// Sends in the background; the log tells what came of it.
    pub fn send(&self, alert: &Alert) {
        let subject = alert.subject.clone();
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            log_event!(ALERT_FAILED, subject = %subject, error = "too many alerts under way");
            return;
        };
        let (alerter, body) = (self.clone(), self.sender.body(alert));
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
    pub async fn deliver(&self, alert: &Alert) {
        self.attempt(&alert.subject, &self.sender.body(alert)).await;
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
