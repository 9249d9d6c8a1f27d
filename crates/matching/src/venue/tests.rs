#![expect(clippy::wildcard_enum_match_arm, reason = "tests pick out what they look for")]

use std::time::Duration;

use kernel::venue::{OrderLeg, OrderPair};
use model::{ClientOrderId, Level, OrderStatus, Price, Quantity, Quote, Side, TradeId};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use rust_decimal::Decimal;

use super::*;
use crate::FeePolicy;
use crate::fees::notional;
use crate::testing::{fees, instrument, order, px, qty};

const BTC: InstrumentId = InstrumentId(0);

fn asset(name: &str) -> Asset {
    Asset::new(name).unwrap()
}

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn name(number: u64) -> ClientOrderId {
    ClientOrderId::new(&format!("order-{number}")).unwrap()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000)
        .after(Duration::ZERO)
        .after(Duration::from_millis(u64::try_from(millis).unwrap()))
}

fn quote(now: Timestamp, id: i64, bid: (&str, &str), ask: (&str, &str)) -> MarketEvent {
    let level = |(price, quantity)| Level { price: px(price), quantity: qty(quantity) };
    MarketEvent::Quote(Quote {
        instrument: BTC,
        update_id: id,
        bid: level(bid),
        ask: level(ask),
        received_at: now,
    })
}

fn trade(now: Timestamp, price: Price, quantity: Quantity, aggressor: Side) -> MarketEvent {
    MarketEvent::Trade(model::Trade {
        instrument: BTC,
        id: TradeId(0),
        price,
        quantity,
        aggressor,
        event_at: now,
        received_at: now,
    })
}

fn venue(latency: LatencyModel, fees: Fees) -> LocalVenue {
    let mut instruments = Instruments::new();
    instruments.add(instrument());
    let models = LocalVenueModels { latency, ..LocalVenueModels::default() };
    let balances = [(asset("USDT"), amount("1000")), (asset("BTC"), amount("5"))];
    LocalVenue::new(Arc::new(instruments), models, fees, &balances)
}

/// A venue without latency that shows 100 to 101, last trade 100.5, and collects what it says.
struct Scene {
    venue: LocalVenue,
    effects: Vec<VenueEffect>,
    now: Timestamp,
    orders: u64,
}

impl Scene {
    fn new(fees: Fees) -> Self {
        let mut scene = Self {
            venue: venue(LatencyModel::NONE, fees),
            effects: Vec::new(),
            now: at(0),
            orders: 0,
        };
        scene.quote(("100", "2"), ("101", "3"));
        scene.trade("100.5", "1", Side::Buy);
        scene
    }

    fn market(&mut self, event: &MarketEvent) {
        self.effects.clear();
        let now = Moment::same(self.now);
        self.venue.step(now, VenueInput::Market(event), &mut self.effects);
    }

    fn wait_until(&mut self, millis: i64) {
        self.now = at(millis);
        self.effects.clear();
        self.venue.step(Moment::same(self.now), VenueInput::Wake, &mut self.effects);
    }

    fn quote(&mut self, bid: (&str, &str), ask: (&str, &str)) {
        self.orders += 1000;
        let id = i64::try_from(self.orders).unwrap();
        self.market(&quote(self.now, id, bid, ask));
    }

    fn trade(&mut self, price: &str, quantity: &str, aggressor: Side) {
        self.market(&trade(self.now, px(price), qty(quantity), aggressor));
    }

    fn act(&mut self, action: &VenueAction) {
        self.effects.clear();
        self.venue.send(self.now, action.clone(), &mut self.effects);
        self.venue.deliver(self.now, &mut self.effects);
    }

    fn submit(&mut self, text: &str) -> ClientOrderId {
        self.orders += 1;
        let client_order_id = name(self.orders);
        self.act(&VenueAction::Submit { client_order_id, new: order(text) });
        client_order_id
    }

    fn cancel(&mut self, client_order_id: ClientOrderId) {
        self.act(&VenueAction::Cancel { instrument: BTC, client_order_id });
    }

    /// `USDT free locked BTC free locked`.
    fn holds(&self) -> String {
        ["USDT", "BTC"]
            .map(|name| {
                let balance = self.venue.account.get(asset(name));
                format!("{name} {} {}", balance.free, balance.locked)
            })
            .join(" ")
    }

    fn told(&self) -> Vec<String> {
        let line = |effect: &VenueEffect| match effect {
            VenueEffect::Wire(_) => panic!("a local venue has no wire"),
            VenueEffect::Event(event) => match event {
                VenueEvent::Sent { .. } => "sent".to_owned(),
                VenueEvent::SubmitRejected { reason, .. }
                | VenueEvent::CancelRejected { reason, .. } => {
                    format!("{} {}", reason.code, reason.message)
                }
                VenueEvent::OrderChanged(order) => {
                    let waits = if order.is_working { "" } else { " waiting" };
                    let filled = order.executed_quantity;
                    format!("{}{waits} {filled:.2} {}", order.status.name(), order.reason)
                        .trim()
                        .to_owned()
                }
                VenueEvent::Filled { fill, .. } => {
                    format!(
                        "filled {:.2} @ {:.2} fee {} {}",
                        fill.quantity, fill.price, fill.fee, fill.fee_asset
                    )
                }
                VenueEvent::BalancesChanged { balances, .. } => {
                    format!("{} balances", balances.len())
                }
                event => format!("{event:?}"),
            },
        };
        self.effects.iter().map(line).collect()
    }
}

#[test]
fn a_command_meets_the_market_that_it_arrives_at() {
    let mut venue = venue(LatencyModel::Constant { micros: 25_000 }, Fees::NONE);
    let mut effects = Vec::new();
    let step = |venue: &mut LocalVenue, millis, input, effects: &mut Vec<VenueEffect>| {
        effects.clear();
        venue.step(Moment::same(at(millis)), input, effects);
    };
    let first = quote(at(0), 1, ("100", "2"), ("101", "3"));
    step(&mut venue, 0, VenueInput::Market(&first), &mut effects);
    let action = VenueAction::Submit { client_order_id: name(1), new: order("buy 1 market") };
    venue.send(at(0), action, &mut effects);
    assert!(matches!(effects[..], [VenueEffect::Event(VenueEvent::Sent { .. })]));
    assert_eq!(venue.wake_at(), Some(Wake::Venue(at(25))));

    let moved = quote(at(10), 2, ("110", "2"), ("111", "3"));
    step(&mut venue, 10, VenueInput::Market(&moved), &mut effects);
    assert!(effects.is_empty());
    step(&mut venue, 25, VenueInput::Wake, &mut effects);
    assert!(effects.is_empty());
    assert_eq!(venue.wake_at(), Some(Wake::Venue(at(50))));
    step(&mut venue, 50, VenueInput::Wake, &mut effects);
    let fill = effects.iter().find_map(|effect| match effect {
        VenueEffect::Event(VenueEvent::Filled { fill, .. }) => Some(*fill),
        _ => None,
    });
    let fill = fill.unwrap();
    assert_eq!((fill.price, fill.event_at), (px("111"), at(25)));
    assert_eq!(venue.wake_at(), None);
}

#[test]
fn each_step_is_told_in_order() {
    let mut scene = Scene::new(fees("0.001", "0.002"));
    scene.submit("buy 1 @ 100 gtc");
    assert_eq!(scene.told(), ["sent", "accepted 0.00", "1 balances"]);
    scene.submit("buy 2 market");
    assert_eq!(
        scene.told(),
        [
            "sent",
            "accepted 0.00",
            "filled 2.00 @ 101.00 fee 0.004 BTC",
            "filled 2.00",
            "2 balances",
        ]
    );
    let stop = scene.submit("sell 1 stop 99 @ 90 gtc");
    assert_eq!(scene.told(), ["sent", "accepted waiting 0.00", "1 balances"]);
    scene.cancel(stop);
    assert_eq!(scene.told(), ["canceled waiting 0.00", "1 balances"]);
    scene.trade("99.5", "0.25", Side::Sell);
    assert_eq!(
        scene.told(),
        ["filled 0.25 @ 100.00 fee 0.00025 BTC", "partially_filled 0.25", "2 balances",]
    );
    scene.submit("sell 9 @ 100 ioc");
    assert_eq!(
        scene.told(),
        ["sent", "-2010 Account has insufficient balance for requested action."]
    );
    scene.submit("buy 2 @ 101 ioc");
    assert_eq!(
        scene.told(),
        [
            "sent",
            "accepted 0.00",
            "filled 1.00 @ 101.00 fee 0.002 BTC",
            "partially_filled 1.00",
            "expired 1.00 UNFILLED_IOC_QUANTITY_EXPIRED",
            "2 balances",
        ]
    );
}

#[test]
fn orders_lock_what_they_may_cost() {
    #[track_caller]
    fn check(fees: Fees, text: &str, open: &str, canceled: &str) {
        let mut scene = Scene::new(fees);
        let order = scene.submit(text);
        assert_eq!(scene.holds(), open, "{text}: {:?}", scene.told());
        scene.cancel(order);
        assert_eq!(scene.holds(), canceled, "{text} canceled");
    }
    let (none, received) = (Fees::NONE, fees("0.001", "0.002"));
    let quote = Fees { policy: FeePolicy::Quote, ..received };
    let untouched = "USDT 1000 0 BTC 5 0";
    check(none, "buy 2 @ 99 gtc", "USDT 802 198 BTC 5 0", untouched);
    check(quote, "buy 2 @ 99 gtc", "USDT 801.604 198.396 BTC 5 0", untouched);
    check(none, "sell 2 @ 110 gtc", "USDT 1000 0 BTC 3 2", untouched);
    check(none, "sell 2 stop 90", "USDT 1000 0 BTC 3 2", untouched);
    check(none, "buy 2 stop 102", "USDT 796 204 BTC 5 0", untouched);
    check(none, "buy 2 stop 102 @ 105 gtc", "USDT 790 210 BTC 5 0", untouched);
    // A better price than the limit gives the difference back.
    let bought = "USDT 798 0 BTC 7 0";
    check(none, "buy 2 @ 105 gtc", bought, bought);
    check(none, "buy 2 market", bought, bought);
    check(none, "buy quote 202 market", bought, bought);
    check(received, "buy 2 @ 105 gtc", "USDT 798 0 BTC 6.996 0", "USDT 798 0 BTC 6.996 0");
    check(quote, "buy 2 @ 105 gtc", "USDT 797.596 0 BTC 7 0", "USDT 797.596 0 BTC 7 0");
    check(received, "sell 2 market", "USDT 1199.6 0 BTC 3 0", "USDT 1199.6 0 BTC 3 0");
    // Filled in part, then taken back: 3 at 101, and 4 at 105 that rested.
    check(none, "buy 7 @ 105 gtc", "USDT 277 420 BTC 8 0", "USDT 697 0 BTC 8 0");
}

/// A pair for the same 2 bitcoin: a stop at 99, a target at 103.
fn pair(scene: &mut Scene, stop: &str, target: &str) -> [ClientOrderId; 2] {
    scene.orders += 2;
    let names = [name(scene.orders - 1), name(scene.orders)];
    let [stop, target] = [(names[0], stop), (names[1], target)]
        .map(|(client_order_id, text)| OrderLeg { client_order_id, new: order(text) });
    scene.act(&VenueAction::SubmitPair(Box::new(OrderPair { stop, target })));
    names
}

const STANDING: [&str; 5] =
    ["sent", "sent", "accepted waiting 0.00", "accepted 0.00", "1 balances"];

#[test]
fn a_pair_locks_once_and_its_first_trade_or_trigger_ends_the_other_order() {
    #[track_caller]
    fn check(trade: (&str, &str, Side), told: &[&str], held: &str) {
        let mut scene = Scene::new(Fees::NONE);
        pair(&mut scene, "sell 2 stop 99", "sell 2 @ 103 maker");
        assert_eq!(scene.told(), STANDING);
        assert_eq!(scene.holds(), "USDT 1000 0 BTC 3 2", "once");
        scene.trade(trade.0, trade.1, trade.2);
        assert_eq!(scene.told(), told);
        assert_eq!(scene.holds(), held);
    }
    check(
        ("103.5", "9", Side::Buy),
        &[
            "filled 2.00 @ 103.00 fee 0 USDT",
            "filled 2.00",
            "expired waiting 0.00 OCO_TRIGGER",
            "2 balances",
        ],
        "USDT 1206 0 BTC 3 0",
    );
    check(
        ("103.5", "0.5", Side::Buy),
        &[
            "filled 0.50 @ 103.00 fee 0 USDT",
            "partially_filled 0.50",
            "expired waiting 0.00 OCO_TRIGGER",
            "2 balances",
        ],
        "USDT 1051.5 0 BTC 3 1.5",
    );
    check(
        ("98.9", "1", Side::Sell),
        &[
            "accepted 0.00",
            "filled 2.00 @ 100.00 fee 0 USDT",
            "filled 2.00",
            "expired 0.00 OCO_TRIGGER",
            "2 balances",
        ],
        "USDT 1200 0 BTC 3 0",
    );
}

#[test]
fn whoever_takes_back_one_order_of_a_pair_takes_back_both() {
    for leg in [0, 1] {
        let mut scene = Scene::new(Fees::NONE);
        let names = pair(&mut scene, "sell 2 stop 99", "sell 2 @ 103 maker");
        scene.cancel(names[leg]);
        assert_eq!(scene.told().iter().filter(|told| told.starts_with("canceled")).count(), 2);
        assert_eq!(scene.holds(), "USDT 1000 0 BTC 5 0");
        scene.cancel(names[1 - leg]);
        assert_eq!(scene.told(), ["-2011 Unknown order sent."]);
    }
}

#[test]
fn a_pair_that_is_none_leaves_nothing_behind() {
    #[track_caller]
    fn check(stop: &str, target: &str, refusal: &str) {
        let mut scene = Scene::new(Fees::NONE);
        pair(&mut scene, stop, target);
        assert_eq!(scene.told(), ["sent", "sent", refusal, refusal], "{stop} with {target}");
        assert_eq!(scene.holds(), "USDT 1000 0 BTC 5 0");
        scene.act(&VenueAction::ReadOpenOrders);
        let open = VenueEffect::Event(VenueEvent::OpenOrdersRead {
            orders: Vec::new(),
            elsewhere: Vec::new(),
        });
        assert_eq!(scene.effects, [open]);
    }
    let relation = "-2010 The relationship of the prices for the orders is not correct.";
    check("sell 2 stop 100.5", "sell 2 @ 103 maker", relation);
    check("sell 2 stop 99", "sell 2 @ 100.4 maker", relation);
    let balance = "-2010 Account has insufficient balance for requested action.";
    check("sell 6 stop 99", "sell 6 @ 103 maker", balance);
    check("sell 2 stop 99", "sell 2 @ 103.001 maker", "-1013 Filter failure: PRICE_FILTER");
}

#[test]
fn cancel_replace_places_nothing_unless_the_old_order_went_untouched() {
    #[track_caller]
    fn check(text: &str, before: impl Fn(&mut Scene), told: &[&str], held: &str) {
        let mut scene = Scene::new(Fees::NONE);
        let [old, _] = pair(&mut scene, "sell 2 stop 99", "sell 2 @ 103 maker");
        before(&mut scene);
        let (client_order_id, new) = (name(77), order(text));
        scene.act(&VenueAction::CancelReplace { old, client_order_id, new });
        assert_eq!(scene.told(), told);
        assert_eq!(scene.holds(), held);
    }
    let nothing = |_: &mut Scene| {};
    let sold = [
        "sent",
        "canceled waiting 0.00",
        "canceled 0.00",
        "1 balances",
        "accepted 0.00",
        "filled 2.00 @ 100.00 fee 0 USDT",
        "filled 2.00",
        "2 balances",
    ];
    check("sell 2 market", nothing, &sold, "USDT 1200 0 BTC 3 0");
    let refused = "-2022 Order cancel-replace failed.";
    let gone = |scene: &mut Scene| scene.trade("103.5", "0.5", Side::Buy);
    check("sell 2 market", gone, &["sent", refused, refused], "USDT 1051.5 0 BTC 3 1.5");
    let lot = "-1013 Filter failure: LOT_SIZE";
    check("sell 0.0001 @ 110 gtc", nothing, &["sent", lot, lot], "USDT 1000 0 BTC 3 2");
    // Half done, as on the venue: the old order is gone, the new one can't be paid.
    let half = ["sent", "canceled waiting 0.00", "canceled 0.00", "1 balances"];
    let balance = "-2010 Account has insufficient balance for requested action.";
    let half: Vec<&str> = half.into_iter().chain([balance]).collect();
    check("sell 6 market", nothing, &half, "USDT 1000 0 BTC 5 0");
}

#[test]
fn the_venue_refuses_in_the_words_of_the_real_one() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut scene = Scene::new(Fees::NONE);
        scene.submit(text);
        assert_eq!(scene.told(), ["sent", expected], "{text}");
        assert_eq!(scene.holds(), "USDT 1000 0 BTC 5 0");
    }
    let balance = "-2010 Account has insufficient balance for requested action.";
    check("buy 10.001 @ 100 gtc", balance);
    check("sell 5.001 @ 110 gtc", balance);
    check("sell 5.001 market", balance);
    check("sell 6 stop 90", balance);
    check("buy 1 @ 101 maker", "-2010 Order would immediately match and take.");
    check("sell 1 stop 100.5", "-2010 Order would trigger immediately.");
    check("buy 0.0001 @ 100 gtc", "-1013 Filter failure: LOT_SIZE");
    check("buy 1 @ 100.001 gtc", "-1013 Filter failure: PRICE_FILTER");
}

#[test]
fn questions_are_answered() {
    let mut scene = Scene::new(Fees::NONE);
    let order = scene.submit("buy 7 @ 101 gtc");
    let duplicate = VenueAction::Submit {
        client_order_id: order,
        new: crate::testing::order("buy 1 @ 90 gtc"),
    };
    scene.act(&duplicate);
    assert_eq!(scene.told(), ["sent", "-2010 Duplicate order sent."]);

    scene.act(&VenueAction::QueryOrder { instrument: BTC, client_order_id: order });
    let [VenueEffect::Event(VenueEvent::OrderFound(found))] = &scene.effects[..] else {
        panic!("{:?}", scene.effects);
    };
    assert_eq!((found.status, found.executed_quantity), (OrderStatus::PartiallyFilled, qty("3")));
    let venue_order = found.venue_order;
    scene.act(&VenueAction::QueryOrder { instrument: BTC, client_order_id: name(77) });
    assert!(matches!(scene.effects[..], [VenueEffect::Event(VenueEvent::OrderNotFound { .. })]));
    scene.act(&VenueAction::QueryVenueOrder { instrument: BTC, venue_order });
    assert!(matches!(
        &scene.effects[..],
        [VenueEffect::Event(VenueEvent::OrderFound(found))] if found.client_order_id == order
    ));
    let unknown = VenueOrderId(77);
    scene.act(&VenueAction::QueryVenueOrder { instrument: BTC, venue_order: unknown });
    assert!(matches!(scene.effects[..], [VenueEffect::Event(VenueEvent::ReadFailed { .. })]));
    scene.act(&VenueAction::ReadOrderTrades { instrument: BTC, venue_order });
    assert!(matches!(
        &scene.effects[..],
        [VenueEffect::Event(VenueEvent::OrderTradesRead { fills, .. })] if fills.len() == 1
    ));
    scene.act(&VenueAction::ReadTrades { instrument: BTC, from: Some(TradeId(2)) });
    assert!(matches!(
        &scene.effects[..],
        [VenueEffect::Event(VenueEvent::TradesRead { fills, more: false, .. })] if fills.is_empty()
    ));
    scene.act(&VenueAction::ReadOpenOrders);
    assert!(matches!(
        &scene.effects[..],
        [VenueEffect::Event(VenueEvent::OpenOrdersRead { orders, .. })] if orders.len() == 1
    ));
    scene.cancel(order);
    scene.act(&VenueAction::ReadOpenOrders);
    assert!(matches!(
        &scene.effects[..],
        [VenueEffect::Event(VenueEvent::OpenOrdersRead { orders, .. })] if orders.is_empty()
    ));
    scene.cancel(order);
    assert_eq!(scene.told(), ["-2011 Unknown order sent."]);
    // An ended order's name may be used again.
    scene.act(&duplicate);
    assert_eq!(scene.told(), ["sent", "accepted 0.00", "1 balances"]);
}

#[test]
fn a_stop_that_buys_may_spend_what_is_free_and_no_more() {
    #[track_caller]
    fn check(quantity: &str, ask: &str, expected: &[&str]) {
        let mut scene = Scene::new(Fees::NONE);
        scene.submit(&format!("buy {quantity} stop 102"));
        scene.quote(("102", "9"), (ask, "9"));
        scene.trade("102", "1", Side::Buy);
        assert_eq!(scene.told(), expected);
        assert!(!scene.venue.account.get(asset("USDT")).free.is_negative());
    }
    check(
        "9",
        "103",
        &["accepted 0.00", "filled 9.00 @ 103.00 fee 0 BTC", "filled 9.00", "2 balances"],
    );
    check(
        "9",
        "125",
        &[
            "accepted 0.00",
            "filled 8.00 @ 125.00 fee 0 BTC",
            "partially_filled 8.00",
            "expired 8.00 EXCHANGE_CANCELED",
            "2 balances",
        ],
    );
}

#[test]
fn an_open_order_of_an_earlier_run_goes_on() {
    let mut scene = Scene::new(Fees::NONE);
    let restored = RestoredOpenOrder {
        client_order_id: name(1),
        venue_order: VenueOrderId(41),
        new: order("buy 2 @ 99 gtc"),
        executed: qty("0.5"),
        is_triggered: false,
        other_leg: None,
    };
    scene.venue.restore(at(0), &restored).unwrap();
    assert_eq!(scene.holds(), "USDT 851.5 148.5 BTC 5 0");
    scene.trade("98", "9", Side::Sell);
    assert_eq!(scene.told(), ["filled 1.50 @ 99.00 fee 0 BTC", "filled 2.00", "2 balances"]);
    scene.submit("buy 1 @ 98 gtc");
    assert_eq!(scene.venue.history.open().next().unwrap().venue_order, VenueOrderId(42));
}

#[test]
fn a_stop_that_was_triggered_goes_on_as_what_it_became() {
    let mut scene = Scene::new(Fees::NONE);
    let restored = RestoredOpenOrder {
        client_order_id: name(1),
        venue_order: VenueOrderId(41),
        new: order("sell 2 stop 98 @ 103 gtc"),
        executed: Quantity::ZERO,
        is_triggered: true,
        other_leg: None,
    };
    scene.venue.restore(at(0), &restored).unwrap();
    // Far from its stop: what matters is its limit.
    scene.trade("104", "9", Side::Buy);
    assert_eq!(scene.told(), ["filled 2.00 @ 103.00 fee 0 USDT", "filled 2.00", "2 balances"]);
}

#[test]
fn an_order_that_cannot_go_on_is_told_to_have_expired() {
    let mut scene = Scene::new(Fees::NONE);
    let lost = RestoredOpenOrder {
        client_order_id: name(1),
        venue_order: VenueOrderId(41),
        new: order("buy 900 @ 99 gtc"),
        executed: qty("0.5"),
        is_triggered: false,
        other_leg: None,
    };
    let reason = scene.venue.restore(at(0), &lost).unwrap_err();
    assert_eq!(reason, LocalReject::InsufficientBalance);
    scene.venue.expire(at(0), &lost, &reason.to_string());
    assert_eq!(scene.holds(), "USDT 1000 0 BTC 5 0");
    let query = VenueAction::QueryOrder { instrument: BTC, client_order_id: name(1) };
    scene.act(&query);
    let [VenueEffect::Event(VenueEvent::OrderFound(found))] = &scene.effects[..] else {
        panic!("{:?}", scene.effects);
    };
    assert_eq!((found.status, found.executed_quantity), (OrderStatus::Expired, qty("0.5")));
    scene.submit("buy 1 @ 98 gtc");
    assert_eq!(scene.venue.history.open().next().unwrap().venue_order, VenueOrderId(42));
}

/// Whatever is done, nothing is ever owed, and what is held is what was held at first plus what
/// the fills say.
#[test]
fn balances_are_the_sum_of_fills() {
    for seed in 0..8 {
        let mut random = Pcg64::seed_from_u64(seed);
        let mut charged = fees("0.0007", "0.001");
        if seed % 2 == 0 {
            charged.policy = FeePolicy::Quote;
        }
        let mut scene = Scene::new(charged);
        let (mut usdt, mut btc) = (amount("1000"), amount("5"));
        let (mut fills, mut names) = (0, Vec::new());
        for step in 0..3_000_i64 {
            scene.now = at(step);
            let middle = random.random_range(95..106);
            match random.random_range(0..6) {
                0 => {
                    let (bid, ask) = (format!("{middle}"), format!("{}.5", middle));
                    scene.quote((&bid, "1.5"), (&ask, "1.25"));
                }
                1 | 2 => {
                    let side = if random.random() { Side::Buy } else { Side::Sell };
                    scene.trade(&format!("{middle}.25"), "0.75", side);
                }
                3 if !names.is_empty() => {
                    let name = names.swap_remove(random.random_range(0..names.len()));
                    scene.cancel(name);
                }
                _ => {
                    let side = if random.random() { "buy" } else { "sell" };
                    let size =
                        format!("{}.{:03}", random.random_range(0..3), random.random_range(1..999));
                    let end = [
                        "market",
                        "@ 100.3 gtc",
                        "@ 99 ioc",
                        "@ 101 fok",
                        "stop 102",
                        "stop 98",
                        "target 97.5",
                        "target 103 @ 103 gtc",
                        "@ 98.7 maker",
                    ][random.random_range(0..9)];
                    names.push(scene.submit(&format!("{side} {size} {end}")));
                }
            }
            for effect in &scene.effects {
                let VenueEffect::Event(VenueEvent::Filled { fill, .. }) = effect else { continue };
                let sign = Decimal::from(fill.side.sign());
                let paid = notional(fill.price, fill.quantity);
                btc += Amount::from(fill.quantity).checked_mul(sign).unwrap();
                usdt -= paid.checked_mul(sign).unwrap();
                *(if fill.fee_asset == asset("BTC") { &mut btc } else { &mut usdt }) -= fill.fee;
                fills += 1;
            }
            for (name, expected) in [("USDT", usdt), ("BTC", btc)] {
                let balance = scene.venue.account.get(asset(name));
                assert!(!balance.free.is_negative() && !balance.locked.is_negative());
                assert_eq!(balance.free + balance.locked, expected, "seed {seed} step {step}");
            }
        }
        for name in names {
            scene.cancel(name);
        }
        for name in ["USDT", "BTC"] {
            assert!(scene.venue.account.get(asset(name)).locked.is_zero(), "seed {seed}");
        }
        assert!(fills > 200, "{fills} fills");
    }
}

/// An event of the market, and when it was received: a trade of `instant`, or an ask.
#[derive(Clone, Copy)]
enum Heard {
    Sold(i64, &'static str, &'static str),
    Ask(&'static str, &'static str),
}

#[test]
fn what_one_taker_brings_is_one_fill() {
    use Heard::{Ask, Sold};
    /// What a buy of 2 at 100.5 is told, which is alone there: quantity, fee and instant of fills.
    #[track_caller]
    fn check(label: &str, latency: i64, heard: &[(i64, Heard)], expected: &[(&str, &str, i64)]) {
        let micros = u64::try_from(latency).unwrap() * 1_000;
        let mut venue = venue(LatencyModel::Constant { micros }, fees("0.001", "0.002"));
        let mut effects = Vec::new();
        let mut update = 1;
        venue.on_market(at(0), &quote(at(0), update, ("100", "2"), ("101", "3")));
        let new = order("buy 2 @ 100.5 gtc");
        venue.act(at(0), VenueAction::Submit { client_order_id: name(1), new });
        let wake = |venue: &mut LocalVenue, until: i64, effects: &mut Vec<VenueEffect>| {
            while let Some(Wake::Venue(due)) =
                venue.wake_at().filter(|wake| matches!(wake, Wake::Venue(due) if *due <= at(until)))
            {
                venue.step(Moment::same(due), VenueInput::Wake, effects);
            }
        };
        for (received, heard) in heard {
            wake(&mut venue, *received, &mut effects);
            update += 1;
            let event = match heard {
                Sold(instant, price, quantity) => {
                    let sold = trade(at(*instant), px(price), qty(quantity), Side::Sell);
                    match sold {
                        MarketEvent::Trade(sold) => {
                            MarketEvent::Trade(model::Trade { received_at: at(*received), ..sold })
                        }
                        other => other,
                    }
                }
                Ask(price, quantity) => {
                    quote(at(*received), update, ("99", "1"), (price, quantity))
                }
            };
            venue.step(Moment::same(at(*received)), VenueInput::Market(&event), &mut effects);
        }
        wake(&mut venue, 10_000, &mut effects);
        let told: Vec<(String, String, i64)> = effects
            .iter()
            .filter_map(|effect| match effect {
                VenueEffect::Event(VenueEvent::Filled { fill, .. }) => Some(*fill),
                _ => None,
            })
            .map(|fill| {
                let after = fill.event_at.nanos_since(at(0)) / 1_000_000;
                (fill.quantity.to_string(), fill.fee.to_string(), after)
            })
            .collect();
        let told: Vec<(&str, &str, i64)> =
            told.iter().map(|(q, fee, after)| (q.as_str(), fee.as_str(), *after)).collect();
        assert_eq!(told, expected, "{label}");
        // Nothing is booked twice, nothing forgotten.
        let bought: Amount = expected.iter().map(|(q, fee, _)| amount(q) - amount(fee)).sum();
        let held = venue.account.get(asset("BTC"));
        assert_eq!(held.free, amount("5") + bought, "{label}");
    }
    let one = [(40, Sold(40, "100.5", "0.5")), (41, Sold(40, "100.5", "0.7"))];
    let all = "0.0012";
    check("one taker", 25, &one, &[("1.20000000", all, 40)]);
    check("no latency", 0, &one, &[("0.50000000", "0.0005", 40), ("0.70000000", "0.0007", 41)]);
    let through = [(40, Sold(40, "100.5", "0.5")), (41, Sold(40, "100.2", "0.7"))];
    check("through levels", 25, &through, &[("1.20000000", all, 40)]);
    let two = [(40, Sold(40, "100.5", "0.5")), (41, Sold(41, "100.5", "0.7"))];
    let apart = [("0.50000000", "0.0005", 40), ("0.70000000", "0.0007", 41)];
    check("two instants", 25, &two, &apart);
    let back = [(40, Sold(40, "100.2", "0.5")), (41, Sold(40, "100.5", "0.7"))];
    check("a better price is another's", 25, &back, &apart);
    let whole = [(40, Sold(40, "100.5", "1.5")), (41, Sold(40, "100.5", "1.5"))];
    check("no more than it wants", 25, &whole, &[("2.00000000", "0.002", 40)]);
    let late = [(40, Sold(40, "100.5", "0.5")), (70, Sold(40, "100.5", "0.7"))];
    let told = [("0.50000000", "0.0005", 40), ("0.70000000", "0.0007", 70)];
    check("told already", 25, &late, &told);
    let left = [(40, Sold(40, "100.5", "0.5")), (41, Ask("100.3", "0.7"))];
    check("what it leaves on the book", 25, &left, &[("1.20000000", all, 40)]);
    let first = [(40, Ask("100.3", "0.5")), (41, Sold(40, "100.5", "0.7"))];
    check("the book first", 25, &first, &[("1.20000000", all, 40)]);
    let others = [(40, Sold(40, "100.5", "0.5")), (46, Ask("100.3", "0.7"))];
    let told = [("0.50000000", "0.0005", 40), ("0.70000000", "0.0007", 46)];
    check("another order's", 25, &others, &told);
}

#[test]
fn a_fill_that_waits_is_told_before_anything_that_comes_later() {
    let mut venue = venue(LatencyModel::Constant { micros: 25_000 }, Fees::NONE);
    let mut effects = Vec::new();
    venue.on_market(at(0), &quote(at(0), 1, ("100", "2"), ("101", "3")));
    let new = order("buy 2 @ 100.5 gtc");
    venue.act(at(0), VenueAction::Submit { client_order_id: name(1), new });
    venue.on_market(at(40), &trade(at(40), px("100.5"), qty("0.5"), Side::Sell));
    venue.act(at(41), VenueAction::Cancel { instrument: BTC, client_order_id: name(1) });
    venue.deliver(at(100), &mut effects);
    let fills = effects.iter().position(|effect| {
        matches!(effect, VenueEffect::Event(VenueEvent::Filled { fill, .. }) if fill.event_at == at(40))
    });
    let canceled = effects.iter().position(|effect| {
        matches!(effect, VenueEffect::Event(VenueEvent::OrderChanged(order))
            if order.status == OrderStatus::Canceled && order.executed_quantity == qty("0.5"))
    });
    assert!(fills.unwrap() < canceled.unwrap(), "{effects:?}");
}

fn bar(now: Timestamp, [open, high, low, close]: [&str; 4], volume: &str) -> MarketEvent {
    MarketEvent::from(model::Bar {
        instrument: BTC,
        interval: model::Interval::MINUTE,
        open_at: now.before(Duration::from_mins(1)),
        open: px(open),
        high: px(high),
        low: px(low),
        close: px(close),
        volume: qty(volume),
        quote_volume: Amount::ZERO,
        taker_buy_volume: Quantity::ZERO,
        trade_count: 4,
        received_at: now,
    })
}

/// One bar reaches both the stop at 99 and the target at 103: the low comes first, and only the
/// stop sells.
#[test]
fn a_bar_that_reaches_both_orders_of_a_pair_sells_once() {
    #[track_caller]
    fn check(latency: i64, cancels: bool, held: &str) {
        let micros = u64::try_from(latency * 1_000).unwrap();
        let mut scene = Scene {
            venue: venue(LatencyModel::Constant { micros }, Fees::NONE),
            effects: Vec::new(),
            now: at(0),
            orders: 0,
        };
        scene.market(&bar(at(0), ["101", "101", "101", "101"], "1000"));
        let names = pair(&mut scene, "sell 5 stop 99", "sell 5 @ 103 maker");
        scene.wait_until(59_990);
        if cancels {
            // Still on its way when the bar comes.
            scene.cancel(names[1]);
        }
        scene.now = at(60_000);
        scene.market(&bar(scene.now, ["101", "120", "90", "101"], "1000"));
        scene.wait_until(61_000);
        assert_eq!(scene.holds(), held, "latency {latency}, cancels {cancels}");
        assert_eq!(scene.venue.history.open().count(), 0);
    }
    let sold = "USDT 1449.9 0 BTC 0 0";
    check(0, false, sold);
    check(25, false, sold);
    check(25, true, sold);
    check(0, true, "USDT 1000 0 BTC 5 0");
}

/// Whatever the market does, and however late commands come, an account never owes anything: it
/// says so itself, and ends the run.
#[test]
fn no_market_of_bars_or_trades_makes_an_account_owe() {
    for seed in 0..16 {
        let mut random = Pcg64::seed_from_u64(seed);
        let mut charged = fees("0.0007", "0.001");
        if seed % 2 == 0 {
            charged.policy = FeePolicy::Quote;
        }
        let latency = if seed % 4 < 2 { LatencyModel::NONE } else { LatencyModel::default() };
        let venue = venue(latency, charged);
        let mut scene = Scene { venue, effects: Vec::new(), now: at(0), orders: 0 };
        let (mut fills, mut names) = (0, Vec::new());
        let (mut usdt, mut btc) = (amount("1000"), amount("5"));
        for step in 1..2_000_i64 {
            scene.now = at(step * 40);
            let price = |random: &mut Pcg64| format!("{}.5", random.random_range(94..107));
            match random.random_range(0..8) {
                0..=2 if seed % 3 == 0 => {
                    let side = if random.random() { Side::Buy } else { Side::Sell };
                    scene.trade(&price(&mut random), "7.5", side);
                }
                0..=2 => {
                    let mut points = [0; 4].map(|_| price(&mut random));
                    let [open, high, low, close] = &mut points;
                    (*high, *low) = ("107.5".to_owned(), "93.5".to_owned());
                    let points = [&*open, &*high, &*low, &*close].map(String::as_str);
                    let bar = bar(scene.now, points, "70");
                    scene.market(&bar);
                }
                3 | 4 => {
                    let size = format!("{}.5", random.random_range(0..4));
                    let (stop, target) = match random.random_range(0..4) {
                        0 => ("sell Q stop 95", "sell Q @ 106 maker"),
                        1 => ("sell Q stop 97 @ 96 gtc", "sell Q target 105"),
                        2 => ("buy Q stop 106", "buy Q @ 95 maker"),
                        _ => ("buy Q stop 105", "buy Q target 96 @ 96.5 gtc"),
                    };
                    let (stop, target) = (stop.replace('Q', &size), target.replace('Q', &size));
                    names.extend(pair(&mut scene, &stop, &target));
                }
                5 if !names.is_empty() => {
                    let name = names.swap_remove(random.random_range(0..names.len()));
                    scene.cancel(name);
                }
                _ => {
                    let side = if random.random() { "buy" } else { "sell" };
                    let size = format!("{}.5", random.random_range(0..6));
                    let end = ["market", "@ 100.3 gtc", "@ 99 ioc", "@ 101 fok", "stop 102"];
                    let end = end[random.random_range(0..end.len())];
                    names.push(scene.submit(&format!("{side} {size} {end}")));
                }
            }
            for effect in &scene.effects {
                let VenueEffect::Event(VenueEvent::Filled { fill, .. }) = effect else { continue };
                let sign = Decimal::from(fill.side.sign());
                btc += Amount::from(fill.quantity).checked_mul(sign).unwrap();
                usdt -= notional(fill.price, fill.quantity).checked_mul(sign).unwrap();
                *(if fill.fee_asset == asset("BTC") { &mut btc } else { &mut usdt }) -= fill.fee;
                assert!(!btc.is_negative() && !usdt.is_negative(), "seed {seed} step {step}");
                fills += 1;
            }
        }
        assert!(fills > 100, "seed {seed}: {fills} fills");
    }
}
