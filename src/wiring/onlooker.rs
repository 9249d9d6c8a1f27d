//! The onlooker: takes what the engine tells, with which the log lines of orders are written,
//! keeps the latest orders and fills for the API, everything for a report if one is wanted, and
//! sends alerts. It has a thread of its own, which nobody wakes: it looks a hundred times a second,
//! so that an order pays for a place in a queue and for nothing else.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actors::api::Recent;
use actors::observe::{Alert, Observation};
use model::{
    Amount, ClientOrderId, Fill, NewOrder, OrderEvent, OrderEventKind, OrderId, StrategyId,
    Timestamp,
};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio::task::LocalSet;
use tokio::time::Instant;

use super::alert::{AlertSender, Alerter, state_alert};
use super::assemble::Observed;

/// How often it looks; a log line of an order is at most so late.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// What the API shows is at most so old.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);
/// How many orders and fills the API shows.
const RECENT_BOUND: usize = 500;

/// Everything that happened to orders, for a report. Grows with the run: for runs with an end.
#[derive(Debug, Default)]
pub struct RunRecord {
    /// Approved orders with their names on the wire.
    pub orders: BTreeMap<OrderId, (StrategyId, ClientOrderId, NewOrder)>,
    /// Order events, in order, with what fees in third assets were worth.
    pub events: Vec<(StrategyId, OrderEvent, Amount)>,
    /// Equity samples.
    pub equity: Vec<(Option<StrategyId>, Timestamp, Amount)>,
}

impl RunRecord {
    /// The fills, in order.
    pub fn fills(&self) -> impl Iterator<Item = (StrategyId, &Fill)> {
        self.events.iter().filter_map(|(strategy, event, _)| match &event.kind {
            OrderEventKind::Filled { fill, .. } => Some((*strategy, fill)),
            OrderEventKind::Denied { .. }
            | OrderEventKind::Submitted { .. }
            | OrderEventKind::Accepted { .. }
            | OrderEventKind::Triggered
            | OrderEventKind::Completed
            | OrderEventKind::Canceled { .. }
            | OrderEventKind::Expired { .. }
            | OrderEventKind::Rejected { .. }
            | OrderEventKind::CancelRejected { .. }
            | OrderEventKind::OutcomeUnknown { .. }
            | OrderEventKind::Absent { .. } => None,
        })
    }
}

/// Its thread.
pub struct OnlookerThread {
    stop: oneshot::Sender<()>,
    record: oneshot::Receiver<Option<RunRecord>>,
}

impl OnlookerThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread or no timer.
    pub fn start(onlooker: Onlooker) -> std::io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (give, record) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("onlooker".to_owned()).spawn(move || {
            let kept = LocalSet::new().block_on(&runtime, onlooker.run(stopped));
            // Whoever does not wait does not want it.
            let _ = give.send(kept);
        })?;
        Ok(Self { stop, record })
    }

    /// Takes what was told until now, waits for alerts that are under way, ends the thread and
    /// returns what it kept; nothing if it panicked.
    pub async fn finish(self) -> Option<RunRecord> {
        // A thread that panicked hears nothing.
        let _ = self.stop.send(());
        self.record.await.ok().flatten()
    }
}

/// What the thread does.
pub struct Onlooker {
    observed: Observed,
    orders: VecDeque<(OrderId, Value)>,
    fills: VecDeque<Value>,
    publish: watch::Sender<Arc<Recent>>,
    alerter: Option<Alerter>,
    sender: AlertSender,
    record: Option<RunRecord>,
}

impl Onlooker {
    /// A listener. With `keeps_record` it remembers everything.
    #[must_use]
    pub fn new(
        observed: Observed,
        alerter: Option<Alerter>,
        sender: AlertSender,
        keeps_record: bool,
    ) -> (Self, watch::Receiver<Arc<Recent>>) {
        let (publish, recent) = watch::channel(Arc::new(Recent::default()));
        let onlooker = Self {
            observed,
            orders: VecDeque::new(),
            fills: VecDeque::new(),
            publish,
            alerter,
            sender,
            record: keeps_record.then(RunRecord::default),
        };
        (onlooker, recent)
    }

    /// Looks until it is told to stop, or nobody is left to tell it; then it takes the rest.
    async fn run(mut self, mut stop: oneshot::Receiver<()>) -> Option<RunRecord> {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut published_at, mut is_news) = (Instant::now(), false);
        loop {
            let is_last = tokio::select! {
                biased;
                _ = &mut stop => true,
                _ = looks.tick() => false,
            };
            for observation in self.observed.observations.take_rest() {
                self.take(observation);
                is_news = true;
            }
            if is_news && self.is_published() && published_at.elapsed() >= PUBLISH_EVERY {
                self.publish();
                (published_at, is_news) = (Instant::now(), false);
            }
            if is_last {
                if let Some(alerter) = &self.alerter {
                    alerter.settle().await;
                }
                return self.record;
            }
        }
    }

    /// Whether somebody wants the latest orders and fills.
    fn is_published(&self) -> bool {
        self.publish.receiver_count() > 0
    }

    fn publish(&self) {
        let recent = Recent {
            orders: self.orders.iter().map(|(_, order)| order.clone()).collect(),
            fills: self.fills.iter().cloned().collect(),
        };
        self.publish.send_replace(Arc::new(recent));
    }

    fn strategy(&self, id: StrategyId) -> &str {
        self.observed.strategies.get(usize::from(id.0)).map_or("?", String::as_str)
    }

    fn take(&mut self, observation: Observation) {
        match observation {
            Observation::Approved { strategy, order, new, at, .. } => {
                let client_order_id = order.to_client_order_id(self.observed.instance, new.role);
                if self.is_published() {
                    self.show_order(strategy, client_order_id, order, &new, at);
                }
                if let Some(record) = &mut self.record {
                    record.orders.insert(order, (strategy, client_order_id, new));
                }
            }
            Observation::Order { strategy, event, fee_in_quote } => {
                if self.is_published() {
                    self.show_event(strategy, &event);
                }
                if let Some(record) = &mut self.record {
                    record.events.push((strategy, event, fee_in_quote));
                }
            }
            Observation::Equity { strategy, equity, at } => {
                if let Some(record) = &mut self.record {
                    record.equity.push((strategy, at, equity));
                }
            }
            Observation::TradeClosed(_) => {}
            Observation::StateChanged { to, reason } => {
                self.sender.set_trading_state(to);
                self.alert(&state_alert(to, reason));
            }
            Observation::Alert(alert) => self.alert(&alert),
        }
    }

    fn alert(&self, alert: &Alert) {
        if let Some(alerter) = &self.alerter {
            alerter.send(alert);
        }
    }

    fn show_order(
        &mut self,
        strategy: StrategyId,
        client_order_id: ClientOrderId,
        order: OrderId,
        new: &NewOrder,
        at: Timestamp,
    ) {
        let shown = json!({
            "order_id": client_order_id,
            "strategy": self.strategy(strategy),
            "symbol": self.observed.instruments.get(new.instrument).symbol,
            "side": new.side.name(),
            "kind": new.kind,
            "quantity": new.quantity,
            "approved_at": at.to_string(),
            "status": "intended",
            "filled_quantity": "0",
        });
        self.orders.push_front((order, shown));
        self.orders.truncate(RECENT_BOUND);
    }

    fn show_event(&mut self, strategy: StrategyId, event: &OrderEvent) {
        let found = self.orders.iter_mut().find(|(order, _)| *order == event.order);
        if let Some((_, shown)) = found {
            if let Some(status) = status_after(&event.kind) {
                shown["status"] = json!(status);
            }
            if let OrderEventKind::Filled { cumulative_quantity, .. } = &event.kind {
                shown["filled_quantity"] = json!(cumulative_quantity);
            }
        }
        if let OrderEventKind::Filled { fill, .. } = &event.kind {
            let shown = json!({
                "strategy": self.strategy(strategy),
                "symbol": self.observed.instruments.get(event.instrument).symbol,
                "side": fill.side.name(),
                "price": fill.price,
                "quantity": fill.quantity,
                "fee": fill.fee,
                "fee_asset": fill.fee_asset,
                "liquidity": fill.liquidity,
                "trade_id": fill.key.trade,
                "at": fill.event_at.to_string(),
            });
            self.fills.push_front(shown);
            self.fills.truncate(RECENT_BOUND);
        }
    }
}

/// The state that an event leaves an order in, if it says one.
const fn status_after(kind: &OrderEventKind) -> Option<&'static str> {
    match kind {
        OrderEventKind::Denied { .. } => Some("denied"),
        OrderEventKind::Submitted { .. } => Some("submitted"),
        OrderEventKind::Accepted { .. } => Some("accepted"),
        OrderEventKind::Filled { complete: true, .. } | OrderEventKind::Completed => Some("filled"),
        OrderEventKind::Filled { complete: false, .. } => Some("partially_filled"),
        OrderEventKind::Canceled { .. } => Some("canceled"),
        OrderEventKind::Expired { .. } => Some("expired"),
        OrderEventKind::Rejected { .. } => Some("rejected"),
        OrderEventKind::OutcomeUnknown { .. } => Some("unknown"),
        OrderEventKind::Absent { .. } => Some("absent"),
        OrderEventKind::Triggered | OrderEventKind::CancelRejected { .. } => None,
    }
}
