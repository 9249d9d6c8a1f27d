//! The venue that a run trades on: its addresses, its keys, its identity, its clock.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use actors::clock::Clock;
use binance::EndpointUrls;
use binance::decode::{Account, ApiError, ExchangeInfo, ServerTime};
use binance::encode::{Call, split};
use binance::sign::Credentials;
use exchange::{ExchangeConfig, MarketConfig, OnStoreFailed, SymbolConfig, SyntheticConfig};
use model::{InstanceId, Timestamp, VenueId};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use store::state_dir::ledger_of;
use transport::http::{HttpClient, HttpOptions};
use transport::{Dialer, Tls, TlsOptions};

use super::embedded::EmbeddedExchange;
use super::rest::{RestError, SignedRest};
use super::rsa::credentials_of;
use crate::cli::{Exit, Failure};
use crate::commands::last_words::end_now;
use crate::config::{Config, Endpoint, Mode, SigningKey, SimConfig, Speed, VenueConfig};

/// A venue, reached.
pub struct Site {
    /// Addresses.
    pub urls: EndpointUrls,
    /// Keys, if the mode needs them.
    pub credentials: Option<Credentials>,
    /// Whose ledger it is.
    pub identity: VenueId,
    /// Environment and account: whom the lock is for.
    pub account: VenueId,
    /// Opens connections.
    pub dialer: Dialer,
    /// Pooled requests outside the order path.
    pub http: HttpClient,
    /// The exchange of this process, if it is that.
    pub embedded: Option<Arc<EmbeddedExchange>>,
    is_simulated: bool,
}

impl Site {
    /// Finds the venue of a configuration; starts the simulated exchange if it is that.
    /// `sim_state` is where the simulated exchange keeps its accounts.
    ///
    /// # Errors
    /// With the exit code of what failed.
    pub fn find(
        config: &Config,
        sim_state: Option<&Path>,
        instance: InstanceId,
    ) -> Result<Self, Failure> {
        let engine = &config.engine;
        let embedded = match engine.venue.endpoint {
            Endpoint::Sim => {
                if engine.sim.speed == Speed::Max {
                    let message = "sim: speed = \"max\" is for replays; give a factor";
                    return Err(Failure::new(Exit::Usage, message));
                }
                let settings = simulated(&engine.sim, sim_state)?;
                let started = EmbeddedExchange::start(settings, 0);
                let started = started.map_err(|error| Failure::new(Exit::Storage, error))?;
                Some(Arc::new(started))
            }
            Endpoint::BinanceLive
            | Endpoint::BinanceTestnet
            | Endpoint::BinanceDemo
            | Endpoint::Custom => None,
        };
        Self::reach(config, embedded, instance)
    }

    /// An exchange that runs in this process already.
    ///
    /// # Errors
    /// With the exit code of what failed.
    pub fn inside(
        config: &Config,
        exchange: EmbeddedExchange,
        instance: InstanceId,
    ) -> Result<Self, Failure> {
        Self::reach(config, Some(Arc::new(exchange)), instance)
    }

    fn reach(
        config: &Config,
        embedded: Option<Arc<EmbeddedExchange>>,
        instance: InstanceId,
    ) -> Result<Self, Failure> {
        let engine = &config.engine;
        let urls = match &embedded {
            Some(exchange) => {
                let handle = exchange.handle();
                EndpointUrls::new(&handle.rest_url(), &handle.ws_url(), &handle.ws_api_url())
            }
            None => {
                let urls = engine.venue.urls().expect("checked with the configuration");
                EndpointUrls::new(&urls.rest, &urls.ws, &urls.ws_api)
            }
        };
        let credentials = read_credentials(config, embedded.as_deref())?;
        let dialer = dialer(&urls)?;
        let http = HttpClient::new(dialer.clone(), HttpOptions::default());
        let identity = identity(config, credentials.as_ref(), instance);
        let is_simulated = engine.mode == Mode::Sim;
        let account = identity;
        Ok(Self { urls, credentials, identity, account, dialer, http, embedded, is_simulated })
    }

    /// The same, reached through another dialer: that of a simulated network.
    #[must_use]
    pub fn through(mut self, dialer: Dialer) -> Self {
        self.http = HttpClient::new(dialer.clone(), HttpOptions::default());
        self.dialer = dialer;
        self
    }

    /// Asks the venue for the account's own number: another key of the same account then goes on
    /// with the same ledger, the one that `directory` has for it.
    ///
    /// # Errors
    /// When the venue does not answer, or not to this key.
    pub async fn learn_account(
        &mut self,
        config: &Config,
        directory: &Path,
    ) -> Result<(), Failure> {
        let environment = match config.engine.venue.endpoint {
            Endpoint::BinanceLive | Endpoint::BinanceTestnet | Endpoint::BinanceDemo => {
                config.engine.venue.endpoint.as_str().to_owned()
            }
            // Servers of one's own may number their accounts all alike.
            Endpoint::Custom => format!("custom:{}", fingerprint(&self.urls.rest_url)),
            Endpoint::Sim => return Ok(()),
        };
        if self.credentials.is_none() {
            return Ok(());
        }
        let body = self.rest().ask(&Call::account(), self.server_time().await?).await?;
        let account: Result<Account<'_>, _> = binance::decode::parse("account", &body);
        let account = account.map_err(|error| Failure::new(Exit::VenueUnreachable, error))?;
        let Some(uid) = account.uid else { return Ok(()) };
        self.account = VenueId::new(&format!("{environment}:{uid}")).expect("ASCII and short");
        self.identity = ledger_of(directory, &self.account, &self.identity)?;
        Ok(())
    }

    /// Asks it things over REST.
    #[must_use]
    pub const fn rest(&self) -> SignedRest<'_> {
        SignedRest { http: &self.http, urls: &self.urls, credentials: self.credentials.as_ref() }
    }

    /// Sets our clock after the venue's, if that runs by its own.
    ///
    /// # Errors
    /// When the venue does not answer.
    pub async fn follow_clock(&self, clock: &Clock) -> Result<(), Failure> {
        if !self.is_simulated {
            return Ok(());
        }
        let body = self.rest().get("/control/clock").await?;
        follow(clock, &body);
        Ok(())
    }

    /// The venue's own time, to sign the next question with: ours may be wrong, and nobody has
    /// compared them yet.
    ///
    /// # Errors
    /// When the venue does not answer, or with something else.
    pub async fn server_time(&self) -> Result<Timestamp, Failure> {
        let rest = SignedRest { credentials: None, ..self.rest() };
        let body = rest.ask(&Call::time(), Timestamp::EPOCH).await?;
        let time: Result<ServerTime, _> = binance::decode::parse("time", &body);
        let time = time.map_err(|error| Failure::new(Exit::VenueUnreachable, error))?;
        Ok(time.server_time)
    }

    /// What the venue says of some symbols.
    ///
    /// # Errors
    /// See [`ExchangeInfoError`].
    pub async fn exchange_info(&self, symbols: &[&str]) -> Result<ExchangeInfo, ExchangeInfoError> {
        let rest = SignedRest { credentials: None, ..self.rest() };
        let ask = async |symbols: &[&str]| {
            let answered = rest.ask(&Call::exchange_info(symbols), Timestamp::EPOCH).await;
            match answered {
                Err(RestError::Refused { error, .. }) if error.code == ApiError::INVALID_SYMBOL => {
                    Ok(None)
                }
                answered => answered.map(Some),
            }
        };
        if let Some(body) = ask(symbols).await? {
            return Ok(ExchangeInfo::read(&body, self.identity)?);
        }
        // The venue does not say which one it is: parts of the list are asked for.
        let mut refused: Vec<Vec<&str>> = vec![symbols.to_vec()];
        let mut unknown = BTreeSet::new();
        while let Some(list) = refused.pop() {
            if let [symbol] = list[..] {
                unknown.insert(symbol);
            }
            for part in split(&list) {
                if ask(&part).await?.is_none() {
                    refused.push(part);
                }
            }
        }
        let unknown = symbols.iter().filter(|symbol| unknown.contains(*symbol));
        let unknown = unknown.map(ToString::to_string).collect();
        Err(ExchangeInfoError::UnknownSymbols(unknown))
    }
}

/// Why the venue's rules are not known.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeInfoError {
    /// It does not have these symbols.
    #[error("the venue has no symbol {}", .0.join(", "))]
    UnknownSymbols(Vec<String>),
    /// No answer.
    #[error(transparent)]
    Rest(#[from] RestError),
    /// An answer that can't be read.
    #[error(transparent)]
    Malformed(#[from] binance::decode::DecodeError),
}

impl From<ExchangeInfoError> for Failure {
    fn from(error: ExchangeInfoError) -> Self {
        match error {
            ExchangeInfoError::UnknownSymbols(_) => Self::new(Exit::Usage, error),
            ExchangeInfoError::Rest(error) => error.into(),
            ExchangeInfoError::Malformed(_) => Self::new(Exit::VenueUnreachable, error),
        }
    }
}

/// Takes over an announced clock; an announcement that cannot be read changes nothing.
pub fn follow(clock: &Clock, body: &[u8]) {
    #[derive(serde::Deserialize)]
    struct Announced {
        venue_at_ns: i64,
        wall_at_ns: i64,
        speed: serde_json::Value,
    }
    if let Ok(announced) = serde_json::from_slice::<Announced>(body) {
        // At full speed the venue's clock jumps with each frame: it stands still in between.
        let speed = announced.speed.as_f64().unwrap_or(0.0);
        let venue_at = Timestamp::from_nanos(announced.venue_at_ns);
        clock.follow(venue_at, Timestamp::from_nanos(announced.wall_at_ns), speed);
    }
}

/// The simulated exchange that a configuration asks for, with a synthetic market.
///
/// # Errors
/// [`Exit::Usage`] for a symbol or a speed that it cannot have.
pub fn simulated(sim: &SimConfig, state_dir: Option<&Path>) -> Result<ExchangeConfig, Failure> {
    let usage = |error: &dyn std::fmt::Display| Failure::new(Exit::Usage, format!("sim: {error}"));
    let mut symbols = Vec::with_capacity(sim.symbols.len());
    for wanted in &sim.symbols {
        let mut symbol =
            SymbolConfig::named(wanted.symbol.as_str()).map_err(|error| usage(&error))?;
        symbol.start_price = wanted.start_price.unwrap_or(symbol.start_price);
        symbol.activity = wanted.activity;
        for name in &wanted.not_allowed {
            exchange::refuse(&mut symbol.features, name);
        }
        symbols.push(symbol);
    }
    let speed = match sim.speed {
        Speed::Max => Ok(exchange::Speed::Max),
        Speed::Times(times) => exchange::Speed::parse(&times.to_string()),
    };
    let balances: BTreeMap<_, _> =
        sim.initial_balances.iter().map(|balance| (balance.asset, balance.amount)).collect();
    Ok(ExchangeConfig {
        market: MarketConfig::Synthetic(SyntheticConfig {
            seed: sim.seed,
            symbols,
            volatility: sim.volatility,
            ..SyntheticConfig::default()
        }),
        speed: speed.map_err(|error| usage(&error))?,
        state_dir: state_dir.map(Path::to_owned),
        balances,
        maker_fee: sim.maker_fee,
        on_store_failed: OnStoreFailed::new(|error| {
            let advice = "free the disk, then start again: accounts and orders go on";
            end_now(&format!("the simulated exchange can't keep its state: {error}; {advice}"));
        }),
        taker_fee: sim.taker_fee,
        ..ExchangeConfig::default()
    })
}

pub(super) fn read_credentials(
    config: &Config,
    embedded: Option<&EmbeddedExchange>,
) -> Result<Option<Credentials>, Failure> {
    let usage = |error: &dyn std::fmt::Display| Failure::new(Exit::Usage, error);
    let (name, secret) = if let Some(exchange) = embedded {
        let keys = &exchange.handle().credentials;
        (keys.ed25519_api_key.clone().into(), keys.ed25519_private_key_pem.clone().into())
    } else if config.engine.mode == Mode::Paper {
        return Ok(None);
    } else {
        return configured_credentials(&config.engine.venue);
    };
    let (name, secret): (SecretString, SecretString) = (name, secret);
    Credentials::new(name, secret).map(Some).map_err(|error| usage(&error))
}

/// The key that is configured, if one is.
///
/// # Errors
/// [`Exit::Usage`] when it can't be read or is none.
pub fn configured_credentials(venue: &VenueConfig) -> Result<Option<Credentials>, Failure> {
    if !venue.has_credentials() {
        return Ok(None);
    }
    let usage = |error: &dyn std::fmt::Display| Failure::new(Exit::Usage, error);
    let keys = venue.credentials().map_err(|error| usage(&error))?;
    let secret = match keys.signing_key {
        SigningKey::Hmac(secret) | SigningKey::Private(secret) => secret,
    };
    credentials_of(keys.api_key, secret).map(Some).map_err(|error| usage(&error))
}

/// TLS is set up only where it is needed: reading the system's roots takes milliseconds.
fn dialer(urls: &EndpointUrls) -> Result<Dialer, Failure> {
    let all = [&urls.rest_url, &urls.ws_url, &urls.ws_api_url];
    let is_plain = all.iter().all(|url| url.starts_with("http:") || url.starts_with("ws:"));
    if is_plain {
        return Ok(Dialer::tcp(None));
    }
    let tls = Tls::load(&TlsOptions::default());
    tls.map(|tls| Dialer::tcp(Some(tls))).map_err(|error| Failure::new(Exit::Usage, error))
}

/// A server of one's own by its address, short enough for an identity.
fn fingerprint(url: &str) -> String {
    let address = url.trim_end_matches('/');
    Sha256::digest(address).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// Environment and account. An account is known by its key's name until the venue tells more;
/// that of paper trading belongs to the state directory.
fn identity(config: &Config, credentials: Option<&Credentials>, instance: InstanceId) -> VenueId {
    let environment = config.engine.venue.endpoint.as_str();
    if config.engine.mode == Mode::Paper {
        let text = format!("paper:{environment}:{instance}");
        return VenueId::new(&text).expect("ASCII and short");
    }
    let account = credentials.map_or("public", |credentials| credentials.api_key());
    let account: String = account.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    VenueId::new(&format!("{environment}:{account}")).expect("ASCII and short")
}

/// Reads the keys once more, for the trading session to own.
///
/// # Errors
/// As at the first time.
pub fn credentials(config: &Config, site: &Site) -> Result<Option<Credentials>, Failure> {
    read_credentials(config, site.embedded.as_deref())
}
