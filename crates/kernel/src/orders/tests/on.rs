//! Inputs by number: order n has the name, the venue's number and the strategy that follow from n.

#![allow(clippy::wildcard_enum_match_arm, reason = "the vocabulary is split over functions")]

use model::{
    Amount, CancelReason, ClientOrderId, CorrelationId, Fill, FillKey, InstanceId, InstrumentId,
    Liquidity, NewOrder, OrderId, OrderKind, OrderQuantity, OrderStatus, Quantity, RejectReason,
    Role, Side, StrategyId, Timestamp, TradeId, VenueOrderId,
};

use crate::messages::{ApprovedPair, CancelScope, Cause, ExecutionRequest, OrderRequest};
use crate::orders::ExecutionInput;
use crate::risk::Approved;
use crate::venue::{OrderSnapshot, VenueAction, VenueEvent};

pub const INSTANCE: &str = "4f9k2a";
pub const BTC: InstrumentId = InstrumentId(0);
pub const ETH: InstrumentId = InstrumentId(1);

/// What happens in a script.
#[derive(Clone, Copy, Debug)]
pub enum On<'a> {
    /// A buy of 1 at 100 is approved.
    Submit(u32),
    /// A stop sell of 1 at 90, protective.
    Stop(u32),
    /// A market buy for 100 quote.
    SubmitQuote(u32),
    Cancel(u32),
    CancelAll(CancelScope),
    /// Old, new, and what the gate knew of the old one.
    Replace(u32, u32, Option<&'a str>),
    /// A stop and a target for the same lots.
    Pair(u32, u32),
    /// Old and new, in one request.
    InPlaceOf(u32, u32),
    Persisted,
    Gate(bool),
    Connected,
    Disconnected,
    Sent(u32),
    NotSent(u32),
    Rejected(u32),
    SubmitUnknown(u32),
    CancelRejected(u32),
    CancelUnknown(u32),
    /// A report: state and executed quantity.
    Report(u32, OrderStatus, &'a str),
    /// The same of a stop that waits for its trigger.
    Held(u32),
    /// An answer to a question.
    Found(u32, OrderStatus, &'a str),
    NotFound(u32),
    /// An execution by report: order, trade, quantity.
    Fill(u32, i64, &'a str),
    AccountRead,
    OpenOrdersRead(&'a [(u32, OrderStatus, &'a str)]),
    /// Fills as order, trade, quantity.
    TradesRead(&'a [(u32, i64, &'a str)]),
    /// A page with more to follow.
    TradesPage(&'a [(u32, i64, &'a str)]),
    OrderTradesRead(&'a [(u32, i64, &'a str)]),
    /// The venue shows no trade of the order.
    NoTradesOf(u32),
    OrderTradesFailed(u32),
    /// A manual order's fill, by report: trade, quantity.
    Manual(i64, &'a str),
    /// The venue tells whose order a number is: a stranger's.
    FoundForeign(u32),
    AccountFailed,
    OpenOrdersFailed,
    TradesFailed,
    QueryFailed(u32),
    /// Time passes, in milliseconds; the machine is woken whenever it wants.
    Wait(i64),
}

pub fn order_id(number: u32) -> OrderId {
    OrderId { epoch: 7, strategy: StrategyId(0), number }
}

/// Orders from 90 on are stops.
pub fn role(number: u32) -> Role {
    if number >= 90 { Role::Protective } else { Role::Entry }
}

pub fn client_order_id(number: u32) -> ClientOrderId {
    order_id(number).to_client_order_id(InstanceId::new(INSTANCE).unwrap(), role(number))
}

pub const fn venue_order(number: u32) -> VenueOrderId {
    VenueOrderId(500 + number as i64)
}

/// Orders from 50 to 59 are of the other instrument.
pub const fn instrument(number: u32) -> InstrumentId {
    if number >= 50 && number < 60 { ETH } else { BTC }
}

pub fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}

pub fn new_order(number: u32) -> NewOrder {
    let one = OrderQuantity::Base(Quantity::ONE);
    if number >= 90 {
        let kind = OrderKind::StopLoss { stop_price: "90".parse().unwrap() };
        NewOrder::new(instrument(number), Side::Sell, kind, one).protective()
    } else {
        NewOrder::limit(instrument(number), Side::Buy, Quantity::ONE, "100".parse().unwrap())
    }
}

fn approve(now: Timestamp, number: u32, new: NewOrder) -> Approved<OrderRequest> {
    Approved::by_test(OrderRequest {
        order: order_id(number),
        strategy: StrategyId(0),
        new,
        cause: Cause::Engine,
        correlation: CorrelationId(u64::from(number)),
        caused_at: now,
        decided_at: now,
        approved_at: now,
        judged_on_sequence: 1,
        checks: Vec::new(),
    })
}

pub fn fill(number: u32, trade: i64, base: &str, at: Timestamp) -> Fill {
    Fill {
        key: FillKey {
            instrument: instrument(number),
            trade: TradeId(trade),
            venue_order: venue_order(number),
        },
        side: new_order(number).side,
        price: "100".parse().unwrap(),
        quantity: quantity(base),
        fee: Amount::ZERO,
        fee_asset: "USDT".parse().unwrap(),
        liquidity: Liquidity::Maker,
        event_at: at,
    }
}

fn snapshot(number: u32, status: OrderStatus, executed: &str, at: Timestamp) -> OrderSnapshot {
    OrderSnapshot {
        instrument: instrument(number),
        client_order_id: client_order_id(number),
        venue_order: venue_order(number),
        status,
        executed_quantity: quantity(executed),
        is_working: true,
        reason: String::new(),
        event_at: at,
    }
}

fn fills(list: &[(u32, i64, &str)], at: Timestamp) -> Vec<Fill> {
    list.iter().map(|(number, trade, base)| fill(*number, *trade, base, at)).collect()
}

fn refused() -> RejectReason {
    RejectReason { code: -2010, message: "no".to_owned() }
}

fn read_failed(action: VenueAction) -> VenueEvent {
    VenueEvent::ReadFailed { action, reason: "503".to_owned() }
}

impl On<'_> {
    pub fn to_input(self, now: Timestamp, persisted: u64) -> ExecutionInput {
        if let Some(request) = self.to_request(now) {
            return ExecutionInput::Request(request);
        }
        match self {
            On::Persisted => {
                ExecutionInput::Persisted(crate::journal::Persisted { sequence: persisted })
            }
            On::Gate(open) => ExecutionInput::SetGate { open },
            On::Wait(_) => ExecutionInput::Wake,
            other => ExecutionInput::Venue(other.to_event(now)),
        }
    }

    fn to_request(self, now: Timestamp) -> Option<ExecutionRequest> {
        Some(match self {
            On::Submit(number) | On::Stop(number) => {
                ExecutionRequest::Submit(approve(now, number, new_order(number)))
            }
            On::SubmitQuote(number) => {
                let new = NewOrder::market_quote(BTC, Side::Buy, "100".parse().unwrap());
                ExecutionRequest::Submit(approve(now, number, new))
            }
            On::Cancel(number) => ExecutionRequest::Cancel {
                order: order_id(number),
                reason: CancelReason::Requested,
            },
            On::CancelAll(scope) => ExecutionRequest::CancelAll { scope },
            On::Replace(old, new, known) => ExecutionRequest::Replace {
                old: order_id(old),
                old_executed: known.map(quantity),
                new: approve(now, new, new_order(new)),
            },
            On::Pair(stop, target) => ExecutionRequest::SubmitPair(Box::new(ApprovedPair {
                stop: approve(now, stop, new_order(stop)),
                target: approve(now, target, new_order(target)),
            })),
            On::InPlaceOf(old, new) => ExecutionRequest::CancelReplace {
                old: order_id(old),
                new: approve(now, new, new_order(new)),
            },
            _ => return None,
        })
    }

    fn to_event(self, now: Timestamp) -> VenueEvent {
        let reason = || "lost".to_owned();
        match self {
            On::Connected => VenueEvent::Connected,
            On::Disconnected => VenueEvent::Disconnected { reason: reason() },
            On::Sent(n) => VenueEvent::Sent { client_order_id: client_order_id(n), signed_at: now },
            On::NotSent(n) => {
                VenueEvent::NotSent { client_order_id: client_order_id(n), reason: reason() }
            }
            On::Rejected(n) => VenueEvent::SubmitRejected {
                client_order_id: client_order_id(n),
                reason: refused(),
            },
            On::SubmitUnknown(n) => {
                VenueEvent::SubmitUnknown { client_order_id: client_order_id(n), reason: reason() }
            }
            On::CancelRejected(n) => VenueEvent::CancelRejected {
                client_order_id: client_order_id(n),
                reason: refused(),
            },
            On::CancelUnknown(n) => {
                VenueEvent::CancelUnknown { client_order_id: client_order_id(n), reason: reason() }
            }
            On::Report(n, status, executed) => {
                VenueEvent::OrderChanged(snapshot(n, status, executed, now))
            }
            On::Held(n) => VenueEvent::OrderChanged(OrderSnapshot {
                is_working: false,
                ..snapshot(n, OrderStatus::Accepted, "0", now)
            }),
            On::Found(n, status, executed) => {
                VenueEvent::OrderFound(snapshot(n, status, executed, now))
            }
            On::NotFound(n) => VenueEvent::OrderNotFound { client_order_id: client_order_id(n) },
            On::Fill(n, trade, base) => VenueEvent::Filled {
                client_order_id: client_order_id(n),
                fill: fill(n, trade, base, now),
            },
            On::Manual(trade, base) => VenueEvent::Filled {
                client_order_id: "web_1".parse().unwrap(),
                fill: fill(40, trade, base, now),
            },
            On::FoundForeign(n) => VenueEvent::OrderFound(OrderSnapshot {
                client_order_id: "web_1".parse().unwrap(),
                ..snapshot(n, OrderStatus::Filled, "1", now)
            }),
            reads => reads.to_read(now),
        }
    }

    fn to_read(self, now: Timestamp) -> VenueEvent {
        match self {
            On::AccountRead => VenueEvent::AccountRead { balances: Vec::new(), event_at: now },
            On::OpenOrdersRead(list) => VenueEvent::OpenOrdersRead {
                orders: list.iter().map(|(n, status, x)| snapshot(*n, *status, x, now)).collect(),
                elsewhere: Vec::new(),
            },
            On::TradesRead(list) => {
                VenueEvent::TradesRead { instrument: BTC, fills: fills(list, now), more: false }
            }
            On::TradesPage(list) => {
                VenueEvent::TradesRead { instrument: BTC, fills: fills(list, now), more: true }
            }
            On::OrderTradesRead(list) => VenueEvent::OrderTradesRead {
                venue_order: venue_order(list[0].0),
                fills: fills(list, now),
            },
            On::NoTradesOf(n) => {
                VenueEvent::OrderTradesRead { venue_order: venue_order(n), fills: Vec::new() }
            }
            On::OrderTradesFailed(n) => read_failed(VenueAction::ReadOrderTrades {
                instrument: instrument(n),
                venue_order: venue_order(n),
            }),
            On::AccountFailed => read_failed(VenueAction::ReadAccount),
            On::OpenOrdersFailed => read_failed(VenueAction::ReadOpenOrders),
            On::TradesFailed => {
                read_failed(VenueAction::ReadTrades { instrument: BTC, from: None })
            }
            On::QueryFailed(n) => read_failed(VenueAction::QueryOrder {
                instrument: instrument(n),
                client_order_id: client_order_id(n),
            }),
            other => unreachable!("{other:?} is no event"),
        }
    }
}
