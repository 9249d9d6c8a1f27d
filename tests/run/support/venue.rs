//! An exchange that outlives the engine: told to misbehave by its control path, and asked what it
//! has on record.

use std::collections::BTreeMap;
use std::time::Duration;

use actors::clock::Clock;
use binance::EndpointUrls;
use binance::decode::{Account, MyTrade, OrderReply, parse};
use binance::encode::Call;
use binance::sign::Credentials;
use exchange::{ExchangeConfig, MarketConfig, Speed, SyntheticConfig};
use model::{Amount, InstrumentId, Quantity};
use tickwright::wiring::{EmbeddedExchange, SignedRest, follow};
use transport::Dialer;
use transport::http::{HttpClient, HttpOptions, Request};

/// Rows of one answer about orders or trades, at most.
const PAGE: u32 = 1_000;

pub struct Venue {
    exchange: EmbeddedExchange,
    address: String,
    runtime: tokio::runtime::Runtime,
    http: HttpClient,
    urls: EndpointUrls,
    credentials: Credentials,
    clock: Clock,
}

/// An order as the exchange has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VenueOrder {
    pub client_order_id: String,
    pub status: String,
    pub executed: Quantity,
}

impl Venue {
    /// A synthetic market whose time runs so many times as fast as ours.
    pub fn start(speed: u32) -> Self {
        Self::with(ExchangeConfig {
            speed: Speed::parse(&speed.to_string()).unwrap(),
            ..Self::quick(1)
        })
    }

    /// A synthetic market with little history, quickly built.
    fn quick(seed: u64) -> ExchangeConfig {
        let history = Duration::from_secs(2 * 3_600);
        let market = SyntheticConfig { seed, history, ..SyntheticConfig::default() };
        ExchangeConfig { market: MarketConfig::Synthetic(market), ..ExchangeConfig::default() }
    }

    fn with(config: ExchangeConfig) -> Self {
        let exchange = EmbeddedExchange::start(config, 0).unwrap();
        let handle = exchange.handle();
        let urls = EndpointUrls::new(&handle.rest_url(), &handle.ws_url(), &handle.ws_api_url());
        let keys = &handle.credentials;
        let (name, secret) = (keys.api_key.clone(), keys.api_secret.clone());
        let credentials = Credentials::new(name.into(), secret.into()).unwrap();
        let address = handle.address.to_string();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let http = HttpClient::new(Dialer::tcp(None), HttpOptions::default());
        let clock = runtime.block_on(async { Clock::system() });
        Self { exchange, address, runtime, http, urls, credentials, clock }
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn keys(&self) -> &exchange::Credentials {
        &self.exchange.handle().credentials
    }

    /// Tells it something on its control path.
    #[track_caller]
    pub fn control(&self, command: &str) {
        self.control_with(command, "");
    }

    /// Sends a text as a frame: to `streams` or to `api`.
    #[track_caller]
    pub fn inject(&self, to: &str, text: &str) {
        self.control_with(&format!("inject?to={to}"), text);
    }

    #[track_caller]
    pub fn control_with(&self, command: &str, body: &str) {
        let url = format!("http://{}/control/{command}", self.address);
        let request = Request::new(hyper::Method::POST, url).body(body.to_owned());
        let answer = self.runtime.block_on(self.http.request(request)).unwrap();
        let words = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status.as_u16(), 200, "{command}: {words}");
    }

    #[track_caller]
    fn ask(&self, call: &Call) -> Vec<u8> {
        self.runtime.block_on(async {
            let rest = SignedRest {
                http: &self.http,
                urls: &self.urls,
                credentials: Some(&self.credentials),
            };
            follow(&self.clock, &rest.get("/control/clock").await.unwrap());
            rest.ask(call, self.clock.now().venue).await.unwrap()
        })
    }

    /// Every order of a symbol, by the exchange's number.
    pub fn orders(&self, symbol: &str) -> BTreeMap<i64, VenueOrder> {
        let mut orders = BTreeMap::new();
        loop {
            let from = orders.last_key_value().map_or(0, |(id, _)| id + 1);
            let body = self.ask(&Call::all_orders(symbol, Some(from), PAGE));
            let page: Vec<OrderReply<'_>> = parse("allOrders", &body).unwrap();
            for order in &page {
                let seen = VenueOrder {
                    client_order_id: order.own_client_order_id().to_owned(),
                    status: order.status.unwrap().to_string(),
                    executed: order.executed_qty.unwrap(),
                };
                orders.insert(order.order_id, seen);
            }
            if page.len() < PAGE as usize {
                return orders;
            }
        }
    }

    /// Every trade of the account in a symbol, by its number.
    pub fn fills(&self, symbol: &str) -> BTreeMap<i64, model::Fill> {
        let mut fills = BTreeMap::new();
        loop {
            let from = fills.last_key_value().map_or(0, |(id, _)| id + 1);
            let body = self.ask(&Call::my_trades(symbol, Some(from), PAGE));
            let page: Vec<MyTrade<'_>> = parse("myTrades", &body).unwrap();
            let count = page.len();
            for trade in page {
                let fill = trade.to_fill(InstrumentId(0)).unwrap();
                fills.insert(fill.key.trade.0, fill);
            }
            if count < PAGE as usize {
                return fills;
            }
        }
    }

    /// Names of the orders that work now.
    pub fn open_orders(&self) -> Vec<String> {
        let body = self.ask(&Call::open_orders(None));
        let open: Vec<OrderReply<'_>> = parse("openOrders", &body).unwrap();
        open.iter().map(|order| order.own_client_order_id().to_owned()).collect()
    }

    /// Base under open protective orders, by the role letter of their names, and how many they are.
    pub fn protected(&self, symbol: &str) -> (usize, Quantity) {
        let body = self.ask(&Call::open_orders(Some(symbol)));
        let open: Vec<OrderReply<'_>> = parse("openOrders", &body).unwrap();
        let ours = open.iter().filter(|order| order.own_client_order_id().ends_with('p'));
        let left = |order: &OrderReply<'_>| order.orig_qty.unwrap() - order.executed_qty.unwrap();
        (ours.clone().count(), ours.map(left).sum())
    }

    /// Places an order as somebody else at the same account would.
    pub fn place(&self, symbol: &str, name: &str, side: model::Side, price: &str, quantity: &str) {
        let body = self.ask(&Call::exchange_info(&[symbol]));
        let venue = model::VenueId::new("test").unwrap();
        let info = binance::decode::ExchangeInfo::read(&body, venue).unwrap();
        let instrument = &info.symbol(symbol).unwrap().instrument;
        let (price, quantity) = (price.parse().unwrap(), quantity.parse().unwrap());
        let new = model::NewOrder::limit(instrument.id, side, quantity, price);
        let options = binance::encode::SubmitOptions {
            self_trade_prevention: binance::SelfTradePrevention::ExpireTaker,
            response: binance::ResponseType::Ack,
        };
        self.ask(&Call::submit(instrument, &new, &name.parse().unwrap(), options));
    }

    /// Free and locked together, by asset.
    pub fn balances(&self) -> BTreeMap<String, Amount> {
        let body = self.ask(&Call::account());
        let account: Account<'_> = parse("account", &body).unwrap();
        let totals = account.balances.iter().map(|b| (b.asset.to_string(), b.free + b.locked));
        totals.filter(|(_, total)| !total.is_zero()).collect()
    }
}
