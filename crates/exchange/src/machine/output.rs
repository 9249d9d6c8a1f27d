//! What comes out of the machine: public market data, private reports, and what must be stored.

use model::{Amount, Asset, ClientOrderId, InstrumentId, Price, Quantity, Timestamp};
use serde::{Deserialize, Serialize};

use crate::accounts::Balance;
use crate::lists::OrderList;
use crate::market::tape::{AggregateTrade, Print};
use crate::market::{BestQuote, DepthDiff};
use crate::orders::{MyTrade, Order, PreventedMatch};

/// What the public or an account learns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// A trade.
    Trade {
        /// Whose market.
        instrument: InstrumentId,
        /// The trade.
        print: Print,
    },
    /// The trades of one taker at one price.
    Aggregate {
        /// Whose market.
        instrument: InstrumentId,
        /// The trades.
        trade: AggregateTrade,
    },
    /// A new best bid or ask.
    Quote {
        /// Whose market.
        instrument: InstrumentId,
        /// The best of both sides.
        quote: BestQuote,
    },
    /// Changes of the book since the last publication at this pace.
    Depth {
        /// Whose market.
        instrument: InstrumentId,
        /// 100 ms or 1 s.
        is_fast: bool,
        /// The changes.
        diff: DepthDiff,
        /// When.
        at: Timestamp,
    },
    /// Something that one account learns.
    User {
        /// Which account.
        account: u32,
        /// What.
        event: UserEvent,
    },
}

/// What an account learns on its user data stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UserEvent {
    /// A step in the life of an order.
    Execution(Box<ExecutionReport>),
    /// New balances of the assets that an operation touched.
    Position {
        /// The balances.
        balances: Vec<(Asset, Balance)>,
        /// When.
        at: Timestamp,
    },
    /// An order list began, changed or ended.
    List {
        /// Whether only a name in it changed.
        is_update: bool,
        /// The list.
        list: OrderList,
        /// Its orders with their client ids.
        orders: Vec<(i64, ClientOrderId)>,
        /// When.
        at: Timestamp,
    },
    /// A deposit or withdrawal.
    BalanceUpdate {
        /// Of what.
        asset: Asset,
        /// How much more, or less.
        delta: Amount,
        /// When.
        at: Timestamp,
    },
}

/// What an execution report reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExecutionType {
    /// The order is in, or its stop was reached.
    New,
    /// Taken back.
    Canceled,
    /// An execution.
    Trade,
    /// Ended by its time in force or by the venue.
    Expired,
    /// Made smaller.
    Replaced,
    /// Kept from trading with another order of the account.
    TradePrevention,
    /// Refused by the matching engine after the order that it should have replaced was taken back.
    Rejected,
}

impl ExecutionType {
    /// The venue's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Canceled => "CANCELED",
            Self::Trade => "TRADE",
            Self::Expired => "EXPIRED",
            Self::Replaced => "REPLACED",
            Self::TradePrevention => "TRADE_PREVENTION",
            Self::Rejected => "REJECTED",
        }
    }
}

/// What a report says of a prevented match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prevention {
    /// Number of the prevented match.
    pub id: i64,
    /// What the order lost now.
    pub last: Quantity,
    /// The order that it would have met.
    pub counter_order: i64,
    /// The price at which it would have.
    pub price: Price,
    /// What would have been executed.
    pub quantity: Quantity,
}

/// A step in the life of an order: the order as it is after the step, and the step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExecutionReport {
    /// The order after the step.
    pub order: Order,
    /// What happened.
    pub kind: ExecutionType,
    /// Why it was refused, in the venue's one word; `NONE` if it was not.
    pub reject_reason: &'static str,
    /// The execution, for a trade.
    pub trade: Option<MyTrade>,
    /// The cancel's own client id, for a cancel.
    pub cancel_id: Option<ClientOrderId>,
    /// The order's name before, for an amendment.
    pub earlier_id: Option<ClientOrderId>,
    /// The match that was prevented, for a prevention.
    pub prevention: Option<Prevention>,
    /// Counts up with each report.
    pub execution_id: i64,
    /// When.
    pub at: Timestamp,
}

/// What must be stored before an answer leaves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// An order's new state, whole.
    Order(Box<Order>),
    /// An execution.
    Trade(MyTrade),
    /// A match that self-trade prevention prevented.
    Prevented(PreventedMatch),
    /// An order list's new state.
    List(OrderList),
    /// An asset's new balance.
    Balance {
        /// Whose.
        account: u32,
        /// Of what.
        asset: Asset,
        /// New values.
        balance: Balance,
        /// When the account last changed.
        #[serde(default = "epoch")]
        at: Timestamp,
    },
}

/// What logs of earlier versions, which do not say when, are read as.
const fn epoch() -> Timestamp {
    Timestamp::EPOCH
}

impl Record {
    /// When it happened.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Order(order) => order.updated_at,
            Self::Trade(trade) => trade.at,
            Self::Prevented(prevented) => prevented.at,
            Self::List(list) => list.updated_at,
            Self::Balance { at, .. } => *at,
        }
    }
}
