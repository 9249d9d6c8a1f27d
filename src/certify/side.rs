//! One of the two sides that every check is run at: the venue, or the simulated exchange.

use std::time::Duration;

use actors::clock::Clock;
use actors::wire::prepare;
use binance::EndpointUrls;
use binance::clock_offset::ClockOffset;
use binance::decode::{ExchangeInfo, OrderReply, ServerTime, SymbolInfo, parse};
use binance::encode::{Call, OrderName, RestAuth, rest_request};
use binance::sign::Credentials;
use kernel::wire::HttpRequest;
use model::{Amount, Price, Quantity, Symbol, Timestamp, VenueId};
use secrecy::SecretString;
use serde_json::Value;
use transport::http::{HttpClient, HttpOptions};
use transport::{Dialer, Tls, TlsOptions};

use super::socket::{PATIENCE, Proof, Socket};
use super::verdict::{Checked, ensure, failed};
use crate::cli::{Exit, Failure};
use crate::wiring::EmbeddedExchange;

/// How answers are written. The venue's binary form (SBE) would be a second one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum WireFormat {
    /// JSON.
    #[default]
    Json,
}

impl WireFormat {
    /// An answer as a tree of named values.
    fn read(self, bytes: &[u8]) -> Result<Value, String> {
        match self {
            Self::Json => serde_json::from_slice(bytes).map_err(|error| error.to_string()),
        }
    }

    /// As it stands on the command line and in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
        }
    }
}

/// What is certified.
pub struct Target {
    /// Name and addresses, for the report: nothing of the key.
    pub description: String,
    /// Where it is.
    pub urls: EndpointUrls,
    /// Who asks.
    pub credentials: Credentials,
    /// What is traded for it.
    pub symbol: Symbol,
    /// How answers are written.
    pub format: WireFormat,
}

impl Target {
    /// The simulated exchange, with a key of the same kind.
    ///
    /// # Errors
    /// [`Exit::Internal`]: the exchange made keys that are none.
    pub fn of_exchange(exchange: &EmbeddedExchange, venue: &Self) -> Result<Self, Failure> {
        let handle = exchange.handle();
        let keys = &handle.credentials;
        let (name, secret): (SecretString, SecretString) =
            if venue.credentials.signer().can_log_on() {
                (keys.ed25519_api_key.clone().into(), keys.ed25519_private_key_pem.clone().into())
            } else {
                (keys.api_key.clone().into(), keys.api_secret.clone().into())
            };
        let credentials = Credentials::new(name, secret);
        Ok(Self {
            description: "the simulated exchange".to_owned(),
            urls: EndpointUrls::new(&handle.rest_url(), &handle.ws_url(), &handle.ws_api_url()),
            credentials: credentials.map_err(|error| Failure::new(Exit::Internal, error))?,
            symbol: venue.symbol,
            format: venue.format,
        })
    }
}

/// An answer, whichever way it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// As in HTTP.
    pub status: u16,
    /// Names in lower case; none on the WebSocket API.
    pub headers: Vec<(String, String)>,
    /// The result, or the refusal.
    pub body: Value,
    /// The limits told with it, on the WebSocket API.
    pub limits: Value,
}

impl Answer {
    /// Of a frame of the WebSocket API.
    #[must_use]
    pub fn of_frame(frame: &Value) -> Self {
        let part = |name: &str| frame.get(name).cloned();
        Self {
            status: frame["status"].as_u64().and_then(|s| u16::try_from(s).ok()).unwrap_or(0),
            headers: Vec::new(),
            body: part("result").or_else(|| part("error")).unwrap_or(Value::Null),
            limits: part("rateLimits").unwrap_or(Value::Null),
        }
    }

    /// The body of an answer that is no refusal.
    ///
    /// # Errors
    /// With the venue's words.
    pub fn ok(self) -> Checked<Value> {
        match self.status {
            200 => Ok(self.body),
            status => failed(format!("refused with status {status}: {}", self.words())),
        }
    }

    /// Whether it is the refusal with this code and exactly these words.
    ///
    /// # Errors
    /// With what it is instead.
    pub fn refused(&self, code: i64, words: &str) -> Checked {
        let is_meant = self.status != 200 && self.body["code"] == code && self.body["msg"] == words;
        ensure(is_meant, || {
            format!("expected {code} \"{words}\", found status {}: {}", self.status, self.words())
        })
    }

    /// The code of a refusal; 0 of anything else.
    #[must_use]
    pub fn code(&self) -> i64 {
        self.body["code"].as_i64().unwrap_or(0)
    }

    /// Code and words of a refusal. An answer that is none shows nothing of the account.
    fn words(&self) -> String {
        match (self.body["code"].as_i64(), self.body["msg"].as_str()) {
            (Some(code), Some(words)) => format!("{code} \"{words}\""),
            _ => "an answer that is no refusal".to_owned(),
        }
    }

    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What every connection of a side shares.
pub struct Core {
    /// Addresses.
    pub urls: EndpointUrls,
    /// The key.
    pub credentials: Credentials,
    /// Opens connections.
    pub dialer: Dialer,
    /// How old a request may be when it arrives.
    pub recv_window: Duration,
    format: WireFormat,
    http: HttpClient,
    clock: Clock,
    offset: ClockOffset,
}

impl Core {
    /// The venue's time.
    #[must_use]
    pub fn venue_now(&self) -> Timestamp {
        self.offset.venue_time(self.clock.wall())
    }
}

/// The best prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Best {
    /// Price and quantity of the best bid.
    pub bid: (Price, Quantity),
    /// Price and quantity of the best ask.
    pub ask: (Price, Quantity),
}

/// A side, reached.
pub struct Side {
    /// What its connections share.
    pub core: Core,
    /// What is traded for the checks.
    pub info: SymbolInfo,
    /// The symbol's entry as it was sent.
    pub listed: Value,
    socket: Option<Socket>,
    steps: Vec<(String, Value)>,
    /// Begins the name of every order of this run.
    prefix: String,
    orders: u32,
}

impl Side {
    /// Reaches a side: its clock is compared, its rules are read.
    ///
    /// # Errors
    /// When it does not answer, or does not have the symbol.
    pub async fn reach(target: Target, clock: Clock) -> Result<Self, Failure> {
        let urls = target.urls;
        let all = [&urls.rest_url, &urls.ws_url, &urls.ws_api_url];
        let is_plain = all.iter().all(|url| url.starts_with("http:") || url.starts_with("ws:"));
        let tls = if is_plain { None } else { Some(Tls::load(&TlsOptions::default())) };
        let tls = tls.transpose().map_err(|error| Failure::new(Exit::Usage, error))?;
        let dialer = Dialer::tcp(tls);
        let started_at = clock.wall();
        let core = Core {
            urls,
            credentials: target.credentials,
            http: HttpClient::new(dialer.clone(), HttpOptions::default()),
            dialer,
            recv_window: Duration::from_secs(5),
            format: target.format,
            clock,
            offset: ClockOffset::new(),
        };
        let unreachable = |error: &dyn std::fmt::Display| {
            Failure::new(Exit::VenueUnreachable, format!("{}: {error}", target.description))
        };
        let call = Call::exchange_info(&[target.symbol.as_str()]);
        let http = rest_request(&core.urls.rest_url, &call, None, PATIENCE);
        let bytes = fetch(&core, http).await.map_err(|error| unreachable(&error))?.bytes;
        let venue = VenueId::new("certify").expect("a plain word");
        let info = ExchangeInfo::read(&bytes, venue).map_err(|error| unreachable(&error))?;
        let Some(found) = info.symbol(target.symbol.as_str()).cloned() else {
            let message = format!("{}: no symbol {}", target.description, target.symbol);
            return Err(Failure::new(Exit::Usage, message));
        };
        let whole: Value = serde_json::from_slice(&bytes).map_err(|error| unreachable(&error))?;
        let listed = whole["symbols"][0].clone();
        let prefix = format!("certify-{:x}-", started_at.as_millis());
        let mut side =
            Self { core, info: found, listed, socket: None, steps: Vec::new(), prefix, orders: 0 };
        for _ in 0..3 {
            side.measure_clock().await.map_err(|trouble| unreachable(&format!("{trouble:?}")))?;
        }
        Ok(side)
    }

    /// What is traded.
    #[must_use]
    pub const fn symbol(&self) -> Symbol {
        self.info.instrument.symbol
    }

    /// Compares the clocks once more, by the halved round trip. Returns the venue's time.
    ///
    /// # Errors
    /// When it does not tell.
    pub async fn measure_clock(&mut self) -> Checked<Timestamp> {
        let sent_at = self.core.clock.wall();
        let http = rest_request(&self.core.urls.rest_url, &Call::time(), None, PATIENCE);
        let fetched = fetch(&self.core, http).await;
        let fetched = fetched.or_else(failed)?;
        let received_at = self.core.clock.wall();
        let time: ServerTime =
            parse("time", &fetched.bytes).or_else(|error| failed(error.to_string()))?;
        self.core.offset.observe(sent_at, received_at, time.server_time);
        Ok(time.server_time)
    }

    /// How wrong the offset of the clocks may be, in milliseconds.
    #[must_use]
    pub fn clock_uncertainty_ms(&self) -> u128 {
        self.core.offset.uncertainty().map_or(u128::MAX, |uncertainty| uncertainty.as_millis())
    }

    /// What was answered since the last call, with names.
    pub fn take_steps(&mut self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.steps)
    }

    /// Keeps an answer for the comparison.
    pub fn keep(&mut self, label: &str, value: &Value) {
        self.steps.push((label.to_owned(), value.clone()));
    }

    /// A flag of the symbol's entry in exchangeInfo.
    #[must_use]
    pub fn allows(&self, flag: &str) -> bool {
        self.listed[flag] == true
    }

    /// Asks over REST, signed where the operation wants it.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn rest(&mut self, call: &Call) -> Checked<Answer> {
        let auth = RestAuth {
            credentials: &self.core.credentials,
            timestamp: self.core.venue_now(),
            recv_window: self.core.recv_window,
        };
        let http = rest_request(&self.core.urls.rest_url, call, Some(auth), PATIENCE);
        let answer = self.send(http).await?;
        self.keep_answer(call, &answer);
        Ok(answer)
    }

    /// Sends a request as it is.
    ///
    /// # Errors
    /// When no answer comes, or one that is not in the agreed format.
    pub async fn send(&self, http: HttpRequest) -> Checked<Answer> {
        let fetched = fetch(&self.core, http).await.or_else(failed)?;
        match self.core.format.read(&fetched.bytes) {
            Ok(body) => Ok(Answer {
                status: fetched.status,
                headers: fetched.headers,
                body,
                limits: Value::Null,
            }),
            Err(error) => failed(format!("an answer that can't be read: {error}")),
        }
    }

    /// Asks over the WebSocket API, on the connection that is subscribed to user data.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn ws(&mut self, call: &Call) -> Checked<Answer> {
        let mut socket = self.subscribed().await?;
        let proof = if socket.is_logged_on { Proof::Session } else { Proof::Signature };
        let answer = socket.call(&self.core, call, proof).await?;
        self.socket = Some(socket);
        self.keep_answer(call, &answer);
        Ok(answer)
    }

    fn keep_answer(&mut self, call: &Call, answer: &Answer) {
        let kind = if answer.status == 200 { "" } else { " refusal" };
        let label = format!("{}{kind}", call.operation.name());
        self.steps.push((label, answer.body.clone()));
        if !answer.limits.is_null() {
            self.steps.push(("rateLimits".to_owned(), answer.limits.clone()));
        }
    }

    /// The next report of the account that is meant.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn event(&mut self, is_meant: impl Fn(&Value) -> bool) -> Checked<Value> {
        let mut socket = self.subscribed().await?;
        let event = socket.event(is_meant).await?;
        self.socket = Some(socket);
        let kind = event["e"].as_str().unwrap_or("?");
        let step = event["x"].as_str().unwrap_or("");
        let label = format!("{kind} {step}");
        self.keep(label.trim_end(), &event);
        Ok(event)
    }

    /// The next report about an order, of this step.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn report(&mut self, order: &Value, step: &str) -> Checked<Value> {
        self.event(|event| {
            event["e"] == "executionReport" && event["i"] == *order && event["x"] == step
        })
        .await
    }

    /// Has the connection that is subscribed to user data from here on.
    ///
    /// # Errors
    /// When it can't be opened.
    pub async fn listen(&mut self) -> Checked {
        let socket = self.subscribed().await?;
        self.socket = Some(socket);
        Ok(())
    }

    /// The connection that is subscribed to user data: opened where there is none. It is taken,
    /// and given back after use: one that fails a check is not used by the next.
    async fn subscribed(&mut self) -> Checked<Socket> {
        match self.socket.take() {
            Some(socket) => Ok(socket),
            None => self.open_subscribed().await,
        }
    }

    /// Opens a connection, logs it on if the key can, and subscribes it to user data.
    ///
    /// # Errors
    /// When one of these is refused.
    pub async fn open_subscribed(&mut self) -> Checked<Socket> {
        let mut socket = Socket::open(&self.core).await?;
        let proof = if self.core.credentials.signer().can_log_on() {
            let logon = socket.call(&self.core, &Call::session_logon(), Proof::Signature).await?;
            self.keep_answer(&Call::session_logon(), &logon);
            logon.ok()?;
            socket.is_logged_on = true;
            (Call::subscribe_user_data(), Proof::Session)
        } else {
            (Call::subscribe_user_data_signed(), Proof::Signature)
        };
        let answer = socket.call(&self.core, &proof.0, proof.1).await?;
        self.keep_answer(&proof.0, &answer);
        answer.ok()?;
        Ok(socket)
    }

    /// Cuts the connection without a word.
    pub fn drop_connection(&mut self) {
        self.socket = None;
    }

    /// A name for an order that nobody has used.
    pub fn next_name(&mut self) -> String {
        self.orders += 1;
        format!("{}{}", self.prefix, self.orders)
    }

    /// The best prices now.
    ///
    /// # Errors
    /// When there are none.
    pub async fn best(&self) -> Checked<Best> {
        let call = Call::ticker_book(self.symbol().as_str());
        let http = rest_request(&self.core.urls.rest_url, &call, None, PATIENCE);
        let ticker = self.send(http).await?.ok()?;
        let price = |name: &str| ticker[name].as_str()?.parse::<Price>().ok();
        let quantity = |name: &str| ticker[name].as_str()?.parse::<Quantity>().ok();
        let level = |side: &str| {
            let price = price(&format!("{side}Price")).filter(|price| price.is_positive())?;
            Some((price, quantity(&format!("{side}Qty"))?))
        };
        match (level("bid"), level("ask")) {
            (Some(bid), Some(ask)) => Ok(Best { bid, ask }),
            (None | Some(_), None | Some(_)) => failed("the book has no best prices"),
        }
    }

    /// What of an asset is free.
    ///
    /// # Errors
    /// When the venue does not tell.
    pub async fn free(&mut self, asset: model::Asset) -> Checked<Amount> {
        let account = self.rest(&Call::account()).await?.ok()?;
        let balances = account["balances"].as_array().cloned().unwrap_or_default();
        let found = balances.iter().find(|balance| balance["asset"] == asset.as_str());
        let free = found.and_then(|balance| balance["free"].as_str()?.parse().ok());
        Ok(free.unwrap_or(Amount::ZERO))
    }

    /// Takes back whatever order of this run is still open. Returns how many could not be.
    pub async fn clean_up(&mut self) -> usize {
        let symbol = self.symbol();
        let Ok(open) = self.rest(&Call::open_orders(Some(symbol.as_str()))).await else { return 0 };
        let body = open.body.to_string();
        let orders: Vec<OrderReply<'_>> = parse("openOrders", body.as_bytes()).unwrap_or_default();
        let prefix = self.prefix.clone();
        let mut left = 0;
        for order in orders.iter().filter(|o| o.client_order_id.starts_with(&prefix)) {
            let cancel = Call::cancel(symbol.as_str(), OrderName::Venue(order.order_id));
            let canceled = self.rest(&cancel).await.and_then(Answer::ok);
            // -2011 for the second leg of a list whose first one was just taken back.
            left += usize::from(canceled.is_err() && order.order_list_id < 0);
        }
        left
    }
}

/// A whole answer of HTTP.
struct Fetched {
    status: u16,
    headers: Vec<(String, String)>,
    bytes: Vec<u8>,
}

async fn fetch(core: &Core, http: HttpRequest) -> Result<Fetched, String> {
    let request = prepare(http).map_err(|error| error.to_string())?;
    let response = core.http.request(request).await.map_err(|error| error.to_string())?;
    let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    Ok(Fetched {
        status: response.status.as_u16(),
        headers: response.headers.iter().map(header).collect(),
        bytes: response.body.to_vec(),
    })
}
