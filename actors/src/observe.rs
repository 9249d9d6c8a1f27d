//! What onlookers are told: the report of a demonstration, the API, alerts. Off the order path:
//! an onlooker that is slow misses things, and is told how many.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kernel::portfolio::ClosedTrade;
use kernel::risk::TradingState;
use model::{Amount, ClientOrderId, NewOrder, OrderEvent, StrategyId, Timestamp};
use tokio::sync::mpsc;

/// Most observations that may wait for an onlooker.
pub const OBSERVER_BOUND: usize = 65_536;

/// Something worth showing.
#[derive(Clone, Debug)]
pub enum Observation {
    /// Risk approved an order.
    Approved {
        /// Whose.
        strategy: StrategyId,
        /// Its name on the wire.
        client_order_id: ClientOrderId,
        /// Which.
        order: model::OrderId,
        /// What.
        new: NewOrder,
        /// When.
        at: Timestamp,
    },
    /// Something happened to an order.
    Order {
        /// Whose.
        strategy: StrategyId,
        /// What.
        event: OrderEvent,
        /// What a fee in a third asset was worth in the quote asset.
        fee_in_quote: Amount,
    },
    /// A point of an equity curve.
    Equity {
        /// `None` for all together.
        strategy: Option<StrategyId>,
        /// In the engine's currency.
        equity: Amount,
        /// When.
        at: Timestamp,
    },
    /// A lot was closed.
    TradeClosed(ClosedTrade),
    /// The trading state changed.
    StateChanged {
        /// To this.
        to: TradingState,
        /// Why.
        reason: String,
    },
    /// Something that a person should know now.
    Alert {
        /// In a few words.
        subject: String,
        /// In more.
        text: String,
    },
}

/// The sending side. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Observer {
    sender: mpsc::Sender<Observation>,
    missed: Arc<AtomicU64>,
}

impl Observer {
    /// An observer and where its observations come out.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<Observation>) {
        let (sender, receiver) = mpsc::channel(OBSERVER_BOUND);
        (Self { sender, missed: Arc::new(AtomicU64::new(0)) }, receiver)
    }

    /// Tells, or counts what could not be told.
    pub fn tell(&self, observation: Observation) {
        if self.sender.try_send(observation).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many observations the onlooker missed.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}
