//! Many prices at once, with bounds: `cargo run --example parallel_prices`.
//!
//! The simulated exchange answers each question after 100 ms here, does not list one of the
//! symbols and cuts the connection of one question. docs/guide explains what there is to see.

use std::pin::pin;
use std::time::{Duration, Instant};

use binance::decode::{PriceRow, parse};
use exchange::{ExchangeConfig, ExchangeHandle, MarketConfig, SymbolConfig, SyntheticConfig};
use futures_util::StreamExt as _;
use model::Price;
use transport::Dialer;
use transport::http::{FetchLimits, HttpClient, HttpOptions, Request, fetch_many};

const SYMBOLS: [&str; 20] = [
    "BTCUSDT",
    "ETHUSDT",
    "BNBUSDT",
    "SOLUSDT",
    "XRPUSDT",
    "DOGEUSDT",
    "ADAUSDT",
    "AVAXUSDT",
    "LINKUSDT",
    "DOTUSDT",
    "LTCUSDT",
    "TRXUSDT",
    "ATOMUSDT",
    "NEARUSDT",
    "UNIUSDT",
    "APTUSDT",
    "ARBUSDT",
    "OPUSDT",
    "FILUSDT",
    "NOSUCHUSDT",
];

/// What came of asking for every symbol.
pub struct Outcome {
    /// What arrived.
    pub prices: Vec<(&'static str, Price)>,
    /// What failed, each by name and with its reason.
    pub failures: Vec<(&'static str, String)>,
    /// How long all of it took.
    pub took: Duration,
}

/// Asks for every symbol, at most `concurrency` at a time.
pub async fn ask(client: &HttpClient, rest_url: &str, concurrency: usize) -> Outcome {
    let started = Instant::now();
    let mut outcome = Outcome { prices: vec![], failures: vec![], took: Duration::ZERO };
    let requests = SYMBOLS.map(|symbol| {
        let url = format!("{rest_url}/api/v3/ticker/price?symbol={symbol}");
        (symbol, Request::get(url).timeout(Duration::from_secs(1)))
    });
    let limits = FetchLimits { concurrency, total_timeout: Duration::from_secs(5) };
    let mut answers = pin!(fetch_many(client, requests, &limits));
    while let Some((symbol, answer)) = answers.next().await {
        match answer {
            Ok(response) if response.status.is_success() => {
                match parse::<PriceRow<'_>>("price", &response.body) {
                    Ok(row) => outcome.prices.push((symbol, row.price)),
                    Err(error) => outcome.failures.push((symbol, error.to_string())),
                }
            }
            Ok(response) => {
                let words = String::from_utf8_lossy(&response.body);
                outcome.failures.push((symbol, format!("{}: {words}", response.status)));
            }
            Err(error) => outcome.failures.push((symbol, error.to_string())),
        }
    }
    outcome.took = started.elapsed();
    outcome
}

/// A client that keeps as many connections as it may use at once.
pub fn client(concurrency: usize) -> HttpClient {
    let options = HttpOptions {
        max_concurrent_per_host: concurrency,
        max_idle_per_host: concurrency,
        idle_timeout: Duration::from_secs(30),
        ..HttpOptions::default()
    };
    HttpClient::new(Dialer::tcp(None), options)
}

/// An exchange that is slow to answer.
pub async fn slow_exchange() -> ExchangeHandle {
    let market = SyntheticConfig {
        symbols: SYMBOLS.iter().filter_map(|name| SymbolConfig::known(name)).collect(),
        history: Duration::from_secs(60),
        ..SyntheticConfig::default()
    };
    let config =
        ExchangeConfig { market: MarketConfig::Synthetic(market), ..ExchangeConfig::default() };
    let exchange = exchange::bind(config, ([127, 0, 0, 1], 0).into()).await;
    let exchange = exchange.expect("loopback has a free port");
    control(&exchange, "delay?ms=100&matching=ticker").await;
    exchange
}

/// Uses the exchange's control path, which is no part of Binance's API.
pub async fn control(exchange: &ExchangeHandle, what: &str) {
    let url = format!("{}/control/{what}", exchange.rest_url());
    let request = Request::new(transport::http::Method::POST, url);
    client(1).request(request).await.expect("the exchange is in this process");
}

/// Shows it.
#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let exchange = slow_exchange().await;
    let url = exchange.rest_url();
    let parallel = ask(&client(10), &url, 10).await;
    let sequential = ask(&client(1), &url, 1).await;
    control(&exchange, "fail?point=before&status=0&count=1&matching=ticker").await;
    let broken = ask(&client(10), &url, 10).await;

    for (what, outcome) in [("ten at a time", parallel), ("one", sequential), ("cut", broken)] {
        println!("{what}: {} prices in {:?}", outcome.prices.len(), outcome.took);
        for (symbol, reason) in outcome.failures {
            println!("  {symbol}: {reason}");
        }
    }
}
