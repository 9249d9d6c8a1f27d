//! The engine's own client against the simulated exchange, over real sockets: the two were
//! written apart from the same documents.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking on what it does not expect"
)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use binance::decode::{
    Account, ExchangeInfo, MyTrade, OrderReply, WsApiFrame, WsApiResponse, decode_ws_api, parse,
};
use binance::encode::{
    Call, OrderName, RestAuth, SubmitOptions, WsAuth, rest_request, ws_api_request,
};
use binance::sign::Credentials;
use binance::{
    BinanceFeed, BinanceVenue, EndpointUrls, ResponseType, SelfTradePrevention, VenuePolicy,
    VenueRules,
};
use exchange::{ExchangeConfig, ExchangeHandle, MarketConfig, SyntheticConfig};
use kernel::feed::{FeedMessage, FeedProtocol, Stream, StreamKind};
use kernel::venue::{Venue, VenueEffect, VenueEvent, VenueInput};
use kernel::wire::{ConnectionId, HttpRequest, Method, Moment, WireEffect, WireInput};
use model::{
    InstrumentId, Instruments, Interval, NewOrder, OrderKind, OrderQuantity, OrderStatus, Price,
    Side, TimeInForce, Timestamp,
};
use transport::Dialer;
use transport::http::{HttpClient, HttpOptions, Request};
use transport::ws::{WsEvent, WsFrame, WsOptions, WsReceiver, WsSender, connect};

const BITCOIN: InstrumentId = InstrumentId(0);

fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Moment::same(Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap()))
}

async fn exchange() -> ExchangeHandle {
    let market = SyntheticConfig {
        seed: 7,
        history: Duration::from_secs(600),
        ..SyntheticConfig::default()
    };
    let config =
        ExchangeConfig { market: MarketConfig::Synthetic(market), ..ExchangeConfig::default() };
    exchange::bind(config, "127.0.0.1:0".parse().unwrap()).await.unwrap()
}

fn urls(exchange: &ExchangeHandle) -> EndpointUrls {
    EndpointUrls::new(&exchange.rest_url(), &exchange.ws_url(), &exchange.ws_api_url())
}

fn ed25519(exchange: &ExchangeHandle) -> Credentials {
    let keys = &exchange.credentials;
    let (name, pem) = (keys.ed25519_api_key.clone(), keys.ed25519_private_key_pem.clone());
    Credentials::new(name.into(), pem.into()).unwrap()
}

fn hmac(exchange: &ExchangeHandle) -> Credentials {
    let keys = &exchange.credentials;
    Credentials::new(keys.api_key.clone().into(), keys.api_secret.clone().into()).unwrap()
}

async fn ask(http: HttpRequest) -> Vec<u8> {
    let method = match http.method {
        Method::Get => hyper::Method::GET,
        Method::Post => hyper::Method::POST,
        Method::Put => hyper::Method::PUT,
        Method::Delete => hyper::Method::DELETE,
    };
    let mut request = Request::new(method, http.url);
    for (name, value) in http.headers {
        let name = hyper::http::HeaderName::from_static(name);
        request = request.header(name, value.parse().unwrap());
    }
    let client = HttpClient::new(Dialer::tcp(None), HttpOptions::default());
    let response = client.request(request).await.unwrap();
    let body = response.body.to_vec();
    assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(&body));
    body
}

async fn rules(urls: &EndpointUrls) -> (ExchangeInfo, Arc<Instruments>) {
    let request =
        rest_request(&urls.rest_url, &Call::exchange_info(&[]), None, Duration::from_secs(5));
    let info = ExchangeInfo::read(&ask(request).await, "sim".parse().unwrap()).unwrap();
    assert_eq!(info.skipped, []);
    let mut instruments = Instruments::new();
    instruments.add(info.symbol("BTCUSDT").unwrap().instrument.clone());
    for symbol in &info.symbols {
        if instruments.by_symbol(symbol.instrument.symbol.as_str()).is_none() {
            instruments.add(symbol.instrument.clone());
        }
    }
    (info, Arc::new(instruments))
}

async fn next_text(receiver: &mut WsReceiver) -> String {
    loop {
        let next = tokio::time::timeout(Duration::from_secs(10), receiver.next());
        match next.await.expect("a frame within ten seconds").unwrap().unwrap() {
            WsEvent::Text(text) => return text.to_string(),
            WsEvent::Ping(_) | WsEvent::Pong(_) | WsEvent::Binary(_) => {}
            WsEvent::Closed { code, reason } => panic!("closed: {code:?} {reason}"),
        }
    }
}

/// A session and the one connection that it opens.
struct Session {
    venue: BinanceVenue,
    connection: ConnectionId,
    sender: WsSender,
    receiver: WsReceiver,
    events: VecDeque<VenueEvent>,
}

impl Session {
    async fn start(mut venue: BinanceVenue) -> Self {
        let mut effects = Vec::new();
        venue.step(now(), VenueInput::Start, &mut effects);
        let [VenueEffect::Wire(WireEffect::Open { connection, url })] = &effects[..] else {
            panic!("{effects:?}");
        };
        let connection = *connection;
        let dialed = connect(&Dialer::tcp(None), url, &WsOptions::default()).await;
        let (sender, receiver) = dialed.unwrap();
        let mut session = Self { venue, connection, sender, receiver, events: VecDeque::new() };
        session.wire(WireInput::Opened { connection }).await;
        while session.events.is_empty() {
            session.receive().await;
        }
        assert_eq!(session.events.pop_front(), Some(VenueEvent::Connected));
        session
    }

    async fn wire(&mut self, input: WireInput<'_>) {
        let mut effects = Vec::new();
        self.venue.step(now(), VenueInput::Wire(input), &mut effects);
        for effect in effects {
            match effect {
                VenueEffect::Event(event) => self.events.push_back(event),
                VenueEffect::Wire(WireEffect::Send { text, .. }) => {
                    self.sender.send(WsFrame::text(text)).await.unwrap();
                }
                VenueEffect::Wire(effect) => panic!("{effect:?}"),
            }
        }
    }

    async fn receive(&mut self) -> String {
        let text = next_text(&mut self.receiver).await;
        let connection = self.connection;
        self.wire(WireInput::Text { connection, text: &text }).await;
        text
    }

    /// The next event about an order.
    async fn event(&mut self) -> VenueEvent {
        loop {
            match self.events.pop_front() {
                Some(VenueEvent::BalancesChanged { balances, .. }) => {
                    assert!(!balances.is_empty());
                }
                Some(event) => return event,
                None => drop(self.receive().await),
            }
        }
    }

    /// Sends a call beside the session and waits for its answer; reports go to the session.
    async fn call(&mut self, call: &Call) -> OrderReply<'static> {
        let auth = WsAuth::Session {
            timestamp: self.venue.clock_offset().venue_time(now().venue),
            recv_window: Duration::from_secs(2),
        };
        self.sender.send(WsFrame::text(ws_api_request(1_000_000, call, auth))).await.unwrap();
        loop {
            let text: &'static str = self.receive().await.leak();
            let frame = decode_ws_api(text.as_bytes()).unwrap();
            if let WsApiFrame::Response(WsApiResponse { status, result, error, .. }) = frame {
                assert_eq!((status, error), (200, None));
                return parse("order", result.unwrap().as_bytes()).unwrap();
            }
        }
    }
}

async fn session(exchange: &ExchangeHandle, credentials: Credentials) -> Session {
    let urls = urls(exchange);
    let (info, instruments) = rules(&urls).await;
    let policy = VenuePolicy::default();
    let rules = VenueRules::of(&info, &instruments, policy.self_trade_prevention);
    let mut venue = BinanceVenue::new(urls, credentials, policy, instruments, 1);
    venue.set_rules(now().venue, rules);
    Session::start(venue).await
}

const OPTIONS: SubmitOptions = SubmitOptions {
    self_trade_prevention: SelfTradePrevention::None,
    response: ResponseType::Full,
};

#[tokio::test]
async fn both_kinds_of_key_connect() {
    let exchange = exchange().await;
    let session_of_hmac = session(&exchange, hmac(&exchange)).await;
    assert!(session_of_hmac.venue.clock_offset().is_known());
    let session_of_ed25519 = session(&exchange, ed25519(&exchange)).await;
    assert!(session_of_ed25519.venue.weight_used().unwrap().0 > 0);
}

#[tokio::test]
async fn a_market_order_is_told_alike_by_answer_stream_and_reads() {
    let exchange = exchange().await;
    let mut session = session(&exchange, ed25519(&exchange)).await;
    let (_, instruments) = rules(&urls(&exchange)).await;
    let new = NewOrder::market(BITCOIN, Side::Buy, "0.01".parse().unwrap());
    let id = "tw-test-1".parse().unwrap();
    let call = Call::submit(instruments.get(BITCOIN), &new, &id, OPTIONS);
    let reply = session.call(&call).await;
    assert_eq!(reply.client_order_id, "tw-test-1");
    let executed = reply.executed_qty.unwrap();
    assert!(executed.is_positive());

    let mut filled = model::Quantity::ZERO;
    loop {
        match session.event().await {
            VenueEvent::Filled { client_order_id, fill } => {
                assert_eq!((client_order_id, fill.side), (id, Side::Buy));
                let key = fill.key.trade.0;
                let answered = reply.fills.iter().find(|fill| fill.trade_id == key).unwrap();
                assert_eq!((answered.price, answered.qty), (fill.price, fill.quantity));
                assert_eq!(answered.commission, fill.fee);
                filled += fill.quantity;
            }
            VenueEvent::OrderChanged(snapshot) if snapshot.status == OrderStatus::Filled => break,
            VenueEvent::OrderChanged(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(filled, executed);

    let credentials = hmac(&exchange);
    let signed = |call: Call| {
        let auth = RestAuth {
            credentials: &credentials,
            timestamp: session.venue.clock_offset().venue_time(now().venue),
            recv_window: Duration::from_secs(2),
        };
        rest_request(&exchange.rest_url(), &call, Some(auth), Duration::from_secs(5))
    };
    let body = ask(signed(Call::query_order("BTCUSDT", OrderName::Client(id.as_str())))).await;
    let found: OrderReply<'_> = parse("order", &body).unwrap();
    assert_eq!((found.order_id, found.executed_qty), (reply.order_id, Some(executed)));
    let body = ask(signed(Call::order_trades("BTCUSDT", reply.order_id, 0, 1_000))).await;
    let trades: Vec<MyTrade<'_>> = parse("myTrades", &body).unwrap();
    assert_eq!(trades.iter().map(|trade| trade.qty).sum::<model::Quantity>(), executed);
    let body = ask(signed(Call::account())).await;
    let account: Account<'_> = parse("account", &body).unwrap();
    assert!(account.balances.iter().any(|balance| balance.asset == "BTC"));
}

#[tokio::test]
async fn a_stop_waits_and_is_taken_back() {
    let exchange = exchange().await;
    let mut session = session(&exchange, ed25519(&exchange)).await;
    let urls = urls(&exchange);
    let (_, instruments) = rules(&urls).await;
    let bitcoin = instruments.get(BITCOIN);
    let ticker =
        rest_request(&urls.rest_url, &Call::ticker_price("BTCUSDT"), None, Duration::from_secs(5));
    let body = ask(ticker).await;
    let last: binance::decode::PriceRow<'_> = parse("ticker", &body).unwrap();
    let below = |percent: i64| {
        let price = Price::from_units(last.price.units() / 100 * (100 - percent));
        bitcoin.quantise_price(Side::Sell, price)
    };
    let kind = OrderKind::StopLossLimit {
        stop_price: below(2),
        price: below(3),
        time_in_force: TimeInForce::GoodTilCanceled,
    };
    let quantity = OrderQuantity::Base("0.01".parse().unwrap());
    let new = NewOrder::new(BITCOIN, Side::Sell, kind, quantity);
    let id = "tw-test-2".parse().unwrap();
    session.call(&Call::submit(bitcoin, &new, &id, OPTIONS)).await;
    let VenueEvent::OrderChanged(placed) = session.event().await else { panic!() };
    assert_eq!((placed.status, placed.is_working), (OrderStatus::PendingNew, false));
    let reply = session.call(&Call::cancel("BTCUSDT", OrderName::Client(id.as_str()))).await;
    assert_eq!(reply.own_client_order_id(), "tw-test-2");
    let VenueEvent::OrderChanged(canceled) = session.event().await else { panic!() };
    assert_eq!((canceled.status, canceled.client_order_id), (OrderStatus::Canceled, id));
}

#[tokio::test]
async fn the_feed_reads_every_stream_and_all_history() {
    let exchange = exchange().await;
    let urls = urls(&exchange);
    let (_, instruments) = rules(&urls).await;
    let mut feed = BinanceFeed::new(urls, &instruments, 1_000);
    let kinds = [
        StreamKind::Trade,
        StreamKind::Quote,
        StreamKind::Depth,
        StreamKind::Bar(Interval::SECOND),
    ];
    let streams = kinds.map(|kind| Stream { instrument: BITCOIN, kind });
    let dialed = connect(&Dialer::tcp(None), &feed.url(&streams), &WsOptions::default()).await;
    let (mut sender, mut receiver) = dialed.unwrap();
    for message in feed.subscribe(&streams, 1) {
        sender.send(WsFrame::text(message)).await.unwrap();
    }
    let mut seen = [false; 5];
    while seen != [true; 5] {
        let text = next_text(&mut receiver).await;
        match feed.decode(&text, now().venue).unwrap() {
            FeedMessage::ControlDone { id } => seen[0] = id == 1,
            FeedMessage::Trade(_) => seen[1] = true,
            FeedMessage::Quote(_) => seen[2] = true,
            FeedMessage::Depth(_) => seen[3] = true,
            FeedMessage::Bar { .. } => seen[4] = true,
            other => panic!("{other:?}: {text}"),
        }
    }
    let at = now().venue;
    let body = ask(feed.snapshot_request(BITCOIN)).await;
    let snapshot = feed.decode_snapshot(BITCOIN, &body, at).unwrap();
    assert!(snapshot.bids.len() > 5 && snapshot.asks.len() > 5);
    let body = ask(feed.bars_request(BITCOIN, Interval::MINUTE, 5, None)).await;
    assert_eq!(feed.decode_bars(BITCOIN, Interval::MINUTE, &body, at).unwrap().len(), 5);
    let body = ask(feed.trades_request(BITCOIN, 50)).await;
    assert_eq!(feed.decode_trades(BITCOIN, &body, at).unwrap().len(), 50);
}
