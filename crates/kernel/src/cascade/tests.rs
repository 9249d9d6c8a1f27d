//! The order of things, with a venue that fills at once and strategies that report every call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use model::*;

use super::*;
use crate::orders::{ExecutionIdentity, ExecutionPolicy, RestoredExecution};
use crate::risk::{RestoredRisk, RiskConfig, RiskLimits, StrategyRisk};
use crate::strategy::{Context, HostSetup, Requirements, Strategy, StrategyError, StrategyResult};
use crate::venue::{Balance, OrderSnapshot, VenueAction, VenueEvent, Wake};

const ID: InstrumentId = InstrumentId(0);

type Log = Arc<Mutex<Vec<String>>>;

/// Fills market orders at the last trade, limit orders when a trade reaches them.
#[derive(Debug, Default)]
struct Dealer {
    log: Log,
    price: Price,
    resting: Vec<(ClientOrderId, NewOrder, VenueOrderId)>,
    last: i64,
    wake_at: Option<Timestamp>,
}

impl Dealer {
    fn snapshot(
        &self,
        id: ClientOrderId,
        order: VenueOrderId,
        status: OrderStatus,
    ) -> OrderSnapshot {
        OrderSnapshot {
            instrument: ID,
            client_order_id: id,
            venue_order: order,
            status,
            executed_quantity: if status == OrderStatus::Filled {
                Quantity::ONE
            } else {
                Quantity::ZERO
            },
            is_working: true,
            reason: String::new(),
            event_at: Timestamp::EPOCH,
        }
    }

    fn fill(
        &mut self,
        id: ClientOrderId,
        new: &NewOrder,
        order: VenueOrderId,
        out: &mut Vec<VenueEffect>,
    ) {
        self.last += 1;
        let fill = Fill {
            key: FillKey { instrument: ID, trade: TradeId(self.last), venue_order: order },
            side: new.side,
            price: self.price,
            quantity: Quantity::ONE,
            fee: "0.5".parse().unwrap(),
            fee_asset: "USDT".parse().unwrap(),
            liquidity: Liquidity::Taker,
            event_at: Timestamp::EPOCH,
        };
        out.push(VenueEffect::Event(VenueEvent::Filled { client_order_id: id, fill }));
        let filled = self.snapshot(id, order, OrderStatus::Filled);
        out.push(VenueEffect::Event(VenueEvent::OrderChanged(filled)));
    }

    fn carry_out(&mut self, now: Timestamp, action: &VenueAction, out: &mut Vec<VenueEffect>) {
        let mut say = |event| out.push(VenueEffect::Event(event));
        match action {
            VenueAction::Submit { client_order_id, new } => {
                let id = *client_order_id;
                self.log.lock().unwrap().push(format!("venue submits {}", new.side.name()));
                self.last += 1;
                let order = VenueOrderId(self.last);
                say(VenueEvent::Sent { client_order_id: id, signed_at: now });
                say(VenueEvent::OrderChanged(self.snapshot(id, order, OrderStatus::Accepted)));
                if new.kind == OrderKind::Market {
                    self.fill(id, new, order, out);
                } else {
                    self.resting.push((id, *new, order));
                }
            }
            VenueAction::Cancel { client_order_id, .. } => {
                self.log.lock().unwrap().push("venue cancels".to_owned());
                let found = self.resting.iter().position(|(id, ..)| id == client_order_id).unwrap();
                let (id, _, order) = self.resting.remove(found);
                say(VenueEvent::OrderChanged(self.snapshot(id, order, OrderStatus::Canceled)));
            }
            VenueAction::ReadAccount => {
                let plenty = |asset: &str| Balance {
                    asset: asset.parse().unwrap(),
                    free: "100000".parse().unwrap(),
                    locked: Amount::ZERO,
                };
                let balances = vec![plenty("USDT"), plenty("BTC")];
                say(VenueEvent::AccountRead { balances, event_at: now });
            }
            VenueAction::ReadOpenOrders => {
                say(VenueEvent::OpenOrdersRead { orders: Vec::new(), elsewhere: Vec::new() })
            }
            VenueAction::ReadTrades { instrument, .. } => {
                let (instrument, fills) = (*instrument, Vec::new());
                say(VenueEvent::TradesRead { instrument, fills, more: false });
            }
            VenueAction::SubmitPair(_)
            | VenueAction::CancelReplace { .. }
            | VenueAction::QueryOrder { .. }
            | VenueAction::QueryVenueOrder { .. }
            | VenueAction::ReadOrderTrades { .. } => unreachable!("nothing is ever unknown here"),
        }
    }
}

impl Venue for Dealer {
    fn step(&mut self, now: Moment, input: VenueInput<'_>, out: &mut Vec<VenueEffect>) {
        match input {
            VenueInput::Start => out.push(VenueEffect::Event(VenueEvent::Connected)),
            VenueInput::Command(command) => self.carry_out(now.venue, command.action(), out),
            VenueInput::Market(MarketEvent::Trade(trade)) => {
                self.log.lock().unwrap().push(format!("venue sees {}", trade.id));
                self.price = trade.price;
                let reached = |new: &NewOrder| match (new.side, new.kind.limit_price().unwrap()) {
                    (Side::Buy, limit) => trade.price <= limit,
                    (Side::Sell, limit) => trade.price >= limit,
                };
                for (id, new, order) in std::mem::take(&mut self.resting) {
                    if reached(&new) {
                        self.fill(id, &new, order, out);
                    } else {
                        self.resting.push((id, new, order));
                    }
                }
            }
            VenueInput::Wake => {
                self.wake_at = None;
                let reason = "a test".to_owned();
                out.push(VenueEffect::Event(VenueEvent::Disconnected { reason }));
            }
            VenueInput::Market(_) | VenueInput::Wire(_) | VenueInput::InstrumentsRefreshed(_) => {}
        }
    }

    fn wake_at(&self) -> Option<Wake> {
        self.wake_at.map(Wake::Venue)
    }
}

/// A journal that notes intents.
#[derive(Debug)]
struct Pen(Log);

impl Journal for Pen {
    fn append(&mut self, batch: &[Persist]) -> Result<(), JournalError> {
        for persist in batch {
            if let Record::OrderIntended(intent) = &persist.record {
                self.0.lock().unwrap().push(format!("journal intends {}", intent.new.side.name()));
            }
        }
        Ok(())
    }

    fn replay(&mut self, _: &mut dyn FnMut(u64, Record)) -> Result<(), JournalError> {
        Ok(())
    }
}

/// What a talker does at a trade.
#[derive(Clone, Copy)]
enum Act {
    Buy,
    Sell,
    Bid(&'static str),
    CancelAll,
    Timer(i64),
    Fail,
    Nothing,
}

/// Reports every call and acts at the trades that it was told.
struct Talker {
    name: &'static str,
    log: Log,
    acts: BTreeMap<i64, Act>,
}

impl Talker {
    fn say(&self, what: &str) {
        self.log.lock().unwrap().push(format!("{} {what}", self.name));
    }
}

impl Strategy for Talker {
    fn requirements(&self) -> Requirements {
        Requirements { trades: true, ..Requirements::default() }
    }

    fn on_start(&mut self, _: &mut Context<'_>) -> StrategyResult {
        self.say("starts");
        Ok(())
    }

    fn on_trade(&mut self, context: &mut Context<'_>, trade: &Trade) -> StrategyResult {
        self.say(&format!("sees {}", trade.id));
        match self.acts.get(&trade.id.0).copied().unwrap_or(Act::Nothing) {
            Act::Buy => {
                context.submit(NewOrder::market(ID, Side::Buy, Quantity::ONE));
            }
            Act::Sell => {
                context.submit(NewOrder::market(ID, Side::Sell, Quantity::ONE));
            }
            Act::Bid(price) => {
                let price = price.parse().unwrap();
                context.submit(NewOrder::limit(ID, Side::Buy, Quantity::ONE, price));
            }
            Act::CancelAll => context.cancel_all(ID),
            Act::Timer(at_ms) => context.set_timer(1, Timestamp::from_millis(at_ms)),
            Act::Fail => return Err(StrategyError("told to".to_owned())),
            Act::Nothing => {}
        }
        Ok(())
    }

    fn on_order(&mut self, context: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        let what = match &event.kind {
            OrderEventKind::Denied { reason } => format!("denied by {}", reason.rule),
            OrderEventKind::Submitted { .. } => return Ok(()),
            OrderEventKind::Accepted { .. } => return Ok(()),
            OrderEventKind::Filled { .. } => {
                format!("filled, holds {:.1}", context.position(ID).quantity())
            }
            OrderEventKind::Canceled { .. } => "canceled".to_owned(),
            OrderEventKind::Triggered
            | OrderEventKind::Completed
            | OrderEventKind::Expired { .. }
            | OrderEventKind::Rejected { .. }
            | OrderEventKind::CancelRejected { .. }
            | OrderEventKind::OutcomeUnknown { .. }
            | OrderEventKind::Absent { .. } => format!("{:?}", event.kind),
        };
        self.say(&what);
        Ok(())
    }

    fn on_timer(&mut self, context: &mut Context<'_>, _: u32) -> StrategyResult {
        self.say(&format!("wakes at {}", context.now().as_millis()));
        Ok(())
    }

    fn on_stop(&mut self, context: &mut Context<'_>) -> StrategyResult {
        self.say("stops");
        context.cancel_all(ID);
        Ok(())
    }
}

fn instruments() -> Arc<Instruments> {
    let mut instruments = Instruments::new();
    instruments.add(Instrument {
        id: ID,
        venue: VenueId::new("test:1").unwrap(),
        symbol: "BTCUSDT".parse().unwrap(),
        base: "BTC".parse().unwrap(),
        quote: "USDT".parse().unwrap(),
        base_decimals: 8,
        quote_decimals: 8,
        contract: Contract::Spot,
        features: model::Features::ALL,
        status: InstrumentStatus::Trading,
        filters: Filters::default(),
    });
    Arc::new(instruments)
}

struct Run {
    cascade: Cascade<Dealer, Pen>,
    log: Log,
    out: Vec<CascadeOutput>,
}

const NAMES: [&str; 2] = ["a", "b"];

/// Two strategies, `a` before `b`, each told what to do at which trade.
fn run(acts: [&[(i64, Act)]; 2], max_order_notional: Option<&str>) -> Run {
    let log = Log::default();
    let mut config = RiskConfig::new("USDT".parse().unwrap());
    config.limits = RiskLimits {
        max_order_notional: max_order_notional.map(|text| text.parse().unwrap()),
        ..RiskLimits::default()
    };
    let mut hosts = Vec::new();
    for (index, acts) in acts.into_iter().enumerate() {
        let strategy = StrategyId(index as u16);
        let capital = "50000".parse().unwrap();
        let limits = RiskLimits::default();
        config.strategies.insert(strategy, StrategyRisk { capital, limits, protection: None });
        let acts = acts.iter().copied().collect();
        let machine = Talker { name: NAMES[index], log: Arc::clone(&log), acts };
        hosts.push(StrategyHost::new(
            Box::new(machine),
            HostSetup {
                strategy,
                epoch: 1,
                last_number: 0,
                instruments: instruments(),
                traded: vec![ID],
                capital,
                positions: BTreeMap::new(),
                open_orders: Vec::new(),
                effects_per_step: 10,
            },
        ));
    }
    let identity = ExecutionIdentity {
        instance: InstanceId::new("abcdef").unwrap(),
        opened_at: Timestamp::EPOCH,
    };
    let policy = ExecutionPolicy::default();
    let execution = ExecutionMachine::new(
        identity,
        policy,
        instruments(),
        RestoredExecution::default(),
        Timestamp::EPOCH,
    );
    let cascade = Cascade::new(CascadeParts {
        hosts,
        risk: RiskMachine::new(config, instruments(), RestoredRisk::default()),
        execution,
        venue: Dealer { log: Arc::clone(&log), ..Dealer::default() },
        journal: Pen(Arc::clone(&log)),
    });
    Run { cascade, log, out: Vec::new() }
}

impl Run {
    fn start(&mut self) {
        self.cascade.start(Timestamp::EPOCH, &mut self.out).unwrap();
    }

    /// Trade `id` happens at millisecond `id`.
    fn trade(&mut self, id: i64, price: &str) {
        let at = Timestamp::from_millis(id);
        let event = MarketEvent::Trade(Trade {
            instrument: ID,
            id: TradeId(id),
            price: price.parse().unwrap(),
            quantity: Quantity::ONE,
            aggressor: Side::Buy,
            event_at: at,
            received_at: at,
        });
        self.cascade.market(&event, &mut self.out).unwrap();
    }

    #[track_caller]
    fn expect(&self, expected: &[&str]) {
        assert_eq!(std::mem::take(&mut *self.log.lock().unwrap()), expected);
    }
}

#[test]
fn each_strategy_is_drained_before_the_next_one_sees_the_event() {
    let mut run = run([&[(1, Act::Buy), (2, Act::Sell)], &[(1, Act::Buy)]], None);
    run.start();
    run.expect(&["a starts", "b starts"]);
    run.trade(1, "100");
    run.expect(&[
        "venue sees 1",
        "a sees 1",
        "journal intends buy",
        "venue submits buy",
        "a filled, holds 1.0",
        "b sees 1",
        "journal intends buy",
        "venue submits buy",
        "b filled, holds 1.0",
    ]);
    run.trade(2, "110");
    run.expect(&[
        "venue sees 2",
        "a sees 2",
        "journal intends sell",
        "venue submits sell",
        "a filled, holds 0.0",
        "b sees 2",
    ]);
    let holdings: Vec<Amount> =
        run.cascade.hosts().map(|host| host.position(ID).realised()).collect();
    assert_eq!(holdings, ["9".parse().unwrap(), Amount::ZERO]);
    let closed = run.out.iter().filter(|out| matches!(out, CascadeOutput::TradeClosed(_)));
    assert_eq!(closed.count(), 1);
}

#[test]
fn fills_come_before_the_event_that_caused_them() {
    let mut run = run([&[(1, Act::Bid("95"))], &[(2, Act::Bid("90")), (3, Act::CancelAll)]], None);
    run.start();
    run.trade(1, "100");
    run.log.lock().unwrap().clear();
    run.trade(2, "95");
    run.expect(&[
        "venue sees 2",
        "a filled, holds 1.0",
        "a sees 2",
        "b sees 2",
        "journal intends buy",
        "venue submits buy",
    ]);
    run.trade(3, "96");
    run.expect(&["venue sees 3", "a sees 3", "b sees 3", "venue cancels", "b canceled"]);
    assert_eq!(run.cascade.execution().working_orders().count(), 0);
}

#[test]
fn the_gate_judges_on_the_event_that_the_strategy_saw() {
    let mut run = run([&[(1, Act::Buy), (2, Act::Buy)], &[]], Some("105"));
    run.start();
    run.trade(1, "100");
    run.log.lock().unwrap().clear();
    run.trade(2, "110");
    run.expect(&["venue sees 2", "a sees 2", "a denied by max_order_notional", "b sees 2"]);
    let judged = run.out.iter().filter_map(|out| {
        if let CascadeOutput::Intended(intent) = out { Some(intent.correlation) } else { None }
    });
    assert_eq!(judged.collect::<Vec<_>>(), [CorrelationId(1), CorrelationId(2)]);
}

#[test]
fn a_failed_strategy_is_quarantined_and_the_others_go_on() {
    let mut run = run([&[(1, Act::Bid("90")), (2, Act::Fail)], &[(3, Act::Buy)]], None);
    run.start();
    run.trade(1, "100");
    run.log.lock().unwrap().clear();
    run.trade(2, "101");
    run.expect(&["venue sees 2", "a sees 2", "venue cancels", "b sees 2"]);
    run.trade(3, "102");
    run.expect(&[
        "venue sees 3",
        "b sees 3",
        "journal intends buy",
        "venue submits buy",
        "b filled, holds 1.0",
    ]);
    let failed = run
        .out
        .iter()
        .any(|out| matches!(out, CascadeOutput::StrategyFailed { strategy: StrategyId(0), .. }));
    assert!(failed);
}

#[test]
fn timers_fire_at_their_own_time() {
    let mut run = run([&[(1, Act::Timer(7))], &[(1, Act::Timer(5))]], None);
    run.start();
    run.trade(1, "100");
    run.log.lock().unwrap().clear();
    run.trade(6, "100");
    run.expect(&["b wakes at 5", "venue sees 6", "a sees 6", "b sees 6"]);
    run.cascade.advance(Timestamp::from_millis(20), &mut run.out).unwrap();
    run.expect(&["a wakes at 7"]);
    assert_eq!(run.cascade.now(), Timestamp::from_millis(20));
}

#[test]
fn nothing_is_sent_while_the_venue_is_away() {
    let mut run = run([&[(6, Act::Buy), (8, Act::Buy)], &[]], None);
    run.start();
    run.trade(1, "100");
    // Behind the loop's back, which looks again only after it gave somebody something.
    run.cascade.venue.wake_at = Some(Timestamp::from_millis(5));
    run.cascade.note_given();
    run.log.lock().unwrap().clear();
    run.trade(6, "100");
    run.expect(&["venue sees 6", "a sees 6", "b sees 6"]);
    assert!(run.out.iter().any(|out| matches!(out, CascadeOutput::Detached { .. })));
    // It comes back, and the strategies go on.
    run.cascade.start(Timestamp::from_millis(7), &mut run.out).unwrap();
    run.trade(8, "100");
    run.expect(&[
        "venue sees 8",
        "a sees 8",
        "journal intends buy",
        "venue submits buy",
        "a filled, holds 1.0",
        "b sees 8",
    ]);
}

#[test]
fn a_stop_takes_back_what_the_strategies_take_back() {
    let mut run = run([&[(1, Act::Bid("90"))], &[(1, Act::Bid("91"))]], None);
    run.start();
    run.trade(1, "100");
    run.log.lock().unwrap().clear();
    run.cascade.stop(&mut run.out).unwrap();
    run.expect(&[
        "a stops",
        "venue cancels",
        "a canceled",
        "b stops",
        "venue cancels",
        "b canceled",
    ]);
}

#[test]
fn history_comes_before_the_start() {
    let mut run = run([&[(1, Act::Buy)], &[]], None);
    let at = Timestamp::from_millis(1);
    let past = MarketEvent::Trade(Trade {
        instrument: ID,
        id: TradeId(1),
        price: Price::ONE,
        quantity: Quantity::ONE,
        aggressor: Side::Buy,
        event_at: at,
        received_at: at,
    });
    run.cascade.warm_up(StrategyId(0), past, &mut run.out).unwrap();
    run.start();
    run.expect(&["a sees 1", "a starts", "b starts"]);
}
