//! What execution needs of a venue, and what a venue tells execution.
//!
//! The Binance session, the local venue of backtest and paper, and test doubles all implement
//! [`Venue`]. A venue decides nothing about orders: it carries commands and reports facts.

use std::fmt::Debug;
use std::sync::Arc;

use model::{
    Amount, Asset, ClientOrderId, Fill, InstrumentId, Instruments, MarketEvent, NewOrder,
    OrderStatus, Quantity, RejectReason, Timestamp, TradeId, VenueOrderId,
};

use serde::{Deserialize, Serialize};

use crate::orders::VenueCommand;
use crate::wire::{Moment, WireEffect, WireInput};

/// The venue's word for an order that expired because the other one of its pair has begun to trade
/// or was triggered.
pub const ENDED_BY_OTHER_LEG: &str = "OCO_TRIGGER";

/// One order of a pair of which one cancels the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OrderLeg {
    /// Its name on the wire.
    pub client_order_id: ClientOrderId,
    /// What to place, already rounded.
    pub new: NewOrder,
}

/// Two orders for the same lots.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OrderPair {
    /// The one that limits a loss.
    pub stop: OrderLeg,
    /// The one that takes a profit.
    pub target: OrderLeg,
}

/// What can be asked of a venue. On its own it moves nothing: only a [`VenueCommand`] does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VenueAction {
    /// Place an order. Sent at most once, whatever happens.
    Submit {
        /// Its name on the wire.
        client_order_id: ClientOrderId,
        /// What to place, already rounded.
        new: NewOrder,
    },
    /// Place two orders for the same lots, of which the first to trade or to be triggered ends the
    /// other. Sent at most once; both are there, or neither. Each is reported and asked about by
    /// its own name; whoever takes one back takes both back.
    SubmitPair(Box<OrderPair>),
    /// Take an order back that has traded nothing, and place another in the same request: if the
    /// cancel fails, the other is not placed. Sent at most once.
    CancelReplace {
        /// The name of the order that goes.
        old: ClientOrderId,
        /// Name on the wire of the one that comes.
        client_order_id: ClientOrderId,
        /// What to place, already rounded. It trades what the old one does.
        new: NewOrder,
    },
    /// Take an order back, by the name it was placed under.
    Cancel {
        /// What it trades.
        instrument: InstrumentId,
        /// The order's name.
        client_order_id: ClientOrderId,
    },
    /// Ask for the state of one order.
    QueryOrder {
        /// What it trades.
        instrument: InstrumentId,
        /// The order's name.
        client_order_id: ClientOrderId,
    },
    /// Ask for the state of one order by the venue's number: whose is it? Answered by
    /// [`VenueEvent::OrderFound`]; not finding it is a failed read, since its number came from the
    /// venue itself.
    QueryVenueOrder {
        /// What it trades.
        instrument: InstrumentId,
        /// The venue's order.
        venue_order: VenueOrderId,
    },
    /// Ask for balances.
    ReadAccount,
    /// Ask for every open order of the account.
    ReadOpenOrders,
    /// Ask for the account's trades of an instrument, from a trade id on; the latest if `None`.
    ReadTrades {
        /// Of what.
        instrument: InstrumentId,
        /// First trade id wanted.
        from: Option<TradeId>,
    },
    /// Ask for the account's trades of one order.
    ReadOrderTrades {
        /// Of what.
        instrument: InstrumentId,
        /// The venue's order.
        venue_order: VenueOrderId,
    },
}

impl VenueAction {
    /// The names of the orders that it places.
    pub fn placed(&self) -> impl Iterator<Item = ClientOrderId> + use<> {
        let (first, second) = match self {
            Self::Submit { client_order_id, .. } | Self::CancelReplace { client_order_id, .. } => {
                (Some(*client_order_id), None)
            }
            Self::SubmitPair(pair) => {
                (Some(pair.stop.client_order_id), Some(pair.target.client_order_id))
            }
            Self::Cancel { .. }
            | Self::QueryOrder { .. }
            | Self::QueryVenueOrder { .. }
            | Self::ReadAccount
            | Self::ReadOpenOrders
            | Self::ReadTrades { .. }
            | Self::ReadOrderTrades { .. } => (None, None),
        };
        first.into_iter().chain(second)
    }
}

/// An order as the venue describes it, in an answer or in the user data stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OrderSnapshot {
    /// What it trades.
    pub instrument: InstrumentId,
    /// The name it was placed under.
    pub client_order_id: ClientOrderId,
    /// The venue's number.
    pub venue_order: VenueOrderId,
    /// Its state as the venue sees it.
    pub status: OrderStatus,
    /// Executed so far.
    pub executed_quantity: Quantity,
    /// Whether it is on the book, or was: false for a stop that waits for its trigger.
    pub is_working: bool,
    /// The venue's reason when it expired or was rejected; empty otherwise.
    pub reason: String,
    /// The venue's time of the state.
    pub event_at: Timestamp,
}

/// The free and locked amounts of one asset.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Balance {
    /// Which asset.
    pub asset: Asset,
    /// Available.
    pub free: Amount,
    /// Reserved by open orders.
    pub locked: Amount,
}

/// What a venue tells. Facts only; what they mean is decided by the execution machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VenueEvent {
    /// Orders can be sent and their reports will come: logged on and subscribed.
    Connected,
    /// Reports may be missing from now on.
    Disconnected {
        /// Why, in words for the log.
        reason: String,
    },
    /// The bytes of a submit were handed to the operating system.
    Sent {
        /// Of which order.
        client_order_id: ClientOrderId,
        /// The venue's time that it was signed with: the fence counts from here.
        signed_at: Timestamp,
    },
    /// It is certain that no byte of a submit left.
    NotSent {
        /// Of which order.
        client_order_id: ClientOrderId,
        /// Why, in words for the log.
        reason: String,
    },
    /// The venue refused a submit: there is no such order.
    SubmitRejected {
        /// Which order.
        client_order_id: ClientOrderId,
        /// Code and words.
        reason: RejectReason,
    },
    /// The outcome of a submit is unknown.
    SubmitUnknown {
        /// Which order.
        client_order_id: ClientOrderId,
        /// Why, in words for the log.
        reason: String,
    },
    /// The venue refused a cancel.
    CancelRejected {
        /// Which order.
        client_order_id: ClientOrderId,
        /// Code and words.
        reason: RejectReason,
    },
    /// The outcome of a cancel is unknown, or it never left.
    CancelUnknown {
        /// Which order.
        client_order_id: ClientOrderId,
        /// Why, in words for the log.
        reason: String,
    },
    /// The state of an order, from an answer to a submit or cancel or from the user data stream.
    OrderChanged(OrderSnapshot),
    /// An execution. Comes before the [`VenueEvent::OrderChanged`] of the same step.
    Filled {
        /// The order's name on the wire.
        client_order_id: ClientOrderId,
        /// The execution.
        fill: Fill,
    },
    /// Answer to a query: the order as it stands.
    OrderFound(OrderSnapshot),
    /// Answer to a query: the venue knows no such order. Means nothing before the fence.
    OrderNotFound {
        /// Which order.
        client_order_id: ClientOrderId,
    },
    /// Balances that changed, by the user data stream.
    BalancesChanged {
        /// Only the assets touched.
        balances: Vec<Balance>,
        /// The venue's time.
        event_at: Timestamp,
    },
    /// A deposit, withdrawal or transfer.
    BalanceMoved {
        /// Which asset.
        asset: Asset,
        /// Positive in, negative out.
        delta: Amount,
        /// The venue's time.
        event_at: Timestamp,
    },
    /// Answer to `ReadAccount`.
    AccountRead {
        /// Every asset with a balance.
        balances: Vec<Balance>,
        /// The venue's time.
        event_at: Timestamp,
    },
    /// Answer to `ReadOpenOrders`.
    OpenOrdersRead {
        /// Every open order of the account on instruments of this ledger, ours or not.
        orders: Vec<OrderSnapshot>,
        /// Names of those on other symbols.
        #[serde(default)]
        elsewhere: Vec<ClientOrderId>,
    },
    /// Answer to `ReadTrades`.
    TradesRead {
        /// Of what.
        instrument: InstrumentId,
        /// The executions with the venue's order numbers, oldest first.
        fills: Vec<Fill>,
        /// Whether there may be more after the last.
        more: bool,
    },
    /// Answer to `ReadOrderTrades`.
    OrderTradesRead {
        /// The venue's order.
        venue_order: VenueOrderId,
        /// Its executions, oldest first.
        fills: Vec<Fill>,
    },
    /// A read failed and may be tried again.
    ReadFailed {
        /// What was asked.
        action: VenueAction,
        /// Why, in words for the log.
        reason: String,
    },
    /// The venue keeps us out, wholly or in part. For whoever looks after the engine: what it does
    /// to orders and reads is told with them.
    Impeded(Impediment),
}

/// How the venue keeps us out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Impediment {
    /// It refuses the key: revoked, without the right, or from another address than it allows.
    KeyRefused {
        /// Code and words.
        reason: RejectReason,
    },
    /// It wants no requests for a while: we were too many, or are banned.
    RateLimited {
        /// What it answered: 429, or 418 for a ban.
        status: u16,
        /// Until when nothing goes out, by the venue's clock.
        until: Timestamp,
        /// Its words.
        reason: String,
    },
    /// No connection for orders came to be ready; it is tried again.
    ConnectFailed {
        /// Why, in words.
        reason: String,
        /// After so long.
        retry_in_ms: u64,
    },
}

/// What a venue holds back because of a limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldBack {
    /// Until when nothing at all goes out, by the venue's clock; `None` while only some must wait.
    pub until: Option<Timestamp>,
    /// Cancels, questions and reads that wait. Orders never do: they are given back as not sent.
    pub commands: usize,
}

/// What a venue machine is given.
#[derive(PartialEq, Eq, Debug)]
pub enum VenueInput<'a> {
    /// Begin: connect, log on, subscribe to user data.
    Start,
    /// Carry out a command.
    Command(VenueCommand),
    /// Something happened on the network.
    Wire(WireInput<'a>),
    /// Something happened on the market; the local venue matches against it, others ignore it.
    Market(&'a MarketEvent),
    /// The table of instruments was read again: the local venue goes by its filters and states.
    InstrumentsRefreshed(&'a Arc<Instruments>),
    /// The instant of [`Venue::wake_at`] has come.
    Wake,
}

/// What a venue machine wants or says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VenueEffect {
    /// Something for the network.
    Wire(WireEffect),
    /// Something for the execution machine.
    Event(VenueEvent),
}

/// When a machine wants to be woken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wake {
    /// By the venue's clock.
    Venue(Timestamp),
    /// By our computer's clock: transport deadlines.
    Wall(Timestamp),
}

/// A venue that orders can be sent to. Pure: no sockets, no clock, no randomness without a seed.
/// Its debug form is its whole state, and shows no secret.
pub trait Venue: Debug {
    /// Takes one input and appends what follows from it.
    fn step(&mut self, now: Moment, input: VenueInput<'_>, effects: &mut Vec<VenueEffect>);

    /// The same for a market event, of which a backtest has millions.
    fn observe(&mut self, now: Moment, event: &MarketEvent, effects: &mut Vec<VenueEffect>) {
        self.step(now, VenueInput::Market(event), effects);
    }

    /// The next instant at which [`VenueInput::Wake`] is due, if any.
    fn wake_at(&self) -> Option<Wake>;

    /// What waits for a limit of the venue now; `None` where nothing does, or there are no limits.
    fn held_back(&self, _now: Moment) -> Option<HeldBack> {
        None
    }

    /// Fields and headers on the wire whose values are nobody's business: a recording holds none
    /// of them, and whoever replays it needs none.
    fn hidden_fields(&self) -> &'static [&'static str] {
        &[]
    }
}
