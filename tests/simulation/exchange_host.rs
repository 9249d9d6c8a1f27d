//! The exchange on its host, and an operator beside it who tells it to misbehave and reads its
//! record.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actors::clock::Clock;
use binance::EndpointUrls;
use binance::encode::{Call, Operation, Params};
use binance::sign::Credentials;
use exchange::{ExchangeConfig, MarketConfig, SymbolConfig, SyntheticConfig};
use model::{Amount, Timestamp};
use tickwright::wiring::SignedRest;
use transport::Dialer;
use transport::http::{HttpClient, HttpOptions};

use super::faults::{ManualTrade, Movement};
use super::network::{Simulated, SimulatedListener, wall};
use super::record::{Error, More, VenueRecord};
use super::world::{Bench, Command};

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

/// What names of orders begin with that are placed by hand.
const MANUAL: &str = "manual";
/// How long an order by hand waits that the exchange does not take.
const AGAIN: Duration = Duration::from_secs(1);

/// Whether a name is that of an order by hand.
pub fn is_manual(name: &str) -> bool {
    name.starts_with(MANUAL)
}

/// Serves until the end of the simulation.
pub async fn run(bench: Rc<Bench>) -> turmoil::Result {
    let listener = turmoil::net::TcpListener::bind("0.0.0.0:80").await?;
    let exchange = exchange::serve(config(&bench), SimulatedListener(listener), Arc::new(wall))?;
    bench.exchange.replace(Some(exchange));
    let http = HttpClient::new(Dialer::plain(Simulated::default()), HttpOptions::default());
    let urls = EndpointUrls::new(URL, URL, URL);
    let keys = &bench.keys;
    let credentials =
        Credentials::new(keys.api_key.clone().into(), keys.api_secret.clone().into())?;
    let rest = SignedRest { http: &http, urls: &urls, credentials: Some(&credentials) };
    let clock = Clock::starting_at(wall());
    let mut by_hand = ByHand::default();
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let commands = std::mem::take(&mut *bench.commands.borrow_mut());
        for command in commands {
            match command {
                Command::Control(command) => control(&bench, &rest, &command).await,
                Command::Move(movement) => move_money(&bench, &rest, movement).await,
                Command::Trade(trade) => by_hand.waiting.push(trade),
            }
        }
        by_hand.trade(&rest, &clock).await;
        let wanted = bench.wanted_record.borrow_mut().take();
        if let Some(symbols) = wanted {
            let read = read(&rest, &clock, &symbols).await;
            *bench.record.borrow_mut() = Some(read.map_err(|error| error.to_string()));
        }
    }
}

async fn control(bench: &Bench, rest: &SignedRest<'_>, command: &str) {
    if let Err(error) = rest.post(&format!("/control/{command}")).await {
        bench.break_by(format!("operator: {command}: {error}"));
    }
}

async fn move_money(bench: &Bench, rest: &SignedRest<'_>, movement: Movement) {
    let Movement { asset, amount, is_told } = movement;
    if !is_told {
        control(bench, rest, "silence?on=true").await;
    }
    control(bench, rest, &format!("deposit?asset={asset}&amount={amount}")).await;
    bench.note_moved(asset.parse().unwrap(), Amount::new(amount.into()));
    if !is_told {
        control(bench, rest, "silence?on=false").await;
    }
}

/// Who trades by hand, until it is done: a symbol may be halted, the weight used up.
#[derive(Default)]
struct ByHand {
    waiting: Vec<ManualTrade>,
    refused_at: Option<Timestamp>,
    count: u32,
}

impl ByHand {
    async fn trade(&mut self, rest: &SignedRest<'_>, clock: &Clock) {
        let now = clock.now().venue;
        let is_resting = self.refused_at.is_some_and(|at| now < at.after(AGAIN));
        let Some(trade) = self.waiting.first().copied().filter(|_| !is_resting) else { return };
        let name = format!("{MANUAL}-{}", self.count);
        let params = Params::new()
            .text("symbol", trade.symbol)
            .text("side", trade.side.name().to_uppercase())
            .word("type", "MARKET")
            .word("quantity", "1")
            .text("newClientOrderId", name);
        match rest.ask(&Call::new(Operation::PlaceOrder, 1, params), now).await {
            Ok(_) => {
                self.waiting.remove(0);
                (self.refused_at, self.count) = (None, self.count + 1);
            }
            Err(_) => self.refused_at = Some(now),
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
    record.orders.retain(|_, order| !is_manual(&order.client_order_id));
    Ok(record)
}
