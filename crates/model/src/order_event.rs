//! What became of an order.

use serde::{Deserialize, Serialize};

use crate::{
    Amount, Asset, CorrelationId, InstrumentId, OrderId, Price, Quantity, Side, Timestamp, TradeId,
    VenueOrderId,
};

/// Whether a fill rested on the book or took from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Liquidity {
    /// The order rested.
    Maker,
    /// The order took.
    Taker,
}

impl Liquidity {
    /// Stable lower-case name for files that others read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Maker => "maker",
            Self::Taker => "taker",
        }
    }
}

/// What makes a fill the same fill. The venue identity and account are the ledger's; with
/// self-trades two fills of ours share a trade id, so the order belongs to the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct FillKey {
    /// Names venue and symbol.
    pub instrument: InstrumentId,
    /// The venue's trade.
    pub trade: TradeId,
    /// The venue's order.
    pub venue_order: VenueOrderId,
}

/// One execution of one of our orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fill {
    /// Identity, for doing it only once.
    pub key: FillKey,
    /// Our side.
    pub side: Side,
    /// Execution price.
    pub price: Price,
    /// Base quantity, before any fee.
    pub quantity: Quantity,
    /// Fee paid; negative for a rebate.
    pub fee: Amount,
    /// What the fee was paid in.
    pub fee_asset: Asset,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// The venue's time of the trade.
    pub event_at: Timestamp,
}

/// Why risk denied an intent: the rule, what it allows and what was asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DenialReason {
    /// Stable name of the rule, for example `max_order_notional`.
    pub rule: String,
    /// What is wrong, in words.
    pub detail: String,
    /// The limit in force, printed with its unit.
    pub limit: String,
    /// The value that broke it, printed with its unit.
    pub actual: String,
}

/// Why the venue refused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RejectReason {
    /// The venue's code, for example `-2010`.
    pub code: i32,
    /// The venue's words.
    pub message: String,
}

/// Why an order was canceled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The strategy asked.
    Requested,
    /// Replaced by another order.
    Replaced,
    /// We ended it: shutdown, halt, quarantine or reconcile.
    Engine,
    /// The venue or another session of the account ended it.
    Venue,
}

impl CancelReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Requested, Self::Replaced, Self::Engine, Self::Venue];

    /// Stable lower-case name for files that others read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Replaced => "replaced",
            Self::Engine => "engine",
            Self::Venue => "venue",
        }
    }
}

/// What happened. Denied is our risk, Rejected is the venue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OrderEventKind {
    /// Our risk gate refused the intent. Nothing was sent.
    Denied {
        /// Which rule and why.
        reason: DenialReason,
    },
    /// The order is durable and handed to the connection.
    Submitted {
        /// Quantity after rounding to the venue's step; `None` for an order by quote amount.
        quantity: Option<Quantity>,
        /// Limit price after rounding to the venue's tick, if the kind has one.
        price: Option<Price>,
    },
    /// The venue has the order.
    Accepted {
        /// Its number there.
        venue_order: VenueOrderId,
    },
    /// A stop or target was reached: the order now works.
    Triggered,
    /// An execution; `cumulative_quantity` counts this one.
    Filled {
        /// The execution.
        fill: Fill,
        /// Total executed so far.
        cumulative_quantity: Quantity,
        /// Whether the order is complete with it.
        complete: bool,
    },
    /// An order by quote amount is complete: only the venue can tell. For an order by base
    /// quantity the last fill says it.
    Completed,
    /// Taken back. What was filled stays filled.
    Canceled {
        /// By whom.
        reason: CancelReason,
    },
    /// Ended by its time in force or by the venue's rules.
    Expired {
        /// The venue's reason, in its words; empty if it gave none.
        reason: String,
        /// Whether self-trade prevention ended it.
        in_match: bool,
    },
    /// The venue refused the order.
    Rejected {
        /// Code and words.
        reason: RejectReason,
    },
    /// The venue refused to cancel; the order's own state is told by other events.
    CancelRejected {
        /// Code and words.
        reason: RejectReason,
    },
    /// The answer is lost; the venue is being asked.
    OutcomeUnknown {
        /// What became of the answer, in words; empty in journals of builds that did not say.
        #[serde(default)]
        reason: String,
    },
    /// The order is not at the venue, and never was: no byte of it left, or the venue was asked
    /// past the fence.
    Absent {
        /// Which of the two, in words; empty in journals of builds that did not say.
        #[serde(default)]
        reason: String,
    },
}

/// One step in the life of one order, as risk, strategies, log and journal see it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OrderEvent {
    /// Which order.
    pub order: OrderId,
    /// What it trades.
    pub instrument: InstrumentId,
    /// When we learnt of it.
    pub received_at: Timestamp,
    /// The market event that led to the order in the first place.
    pub correlation: CorrelationId,
    /// What happened.
    #[serde(flatten)]
    pub kind: OrderEventKind,
}
