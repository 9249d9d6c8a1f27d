//! The venue's enumerations, by the venue's names.
//!
//! They grow without notice: a value that this build does not know reads as `Unknown`, and
//! whoever acts on it must say what it does then.

use std::fmt;

use model::{OrderKind, Side, TimeInForce};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// A value that this build does not know.
            Unknown,
        }

        impl $name {
            /// The value with a name.
            #[must_use]
            pub fn from_wire(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)*
                    _ => Self::Unknown,
                }
            }

            /// The name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Unknown => "UNKNOWN",
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Name;
                impl Visitor<'_> for Name {
                    type Value = $name;
                    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                        out.write_str("a name in a string")
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        Ok($name::from_wire(text))
                    }
                }
                deserializer.deserialize_str(Name)
            }
        }
    };
}

wire_enum! {
    /// Side of an order.
    OrderSide {
        /// Receives base.
        Buy = "BUY",
        /// Pays base.
        Sell = "SELL",
    }
}

wire_enum! {
    /// Type of an order.
    OrderType {
        /// Takes what rests.
        Market = "MARKET",
        /// At the price or better.
        Limit = "LIMIT",
        /// Post-only.
        LimitMaker = "LIMIT_MAKER",
        /// Market order after a trigger.
        StopLoss = "STOP_LOSS",
        /// Limit order after a trigger.
        StopLossLimit = "STOP_LOSS_LIMIT",
        /// Market order after a target.
        TakeProfit = "TAKE_PROFIT",
        /// Limit order after a target.
        TakeProfitLimit = "TAKE_PROFIT_LIMIT",
    }
}

wire_enum! {
    /// How long an order stays.
    WireTimeInForce {
        /// Good till canceled.
        GoodTilCanceled = "GTC",
        /// Immediate or cancel.
        ImmediateOrCancel = "IOC",
        /// Fill or kill.
        FillOrKill = "FOK",
    }
}

wire_enum! {
    /// Where an order is in its life, in the venue's words.
    WireOrderStatus {
        /// Accepted, nothing filled. Also an untriggered stop.
        New = "NEW",
        /// Waits for another order of its list.
        PendingNew = "PENDING_NEW",
        /// Part of it filled.
        PartiallyFilled = "PARTIALLY_FILLED",
        /// All of it filled.
        Filled = "FILLED",
        /// Taken back.
        Canceled = "CANCELED",
        /// Documented, unused.
        PendingCancel = "PENDING_CANCEL",
        /// Refused by the engine.
        Rejected = "REJECTED",
        /// Ended by its time in force or by the venue.
        Expired = "EXPIRED",
        /// Ended by self-trade prevention.
        ExpiredInMatch = "EXPIRED_IN_MATCH",
    }
}

wire_enum! {
    /// What an execution report reports.
    ExecutionType {
        /// Accepted.
        New = "NEW",
        /// Taken back.
        Canceled = "CANCELED",
        /// Amended, keeping its priority.
        Replaced = "REPLACED",
        /// Refused.
        Rejected = "REJECTED",
        /// An execution.
        Trade = "TRADE",
        /// Ended by its time in force or by the venue.
        Expired = "EXPIRED",
        /// Ended or reduced by self-trade prevention.
        TradePrevention = "TRADE_PREVENTION",
    }
}

wire_enum! {
    /// Trading status of a symbol.
    SymbolStatus {
        /// Orders and cancels.
        Trading = "TRADING",
        /// After the session.
        EndOfDay = "END_OF_DAY",
        /// Halted.
        Halt = "HALT",
        /// In a break.
        Break = "BREAK",
        /// Cancels only.
        CancelOnly = "CANCEL_ONLY",
    }
}

wire_enum! {
    /// What happens when two orders of one account meet.
    SelfTradePrevention {
        /// They trade.
        None = "NONE",
        /// The resting order expires.
        ExpireMaker = "EXPIRE_MAKER",
        /// The incoming order expires.
        ExpireTaker = "EXPIRE_TAKER",
        /// Both expire.
        ExpireBoth = "EXPIRE_BOTH",
        /// The smaller expires, the larger shrinks by it.
        Decrement = "DECREMENT",
        /// The quantity changes hands within the account group.
        Transfer = "TRANSFER",
    }
}

wire_enum! {
    /// How much the answer to a new order tells.
    ResponseType {
        /// Ids and time.
        Ack = "ACK",
        /// State after matching.
        Result = "RESULT",
        /// State and fills.
        Full = "FULL",
    }
}

wire_enum! {
    /// What a rate limit counts.
    RateLimitType {
        /// Weight of requests, per address.
        RequestWeight = "REQUEST_WEIGHT",
        /// Unfilled orders, per account.
        Orders = "ORDERS",
        /// Requests, per address.
        RawRequests = "RAW_REQUESTS",
        /// Connection attempts, per address.
        Connections = "CONNECTIONS",
    }
}

wire_enum! {
    /// The unit of a rate limit's window.
    RateLimitInterval {
        /// Seconds.
        Second = "SECOND",
        /// Minutes.
        Minute = "MINUTE",
        /// Hours.
        Hour = "HOUR",
        /// UTC days.
        Day = "DAY",
    }
}

wire_enum! {
    /// What a list status reports.
    ListStatusType {
        /// The answer to a failed action.
        Response = "RESPONSE",
        /// The list was placed.
        ExecStarted = "EXEC_STARTED",
        /// An order id of the list changed.
        Updated = "UPDATED",
        /// The list is over.
        AllDone = "ALL_DONE",
    }
}

wire_enum! {
    /// Where an order list is in its life.
    ListOrderStatus {
        /// Working.
        Executing = "EXECUTING",
        /// Over.
        AllDone = "ALL_DONE",
        /// Refused.
        Reject = "REJECT",
    }
}

impl From<Side> for OrderSide {
    fn from(side: Side) -> Self {
        match side {
            Side::Buy => Self::Buy,
            Side::Sell => Self::Sell,
        }
    }
}

impl OrderSide {
    /// As the engine's side; `None` for a value that this build does not know.
    #[must_use]
    pub const fn to_side(self) -> Option<Side> {
        match self {
            Self::Buy => Some(Side::Buy),
            Self::Sell => Some(Side::Sell),
            Self::Unknown => None,
        }
    }
}

impl From<TimeInForce> for WireTimeInForce {
    fn from(time_in_force: TimeInForce) -> Self {
        match time_in_force {
            TimeInForce::GoodTilCanceled => Self::GoodTilCanceled,
            TimeInForce::ImmediateOrCancel => Self::ImmediateOrCancel,
            TimeInForce::FillOrKill => Self::FillOrKill,
        }
    }
}

impl WireTimeInForce {
    /// As the engine's; `None` for a value that this build does not know.
    #[must_use]
    pub const fn to_time_in_force(self) -> Option<TimeInForce> {
        match self {
            Self::GoodTilCanceled => Some(TimeInForce::GoodTilCanceled),
            Self::ImmediateOrCancel => Some(TimeInForce::ImmediateOrCancel),
            Self::FillOrKill => Some(TimeInForce::FillOrKill),
            Self::Unknown => None,
        }
    }
}

impl From<&OrderKind> for OrderType {
    fn from(kind: &OrderKind) -> Self {
        match kind {
            OrderKind::Market => Self::Market,
            OrderKind::Limit { .. } => Self::Limit,
            OrderKind::LimitMaker { .. } => Self::LimitMaker,
            OrderKind::StopLoss { .. } => Self::StopLoss,
            OrderKind::StopLossLimit { .. } => Self::StopLossLimit,
            OrderKind::TakeProfit { .. } => Self::TakeProfit,
            OrderKind::TakeProfitLimit { .. } => Self::TakeProfitLimit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_values_are_tolerated() {
        #[track_caller]
        fn check(json: &str, expected: WireOrderStatus) {
            assert_eq!(serde_json::from_str::<WireOrderStatus>(json).unwrap(), expected);
        }
        check("\"PARTIALLY_FILLED\"", WireOrderStatus::PartiallyFilled);
        check("\"TELEPORTED\"", WireOrderStatus::Unknown);
        check("\"UNKNOWN\"", WireOrderStatus::Unknown);
        check("\"\\u004eEW\"", WireOrderStatus::New);
        assert!(serde_json::from_str::<WireOrderStatus>("7").is_err());
    }

    #[test]
    fn names_are_the_venues() {
        assert_eq!(
            serde_json::to_string(&OrderType::StopLossLimit).unwrap(),
            "\"STOP_LOSS_LIMIT\""
        );
        assert_eq!(SelfTradePrevention::ExpireMaker.to_string(), "EXPIRE_MAKER");
    }
}
