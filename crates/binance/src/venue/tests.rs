//! The session against a scripted venue: what goes out, what is told, and what never happens.

use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::pkcs8::EncodePrivateKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::{Signature, SigningKey, Verifier};
use kernel::venue::{
    HeldBack, Impediment, OrderLeg, OrderPair, Venue, VenueAction, VenueEffect, VenueEvent,
    VenueInput, Wake,
};
use kernel::wire::{
    ConnectionId, HttpAnswer, HttpRequest, Moment, RequestId, WireEffect, WireInput,
};
use model::{
    ClientOrderId, Contract, Filters, Instrument, InstrumentId, InstrumentStatus, Instruments,
    NewOrder, OrderKind, OrderQuantity, OrderStatus, RejectReason, Side, Timestamp, VenueOrderId,
};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};

use super::{BinanceVenue, VenuePolicy, VenueRules};
use crate::EndpointUrls;
use crate::decode::{ExchangeInfo, RateLimit};
use crate::sign::Credentials;

const BITCOIN: InstrumentId = InstrumentId(0);
const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn instruments() -> Arc<Instruments> {
    let mut instruments = Instruments::new();
    for symbol in ["BTCUSDT", "ETHUSDT"] {
        instruments.add(Instrument {
            id: InstrumentId(0),
            venue: "test".parse().unwrap(),
            symbol: symbol.parse().unwrap(),
            base: "BTC".parse().unwrap(),
            quote: "USDT".parse().unwrap(),
            base_decimals: 8,
            quote_decimals: 8,
            contract: Contract::Spot,
            features: model::Features::ALL,
            status: InstrumentStatus::Trading,
            filters: Filters::default(),
        });
    }
    Arc::new(instruments)
}

fn id(text: &str) -> ClientOrderId {
    text.parse().unwrap()
}

fn submit(name: &str) -> VenueAction {
    let new = NewOrder::limit(BITCOIN, Side::Buy, "0.5".parse().unwrap(), "60000".parse().unwrap());
    VenueAction::Submit { client_order_id: id(name), new }
}

fn cancel(name: &str) -> VenueAction {
    VenueAction::Cancel { instrument: BITCOIN, client_order_id: id(name) }
}

fn query(name: &str) -> VenueAction {
    VenueAction::QueryOrder { instrument: BITCOIN, client_order_id: id(name) }
}

/// A session, its time, and all that it did.
struct Bench {
    venue: BinanceVenue,
    now: Timestamp,
    opened: Vec<ConnectionId>,
    closed: Vec<ConnectionId>,
    frames: Vec<(ConnectionId, u64, Value)>,
    requests: Vec<(RequestId, HttpRequest)>,
    events: Vec<VenueEvent>,
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

impl Bench {
    fn new(credentials: Credentials) -> Self {
        let urls = EndpointUrls::new("http://rest", "ws://streams", "ws://api");
        let policy = VenuePolicy::default();
        Self {
            venue: BinanceVenue::new(urls, credentials, policy, instruments(), 1),
            now: START,
            opened: Vec::new(),
            closed: Vec::new(),
            frames: Vec::new(),
            requests: Vec::new(),
            events: Vec::new(),
        }
    }

    fn ed25519() -> Self {
        let pem = key().to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
        Self::new(Credentials::new("api-key".into(), pem.into()).unwrap())
    }

    fn hmac() -> Self {
        Self::new(Credentials::new("api-key".into(), "secret".into()).unwrap())
    }

    /// One that is connected.
    fn connected() -> Self {
        let mut bench = Self::ed25519();
        bench.input(VenueInput::Start);
        bench.shake_hands();
        assert_eq!(bench.take_events(), [VenueEvent::Connected]);
        bench
    }

    fn take(&mut self, effects: Vec<VenueEffect>) {
        for effect in effects {
            match effect {
                VenueEffect::Event(event) => self.events.push(event),
                VenueEffect::Wire(WireEffect::Open { connection, url }) => {
                    assert_eq!(url, "ws://api");
                    self.opened.push(connection);
                }
                VenueEffect::Wire(WireEffect::Close { connection }) => self.closed.push(connection),
                VenueEffect::Wire(WireEffect::Send { connection, tag, text }) => {
                    self.frames.push((connection, tag, serde_json::from_str(&text).unwrap()));
                }
                VenueEffect::Wire(WireEffect::Request { request, http }) => {
                    self.requests.push((request, http));
                }
            }
        }
    }

    fn input(&mut self, input: VenueInput<'_>) {
        let mut effects = Vec::new();
        self.venue.step(Moment::same(self.now), input, &mut effects);
        self.take(effects);
    }

    fn wire(&mut self, input: WireInput<'_>) {
        self.input(VenueInput::Wire(input));
    }

    fn command(&mut self, action: &VenueAction) {
        let mut effects = Vec::new();
        self.venue.carry_out(Moment::same(self.now), action, &mut effects);
        self.take(effects);
    }

    fn text(&mut self, connection: ConnectionId, json: &Value) {
        let text = json.to_string();
        self.wire(WireInput::Text { connection, text: &text });
    }

    /// Lets time pass, waking the session whenever it wants.
    fn pass(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        while let Some(Wake::Wall(at)) = self.venue.wake_at()
            && at <= end
        {
            self.now = self.now.max(at);
            self.input(VenueInput::Wake);
        }
        self.now = end;
    }

    fn link(&self) -> ConnectionId {
        *self.opened.last().unwrap()
    }

    fn last_frame(&self) -> (ConnectionId, u64, Value) {
        self.frames.last().unwrap().clone()
    }

    fn method(&self) -> String {
        self.last_frame().2["method"].as_str().unwrap().to_owned()
    }

    /// Answers the last frame.
    fn answer(&mut self, result: &Value) {
        let (connection, tag, _) = self.last_frame();
        self.text(connection, &json!({"id": tag, "status": 200, "result": result}));
    }

    fn refuse(&mut self, status: u16, code: i32, words: &str) {
        self.refuse_with(status, code, words, None);
    }

    fn refuse_with(&mut self, status: u16, code: i32, words: &str, data: Option<Value>) {
        let (connection, tag, _) = self.last_frame();
        let mut error = json!({"code": code, "msg": words});
        if let Some(data) = data {
            error["data"] = data;
        }
        self.text(connection, &json!({"id": tag, "status": status, "error": error}));
    }

    fn answer_http(&mut self, status: u16, headers: &[(&str, &str)], body: &Value) {
        let request = self.requests.last().unwrap().0;
        let headers =
            headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let answer = HttpAnswer { status, headers, body: body.to_string().into_bytes() };
        self.wire(WireInput::Answered { request, answer });
    }

    /// Opens the last connection and answers whatever is asked until it is ready.
    fn shake_hands(&mut self) {
        let connection = self.link();
        self.wire(WireInput::Opened { connection });
        for _ in 0..6 {
            match self.method().as_str() {
                "time" => self.answer(&json!({"serverTime": self.now.as_millis()})),
                "session.logon" => self.answer(&json!({"apiKey": "api-key"})),
                "userDataStream.subscribe" | "userDataStream.subscribe.signature" => {
                    self.answer(&json!({"subscriptionId": 0}));
                    return;
                }
                other => panic!("{other} in a handshake"),
            }
        }
        panic!("the handshake has no end");
    }

    fn sent(&mut self) {
        let (connection, tag, _) = self.last_frame();
        self.wire(WireInput::Sent { connection, tag });
    }

    fn take_events(&mut self) -> Vec<VenueEvent> {
        std::mem::take(&mut self.events)
    }

    /// What became of orders and reads; see [`Self::impediments`] for the rest.
    fn event_names(&mut self) -> Vec<&'static str> {
        let events = self.take_events();
        let told = events.iter().filter(|event| !matches!(event, VenueEvent::Impeded(_)));
        told.map(name).collect()
    }

    /// How the venue kept us out since the last look.
    fn impediments(&mut self) -> Vec<Impediment> {
        let told = self.take_events().into_iter().filter_map(|event| {
            let VenueEvent::Impeded(impediment) = event else { return None };
            Some(impediment)
        });
        told.collect()
    }
}

fn name(event: &VenueEvent) -> &'static str {
    match event {
        VenueEvent::Connected => "connected",
        VenueEvent::Disconnected { .. } => "disconnected",
        VenueEvent::Sent { .. } => "sent",
        VenueEvent::NotSent { .. } => "not sent",
        VenueEvent::SubmitRejected { .. } => "submit rejected",
        VenueEvent::SubmitUnknown { .. } => "submit unknown",
        VenueEvent::CancelRejected { .. } => "cancel rejected",
        VenueEvent::CancelUnknown { .. } => "cancel unknown",
        VenueEvent::OrderChanged(_) => "changed",
        VenueEvent::Filled { .. } => "filled",
        VenueEvent::OrderFound(_) => "found",
        VenueEvent::OrderNotFound { .. } => "not found",
        VenueEvent::BalancesChanged { .. } => "balances changed",
        VenueEvent::BalanceMoved { .. } => "balance moved",
        VenueEvent::AccountRead { .. } => "account read",
        VenueEvent::OpenOrdersRead { .. } => "open orders read",
        VenueEvent::TradesRead { .. } => "trades read",
        VenueEvent::OrderTradesRead { .. } => "order trades read",
        VenueEvent::ReadFailed { .. } => "read failed",
        VenueEvent::Impeded(_) => "impeded",
    }
}

fn order(status: &str, executed: &str) -> Value {
    json!({
        "symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": "a",
        "transactTime": 1_700_000_000_123_i64, "price": "60000.00", "origQty": "0.50000000",
        "executedQty": executed, "origQuoteOrderQty": "0.00", "cummulativeQuoteQty": "0.00",
        "status": status, "timeInForce": "GTC", "type": "LIMIT", "side": "BUY",
        "workingTime": 1_700_000_000_123_i64, "selfTradePreventionMode": "NONE"
    })
}

#[test]
fn an_ed25519_key_logs_the_connection_on() {
    let mut bench = Bench::ed25519();
    bench.input(VenueInput::Start);
    bench.shake_hands();
    let methods: Vec<_> = bench.frames.iter().map(|(_, _, f)| f["method"].clone()).collect();
    assert_eq!(methods, ["time", "time", "time", "session.logon", "userDataStream.subscribe"]);
    let params = &bench.frames[3].2["params"];
    let payload = format!(
        "apiKey=api-key&recvWindow={}&timestamp={}",
        params["recvWindow"], params["timestamp"]
    );
    let signature = base64::Engine::decode(
        &base64::engine::general_purpose::STANDARD,
        params["signature"].as_str().unwrap(),
    );
    let signature = Signature::from_slice(&signature.unwrap()).unwrap();
    key().verifying_key().verify(payload.as_bytes(), &signature).unwrap();
    assert_eq!(bench.event_names(), ["connected"]);
    // From then on nothing is signed.
    bench.command(&submit("a"));
    let params = &bench.last_frame().2["params"];
    assert!(params.get("signature").is_none() && params.get("apiKey").is_none());
    assert_eq!(params["newClientOrderId"], "a");
}

#[test]
fn the_venues_rules_are_kept() {
    #[track_caller]
    fn check(allowed: &str, expected: &str) {
        let body = format!(
            r#"{{"serverTime":1,"rateLimits":[{{"rateLimitType":"ORDERS","interval":"SECOND",
            "intervalNum":10,"limit":1}}],"symbols":[{{"symbol":"BTCUSDT","status":"TRADING",
            "baseAsset":"BTC","baseAssetPrecision":8,"quoteAsset":"USDT",
            "quoteAssetPrecision":8,"allowedSelfTradePreventionModes":[{allowed}]}}]}}"#
        );
        let info = ExchangeInfo::read(body.as_bytes(), "test".parse().unwrap()).unwrap();
        let mut bench = Bench::connected();
        let preferred = bench.venue.policy.self_trade_prevention;
        let rules = VenueRules::of(&info, &bench.venue.instruments, preferred);
        bench.venue.set_rules(bench.now, rules);
        bench.command(&submit("a"));
        assert_eq!(bench.last_frame().2["params"]["selfTradePreventionMode"], expected);
        bench.command(&submit("b"));
        assert_eq!(bench.event_names(), ["not sent"]);
    }
    check("\"NONE\"", "NONE");
    check("\"NONE\",\"EXPIRE_TAKER\"", "EXPIRE_TAKER");
}

#[test]
fn an_hmac_key_signs_every_request() {
    let mut bench = Bench::hmac();
    bench.input(VenueInput::Start);
    bench.shake_hands();
    assert_eq!(bench.event_names(), ["connected"]);
    assert_eq!(bench.method(), "userDataStream.subscribe.signature");
    bench.command(&cancel("a"));
    let params = bench.last_frame().2["params"].clone();
    let payload = format!(
        "apiKey=api-key&origClientOrderId=a&recvWindow=2000&symbol=BTCUSDT&timestamp={}",
        params["timestamp"]
    );
    let expected = bench.venue.credentials.signer().sign(payload.as_bytes());
    assert_eq!(params["signature"], expected);
}

#[test]
fn requests_are_signed_with_the_venues_time() {
    let mut bench = Bench::ed25519();
    bench.input(VenueInput::Start);
    let connection = bench.link();
    bench.wire(WireInput::Opened { connection });
    for _ in 0..3 {
        let ahead = bench.now.after(Duration::from_millis(5_000));
        bench.answer(&json!({"serverTime": ahead.as_millis()}));
    }
    assert_eq!(bench.method(), "session.logon");
    assert_eq!(bench.last_frame().2["params"]["timestamp"], START.as_millis() + 5_000);
}

#[test]
fn a_submit_is_told_step_by_step() {
    let mut bench = Bench::connected();
    bench.now = bench.now.after(Duration::from_secs(1));
    bench.command(&submit("a"));
    assert_eq!(bench.method(), "order.place");
    assert_eq!(bench.take_events(), []);
    bench.sent();
    let signed_at = bench.now;
    let sent = VenueEvent::Sent { client_order_id: id("a"), signed_at };
    assert_eq!(bench.take_events(), [sent]);
    let mut result = order("PARTIALLY_FILLED", "0.2");
    result["fills"] = json!([{"price": "59999.5", "qty": "0.2", "commission": "0.0002",
                              "commissionAsset": "BTC", "tradeId": 56}]);
    bench.answer(&result);
    let events = bench.take_events();
    let [VenueEvent::Filled { client_order_id, fill }, VenueEvent::OrderChanged(snapshot)] =
        &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((*client_order_id, fill.key.venue_order), (id("a"), VenueOrderId(28)));
    assert_eq!(fill.fee, "0.0002".parse().unwrap());
    assert_eq!(snapshot.status, OrderStatus::PartiallyFilled);
    assert_eq!(snapshot.executed_quantity, "0.2".parse().unwrap());
}

#[test]
fn refusals_are_told_apart() {
    #[track_caller]
    fn check(action: &VenueAction, status: u16, code: i32, words: &str, expected: &[&str]) {
        let mut bench = Bench::connected();
        bench.command(action);
        bench.sent();
        bench.take_events();
        bench.refuse(status, code, words);
        bench.pass(Duration::from_secs(1));
        assert_eq!(bench.event_names(), expected, "{status} {code}");
    }
    let duplicate = "Duplicate order sent.";
    check(&submit("a"), 400, -2010, "Account has insufficient balance", &["submit rejected"]);
    check(&submit("a"), 400, -1013, "Filter failure: LOT_SIZE", &["submit rejected"]);
    check(&submit("a"), 400, -2010, duplicate, &["submit unknown"]);
    check(&submit("a"), 500, -1000, "hm", &["submit unknown"]);
    check(&submit("a"), 400, -1007, "Timeout", &["submit unknown"]);
    check(&submit("a"), 429, -1003, "too much", &["submit rejected"]);
    check(&cancel("a"), 400, -2011, "Unknown order sent.", &["cancel rejected"]);
    check(&cancel("a"), 503, -1008, "overloaded", &["cancel unknown"]);
    check(&query("a"), 400, -2013, "Order does not exist.", &["not found"]);
    check(&query("a"), 500, -1000, "hm", &["read failed"]);
    let by_number =
        VenueAction::QueryVenueOrder { instrument: BITCOIN, venue_order: VenueOrderId(28) };
    check(&by_number, 400, -2013, "Order does not exist.", &["read failed"]);
    check(&VenueAction::ReadAccount, 400, -1021, "outside of recvWindow", &["read failed"]);
}

fn stop_at(price: &str) -> NewOrder {
    let kind = OrderKind::StopLoss { stop_price: price.parse().unwrap() };
    let quantity = OrderQuantity::Base("0.5".parse().unwrap());
    NewOrder::new(BITCOIN, Side::Sell, kind, quantity).protective()
}

/// A pair: `s` stops, `t` takes the profit.
fn pair() -> VenueAction {
    let kind = OrderKind::LimitMaker { price: "66000".parse().unwrap() };
    let target = NewOrder { kind, ..stop_at("54000") };
    VenueAction::SubmitPair(Box::new(OrderPair {
        stop: OrderLeg { client_order_id: id("s"), new: stop_at("54000") },
        target: OrderLeg { client_order_id: id("t"), new: target },
    }))
}

/// `a` in the place of `s`.
fn replace() -> VenueAction {
    let new = NewOrder::market(BITCOIN, Side::Sell, "0.5".parse().unwrap());
    VenueAction::CancelReplace { old: id("s"), client_order_id: id("a"), new }
}

fn named(name: &str, status: &str) -> Value {
    let mut order = order(status, "0");
    order["clientOrderId"] = json!(name);
    order
}

#[test]
fn a_pair_is_one_request_and_each_leg_is_told_by_its_own_name() {
    let mut bench = Bench::connected();
    bench.command(&pair());
    assert_eq!(bench.method(), "orderList.place.oco");
    let params = &bench.frames.last().unwrap().2["params"];
    let expected = [
        ("side", "SELL"),
        ("quantity", "0.5"),
        ("aboveType", "LIMIT_MAKER"),
        ("aboveClientOrderId", "t"),
        ("abovePrice", "66000"),
        ("belowType", "STOP_LOSS"),
        ("belowClientOrderId", "s"),
        ("belowStopPrice", "54000"),
    ];
    for (name, value) in expected {
        assert_eq!(params[name], value, "{params}");
    }
    bench.sent();
    assert_eq!(bench.event_names(), ["sent", "sent"]);
    let list = json!({
        "orderListId": 1, "contingencyType": "OCO", "listStatusType": "EXEC_STARTED",
        "listOrderStatus": "EXECUTING", "listClientOrderId": "l", "transactionTime": 1,
        "symbol": "BTCUSDT", "orders": [],
        "orderReports": [named("t", "NEW"), named("s", "NEW")],
    });
    bench.answer(&list);
    let names: Vec<_> = bench.take_events().into_iter().map(changed_name).collect();
    assert_eq!(names, ["s", "t"]);
}

fn changed_name(event: VenueEvent) -> String {
    let VenueEvent::OrderChanged(snapshot) = event else { panic!("{event:?}") };
    snapshot.client_order_id.to_string()
}

#[test]
fn what_happens_to_a_pair_happens_to_both_legs() {
    #[track_caller]
    fn check(status: u16, code: i32, expected: &[&str]) {
        let mut bench = Bench::connected();
        bench.command(&pair());
        bench.sent();
        bench.take_events();
        bench.refuse(status, code, "hm");
        assert_eq!(bench.event_names(), expected, "{status} {code}");
    }
    check(400, -2010, &["submit rejected"; 2]);
    check(400, -1158, &["submit rejected"; 2]);
    check(400, -1007, &["submit unknown"; 2]);
    check(503, -1008, &["submit unknown"; 2]);
    // A list without one of the legs says nothing of either.
    let mut bench = Bench::connected();
    bench.command(&pair());
    bench.sent();
    bench.take_events();
    bench.answer(&json!({}));
    assert_eq!(bench.event_names(), ["submit unknown", "submit unknown"]);
}

#[test]
fn the_cancel_of_a_leg_tells_the_end_of_both() {
    let mut bench = Bench::connected();
    bench.command(&cancel("s"));
    bench.sent();
    let canceled = |name: &str| {
        let mut order = named("x", "CANCELED");
        order["origClientOrderId"] = json!(name);
        order
    };
    bench.answer(&json!({
        "orderListId": 1, "contingencyType": "OCO", "listStatusType": "ALL_DONE",
        "listOrderStatus": "ALL_DONE", "listClientOrderId": "l", "transactionTime": 1,
        "symbol": "BTCUSDT", "orders": [], "orderReports": [canceled("t"), canceled("s")],
    }));
    let names: Vec<_> = bench.take_events().into_iter().map(changed_name).collect();
    assert_eq!(names, ["t", "s"]);
}

#[test]
fn each_half_of_a_cancel_replace_is_told_by_its_own_answer() {
    #[track_caller]
    fn check(code: i32, halves: Option<Value>, expected: &[&str]) {
        let mut bench = Bench::connected();
        bench.command(&replace());
        assert_eq!(bench.method(), "order.cancelReplace");
        let params = bench.frames.last().unwrap().2["params"].clone();
        assert_eq!(params["cancelReplaceMode"], "STOP_ON_FAILURE");
        assert_eq!(params["cancelRestrictions"], "ONLY_NEW");
        assert_eq!(params["cancelOrigClientOrderId"], "s");
        bench.sent();
        assert_eq!(bench.event_names(), ["sent"]);
        bench.refuse_with(400, code, "hm", halves);
        assert_eq!(bench.event_names(), expected, "{code}");
    }
    let halves = |cancel: (&str, Value), new: (&str, Value)| {
        Some(json!({"cancelResult": cancel.0, "newOrderResult": new.0,
                    "cancelResponse": cancel.1, "newOrderResponse": new.1}))
    };
    let error = |code: i32| json!({"code": code, "msg": "hm"});
    let canceled = || ("SUCCESS", named("s", "CANCELED"));
    check(-1013, None, &["cancel rejected", "submit rejected"]);
    check(-1007, None, &["submit unknown", "cancel unknown"]);
    check(-2022, None, &["submit unknown", "cancel unknown"]);
    let not_tried = || ("NOT_ATTEMPTED", Value::Null);
    let gone = halves(("FAILURE", error(-2011)), not_tried());
    check(-2022, gone, &["cancel rejected", "submit rejected"]);
    let open = halves(("FAILURE", error(-1007)), not_tried());
    check(-2022, open, &["cancel unknown", "submit rejected"]);
    let half = halves(canceled(), ("FAILURE", error(-2010)));
    check(-2021, half, &["changed", "submit rejected"]);
    let open = halves(canceled(), ("FAILURE", error(-1007)));
    check(-2021, open, &["changed", "submit unknown"]);
}

#[test]
fn an_answer_that_cannot_be_read_leaves_the_outcome_open() {
    #[track_caller]
    fn check(action: &VenueAction, result: &Value, expected: &[&str]) {
        let mut bench = Bench::connected();
        bench.command(action);
        bench.sent();
        bench.take_events();
        bench.answer(result);
        bench.pass(Duration::from_secs(1));
        assert_eq!(bench.event_names(), expected, "{result}");
    }
    check(&submit("a"), &json!({}), &["submit unknown"]);
    check(&submit("a"), &Value::Null, &["submit unknown"]);
    // The venue has it, whatever that state means: execution asks.
    check(&submit("a"), &order("TELEPORTED", "0"), &["changed"]);
    check(&cancel("a"), &json!([]), &["cancel unknown"]);
    check(&query("a"), &json!({"symbol": 5}), &["read failed"]);
}

#[test]
fn a_lost_connection_leaves_what_was_under_way_open() {
    #[track_caller]
    fn check(action: &VenueAction, was_sent: bool, expected: &[&str]) {
        let mut bench = Bench::connected();
        bench.command(action);
        if was_sent {
            bench.sent();
        }
        let connection = bench.link();
        bench.wire(WireInput::Closed { connection, reason: "cut".to_owned() });
        // The late word of a frame on a connection that is gone changes nothing.
        let (connection, tag, _) = bench.last_frame();
        bench.wire(WireInput::SendFailed { connection, tag, may_have_left: false });
        assert_eq!(bench.event_names(), expected);
    }
    check(&submit("a"), true, &["sent", "disconnected", "submit unknown"]);
    check(&submit("a"), false, &["disconnected", "sent", "submit unknown"]);
    check(&cancel("a"), true, &["disconnected", "cancel unknown"]);
    check(&query("a"), true, &["disconnected"]);
}

#[test]
fn a_frame_that_never_left_is_not_unknown() {
    let mut bench = Bench::connected();
    bench.command(&submit("a"));
    let (connection, tag, _) = bench.last_frame();
    bench.wire(WireInput::SendFailed { connection, tag, may_have_left: false });
    assert_eq!(bench.event_names(), ["not sent"]);
    assert!(bench.requests.is_empty());
    // What may be repeated goes round by REST.
    bench.command(&cancel("a"));
    let (connection, tag, _) = bench.last_frame();
    bench.wire(WireInput::SendFailed { connection, tag, may_have_left: false });
    assert_eq!(bench.requests.len(), 1);
    assert!(bench.requests[0].1.url.starts_with("http://rest/api/v3/order?symbol=BTCUSDT&orig"));
    bench.command(&submit("b"));
    let (connection, tag, _) = bench.last_frame();
    bench.wire(WireInput::SendFailed { connection, tag, may_have_left: true });
    assert_eq!(bench.event_names(), ["sent", "submit unknown"]);
}

#[test]
fn an_answer_after_its_time_is_still_news() {
    let mut bench = Bench::connected();
    bench.command(&submit("a"));
    bench.sent();
    let (connection, tag, _) = bench.last_frame();
    bench.take_events();
    for _ in 0..4 {
        bench.pass(Duration::from_secs(3));
        bench.wire(WireInput::Pinged { connection });
    }
    assert_eq!(bench.event_names(), ["submit unknown"]);
    bench.text(connection, &json!({"id": tag, "status": 200, "result": order("NEW", "0")}));
    assert_eq!(bench.event_names(), ["changed"]);
    bench.text(connection, &json!({"id": tag, "status": 200, "result": order("NEW", "0")}));
    assert_eq!(bench.event_names(), [""; 0]);
}

#[test]
fn rest_is_the_way_round_without_a_connection() {
    let mut bench = Bench::ed25519();
    bench.command(&query("a"));
    bench.answer_http(200, &[], &order("FILLED", "0.5"));
    assert_eq!(bench.event_names(), ["found"]);
    bench.command(&cancel("a"));
    bench.answer_http(400, &[], &json!({"code": -2011, "msg": "Unknown order sent."}));
    assert_eq!(bench.event_names(), ["cancel rejected"]);
    bench.command(&submit("a"));
    assert_eq!(bench.event_names(), ["sent"]);
    bench.answer_http(504, &[], &json!("<html>"));
    assert_eq!(bench.event_names(), ["submit unknown"]);
    bench.command(&submit("b"));
    let request = bench.requests.last().unwrap().0;
    let reason = "refused".to_owned();
    bench.wire(WireInput::RequestFailed { request, may_have_left: false, reason });
    assert_eq!(bench.event_names(), ["sent", "not sent"]);
    bench.command(&VenueAction::ReadOpenOrders);
    let (_, http) = bench.requests.last().unwrap();
    assert_eq!(http.headers, [("x-mbx-apikey", "api-key".to_owned())]);
    let mut foreign = order("NEW", "0");
    foreign["symbol"] = json!("DOGEUSDT");
    let mut odd = order("NEW", "0");
    odd["clientOrderId"] = json!("not one of ours, with blanks, and longer than ours may be");
    bench.answer_http(200, &[], &json!([order("NEW", "0"), foreign, odd]));
    let events = bench.take_events();
    let [VenueEvent::OpenOrdersRead { orders, elsewhere }] = &events[..] else {
        panic!("{events:?}")
    };
    let names: Vec<&str> = orders.iter().map(|order| order.client_order_id.as_str()).collect();
    assert_eq!(names, ["a", "-"]);
    let elsewhere: Vec<&str> = elsewhere.iter().map(ClientOrderId::as_str).collect();
    assert_eq!(elsewhere, ["a"], "on a symbol that is not ours");
}

#[test]
fn reads_are_told() {
    let mut bench = Bench::connected();
    bench.command(&VenueAction::ReadAccount);
    bench.answer(&json!({"canTrade": true, "canWithdraw": true, "updateTime": 5, "balances": [
        {"asset": "BTC", "free": "1.5", "locked": "0.5"},
        {"asset": "DUST", "free": "0.0", "locked": "0.0"}]}));
    let events = bench.take_events();
    let [VenueEvent::AccountRead { balances, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(balances.len(), 1);
    let trade = |id: i64| {
        json!({"symbol": "BTCUSDT", "id": id, "orderId": 28, "orderListId": -1,
            "price": "4.00000100", "qty": "12.0", "quoteQty": "48.000012", "commission": "0.1",
            "commissionAsset": "BNB", "time": 1_499_865_549_590_i64, "isBuyer": true,
            "isMaker": false, "isBestMatch": true})
    };
    let from = Some(model::TradeId(7));
    bench.command(&VenueAction::ReadTrades { instrument: BITCOIN, from });
    assert_eq!(bench.last_frame().2["params"]["fromId"], 7);
    bench.answer(&(0..1_000).map(trade).collect());
    let events = bench.take_events();
    let [VenueEvent::TradesRead { fills, more: true, .. }] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(fills.len(), 1_000);
    let venue_order = VenueOrderId(28);
    bench.command(&VenueAction::QueryVenueOrder { instrument: BITCOIN, venue_order });
    assert_eq!(bench.last_frame().2["params"]["orderId"], 28);
    bench.answer(&order("NEW", "0"));
    assert_eq!(bench.event_names(), ["found"]);
    bench.command(&VenueAction::ReadOrderTrades { instrument: BITCOIN, venue_order });
    assert_eq!(bench.last_frame().2["params"]["orderId"], 28);
    bench.answer(&json!([trade(5)]));
    assert_eq!(bench.event_names(), ["order trades read"]);
}

#[test]
fn all_trades_of_an_order_are_read_page_by_page() {
    let trade = |id: i64| {
        json!({"symbol": "BTCUSDT", "id": id, "orderId": 28, "orderListId": -1,
               "price": "60000", "qty": "0.001", "quoteQty": "60", "commission": "0.000001",
               "commissionAsset": "BTC", "time": 1, "isBuyer": true, "isMaker": true,
               "isBestMatch": true})
    };
    let page = |first: i64, count: i64| -> Value { (first..first + count).map(trade).collect() };
    let mut bench = Bench::connected();
    let read = VenueAction::ReadOrderTrades { instrument: BITCOIN, venue_order: VenueOrderId(28) };
    bench.command(&read);
    let params = bench.last_frame().2["params"].clone();
    assert_eq!((&params["fromId"], &params["limit"]), (&json!(0), &json!(1_000)));
    bench.answer(&page(7, 1_000));
    assert_eq!(bench.event_names(), [""; 0]);
    assert_eq!(bench.last_frame().2["params"]["fromId"], 1_007);
    // Trades of other orders lie in between.
    bench.answer(&page(2_000, 1_000));
    assert_eq!(bench.last_frame().2["params"]["fromId"], 3_000);
    bench.answer(&page(3_000, 1));
    let events = bench.take_events();
    let [VenueEvent::OrderTradesRead { fills, .. }] = events.as_slice() else { panic!() };
    assert_eq!(fills.len(), 2_001);
    assert!(fills.is_sorted_by_key(|fill| fill.key.trade));
    // The last page comes after it was given up: it is not told as all of them.
    bench.command(&read);
    bench.answer(&page(7, 1_000));
    bench.pass(Duration::from_secs(12));
    assert_eq!(bench.event_names(), ["read failed"]);
    bench.answer(&page(2_000, 1));
    assert_eq!(bench.event_names(), [""; 0]);
    // After a failure it begins anew.
    bench.command(&read);
    bench.answer(&page(7, 1_000));
    bench.answer(&json!({"no": "list"}));
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.event_names(), ["read failed"]);
    bench.command(&read);
    assert_eq!(bench.last_frame().2["params"]["fromId"], 0);
}

fn report(changes: &Value) -> Value {
    let mut event = json!({
        "e": "executionReport", "E": 1_499_405_658_658_i64, "s": "BTCUSDT", "c": "a", "S": "BUY",
        "o": "LIMIT", "f": "GTC", "q": "0.5", "p": "60000", "P": "0.0", "F": "0.0", "g": -1,
        "C": "", "x": "NEW", "X": "NEW", "r": "NONE", "i": 28, "l": "0.0", "z": "0.0",
        "L": "0.0", "n": "0", "N": null, "T": 1_499_405_658_657_i64, "t": -1, "I": 5, "w": true,
        "m": false, "M": false, "O": 1, "Z": "0.0", "Y": "0.0", "Q": "0.0", "V": "NONE"
    });
    for (key, value) in changes.as_object().unwrap() {
        event[key] = value.clone();
    }
    json!({"subscriptionId": 0, "event": event})
}

#[test]
fn reports_become_facts() {
    #[track_caller]
    fn check(changes: &Value, expected: &[&str], status: OrderStatus, works: bool, reason: &str) {
        let mut bench = Bench::connected();
        let connection = bench.link();
        bench.text(connection, &report(changes));
        let events = bench.take_events();
        assert_eq!(events.iter().map(name).collect::<Vec<_>>(), expected);
        let Some(VenueEvent::OrderChanged(snapshot)) = events.last() else { panic!() };
        assert_eq!(snapshot.client_order_id, id("a"));
        assert_eq!((snapshot.status, snapshot.is_working), (status, works));
        assert_eq!(snapshot.reason, reason);
    }
    let changed = ["changed"];
    check(&json!({}), &changed, OrderStatus::Accepted, true, "");
    let fill = json!({"x": "TRADE", "X": "FILLED", "l": "0.5", "z": "0.5", "L": "60000", "t": 9,
                      "n": "0.1", "N": "BNB", "m": true});
    check(&fill, &["filled", "changed"], OrderStatus::Filled, true, "");
    let canceled = json!({"x": "CANCELED", "X": "CANCELED", "c": "web", "C": "a"});
    check(&canceled, &changed, OrderStatus::Canceled, true, "");
    let expired = json!({"x": "EXPIRED", "X": "EXPIRED", "eR": "INSUFFICIENT_LIQUIDITY"});
    check(&expired, &changed, OrderStatus::Expired, true, "INSUFFICIENT_LIQUIDITY");
    let prevented = json!({"x": "TRADE_PREVENTION", "X": "EXPIRED_IN_MATCH"});
    check(&prevented, &changed, OrderStatus::ExpiredInMatch, true, "");
    let rejected = json!({"x": "REJECTED", "X": "REJECTED", "r": "INSUFFICIENT_BALANCES"});
    check(&rejected, &changed, OrderStatus::Rejected, true, "INSUFFICIENT_BALANCES");
    // States of a later release: the step says what it can, and the connection stays.
    let unknown = "a state that this build does not know";
    check(&json!({"X": "SUSPENDED"}), &changed, OrderStatus::Unknown, true, unknown);
    let strange = json!({"x": "SUSPENDED", "X": "SUSPENDED"});
    check(&strange, &changed, OrderStatus::Unknown, true, unknown);
    let fill = json!({"x": "TRADE", "X": "LATER", "l": "0.2", "z": "0.2", "L": "60000", "t": 9,
                      "n": "0.1", "N": "BNB", "m": true});
    check(&fill, &["filled", "changed"], OrderStatus::PartiallyFilled, true, "");
    let canceled = json!({"x": "CANCELED", "X": "LATER", "c": "web", "C": "a"});
    check(&canceled, &changed, OrderStatus::Canceled, true, "");
    let stop = json!({"o": "STOP_LOSS_LIMIT", "w": false});
    check(&stop, &changed, OrderStatus::PendingNew, false, "");
    let triggered = json!({"o": "STOP_LOSS_LIMIT", "w": true, "W": 1_499_405_658_657_i64});
    check(&triggered, &changed, OrderStatus::Accepted, true, "");
}

#[test]
fn balances_become_facts() {
    let mut bench = Bench::connected();
    let link = bench.link();
    let event = json!({"e": "outboundAccountPosition", "E": 1, "u": 2,
                       "B": [{"a": "BTC", "f": "1", "l": "0.5"}]});
    bench.text(link, &json!({"subscriptionId": 0, "event": event}));
    let event = json!({"e": "balanceUpdate", "E": 1, "a": "BTC", "d": "-1.5", "T": 2});
    bench.text(link, &json!({"subscriptionId": 0, "event": event}));
    let event = json!({"e": "somethingNew", "E": 1});
    bench.text(link, &json!({"subscriptionId": 0, "event": event}));
    // Another program trades a symbol that is not ours.
    bench.text(link, &report(&json!({"s": "DOGEUSDT"})));
    assert_eq!(bench.event_names(), ["balances changed", "balance moved"]);
}

#[test]
fn a_connection_is_replaced_without_a_gap() {
    let mut bench = Bench::connected();
    let old = bench.link();
    bench.command(&submit("a"));
    bench.sent();
    let (_, tag, _) = bench.last_frame();
    bench.take_events();
    bench.text(old, &json!({"event": {"e": "serverShutdown", "E": 1}}));
    let new = bench.link();
    assert_ne!(old, new);
    bench.shake_hands();
    // The old one still owes an answer; until then it stays, and reports count on both.
    assert_eq!(bench.closed, []);
    bench.text(old, &report(&json!({})));
    bench.text(new, &report(&json!({})));
    bench.command(&submit("b"));
    assert_eq!(bench.last_frame().0, new);
    bench.text(old, &json!({"id": tag, "status": 200, "result": order("NEW", "0")}));
    // What was under way on it when the new one was subscribed still arrives.
    assert_eq!(bench.closed, []);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.closed, [old]);
    assert_eq!(bench.event_names(), ["changed"; 3]);
    bench.text(old, &report(&json!({})));
    assert_eq!(bench.event_names(), [""; 0]);
}

#[test]
fn a_connection_is_replaced_before_the_venue_ends_it() {
    let mut bench = Bench::connected();
    let old = bench.link();
    for _ in 0..23 * 3_600 / 5 {
        bench.pass(Duration::from_secs(5));
        bench.wire(WireInput::Pinged { connection: old });
    }
    assert_eq!(bench.opened.len(), 2);
    bench.shake_hands();
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.closed, [old]);
    assert_eq!(bench.event_names(), [""; 0]);
}

#[test]
fn silence_is_noticed_and_repaired() {
    let mut bench = Bench::connected();
    let old = bench.link();
    bench.pass(Duration::from_secs(11));
    assert_eq!(bench.method(), "time");
    bench.pass(Duration::from_secs(10));
    assert_eq!(bench.closed, [old]);
    assert_eq!(bench.event_names(), ["disconnected"]);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.opened.len(), 2);
    bench.shake_hands();
    assert_eq!(bench.event_names(), ["connected"]);
}

#[test]
fn pauses_between_attempts_grow() {
    let mut bench = Bench::ed25519();
    bench.input(VenueInput::Start);
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let connection = bench.link();
        bench.wire(WireInput::Closed { connection, reason: "refused".to_owned() });
        let Some(Wake::Wall(at)) = bench.venue.wake_at() else { panic!("no attempt is planned") };
        pauses.push(at.since(bench.now));
        bench.now = at;
        bench.input(VenueInput::Wake);
    }
    assert_eq!(bench.opened.len(), 13);
    assert!(pauses[0] <= Duration::from_millis(250) && pauses[0] >= Duration::from_millis(125));
    assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(30)));
    assert!(pauses[11] >= Duration::from_secs(15));
    assert_eq!(bench.event_names(), [""; 0]);
}

#[test]
fn a_handshake_that_hangs_or_is_refused_is_tried_again() {
    let mut bench = Bench::ed25519();
    bench.input(VenueInput::Start);
    let connection = bench.link();
    bench.pass(Duration::from_secs(11));
    assert_eq!((bench.closed.len(), bench.opened.len()), (1, 2));
    assert_eq!(bench.closed[0], connection);
    let connection = bench.link();
    bench.wire(WireInput::Opened { connection });
    for _ in 0..3 {
        bench.answer(&json!({"serverTime": bench.now.as_millis()}));
    }
    bench.refuse(401, -2015, "Invalid API-key, IP, or permissions for action.");
    assert_eq!(bench.closed.len(), 2);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.opened.len(), 3);
    bench.shake_hands();
    assert_eq!(bench.event_names(), ["connected"]);
}

#[test]
fn the_end_of_user_data_is_the_end_of_the_connection() {
    #[track_caller]
    fn check(frame: &Value) {
        let mut bench = Bench::connected();
        let connection = bench.link();
        bench.text(connection, frame);
        assert_eq!(bench.event_names(), ["disconnected"], "{frame}");
        assert_eq!(bench.closed, [connection]);
    }
    check(&json!({"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": 5}}));
    check(&json!({"id": null, "status": 401, "error": {"code": -2015, "msg": "Invalid API-key"}}));
    check(&json!("garbage"));
    check(&report(&json!({"q": "many"})));
}

#[test]
fn limits_hold_orders_back_and_let_cancels_through() {
    let mut bench = Bench::connected();
    let limit = |kind: &str, interval: &str, num: u32, limit: u32, count: u32| -> RateLimit {
        serde_json::from_value(json!({"rateLimitType": kind, "interval": interval,
            "intervalNum": num, "limit": limit, "count": count}))
        .unwrap()
    };
    let limits =
        [limit("REQUEST_WEIGHT", "MINUTE", 1, 6_000, 5_390), limit("ORDERS", "SECOND", 10, 10, 8)];
    bench.venue.limits.replace(bench.now, &limits);
    bench.command(&submit("a"));
    bench.command(&submit("b"));
    assert_eq!(bench.event_names(), ["not sent"]);
    bench.command(&VenueAction::ReadAccount);
    bench.command(&VenueAction::ReadAccount);
    let before = bench.frames.len();
    bench.command(&cancel("a"));
    assert_eq!((bench.frames.len(), bench.method().as_str()), (before + 1, "order.cancel"));
    // What waits goes once, in the next minute.
    for _ in 0..12 {
        bench.pass(Duration::from_secs(5));
        let connection = bench.link();
        bench.wire(WireInput::Pinged { connection });
    }
    let reads =
        bench.frames.iter().filter(|(_, _, frame)| frame["method"] == "account.status").count();
    assert_eq!(reads, 1);
}

#[test]
fn a_ban_is_waited_out() {
    let mut bench = Bench::ed25519();
    bench.command(&query("a"));
    let headers = [("retry-after", "30"), ("x-mbx-used-weight-1m", "6100")];
    bench.answer_http(418, &headers, &json!({"code": -1003, "msg": "banned"}));
    let sent = bench.requests.len();
    bench.command(&cancel("b"));
    bench.command(&query("b"));
    bench.command(&submit("b"));
    bench.pass(Duration::from_secs(29));
    assert_eq!(bench.requests.len(), sent);
    assert_eq!(bench.event_names(), ["not sent", "read failed"]);
    bench.pass(Duration::from_secs(12));
    let sent: Vec<_> = bench.requests[sent..].iter().map(|(_, http)| http.method).collect();
    assert_eq!(sent[0], kernel::wire::Method::Delete);
}

/// A rest is told once, with its end; what waits for it can be asked for at any time.
#[test]
fn a_rest_that_the_venue_wants_is_told_and_what_it_holds_back_counted() {
    let mut bench = Bench::ed25519();
    let now = |bench: &Bench| Moment::same(bench.now);
    assert_eq!(bench.venue.held_back(now(&bench)), None);
    bench.command(&query("a"));
    let headers = [("retry-after", "30")];
    bench.answer_http(429, &headers, &json!({"code": -1003, "msg": "Too much request weight."}));
    let until = bench.now.after(Duration::from_secs(30));
    let reason = "Too much request weight.".to_owned();
    assert_eq!(
        bench.impediments(),
        [Impediment::RateLimited { status: 429, until, reason }],
        "told with its end"
    );
    bench.command(&cancel("b"));
    bench.command(&query("b"));
    let held_back = HeldBack { until: Some(until), commands: 2 };
    assert_eq!(bench.venue.held_back(now(&bench)), Some(held_back));
    bench.command(&submit("c"));
    let not_sent = bench.take_events().into_iter().find_map(|event| {
        let VenueEvent::NotSent { reason, .. } = event else { return None };
        Some(reason)
    });
    let not_sent = not_sent.unwrap();
    assert!(not_sent.contains("rate limit") && not_sent.contains(&until.to_string()), "{not_sent}");
    bench.pass(Duration::from_secs(42));
    assert_eq!(bench.venue.held_back(now(&bench)), None);
}

/// Whatever is asked: of a key that is refused the operator hears at once.
#[test]
fn a_key_that_is_refused_is_told_whatever_was_asked() {
    let refused = || {
        let message = "Invalid API-key, IP, or permissions for action.".to_owned();
        Impediment::KeyRefused { reason: RejectReason { code: -2015, message } }
    };
    let words = "Invalid API-key, IP, or permissions for action.";
    for action in [VenueAction::ReadAccount, query("a"), cancel("a"), submit("a")] {
        let mut bench = Bench::connected();
        bench.command(&action);
        bench.sent();
        bench.refuse(401, -2015, words);
        assert_eq!(bench.impediments(), [refused()], "{action:?}");
        bench.command(&action);
        bench.sent();
        bench.refuse(400, -1021, "Timestamp for this request is outside of the recvWindow.");
        assert_eq!(bench.impediments(), [], "{action:?}");
    }
    // On the way to a connection: why there is none is told each time.
    let mut bench = Bench::ed25519();
    bench.input(VenueInput::Start);
    let connection = bench.link();
    bench.wire(WireInput::Opened { connection });
    for _ in 0..3 {
        bench.answer(&json!({"serverTime": bench.now.as_millis()}));
    }
    bench.refuse(401, -2015, words);
    let told = bench.impediments();
    assert_eq!(told[0], refused());
    let [_, Impediment::ConnectFailed { reason, retry_in_ms }] = &told[..] else {
        panic!("{told:?}")
    };
    assert!(reason.starts_with("log on refused:") && (125..=250).contains(retry_in_ms), "{told:?}");
}

/// Our clock is a little ahead: by it the venue's minute is over already when the refusal comes.
#[test]
fn a_refusal_at_the_turn_of_a_minute_does_not_shut_the_next_one() {
    let mut bench = Bench::ed25519();
    bench.command(&query("a"));
    let headers = [("retry-after", "1"), ("x-mbx-used-weight-1m", "6000")];
    bench.answer_http(429, &headers, &json!({"code": -1003, "msg": "Too much request weight."}));
    let sent = bench.requests.len();
    bench.pass(Duration::from_secs(2));
    bench.command(&query("b"));
    assert_eq!(bench.requests.len(), sent + 1);
}

#[test]
fn too_many_orders_hold_orders_back() {
    let mut bench = Bench::connected();
    bench.command(&submit("a"));
    bench.sent();
    bench.refuse(400, -1015, "Too many new orders; current limit is 10 orders per 10 SECOND.");
    assert_eq!(bench.event_names(), ["sent", "submit rejected"]);
    bench.command(&submit("b"));
    assert_eq!(bench.event_names(), ["not sent"]);
    bench.pass(Duration::from_secs(10));
    bench.command(&submit("c"));
    assert_eq!(bench.last_frame().2["params"]["newClientOrderId"], "c");
}

/// Whatever the network does: no panic, no submit twice, and each submit that may have left is
/// told as sent before its outcome and has exactly one outcome besides a late answer.
#[test]
fn no_submit_leaves_twice_under_random_networks() {
    for seed in 0..300 {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut bench = Bench::ed25519();
        bench.input(VenueInput::Start);
        let mut submits = 0;
        for _ in 0..200 {
            random_step(&mut random, &mut bench, &mut submits);
        }
        let mut names: Vec<String> = bench
            .frames
            .iter()
            .filter(|(_, _, frame)| frame["method"] == "order.place")
            .map(|(_, _, frame)| frame["params"]["newClientOrderId"].to_string())
            .collect();
        let posts =
            bench.requests.iter().filter(|(_, http)| http.method == kernel::wire::Method::Post);
        names.extend(posts.map(|(_, http)| http.url.clone()));
        let sent = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), sent, "seed {seed}");
        for number in 0..submits {
            check_story(&bench.events, &format!("s{number}"), seed);
        }
    }
}

fn check_story(events: &[VenueEvent], name: &str, seed: u64) {
    let at = |is: &dyn Fn(&VenueEvent) -> bool| -> Vec<usize> {
        (0..events.len()).filter(|index| is(&events[*index])).collect()
    };
    let sent = at(
        &|event| matches!(event, VenueEvent::Sent { client_order_id, .. } if *client_order_id == id(name)),
    );
    let unknown = at(
        &|event| matches!(event, VenueEvent::SubmitUnknown { client_order_id, .. } if *client_order_id == id(name)),
    );
    let refused = at(
        &|event| matches!(event, VenueEvent::NotSent { client_order_id, .. } | VenueEvent::SubmitRejected { client_order_id, .. } if *client_order_id == id(name)),
    );
    let story =
        format!("seed {seed}: {name} sent {sent:?} unknown {unknown:?} refused {refused:?}");
    assert!(sent.len() <= 1 && unknown.len() <= 1 && refused.len() <= 1, "{story}");
    // The fence needs a beginning before an outcome is open.
    assert!(unknown.iter().all(|at| sent.first().is_some_and(|first| first < at)), "{story}");
}

fn random_step(random: &mut Pcg64Mcg, bench: &mut Bench, submits: &mut u32) {
    let connection = ConnectionId(random.random_range(1..=bench.opened.len().max(1) as u32));
    let frame = (!bench.frames.is_empty())
        .then(|| bench.frames[random.random_range(0..bench.frames.len())].clone());
    match random.random_range(0..14) {
        0 | 1 => {
            let name = format!("s{submits}");
            *submits += 1;
            bench.command(&submit(&name));
        }
        2 => bench.command(&cancel("s0")),
        3 => bench.command(&query("s0")),
        4 => bench.wire(WireInput::Opened { connection: bench.link() }),
        5 => bench.wire(WireInput::Closed { connection, reason: "cut".to_owned() }),
        6 | 7 => {
            let Some((connection, tag, _)) = frame else { return };
            bench.wire(WireInput::Sent { connection, tag });
        }
        8 => {
            let Some((connection, tag, _)) = frame else { return };
            // Only what was not told as sent can fail.
            let told = bench.venue.pending.get(&tag).is_some_and(|pending| !pending.is_sent);
            if told {
                let may_have_left = random.random();
                bench.wire(WireInput::SendFailed { connection, tag, may_have_left });
            }
        }
        9 | 10 => {
            let Some((connection, tag, _)) = bench.frames.last().cloned() else { return };
            let status = [200, 200, 200, 400, 500, 429][random.random_range(0..6)];
            let code = [-2010, -1000, -1021, -2013][random.random_range(0..4)];
            let answer = if status == 200 {
                json!({"id": tag, "status": status, "result": {"serverTime": 5}})
            } else {
                json!({"id": tag, "status": status, "error": {"code": code, "msg": "hm"}})
            };
            bench.text(connection, &answer);
        }
        11 => {
            let Some((request, _)) = bench.requests.last().cloned() else { return };
            let reason = "cut".to_owned();
            bench.wire(WireInput::RequestFailed {
                request,
                may_have_left: random.random(),
                reason,
            });
        }
        12 => bench.wire(WireInput::Text { connection, text: "garbage" }),
        _ => bench.pass(Duration::from_millis(random.random_range(0..15_000))),
    }
}
