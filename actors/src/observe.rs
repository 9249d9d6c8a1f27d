//! What onlookers are told: the log lines of orders, the report of a demonstration, the API,
//! alerts. Off the order path: an onlooker that is slow misses things, and they are counted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use kernel::portfolio::ClosedTrade;
use kernel::risk::TradingState;
use model::{Amount, CorrelationId, NewOrder, OrderEvent, OrderId, StrategyId, Timestamp};
use tokio::sync::mpsc;

use crate::orderlog::OrderLog;
use crate::outbox::Gauge;

/// Most observations that may wait for an onlooker. Past it they are dropped and counted: trading
/// waits for no log.
pub const OBSERVER_BOUND: usize = 65_536;

/// Something worth showing.
#[derive(Clone, Debug)]
pub enum Observation {
    /// Risk approved an order.
    Approved {
        /// Whose.
        strategy: StrategyId,
        /// Which.
        order: OrderId,
        /// What.
        new: NewOrder,
        /// The chain that it belongs to.
        correlation: CorrelationId,
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
    Alert(Alert),
}

/// How much something wants a person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Good to know: most often that something is over.
    Info,
    /// Something is not as it should be, and may mend itself.
    Warning,
    /// Somebody has to look.
    Error,
}

impl Severity {
    /// Stable lower-case name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Something that a person should know now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alert {
    /// How much it wants a person.
    pub severity: Severity,
    /// In a few words.
    pub subject: String,
    /// In more.
    pub text: String,
}

/// The sending side. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Observer {
    sender: mpsc::Sender<Observation>,
    gauge: Arc<Gauge>,
}

impl Observer {
    /// An observer and where its observations come out, their lines written by `order_log`.
    #[must_use]
    pub fn channel(order_log: OrderLog) -> (Self, Observations) {
        Self::with_bound(order_log, OBSERVER_BOUND)
    }

    fn with_bound(order_log: OrderLog, bound: usize) -> (Self, Observations) {
        let (sender, receiver) = mpsc::channel(bound);
        let gauge = Gauge::new("risk → onlooker", bound);
        let queue = Queue { receiver, order_log, gauge: Arc::clone(&gauge) };
        (Self { sender, gauge }, Observations(Arc::new(Mutex::new(queue))))
    }

    /// Tells, or counts what could not be told.
    pub fn tell(&self, observation: Observation) {
        if self.sender.try_send(observation).is_ok() {
            self.gauge.count_sent();
        } else {
            self.gauge.count_refused();
        }
    }

    /// The counters of the queue: what was refused, the onlooker missed.
    #[must_use]
    pub const fn gauge(&self) -> &Arc<Gauge> {
        &self.gauge
    }
}

struct Queue {
    receiver: mpsc::Receiver<Observation>,
    order_log: OrderLog,
    gauge: Arc<Gauge>,
}

/// The receiving side. What leaves the queue has its log line: so whoever ends the process, on
/// whatever thread, can write the lines of what is still queued.
#[derive(Clone)]
pub struct Observations(Arc<Mutex<Queue>>);

impl std::fmt::Debug for Observations {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Observations").finish_non_exhaustive()
    }
}

impl Observations {
    /// Takes all that is queued now, and writes the lines of those about orders.
    pub fn take_rest(&self) -> Vec<Observation> {
        self.lock().take_rest()
    }

    /// Writes the lines of what is queued now, for a process that ends without a shutdown. Never
    /// waits for long: false if whoever holds the queue does not let go of it.
    #[must_use]
    pub fn write_lines(&self, limit: Duration) -> bool {
        let began = Instant::now();
        loop {
            match self.0.try_lock() {
                Ok(mut queue) => {
                    queue.take_rest();
                    return true;
                }
                // A panic while a line was written: the lines after it are still good.
                Err(TryLockError::Poisoned(queue)) => {
                    queue.into_inner().take_rest();
                    return true;
                }
                Err(TryLockError::WouldBlock) if began.elapsed() >= limit => return false,
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn take_rest(&mut self) -> Vec<Observation> {
        let mut rest = Vec::new();
        while let Ok(observation) = self.receiver.try_recv() {
            self.log(&observation);
            rest.push(observation);
        }
        rest
    }

    fn log(&mut self, observation: &Observation) {
        self.gauge.count_handled();
        match observation {
            Observation::Approved { strategy, order, new, correlation, .. } => {
                self.order_log.approved(*strategy, *order, new, *correlation);
            }
            Observation::Order { strategy, event, fee_in_quote } => {
                self.order_log.event(*strategy, event, *fee_in_quote);
            }
            Observation::Equity { .. }
            | Observation::TradeClosed(_)
            | Observation::StateChanged { .. }
            | Observation::Alert(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{InstanceId, Instruments};

    use super::*;

    fn channel(bound: usize) -> (Observer, Observations) {
        let instance = InstanceId::new("4f9k2a").unwrap();
        let order_log = OrderLog::new(instance, Arc::new(Instruments::new()), Arc::from([]));
        Observer::with_bound(order_log, bound)
    }

    fn sample(number: i64) -> Observation {
        let (equity, at) = (Amount::ZERO, Timestamp::from_secs(number));
        Observation::Equity { strategy: None, equity, at }
    }

    fn instants(observations: &[Observation]) -> Vec<i64> {
        let instant = |observation: &Observation| {
            let Observation::Equity { at, .. } = observation else {
                panic!("{observation:?} was not told")
            };
            at.as_nanos() / 1_000_000_000
        };
        observations.iter().map(instant).collect()
    }

    #[test]
    fn past_the_bound_observations_are_dropped_and_counted() {
        let (observer, observations) = channel(4);
        (1..=6).for_each(|number| observer.tell(sample(number)));
        let reading = observer.gauge().read();
        assert_eq!((reading.bound, reading.depth, reading.sent, reading.refused), (4, 4, 4, 2));
        let mut taken = observations.take_rest();
        observer.tell(sample(7));
        taken.extend(observations.take_rest());
        assert_eq!(instants(&taken), [1, 2, 3, 4, 7]);
        assert_eq!((observer.gauge().depth(), observer.gauge().refused()), (0, 2));
    }

    #[test]
    fn lines_are_written_from_any_thread_unless_the_queue_is_held() {
        let (observer, observations) = channel(4);
        observer.tell(sample(1));
        let held = observations.lock();
        let of_another = observations.clone();
        let other = std::thread::spawn(move || of_another.write_lines(Duration::from_millis(20)));
        assert!(!other.join().unwrap());
        drop(held);
        let of_another = observations.clone();
        let other = std::thread::spawn(move || of_another.write_lines(Duration::from_secs(10)));
        assert!(other.join().unwrap());
        assert_eq!(observer.gauge().depth(), 0);
    }
}
