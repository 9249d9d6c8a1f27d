//! The exchange in a process of its own, and its record as its signed REST tells it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use actors::clock::Clock;
use binance::EndpointUrls;
use binance::encode::Call;
use binance::sign::Credentials;
use serde::Deserialize;
use tickwright::wiring::{SignedRest, follow};
use transport::Dialer;
use transport::http::{HttpClient, HttpOptions};

use super::desk::Program;
use super::record::{Error, More, VenueRecord};

/// How long a question is repeated: the loop's own faults may have used up the weight.
const PATIENCE: Duration = Duration::from_secs(30);

/// The line that the exchange prints when it is ready.
#[derive(Debug, Deserialize)]
pub struct Ready {
    rest_url: String,
    ws_url: String,
    ws_api_url: String,
    api_key: String,
    api_secret: String,
    /// The key that the engine signs with.
    pub ed25519_api_key: String,
    /// Where its private half is.
    pub ed25519_private_key_file: String,
}

/// The process and the way to ask it.
pub struct Venue {
    child: Child,
    /// What it said of itself.
    pub ready: Ready,
    runtime: tokio::runtime::Runtime,
    http: HttpClient,
    urls: EndpointUrls,
    credentials: Credentials,
    clock: Clock,
}

impl Venue {
    /// Starts an exchange with little history, and fees that little capital can bear.
    pub fn start(program: &Program, seed: u64, speed: u32) -> Result<Self, Error> {
        let mut command = program.command();
        command.args(["exchange", "--seed", &seed.to_string(), "--speed", &speed.to_string()]);
        command.args(["--set", "sim.maker_fee=0.0001", "--set", "sim.taker_fee=0.0001"]);
        command.args(["--set", "sim.volatility=2"]);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let output = child.stdout.take().ok_or("the exchange has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let ready: Ready = serde_json::from_str(&line)?;
        let urls = EndpointUrls::new(&ready.rest_url, &ready.ws_url, &ready.ws_api_url);
        let (name, secret) = (ready.api_key.clone(), ready.api_secret.clone());
        let credentials = Credentials::new(name.into(), secret.into())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let clock = runtime.block_on(async { Clock::system() });
        let http = HttpClient::new(Dialer::tcp(None), HttpOptions::default());
        Ok(Self { child, ready, runtime, http, urls, credentials, clock })
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        self.ready.rest_url.trim_start_matches("http://")
    }

    const fn rest(&self) -> SignedRest<'_> {
        SignedRest { http: &self.http, urls: &self.urls, credentials: Some(&self.credentials) }
    }

    /// Tells it something on its control path.
    pub fn control(&self, command: &str) -> Result<(), Error> {
        let path = format!("/control/{command}");
        Ok(self.runtime.block_on(self.rest().post(&path)).map(drop)?)
    }

    fn ask(&self, call: &Call) -> Result<Vec<u8>, Error> {
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            let answered = self.runtime.block_on(async {
                follow(&self.clock, &self.rest().get("/control/clock").await?);
                self.rest().ask(call, self.clock.now().venue).await
            });
            match answered {
                Ok(body) => return Ok(body),
                Err(error) if Instant::now() > give_up_at => return Err(error.into()),
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    /// Adds what is new of these symbols.
    pub fn read(&self, symbols: &[String], record: &mut VenueRecord) -> Result<(), Error> {
        record.go_back();
        for symbol in symbols {
            while let More::There = {
                let call = record.orders_call(symbol);
                record.add_orders(symbol, &self.ask(&call)?)?
            } {}
            while let More::There = {
                let call = record.fills_call(symbol);
                record.add_fills(symbol, &self.ask(&call)?)?
            } {}
        }
        record.set_balances(&self.ask(&Call::account())?)?;
        record.set_open(&self.ask(&Call::open_orders(None))?)
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
