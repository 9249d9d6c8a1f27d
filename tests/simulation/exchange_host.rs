//! The exchange on its host, and an operator beside it who tells it to misbehave and reads its
//! record.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actors::clock::Clock;
use binance::EndpointUrls;
use binance::encode::Call;
use binance::sign::Credentials;
use exchange::{ExchangeConfig, MarketConfig, SymbolConfig, SyntheticConfig};
use tickwright::wiring::SignedRest;
use transport::Dialer;
use transport::http::{HttpClient, HttpOptions};

use super::network::{Simulated, SimulatedListener, wall};
use super::record::{Error, More, VenueRecord};
use super::world::Bench;

/// What is traded.
pub const SYMBOLS: [&str; 2] = ["SOLUSDT", "BNBUSDT"];

const URL: &str = "http://127.0.0.1:80";

fn config(bench: &Bench) -> ExchangeConfig {
    let symbols = SYMBOLS.map(|name| SymbolConfig::named(name).unwrap());
    let market = SyntheticConfig {
        seed: bench.setting.seed,
        symbols: symbols.into(),
        history: Duration::from_secs(600),
        book_history: Duration::from_secs(10),
        volatility: 4.0,
    };
    ExchangeConfig {
        market: MarketConfig::Synthetic(market),
        credentials: Some(bench.keys.clone()),
        balances: BTreeMap::from([
            ("USDT".parse().unwrap(), "100000".parse().unwrap()),
            ("SOL".parse().unwrap(), "50".parse().unwrap()),
            ("BNB".parse().unwrap(), "50".parse().unwrap()),
        ]),
        ..ExchangeConfig::default()
    }
}

/// Serves until the end of the simulation.
pub async fn run(bench: Rc<Bench>) -> turmoil::Result {
    let listener = turmoil::net::TcpListener::bind("0.0.0.0:80").await?;
    let exchange = exchange::serve(config(&bench), SimulatedListener(listener), Arc::new(wall))?;
    bench.exchange.replace(Some(exchange));
    let http = HttpClient::new(Dialer::plain(Simulated), HttpOptions::default());
    let urls = EndpointUrls::new(URL, URL, URL);
    let keys = &bench.keys;
    let credentials =
        Credentials::new(keys.api_key.clone().into(), keys.api_secret.clone().into())?;
    let rest = SignedRest { http: &http, urls: &urls, credentials: Some(&credentials) };
    let clock = Clock::starting_at(wall());
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let commands = std::mem::take(&mut *bench.commands.borrow_mut());
        for command in commands {
            if let Err(error) = rest.post(&format!("/control/{command}")).await {
                bench.break_by(format!("operator: {command}: {error}"));
            }
        }
        let wanted = bench.wanted_record.borrow_mut().take();
        if let Some(symbols) = wanted {
            let read = read(&rest, &clock, &symbols).await;
            *bench.record.borrow_mut() = Some(read.map_err(|error| error.to_string()));
        }
    }
}

async fn read(
    rest: &SignedRest<'_>,
    clock: &Clock,
    symbols: &[String],
) -> Result<VenueRecord, Error> {
    let mut record = VenueRecord::default();
    let ask = async |call: Call| {
        // Faults of before may have left the clock or the weight of the minute in disorder.
        let mut last = None;
        for _ in 0..200 {
            match rest.ask(&call, clock.now().venue).await {
                Ok(body) => return Ok(body),
                Err(error) => last = Some(error),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Err(last.unwrap())
    };
    for symbol in symbols {
        while record.add_orders(symbol, &ask(record.orders_call(symbol)).await?)? == More::There {}
        while record.add_fills(symbol, &ask(record.fills_call(symbol)).await?)? == More::There {}
    }
    record.set_balances(&ask(Call::account()).await?)?;
    record.set_open(&ask(Call::open_orders(None)).await?)?;
    Ok(record)
}
