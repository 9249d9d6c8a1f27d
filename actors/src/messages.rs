//! What actors send to each other. The contents are kernel's; here they get their envelope.

use std::sync::Arc;

use actix::{Message, Recipient};
use kernel::journal::{Durability, Persisted, Record};
use kernel::messages::{ExecutionRequest, SubmitIntent};
use kernel::orders::{ReconcileSummary, Unexplained};
use kernel::risk::TradingState;
use kernel::venue::Balance;
use model::{
    Amount, Asset, CorrelationId, Fill, InstrumentId, Instruments, MarketEvent, OrderEvent,
    StrategyId, Timestamp,
};

use crate::observe::Alert;

/// Wall times of the hops of one chain, from the frame to the order's bytes. Zero: not reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Hops {
    /// The frame was read off the socket.
    pub received_at: Timestamp,
    /// The strategy decided.
    pub decided_at: Timestamp,
    /// The risk gate approved.
    pub approved_at: Timestamp,
    /// The execution machine asked the journal to write.
    pub intended_at: Timestamp,
    /// The journal said that it is durable.
    pub durable_at: Timestamp,
    /// The order's bytes were handed to the operating system.
    pub sent_at: Timestamp,
}

/// A market event was published.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub struct MarketArrived {
    /// Counts every event that the feed published.
    pub sequence: u64,
    /// The chain that begins with it.
    pub correlation: CorrelationId,
    /// The event.
    pub event: MarketEvent,
    /// When its frame was read.
    pub hops: Hops,
}

/// A stream fell silent, or speaks again.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct StreamHealthChanged {
    /// Whose.
    pub instrument: InstrumentId,
    /// Whether anything of it is stale now.
    pub is_stale: bool,
}

/// The feed's connections are up and subscribed: history can be spliced to the stream.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct FeedConnected;

/// Fetch history for a strategy.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct FetchHistory {
    /// Who asks.
    pub strategy: StrategyId,
    /// Of what.
    pub instrument: InstrumentId,
    /// How much.
    pub what: kernel::strategy::WarmUp,
}

/// History that a strategy asked for, oldest first.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub struct HistoryFetched {
    /// Of what.
    pub instrument: InstrumentId,
    /// Closed bars or trades.
    pub events: Vec<MarketEvent>,
}

/// A strategy wants something done.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct IntentSubmitted {
    /// What.
    pub intent: SubmitIntent,
    /// The chain so far.
    pub hops: Hops,
}

/// Risk passes something to execution.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct ExecutionRequested {
    /// What.
    pub request: ExecutionRequest,
    /// The chain so far.
    pub hops: Hops,
}

/// Something to write down that is not execution's own.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct WriteRecord {
    /// What.
    pub record: Record,
    /// When it must be on the disk.
    pub durability: Durability,
}

/// Something happened to an order: execution tells risk, risk tells the strategy.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub struct OrderTold {
    /// Whose.
    pub strategy: StrategyId,
    /// What.
    pub event: OrderEvent,
    /// What a fee in a third asset was worth in the quote asset: filled in by risk.
    pub fee_in_quote: Amount,
    /// The chain so far.
    pub hops: Hops,
}

/// A strategy failed for good: risk denies it from now on and cancels its entries.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub struct StrategyQuarantined {
    /// Which.
    pub strategy: StrategyId,
    /// Its name, as its file says.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// What execution tells risk besides order events.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub enum AccountTold {
    /// Balances as the venue counts them.
    BalancesRead {
        /// Free and locked by asset.
        balances: Vec<Balance>,
        /// Whether these are all.
        complete: bool,
        /// The venue's time.
        event_at: Timestamp,
    },
    /// Money came or went that is no trade of ours.
    BalanceMoved {
        /// Which asset.
        asset: Asset,
        /// Positive in, negative out.
        delta: Amount,
    },
    /// The account does not hold what was booked.
    BalanceDiffers(Unexplained),
    /// A fill that belongs to no order of ours.
    ExternalFilled {
        /// The execution.
        fill: Fill,
    },
    /// Orders of this product are open that are none of this ledger's.
    StrangersFound {
        /// Whose and how many, for a person.
        reason: String,
    },
    /// Something about the link to the venue that a person should know now.
    Alerted(Alert),
    /// Something impossible happened on an instrument.
    InstrumentHalted {
        /// Which.
        instrument: InstrumentId,
        /// What happened.
        reason: String,
    },
}

/// The venue's table of instruments was read again, and something in it has changed.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub struct RefreshInstruments(pub Arc<Instruments>);

/// Whether orders can go out.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub enum TradingLink {
    /// The venue and we agree.
    Reconciled {
        /// What was found.
        summary: ReconcileSummary,
    },
    /// Reports may be missing.
    Detached {
        /// Why.
        reason: String,
    },
}

/// The journal's answer.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub enum JournalAnswered {
    /// Everything up to a sequence is durable.
    Persisted(Persisted),
    /// It failed: nothing more will be written.
    Failed(String),
}

/// Stop in good order.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub struct Drain {
    /// Why, in words for the log.
    pub reason: String,
}

/// Commands of an operator, a demonstration or a test to a strategy.
#[derive(Message, Clone, Copy, PartialEq, Eq, Debug)]
#[rtype(result = "()")]
pub enum StrategyOrder {
    /// Panic at the next event.
    Panic,
    /// Never return from the next event.
    Spin,
}

/// Drop every websocket of the feed, as a cut cable would.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct DropSockets;

/// Events were missed: start over from history.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct Resynchronise;

/// The trading state is this one: the last gate before the wire goes by it.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct SetTrading(pub TradingState);

/// What broke the order path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BrokenBy {
    /// A record could not be written.
    Journal,
    /// A message could not be delivered.
    Mailbox,
}

/// An order message could not be delivered, or a record not be written: nothing is safe any more
/// but to halt.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub struct OrderPathBroken {
    /// What broke it.
    pub by: BrokenBy,
    /// Which mailbox or file, and why.
    pub reason: String,
}

/// Tells that the order path is broken. The one message that must arrive whatever its mailbox
/// says, because it ends the process; hence the one use of `do_send`.
#[expect(clippy::disallowed_methods, reason = "must arrive past every bound")]
pub fn report_broken(recipient: &Recipient<OrderPathBroken>, by: BrokenBy, reason: String) {
    recipient.do_send(OrderPathBroken { by, reason });
}
