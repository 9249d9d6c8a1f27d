//! The host under a puppet: a strategy that reports every call in its log lines and then does
//! what the test has told it to do.

mod bookkeeping;
mod lifecycle;
mod property;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use model::*;
use rust_decimal::Decimal;

use super::*;
use crate::messages::{Cause, Intent};

/// What the puppet does at its next call.
#[derive(Clone, Debug)]
pub(super) enum Do {
    Buy(&'static str, &'static str),
    Sell(&'static str, &'static str),
    Cancel(u32),
    CancelAll,
    Replace(u32, &'static str),
    Timer(u32, i64),
    Fail,
    Flood(u32),
}

pub(super) const ID: InstrumentId = InstrumentId(0);

#[derive(Clone, Debug, Default)]
struct Strings(Arc<Mutex<VecDeque<Do>>>);

struct Puppet {
    strings: Strings,
    requirements: Requirements,
}

pub(super) const fn order_id(number: u32) -> OrderId {
    OrderId { epoch: 9, strategy: StrategyId(2), number }
}

impl Puppet {
    fn act(&mut self, context: &mut Context<'_>, call: String) -> StrategyResult {
        context.note(call);
        let actions: Vec<Do> = self.strings.0.lock().unwrap().drain(..).collect();
        for action in actions {
            let limit = |side, quantity: &str, price: &str| {
                NewOrder::limit(ID, side, quantity.parse().unwrap(), price.parse().unwrap())
            };
            match action {
                Do::Buy(quantity, price) => {
                    context.submit(limit(Side::Buy, quantity, price));
                }
                Do::Sell(quantity, price) => {
                    context.submit(limit(Side::Sell, quantity, price));
                }
                Do::Cancel(number) => context.cancel(order_id(number)),
                Do::CancelAll => context.cancel_all(ID),
                Do::Replace(number, price) => {
                    context.replace(order_id(number), limit(Side::Buy, "1", price));
                }
                Do::Timer(timer, at_ms) => context.set_timer(timer, Timestamp::from_millis(at_ms)),
                Do::Fail => return Err(StrategyError("told to fail".to_owned())),
                Do::Flood(count) => {
                    for _ in 0..count {
                        context.submit(limit(Side::Buy, "1", "1"));
                    }
                }
            }
        }
        Ok(())
    }
}

impl Strategy for Puppet {
    fn requirements(&self) -> Requirements {
        self.requirements.clone()
    }
    fn on_start(&mut self, context: &mut Context<'_>) -> StrategyResult {
        self.act(context, "start".to_owned())
    }
    fn on_trade(&mut self, context: &mut Context<'_>, trade: &Trade) -> StrategyResult {
        self.act(context, format!("trade {}", trade.id))
    }
    fn on_quote(&mut self, context: &mut Context<'_>, quote: &Quote) -> StrategyResult {
        self.act(context, format!("quote {}", quote.update_id))
    }
    fn on_bar(&mut self, context: &mut Context<'_>, bar: &Bar) -> StrategyResult {
        self.act(context, format!("bar {}", bar.open_at.as_secs() / 60))
    }
    fn on_order(&mut self, context: &mut Context<'_>, event: &OrderEvent) -> StrategyResult {
        self.act(context, format!("order {}", event.order.number))
    }
    fn on_timer(&mut self, context: &mut Context<'_>, timer: u32) -> StrategyResult {
        self.act(context, format!("timer {timer}"))
    }
    fn on_stop(&mut self, context: &mut Context<'_>) -> StrategyResult {
        self.act(context, "stop".to_owned())
    }
}

/// A host with its puppet.
pub(super) struct Stage {
    pub host: StrategyHost,
    strings: Strings,
    pub causes: Vec<(Cause, CorrelationId)>,
}

pub(super) fn instruments() -> Arc<Instruments> {
    let mut instruments = Instruments::new();
    let lot = SizeFilter {
        min: "0.01".parse().unwrap(),
        max: Quantity::ZERO,
        step: "0.01".parse().unwrap(),
    };
    let notional = NotionalFilter {
        min: "5".parse().unwrap(),
        min_applies_to_market: true,
        max: None,
        max_applies_to_market: false,
        average_mins: 0,
    };
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
        filters: Filters { lot_size: lot, notional: Some(notional), ..Filters::default() },
    });
    Arc::new(instruments)
}

impl Stage {
    pub fn new(warm_up: WarmUp) -> Self {
        Self::restored(warm_up, BTreeMap::new(), Vec::new())
    }

    pub fn restored(
        warm_up: WarmUp,
        positions: BTreeMap<InstrumentId, crate::portfolio::Position>,
        open_orders: Vec<OpenOrder>,
    ) -> Self {
        let strings = Strings::default();
        let requirements = Requirements {
            trades: true,
            quotes: true,
            book: false,
            bars: vec![Interval::MINUTE],
            warm_up,
        };
        let machine = Box::new(Puppet { strings: strings.clone(), requirements });
        let setup = HostSetup {
            strategy: StrategyId(2),
            epoch: 9,
            last_number: 0,
            instruments: instruments(),
            traded: vec![ID],
            capital: Amount::ONE,
            positions,
            open_orders,
            effects_per_step: 10,
        };
        Self { host: StrategyHost::new(machine, setup), strings, causes: Vec::new() }
    }

    pub fn try_step(
        &mut self,
        now_ms: i64,
        input: HostInput,
        then: &[Do],
    ) -> Result<Vec<String>, HostError> {
        self.strings.0.lock().unwrap().extend(then.iter().cloned());
        let mut outputs = Vec::new();
        self.host.step(Timestamp::from_millis(now_ms), input, &mut outputs)?;
        Ok(outputs.into_iter().map(|output| self.describe(output)).collect())
    }

    #[track_caller]
    pub fn step(&mut self, now_ms: i64, input: HostInput, then: &[Do]) -> Vec<String> {
        self.try_step(now_ms, input, then).unwrap()
    }

    fn describe(&mut self, output: HostOutput) -> String {
        let submit = match output {
            HostOutput::Note(text) => return text,
            HostOutput::Intent(submit) => submit,
        };
        self.causes.push((submit.cause, submit.correlation));
        match submit.intent {
            Intent::Submit { order, new } => {
                format!("submit {} {} at {:.0}", order.number, new.side.name(), price_of(&new))
            }
            Intent::Cancel { order } => format!("cancel {}", order.number),
            Intent::Replace { old, order, new } => {
                format!("replace {} by {} at {:.0}", old.number, order.number, price_of(&new))
            }
        }
    }

    /// The open orders in words.
    pub fn open(&self) -> String {
        let open = self.host.open_orders().map(|open| {
            let pending = if open.cancel_pending { " leaving" } else { "" };
            format!("{} {}{pending}", open.order.number, open.status.name())
        });
        open.collect::<Vec<_>>().join(", ")
    }
}

fn price_of(new: &NewOrder) -> Price {
    new.kind.limit_price().unwrap_or(Price::ZERO)
}

pub(super) fn trade(id: i64) -> MarketEvent {
    let at = Timestamp::from_millis(id);
    MarketEvent::Trade(Trade {
        instrument: ID,
        id: TradeId(id),
        price: Price::from_units(100 * 100_000_000),
        quantity: Quantity::ONE,
        aggressor: Side::Buy,
        event_at: at,
        received_at: at,
    })
}

pub(super) fn bar(minute: i64) -> MarketEvent {
    let price = Price::from_units(100 * 100_000_000);
    MarketEvent::from(Bar {
        instrument: ID,
        interval: Interval::MINUTE,
        open_at: Timestamp::from_secs(60 * minute),
        open: price,
        high: price,
        low: price,
        close: price,
        volume: Quantity::ZERO,
        quote_volume: Amount::ZERO,
        taker_buy_volume: Quantity::ZERO,
        trade_count: 0,
        received_at: Timestamp::from_secs(60 * minute + 60),
    })
}

pub(super) fn quote(update_id: i64) -> MarketEvent {
    let level = |price: i64| Level {
        price: Price::from_units(price * 100_000_000),
        quantity: Quantity::ONE,
    };
    MarketEvent::Quote(Quote {
        instrument: ID,
        update_id,
        bid: level(99),
        ask: level(101),
        received_at: Timestamp::from_millis(update_id),
    })
}

pub(super) fn live(sequence: u64, event: MarketEvent) -> HostInput {
    HostInput::Market { sequence, event, correlation: CorrelationId(sequence) }
}

/// The past tense of an order's life.
#[derive(Clone, Copy, Debug)]
pub(super) enum Was {
    Denied,
    Submitted,
    Accepted,
    /// Quantity, total, whether complete.
    Filled(&'static str, &'static str, bool),
    Canceled,
    Expired,
    Rejected,
    CancelRejected,
    Unknown,
    Absent,
}

pub(super) fn order_event(number: u32, kind: OrderEventKind) -> OrderEvent {
    OrderEvent {
        order: order_id(number),
        instrument: ID,
        received_at: Timestamp::EPOCH,
        correlation: CorrelationId(77),
        kind,
    }
}

pub(super) fn fill(side: Side, quantity: Quantity, fee: Decimal, fee_asset: &str) -> Fill {
    Fill {
        key: FillKey { instrument: ID, trade: TradeId(1), venue_order: VenueOrderId(1) },
        side,
        price: Price::from_units(100 * 100_000_000),
        quantity,
        fee: Amount::new(fee),
        fee_asset: fee_asset.parse().unwrap(),
        liquidity: Liquidity::Taker,
        event_at: Timestamp::EPOCH,
    }
}

pub(super) fn order(number: u32, was: Was) -> HostInput {
    let reject = RejectReason { code: -2010, message: "no".to_owned() };
    let kind = match was {
        Was::Denied => OrderEventKind::Denied {
            reason: DenialReason {
                rule: "rule".to_owned(),
                detail: String::new(),
                limit: String::new(),
                actual: String::new(),
            },
        },
        Was::Submitted => OrderEventKind::Submitted { quantity: None, price: None },
        Was::Accepted => OrderEventKind::Accepted { venue_order: VenueOrderId(1) },
        Was::Filled(quantity, total, complete) => OrderEventKind::Filled {
            fill: fill(Side::Buy, quantity.parse().unwrap(), Decimal::ZERO, "USDT"),
            cumulative_quantity: total.parse().unwrap(),
            complete,
        },
        Was::Canceled => OrderEventKind::Canceled { reason: CancelReason::Requested },
        Was::Expired => OrderEventKind::Expired { reason: String::new(), in_match: false },
        Was::Rejected => OrderEventKind::Rejected { reason: reject },
        Was::CancelRejected => OrderEventKind::CancelRejected { reason: reject },
        Was::Unknown => OrderEventKind::OutcomeUnknown { reason: String::new() },
        Was::Absent => OrderEventKind::Absent { reason: String::new() },
    };
    HostInput::Order { event: order_event(number, kind), fee_in_quote: Amount::ZERO }
}
