//! What a strategy asks for.

use serde::{Deserialize, Serialize};

use crate::{Amount, InstrumentId, Price, Quantity, Role};

/// Buy or sell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Receives the base asset, pays the quote asset.
    Buy,
    /// Pays the base asset, receives the quote asset.
    Sell,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// `1` for a buy, `-1` for a sell: the sign of what it adds to a position.
    #[must_use]
    pub const fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }

    /// Stable lower-case name for logs and the journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}

/// How long a limit order stays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum TimeInForce {
    /// Good till canceled.
    #[serde(rename = "GTC")]
    GoodTilCanceled,
    /// Immediate or cancel: what does not fill at once expires.
    #[serde(rename = "IOC")]
    ImmediateOrCancel,
    /// Fill or kill: all at once or nothing.
    #[serde(rename = "FOK")]
    FillOrKill,
}

/// The kind of an order, each with exactly the fields that it needs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OrderKind {
    /// Takes what rests on the book.
    Market,
    /// Trades at the price or better.
    Limit {
        /// Worst price accepted.
        price: Price,
        /// How long the remainder stays.
        time_in_force: TimeInForce,
    },
    /// A limit order that is refused if it would take (post-only).
    LimitMaker {
        /// Price at which it rests.
        price: Price,
    },
    /// A market order once the last price reaches the stop from the better side.
    StopLoss {
        /// Trigger: a sell fires at or below it, a buy at or above it.
        stop_price: Price,
    },
    /// A limit order once the last price reaches the stop from the better side.
    StopLossLimit {
        /// Trigger: a sell fires at or below it, a buy at or above it.
        stop_price: Price,
        /// Limit of the order that it becomes.
        price: Price,
        /// How long that order stays.
        time_in_force: TimeInForce,
    },
    /// A market order once the last price reaches the target.
    TakeProfit {
        /// Trigger: a sell fires at or above it, a buy at or below it.
        stop_price: Price,
    },
    /// A limit order once the last price reaches the target.
    TakeProfitLimit {
        /// Trigger: a sell fires at or above it, a buy at or below it.
        stop_price: Price,
        /// Limit of the order that it becomes.
        price: Price,
        /// How long that order stays.
        time_in_force: TimeInForce,
    },
}

impl OrderKind {
    /// The limit price, for kinds that have one.
    #[must_use]
    pub const fn limit_price(&self) -> Option<Price> {
        match *self {
            Self::Limit { price, .. }
            | Self::LimitMaker { price }
            | Self::StopLossLimit { price, .. }
            | Self::TakeProfitLimit { price, .. } => Some(price),
            Self::Market | Self::StopLoss { .. } | Self::TakeProfit { .. } => None,
        }
    }

    /// The trigger price, for kinds that wait for one.
    #[must_use]
    pub const fn stop_price(&self) -> Option<Price> {
        match *self {
            Self::StopLoss { stop_price }
            | Self::StopLossLimit { stop_price, .. }
            | Self::TakeProfit { stop_price }
            | Self::TakeProfitLimit { stop_price, .. } => Some(stop_price),
            Self::Market | Self::Limit { .. } | Self::LimitMaker { .. } => None,
        }
    }

    /// The same with its trigger at `price` if it has none yet: a trailing stop that follows from
    /// now on comes with a trigger of zero.
    #[must_use]
    pub const fn or_stop_at(mut self, price: Price) -> Self {
        match &mut self {
            Self::StopLoss { stop_price }
            | Self::StopLossLimit { stop_price, .. }
            | Self::TakeProfit { stop_price }
            | Self::TakeProfitLimit { stop_price, .. } => {
                if stop_price.is_zero() {
                    *stop_price = price;
                }
            }
            Self::Market | Self::Limit { .. } | Self::LimitMaker { .. } => {}
        }
        self
    }

    /// The time in force, for kinds that have one.
    #[must_use]
    pub const fn time_in_force(&self) -> Option<TimeInForce> {
        match *self {
            Self::Limit { time_in_force, .. }
            | Self::StopLossLimit { time_in_force, .. }
            | Self::TakeProfitLimit { time_in_force, .. } => Some(time_in_force),
            Self::Market
            | Self::LimitMaker { .. }
            | Self::StopLoss { .. }
            | Self::TakeProfit { .. } => None,
        }
    }

    /// Stable lower-case name for logs and the journal.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Limit { .. } => "limit",
            Self::LimitMaker { .. } => "limit_maker",
            Self::StopLoss { .. } => "stop_loss",
            Self::StopLossLimit { .. } => "stop_loss_limit",
            Self::TakeProfit { .. } => "take_profit",
            Self::TakeProfitLimit { .. } => "take_profit_limit",
        }
    }
}

/// How much to trade.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderQuantity {
    /// So much of the base asset.
    Base(Quantity),
    /// As much as this amount of the quote asset allows; market orders only.
    Quote(Amount),
}

/// An order as a strategy wants it, before risk has looked at it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct NewOrder {
    /// What to trade.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Kind, with its prices.
    pub kind: OrderKind,
    /// How much.
    pub quantity: OrderQuantity,
    /// What it is for.
    pub role: Role,
}

impl NewOrder {
    /// A market order for a base quantity: a buy is an entry, a sell an exit.
    #[must_use]
    pub const fn market(instrument: InstrumentId, side: Side, quantity: Quantity) -> Self {
        Self::new(instrument, side, OrderKind::Market, OrderQuantity::Base(quantity))
    }

    /// A market order for an amount of the quote asset.
    #[must_use]
    pub const fn market_quote(instrument: InstrumentId, side: Side, amount: Amount) -> Self {
        Self::new(instrument, side, OrderKind::Market, OrderQuantity::Quote(amount))
    }

    /// A limit order, good till canceled.
    #[must_use]
    pub const fn limit(
        instrument: InstrumentId,
        side: Side,
        quantity: Quantity,
        price: Price,
    ) -> Self {
        let kind = OrderKind::Limit { price, time_in_force: TimeInForce::GoodTilCanceled };
        Self::new(instrument, side, kind, OrderQuantity::Base(quantity))
    }

    /// A post-only limit order.
    #[must_use]
    pub const fn limit_maker(
        instrument: InstrumentId,
        side: Side,
        quantity: Quantity,
        price: Price,
    ) -> Self {
        Self::new(instrument, side, OrderKind::LimitMaker { price }, OrderQuantity::Base(quantity))
    }

    /// An order of any kind. Its role follows its side, as spot positions are long only.
    #[must_use]
    pub const fn new(
        instrument: InstrumentId,
        side: Side,
        kind: OrderKind,
        quantity: OrderQuantity,
    ) -> Self {
        let role = match side {
            Side::Buy => Role::Entry,
            Side::Sell => Role::Exit,
        };
        Self { instrument, side, kind, quantity, role }
    }

    /// The same order, marked protective: it survives shutdown, halt and quarantine.
    #[must_use]
    pub const fn protective(self) -> Self {
        Self { role: Role::Protective, ..self }
    }
}

/// Where an order is in its life, as the owner of the order sees it. The full lifecycle with its
/// transitions is the execution machine's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Approved by risk and written to the journal, or being written; nothing was sent.
    Intended,
    /// Handed to the connection; no answer yet.
    Submitted,
    /// On the venue, waiting for its trigger or for its list.
    PendingNew,
    /// On the venue, nothing filled.
    Accepted,
    /// Part of it filled, the rest works.
    PartiallyFilled,
    /// All of it filled.
    Filled,
    /// Taken back, by us or by the venue.
    Canceled,
    /// Ended by its time in force or by the venue's rules.
    Expired,
    /// Ended by self-trade prevention.
    ExpiredInMatch,
    /// Refused by the venue.
    Rejected,
    /// The venue's answer is lost: it may or may not be there until the venue is asked.
    Unknown,
    /// Asked past the fence: it never arrived. Kept, because a late fill is still adopted.
    Absent,
}

impl OrderStatus {
    /// Whether nothing more is expected of the order.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Filled
            | Self::Canceled
            | Self::Expired
            | Self::ExpiredInMatch
            | Self::Rejected
            | Self::Absent => true,
            Self::Intended
            | Self::Submitted
            | Self::PendingNew
            | Self::Accepted
            | Self::PartiallyFilled
            | Self::Unknown => false,
        }
    }

    /// Whether the venue has acknowledged the order and, as far as is known, works it.
    #[must_use]
    pub const fn is_working(self) -> bool {
        match self {
            Self::PendingNew | Self::Accepted | Self::PartiallyFilled => true,
            Self::Intended
            | Self::Submitted
            | Self::Unknown
            | Self::Filled
            | Self::Canceled
            | Self::Expired
            | Self::ExpiredInMatch
            | Self::Rejected
            | Self::Absent => false,
        }
    }

    /// What is known of the order after a restart: one that was on its way may have arrived or not.
    #[must_use]
    pub const fn after_restart(self) -> Self {
        if self.is_working() || self.is_final() { self } else { Self::Unknown }
    }

    /// Stable lower-case name for logs and the journal.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Submitted => "submitted",
            Self::PendingNew => "pending_new",
            Self::Accepted => "accepted",
            Self::PartiallyFilled => "partially_filled",
            Self::Filled => "filled",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::ExpiredInMatch => "expired_in_match",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
            Self::Absent => "absent",
        }
    }
}
